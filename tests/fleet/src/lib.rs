//! A fleet in a box.
//!
//! | file | what stands in it |
//! |---|---|
//! | `administrator` | one box and who administers it, the broker between both |
//! | `authority` | certificates, made here |
//! | `broker` | Debian's Mosquitto as `provisioning/access` configures it |
//! | `claim` | what one test has and no other |
//! | `figures` | what `cargo lab fleet --report` writes |
//! | `impostor` | a broker with a certificate of ours that says whatever it is told |
//! | `installer` | the update of a simulated box: the core of the real one, and nothing that takes time |
//! | `ledger` | what simulated boxes and their broker owe each other |
//! | `line` | TCP between both that can be cut, frozen and counted |
//! | `measure` | a fleet is measured |
//! | `office` | signing keys, boxes' certificates, an administrator's console |
//! | `progress` | how far something is |
//! | `room_box` | one real `roomd` |
//! | `rooms` | simulated boxes: the session, the agent and the link of the real one |
//! | `running` | broker, service, boxes and a consumer together |
//! | `software_tpm` | a TPM 2.0 in software |
//! | `try_it` | what to type in front of a fleet that runs |
//! | `workshop` | boxes as their maker delivers them, and their way through the enrolment service |
//! | `client` | a [`fleet::link::Link`] that is waited for |

pub mod administrator;
pub mod authority;
pub mod broker;
pub mod claim;
pub mod client;
pub mod figures;
pub mod impostor;
pub mod installer;
pub mod ledger;
pub mod line;
pub mod measure;
pub mod office;
pub mod progress;
pub mod room_box;
pub mod rooms;
pub mod running;
pub mod software_tpm;
pub mod try_it;
pub mod workshop;

/// What goes wrong in a test bench: a sentence.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
