//! Frames of a whole stream, one a line, through negotiation and beyond; with an account, and resuming an old stream, too.
#![no_main]

use jitsi::stream::{Account, Stream, Suspended};
use std::time::Instant;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let now = Instant::now();
    let domain = || "meet.example".to_owned();
    let account = Account {
        user: "salle4".into(),
        password: "secret".into(),
    };
    let mut stream = match text.len() % 4 {
        0 => Stream::open(domain(), true, now),
        1 => Stream::open(domain(), false, now).with_account(Some(account)),
        2 => Stream::resume(domain(), false, Suspended::left_behind("old1", 3, now), now),
        _ => Stream::open(domain(), false, now),
    };
    for frame in text.lines() {
        stream.receive(frame, now);
        stream.take_frames();
    }
    if let Some(old) = stream.suspend(now) {
        let mut stream = Stream::resume(domain(), false, old, now);
        for frame in text.lines() {
            stream.receive(frame, now);
        }
    }
});
