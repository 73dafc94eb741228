//! What comes to nothing before a reboot: twice at most under one document.

use fleet::contract::{Code, Phase, Update};
use fleet::update::{BundleFacts, DownloadFault, Input, Output};

use crate::bench::{Bench, HOUR, MINUTE, bundle, release};

/// So many attempts begin in the next two days.
fn attempts(bench: &mut Bench) -> usize {
    bench.forget();
    bench.pass(48 * HOUR);
    bench.downloads()
}

#[test]
fn what_the_server_will_say_again_ends_it() {
    let mut bench = Bench::wanting(release(57, "2.4.0"));
    bench.give(Input::DownloadFailed(DownloadFault::Final { status: 404 }));
    assert_eq!(
        (bench.phase(), bench.msg()),
        (Phase::Failed, "/url: the update server says 404")
    );
    assert_eq!(bench.count(&Output::Discard), 1);
    assert_eq!(attempts(&mut bench), 0);
    bench.start("2.3.0", "A");
    bench.desire(&release(57, "2.4.0"));
    assert_eq!(attempts(&mut bench), 0);
    bench.forget();
    bench.desire(&release(58, "2.4.0"));
    assert_eq!(bench.downloads(), 1, "a new document is a new try");
}

#[test]
fn what_passes_is_resumed_and_given_up_after_a_day_without_a_byte() {
    let mut bench = Bench::wanting(release(57, "2.4.0"));
    bench.forget();
    let passing = Input::DownloadFailed(DownloadFault::Passing { retry_after_ms: 0 });
    for fault in 0..40 {
        bench.give(Input::Received { bytes: fault });
        bench.give(passing.clone());
        bench.pass(2 * MINUTE);
    }
    assert!(bench.downloads() >= 38, "{}", bench.downloads());
    assert_eq!(
        (bench.phases(), bench.count(&Output::Discard)),
        (vec![Phase::Downloading], 0)
    );
    bench.pass(HOUR);
    let mut hours = 0;
    while bench.phase() == Phase::Downloading {
        bench.give(passing.clone());
        bench.pass(HOUR);
        hours += 1;
    }
    assert!((24..=26).contains(&hours), "{hours}");
    assert_eq!((bench.phase(), bench.last().code), (Phase::Failed, Some(Code::Timeout)));
}

#[test]
fn a_new_document_is_given_a_day_of_its_own() {
    let passing = Input::DownloadFailed(DownloadFault::Passing { retry_after_ms: 0 });
    let mut bench = Bench::wanting(release(57, "2.4.0"));
    for hour in 0..40 {
        if hour == 20 {
            bench.desire(&release(58, "2.4.0"));
        }
        bench.give(passing.clone());
        bench.pass(HOUR);
    }
    assert!(!bench.phases().contains(&Phase::Failed), "{:?}", bench.phases());
    assert_eq!((bench.phase(), bench.last().rev), (Phase::Downloading, 58));
}

#[test]
fn the_server_may_ask_for_time() {
    let mut bench = Bench::wanting(release(57, "2.4.0"));
    bench.forget();
    bench.give(Input::DownloadFailed(DownloadFault::Passing {
        retry_after_ms: 7_200_000,
    }));
    bench.pass(2 * HOUR - MINUTE);
    assert_eq!(bench.downloads(), 0);
    bench.pass(2 * MINUTE);
    assert_eq!(bench.downloads(), 1);
}

#[test]
fn an_attempt_that_comes_to_nothing_is_followed_by_one_more_an_hour_or_two_later() {
    let update = release(57, "2.4.0");
    let wrong = |change: fn(&mut BundleFacts)| {
        let mut facts = bundle(&release(57, "2.4.0"));
        change(&mut facts);
        Input::Verified(Ok(facts))
    };
    let faults: Vec<(&str, Code, Vec<Input>)> = vec![
        (
            "size",
            Code::InvalidParams,
            vec![Input::DownloadFailed(DownloadFault::WrongSize)],
        ),
        (
            "hash",
            Code::InvalidParams,
            vec![Input::DownloadFailed(DownloadFault::WrongHash)],
        ),
        (
            "space",
            Code::StorageFull,
            vec![Input::DownloadFailed(DownloadFault::NoSpace)],
        ),
        (
            "signature",
            Code::BadSignature,
            vec![Input::Downloaded, Input::Verified(Err("expired".into()))],
        ),
        (
            "manifest",
            Code::InvalidParams,
            vec![Input::Downloaded, wrong(|facts| facts.manifest_hash.push('x'))],
        ),
        (
            "release",
            Code::InvalidParams,
            vec![Input::Downloaded, wrong(|facts| facts.release.push('x'))],
        ),
        (
            "security",
            Code::InvalidParams,
            vec![Input::Downloaded, wrong(|facts| facts.security_version += 1)],
        ),
        (
            "installation",
            Code::Internal,
            vec![
                Input::Downloaded,
                wrong(|_| {}),
                Input::Installed(Err("no slot".into())),
            ],
        ),
    ];
    for (name, code, inputs) in faults {
        let mut bench = Bench::wanting(update.clone());
        let fail = |bench: &mut Bench| {
            for input in inputs.clone() {
                bench.give(input);
            }
            assert_eq!(
                (bench.phase(), bench.last().code),
                (Phase::Failed, Some(code)),
                "{name}"
            );
            assert!(!bench.msg().is_empty());
            assert_eq!(bench.count(&Output::Discard), 1, "{name}");
        };
        fail(&mut bench);
        bench.forget();
        bench.pass(59 * MINUTE);
        assert_eq!(bench.downloads(), 0, "{name}");
        assert!(bench.said.is_empty(), "{name}: the verdict stays for all to see");
        bench.pass(HOUR + 2 * MINUTE);
        assert_eq!(bench.downloads(), 1, "{name}");
        fail(&mut bench);
        assert_eq!(attempts(&mut bench), 0, "{name}: twice is enough");
        bench.start("2.3.0", "A");
        bench.desire(&update);
        assert_eq!(
            (bench.phase(), attempts(&mut bench)),
            (Phase::Failed, 0),
            "{name}: for good"
        );
        bench.forget();
        bench.desire(&release(58, "2.4.0"));
        assert_eq!(bench.downloads(), 1, "{name}: until the revision rises");
    }
}

