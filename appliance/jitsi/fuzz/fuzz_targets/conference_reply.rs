//! The inside of the focus's answers to a conference request, result and error.
#![no_main]

#[path = "../../tests/parsers/mod.rs"]
mod parsers;

libfuzzer_sys::fuzz_target!(|inside: &str| {
    for kind in ["result", "error"] {
        parsers::stanza(&format!(
            "<iq xmlns='jabber:client' type='{kind}' from='focus.meet.example' id='1'>{inside}</iq>"
        ));
    }
});
