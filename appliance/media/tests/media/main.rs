//! The media worker against a second webrtcbin in the same process: real encoders, ICE, DTLS and SRTP over loopback, no
//! device.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bridge;
mod cost;
mod lifecycle;
mod process;
mod receiving;
mod rig;
mod sending;
mod trials;
