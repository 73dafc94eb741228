//! Releases go out in waves that stop by themselves (`specs/fleet-mqtt.md §1`, 6/7).
//!
//! | file | what stands in it |
//! |---|---|
//! | `image` | the release to reach |
//! | `policy` | waves, soak, and the numbers of the stop rule |
//! | `document` | a rollout as it stands in the registry |
//! | `member` | a box of it |
//! | `engine` | the pure core: `input` is what boxes say, `output` documents for boxes |
//! | `choice` | who is next |
//! | `habit` | the usual hours of a box |
//! | `verdict` | when it stops, and why |
//! | `statistics` | how surprising a count is |
//! | `archive` | the registry, the seat of the one who conducts |
//! | `conductor` | the engine between broker and registry |
//! | `zone` | time zones of rooms |

pub mod archive;
mod choice;
pub mod conductor;
mod document;
mod engine;
pub mod habit;
mod image;
mod input;
mod member;
mod output;
mod policy;
pub mod statistics;
mod verdict;
pub mod zone;

pub use document::{Harmed, Rollout, State, Summary};
pub use engine::Engine;
pub use image::{Image, ImageError};
pub use input::Input;
pub use member::{Harm, Member, Order, Stage, Trouble};
pub use output::{Note, Output};
pub use policy::{Policy, Rule, Wave};
pub use verdict::{Reason, judge};
