//! The configuration: only ever a newer one, whole or not at all, at its time, and its network settings on trial.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::connection::Connection;
use super::context::{Context, encoded};
use super::documents::{Document, Documents};
use super::events::Events;
use super::output::{Output, Record};
use super::revision::{Judgement, Revision, judge};
use super::writer::Then;
use crate::contract::{
    ApplyWhen, Code, Configuration, ConfigurationError, ConfigurationReport, ConfigurationStatus, EventClass, Refusal,
};

/// Key of all of it.
pub const KEY: &str = "configuration";
/// The broker has to be reached in this time with other network settings.
const TRIAL_MS: u64 = 120_000;

/// As it stands on disk.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Kept {
    /// The last that was signed.
    last: Option<Revision>,
    status: Option<ConfigurationStatus>,
    errors: Vec<ConfigurationError>,
    applied: Option<Configuration>,
    /// Waits for its time, or for the box.
    pending: Option<Configuration>,
    /// `applied` is on trial; what was there before.
    trial: Option<Before>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Before {
    /// None: the box was as it was delivered.
    configuration: Option<Configuration>,
}

/// What the box shall be, and is.
#[derive(Debug, Default)]
pub struct Policy {
    kept: Kept,
    /// `kept` as it is has not reached the disk so often.
    writing: u32,
    /// The box has it, its answer is missing.
    applying: Option<Box<Configuration>>,
    /// End of the trial, and the connection that was the last before it.
    trial: Option<(u64, u64)>,
    drift: Vec<String>,
    /// Something is to be reported.
    news: bool,
    /// The end of this revision was noticed.
    stale: Option<u64>,
}

impl Policy {
    /// What was on disk at the start. A trial that a restart cut off is lost.
    pub fn recover(&mut self, value: &[u8], cx: &mut Context) {
        match serde_json::from_slice(value) {
            Ok(kept) => {
                self.kept = kept;
                self.news = true;
            }
            Err(error) => tracing::warn!(%error, "the configuration cannot be read from disk"),
        }
        if self.kept.trial.is_some() {
            self.roll_back(cx);
        }
    }

    /// In effect.
    pub fn applied(&self) -> Option<&Configuration> {
        self.kept.applied.as_ref()
    }

    /// Over how long the fleet spreads connections, says the configuration in effect.
    pub fn spread(&self) -> Option<Duration> {
        let fleet = self.kept.applied.as_ref()?.cfg.get("fleet")?;
        fleet.get("reconnect_spread_s")?.as_u64().map(Duration::from_secs)
    }

    /// A document whose signature holds.
    ///
    /// # Errors
    /// [`Code::StaleRev`], [`Code::RevConflict`]: it is passed over.
    pub fn received(
        &mut self,
        configuration: Configuration,
        documents: &mut Documents,
        cx: &mut Context,
    ) -> Result<(), Code> {
        let fingerprint = configuration.fingerprint();
        match judge(self.kept.last.as_ref(), configuration.rev, &fingerprint) {
            Judgement::Known => documents.again(Document::ConfigReported),
            Judgement::Refused(Code::RevConflict) => {
                let error = whole(Code::RevConflict, "another content under the same revision");
                if !self.kept.errors.contains(&error) {
                    self.kept.errors.push(error);
                    self.write(Then::Configuration, cx);
                }
                return Err(Code::RevConflict);
            }
            Judgement::Refused(code) => return Err(code),
            Judgement::New if fingerprint != configuration.sha256 => {
                let error = ConfigurationError {
                    path: "/sha256".into(),
                    ..whole(Code::InvalidParams, "not that of this content")
                };
                self.reject(configuration.rev, fingerprint, vec![error], cx);
            }
            Judgement::New => {
                let rev = configuration.rev;
                self.kept.last = Some(Revision { rev, fingerprint });
                self.kept.status = Some(ConfigurationStatus::Pending);
                self.kept.errors.clear();
                self.kept.pending = Some(configuration);
                self.write(Then::Configuration, cx);
            }
        }
        Ok(())
    }

