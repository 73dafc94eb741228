//! What must be true of a box, in a few rules of its own: it reads the messages, never the code of the session.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What the fleet once sent, as the witness keeps it.
#[derive(Debug, Clone)]
pub struct Sent {
    pub rev: u64,
    pub network: Option<String>,
    /// The box will refuse it.
    pub bad: bool,
    pub idle: bool,
}

/// The rules of a configuration (§1, 4/5).
#[derive(Debug, Clone, Default)]
pub struct Configured {
    newest: Option<Sent>,
    applied: Option<Sent>,
    before: Option<Sent>,
    status: &'static str,
    /// The network is on trial until then; true: the settings came after this connection had begun.
    trial: Option<u64>,
}

impl Configured {
    pub fn delivered(&mut self, sent: &Sent) {
        if self.newest.as_ref().is_none_or(|newest| newest.rev < sent.rev) {
            self.newest = Some(sent.clone());
            self.status = "pending";
        }
    }

    /// The box is told to apply a revision.
    pub fn told(&self, rev: u64, trial: bool, meeting: bool) {
        let newest = self.newest.as_ref().expect("told to apply what nobody sent");
        assert_eq!(newest.rev, rev, "only the newest");
        assert!(
            self.applied.as_ref().is_none_or(|applied| applied.rev < rev),
            "never back, never twice"
        );
        assert!(!(newest.idle && meeting), "a meeting was disturbed by {rev}");
        let network = |sent: &Option<Sent>| sent.as_ref().and_then(|sent| sent.network.clone());
        assert_eq!(
            trial,
            newest.network != network(&self.applied),
            "on trial when the network changes"
        );
        assert!(self.trial.is_none(), "one trial at a time");
    }

    pub fn answered(&mut self, sent: &Sent, now_ms: u64) {
        let newest = self.newest.as_ref().is_some_and(|newest| newest.rev == sent.rev);
        if sent.bad {
            if newest {
                self.status = "rejected";
            }
            return;
        }
        let before = self.applied.replace(sent.clone());
        if before.as_ref().and_then(|before| before.network.clone()) != sent.network {
            self.before = before;
            self.trial = Some(now_ms + 120_000);
        } else if newest {
            self.status = "applied";
        }
    }

    fn on_trial_is_newest(&self) -> bool {
        let rev = |sent: &Option<Sent>| sent.as_ref().map(|sent| sent.rev);
        rev(&self.newest) == rev(&self.applied)
    }

    /// A connection that began after the trial.
    pub fn reached(&mut self) {
        if self.trial.take().is_some() && self.on_trial_is_newest() {
            self.status = "applied";
        }
    }

    pub fn restored(&mut self, rev: Option<u64>, now_ms: u64, restarted: bool) {
        let until_ms = self.trial.take().expect("restored without a trial");
        assert!(restarted || now_ms >= until_ms, "too early");
        if self.on_trial_is_newest() {
            self.status = "rolled_back";
        }
        self.applied = self.before.take();
        assert_eq!(self.applied.as_ref().map(|sent| sent.rev), rev);
    }

    /// In time, and with nothing in between.
    pub fn check(&self, now_ms: u64, meeting: bool, reported: Option<&Value>, in_effect: Option<u64>) {
        if let Some(until_ms) = self.trial {
            assert!(now_ms <= until_ms + 1_000, "a trial that does not end");
            return;
        }
        assert_eq!(in_effect, self.applied.as_ref().map(|sent| sent.rev));
        let Some(newest) = &self.newest else { return };
        assert!(
            self.status != "pending" || (newest.idle && meeting),
            "{} was forgotten",
            newest.rev
        );
        let Some(reported) = reported else {
            panic!("nothing reported of {}", newest.rev)
        };
        assert_eq!(reported["rev"], newest.rev, "{reported}");
        assert_eq!(reported["status"], self.status, "{reported}");
        assert_eq!(
            reported["applied_rev"],
            self.applied.as_ref().map_or(0, |sent| sent.rev),
            "{reported}"
        );
    }
}

/// A command as the fleet sent it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub exp_ms: i64,
    pub dangerous: bool,
    pub signed: bool,
}

/// The rules of commands (§1, 8/9).
#[derive(Debug, Default)]
pub struct Commanded {
    pub asked: BTreeMap<String, Asked>,
    executed: BTreeMap<String, u64>,
    times_ms: Vec<u64>,
    pub running: BTreeSet<String>,
    /// Last answers, by id, without what is a replay.
    ends: BTreeMap<String, String>,
    pub count: u64,
}

