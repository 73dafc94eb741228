//! How the box reaches hosts outside: through an HTTP proxy where there is one, with the certificate authorities that it
//! trusts. Signalling and media share it.

mod connect;
mod dial;
mod settings;

pub use connect::ask as ask_proxy;
pub use dial::{DialError, Stream, connector, dial, open_tls};
pub use settings::{
    SettingsError, ca_from_file, from_environment, parse_proxy, proxy_address, proxy_for, split_no_proxy,
};
