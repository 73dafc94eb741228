//! The media worker: capture, encoders, the WebRTC leg, the wall, playback. Alone in the product knows GStreamer.
//!
//! `roomd` sends the wanted state as a whole; the [`owner`](crate::worker) thread brings the world to it and reports
//! facts. GStreamer's own threads only post messages to that thread. Every device has its own pipeline on one common clock
//! ([`clock`]), joined by references to buffers that never wait: no stall of one leg holds up another, and closing a device
//! really closes its descriptor.

mod attached;
pub mod capture;
pub mod certificate;
pub mod clock;
mod display;
pub mod elements;
pub mod encoding;
mod fault;
mod ice;
mod loudspeaker;
mod mailbox;
mod output;
mod owner;
mod pipeline;
pub mod process;
mod sdp;
mod self_test;
mod session;
mod task;
mod tunnel;
mod underruns;
pub mod wall;
pub mod worker;

pub use worker::{Worker, WorkerError, run};
