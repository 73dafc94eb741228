//! The box as a black box: starts `roomd` as a person or a unit would, and looks at it from outside only (its report,
//! its exit code, its processes, its wall).

pub mod closed_network;
pub mod files;
pub mod machine;
pub mod processes;
mod room_box;

pub use room_box::{Devices, Join, Place, RoomBox, program, send, wait_for};
