//! The whole box against a conference in a box: real Prosody, focus and bridge stand-ins that fail a client which breaks a
//! rule. One file per chapter, one test per story. They run one after the other (`--test-threads=1`): each starts a
//! conference and a box of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod browser;
mod closed_network;
mod conduct;
mod crowd;
mod day_one;
mod desk;
mod devices;
mod distance;
mod door;
mod encoder;
mod first_day;
mod fleet;
mod focus;
mod forgotten;
mod ghosts;
mod hardened;
mod hostile;
mod joining;
mod laboratory;
mod lobby;
mod logs;
mod loss;
mod moderation;
mod network;
mod plugs;
mod refused;
mod repetition;
mod root;
mod secrets;
mod signalling;
mod stage;
mod survival;
mod update;
mod upload;
