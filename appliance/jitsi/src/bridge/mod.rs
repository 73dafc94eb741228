//! The messages of the bridge channel, as JSON texts (`specs/jitsi-client.md §6`). The bridge drops a whole message for
//! one unknown field, and what it sends is read within limits.

mod constraints;
mod incoming;
mod outgoing;

pub use constraints::{MaxHeight, ReceiverConstraints};
pub use incoming::{Incoming, IncomingError, MAX_MESSAGE_BYTES, SourceMapping};
pub use outgoing::{Bitrate, EndpointStatistics, Outgoing, PacketLoss, SourceVideoType};
