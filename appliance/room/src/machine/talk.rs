//! What people do in a meeting beside being seen and heard: hands, messages, names, moderating, and being alone.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Room;
use crate::conference::{ChatMessage, ConferenceCommand, ConferenceEvent, Knocker, ParticipantId, Recording};
use crate::options::ChatPolicy;
use crate::outcome::Outcome;
use crate::snapshot::{Countdown, Notice};
use crate::state::{State, Trigger};
use crate::words;

/// Characters of a message that fit on the wall.
const TEXT_LIMIT: usize = 300;
/// Characters of a name.
const NAME_LIMIT: usize = 100;
/// Messages that are kept.
const MAX_MESSAGES: usize = 50;
/// Most people who are shown as waiting.
const MAX_KNOCKING: usize = 50;

/// Dropped with its meeting.
#[derive(Debug)]
pub(super) struct Talk {
    pub hand_raised: bool,
    /// The message on the wall, and its end.
    pub message: Option<(ChatMessage, Instant)>,
    /// The newest messages that may be shown, oldest first.
    pub messages: VecDeque<ChatMessage>,
    pub recording: Recording,
    pub moderator: bool,
    pub knocking: Vec<Knocker>,
    pub protected: Option<bool>,
    /// Name of the side room; none: the main room.
    pub side_room: Option<String>,
    /// On the way to another room of the meeting.
    pub moving: bool,
    /// Nobody else is here since.
    alone_since: Instant,
    /// Somebody else was here.
    met: bool,
}

impl Talk {
    pub fn new(now: Instant) -> Self {
        Self {
            hand_raised: false,
            message: None,
            messages: VecDeque::new(),
            recording: Recording::default(),
            moderator: false,
            knocking: Vec::new(),
            protected: None,
            side_room: None,
            moving: false,
            alone_since: now,
            met: false,
        }
    }

    /// The room was entered (anew): whatever holds there is told there.
    pub fn enter(&mut self, now: Instant) {
        *self = Self {
            side_room: self.side_room.take(),
            messages: std::mem::take(&mut self.messages),
            met: self.met,
            ..Self::new(now)
        };
    }

    /// Others are here, or not.
    pub fn company(&mut self, others: bool, now: Instant) {
        if others {
            self.met = true;
            self.alone_since = now;
        }
    }

    fn limit(&self, alone: Duration, expecting: Duration) -> Instant {
        self.alone_since + if self.met { alone } else { expecting }
    }
}

impl Room {
    /// What the conference says about it.
    pub(super) fn on_talk(&mut self, event: ConferenceEvent, now: Instant) {
        let until = now + self.options.timing.chat;
        let policy = self.options.chat;
        let Some(talk) = self.meeting.as_mut().map(|meeting| &mut meeting.talk) else {
            return;
        };
        let notice = match event {
            ConferenceEvent::Message(message) => {
                let shown = match policy {
                    ChatPolicy::Nothing => false,
                    ChatPolicy::Public => !message.private,
                    ChatPolicy::All => true,
                };
                if shown {
                    if talk.messages.len() == MAX_MESSAGES {
                        talk.messages.pop_front();
                    }
                    talk.messages.push_back(message.clone());
                    talk.message = Some((message, until));
                }
                None
            }
            ConferenceEvent::Recording(recording) => {
                talk.recording = recording;
                None
            }
            ConferenceEvent::Moderator(moderator) => {
                let new = !std::mem::replace(&mut talk.moderator, moderator) && moderator;
                if !moderator {
                    talk.knocking.clear();
                }
                new.then_some(Notice::Moderator)
            }
            ConferenceEvent::Knocking(mut knocking) => {
                knocking.truncate(MAX_KNOCKING);
                talk.knocking = knocking;
                None
            }
            ConferenceEvent::PasswordSet { protected } => {
                talk.protected = protected.or(talk.protected);
                Some(protected.map_or(Notice::PasswordRefused, Notice::PasswordSet))
            }
            ConferenceEvent::Moving => {
                talk.moving = true;
                None
            }
            ConferenceEvent::InRoom(name) => {
                let name: Option<String> = name.map(|name| name.chars().take(NAME_LIMIT).collect());
                let changed = talk.side_room != name;
                talk.side_room = name;
                let side = talk.side_room.is_some();
                changed.then_some(Notice::MovedToRoom { side })
            }
            _ => None,
        };
        if let Some(notice) = notice {
            self.say(notice, now);
        }
    }

    pub(super) fn raise_hand(&mut self, up: bool, now: Instant) {
        if self.state != State::InMeeting {
            self.say(Notice::NoMeeting, now);
            return;
        }
        let Some(talk) = self.talk_mut() else { return };
        if std::mem::replace(&mut talk.hand_raised, up) != up {
            self.tell(ConferenceCommand::RaiseHand(up));
        }
    }

