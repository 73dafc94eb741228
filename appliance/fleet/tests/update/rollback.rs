//! Back to the slot before: written down, counted, never in a meeting, and not for ever.

use fleet::contract::{Code, Phase, Update};
use fleet::update::{CheckName, Contact, Input, Output, Room};

use crate::bench::{Bench, HOUR, MINUTE, checks, release};
use crate::trial::{SECOND, falls_back, on_trial};

#[test]
fn a_box_that_reaches_nobody_goes_back_after_half_an_hour() {
    let mut bench = on_trial();
    bench.give(Input::SelfTest(checks(&[])));
    bench.pass(30 * MINUTE - SECOND);
    assert_eq!(bench.count(&Output::RollBack), 0);
    bench.pass(2 * SECOND);
    assert_eq!(
        (bench.count(&Output::RollBack), bench.last().code),
        (1, Some(Code::Timeout))
    );
    falls_back(&mut bench);
    assert_eq!(
        (bench.phase(), bench.last().code),
        (Phase::RolledBack, Some(Code::Timeout))
    );
    assert_eq!(
        bench.msg(),
        "neither broker nor update server was reached in 30 minutes"
    );
}

#[test]
fn it_does_not_go_back_in_a_meeting() {
    let mut bench = on_trial();
    bench.give(Input::SelfTest(checks(&[])));
    bench.give(Input::Room(Room::InUse));
    bench.pass(2 * HOUR);
    assert_eq!(bench.count(&Output::RollBack), 0);
    bench.give(Input::Contact(Contact::Broker));
    assert_eq!(bench.phase(), Phase::Confirmed, "late, but before the verdict");
    let mut bench = on_trial();
    bench.give(Input::SelfTest(checks(&[])));
    bench.give(Input::Room(Room::InUse));
    bench.pass(2 * HOUR);
    bench.give(Input::Room(Room::Idle));
    bench.pass(MINUTE - SECOND);
    assert_eq!(bench.count(&Output::RollBack), 0, "who hangs up may come back");
    bench.pass(SECOND);
    assert_eq!(bench.count(&Output::RollBack), 1);
}

#[test]
fn going_back_is_on_disk_and_counted_before_it_happens() {
    let mut bench = on_trial();
    bench.give(Input::Contact(Contact::Broker));
    for _ in 0..2 {
        bench.give(Input::SelfTest(checks(&[CheckName::Microphone])));
        bench.pass(2 * MINUTE);
    }
    bench.disk_stands_still = true;
    bench.give(Input::SelfTest(checks(&[CheckName::Microphone])));
    bench.pass(HOUR);
    assert_eq!(bench.count(&Output::RollBack), 0);
    bench.disk_stands_still = false;
    bench.write();
    assert_eq!(bench.count(&Output::RollBack), 1);
    falls_back(&mut bench);
    assert_eq!(bench.phase(), Phase::RolledBack);
    assert_eq!(bench.msg(), "the self-test failed 3 times: microphone: as seen");
}

#[test]
fn a_box_that_does_not_go_down_is_asked_again_to_go_back() {
    let mut bench = on_trial();
    bench.give(Input::SelfTest(checks(&[])));
    bench.pass(41 * MINUTE);
    assert_eq!((bench.count(&Output::RollBack), bench.count(&Output::Reboot)), (2, 0));
}

#[test]
fn after_a_fall_nothing_goes_on_before_the_document_has_come_again() {
    let mut bench = on_trial();
    bench.start("2.3.0", "A");
    bench.give(Input::Room(Room::Idle));
    bench.pass(48 * HOUR);
    assert_eq!((bench.phase(), bench.downloads()), (Phase::RolledBack, 0));
    bench.desire(&release(57, "2.4.0"));
    bench.pass(2 * HOUR);
    assert_eq!(bench.downloads(), 1);
}

