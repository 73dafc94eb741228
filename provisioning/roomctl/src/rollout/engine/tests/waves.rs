//! Who is told, and when.

use fleet::contract::Window;

use super::*;
use crate::rollout::policy::Wave;

#[test]
fn canaries_are_of_every_model_and_of_as_many_sites_as_there_are() {
    let mut bench = Bench::of(1_000, Policy::default());
    while bench.engine.rollout().started() < 10 {
        bench.pass(5);
        bench.all_confirm();
    }
    let started = || {
        bench
            .engine
            .rollout()
            .members
            .iter()
            .filter(|member| member.has_begun())
    };
    let of = |model: &str| started().filter(|member| member.model == model).count();
    assert_eq!((of("One"), of("Two"), of("Three")), (6, 2, 2), "in their shares");
    let mut sites: Vec<&str> = started().map(|member| member.site.as_str()).collect();
    sites.sort_unstable();
    sites.dedup();
    assert_eq!(sites.len(), 7);
}

#[test]
fn the_next_wave_begins_when_the_soak_after_the_last_confirmation_is_over() {
    let mut bench = Bench::of(1_000, Policy::default());
    for _ in 0..4 {
        bench.pass(30);
        bench.all_confirm();
    }
    assert_eq!(bench.engine.rollout().started(), 10);
    let until = bench.now + SignedDuration::from_hours(24);
    assert_eq!(bench.engine.rollout().soak_until(), Some(until));
    bench.pass(24 * 60 - 1);
    assert_eq!(bench.engine.rollout().started(), 10);
    bench.pass(2);
    // One in a hundred of a thousand are the same ten: the wave after that.
    assert_eq!(bench.engine.rollout().wave, 2);
    assert!(bench.engine.rollout().started() > 10);
}

#[test]
fn trust_grows_with_what_goes_well_and_is_lost_with_the_first_harm() {
    let policy = Policy {
        waves: vec![Wave::Percent(100)],
        ..at_once()
    };
    let mut bench = Bench::of(3_000, policy);
    let mut most = Vec::new();
    for _ in 0..40 {
        bench.pass(5);
        most.push(bench.on_their_way().len());
        bench.all_confirm();
    }
    assert_eq!(most[0], 3);
    assert!(most.is_sorted() && *most.last().unwrap() == 30, "{most:?}");
    let first = bench.on_their_way()[0].clone();
    bench.says(&first, Phase::Failed);
    for device in bench.on_their_way() {
        bench.says(&device, Phase::Confirmed);
        if bench.on_their_way().len() < 8 {
            break;
        }
    }
    assert!(
        bench.on_their_way().len() < 8,
        "nobody new begins until few are on their way"
    );
}

#[test]
fn who_is_told_outside_of_the_window_is_nobody() {
    let policy = Policy {
        window: Some(Window(["22:00".into(), "05:00".into()])),
        ..Policy::default()
    };
    let mut bench = Bench::of(100, policy);
    bench.pass(9 * 60 + 50);
    assert!(bench.published.is_empty(), "it is ten to ten");
    bench.pass(20);
    assert_eq!(bench.on_their_way().len(), 3);
    assert_eq!(
        bench.published[0].1.window,
        Some(Window(["22:00".into(), "05:00".into()]))
    );
    assert_eq!(bench.published[0].1.wave.as_deref(), Some("w1"));
}

#[test]
fn boxes_that_have_been_away_for_days_do_not_keep_it_open() {
    let mut bench = Bench::of(30, at_once());
    bench.presence(7, false);
    bench.presence(8, false);
    for _ in 0..20 {
        bench.pass(5);
        bench.all_confirm();
    }
    assert_eq!(
        (bench.engine.rollout().started(), &bench.engine.rollout().state),
        (28, &State::Running)
    );
    bench.pass(24 * 60);
    assert_eq!(bench.engine.rollout().state, State::Done);
    assert_eq!(bench.told(&device(7)).unwrap().release, NEW, "for when it comes back");
    assert_eq!(
        bench.notes.last(),
        Some(&Note::Done {
            updated: 28,
            harmed: 0,
            absent: 2,
            unheard: 0
        })
    );
}

#[test]
fn revisions_are_above_everything_that_was_ever_seen() {
    let mut bench = Bench::of(3, at_once());
    bench
        .engine
        .rollout
        .members
        .iter_mut()
        .for_each(|member| member.online = false);
    let device = device(1);
    bench.handle(Input::Desired {
        device: device.clone(),
        rev: 57,
    });
    bench.says_of(&device, 60, Phase::Idle);
    bench.presence(1, true);
    bench.pass(5);
    assert_eq!(bench.told(&device).unwrap().rev, 61);
}

#[test]
fn one_box_that_is_away_keeps_a_fleet_smaller_than_its_canaries_open_for_a_day() {
    let mut bench = Bench::of(5, at_once());
    bench.presence(3, false);
    bench.pass(10);
    bench.all_confirm();
    bench.pass(10);
    bench.all_confirm();
    assert_eq!((bench.engine.rollout().started(), bench.engine.rollout().wave), (4, 0));
    bench.pass(24 * 60);
    assert_eq!(bench.engine.rollout().state, State::Done);
    assert_eq!(bench.told(&device(3)).unwrap().release, NEW, "for when it comes back");
    let summary = bench.engine.rollout().summary();
    assert_eq!((summary.updated, summary.absent, summary.unheard), (4, 1, 0));
}

#[test]
fn boxes_that_nobody_has_ever_heard_of_keep_it_open_for_a_day_and_are_left_out() {
    let mut bench = Bench::taking_over(Bench::rollout(30, at_once()), monday());
    for number in 0..12 {
        bench.presence(number, true);
        let (device, release) = (device(number), OLD.into());
        bench.handle(Input::Running { device, release });
    }
    bench.handle(Input::AllHeard);
    for _ in 0..20 {
        bench.pass(5);
        bench.all_confirm();
    }
    // All that are there have it.
    let rollout = bench.engine.rollout();
    assert_eq!((rollout.started(), &rollout.state), (12, &State::Running));
    bench.pass(24 * 60);
    assert_eq!(bench.engine.rollout().state, State::Done);
    assert_eq!(
        bench.notes.last(),
        Some(&Note::Done {
            updated: 12,
            harmed: 0,
            absent: 0,
            unheard: 18
        })
    );
    assert!(bench.told(&device(20)).is_none(), "nothing could be taken back from it");
}

#[test]
fn a_revision_that_nobody_has_signed_lifts_ours_by_no_more_than_boxes_can_have_seen() {
    let mut bench = Bench::of(3, at_once());
    let device = device(1);
    for lie in [(1 << 53) - 2, (1 << 53) - 1] {
        bench.says_of(&device, lie, Phase::Idle);
        bench.pass(5);
    }
    let told = bench.told(&device).unwrap().rev;
    assert_eq!(told, 1);
    // One that the broker had lost, and the box had not.
    bench.says_of(&device, 900, Phase::Idle);
    bench.handle(Input::Abort);
    assert_eq!(bench.told(&device).unwrap().rev, 901);
}