    pub(super) fn set_name(&mut self, name: &str, now: Instant) {
        let name: String = name.trim().chars().take(NAME_LIMIT).collect();
        if self.state != State::InMeeting {
            self.say(Notice::NoMeeting, now);
            return;
        }
        if let Some(meeting) = self.meeting.as_mut()
            && !name.is_empty()
            && meeting.name != name
        {
            meeting.name.clone_from(&name);
            self.tell(ConferenceCommand::SetName(name));
        }
    }

    pub(super) fn write(&mut self, to: Option<ParticipantId>, text: String, now: Instant) {
        if self.state != State::InMeeting {
            self.say(Notice::NoMeeting, now);
        } else if !text.trim().is_empty() {
            self.tell(ConferenceCommand::Say { to, text });
        }
    }

    /// A command that only a moderator can give.
    pub(super) fn moderate(&mut self, command: ConferenceCommand, now: Instant) {
        let moderator = self.talk_mut().is_some_and(|talk| talk.moderator);
        if self.state != State::InMeeting {
            self.say(Notice::NoMeeting, now);
        } else if moderator {
            self.tell(command);
        } else {
            self.say(Notice::NotModerator, now);
        }
    }

    /// Somebody in the room has shown that people are there: the time alone begins anew.
    pub(super) fn stir(&mut self, now: Instant) {
        if let Some(talk) = self.talk_mut() {
            talk.alone_since = now;
        }
    }

    fn talk_mut(&mut self) -> Option<&mut Talk> {
        self.meeting.as_mut().map(|meeting| &mut meeting.talk)
    }

    /// When the box leaves because nobody else is here.
    fn alone_limit(&self) -> Option<Instant> {
        let meeting = self.meeting.as_ref().filter(|_| self.state == State::InMeeting)?;
        let alone = meeting.stage.people().is_empty();
        let timing = &self.options.timing;
        alone.then(|| meeting.talk.limit(timing.alone, timing.expecting))
    }

    /// What falls due next: a word about the time left, the leaving itself, the end of a message.
    pub(super) fn talk_limit(&self) -> Option<Instant> {
        let message = self.meeting.as_ref().and_then(|meeting| meeting.talk.message.as_ref());
        let alone = self.alone_limit().map(|limit| {
            let next = Countdown::ALL.into_iter().filter(|word| Some(*word) > self.countdown);
            let words = next.filter_map(|word| limit.checked_sub(word.left()));
            words.min().unwrap_or(limit)
        });
        [message.map(|(_, until)| *until), alone].into_iter().flatten().min()
    }

    pub(super) fn watch_talk(&mut self, now: Instant) {
        if self.alone_limit().is_some_and(|limit| limit <= now) {
            self.leave(Trigger::GiveUp, Outcome::NobodyLeft, now);
        }
        if let Some(talk) = self.talk_mut()
            && talk.message.as_ref().is_some_and(|(_, until)| *until <= now)
        {
            talk.message = None;
        }
        self.countdown = self.alone_limit().and_then(|limit| {
            let left = limit.saturating_duration_since(now);
            Countdown::ALL.into_iter().find(|word| left <= word.left())
        });
    }

    /// The message on the wall.
    pub(super) fn message_line(&self) -> Option<String> {
        let (message, _) = self.meeting.as_ref()?.talk.message.as_ref()?;
        let language = self.options.language;
        let name = message.name.as_deref().unwrap_or(words::unnamed(language));
        let name: String = name.chars().take(NAME_LIMIT).collect();
        let text: String = message.text.chars().take(TEXT_LIMIT).collect();
        Some(words::written_by(language, &name, &text, message.private))
    }

    /// Lasting marks beside the box's own state.
    pub(super) fn marks(&self) -> Vec<String> {
        let Some(talk) = self
            .meeting
            .as_ref()
            .filter(|_| self.in_meeting())
            .map(|meeting| &meeting.talk)
        else {
            return Vec::new();
        };
        let language = self.options.language;
        let Recording {
            recorded,
            broadcast,
            transcribed,
        } = talk.recording;
        let marks = [
            (recorded, words::Mark::Recorded),
            (broadcast, words::Mark::Broadcast),
            (transcribed, words::Mark::Transcribed),
            (talk.hand_raised, words::Mark::HandRaised),
        ];
        let marks = marks.into_iter().filter(|(on, _)| *on);
        let mut marks: Vec<String> = marks.map(|(_, mark)| words::mark(language, mark).to_owned()).collect();
        marks.extend(talk.side_room.as_deref().map(|name| words::side_room(language, name)));
        marks
    }
}
