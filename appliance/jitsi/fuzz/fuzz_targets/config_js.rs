//! A deployment's configuration file.
#![no_main]

use jitsi::config_js::Deployment;
use jitsi::url::RoomUrl;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for url in ["https://meet.example/tenant/room", "http://localhost/room"] {
        if let Ok(url) = RoomUrl::parse(url) {
            let deployment = Deployment::read(text, &url);
            assert!(deployment.websocket.starts_with("wss://") || !url.secure);
        }
    }
});
