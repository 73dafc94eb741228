//! `<json-message/>` in a room message: what components say (`specs/jitsi-client.md §1`, `§7`).

use media_protocol::IceServer;
use minidom::{Element, NSChoice};
use room::conference::Muted;
use serde_json::Value;

use crate::discovery::ice_servers_from_json;
use crate::stanza::limited;
use crate::{jid, ns};

use super::{BreakoutRooms, MuteMedia};

/// Longest JSON text read.
const MAX_BYTES: usize = 256 << 10;

/// What a component says.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonMessage {
    /// State of the room.
    RoomMetadata(RoomMetadata),
    /// Moderators decide who may speak or be seen.
    AvModeration(AvModeration),
    /// Rooms beside the main room.
    BreakoutRooms(BreakoutRooms),
    /// Something this box does nothing with; its `type`.
    Other(String),
}

/// State of the room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomMetadata {
    /// STUN and TURN servers; none: this message has no list (later ones do not), keep the last.
    pub ice_servers: Option<Vec<IceServer>>,
    /// Begin with these devices off.
    pub start_muted: Option<Muted>,
    /// What is said is written down.
    pub transcribed: Option<bool>,
}

/// Moderators decide who may speak or be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvModeration {
    /// Which medium.
    pub media: MuteMedia,
    /// Moderation is switched on or off for the room.
    pub enabled: Option<bool>,
    /// We may unmute.
    pub approved: bool,
    /// We may not unmute any more.
    pub removed: bool,
    /// Endpoint id of the moderator.
    pub actor: Option<String>,
    /// Which room it is about, if said.
    pub room: Option<String>,
}

impl JsonMessage {
    /// Reads the JSON of a message; none if there is none, or it is not an object with a `type`. The caller checks that
    /// the sender is a component of the deployment.
    pub fn parse(message: &Element) -> Option<Self> {
        if message.has_child("delay", ns::DELAY) {
            return None; // history
        }
        let text = message.get_child("json-message", NSChoice::Any)?.text();
        Self::parse_text(&text)
    }

    /// Reads the JSON itself.
    pub fn parse_text(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let json: Value = serde_json::from_str(text).ok()?;
        match json.get("type")?.as_str()? {
            "room_metadata" => Some(Self::RoomMetadata(RoomMetadata::read(&json))),
            "breakout_rooms" => Some(Self::BreakoutRooms(BreakoutRooms::read(&json)?)),
            "av_moderation" => Some(Self::AvModeration(AvModeration::read(&json)?)),
            other => Some(Self::Other(limited(other, 64))),
        }
    }
}

impl RoomMetadata {
    fn read(json: &Value) -> Self {
        let metadata = json.get("metadata").unwrap_or(&Value::Null);
        let services = metadata.get("services").or_else(|| json.get("services"));
        let start_muted = metadata.get("startMuted").filter(|value| value.is_object());
        Self {
            // an empty list is written as an empty object: it says nothing
            ice_servers: services
                .filter(|services| services.is_array())
                .map(ice_servers_from_json),
            transcribed: metadata
                .get("recording")
                .and_then(|recording| recording.get("isTranscribingEnabled"))
                .and_then(Value::as_bool),
            start_muted: start_muted.map(|start| Muted {
                audio: is_true(start, "audio"),
                video: is_true(start, "video"),
            }),
        }
    }
}

impl AvModeration {
    fn read(json: &Value) -> Option<Self> {
        let media = match json.get("mediaType")?.as_str()? {
            "audio" => MuteMedia::Audio,
            "video" => MuteMedia::Video,
            "desktop" => MuteMedia::Desktop,
            _ => return None,
        };
        let actor = json.get("actor").and_then(Value::as_str);
        Some(Self {
            media,
            enabled: json.get("enabled").and_then(Value::as_bool),
            approved: is_true(json, "approved"),
            removed: is_true(json, "removed"),
            actor: actor.map(|actor| limited(jid::resource(actor).unwrap_or(actor), 64)),
            room: json.get("room").and_then(Value::as_str).map(|room| limited(room, 1023)),
        })
    }
}

fn is_true(json: &Value, name: &str) -> bool {
    json.get(name).and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    fn message(json: &str, beside: &str) -> Option<JsonMessage> {
        let text = format!(
            "<message xmlns='jabber:client' from='metadata.meet.example'>{beside}<json-message xmlns='{}'>{json}</json-message></message>",
            ns::JITMEET
        );
        JsonMessage::parse(&parse(&text).unwrap())
    }

    #[test]
    fn the_first_metadata_has_relays_and_later_ones_do_not() {
        let first = r#"{"type":"room_metadata","metadata":{"startMuted":{"audio":true},"services":[{"type":"turns","transport":"tcp","host":"t.example","port":"443","username":"u","password":"p"}]}}"#;
        let Some(JsonMessage::RoomMetadata(metadata)) = message(first, "") else {
            panic!()
        };
        assert_eq!(
            metadata.start_muted,
            Some(Muted {
                audio: true,
                video: false
            })
        );
        assert_eq!(
            metadata.ice_servers.unwrap()[0].uri,
            "turns:t.example:443?transport=tcp"
        );
        let later = message(r#"{"type":"room_metadata","metadata":{}}"#, "");
        assert_eq!(later, Some(JsonMessage::RoomMetadata(RoomMetadata::default())));
        let empty = message(r#"{"type":"room_metadata","metadata":{"services":{}}}"#, "");
        assert_eq!(empty, Some(JsonMessage::RoomMetadata(RoomMetadata::default())));
    }

    #[test]
    fn moderation_is_switched_and_granted() {
        let on = message(
            r#"{"type":"av_moderation","enabled":true,"mediaType":"audio","actor":"r@m/cd34"}"#,
            "",
        );
        let Some(JsonMessage::AvModeration(on)) = on else {
            panic!()
        };
        assert_eq!(
            (on.media, on.enabled, on.actor.as_deref()),
            (MuteMedia::Audio, Some(true), Some("cd34"))
        );
        let granted = message(r#"{"type":"av_moderation","approved":true,"mediaType":"video"}"#, "");
        assert!(matches!(
            granted,
            Some(JsonMessage::AvModeration(AvModeration {
                approved: true,
                enabled: None,
                ..
            }))
        ));
    }

    #[test]
    fn history_and_what_is_no_object_say_nothing() {
        let delay = format!("<delay xmlns='{}' stamp='2026-01-01T00:00:00Z'/>", ns::DELAY);
        assert_eq!(message(r#"{"type":"room_metadata"}"#, &delay), None);
        for json in [
            "",
            "[]",
            "{}",
            "{\"type\":1}",
            "{\"type\":\"av_moderation\"}",
            "{\"type\":\"av_moderation\",\"mediaType\":\"smell\"}",
        ] {
            assert_eq!(message(json, ""), None, "{json}");
        }
        assert_eq!(
            message(r#"{"type":"lobby-notify"}"#, ""),
            Some(JsonMessage::Other("lobby-notify".into()))
        );
        assert_eq!(JsonMessage::parse_text(&"[".repeat(100_000)), None);
        assert_eq!(JsonMessage::parse_text(&" ".repeat(MAX_BYTES + 1)), None);
    }
}
