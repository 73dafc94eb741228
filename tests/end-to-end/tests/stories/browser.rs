//! A real web client in the meeting: lib-jitsi-meet in headless Chromium. It paints a counted code and hums a tone; so does
//! the box with its simulated devices. Each must see and hear the other.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conference::browser::{Browser, Bundle, Seen, Stage as BrowserStage, TONE_HZ, frame_code::Picture};
use conference::far_side::sound::amplitude;
use conference::{Conference, Media, Options};
use end_to_end::{Devices, RoomBox, wait_for};

use crate::stage::{ROOM, Stage, conference, options};

/// A browser paints and encodes by the processor alone; on a busy machine it shows one picture every two seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// The tone of the simulated microphone.
const BOX_TONE_HZ: f64 = 440.0;
/// Pictures that the simulated camera counts in a second.
const BOX_RATE: u64 = 30;
/// Bytes of half a second in the loudspeaker's recording: 48 kHz, two channels, 16 bit.
const HALF_A_SECOND: usize = 96_000;
/// Left end of the name under the large picture, where the mark of a muted microphone stands: width and height.
const MARK: (usize, usize) = (36, 32);

/// A meeting of one browser and one box, and what the box plays.
struct Meeting {
    stage: Stage,
    browser: Browser,
    folder: tempfile::TempDir,
}

#[test]
fn a_web_browser_and_the_box_see_and_hear_each_other() {
    let Some(meeting) = Meeting::begin() else { return };
    meeting.wait("the browser sees the box's picture as it is now", |m| {
        let now = conference::clock::monotonic_ns() / 1_000_000 * BOX_RATE / 1000 % 1_000_000;
        let late = m
            .of_box()
            .counter
            .map(|counter| (now + 1_000_000 - counter) % 1_000_000);
        late.is_some_and(|late| late < 3 * BOX_RATE)
    });
    let first = meeting.of_box().counter;
    meeting.wait("the counter goes on", |m| {
        m.of_box().counter > first.map(|c| c + BOX_RATE)
    });
    meeting.wait("the browser hears the box", |m| m.of_box().heard(BOX_TONE_HZ) >= 3);
    meeting.wait("the box plays the browser's tone", |m| m.played() > 0.1);
    meeting.wall_goes_on();
    assert_eq!(meeting.of_box().name, "Salle 4");
    meeting.end();
}

