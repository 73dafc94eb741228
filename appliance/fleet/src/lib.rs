//! The fleet of room boxes over MQTT.
//!
//! [`contract`] is what box and server say to each other, version 1 (`specs/fleet-mqtt.md §1`): topics with their rules, one
//! type for each document, and the limits that hold before anything is read. Both sides use it. [`session`] is the box side:
//! a pure core that connects, reports, obeys and remembers. [`link`] is one connection to a broker; [`agent`] joins both with
//! [`store`] and clock. [`enrolment`] is how a box gets its certificate, [`trust`] who it is and whom it believes,
//! [`update`] how it reaches another release.

mod aside;

pub mod agent;
pub mod contract;
pub mod enrolment;
pub mod link;
pub mod session;
pub mod store;
pub mod trust;
pub mod update;

pub use aside::aside;
