//! The inside of a session-initiate: the frame round it is always right, so that the fuzzer spends its time on the offer.
#![no_main]

#[path = "../../tests/parsers/mod.rs"]
mod parsers;

libfuzzer_sys::fuzz_target!(|inside: &str| {
    parsers::stanza(&format!(
        "<iq xmlns='jabber:client' type='set' from='room@muc.meet.example/focus' id='1'>\
         <jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'>{inside}</jingle></iq>"
    ));
});
