//! What must be true of a rollout over a fleet.

use jiff::SignedDuration;
use roomctl::rollout::{Input, Note, Policy, Reason, Rule, Stage, State, Trouble};

use crate::room::{AFTER, BEFORE, Fate};
use crate::world::{World, nightly};

const BOXES: usize = 3_000;
/// Two in a hundred of them.
const FEW: usize = 60;
const BAD: [Fate; 3] = [Fate::Fails, Fate::RollsBack, Fate::Dies];

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// These seeds, or the one that was asked for.
fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("HEMICYCLE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (1..=count).collect(),
    }
}

/// What one run came to.
#[derive(Debug, Clone, Copy)]
struct Figures {
    told: usize,
    harmed: usize,
    hours: u64,
    stopped: bool,
}

/// Runs until it stops, and on until nothing is under way.
fn until_it_stops(mut world: World, seed: u64) -> (World, Figures) {
    let stopped = world.run(hours(24 * 40), |world| world.engine.rollout().state != State::Running);
    let after = world.ms;
    let then = SignedDuration::from_millis(i64::try_from(after).unwrap());
    world.run(then + hours(3), |_| false);
    assert!(stopped, "seed {seed}: neither stopped nor done in forty days");
    assert!(
        world.most_in_trial <= Policy::at_one_time(world.rooms.len()),
        "seed {seed}: {} in trial at one time",
        world.most_in_trial
    );
    let figures = Figures {
        told: world.told.len(),
        harmed: world.harmed.len(),
        hours: after / 3_600_000,
        stopped: world.stopped(),
    };
    (world, figures)
}

fn median(mut values: Vec<usize>) -> usize {
    values.sort_unstable();
    values[values.len() / 2]
}

fn report(what: &str, all: &[Figures]) {
    let sorted = |of: fn(&Figures) -> usize| {
        let mut values: Vec<usize> = all.iter().map(of).collect();
        values.sort_unstable();
        values
    };
    let (told, harmed) = (sorted(|one| one.told), sorted(|one| one.harmed));
    let last = all.len() - 1;
    println!(
        "{what}: {} seeds, stopped {}; told median {} ({} to {}), harmed median {} ({} to {}), after {} hours (median)",
        all.len(),
        all.iter().filter(|one| one.stopped).count(),
        told[all.len() / 2],
        told[0],
        told[last],
        harmed[all.len() / 2],
        harmed[0],
        harmed[last],
        median(all.iter().map(|one| usize::try_from(one.hours).unwrap()).collect()),
    );
}

fn three_percent(policy: &Policy, fates: &[Fate], count: u64) -> Vec<Figures> {
    let run = |seed: u64| {
        let mut world = World::new(BOXES, policy.clone(), seed);
        let bad = world.some(3);
        world.doom(bad, fates);
        let (world, figures) = until_it_stops(world, seed);
        if let State::Stopped { reason } = &world.engine.rollout().state {
            assert!(!reason.boxes().is_empty(), "seed {seed}: it says which");
            if let Reason::Harmed { boxes, .. } = reason {
                for room in world.rooms.iter().filter(|room| boxes.contains(&room.device)) {
                    assert_ne!(room.fate, Fate::Good, "seed {seed}: {} was not harmed", room.device);
                }
            }
        }
        figures
    };
    seeds(count).into_iter().map(run).collect()
}

fn stops_early(figures: &[Figures]) {
    assert!(figures.iter().all(|one| one.stopped), "{figures:?}");
    assert!(
        median(figures.iter().map(|one| one.harmed).collect()) <= 3,
        "{figures:?}"
    );
    assert!(
        median(figures.iter().map(|one| one.told).collect()) <= FEW,
        "{figures:?}"
    );
}

#[test]
fn three_percent_bad_boxes_stop_it_with_three_harmed_and_two_percent_started() {
    let figures = three_percent(&nightly(), &BAD, 9);
    report("3 % bad", &figures);
    stops_early(&figures);
}

