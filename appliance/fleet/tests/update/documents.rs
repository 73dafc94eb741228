//! What a document asks: a release that is for this box, one that is not, none any more, another one.

use fleet::contract::{Code, Phase, Update, Window};
use fleet::update::{Input, Output, Room};

use crate::bench::{Bench, HOUR, MINUTE, at_night, bundle, checks, release};

fn refused(update: Update) -> (Code, String) {
    let mut bench = Bench::wanting(update.clone());
    bench.pass(48 * HOUR);
    assert_eq!((bench.phase(), bench.downloads()), (Phase::Refused, 0));
    bench.start("2.3.0", "A");
    bench.desire(&update);
    bench.pass(48 * HOUR);
    assert_eq!((bench.phase(), bench.downloads()), (Phase::Refused, 0), "for good");
    let report = bench.last().clone();
    (report.code.unwrap(), report.msg.unwrap())
}

#[test]
fn a_downgrade_of_security_is_refused() {
    let (code, msg) = refused(Update {
        security_version: 8,
        ..release(57, "2.4.0")
    });
    assert_eq!(code, Code::Precondition);
    assert_eq!(msg, "/security_version: 8 is below 9, which this box has seen");
    let older = release(57, "2.2.0");
    assert_eq!(
        Bench::wanting(older).downloads(),
        1,
        "an older release of the same security is the fleet's choice"
    );
}

#[test]
fn a_box_that_is_too_far_behind_is_told_to_go_another_way() {
    let from = |least: &str| Update {
        min_from: Some(least.into()),
        ..release(57, "2.10.0")
    };
    let (code, msg) = refused(from("2.9.1"));
    assert_eq!(code, Code::Precondition);
    assert!(msg.starts_with("/min_from: 2.3.0 runs here"), "{msg}");
    assert_eq!(
        refused(from("2.10.0")).0,
        Code::Precondition,
        "as versions, not as letters"
    );
    assert_eq!(refused(from("the one of May")).0, Code::InvalidParams);
    for least in ["2.3.0", "2.3.0-rc.1", "1.40.0"] {
        assert_eq!(Bench::wanting(from(least)).downloads(), 1, "{least}");
    }
}

#[test]
fn what_cannot_be_obeyed_is_refused_with_the_field_that_is_wrong() {
    let window = Some(Window(["ten".into(), "05:00".into()]));
    let (code, msg) = refused(Update {
        window,
        ..release(57, "2.4.0")
    });
    assert_eq!((code, &msg[..8]), (Code::InvalidParams, "/window:"));
    for url in ["", "x", "file:///etc/shadow", "http://updates.example/x"] {
        let url = url.to_owned();
        let (code, msg) = refused(Update {
            url,
            ..release(57, "2.4.0")
        });
        assert_eq!((code, &msg[..5]), (Code::InvalidParams, "/url:"));
    }
}

#[test]
fn a_newer_release_takes_the_place_of_one_that_downloads() {
    let mut bench = Bench::wanting(release(57, "2.4.0"));
    bench.give(Input::Received { bytes: 900 });
    bench.forget();
    bench.desire(&release(58, "2.5.0"));
    assert_eq!(bench.heard[..2], [Output::StopDownload, Output::Discard]);
    let url = bench.heard.iter().find_map(|output| match output {
        Output::Download { url, .. } => Some(url.as_str()),
        _ => None,
    });
    assert_eq!(url, Some("https://updates.example/2.5.0.raucb"));
    assert_eq!((bench.last().rev, bench.last().progress), (58, Some(0)));
}

