//! A rollout as it stands in the registry.

use fleet::contract::DeviceId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::image::Image;
use super::member::{Harm, Member, Stage};
use super::policy::Policy;
use super::verdict::Reason;

/// What is with a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It goes on.
    Running,
    /// Somebody wants it to wait.
    Paused,
    /// It has stopped by itself; what waited or downloaded was taken back.
    Stopped {
        /// Why.
        reason: Reason,
    },
    /// Somebody ended it; what waited or downloaded was taken back.
    Aborted,
    /// Every box has the release, or has said why not.
    Done,
}

impl State {
    /// Nothing more happens, ever.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, State::Aborted | State::Done)
    }
}

/// A rollout: what was laid down, and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// What to reach.
    pub image: Image,
    /// How.
    pub policy: Policy,
    /// What is with it.
    #[serde(flatten)]
    pub state: State,
    /// Which wave, from 0.
    pub wave: usize,
    /// Every box of the wave has come to an end: since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Timestamp>,
    /// Boxes that were updated since the last one was harmed.
    #[serde(default)]
    pub clean: u64,
    /// When it began.
    pub begun: Timestamp,
    /// When somebody last looked who is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Timestamp>,
    /// Its boxes.
    pub members: Vec<Member>,
}

/// A box that was harmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Harmed {
    /// Which.
    #[serde(rename = "box")]
    pub device: DeviceId,
    /// Its model.
    pub model: String,
    /// Where it is.
    pub site: String,
    /// How.
    pub harm: Harm,
    /// In its own words.
    pub said: String,
}

/// A rollout in figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// What to reach.
    pub release: String,
    /// What is with it.
    #[serde(flatten)]
    pub state: State,
    /// Which wave, from 1.
    pub wave: usize,
    /// How many there are.
    pub waves: usize,
    /// The next wave begins then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soak_until: Option<Timestamp>,
    /// All boxes.
    pub boxes: usize,
    /// Those that have begun.
    pub started: usize,
    /// Of those, between their old and their new release.
    pub on_their_way: usize,
    /// They run it; also those that did before.
    pub updated: usize,
    /// It is not for them.
    pub refused: usize,
    /// They take it when they come back.
    pub absent: usize,
    /// Nobody has ever heard of them; they keep nothing open for longer than a day.
    pub unheard: usize,
    /// Which boxes were harmed.
    pub harmed: Vec<Harmed>,
}

impl Rollout {
    /// One that begins.
    #[must_use]
    pub fn new(image: Image, policy: Policy, members: Vec<Member>, begun: Timestamp) -> Self {
        Self {
            image,
            policy,
            state: State::Running,
            wave: 0,
            settled: None,
            clean: 0,
            begun,
            sampled: None,
            members,
        }
    }

    /// Boxes that have begun.
    #[must_use]
    pub fn started(&self) -> usize {
        self.members.iter().filter(|member| member.has_begun()).count()
    }

    /// In figures.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let count = |which: fn(&Stage) -> bool| self.members.iter().filter(|member| which(&member.stage)).count();
        let harmed = self.members.iter().filter_map(|member| match &member.stage {
            Stage::Harmed { harm, said, .. } => Some(Harmed {
                device: member.device.clone(),
                model: member.model.clone(),
                site: member.site.clone(),
                harm: *harm,
                said: said.clone(),
            }),
            _ => None,
        });
        Summary {
            release: self.image.release.clone(),
            state: self.state.clone(),
            wave: self.wave + 1,
            waves: self.policy.waves.len(),
            soak_until: self.soak_until(),
            boxes: self.members.len(),
            started: self.started(),
            on_their_way: count(|stage| matches!(stage, Stage::Started { .. })),
            updated: count(|stage| matches!(stage, Stage::Updated { .. } | Stage::Already)),
            refused: count(|stage| matches!(stage, Stage::Refused { .. })),
            absent: count(|stage| matches!(stage, Stage::Absent)),
            unheard: self.members.iter().filter(|member| member.is_unheard()).count(),
            harmed: harmed.collect(),
        }
    }

    /// When the next wave begins, while nothing is left to be done in this one.
    #[must_use]
    pub fn soak_until(&self) -> Option<Timestamp> {
        let settled = self.settled.filter(|_| self.state == State::Running)?;
        settled.checked_add(self.policy.soak).ok()
    }
}
