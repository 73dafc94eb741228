//! Frames of a whole stream, one a line, through negotiation and beyond.
#![no_main]

use jitsi::stream::Stream;
use std::time::Instant;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let now = Instant::now();
    let mut stream = Stream::open("meet.example".into(), text.len() % 2 == 0, now);
    for frame in text.lines() {
        stream.receive(frame, now);
        stream.take_frames();
    }
});
