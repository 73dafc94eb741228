//! Who may say what on the broker (`specs/fleet-mqtt.md §1`, ACL).
//!
//! [`rules`] is the table, one for each kind of user. [`mosquitto`], [`emqx`] and [`generic`] write it down as brokers want it.
//! A user's name is the common name of its certificate; no password exists.

pub mod emqx;
pub mod generic;
pub mod mosquitto;
pub mod rules;

pub use rules::{Act, Rule, User};