#[test]
#[ignore = "a hundred seeds"]
fn soak_a_rollout_with_three_percent_bad_boxes_over_a_hundred_seeds() {
    let figures = three_percent(&nightly(), &BAD, 100);
    report("3 % bad", &figures);
    stops_early(&figures);
}

#[test]
#[ignore = "the figures behind docs/rollout.md"]
fn soak_a_rollout_by_the_contracts_numbers_alone_stops_later() {
    let policy = Policy {
        rule: Rule {
            level: 0.0,
            ..Rule::default()
        },
        ..nightly()
    };
    report("3 % bad, max(3, 2 %) alone", &three_percent(&policy, &BAD, 25));
}

/// Harm that shows when a box was confirmed twenty minutes ago.
fn late(fate: Fate, percent: usize, count: u64) -> Vec<Figures> {
    let run = |seed: u64| {
        let mut world = World::new(BOXES, nightly(), seed);
        let bad = world.some(percent);
        world.doom(bad, &[fate]);
        until_it_stops(world, seed).1
    };
    seeds(count).into_iter().map(run).collect()
}

#[test]
fn harm_that_shows_twenty_minutes_after_it_was_confirmed_stops_it_too() {
    for fate in [Fate::Crashes, Fate::LosesCalls] {
        let figures = late(fate, 10, 1);
        report(&format!("10 % {fate:?}"), &figures);
        assert!(figures.iter().all(|one| one.stopped), "{fate:?} {figures:?}");
    }
}

#[test]
#[ignore = "the figures behind docs/rollout.md"]
fn soak_a_rollout_with_late_harm_over_seven_seeds() {
    for fate in [Fate::Crashes, Fate::LosesCalls] {
        let figures = late(fate, 3, 7);
        report(&format!("3 % {fate:?}"), &figures);
        assert!(figures.iter().all(|one| one.stopped), "{fate:?}");
    }
}

/// Three boxes in a hundred are of this model.
const RARE: &str = "Table";

fn of_a_model(fate: Fate, seed: u64) -> (World, Figures) {
    let mut world = World::new(BOXES, nightly(), seed);
    let all: Vec<usize> = (0..BOXES).filter(|room| world.rooms[*room].model == RARE).collect();
    assert_eq!(all.len(), 90);
    world.doom(all, &[fate]);
    until_it_stops(world, seed)
}

#[test]
fn harm_of_one_model_stops_it_and_the_model_is_among_the_canaries() {
    for seed in seeds(1) {
        let (world, figures) = of_a_model(Fate::RollsBack, seed);
        assert!(figures.stopped && figures.told <= 10, "seed {seed}: {figures:?}");
        assert!(world.harmed.iter().all(|room| world.rooms[*room].model == RARE));
        // The same, but only seen after the fact.
        let (world, figures) = of_a_model(Fate::Crashes, seed);
        let State::Stopped { reason } = &world.engine.rollout().state else {
            panic!("seed {seed}: {figures:?}");
        };
        assert!(
            matches!(
                reason,
                Reason::Trouble {
                    trouble: Trouble::Crash,
                    ..
                }
            ),
            "{reason:?}"
        );
        assert!(figures.told <= BOXES * 5 / 100, "seed {seed}: {figures:?}");
    }
}

fn nobody_is_bad(boxes: usize, seed: u64) -> Figures {
    let (world, figures) = until_it_stops(World::new(boxes, nightly(), seed), seed);
    let rollout = world.engine.rollout();
    assert_eq!(rollout.state, State::Done, "seed {seed}");
    let updated = world.rooms.iter().filter(|room| room.running == AFTER).count();
    assert_eq!(updated, boxes, "seed {seed}: rooms that are off at night included");
    assert!(
        rollout
            .members
            .iter()
            .all(|member| matches!(member.stage, Stage::Updated { .. }))
    );
    let waves = world
        .notes
        .iter()
        .filter(|(_, note)| matches!(note, Note::Wave { .. }))
        .count();
    assert_eq!(waves, 5);
    figures
}

