//! Lives of boxes whose power is cut at every step there is. A witness who sees all that leaves the core keeps the rules: no
//! release is tried more than twice under one document, no failure is forgotten, none is confirmed that did not prove itself,
//! no meeting is interrupted, and the phases follow each other as the picture says.

use std::collections::BTreeSet;

use fleet::contract::Phase;
use fleet::update::{ARROWS, BEGINNINGS};

use crate::bench::release;
use crate::life::Life;

/// Lives, each with a cut before and after each of its steps.
const SEEDS: u64 = 40;

#[test]
fn a_power_cut_at_any_step_breaks_no_rule_and_the_picture_is_all_there_is() {
    let (mut arrows, mut beginnings, mut lives, mut confirmed) = (BTreeSet::new(), BTreeSet::new(), 0, 0);
    for seed in 0..SEEDS {
        let steps = Life::new(seed, None).live().steps;
        assert!(steps > 10, "seed {seed}: {steps}");
        let cuts = (0..steps).flat_map(|step| [Some((step, false)), Some((step, true))]);
        for cut in cuts.chain([None]) {
            let witness = Life::new(seed, cut).live();
            arrows.extend(witness.arrows);
            beginnings.extend(witness.beginnings);
            confirmed += u32::from(witness.confirmed);
            lives += 1;
        }
    }
    let never: Vec<_> = ARROWS
        .iter()
        .filter(|(from, to, _)| !arrows.contains(&key(*from, *to)))
        .collect();
    assert!(never.is_empty(), "nobody saw {never:?} in {lives} lives");
    let never: Vec<_> = BEGINNINGS
        .iter()
        .filter(|(to, _)| !beginnings.contains(&format!("{to:?}")))
        .collect();
    assert!(never.is_empty(), "nobody saw {never:?} in {lives} lives");
    assert!(confirmed > lives / 10, "{confirmed} of {lives} reached their release");
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
