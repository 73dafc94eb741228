//! What moderators do to the client through components and the focus's presence (`specs/jitsi-client.md §7`): AV
//! moderation, breakout rooms, recordings.

use std::time::Duration;

use serde_json::json;

use super::sources::Media;
use super::{Expectation, Focus};
use crate::bridge::BridgeCommand;
use crate::xml::escape;
use crate::xmpp::{bare, ns};

/// What a moderator decides about a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moderation {
    /// Nobody may unmute without having been approved; everybody is muted.
    On,
    /// Everybody may unmute.
    Off,
    /// The client may unmute (or is asked to).
    Approved,
    /// The client may not unmute any more.
    Removed,
}

/// What runs beside a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// A recording that is kept.
    File,
    /// A broadcast.
    Stream,
}

impl Focus {
    /// A component says something to somebody.
    fn speak(&self, component: &str, to: &str, json: &serde_json::Value) {
        let (from, to) = (self.jid(), escape(to));
        let text = escape(&json.to_string());
        self.occupant.send(format!(
            "<message from='{from}' to='{component}'><speak xmlns='urn:x-conference:speak' to='{to}'>\
             <json-message xmlns='{}'>{text}</json-message></speak></message>",
            ns::JITMEET
        ));
    }

    /// AV moderation; the focus mutes everybody when it is switched on, as jicofo does.
    pub(super) fn moderate(&mut self, nick: &str, media: Media, what: Moderation) {
        let Some(room) = self.room_of(nick) else { return };
        let Some(entry) = self.rooms.get_mut(&room) else { return };
        let Some(member) = entry.members.get(nick) else { return };
        let (to, muted) = (member.jid.clone(), member.muted(media));
        let own = (nick.to_owned(), media);
        let mut message = json!({"type": "av_moderation", "room": room, "mediaType": media.word()});
        let actor = json!(format!("{room}/{}", entry.moderator.clone().unwrap_or_default()));
        match what {
            Moderation::On | Moderation::Off => {
                entry.approved.clear();
                entry.moderated.retain(|moderated| *moderated != media);
                message["enabled"] = json!(what == Moderation::On);
                message["actor"] = actor;
                if what == Moderation::On {
                    entry.moderated.push(media);
                }
            }
            Moderation::Approved => {
                entry.approved.push(own);
                message["approved"] = json!(true);
            }
            Moderation::Removed => {
                entry.approved.retain(|approved| *approved != own);
                message["removed"] = json!(true);
            }
        }
        self.speak(&self.around.hosts.av_moderation(), &to, &message);
        match what {
            Moderation::On => {
                let moderator = self.rooms.get(&room).and_then(|entry| entry.moderator.clone());
                self.mute(&room, nick, media, &moderator.unwrap_or_default());
            }
            Moderation::Removed => {
                self.expect(&room, nick, Duration::from_secs(2), Expectation::Muted { media });
            }
            Moderation::Off | Moderation::Approved => {
                // Being allowed switches nothing on.
                let what = Expectation::NotSwitchedOn { media, muted };
                self.expect(&room, nick, Duration::from_secs(2), what);
            }
        }
    }

    /// The same words from somebody who is no component: they count for nothing.
    pub(super) fn moderate_as_impostor(&mut self, nick: &str, media: Media) {
        let Some(room) = self.room_of(nick) else { return };
        let Some(entry) = self.rooms.get(&room) else { return };
        let Some(member) = entry.members.get(nick) else { return };
        let message = json!({"type": "av_moderation", "room": room, "mediaType": media.word(), "enabled": true});
        if let Some(peer) = entry.peers.values().next() {
            peer.say_json(&room, nick, &message.to_string());
        }
        // Nor may one component speak for another.
        let to = member.jid.clone();
        self.speak(&self.around.hosts.breakout(), &to, &message);
        let muted = self
            .rooms
            .get(&room)
            .and_then(|r| r.members.get(nick))
            .is_some_and(|m| m.muted(media));
        let what = Expectation::StillAsBefore { media, muted };
        self.expect(&room, nick, Duration::from_secs(2), what);
    }

    /// Somebody wants the focus's mute of themselves lifted; true if it is.
    pub(super) fn lift_mute(&mut self, room: &str, nick: &str, media: Media) -> bool {
        let Some(entry) = self.rooms.get(room) else {
            return false;
        };
        let approved = entry.approved.iter().any(|(who, what)| who == nick && *what == media);
        let moderator = entry.moderator.as_deref() == Some(nick);
        let allowed = !entry.moderated.contains(&media) || approved || moderator;
        if allowed {
            self.around.bridge.send(BridgeCommand::ForceMute {
                endpoint: nick.into(),
                media,
                on: false,
            });
        }
        allowed
    }

    /// Sends the client to a breakout room of this name, or (none) back to the main room.
    pub(super) fn send_to_room(&mut self, nick: &str, main: &str, side: Option<&str>) {
        let Some(room) = self.room_of(nick) else { return };
        let Some(to) = self
            .rooms
            .get(&room)
            .and_then(|r| r.members.get(nick))
            .map(|m| m.jid.clone())
        else {
            return;
        };
        let breakout = self.around.hosts.breakout();
        let target = side.map_or_else(|| main.to_owned(), |side| format!("{}@{breakout}", side.to_lowercase()));
        if let Some(side) = side {
            let rooms = json!({
                "side": {"jid": target, "name": side, "id": side, "participants": {}},
                "main": {"jid": main, "isMainRoom": true, "participants": {}},
            });
            let update = json!({"type": "breakout_rooms", "event": "features/breakout-rooms/update", "rooms": rooms});
            self.speak(&breakout, &to, &update);
        }
        let message = json!({
            "type": "breakout_rooms",
            "event": "features/breakout-rooms/move-to-room",
            "roomJid": target,
        });
        self.speak(&breakout, &to, &message);
        let what = Expectation::InRoom {
            user: bare(&to).to_owned(),
            target: target.clone(),
        };
        self.expect(&target, nick, Duration::from_secs(10), what);
    }

    /// The focus's presence says that the meeting is recorded, or is not any more.
    pub(super) fn record(&mut self, room: &str, recording: Recording, on: bool) {
        let (from, room) = (self.jid(), escape(room));
        let (mode, session) = match recording {
            Recording::File => ("file", "kept"),
            Recording::Stream => ("stream", "live"),
        };
        let status = if on { "on" } else { "off" };
        self.occupant.send(format!(
            "<presence from='{from}' to='{room}/focus'><jibri-recording-status xmlns='http://jitsi.org/protocol/jibri' \
             status='{status}' recording_mode='{mode}' session_id='{session}'/></presence>"
        ));
    }
}
