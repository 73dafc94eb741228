//! Stories of one box in its fleet: the session core against a broker, a disk and a clock that the tests move.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod commands;
mod configuration;
mod connection;
mod events;
mod hostile;
mod notices;
mod reports;
mod stop;
mod storm;
mod witness;
mod year;
