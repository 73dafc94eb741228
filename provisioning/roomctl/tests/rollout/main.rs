//! Rollouts over a simulated fleet: every box runs the real update machine, the engine hears what the broker would tell it.
//!
//! One run is one seed; `HEMICYCLE_SEED=17` runs that one alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod happening;
mod room;
mod stories;
mod world;