    /// A document whose signature holds but that cannot be read.
    ///
    /// # Errors
    /// [`Code::StaleRev`], or the code of the refusal: it is passed over, there is no revision to report on.
    pub fn unreadable(&mut self, refusal: &Refusal, rev: Option<u64>, cx: &mut Context) -> Result<(), Code> {
        let rev = rev.ok_or(refusal.code)?;
        match judge(self.kept.last.as_ref(), rev, "") {
            Judgement::New => {
                let error = ConfigurationError {
                    path: refusal.pointer.clone(),
                    ..whole(refusal.code, &refusal.message)
                };
                self.reject(rev, String::new(), vec![error], cx);
                Ok(())
            }
            Judgement::Known => Ok(()),
            Judgement::Refused(code) => Err(code),
        }
    }

    fn reject(&mut self, rev: u64, fingerprint: String, errors: Vec<ConfigurationError>, cx: &mut Context) {
        self.kept.last = Some(Revision { rev, fingerprint });
        self.kept.status = Some(ConfigurationStatus::Rejected);
        self.kept.errors = errors;
        self.kept.pending = None;
        self.write(Then::Configuration, cx);
    }

    fn write(&mut self, then: Then, cx: &mut Context) {
        self.writing += 1;
        self.news = true;
        cx.writer.write([Record::put(KEY, encoded(&self.kept))], then);
    }

    /// The last change is on disk: now it counts.
    pub fn written(&mut self) {
        self.writing = self.writing.saturating_sub(1);
    }

    /// The word of the box on what it was given. True when the configuration in effect is another one.
    pub fn configured(&mut self, rev: u64, errors: Vec<ConfigurationError>, cx: &mut Context) -> bool {
        let Some(configuration) = self.applying.take_if(|applying| applying.rev == rev) else {
            return false;
        };
        // A newer one may wait by now.
        self.kept.pending.take_if(|pending| pending.rev == rev);
        let newest = self.kept.last.as_ref().is_some_and(|last| last.rev == rev);
        if !errors.is_empty() {
            if newest {
                self.kept.status = Some(ConfigurationStatus::Rejected);
                self.kept.errors = errors;
            }
            self.write(Then::Configuration, cx);
            return false;
        }
        let trial = self.changes_network(&configuration);
        let before = self.kept.applied.replace(*configuration);
        if newest && !trial {
            self.kept.status = Some(ConfigurationStatus::Applied);
        }
        self.kept.trial = trial.then_some(Before { configuration: before });
        self.write(if trial { Then::Trial } else { Then::Configuration }, cx);
        true
    }

    fn changes_network(&self, configuration: &Configuration) -> bool {
        let net = |configuration: &Configuration| match configuration.cfg.get("net") {
            Some(Value::Object(net)) => net.clone(),
            _ => Map::new(),
        };
        net(configuration) != self.kept.applied.as_ref().map(net).unwrap_or_default()
    }

    /// The trial is on disk: from now on the broker has to be reached.
    pub fn trial_written(&mut self, connection: &mut Connection, cx: &mut Context) {
        self.written();
        if self.kept.trial.is_some() {
            self.trial = Some((cx.now.up_ms + TRIAL_MS, connection.sid()));
            connection.renew(true, cx);
        }
    }

    /// The broker is reached.
    pub fn connected(&mut self, connection: &mut Connection, cx: &mut Context) {
        let Some((_, before)) = self.trial else { return };
        if connection.sid() <= before {
            // Over the network of before: that attempt was on its way when the trial began.
            connection.renew(true, cx);
            return;
        }
        self.trial = None;
        self.kept.trial = None;
        let rev = self.kept.applied.as_ref().map(|applied| applied.rev);
        if self.kept.last.as_ref().map(|last| last.rev) == rev {
            self.kept.status = Some(ConfigurationStatus::Applied);
        }
        connection.proved();
        self.write(Then::Configuration, cx);
    }

    fn roll_back(&mut self, cx: &mut Context) {
        let Some(Before { configuration: before }) = self.kept.trial.take() else {
            return;
        };
        self.trial = None;
        let tried = std::mem::replace(&mut self.kept.applied, before);
        if self.kept.last.as_ref().map(|last| last.rev) == tried.map(|tried| tried.rev) {
            self.kept.status = Some(ConfigurationStatus::RolledBack);
        }
        cx.output(Output::Restore(self.kept.applied.clone().map(Box::new)));
        self.write(Then::Configuration, cx);
    }

