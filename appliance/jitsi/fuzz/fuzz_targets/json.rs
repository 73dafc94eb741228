//! The JSON inside stanzas: SourceInfo, room messages, sources, relays.
#![no_main]

#[path = "../../tests/parsers/mod.rs"]
mod parsers;

libfuzzer_sys::fuzz_target!(|text: &str| parsers::json_inside(text));
