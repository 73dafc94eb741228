//! What is wanted from outside the room.

use std::time::Instant;

use super::Room;
use crate::remote::{Bulletin, MAX_BULLETIN, MAX_LOCATE, RemoteCommand, Settings};
use crate::snapshot::Notice;
use crate::words;

impl Room {
    pub(super) fn on_remote(&mut self, command: RemoteCommand, now: Instant) {
        match command {
            RemoteCommand::ShowBulletins(bulletins) => self.bulletins = bulletins,
            RemoteCommand::Locate(time) => self.located_until = Some(now + time.min(MAX_LOCATE)),
            RemoteCommand::Announce(act) => self.say(Notice::FromOutside(act), now),
            RemoteCommand::SetVolume(volume) => self.set_volume(volume),
            RemoteCommand::Settings(Settings { language, chat, alone }) => {
                self.options.language = language;
                self.options.chat = chat;
                self.options.timing.alone = alone;
            }
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
