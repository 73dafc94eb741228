//! An address as people type it.
#![no_main]

use jitsi::url::{MAX_ROOM_BYTES, RoomUrl};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(url) = RoomUrl::parse(text) {
        assert!(!url.room.is_empty() && url.room.len() <= MAX_ROOM_BYTES);
        assert!(
            url.room
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b'@')
        );
        assert!(url.config_url().contains(&url.authority()));
    }
});