#[test]
fn what_a_web_browser_switches_off_is_off_on_the_wall_and_the_other_way_round() {
    let Some(meeting) = Meeting::begin() else { return };
    meeting.wall_goes_on();
    meeting.wait("the box plays the browser's tone", |m| m.played() > 0.1);
    let read = std::cell::Cell::new(None);
    meeting.wait("the wall can be read", |m| {
        read.set(m.mark());
        read.get().is_some()
    });
    let open = read.get().expect("a wall");
    let marked = |meeting: &Meeting| meeting.mark().map(|mark| mark > open + 20.0);

    meeting.browser.mute(Media::Audio, true);
    meeting.wait("the wall shows a crossed-out microphone", |m| marked(m) == Some(true));
    meeting.wait("the loudspeaker is silent", |m| m.played() < 0.001);
    meeting.browser.mute(Media::Audio, false);
    meeting.wait("the mark is gone", |m| marked(m) == Some(false));
    meeting.wait("the tone is back", |m| m.played() > 0.1);

    meeting.browser.mute(Media::Video, true);
    meeting.wait("no picture is on the wall", |m| {
        m.stage.room_box.state("/pictures") == 0
    });
    meeting.wait("the code is gone", |m| {
        m.wall().is_some_and(|wall| wall.find().is_none())
    });
    meeting.browser.mute(Media::Video, false);
    meeting.wall_goes_on();

    meeting.stage.tell(r#"{"command":"microphone","on":false}"#);
    meeting.wait("the browser knows that the box is muted", |m| m.of_box().audio_muted);
    meeting.wait("the browser hears nothing", |m| {
        m.of_box().tones.iter().all(Option::is_none)
    });
    meeting.stage.tell(r#"{"command":"camera","on":false}"#);
    meeting.wait("the browser knows that the camera is off", |m| m.of_box().video_muted);
    let last = meeting.of_box().counter;
    meeting.stage.tell(r#"{"command":"camera","on":true}"#);
    meeting.wait("the browser sees the box again", |m| {
        m.of_box().counter > last && !m.of_box().video_muted
    });
    meeting.end();
}

impl Meeting {
    /// The browser is in, then the box comes. None where there can be no browser.
    fn begin() -> Option<Self> {
        let bundle = bundle()?;
        let conference = conference(Options { peers: 0, ..options() });
        let browser = conference
            .open_browser(&bundle, ROOM, "Navigateur")
            .expect("Chromium starts");
        let joined = wait_for(PATIENCE, || browser.report().stage == BrowserStage::Joined);
        assert!(joined, "{:?}; {}", browser.report(), browser.words());
        let folder = tempfile::tempdir().expect("a folder");
        let devices = Devices {
            loudspeaker: format!("simulated:{}", recording(folder.path()).display()),
            ..Devices::default()
        };
        let room_box = RoomBox::daemon(&devices).expect("roomd runs");
        let stage = Stage { conference, room_box };
        stage.join(false);
        let meeting = Self { stage, browser, folder };
        meeting.wait("the box is in the meeting", |m| {
            m.stage.room_box.state("/state") == "in-meeting"
        });
        Some(meeting)
    }

    /// Waits, and says what both sides saw when it was in vain.
    fn wait(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let came = wait_for(PATIENCE, || {
            std::thread::sleep(Duration::from_millis(40));
            condition(self)
        });
        assert!(
            came,
            "waited in vain until {what}; mark {:?}; played {}; browser {:?}; {}; state {}; broken {:?}; words: {}",
            self.mark(),
            self.played(),
            self.browser.report(),
            self.browser.words(),
            self.stage.room_box.state(""),
            self.stage.conference.verdict(),
            self.stage.room_box.words()
        );
    }

    /// The box, as the browser sees it.
    fn of_box(&self) -> Seen {
        let id = self.stage.guest().nick;
        self.browser.report().other(&id).cloned().unwrap_or_default()
    }

    fn wall(&self) -> Option<Picture> {
        Picture::from_jpeg(&self.stage.room_box.wall()?).ok()
    }

    /// Waits until the code on the wall has been read three times, each a little later than the one before.
    fn wall_goes_on(&self) {
        let mut last = None;
        for _ in 0..3 {
            self.wait("the code on the wall goes on", |m| {
                let shown = m.browser.report().shown;
                let counter = m.wall().and_then(|wall| wall.counter()).map(u64::from);
                // Not from the future, and at most some seconds old: the report itself is a fifth of a second old.
                let age = counter.map(|counter| (shown + 15 + 4096 - counter) % 4096);
                counter != last && age.is_some_and(|age| age < 90)
            });
            last = self.wall().and_then(|wall| wall.counter()).map(u64::from);
        }
    }

    /// Brightness of the left end of the name under the browser's picture: the mark has much more ink than letters.
    fn mark(&self) -> Option<f64> {
        let wall = self.wall()?;
        let place = wall.find()?;
        Some(wall.brightness(place.x + 4, place.y + place.height + 4, MARK.0, MARK.1))
    }

    /// Amplitude of the browser's tone in the last half second that the box played.
    fn played(&self) -> f64 {
        let bytes = std::fs::read(recording(self.folder.path())).unwrap_or_default();
        // After the header, whole samples only.
        let whole = bytes.len().saturating_sub(44) / 4 * 4;
        let from = 44 + whole.saturating_sub(HALF_A_SECOND);
        let samples: Vec<i16> = bytes
            .get(from..44 + whole)
            .unwrap_or_default()
            .chunks_exact(4)
            .map(|both| i16::from_le_bytes([both[0], both[1]]))
            .collect();
        amplitude(&samples, TONE_HZ, 48_000)
    }

    /// The browser leaves, then the box; nobody broke a rule.
    fn end(self) {
        let id = self.browser.report().id.expect("an id");
        assert!(
            self.browser.leave(PATIENCE),
            "{:?}; {}",
            self.browser.report(),
            self.browser.words()
        );
        let gone = |m: &Self| is_gone(&m.stage.conference, &id);
        self.wait("the browser is gone", gone);
        self.wait("the box is alone", |m| m.stage.room_box.state("/participants") == 1);
        assert_eq!(
            self.browser.report().problems,
            Vec::<String>::new(),
            "{}",
            self.browser.words()
        );
        self.stage.leave_and_judge();
    }
}

fn is_gone(conference: &Conference, id: &str) -> bool {
    let all = conference.participants();
    all.iter()
        .any(|p| p.nick == id && p.gone_ns.is_some() && p.socket_closed_ns.is_some())
}

fn recording(folder: &Path) -> PathBuf {
    folder.join("played.wav")
}

/// The browser's scripts. Where they cannot be had the story is skipped, and says why; in CI that is a failure.
fn bundle() -> Option<Bundle> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("browser");
    match Bundle::obtain(&folder) {
        Ok(bundle) => Some(bundle),
        Err(reason) if std::env::var_os("CI").is_some() => panic!("no browser in CI: {reason}"),
        Err(reason) => {
            // Past the test runner's capture: the launcher counts these lines.
            let line = format!("\nskipped: a web browser in the meeting: {reason}\n");
            std::io::stdout().write_all(line.as_bytes()).expect("a standard output");
            None
        }
    }
}
