//! What a box says of its update.

use fleet::contract::{Phase, UpdateReport};
use jiff::Timestamp;

use super::Engine;
use crate::rollout::member::{Harm, Stage};
use crate::rollout::output::Note;

impl Engine {
    /// A box says how far it is. True when it has come to an end.
    pub(super) fn report(&mut self, place: usize, report: UpdateReport, now: Timestamp) -> bool {
        let release = &self.rollout.image.release;
        let member = &mut self.rollout.members[place];
        member.reported = report.rev;
        member.running.clone_from(&report.running);
        if member.told == 0 && member.is_untouched() && report.running == *release {
            member.stage = Stage::Already;
            return true;
        }
        if member.told == 0 || report.rev != member.told {
            return false;
        }
        let said = report.msg.unwrap_or_default();
        let open = matches!(
            member.stage,
            Stage::Started { .. } | Stage::Absent | Stage::Untouched | Stage::Harmed { harm: Harm::Silent, .. }
        );
        let device = member.device.clone();
        match report.phase {
            Phase::Confirmed
                if (open || matches!(member.stage, Stage::Harmed { .. })) && report.running == *release =>
            {
                member.stage = Stage::Updated { at: now };
                self.rollout.clean += 1;
                if std::mem::take(&mut member.withdrawn) {
                    self.leave_as_it_is(place);
                }
                self.say(Note::Updated { device });
            }
            Phase::Failed | Phase::RolledBack if open || matches!(member.stage, Stage::Updated { .. }) => {
                let harm = if report.phase == Phase::Failed {
                    Harm::Failed
                } else {
                    Harm::RolledBack
                };
                // With its verdict it says for sure what runs.
                self.harm(place, harm, said, report.running, now);
            }
            Phase::Refused if open => {
                member.stage = Stage::Refused { said: said.clone() };
                self.say(Note::Refused { device, said });
            }
            Phase::Idle if member.is_on_its_way() && report.running == *release => member.stage = Stage::Already,
            phase => {
                match &mut member.stage {
                    Stage::Started {
                        phase: before, since, ..
                    } if *before != phase => (*before, *since) = (phase, now),
                    // The withdrawal came too late.
                    stage @ (Stage::Untouched | Stage::Absent) if phase == Phase::Trial => {
                        *stage = Stage::Started {
                            at: now,
                            phase,
                            since: now,
                        };
                    }
                    _ => {}
                }
                return false;
            }
        }
        self.look = true;
        true
    }

    /// A box is harmed: it stays at this release.
    pub(super) fn harm(&mut self, place: usize, harm: Harm, said: String, release: String, now: Timestamp) {
        let member = &self.rollout.members[place];
        let note = Note::Harmed {
            device: member.device.clone(),
            harm,
            said: said.clone(),
        };
        // It would try once more by itself.
        self.take_back(place, release);
        self.rollout.members[place].stage = Stage::Harmed { harm, at: now, said };
        self.rollout.clean = 0;
        self.look = true;
        self.say(note);
    }
}