#[test]
fn a_good_release_reaches_every_box_those_that_are_off_at_night_included() {
    for seed in seeds(1) {
        println!("a good release: {:?}", nobody_is_bad(300, seed));
    }
}

#[test]
#[ignore = "many seeds"]
fn soak_a_rollout_of_a_good_release_is_not_stopped() {
    let figures: Vec<Figures> = seeds(20).into_iter().map(|seed| nobody_is_bad(BOXES, seed)).collect();
    report("none bad", &figures);
}

#[test]
fn abort_stops_boxes_that_wait_or_download_and_nobody_else_begins() {
    let mut world = World::new(
        BOXES,
        Policy {
            soak: std::time::Duration::ZERO,
            ..Policy::default()
        },
        7,
    );
    let busy = |world: &World| {
        let on_its_way = |member: &&roomctl::rollout::Member| member.only_waits();
        world.engine.rollout().members.iter().filter(on_its_way).count() >= 12
    };
    assert!(world.run(hours(24 * 10), busy), "boxes download");
    world.tell(Input::Abort);
    assert_eq!(world.engine.rollout().state, State::Aborted);
    let Some((_, Note::Aborted { withdrawn })) = world.notes.last() else {
        panic!("{:?}", world.notes.last());
    };
    assert!(*withdrawn >= 12);
    let told: Vec<usize> = world.told.iter().copied().collect();
    let already = told.iter().filter(|room| world.rooms[**room].running == AFTER).count();
    let end = world.ms;
    world.run(
        SignedDuration::from_millis(i64::try_from(end).unwrap()) + hours(48),
        |_| false,
    );
    assert_eq!(world.told.len(), told.len(), "nobody else is told");
    let later = told.iter().filter(|room| world.rooms[**room].running == AFTER).count();
    assert_eq!(later, already, "whoever waited or downloaded stays as it was");
    for room in told {
        let room = &world.rooms[room];
        if room.running == BEFORE {
            assert_eq!(room.phase(), fleet::contract::Phase::Idle, "{}", room.device);
        }
    }
}

#[test]
fn whoever_goes_on_after_a_stop_has_looked_at_it_and_the_next_harm_stops_it_again() {
    let mut world = World::new(BOXES, nightly(), 3);
    let bad = world.some(10);
    world.doom(bad, &BAD);
    assert!(world.run(hours(24 * 10), World::stopped));
    let first = world.told.len();
    world.tell(Input::Resume);
    assert_eq!(world.engine.rollout().state, State::Running);
    let end = SignedDuration::from_millis(i64::try_from(world.ms).unwrap());
    assert!(world.run(end + hours(24 * 10), World::stopped));
    assert!(world.told.len() > first, "it went on");
}

#[test]
fn a_rollout_that_is_taken_up_by_somebody_else_goes_on_where_it_was() {
    let mut world = World::new(
        300,
        Policy {
            soak: std::time::Duration::ZERO,
            ..Policy::default()
        },
        5,
    );
    assert!(world.run(hours(24), |world| world.engine.rollout().started() > 40));
    world.tell(Input::Pause);
    let text = serde_json::to_string(world.engine.rollout()).unwrap();
    let read: roomctl::rollout::Rollout = serde_json::from_str(&text).unwrap();
    assert_eq!(&read, world.engine.rollout(), "nothing is lost in the registry");
    world.taken_over(read);
    let told = world.told.len();
    let end = SignedDuration::from_millis(i64::try_from(world.ms).unwrap());
    world.run(end + hours(5), |_| false);
    assert_eq!(world.told.len(), told, "a pause holds");
    world.tell(Input::Resume);
    assert!(world.run(end + hours(24 * 3), |world| world.engine.rollout().state == State::Done));
    assert!(world.rooms.iter().all(|room| room.running == AFTER));
}
