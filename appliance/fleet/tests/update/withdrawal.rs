//! A release that is withdrawn: what waits, downloads or is checked really stops.

use fleet::contract::{Phase, Update};
use fleet::update::{Contact, Input, Output, Room};

use crate::bench::{Bench, HOUR, at_night, bundle, checks, release};

/// The release that runs is wanted: nothing is to be done.
fn withdraw(bench: &mut Bench) {
    bench.forget();
    let running = bench.facts.release.clone();
    bench.desire(&release(58, &running));
}

fn is_withdrawn(bench: &mut Bench) {
    assert_eq!((bench.phase(), bench.last().rev), (Phase::Idle, 58));
    assert_eq!(
        bench.heard.iter().filter(|output| **output == Output::Discard).count(),
        1
    );
    bench.forget();
    for input in [
        Input::Downloaded,
        Input::Installed(Ok(())),
        Input::SelfTest(checks(&[])),
    ] {
        bench.give(input);
    }
    bench.pass(48 * HOUR);
    assert!(bench.heard.is_empty(), "it really stopped: {:?}", bench.heard);
    bench.start("2.3.0", "A");
    bench.desire(&release(58, "2.3.0"));
    bench.give(Input::Room(Room::Idle));
    bench.pass(48 * HOUR);
    assert_eq!(bench.phases(), [Phase::Idle], "after a start too");
    assert_eq!(
        bench
            .heard
            .iter()
            .filter(|output| !matches!(output, Output::Report(_) | Output::Discard))
            .count(),
        0
    );
}

#[test]
fn a_release_that_is_withdrawn_while_it_waits_is_not_fetched() {
    let mut bench = Bench::wanting(at_night(release(57, "2.4.0")));
    withdraw(&mut bench);
    assert_eq!(bench.count(&Output::StopDownload), 0);
    is_withdrawn(&mut bench);
}

#[test]
fn a_download_that_is_withdrawn_stops_and_leaves_nothing() {
    let mut bench = Bench::wanting(release(57, "2.4.0"));
    bench.give(Input::Received { bytes: 100 });
    withdraw(&mut bench);
    let stop = bench
        .heard
        .iter()
        .position(|output| *output == Output::StopDownload)
        .unwrap();
    let discard = bench
        .heard
        .iter()
        .position(|output| *output == Output::Discard)
        .unwrap();
    assert!(stop < discard);
    is_withdrawn(&mut bench);
}

#[test]
fn a_bundle_that_is_withdrawn_while_it_is_checked_is_not_installed() {
    let update = release(57, "2.4.0");
    let mut bench = Bench::verifying(update.clone());
    withdraw(&mut bench);
    bench.give(Input::Verified(Ok(bundle(&update))));
    assert_eq!(bench.count(&Output::Install), 0);
    is_withdrawn(&mut bench);
}

#[test]
fn a_bundle_that_is_withdrawn_while_the_installation_is_written_down_is_not_installed() {
    let update = release(57, "2.4.0");
    let mut bench = Bench::verifying(update.clone());
    bench.disk_stands_still = true;
    bench.give(Input::Verified(Ok(bundle(&update))));
    bench.forget();
    bench.desire(&release(58, "2.3.0"));
    bench.disk_stands_still = false;
    bench.write();
    assert_eq!(bench.count(&Output::Install), 0);
    is_withdrawn(&mut bench);
}

#[test]
fn an_installation_that_is_withdrawn_ends_and_is_never_started() {
    for result in [Ok(()), Err("no space".to_owned())] {
        let mut bench = Bench::installing(release(57, "2.4.0"));
        withdraw(&mut bench);
        assert!(bench.heard.is_empty(), "RAUC cannot be stopped");
        bench.give(Input::Installed(result.clone()));
        assert_eq!(bench.phase(), Phase::Idle);
        assert!(bench.count(&Output::Discard) >= 1);
        bench.forget();
        bench.start("2.3.0", "A");
        bench.desire(&release(58, "2.3.0"));
        bench.give(Input::Room(Room::Idle));
        bench.pass(HOUR);
        assert_eq!((bench.phase(), bench.count(&Output::Reboot)), (Phase::Idle, 0));
    }
}

#[test]
fn what_waits_for_its_reboot_can_still_be_withdrawn() {
    let mut bench = Bench::installing(release(57, "2.4.0"));
    bench.give(Input::Room(Room::InUse));
    bench.give(Input::Installed(Ok(())));
    withdraw(&mut bench);
    is_withdrawn(&mut bench);
}

#[test]
fn a_withdrawal_that_comes_too_late_fetches_nothing_and_leaves_the_release_that_proved_itself() {
    // The release before, and the bundle of the one that is withdrawn: whoever writes it knows no other.
    let withdrawal = Update {
        release: "2.3.0".into(),
        ..release(58, "2.4.0")
    };
    let mut bench = Bench::on_trial(release(57, "2.4.0"));
    bench.desire(&withdrawal);
    assert_eq!(bench.last().rev, 57, "it proves itself first");
    bench.give(Input::SelfTest(checks(&[])));
    bench.give(Input::Contact(Contact::Broker));
    bench.pass(HOUR);
    assert!(bench.phases().contains(&Phase::Confirmed), "{:?}", bench.phases());
    assert_eq!((bench.phase(), bench.last().rev), (Phase::Refused, 58));
    assert!(bench.msg().contains("2.4.0, which runs"), "{}", bench.msg());
    bench.start("2.4.0", "B");
    bench.desire(&withdrawal);
    bench.give(Input::Room(Room::Idle));
    bench.pass(48 * HOUR);
    assert_eq!((bench.phase(), bench.downloads()), (Phase::Refused, 0));
    // Where the release before runs again it is an ordinary withdrawal.
    bench.start("2.3.0", "A");
    bench.desire(&withdrawal);
    bench.pass(48 * HOUR);
    assert_eq!((bench.phase(), bench.downloads()), (Phase::Idle, 0));
}

#[test]
fn what_was_withdrawn_in_time_can_be_wanted_again() {
    let withdrawal = Update {
        release: "2.3.0".into(),
        ..release(58, "2.4.0")
    };
    let mut bench = Bench::wanting(release(57, "2.4.0"));
    bench.desire(&withdrawal);
    assert_eq!(bench.phase(), Phase::Idle);
    bench.desire(&release(59, "2.4.0"));
    bench.pass(HOUR);
    assert_eq!((bench.phase(), bench.last().rev), (Phase::Downloading, 59));
}
