//! The media worker.
fn main() {}
