//! What IT types, as a library: `src/main.rs` is the program.
//!
//! | file | what stands in it |
//! |---|---|
//! | `office` | what an administrator has at hand |
//! | `init` | a new fleet: keys, signers, who may say what |
//! | `claim` | boxes become somebody's, and take over rooms |
//! | `forget` | a person's name goes from what the broker keeps |
//! | `console` | the broker as an administrator sees it |
//! | `author` | stamps and signatures |
//! | `plan` | a folder of YAML, inheritance resolved |
//! | `secrets` | values for one box alone, sealed |
//! | `apply` | from a plan to the broker |
//! | `order` | a command and its answer |
//! | `logs` | the log of a box |
//! | `root` | one root follows another |
//! | `rollout` | releases in waves that stop by themselves |
//! | `notice` | messages on walls |
//! | `view` | what the broker keeps of each box |
//! | `doctor` | why a room is not well |
//! | `words` | the sentences, in English and French |
//!
//! It keeps no state of its own: what is true stands on the broker.

pub mod apply;
pub mod author;
pub mod claim;
pub mod console;
pub mod doctor;
pub mod forget;
pub mod init;
pub mod logs;
pub mod notice;
pub mod office;
pub mod order;
pub mod plan;
pub mod rollout;
pub mod root;
pub mod secrets;
pub mod view;
pub mod words;