#[test]
fn the_same_bundle_at_another_time_keeps_what_is_there_of_it() {
    let mut bench = Bench::wanting(release(57, "2.4.0"));
    bench.give(Input::Received { bytes: 900 });
    bench.forget();
    bench.desire(&at_night(release(58, "2.4.0")));
    assert_eq!(
        (bench.count(&Output::StopDownload), bench.count(&Output::Discard)),
        (1, 0)
    );
    assert_eq!((bench.phase(), bench.last().rev), (Phase::Waiting, 58));
    let mut bench = Bench::installing(release(57, "2.4.0"));
    bench.give(Input::Room(Room::InUse));
    bench.give(Input::Installed(Ok(())));
    bench.forget();
    bench.desire(&Update {
        allow_in_call: true,
        ..release(58, "2.4.0")
    });
    assert_eq!(bench.phases(), [Phase::RebootPending]);
    bench.give(Input::SelfTest(checks(&[])));
    assert_eq!((bench.downloads(), bench.count(&Output::Reboot)), (0, 1));
    let mut bench = Bench::installing(release(57, "2.4.0"));
    bench.forget();
    bench.desire(&release(58, "2.4.0"));
    bench.give(Input::Installed(Ok(())));
    assert_eq!((bench.phases(), bench.last().rev), (vec![Phase::RebootPending], 58));
    assert_eq!((bench.downloads(), bench.count(&Output::Discard)), (0, 0));
}

#[test]
fn during_an_installation_a_newer_release_waits_for_its_end() {
    let mut bench = Bench::installing(release(57, "2.4.0"));
    bench.forget();
    bench.desire(&release(58, "2.5.0"));
    bench.desire(&release(59, "2.6.0"));
    bench.desire(&release(58, "2.5.0"));
    assert!(bench.heard.is_empty());
    bench.give(Input::Installed(Ok(())));
    assert_eq!(
        (bench.phase(), bench.last().rev, bench.downloads()),
        (Phase::Downloading, 59, 1)
    );
    assert_eq!(bench.count(&Output::Discard), 1);
}

#[test]
fn during_a_trial_a_newer_release_waits_for_the_verdict() {
    let mut bench = Bench::on_trial(release(57, "2.4.0"));
    bench.desire(&release(58, "2.5.0"));
    bench.give(Input::SelfTest(checks(&[])));
    bench.give(Input::Contact(fleet::update::Contact::Broker));
    bench.pass(9 * MINUTE);
    assert_eq!((bench.downloads(), bench.last().rev), (0, 57));
    bench.pass(2 * MINUTE);
    let said: Vec<_> = bench.said.iter().map(|report| (report.rev, report.phase)).collect();
    let end = [
        (57, Phase::Trial),
        (57, Phase::Confirmed),
        (58, Phase::Waiting),
        (58, Phase::Downloading),
    ];
    assert_eq!(said[said.len() - 4..], end);
    assert_eq!(bench.count(&Output::MarkGood), 1);

    let mut bench = Bench::on_trial(release(57, "2.4.0"));
    bench.start("2.3.0", "A");
    bench.desire(&release(58, "2.5.0"));
    let said: Vec<_> = bench.said.iter().map(|report| (report.rev, report.phase)).collect();
    let end = [(57, Phase::RolledBack), (58, Phase::Waiting), (58, Phase::Downloading)];
    assert_eq!(said[said.len() - 3..], end);
}

#[test]
fn a_document_that_comes_while_the_trial_is_written_down_is_obeyed() {
    let mut bench = Bench::installing(release(57, "2.4.0"));
    bench.give(Input::Installed(Ok(())));
    bench.disk_stands_still = true;
    bench.give(Input::SelfTest(checks(&[])));
    bench.desire(&release(58, "2.3.0"));
    bench.disk_stands_still = false;
    bench.write();
    assert_eq!((bench.phase(), bench.count(&Output::Reboot)), (Phase::Idle, 0));
}

#[test]
fn an_older_document_and_the_same_again_change_nothing() {
    let mut bench = Bench::wanting(release(57, "2.4.0"));
    bench.forget();
    bench.desire(&release(56, "2.3.0"));
    bench.desire(&release(57, "2.4.0"));
    bench.give(Input::Received { bytes: 10 });
    bench.pass(MINUTE);
    assert_eq!(bench.phases(), [Phase::Downloading]);
    assert_eq!(bench.heard.len(), bench.said.len(), "nothing but reports");
}

