//! A release on trial: confirmed when it has proved all there is to prove, and else never.

use std::time::Duration;

use fleet::contract::{Code, Phase, Update};
use fleet::update::{CheckName, Contact, Input, Memory, Output, Room};

use crate::bench::{Bench, HOUR, MINUTE, checks, release};

pub const SECOND: Duration = Duration::from_secs(1);

pub fn on_trial() -> Bench {
    let bench = Bench::on_trial(release(57, "2.4.0"));
    assert_eq!(
        (bench.phase(), bench.last().slot.as_str(), bench.tests()),
        (Phase::Trial, "B", 1)
    );
    bench
}

fn reach(bench: &Bench) -> usize {
    let reach = |output: &&Output| matches!(output, Output::Reach { .. });
    bench.heard.iter().filter(reach).count()
}

/// A verdict on paper: the slot before comes up.
pub fn falls_back(bench: &mut Bench) {
    bench.start("2.3.0", "A");
    bench.desire(&release(57, "2.4.0"));
    bench.give(Input::Room(Room::Idle));
}

#[test]
fn a_box_knows_that_it_is_on_trial_before_it_can_go_on_with_it() {
    let mut bench = on_trial();
    let read = |bench: &Bench, running| Memory::read(bench.disk.as_deref().unwrap(), running).unwrap();
    let memory = |on_trial| Memory { rev: 57, on_trial };
    assert_eq!(read(&bench, "2.4.0"), memory(true));
    assert_eq!(read(&bench, "2.3.0"), memory(false), "the slot before runs");
    bench.give(Input::SelfTest(checks(&[])));
    bench.give(Input::Contact(Contact::Broker));
    bench.pass(10 * MINUTE);
    assert_eq!(read(&bench, "2.4.0"), memory(false), "confirmed");
    assert_eq!(Memory::read(b"{", "2.4.0"), None);
}

#[test]
fn confirmed_after_contact_self_test_and_ten_minutes_and_not_a_second_before() {
    let mut bench = on_trial();
    bench.give(Input::SelfTest(checks(&[])));
    bench.give(Input::Contact(Contact::Broker));
    bench.pass(10 * MINUTE - SECOND);
    assert_eq!((bench.phase(), bench.count(&Output::MarkGood)), (Phase::Trial, 0));
    bench.pass(SECOND);
    assert_eq!((bench.phase(), bench.count(&Output::MarkGood)), (Phase::Confirmed, 1));
    assert_eq!((bench.last().running.as_str(), bench.tests()), ("2.4.0", 1), "lit once");
    let (good, said) = (
        bench.heard.iter().position(|output| *output == Output::MarkGood),
        bench
            .heard
            .iter()
            .position(|output| *output == Output::Report(bench.last().clone())),
    );
    assert!(good < said, "said when it is true");
    bench.forget();
    bench.pass(48 * HOUR);
    assert!(bench.heard.is_empty());
}

#[test]
fn without_one_of_the_conditions_it_is_never_confirmed() {
    let conditions = [Input::SelfTest(checks(&[])), Input::Contact(Contact::Broker)];
    for missing in 0..conditions.len() {
        let mut bench = on_trial();
        for (number, condition) in conditions.iter().enumerate() {
            if number != missing {
                bench.give(condition.clone());
            }
        }
        bench.pass(4 * HOUR);
        assert_eq!(bench.count(&Output::MarkGood), 0, "{missing}");
        assert!(bench.count(&Output::RollBack) > 0, "{missing}");
    }
}

#[test]
fn every_part_of_the_self_test_counts_also_one_that_is_missing() {
    for part in CheckName::ALL {
        let mut absent = checks(&[]);
        absent.retain(|check| check.name != part);
        for answer in [checks(&[part]), absent] {
            let mut bench = on_trial();
            bench.give(Input::Contact(Contact::Broker));
            for _ in 0..3 {
                bench.give(Input::SelfTest(answer.clone()));
                bench.pass(4 * MINUTE);
            }
            assert_eq!(
                (bench.count(&Output::MarkGood), bench.count(&Output::RollBack)),
                (0, 1),
                "{part:?}"
            );
            assert!(bench.msg().contains(part.as_str()), "{}", bench.msg());
        }
    }
}

#[test]
fn a_broker_that_is_away_rolls_no_fleet_back_while_the_update_server_answers() {
    let mut bench = on_trial();
    bench.give(Input::SelfTest(checks(&[])));
    bench.pass(5 * MINUTE - SECOND);
    assert_eq!(reach(&bench), 0, "the broker comes first");
    bench.pass(3 * MINUTE);
    assert_eq!(reach(&bench), 3);
    bench.give(Input::Contact(Contact::UpdateServer));
    bench.pass(3 * MINUTE);
    assert_eq!((reach(&bench), bench.phase()), (3, Phase::Confirmed));
    let mut bench = on_trial();
    bench.give(Input::Contact(Contact::Broker));
    bench.pass(20 * MINUTE);
    assert_eq!(reach(&bench), 0);
}

