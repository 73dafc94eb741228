//! Boxes that say nothing, though they usually would.

use fleet::contract::Phase;
use jiff::{SignedDuration, Timestamp};

use super::{Engine, MOMENT};
use crate::rollout::member::{Harm, Stage};
use crate::rollout::verdict::WATCH;

/// To check, to write, or to prove itself, which waits for the end of a meeting.
const STUCK: SignedDuration = SignedDuration::from_hours(12);
/// Hours in which it would have been there: then it is silent.
const SILENCE: f64 = 1.5;

impl Engine {
    pub(super) fn notice_silence(&mut self, now: Timestamp) {
        let mut silent = Vec::new();
        for (place, member) in self.rollout.members.iter().enumerate() {
            let begun = match member.stage {
                Stage::Started { at, .. } => at,
                Stage::Updated { at } if now.duration_since(at) <= WATCH => at,
                _ => continue,
            };
            if !member.online && !member.clean {
                let since = Some(member.changed.max(begun))
                    .max(self.hearing.watching())
                    .unwrap_or(now);
                if now.duration_since(since) >= MOMENT && member.habit.missed(since, now, &self.zone) >= SILENCE {
                    silent.push(place);
                }
            } else if let Stage::Started {
                phase: Phase::Verifying | Phase::Installing | Phase::Trial,
                since,
                ..
            } = member.stage
                && member.online
                && now.duration_since(since.max(member.changed)) >= STUCK
            {
                silent.push(place);
            }
        }
        for place in silent {
            // It may come back with either release.
            let release = self.rollout.members[place].release_before().to_owned();
            self.harm(place, Harm::Silent, String::new(), release, now);
        }
    }
}
