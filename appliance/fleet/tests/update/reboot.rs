//! Into the other slot: only when nobody needs the room, and never before that is on disk.

use fleet::contract::{Phase, Update};
use fleet::update::{CheckName, Contact, Input, Output, Pace, Room};

use crate::bench::{Bench, HOUR, MINUTE, checks, release};

const ASK: Output = Output::SelfTest { announce: false };

fn installed() -> Bench {
    let mut bench = Bench::installing(release(57, "2.4.0"));
    bench.give(Input::Room(Room::InUse));
    bench.give(Input::Installed(Ok(())));
    assert_eq!(bench.phase(), Phase::RebootPending);
    bench.forget();
    bench
}

#[test]
fn a_meeting_is_not_interrupted_and_who_comes_back_within_a_minute_neither() {
    let mut bench = installed();
    bench.pass(12 * HOUR);
    for _ in 0..3 {
        bench.give(Input::Room(Room::Idle));
        bench.pass(MINUTE - MINUTE / 60);
        bench.give(Input::Room(Room::InUse));
        bench.pass(HOUR);
    }
    assert!(bench.heard.is_empty(), "{:?}", bench.heard);
    bench.give(Input::Room(Room::Idle));
    bench.pass(MINUTE / 2);
    bench.give(Input::Room(Room::Idle));
    bench.pass(MINUTE / 2);
    assert_eq!(bench.count(&ASK), 1, "a minute counts from its beginning");
    bench.give(Input::SelfTest(checks(&[])));
    assert_eq!((bench.count(&Output::Reboot), bench.phase()), (1, Phase::Trial));
}

#[test]
fn a_room_that_was_never_heard_of_counts_as_in_use() {
    let mut bench = installed();
    bench.start("2.3.0", "A");
    bench.desire(&release(57, "2.4.0"));
    bench.pass(12 * HOUR);
    assert_eq!(bench.count(&ASK), 0);
}

#[test]
fn a_meeting_that_begins_while_jitsi_is_asked_or_the_trial_is_written_down_goes_on() {
    let mut bench = installed();
    bench.give(Input::Room(Room::Idle));
    bench.pass(MINUTE);
    bench.give(Input::Room(Room::InUse));
    bench.give(Input::SelfTest(checks(&[])));
    bench.pass(HOUR);
    assert_eq!(bench.count(&Output::Reboot), 0);
    bench.give(Input::Room(Room::Idle));
    bench.pass(MINUTE);
    bench.disk_stands_still = true;
    bench.give(Input::SelfTest(checks(&[])));
    bench.give(Input::Room(Room::InUse));
    bench.disk_stands_still = false;
    bench.write();
    bench.pass(HOUR);
    assert_eq!(bench.count(&Output::Reboot), 0);
    assert!(bench.said.is_empty(), "it goes on waiting");
    bench.start("2.3.0", "A");
    assert_eq!(bench.phase(), Phase::RebootPending, "that was no trial");
    bench.desire(&release(57, "2.4.0"));
    bench.give(Input::Room(Room::Idle));
    bench.pass(MINUTE);
    bench.give(Input::SelfTest(checks(&[])));
    assert_eq!(bench.count(&Output::Reboot), 1);
}

#[test]
fn a_document_may_say_that_a_meeting_does_not_matter() {
    let mut bench = Bench::installing(Update {
        allow_in_call: true,
        ..release(57, "2.4.0")
    });
    bench.give(Input::Room(Room::InUse));
    bench.give(Input::Installed(Ok(())));
    bench.give(Input::SelfTest(checks(&[])));
    assert_eq!(bench.count(&Output::Reboot), 1);
}

#[test]
fn the_trial_is_on_disk_and_said_before_the_box_goes_down() {
    let mut bench = Bench::installing(release(57, "2.4.0"));
    bench.give(Input::Installed(Ok(())));
    let before = bench.disk.clone();
    bench.disk_stands_still = true;
    bench.forget();
    bench.give(Input::SelfTest(checks(&[])));
    bench.pass(HOUR);
    assert!(bench.heard.is_empty() && bench.disk == before);
    bench.write();
    assert_eq!(bench.phase(), Phase::Trial);
    assert!(
        matches!(bench.heard[..], [Output::Report(_), Output::Reboot]),
        "{:?}",
        bench.heard
    );
    bench.disk_stands_still = false;
    bench.start("2.3.0", "A");
    assert_eq!(bench.phase(), Phase::RolledBack, "the disk knew");
}

#[test]
fn a_box_that_does_not_go_down_is_asked_again_in_the_same_trial() {
    let mut bench = Bench::rebooting(release(57, "2.4.0"));
    let disk = bench.disk.clone();
    bench.forget();
    bench.pass(9 * MINUTE);
    assert_eq!(bench.count(&Output::Reboot), 0);
    bench.pass(2 * MINUTE);
    assert_eq!(bench.count(&Output::Reboot), 1);
    bench.give(Input::Room(Room::InUse));
    bench.pass(HOUR);
    assert_eq!(bench.count(&Output::Reboot), 1, "not into a meeting");
    bench.give(Input::Room(Room::Idle));
    bench.pass(2 * MINUTE);
    assert_eq!((bench.count(&Output::Reboot), bench.disk), (2, disk));
}

#[test]
fn whether_jitsi_was_there_before_is_asked_without_a_device_and_kept() {
    // What the box hears before the reboot, and whether a trial without Jitsi ends well.
    let cases = [
        (Some(checks(&[CheckName::Jitsi])), true),
        (Some(checks(&[])), false),
        (Some(Vec::new()), false),
        (None, false),
    ];
    for (before, good) in cases {
        let mut bench = Bench::installing(release(57, "2.4.0"));
        bench.give(Input::Installed(Ok(())));
        assert_eq!((bench.count(&ASK), bench.tests()), (1, 0));
        match before.clone() {
            Some(checks) => bench.give(Input::SelfTest(checks)),
            None => bench.pass(2 * MINUTE),
        }
        assert_eq!(bench.count(&Output::Reboot), 1);
        bench.start("2.4.0", "B");
        bench.give(Input::Room(Room::Idle));
        bench.give(Input::Contact(Contact::Broker));
        bench.forget();
        for _ in 0..4 {
            bench.give(Input::SelfTest(checks(&[CheckName::Jitsi])));
            bench.pass(3 * MINUTE);
        }
        let end = if good { Output::MarkGood } else { Output::RollBack };
        assert_eq!(bench.count(&end), 1, "{before:?}");
        if !good {
            let tried = "the self-test failed 3 times: jitsi: as seen";
            assert_eq!(bench.msg(), tried, "{before:?}");
        }
    }
}

#[test]
fn a_laboratory_may_hurry() {
    let mut bench = Bench::silent();
    let hurry = Pace {
        quiet: MINUTE / 60,
        ..Pace::ROOM
    };
    bench.updater = bench.updater.paced(hurry);
    bench.desire(&release(57, "2.4.0"));
    bench.give(Input::Downloaded);
    bench.give(Input::Verified(Ok(crate::bench::bundle(&release(57, "2.4.0")))));
    bench.give(Input::Installed(Ok(())));
    bench.give(Input::Room(Room::Idle));
    assert_eq!(bench.count(&ASK), 0);
    bench.pass(MINUTE / 60);
    assert_eq!(bench.count(&ASK), 1);
}
