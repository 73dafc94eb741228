//! A network that lets little out: a network namespace for the box, and what stands at its border. Everything is made by
//! the test and removed with these values; it needs root.

mod authority;
mod namespace;
mod proxy;
mod relay;
mod services;

pub use authority::Authority;
pub use namespace::{Namespace, missing};
pub use proxy::{Answer, Proxy};
pub use relay::TurnServer;
pub use services::{Services, secure_front};
