//! Cameras, microphones, loudspeakers and screens: what there is, what it is called, and which one to take.
//!
//! The one rule: nothing here opens a device but [`controls::Keeper`] and [`mixer::Keeper`], beside the worker that has opened
//! it. The kernel's and udev's own descriptions are read (`specs/camera.md §2`), so that asking what there is never lights a
//! camera.
//!
//! | file | what stands in it |
//! |---|---|
//! | [`inventory`] | what was found, in words and in JSON |
//! | [`hardware`], [`simulated`] | the two twins of [`Discovery`] |
//! | [`entry`] | one device as udev describes it, and the pure functions from there to the inventory |
//! | [`controls`] | what a camera is set to while it is open, and its shutter |
//! | [`mixer`] | what a sound card is set to while it is open, its switch and its sockets |
//! | `jack` | sockets that know whether something is plugged in |
//! | [`v4l2`] | the requests for that; the one file with `unsafe` |
//! | [`choice`] | which devices to take, by wishes and where nobody chose |
//! | [`tracker`] | which devices can be relied on while things are plugged and pulled; pure |
//! | [`monitor`] | the tracker with a clock, beside udev or a folder |
//! | `watcher` | the thread of both |
//! | [`wish`] | `--camera`, `--microphone`, `--loudspeaker`, `--display` |

pub mod choice;
pub mod controls;
pub mod entry;
pub mod hardware;
pub mod inventory;
mod jack;
pub mod mixer;
pub mod monitor;
pub mod simulated;
pub mod tracker;
pub mod v4l2;
mod watcher;
pub mod wish;

pub use hardware::Hardware;
pub use inventory::{Camera, Codec, Display, Inventory, Microphone, Problem, Speaker};
pub use monitor::{Bus, Monitor};
pub use simulated::Simulated;
pub use tracker::{Kind, View};
pub use wish::{CameraWish, DisplayWish, LoudspeakerWish, MicrophoneWish, WishError};

/// Finds the devices of the machine. A machine without any gives an empty inventory, not an error.
pub trait Discovery {
    /// What there is now.
    fn inventory(&self) -> Inventory;
}
