//! Sees all that leaves the core of one box, and keeps the rules.

use std::collections::{BTreeMap, BTreeSet};

use fleet::contract::{Phase, UpdateReport};
use fleet::update::{ARROWS, BEGINNINGS};

use crate::power::key;

/// What is true of the box, whatever its core believes.
#[derive(Debug, Default, Clone, Copy)]
pub struct Truth {
    /// Since the start of the box.
    pub up_ms: u64,
    pub in_use: bool,
    pub reached: bool,
    pub passed: bool,
}

#[derive(Debug, Default)]
pub struct Witness {
    /// Outputs that were carried out.
    pub steps: usize,
    pub arrows: BTreeSet<String>,
    pub beginnings: BTreeSet<String>,
    pub confirmed: bool,
    pub said: Vec<(u64, Phase)>,
    /// The next report is the first since a start: some before it may not have been said.
    pub restarted: bool,
    last: Option<UpdateReport>,
    reboots: BTreeMap<u64, u32>,
    failures: (u64, u64),
    proved: BTreeSet<u64>,
}

impl Witness {
    /// What goes to disk.
    pub fn writes(&mut self, bytes: &[u8], truth: Truth) {
        let kept: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let (rev, failures) = (
            kept["update"]["rev"].as_u64().unwrap(),
            kept["failures"].as_u64().unwrap(),
        );
        if rev == self.failures.0 {
            assert!(failures >= self.failures.1, "a failure was forgotten: {kept}");
        }
        self.failures = (rev, failures);
        let over = &kept["stage"]["over"]["phase"];
        if *over == "confirmed" {
            let proved = truth.reached && truth.passed && truth.up_ms >= 600_000;
            assert!(proved, "confirmed without proof: {truth:?}");
            self.proved.insert(rev);
        }
    }

    pub fn good(&self, rev: u64) {
        assert!(
            self.proved.contains(&rev),
            "{rev} is marked good before that is on disk"
        );
    }

    pub fn downloads(&self, rev: u64) {
        assert!(
            self.failures.0 != rev || self.failures.1 < 2,
            "a third attempt at {rev}"
        );
    }

    pub fn reboots(&mut self, rev: u64, truth: Truth) {
        assert!(!truth.in_use, "a meeting was interrupted");
        let reboots = self.reboots.entry(rev).or_default();
        *reboots += 1;
        assert!(*reboots <= 2, "a third trial of {rev}");
    }

    pub fn goes_back(&self, truth: Truth) {
        assert!(!truth.in_use, "a meeting was interrupted");
    }

    pub fn says(&mut self, report: UpdateReport) {
        let restarted = std::mem::take(&mut self.restarted);
        let (rev, to) = (report.rev, report.phase);
        self.said.push((rev, to));
        self.confirmed |= to == Phase::Confirmed;
        if matches!(to, Phase::Failed | Phase::RolledBack | Phase::Refused) {
            assert!(report.code.is_some() && report.msg.is_some(), "{report:?}");
        }
        let before = self.last.replace(report).filter(|last| last.rev != 0 && rev != 0);
        match before {
            Some(last) if last.rev == rev && last.phase == to => {}
            Some(last) if last.rev == rev => {
                let from = last.phase;
                let arrow = |from: Phase, to: Phase| ARROWS.iter().any(|arrow| (arrow.0, arrow.1) == (from, to));
                let over = |between: &&(Phase, Phase, &str)| arrow(from, between.0) && arrow(between.0, to);
                let unsaid = restarted && ARROWS.iter().any(|between| over(&between));
                // A slot that was half written once may start by itself much later.
                let stray = restarted && to == Phase::Trial;
                assert!(
                    arrow(from, to) || unsaid || stray,
                    "{from:?} to {to:?}: {:?} {restarted} {:?}",
                    self.said,
                    self.steps
                );
                self.arrows.insert(key(from, to));
            }
            Some(last) => {
                assert!(rev > last.rev, "{:?}", self.said);
                let begins = BEGINNINGS.iter().any(|beginning| beginning.0 == to);
                assert!(begins || restarted, "{to:?} at the beginning: {:?}", self.said);
                self.beginnings.insert(format!("{to:?}"));
            }
            None => {}
        }
    }
}