    /// Time has passed. True when the configuration in effect is another one.
    pub fn tick(
        &mut self,
        meeting: bool,
        connection: &mut Connection,
        documents: &mut Documents,
        events: &mut Events,
        cx: &mut Context,
    ) -> bool {
        let lost = self.trial.is_some_and(|(end_ms, _)| end_ms <= cx.now.up_ms);
        if lost {
            self.roll_back(cx);
            connection.renew(false, cx);
        }
        self.apply(meeting, cx);
        self.notice_the_end(events, cx);
        if self.writing == 0 && std::mem::take(&mut self.news) {
            self.say(documents, cx.connected);
        }
        lost
    }

    fn say(&self, documents: &mut Documents, connected: bool) {
        let Some(report) = self.report() else { return };
        if !documents.report(Document::ConfigReported, &report, connected) {
            let short = ConfigurationReport {
                errors: report.errors.into_iter().take(1).map(shortened).collect(),
                drift: Vec::new(),
                ..report
            };
            documents.report(Document::ConfigReported, &short, connected);
        }
    }

    fn apply(&mut self, meeting: bool, cx: &mut Context) {
        let free = self.writing == 0 && self.applying.is_none() && self.kept.trial.is_none();
        let Some(pending) = self.kept.pending.as_ref().filter(|_| free) else {
            return;
        };
        let apply = &pending.apply;
        let late = apply
            .deadline
            .is_some_and(|end| cx.now.time().is_some_and(|now| end <= now));
        if apply.when == ApplyWhen::Now || !meeting || late {
            let configuration = Box::new(pending.clone());
            let trial = self.changes_network(&configuration);
            self.applying = Some(configuration.clone());
            cx.output(Output::Apply { configuration, trial });
        }
    }

    /// Past its end the box runs on, and says so once.
    fn notice_the_end(&mut self, events: &mut Events, cx: &mut Context) {
        let Some(applied) = &self.kept.applied else { return };
        let over = applied
            .exp
            .is_some_and(|end| cx.now.time().is_some_and(|now| end <= now));
        if over && self.stale != Some(applied.rev) {
            self.stale = Some(applied.rev);
            let detail = Map::from_iter([("rev".to_owned(), applied.rev.into())]);
            events.raise(EventClass::Alert, "stale_policy", detail, cx);
        }
    }

    /// Somebody changed settings in the room.
    pub fn drifted(&mut self, drift: Vec<String>) {
        self.drift = drift;
        self.news = true;
    }

    fn report(&self) -> Option<ConfigurationReport> {
        Some(ConfigurationReport {
            rev: self.kept.last.as_ref()?.rev,
            status: self.kept.status?,
            applied_rev: self.kept.applied.as_ref().map_or(0, |applied| applied.rev),
            errors: self.kept.errors.clone(),
            drift: self.drift.clone(),
        })
    }

    /// When to come back.
    pub fn next_deadline(&self, cx: &Context) -> Option<u64> {
        let trial = self.trial.map(|(end_ms, _)| end_ms);
        let apply = self.kept.pending.as_ref().filter(|_| self.applying.is_none());
        let apply = apply.and_then(|pending| cx.up_ms_at(pending.apply.deadline?));
        let fresh = self
            .kept
            .applied
            .as_ref()
            .filter(|applied| self.stale != Some(applied.rev));
        let end = fresh.and_then(|applied| cx.up_ms_at(applied.exp?));
        let by_clock = apply.into_iter().chain(end).filter(|at| *at > cx.now.up_ms);
        trial.into_iter().chain(by_clock).min()
    }
}

fn whole(code: Code, msg: &str) -> ConfigurationError {
    ConfigurationError {
        path: String::new(),
        code,
        msg: msg.into(),
        allowed: Vec::new(),
    }
}

fn shortened(error: ConfigurationError) -> ConfigurationError {
    ConfigurationError {
        path: error.path.chars().take(256).collect(),
        msg: error.msg.chars().take(256).collect(),
        allowed: Vec::new(),
        ..error
    }
}
