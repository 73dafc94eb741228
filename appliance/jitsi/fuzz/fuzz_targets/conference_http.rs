//! The focus's answers to a conference request by HTTP.
#![no_main]

#[path = "../../tests/parsers/mod.rs"]
mod parsers;

libfuzzer_sys::fuzz_target!(|answer: (u16, &str)| {
    parsers::conference_by_http(answer.0, answer.1);
});
