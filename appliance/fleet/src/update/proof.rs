//! How a release on trial proves itself: it reaches the fleet, passes the self-test and stays up.

use super::input::{Check, CheckName, Contact, Room};
use super::judgement::Cause;
use super::output::Output;
use super::pace::{Pace, ms};
use crate::contract::Code;

/// The self-test is tried so often.
const TESTS: u32 = 3;
/// After one that failed the next waits so long: devices may come late.
const PAUSE_MS: u64 = 120_000;
/// So long one may take.
const TEST_MS: u64 = 300_000;
/// The update server is asked so often, while there is no broker.
const REACH_MS: u64 = 60_000;

/// The self-test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    /// As soon as nobody needs the room, from then on.
    Due(u64),
    /// It runs until then; whether somebody came into the room meanwhile.
    Running {
        until_ms: u64,
        disturbed: bool,
    },
    Passed,
    /// So often that no other follows.
    Failed,
}

/// What the trial has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All conditions hold.
    Good,
    /// It cannot become good, or not in time.
    Bad(Cause),
}

/// A trial, in one start of the box.
#[derive(Debug)]
pub struct Proof {
    born_ms: u64,
    jitsi_before: bool,
    test: Test,
    failures: u32,
    /// What failed last.
    wrong: String,
    broker: bool,
    server: bool,
    /// The update server was asked then.
    asked_ms: Option<u64>,
}

impl Proof {
    /// Begins with the start of the box.
    pub fn new(jitsi_before: bool, born_ms: u64) -> Self {
        Self {
            born_ms,
            jitsi_before,
            test: Test::Due(born_ms),
            failures: 0,
            wrong: String::new(),
            broker: false,
            server: false,
            asked_ms: None,
        }
    }

    pub fn contact(&mut self, contact: Contact) {
        match contact {
            Contact::Broker => self.broker = true,
            Contact::UpdateServer => self.server = true,
        }
    }

    pub fn room(&mut self, room: Room) {
        if let Test::Running { disturbed, .. } = &mut self.test {
            *disturbed |= room == Room::InUse;
        }
    }

    /// The self-test has ended.
    pub fn tested(&mut self, checks: &[Check], now_ms: u64) {
        let Test::Running { disturbed, .. } = self.test else {
            return;
        };
        let wrong = self.wrong(checks);
        if wrong.is_empty() {
            self.test = Test::Passed;
        } else if disturbed {
            // Somebody took the devices away from it: that says nothing.
            self.test = Test::Due(now_ms);
        } else {
            self.failed(wrong, now_ms);
        }
    }

    fn wrong(&self, checks: &[Check]) -> String {
        let passed = |name: CheckName| {
            let mut of = checks.iter().filter(|check| check.name == name).peekable();
            of.peek().is_some() && of.all(|check| check.passed)
        };
        let excused = |name: CheckName| name == CheckName::Jitsi && !self.jitsi_before;
        let wrong = CheckName::ALL
            .into_iter()
            .filter(|name| !passed(*name) && !excused(*name));
        let said = wrong.map(|name| {
            let detail = checks.iter().find(|check| check.name == name && !check.passed);
            format!(
                "{}: {}",
                name.as_str(),
                detail.map_or("no answer", |check| &check.detail)
            )
        });
        said.collect::<Vec<_>>().join("; ")
    }

    fn failed(&mut self, wrong: String, now_ms: u64) {
        self.failures += 1;
        self.wrong = wrong;
        self.test = if self.failures < TESTS {
            Test::Due(now_ms.saturating_add(PAUSE_MS))
        } else {
            Test::Failed
        };
    }

    /// Goes on as far as it can.
    pub fn advance(&mut self, room: Room, url: &str, pace: &Pace, now_ms: u64) -> Vec<Output> {
        let mut outputs = Vec::new();
        match self.test {
            Test::Running { until_ms, .. } if until_ms <= now_ms => self.failed("no answer in time".into(), now_ms),
            Test::Due(at_ms) if at_ms <= now_ms && room == Room::Idle => {
                self.test = Test::Running {
                    until_ms: now_ms.saturating_add(TEST_MS),
                    disturbed: false,
                };
                outputs.push(Output::SelfTest { announce: true });
            }
            _ => {}
        }
        if !self.broker && !self.server && self.reach_at_ms(pace) <= now_ms {
            self.asked_ms = Some(now_ms);
            outputs.push(Output::Reach { url: url.to_owned() });
        }
        outputs
    }

    /// The broker gets half of the time alone.
    fn reach_at_ms(&self, pace: &Pace) -> u64 {
        match self.asked_ms {
            Some(asked_ms) => asked_ms.saturating_add(REACH_MS),
            None => self.born_ms.saturating_add(ms(pace.proof) / 2),
        }
    }

    /// What it has come to, if it has.
    pub fn verdict(&self, pace: &Pace, now_ms: u64) -> Option<Verdict> {
        let up_ms = now_ms.saturating_sub(self.born_ms);
        let contact = self.broker || self.server;
        if self.test == Test::Failed {
            let msg = format!("the self-test failed {TESTS} times: {}", self.wrong);
            Some(Verdict::Bad(Cause::new(Code::Precondition, msg)))
        } else if !contact && up_ms >= ms(pace.contact) {
            let minutes = pace.contact.as_secs() / 60;
            let msg = format!("neither broker nor update server was reached in {minutes} minutes");
            Some(Verdict::Bad(Cause::new(Code::Timeout, msg)))
        } else if contact && self.test == Test::Passed && up_ms >= ms(pace.proof) {
            Some(Verdict::Good)
        } else {
            None
        }
    }

    /// When to come back, after [`Proof::advance`].
    pub fn next_deadline(&self, room: Room, pace: &Pace, now_ms: u64) -> Option<u64> {
        let test = match self.test {
            Test::Due(at_ms) => (room == Room::Idle).then_some(at_ms),
            Test::Running { until_ms, .. } => Some(until_ms),
            Test::Passed | Test::Failed => None,
        };
        let contact = self.broker || self.server;
        let (reach, end) = if contact {
            (None, None)
        } else {
            let end_ms = self.born_ms.saturating_add(ms(pace.contact));
            (
                Some(self.reach_at_ms(pace)),
                Some(end_ms).filter(|end_ms| *end_ms > now_ms),
            )
        };
        let proof_ms = self.born_ms.saturating_add(ms(pace.proof));
        let proof = (contact && self.test == Test::Passed).then_some(proof_ms);
        [test, reach, end, proof].into_iter().flatten().min()
    }
}
