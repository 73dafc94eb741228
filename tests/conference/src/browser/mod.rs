//! A real web client in the conference: `lib-jitsi-meet` in headless Chromium, on a page of ours.
//!
//! The page (`tests/conference/browser`) paints a counted code as its camera and hums a tone as its microphone, reads the
//! counter that the box's simulated camera paints, listens for its tone, and reports all of it to the front.

pub mod bundle;
mod chromium;
mod desk;
pub mod frame_code;
pub(crate) mod page;

use std::time::{Duration, Instant};

pub use bundle::{Bundle, Unavailable};
pub use desk::{BrowserReport, Seen, Stage};

use crate::Conference;
use crate::error::Result;
use crate::focus::sources::Media;
use chromium::Chromium;
pub(crate) use desk::Desk;

/// The tone that the page hums, Hz.
pub const TONE_HZ: f64 = 660.0;

/// A browser in a room. It ends when dropped; [`Browser::leave`] leaves the room first.
pub struct Browser {
    chromium: Chromium,
    desk: Desk,
}

impl Conference {
    /// Starts a browser that joins `room`; it reports from its first moment on.
    ///
    /// # Errors
    /// When Chromium cannot be started.
    pub fn open_browser(&self, bundle: &Bundle, room: &str, name: &str) -> Result<Browser> {
        self.front.desk.open(bundle.clone());
        let url = format!("http://{}/browser/room.html?room={room}&name={name}", self.address());
        Ok(Browser {
            chromium: Chromium::start(&url)?,
            desk: self.front.desk.clone(),
        })
    }
}

impl Browser {
    /// What it said last; empty before its first word.
    pub fn report(&self) -> BrowserReport {
        self.desk.report()
    }

    /// Switches its microphone or camera off or on.
    pub fn mute(&self, media: Media, muted: bool) {
        let word = if muted { "mute" } else { "unmute" };
        self.desk.tell(format!("{word} {}", media.word()));
    }

    /// Leaves the room as a person does by the button. Whether it was out within `bound`.
    pub fn leave(&self, bound: Duration) -> bool {
        self.desk.tell("leave".into());
        let end = Instant::now() + bound;
        while self.report().stage != Stage::Left {
            if Instant::now() > end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// What Chromium wrote, for a failed test.
    pub fn words(&self) -> String {
        self.chromium.words()
    }
}