#[test]
fn devices_that_come_late_have_three_tries_and_a_test_without_an_answer_is_one() {
    let mut bench = on_trial();
    bench.give(Input::Contact(Contact::Broker));
    bench.give(Input::SelfTest(checks(&[CheckName::Camera])));
    bench.pass(2 * MINUTE - SECOND);
    assert_eq!(bench.tests(), 1);
    bench.pass(SECOND);
    assert_eq!(bench.tests(), 2);
    bench.pass(5 * MINUTE + 2 * MINUTE);
    assert_eq!(bench.tests(), 3, "no answer");
    bench.give(Input::SelfTest(checks(&[])));
    bench.pass(MINUTE);
    assert_eq!(bench.phase(), Phase::Confirmed);
}

#[test]
fn a_self_test_does_not_begin_in_a_meeting_and_one_that_a_meeting_disturbs_does_not_count() {
    let mut bench = on_trial();
    bench.give(Input::Contact(Contact::Broker));
    for meeting in 0..5 {
        assert_eq!(bench.tests(), 1 + meeting);
        bench.give(Input::Room(Room::InUse));
        bench.give(Input::SelfTest(checks(&[CheckName::Camera])));
        bench.pass(HOUR);
        assert_eq!(bench.tests(), 1 + meeting);
        bench.give(Input::Room(Room::Idle));
    }
    assert_eq!((bench.phase(), bench.count(&Output::RollBack)), (Phase::Trial, 0));
    bench.give(Input::SelfTest(checks(&[])));
    assert_eq!(bench.phase(), Phase::Confirmed);
}

#[test]
fn a_power_cut_in_a_trial_is_no_failure_but_a_box_that_never_stays_up_is() {
    let mut bench = on_trial();
    for _ in 0..2 {
        bench.give(Input::SelfTest(checks(&[])));
        bench.give(Input::Contact(Contact::Broker));
        bench.pass(9 * MINUTE);
        bench.start("2.4.0", "B");
        bench.give(Input::Room(Room::Idle));
    }
    assert_eq!((bench.phase(), bench.count(&Output::RollBack)), (Phase::Trial, 0));
    let mut other = Bench::on_trial(release(57, "2.4.0"));
    other.disk.clone_from(&bench.disk);
    bench.give(Input::Contact(Contact::Broker));
    bench.pass(9 * MINUTE);
    assert_eq!(bench.phase(), Phase::Trial, "all is to be proved again");
    bench.give(Input::SelfTest(checks(&[])));
    bench.pass(MINUTE);
    assert_eq!(bench.phase(), Phase::Confirmed);
    other.start("2.4.0", "B");
    assert_eq!(other.count(&Output::RollBack), 1, "a fourth start");
    falls_back(&mut other);
    assert_eq!(
        (other.phase(), other.last().code),
        (Phase::RolledBack, Some(Code::Interrupted))
    );
    assert_eq!(other.msg(), "it started 4 times and never stayed up");
}

#[test]
fn a_slot_that_was_started_without_the_word_of_the_box_is_on_trial_too() {
    let update = release(57, "2.4.0");
    let mut pending = Bench::installing(update.clone());
    pending.give(Input::Room(Room::InUse));
    pending.give(Input::Installed(Ok(())));
    for mut bench in [Bench::installing(update), pending] {
        bench.start("2.4.0", "B");
        assert_eq!(bench.phase(), Phase::Trial);
        falls_back(&mut bench);
        assert_eq!(bench.phase(), Phase::RolledBack);
    }
}

#[test]
fn what_follows_a_confirmation_follows_again_at_each_start_for_nobody_knows_whether_it_did() {
    let mut bench = Bench::confirmed(release(57, "2.4.0"));
    for _ in 0..2 {
        bench.forget();
        bench.start("2.4.0", "B");
        assert_eq!((bench.phase(), bench.count(&Output::MarkGood)), (Phase::Confirmed, 1));
    }
    bench.desire(&release(57, "2.4.0"));
    bench.desire(&release(58, "2.4.0"));
    assert_eq!((bench.phase(), bench.last().rev), (Phase::Idle, 58), "it runs already");
}

#[test]
fn what_was_confirmed_is_the_least_from_then_on() {
    let mut bench = Bench::confirmed(Update {
        security_version: 10,
        ..release(57, "2.4.0")
    });
    bench.desire(&release(58, "2.5.0"));
    assert_eq!((bench.phase(), bench.downloads()), (Phase::Refused, 0));
    bench.desire(&Update {
        security_version: 10,
        ..release(59, "2.5.0")
    });
    assert_eq!(bench.downloads(), 1);
}