impl Commanded {
    pub fn executed(&mut self, id: &str, walls_ms: &[Option<i64>], now_ms: u64) {
        let asked = self.asked.get(id).expect("executed what nobody asked for");
        assert!(
            self.executed.insert(id.into(), now_ms).is_none(),
            "{id} was executed twice"
        );
        assert!(asked.signed || !asked.dangerous, "{id} was not signed");
        let allowed = |wall_ms: &Option<i64>| wall_ms.map_or(!asked.dangerous, |wall_ms| wall_ms < asked.exp_ms);
        assert!(walls_ms.iter().any(allowed), "{id} had expired, or there was no clock");
        self.running.insert(id.into());
        assert!(self.running.len() <= 4, "too many at one time");
        self.times_ms.retain(|time| time + 60_000 > now_ms);
        self.times_ms.push(now_ms);
        assert!(self.times_ms.len() <= 30, "too many in a minute");
        self.count += 1;
    }

    pub fn power_cut(&mut self) {
        self.times_ms.clear();
    }

    /// An answer that the fleet hears.
    pub fn heard(&mut self, body: &Value) {
        let (id, status) = (body["re"].as_str().unwrap(), body["status"].as_str().unwrap());
        if !["done", "failed"].contains(&status) {
            return;
        }
        assert!(self.executed.contains_key(id), "{id} ended without a beginning");
        let end = format!("{status} {}", body["code"]);
        let known = self.ends.entry(id.into()).or_insert_with(|| end.clone());
        assert_eq!(*known, end, "{id} ended twice, and otherwise");
    }

    pub fn has_ended(&self, id: &str) -> bool {
        self.ends.contains_key(id)
    }
}

/// The rules of events (§1, Broker loss, Offline queue).
#[derive(Debug, Default)]
pub struct Told {
    /// On the disk of the box, at some time.
    pub accepted: BTreeSet<String>,
    /// In the memory of the broker, since when.
    broker: BTreeMap<String, u64>,
    /// Where they belong.
    consumer: BTreeSet<String>,
    /// Security events: their ids, and when each was made.
    known: BTreeSet<String>,
    security: BTreeMap<String, Vec<u64>>,
    late_ms: Vec<u64>,
}

impl Told {
    pub fn heard(&mut self, body: &Value, class: &str, sent_ms: u64, real_ms: u64) {
        let id = body["id"].as_str().unwrap();
        if class == "evt/security" && self.known.insert(id.into()) {
            let (boot, up_ms) = (body["boot"].to_string(), body["up_ms"].as_u64().unwrap());
            let minutes = self.security.entry(boot).or_default();
            let near = minutes.iter().any(|other| other.abs_diff(up_ms) < 60_000);
            assert!(!near, "two security events in a minute");
            minutes.push(up_ms);
        }
        self.broker.insert(id.into(), real_ms);
        if body["late"] == true {
            self.late_ms.retain(|time| time + 1_000 > sent_ms);
            self.late_ms.push(sent_ms);
            assert!(self.late_ms.len() <= 20, "more than 20 in a second");
        }
    }

    pub fn power_cut(&mut self) {
        self.late_ms.clear();
    }

    /// The broker hands on what it has had for nine minutes.
    pub fn pass(&mut self, real_ms: u64) {
        let old = |since: &u64| since + 540_000 <= real_ms;
        self.consumer.extend(
            self.broker
                .iter()
                .filter(|(_, since)| old(since))
                .map(|(id, _)| id.clone()),
        );
        self.broker.retain(|_, since| !old(since));
    }

    /// The broker dies, and with it what it had acknowledged.
    pub fn broker_died(&mut self) {
        self.broker.clear();
    }

    pub fn lost(&self) -> usize {
        self.accepted
            .iter()
            .filter(|id| !self.consumer.contains(*id) && !self.broker.contains_key(*id))
            .count()
    }
}

/// The rules of a notice (§1, 12).
#[derive(Debug, Clone, Default)]
pub struct Noticed {
    newest: Option<(u64, i64, bool)>,
}

impl Noticed {
    pub fn delivered(&mut self, rev: u64, exp_ms: i64, text: bool) {
        if self.newest.is_none_or(|(newest, ..)| newest < rev) {
            self.newest = Some((rev, exp_ms, text));
        }
    }

    pub fn check(&self, wall_ms: i64, shown: Option<u64>) {
        let expected = self
            .newest
            .filter(|(_, exp_ms, text)| *text && wall_ms < *exp_ms)
            .map(|(rev, ..)| rev);
        assert_eq!(shown, expected, "on the wall");
    }
}
