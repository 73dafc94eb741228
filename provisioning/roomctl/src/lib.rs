//! What IT types, as a library: `src/main.rs` is the program.
//!
//! | file | what stands in it |
//! |---|---|
//! | `console` | the broker as an administrator sees it |
//! | `author` | stamps and signatures |
//! | `plan` | a folder of YAML, inheritance resolved |
//! | `apply` | from a plan to the broker |
//! | `order` | a command and its answer |
//!
//! It keeps no state of its own: what is true stands on the broker.

pub mod apply;
pub mod author;
pub mod console;
pub mod order;
pub mod plan;
