//! Lives of boxes whose power is cut at every step there is. A witness who sees all that leaves the core keeps the rules: no
//! release is tried more than twice under one document, no failure is forgotten, none is confirmed that did not prove itself,
//! no meeting is interrupted, and the phases follow each other as the picture says.

use std::collections::BTreeSet;

use fleet::contract::Phase;
use fleet::update::{ARROWS, BEGINNINGS};

use crate::bench::release;
use crate::life::Life;

/// Boxes of the ordinary run; each lives once for every cut before and after one of its steps.
const SEEDS: u64 = 12;

#[test]
fn a_power_cut_at_any_step_breaks_no_rule_and_the_picture_is_all_there_is() {
    let (arrows, beginnings) = lives(SEEDS);
    let seen = |(from, to, _): &&(Phase, Phase, &str)| arrows.contains(&key(*from, *to));
    let never: Vec<_> = ARROWS.iter().filter(|arrow| !seen(arrow)).collect();
    assert!(never.is_empty(), "nobody saw {never:?}");
    let seen = |(to, _): &&(Phase, &str)| beginnings.contains(&format!("{to:?}"));
    let never: Vec<_> = BEGINNINGS.iter().filter(|beginning| !seen(beginning)).collect();
    assert!(never.is_empty(), "nobody saw {never:?}");
}

#[test]
#[ignore = "minutes long: cargo lab soak; FLEET_SEEDS and FLEET_SEED as for the years of a session"]
fn soak_power_cuts_at_any_step_of_hundreds_of_boxes() {
    // One box here is a hundred lives: thousands of them would take hours.
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    lives(number("FLEET_SEEDS").unwrap_or(300).min(300));
}

/// The arrows and beginnings that were seen.
fn lives(seeds: u64) -> (BTreeSet<String>, BTreeSet<String>) {
    let first = std::env::var("FLEET_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let (mut arrows, mut beginnings, mut lives, mut confirmed) = (BTreeSet::new(), BTreeSet::new(), 0, 0);
    for seed in first..first + seeds {
        let one = std::panic::catch_unwind(|| {
            let steps = Life::new(seed, None).live().steps;
            let cuts = (0..steps).flat_map(|step| [Some((step, false)), Some((step, true))]);
            let lived = cuts.chain([None]).map(|cut| Life::new(seed, cut).live());
            lived.collect::<Vec<_>>()
        });
        assert!(one.is_ok(), "again: FLEET_SEEDS=1 FLEET_SEED={seed}");
        for witness in one.unwrap_or_default() {
            arrows.extend(witness.arrows);
            beginnings.extend(witness.beginnings);
            confirmed += u32::from(witness.confirmed);
            lives += 1;
        }
    }
    println!("{lives} lives of {seeds} boxes, {confirmed} reached their release");
    assert!(seeds < SEEDS || confirmed > lives / 10, "{confirmed} of {lives}");
    (arrows, beginnings)
}

#[test]
fn a_good_release_is_reached_through_a_cut_at_any_step() {
    let update = release(57, "2.4.0");
    let steps = Life::plain(update.clone(), None).live().steps;
    for step in 0..steps {
        for after in [false, true] {
            let witness = Life::plain(update.clone(), Some((step, after))).live();
            assert!(witness.confirmed, "{step} {after}: {:?}", witness.said);
        }
    }
}

pub fn key(from: Phase, to: Phase) -> String {
    format!("{from:?} {to:?}")
}
