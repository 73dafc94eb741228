//! A fleet in a box.
//!
//! | file | what stands in it |
//! |---|---|
//! | `authority` | certificates, made here |
//! | `broker` | Debian's Mosquitto as `provisioning/access` configures it |
//! | `impostor` | a broker with a certificate of ours that says whatever it is told |
//! | `line` | TCP between both that can be cut, frozen and counted |
//! | `client` | a [`fleet::link::Link`] that is waited for |

pub mod authority;
pub mod broker;
pub mod client;
pub mod impostor;
pub mod line;

/// What goes wrong in a test bench: a sentence.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
