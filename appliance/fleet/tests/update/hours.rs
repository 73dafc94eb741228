//! When a box may update itself.

use fleet::contract::{Clock, Code, Phase};
use fleet::update::{DownloadFault, Input, Output, Room};
use jiff::tz::TimeZone;

use crate::bench::{Bench, HOUR, MINUTE, at_night, bundle, checks, release};

#[test]
fn it_waits_for_the_night_of_its_room_and_begins_at_a_moment_of_its_own() {
    let mut moments = Vec::new();
    for begin in 0..20 {
        let mut bench = Bench::new();
        bench.pass(begin * MINUTE);
        // Each box draws from its own chance.
        bench.disk = None;
        for _ in 0..begin {
            bench.start("2.3.0", "A");
        }
        bench.desire(&at_night(release(57, "2.4.0")));
        assert_eq!(bench.phase(), Phase::Waiting);
        bench.until("2026-11-21T20:59:59Z");
        assert_eq!(
            (bench.downloads(), bench.phase()),
            (0, Phase::Waiting),
            "22:00 there is 21:00 here"
        );
        while bench.downloads() == 0 {
            bench.pass(MINUTE / 6);
        }
        moments.push(bench.now.wall.unwrap());
    }
    moments.sort();
    let spread = moments[0].duration_until(moments[19]);
    assert!(
        (3 * MINUTE..=5 * MINUTE).contains(&spread.try_into().unwrap()),
        "{spread:?}"
    );
}

#[test]
fn a_document_that_comes_in_its_hours_is_not_made_to_wait() {
    let mut bench = Bench::new();
    bench.until("2026-11-21T22:00:00Z");
    bench.desire(&at_night(release(57, "2.4.0")));
    assert_eq!((bench.downloads(), bench.phase()), (1, Phase::Downloading));
}

#[test]
fn a_download_stops_in_the_morning_and_goes_on_in_the_evening() {
    let mut bench = Bench::new();
    bench.until("2026-11-21T22:00:00Z");
    bench.desire(&at_night(release(57, "2.4.0")));
    bench.give(Input::Received { bytes: 400 });
    bench.until("2026-11-22T03:59:59Z");
    assert_eq!(bench.count(&Output::StopDownload), 0);
    bench.until("2026-11-22T04:00:00Z");
    assert_eq!((bench.count(&Output::StopDownload), bench.phase()), (1, Phase::Waiting));
    assert_eq!(bench.count(&Output::Discard), 0, "what is there is there");
    bench.give(Input::Downloaded);
    assert_eq!(bench.count(&Output::Verify), 0, "it was stopped");
    bench.until("2026-11-22T22:00:00Z");
    assert_eq!((bench.downloads(), bench.phase()), (2, Phase::Downloading));
}

#[test]
fn a_download_that_pauses_has_nothing_to_stop() {
    let mut bench = Bench::new();
    bench.until("2026-11-21T22:00:00Z");
    bench.desire(&at_night(release(57, "2.4.0")));
    bench.give(Input::DownloadFailed(DownloadFault::Passing {
        retry_after_ms: 36_000_000,
    }));
    bench.until("2026-11-22T04:00:00Z");
    assert_eq!((bench.count(&Output::StopDownload), bench.phase()), (0, Phase::Waiting));
    bench.until("2026-11-22T22:00:00Z");
    assert_eq!(bench.downloads(), 2);
}

