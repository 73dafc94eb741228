//! MQTT 5 to the broker, one [`Link`] for each connection: TLS 1.3 with both certificates, then `rumqttc` at the other end of a
//! local socket of our own.
//!
//! `rumqttc` speaks the protocol and nothing else. Its known traps (`specs/fleet-mqtt.md §3`) are answered like this:
//!
//! | Trap | Answer |
//! |---|---|
//! | freezes when its poller waits for a full channel | it is polled alone in its task (`connection.rs`); requests are tried, never awaited |
//! | a poll that is dropped may lose what it wrote | a poll is never dropped before its connection is |
//! | dials again at once | its event loop lives for one connection; when to dial is up to whoever holds the link |
//! | keeps or clears what is unacknowledged as it likes | the same: nothing outlives a connection here, the outbox is the caller's |
//! | flush knows no time-out | what it writes passes our pipe, which does (`pipe.rs`), like silence, and `TCP_USER_TIMEOUT` |
//! | a publication and its acknowledgement are not linked | they are by `window.rs`, which also bounds what is on its way |
//! | acknowledges what nobody has stored yet | we acknowledge, when the caller says so |
//! | 10 KiB limit, clean start, 13 MB of tables | every option is set (`options.rs`) |
//! | panics | end this connection, as any other fault of it |

mod connection;
mod endpoint;
mod options;
mod pipe;
mod reason;
mod server;
mod socket;
mod tls;
mod window;
mod words;

pub use connection::{Link, Orders, QueueFull};
pub use endpoint::{Endpoint, NoEndpoint};
pub use reason::Reason;
pub use tls::{ContextError, Identity, Trust, context};
pub use words::{
    Limits, News, Opening, Publication, Receipt, Received, Refused, Session, Subscription, Target, Token, Will,
};