#[test]
fn when_the_slot_before_runs_again_that_is_said_with_its_cause_and_counted() {
    let update = release(57, "2.4.0");
    let mut bench = on_trial();
    falls_back(&mut bench);
    assert_eq!(
        (bench.phase(), bench.last().code),
        (Phase::RolledBack, Some(Code::Interrupted))
    );
    assert_eq!(
        (bench.last().running.as_str(), bench.last().slot.as_str()),
        ("2.3.0", "A")
    );
    assert!(bench.count(&Output::Discard) >= 1);
    bench.forget();
    bench.pass(2 * HOUR);
    assert_eq!(bench.downloads(), 1, "once more");
    bench.give(Input::Downloaded);
    bench.give(Input::Verified(Ok(crate::bench::bundle(&update))));
    bench.give(Input::Installed(Ok(())));
    bench.give(Input::SelfTest(checks(&[])));
    assert_eq!(bench.count(&Output::Reboot), 1);
    bench.forget();
    falls_back(&mut bench);
    for _ in 0..3 {
        bench.pass(48 * HOUR);
        assert_eq!(
            (bench.phase(), bench.downloads()),
            (Phase::RolledBack, 0),
            "twice is enough"
        );
        falls_back(&mut bench);
    }
    bench.desire(&release(58, "2.4.0"));
    assert_eq!(bench.downloads(), 1, "until the revision rises");
}

#[test]
fn a_release_that_falls_over_after_it_was_confirmed_counts_as_rolled_back() {
    let mut bench = Bench::confirmed(release(57, "2.4.0"));
    falls_back(&mut bench);
    assert_eq!(bench.phase(), Phase::RolledBack);
    assert_eq!(bench.msg(), "it was confirmed, and the slot before runs again");
    bench.forget();
    bench.pass(2 * HOUR);
    assert_eq!(bench.downloads(), 1, "once more");
    bench.give(Input::DownloadFailed(fleet::update::DownloadFault::WrongHash));
    bench.forget();
    bench.pass(48 * HOUR);
    assert_eq!(bench.downloads(), 0, "and that is enough");
}

#[test]
fn a_box_without_a_way_back_stays_where_it_is_and_says_so() {
    let mut bench = on_trial();
    bench.give(Input::SelfTest(checks(&[])));
    bench.pass(31 * MINUTE);
    for starts in 1..=3 {
        assert_eq!(bench.count(&Output::RollBack), 1, "{starts}");
        bench.forget();
        bench.start("2.4.0", "B");
    }
    assert_eq!((bench.phase(), bench.count(&Output::RollBack)), (Phase::Failed, 0));
    assert!(
        bench
            .msg()
            .starts_with("the slot before does not start; neither broker"),
        "{}",
        bench.msg()
    );
    bench.forget();
    bench.start("2.4.0", "B");
    bench.desire(&release(57, "2.4.0"));
    bench.pass(48 * HOUR);
    assert_eq!(bench.phases(), [Phase::Failed]);
    bench.desire(&release(58, "2.5.0"));
    assert_eq!(bench.downloads(), 1, "another release is the way out");
}

#[test]
fn a_bad_slot_that_starts_by_itself_is_left_again() {
    let mut bench = on_trial();
    falls_back(&mut bench);
    bench.forget();
    bench.start("2.4.0", "B");
    assert_eq!((bench.phase(), bench.count(&Output::RollBack)), (Phase::Trial, 1));
    falls_back(&mut bench);
    assert_eq!(bench.phase(), Phase::RolledBack);
}

#[test]
fn a_document_that_allows_it_goes_back_in_a_meeting_too() {
    let mut bench = Bench::on_trial(Update {
        allow_in_call: true,
        ..release(57, "2.4.0")
    });
    bench.give(Input::SelfTest(checks(&[])));
    bench.give(Input::Room(Room::InUse));
    bench.pass(31 * MINUTE);
    assert_eq!(bench.count(&Output::RollBack), 1);
}
