//! What is wanted from outside the room.

use std::time::Instant;

use super::Room;
use crate::effect::{Milestone, SelfTestEnd};
use crate::remote::{Bulletin, MAX_BULLETIN, MAX_LOCATE, MAX_SELF_TEST, RemoteCommand, Settings};
use crate::snapshot::Notice;
use crate::state::State;
use crate::words;

impl Room {
    pub(super) fn on_remote(&mut self, command: RemoteCommand, now: Instant) {
        match command {
            RemoteCommand::ShowBulletins(bulletins) => {
                self.bulletins = bulletins;
                self.make_way_on_the_wall();
            }
            RemoteCommand::Locate(time) => {
                self.located_until = Some(now + time.min(MAX_LOCATE));
                self.make_way_on_the_wall();
            }
            RemoteCommand::Announce(act) => self.say(Notice::FromOutside(act), now),
            RemoteCommand::SelfTest if self.may_test() => self.self_test_until = Some(now + MAX_SELF_TEST),
            RemoteCommand::SelfTest => self.milestone(Milestone::SelfTested(SelfTestEnd::Hindered)),
            RemoteCommand::SetVolume(volume) => self.set_volume(volume),
            RemoteCommand::Settings(Settings { language, chat, alone }) => {
                self.options.language = language;
                self.options.chat = chat;
                self.options.timing.alone = alone;
            }
        }
    }

    fn may_test(&self) -> bool {
        let free = self.state == State::Idle && self.urgent_line().is_none();
        free && self.worker.running() && !self.is_testing()
    }

    /// Devices are open only while the wall says why.
    fn make_way_on_the_wall(&mut self) {
        if self.urgent_line().is_some() {
            self.end_self_test(SelfTestEnd::Hindered);
        }
    }

    /// A self-test runs: its devices are open.
    pub(super) fn is_testing(&self) -> bool {
        self.self_test_until.is_some()
    }

    /// The self-test, if one runs, is over.
    pub(super) fn end_self_test(&mut self, end: SelfTestEnd) {
        if self.self_test_until.take().is_some() {
            self.milestone(Milestone::SelfTested(end));
        }
    }

    pub(super) fn set_volume(&mut self, volume: f64) {
        if !volume.is_nan() {
            self.options.volume = volume.clamp(0.0, 1.0);
        }
    }

    /// What is over everything else on the wall.
    pub(super) fn urgent_line(&self) -> Option<String> {
        let located = || Some(words::located(self.options.language).line()).filter(|_| self.located_until.is_some());
        self.bulletin(true).or_else(located)
    }

    pub(super) fn first_bulletin(&self, emergency: bool) -> Option<&Bulletin> {
        self.bulletins.iter().find(|bulletin| bulletin.emergency == emergency)
    }

    /// The first bulletin of that urgency, as far as it fits.
    pub(super) fn bulletin(&self, emergency: bool) -> Option<String> {
        let shown = |bulletin: &Bulletin| bulletin.text.trim().chars().take(MAX_BULLETIN).collect::<String>();
        self.first_bulletin(emergency)
            .map(shown)
            .filter(|text| !text.is_empty())
    }
}
