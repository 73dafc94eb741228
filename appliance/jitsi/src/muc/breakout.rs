//! What the component of breakout rooms says (`specs/jitsi-client.md §7`).

use serde_json::Value;

use crate::stanza::limited;

use super::clean_name;

/// Most rooms read of a list.
const MAX_ROOMS: usize = 200;

/// What the component says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakoutRooms {
    /// We are to go to this room.
    MoveTo {
        /// Its bare JID, unchecked.
        room: String,
    },
    /// The rooms of the meeting.
    Rooms(Vec<BreakoutRoom>),
}

/// A room of the meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakoutRoom {
    /// Its bare JID.
    pub jid: String,
    /// Its name, cleaned.
    pub name: Option<String>,
    /// It is the main room.
    pub main: bool,
}

impl BreakoutRooms {
    /// Reads the JSON; none if it is something else.
    pub fn read(json: &Value) -> Option<Self> {
        let event = json.get("event")?.as_str()?;
        match event.strip_prefix("features/breakout-rooms/")? {
            "move-to-room" => Some(Self::MoveTo {
                room: limited(json.get("roomJid")?.as_str()?, 1023),
            }),
            "update" => {
                let rooms = json.get("rooms")?.as_object()?;
                Some(Self::Rooms(rooms.values().take(MAX_ROOMS).filter_map(room).collect()))
            }
            _ => None,
        }
    }
}

fn room(json: &Value) -> Option<BreakoutRoom> {
    Some(BreakoutRoom {
        jid: limited(json.get("jid")?.as_str()?, 1023),
        name: json.get("name").and_then(Value::as_str).and_then(clean_name),
        main: json.get("isMainRoom").and_then(Value::as_bool).unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::muc::JsonMessage;
    use crate::xml::parse;

    fn recorded(text: &str) -> BreakoutRooms {
        match JsonMessage::parse(&parse(text).unwrap()) {
            Some(JsonMessage::BreakoutRooms(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_recorded_move_names_the_room() {
        let message = recorded(include_str!(
            "../../tests/golden/recorded/s2c-message-normal-json-message-breakout_rooms-move-to-room-from-breakout.xml"
        ));
        assert_eq!(
            message,
            BreakoutRooms::MoveTo {
                room: "b12f7bbb-fb73-4e6e-ac02-46134da17223@breakout.meet.jitsi".into()
            }
        );
    }

    #[test]
    fn the_recorded_list_names_side_rooms_and_the_main_room() {
        let message = recorded(include_str!(
            "../../tests/golden/recorded/s2c-message-normal-json-message-breakout_rooms-update-from-breakout.xml"
        ));
        let BreakoutRooms::Rooms(rooms) = message else { panic!() };
        let mut names: Vec<_> = rooms.iter().map(|room| (room.name.as_deref(), room.main)).collect();
        names.sort_unstable();
        assert_eq!(names, [(Some("Budget"), true), (Some("Side"), false)]);
    }
}