#[test]
fn the_count_of_failures_survives_every_start() {
    let update = release(57, "2.4.0");
    let mut bench = Bench::wanting(update.clone());
    for attempt in 1..=5 {
        bench.give(Input::DownloadFailed(DownloadFault::WrongHash));
        bench.start("2.3.0", "A");
        bench.desire(&update);
        assert_eq!(
            (bench.phase(), bench.msg()),
            (Phase::Failed, "/sha256: the bundle has another")
        );
        assert_eq!(attempts(&mut bench), usize::from(attempt == 1), "{attempt}");
    }
}

#[test]
fn failures_are_remembered_whatever_else_somebody_installs_meanwhile() {
    let update = release(57, "2.4.0");
    let mut bench = Bench::wanting(update.clone());
    for _ in 0..2 {
        bench.give(Input::DownloadFailed(DownloadFault::WrongHash));
        bench.pass(2 * HOUR);
    }
    for (running, phase) in [
        ("2.4.0", Phase::Idle),
        ("2.3.0", Phase::Failed),
        ("2.2.9", Phase::Failed),
    ] {
        bench.start(running, "B");
        bench.desire(&update);
        assert_eq!((bench.phase(), attempts(&mut bench)), (phase, 0), "{running}");
    }
}

#[test]
fn what_is_not_on_disk_is_not_said() {
    let mut bench = Bench::wanting(release(57, "2.4.0"));
    bench.forget();
    bench.disk_stands_still = true;
    bench.give(Input::DownloadFailed(DownloadFault::WrongHash));
    bench.pass(HOUR);
    assert!(bench.heard.is_empty());
    bench.write();
    assert_eq!(bench.phase(), Phase::Failed);
}

#[test]
fn a_bundle_that_no_box_of_this_kind_may_have_is_refused_for_good() {
    let update = release(57, "2.4.0");
    let other_kind = BundleFacts {
        compatible: false,
        ..bundle(&update)
    };
    let downgrade = BundleFacts {
        security_version: 8,
        ..bundle(&update)
    };
    for (facts, code) in [(other_kind, Code::UnsupportedOnHw), (downgrade, Code::Precondition)] {
        let mut bench = Bench::verifying(update.clone());
        bench.give(Input::Verified(Ok(facts)));
        assert_eq!((bench.phase(), bench.last().code), (Phase::Refused, Some(code)));
        assert_eq!((bench.count(&Output::Install), bench.count(&Output::Discard)), (0, 1));
        assert_eq!(attempts(&mut bench), 0);
        bench.start("2.3.0", "A");
        bench.desire(&update);
        assert_eq!((bench.phase(), attempts(&mut bench)), (Phase::Refused, 0));
    }
}

#[test]
fn what_others_say_of_a_failure_is_cut_to_a_sentence() {
    let mut bench = Bench::verifying(release(57, "2.4.0"));
    bench.give(Input::Verified(Err("é".repeat(9_000))));
    assert_eq!(bench.msg().chars().count(), 300);
}

#[test]
fn an_answer_that_nobody_asked_for_changes_nothing() {
    let update = release(57, "2.4.0");
    let facts = bundle(&update);
    let strays = [
        Input::Downloaded,
        Input::DownloadFailed(DownloadFault::WrongHash),
        Input::Verified(Ok(facts)),
        Input::Installed(Ok(())),
        Input::Installed(Err(String::new())),
        Input::Installing { percent: 3 },
        Input::Received { bytes: 3 },
        Input::SelfTest(Vec::new()),
        Input::Written,
    ];
    let later = Update {
        not_before: Some("2026-12-21T11:00:00Z".parse().unwrap()),
        ..update
    };
    let mut bench = Bench::wanting(later);
    bench.forget();
    for stray in strays {
        bench.give(stray);
    }
    assert!(bench.heard.is_empty(), "{:?}", bench.heard);
}
