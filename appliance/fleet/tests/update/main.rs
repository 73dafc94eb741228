//! Stories of one box that is to reach another release: the update core against a disk, a room and a clock that the tests move.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod documents;
mod failures;
mod hours;
mod life;
mod picture;
mod power;
mod reboot;
mod rollback;
mod trial;
mod withdrawal;
mod witness;
