//! Takes boxes into the fleet.
//!
//! [`registry`] knows whose a box is and where it stands: in SQLite, or in PostgreSQL by a URL. [`claims`] reads lists of
//! serial numbers. [`service`] answers boxes, as a function from request to answer; [`driver`] joins it with the broker, as
//! [`settings`] say. [`folder`] is what `roomctl init` leaves for it.

pub mod claims;
pub mod driver;
pub mod folder;
pub mod registry;
pub mod service;
pub mod settings;