#[test]
fn what_was_checked_too_late_is_installed_the_next_night() {
    let update = at_night(release(57, "2.4.0"));
    let mut bench = Bench::new();
    bench.until("2026-11-22T03:59:00Z");
    bench.desire(&update);
    bench.give(Input::Downloaded);
    bench.until("2026-11-22T04:00:10Z");
    bench.give(Input::Verified(Ok(bundle(&update))));
    assert_eq!((bench.count(&Output::Install), bench.phase()), (0, Phase::Waiting));
    bench.until("2026-11-22T22:00:00Z");
    bench.give(Input::Downloaded);
    bench.give(Input::Verified(Ok(bundle(&update))));
    assert_eq!(bench.count(&Output::Install), 1);
    bench.until("2026-11-23T06:00:00Z");
    bench.give(Input::Installed(Ok(())));
    assert_eq!(bench.phase(), Phase::RebootPending);
    bench.until("2026-11-23T20:59:00Z");
    assert!(
        !bench.heard.contains(&Output::SelfTest { announce: false }),
        "by day the box stays up"
    );
    bench.until("2026-11-23T21:10:00Z");
    bench.give(Input::SelfTest(checks(&[])));
    assert_eq!(bench.count(&Output::Reboot), 1);
}

#[test]
fn after_the_deadline_the_hour_does_not_matter_but_the_meeting_does() {
    let mut update = at_night(release(57, "2.4.0"));
    update.deadline = Some("2026-11-21T13:00:00Z".parse().unwrap());
    for allow_in_call in [false, true] {
        update.allow_in_call = allow_in_call;
        let mut bench = Bench::wanting(update.clone());
        bench.give(Input::Room(Room::InUse));
        bench.until("2026-11-21T12:59:59Z");
        assert_eq!(bench.phase(), Phase::Waiting);
        bench.until("2026-11-21T13:10:00Z");
        bench.give(Input::Downloaded);
        bench.give(Input::Verified(Ok(bundle(&update))));
        bench.give(Input::Installed(Ok(())));
        bench.give(Input::SelfTest(checks(&[])));
        bench.pass(5 * MINUTE);
        assert_eq!(
            bench.count(&Output::Reboot),
            usize::from(allow_in_call),
            "{allow_in_call}"
        );
        bench.forget();
        bench.give(Input::Room(Room::Idle));
        bench.pass(2 * MINUTE);
        bench.give(Input::SelfTest(checks(&[])));
        assert_eq!(
            bench.count(&Output::Reboot),
            usize::from(!allow_in_call),
            "{allow_in_call}"
        );
    }
}

#[test]
fn not_before_its_day() {
    let mut update = release(57, "2.4.0");
    update.not_before = Some("2026-11-24T08:00:00Z".parse().unwrap());
    let mut bench = Bench::wanting(update);
    bench.until("2026-11-24T07:59:59Z");
    assert_eq!(bench.downloads(), 0);
    bench.until("2026-11-24T08:06:00Z");
    assert_eq!(bench.downloads(), 1);
}

#[test]
fn a_box_that_does_not_know_the_time_says_so_and_waits_until_it_does() {
    let mut bench = Bench::new();
    let wall = bench.now.wall;
    bench.now.clock = Clock::Unsync;
    bench.desire(&at_night(release(57, "2.4.0")));
    assert_eq!(
        (bench.phase(), bench.last().code),
        (Phase::Waiting, Some(Code::Precondition))
    );
    bench.pass(48 * HOUR);
    assert_eq!(bench.downloads(), 0, "no guess");
    bench.now.wall = wall;
    bench.now.clock = Clock::Sync;
    bench.pass(2 * MINUTE);
    assert_eq!((bench.phase(), bench.last().code), (Phase::Waiting, None));
    bench.until("2026-11-21T21:10:00Z");
    assert_eq!(bench.downloads(), 1);
    let mut bench = Bench::new();
    bench.now.clock = Clock::None;
    bench.now.wall = None;
    bench.desire(&release(57, "2.4.0"));
    assert_eq!(bench.downloads(), 1, "it names no time");
}

#[test]
fn a_room_that_has_moved_has_other_nights() {
    let mut bench = Bench::wanting(at_night(release(57, "2.4.0")));
    bench.give(Input::TimeZone(TimeZone::posix("NCT-11").unwrap()));
    bench.pass(6 * MINUTE);
    assert_eq!(bench.downloads(), 1, "in Nouméa it is past ten in the evening");
}