#[test]
fn after_a_start_nothing_goes_on_before_the_document_has_come_again_for_it_may_be_withdrawn() {
    for stage in 0..3 {
        let update = release(57, "2.4.0");
        let mut bench = match stage {
            0 => Bench::wanting(update.clone()),
            1 => Bench::installing(update.clone()),
            _ => {
                let mut bench = Bench::installing(update.clone());
                bench.give(Input::Room(Room::InUse));
                bench.give(Input::Installed(Ok(())));
                bench
            }
        };
        bench.forget();
        bench.start("2.3.0", "A");
        bench.give(Input::Room(Room::Idle));
        bench.pass(HOUR);
        assert_eq!(bench.heard.len(), bench.said.len(), "{stage}: {:?}", bench.heard);
        bench.desire(&update);
        bench.give(Input::SelfTest(checks(&[])));
        let goes_on = if stage < 2 {
            bench.downloads()
        } else {
            bench.count(&Output::Reboot)
        };
        assert_eq!(goes_on, 1, "{stage}");
    }
}

#[test]
fn every_start_says_again_how_far_it_is() {
    let mut bench = Bench::silent();
    assert_eq!(
        (bench.phase(), bench.last().rev, bench.last().slot.as_str()),
        (Phase::Idle, 0, "A")
    );
    bench.desire(&at_night(release(57, "2.4.0")));
    bench.forget();
    bench.start("2.3.0", "A");
    assert_eq!((bench.phase(), bench.last().rev), (Phase::Waiting, 57));
    bench.disk = Some(b"not JSON".to_vec());
    bench.forget();
    bench.start("2.3.0", "A");
    assert_eq!(bench.phase(), Phase::Idle, "a broken disk is an empty one");
    bench.desire(&release(57, "2.4.0"));
    assert_eq!(bench.downloads(), 1);
}

#[test]
fn what_somebody_installed_by_hand_is_judged_anew() {
    let update = Update {
        min_from: Some("2.3.5".into()),
        ..release(57, "2.4.0")
    };
    let mut bench = Bench::wanting(update.clone());
    assert_eq!(bench.phase(), Phase::Refused);
    bench.start("2.3.5", "A");
    bench.desire(&update);
    assert_eq!(bench.downloads(), 1);
    bench.start("2.4.0", "B");
    bench.desire(&update);
    assert_eq!((bench.phase(), bench.downloads()), (Phase::Idle, 1));
}

#[test]
fn progress_is_said_now_and_then_and_a_new_phase_at_once() {
    let update = release(57, "2.4.0");
    let mut bench = Bench::wanting(update.clone());
    bench.forget();
    for bytes in 1..=600 {
        bench.give(Input::Received { bytes });
        bench.pass(MINUTE / 600);
    }
    let said: Vec<_> = bench.said.iter().map(|report| report.progress.unwrap()).collect();
    assert!((5..=6).contains(&said.len()), "in a minute: {said:?}");
    assert!(said.is_sorted() && said.last() > Some(&45));
    bench.pass(HOUR);
    bench.give(Input::Received { bytes: 600 });
    let before = bench.said.len();
    bench.pass(HOUR);
    bench.give(Input::Received { bytes: 600 });
    assert_eq!(bench.said.len(), before, "nothing is new");
    bench.give(Input::Downloaded);
    bench.give(Input::Verified(Ok(bundle(&update))));
    bench.give(Input::Installing { percent: 40 });
    bench.pass(MINUTE);
    bench.give(Input::Installing { percent: 250 });
    bench.pass(MINUTE);
    let end: Vec<_> = bench.said[before..]
        .iter()
        .map(|report| (report.phase, report.progress))
        .collect();
    let wanted = [
        (Phase::Verifying, None),
        (Phase::Installing, Some(0)),
        (Phase::Installing, Some(40)),
        (Phase::Installing, Some(100)),
    ];
    assert_eq!(end, wanted);
}
