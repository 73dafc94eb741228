//! Encoders in hardware, simulated, each with its flaw: none is believed before its trial, and one that fails in a meeting is followed
//! by another.

use std::thread::sleep;
use std::time::Duration;

use conference::{Codec, Options};
use end_to_end::{Devices, Place, RoomBox};
use tempfile::TempDir;

use crate::stage::{PATIENCE, Stage, conference, options};

/// What the box remembers of trials.
const VERDICTS: &str = "encoders.json";

/// A box that has such an encoder, and has tried it.
fn with_encoder(name: &str, folder: &TempDir) -> Stage {
    among(options(), name, folder)
}

/// The same, when it has passed. A busy machine is given another try, as a box gives it after a while.
fn with_good_encoder(name: &str, folder: &TempDir) -> Stage {
    let has_passed = |stage: &Stage| stage.room_box.words().contains("H264");
    let tries = (0..5).map(|_| {
        // A refusal is remembered.
        let _never_tried = std::fs::remove_file(folder.path().join(VERDICTS));
        with_encoder(name, folder)
    });
    let mut tries = tries.skip_while(|stage| !has_passed(stage));
    tries.next().expect("it passes its trial")
}

/// The same, in this conference.
fn among(options: Options, name: &str, folder: &TempDir) -> Stage {
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let place = Place {
        environment: vec![
            variable("ROOMD_SIMULATED_ENCODERS", name),
            variable("CACHE_DIRECTORY", &folder.path().display().to_string()),
        ],
        ..Place::default()
    };
    let conference = conference(options);
    let room_box = RoomBox::daemon_in(&place, &Devices::default()).expect("roomd runs");
    let stage = Stage { conference, room_box };
    stage.wait("the encoder was tried", |stage| {
        let tried = |line: &str| line.contains("codecs of pictures") && line.contains("H264");
        let verdicts = std::fs::read_to_string(folder.path().join(VERDICTS)).unwrap_or_default();
        verdicts.contains("refused") || stage.room_box.words().lines().any(tried)
    });
    stage
}

fn codecs(stage: &Stage) -> Vec<Option<Codec>> {
    let far_side = stage.conference.far_side();
    far_side
        .layers
        .iter()
        .filter(|layer| layer.frames > 0)
        .map(|layer| layer.codec)
        .collect()
}

/// A box that has such an encoder, has found it good, and sends H.264 in a meeting.
fn in_meeting_with(name: &str, folder: &TempDir) -> Stage {
    let stage = with_good_encoder(name, folder);
    stage.join(false);
    stage.all_layers_flow();
    assert_eq!(codecs(&stage), [Some(Codec::H264); 3]);
    stage
}

/// With what the three layers of a meeting began. What comes after is what became of them.
fn first_encoders(stage: &Stage) -> Vec<String> {
    let words = stage.room_box.words();
    let (_, in_meeting) = words.split_once("milestone=Joined").expect("it has joined");
    let built = |line: &str| {
        let (_, named) = line.split_once("live: encoder encoder=\"")?;
        Some(named.split_once('"')?.0.to_owned())
    };
    let mut first: Vec<String> = in_meeting.lines().filter_map(built).take(3).collect();
    assert_eq!(first.len(), 3, "{words}");
    first.sort();
    first
}

/// Each layer that has an encoder with this flaw has another chance with it, and goes on by the processor's; nobody leaves. `others` is
/// what others do until then.
fn is_followed_by_another(name: &str, others: impl Fn(&Stage)) {
    let folder = TempDir::with_prefix("encoders").unwrap();
    let stage = in_meeting_with(name, &folder);
    let sessions = stage.guest().sessions;
    stage.conference.reset_far_window();
    // On a busy machine it may have passed its trial for some of the layers alone.
    let layers = first_encoders(&stage).iter().filter(|first| *first == name).count();
    let given_up = |stage: &Stage| stage.room_box.words().matches("the encoder is given up").count();
    stage.wait("each layer was given to the processor at last", |stage| {
        others(stage);
        given_up(stage) >= 2 * layers
    });
    assert!(layers >= 1);
    let frames = stage.far_frames();
    stage.wait("all of them flow again", |stage| stage.far_frames() > frames + 90);
    let gap = stage.conference.far_side().longest_gap_ms;
    println!("longest pause: {gap:.0} ms");
    assert!(gap < PATIENCE.as_secs_f64() * 100.0, "{gap} ms; the goal is 300");
    assert_eq!((stage.guest().sessions, stage.guest().gone_ns), (sessions, None));
    assert_eq!(stage.conference.verdict(), []);
}

#[test]
fn one_that_hangs_in_a_meeting_is_followed_by_another_and_nobody_leaves() {
    is_followed_by_another("simulated-hangs-later", |_| ());
}

#[test]
fn one_that_says_that_it_fails_is_followed_at_once() {
    is_followed_by_another("simulated-fails-later", |_| ());
}

#[test]
fn one_whose_pictures_show_nothing_any_more_is_followed_when_others_ask_for_a_key_frame() {
    is_followed_by_another("simulated-garbage-later", |stage| {
        (0..3).for_each(|layer| stage.conference.request_key_frame(layer, false));
        sleep(Duration::from_millis(300));
    });
}

#[test]
fn one_that_takes_the_worker_with_it_does_so_once_and_nobody_leaves() {
    let folder = TempDir::with_prefix("encoders").unwrap();
    let stage = in_meeting_with("simulated-aborts-later", &folder);
    let joined = stage.guest().joined_ns;
    stage.conference.reset_far_window();
    let gone = |stage: &Stage| stage.room_box.words().matches("media worker gone").count();
    stage.wait("the worker died with it", |stage| gone(stage) == 1);
    stage.wait("the next leaves it alone", |stage| {
        stage
            .room_box
            .words()
            .contains("the worker before this one died with it")
    });
    let frames = stage.far_frames();
    // Longer than it would take the encoder to do it again.
    stage.wait("pictures flow on and on", |stage| stage.far_frames() > frames + 400);
    println!("longest pause: {:.0} ms", stage.conference.far_side().longest_gap_ms);
    assert_eq!(gone(&stage), 1);
    assert_eq!((stage.guest().joined_ns, stage.guest().gone_ns), (joined, None));
}

#[test]
fn what_somebody_in_the_room_does_not_decode_is_not_sent() {
    let folder = TempDir::with_prefix("encoders").unwrap();
    let others = Options {
        peer_codecs: "av1,vp9,vp8".into(),
        ..options()
    };
    let stage = among(others, "simulated-deaf", &folder);
    stage.join(false);
    stage.all_layers_flow();
    assert_eq!(codecs(&stage), [Some(Codec::Vp8); 3]);
    assert_eq!(stage.conference.verdict(), []);
}

#[test]
fn one_that_there_is_room_for_once_makes_the_largest_pictures() {
    let folder = TempDir::with_prefix("encoders").unwrap();
    let stage = in_meeting_with("simulated-one-at-a-time", &folder);
    assert_eq!(
        first_encoders(&stage),
        ["simulated-one-at-a-time", "x264enc", "x264enc"]
    );
    assert_eq!(stage.conference.verdict(), []);
}

#[test]
fn one_that_fails_its_trial_is_not_used() {
    let folder = TempDir::with_prefix("encoders").unwrap();
    let stage = with_encoder("simulated-garbage", &folder);
    stage.join(false);
    stage.all_layers_flow();
    assert_eq!(codecs(&stage), [Some(Codec::Vp8); 3]);
    assert_eq!(stage.conference.verdict(), []);
}
