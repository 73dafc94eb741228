//! What the box says it can do (XEP-0030, XEP-0115), and what the server says it has: components, region, TURN servers
//! (`specs/jitsi-client.md §1`, `§3`).

mod components;
mod own;
mod relays;
mod server;

pub use components::{Component, Components};
pub use own::{NODE, OwnFeatures};
pub use relays::{ice_servers, ice_servers_from_json, services_query};
pub use server::{Pushed, ServerInfo, disco_info_query, pushed};
