//! The room as a chat room (XEP-0045 with Jitsi's children): our presence, the others', leaving, being put out, and what
//! moderators say (`specs/jitsi-client.md §3`, `§7`).

mod breakout;
mod chat;
mod join_error;
mod json_message;
mod message;
mod mute;
mod name;
mod nick;
mod occupant;
mod own_presence;
mod presence;
mod recording;
mod room_control;
mod source_info;

pub use breakout::{BreakoutRoom, BreakoutRooms};
pub use chat::{Chat, chat_message};
pub use join_error::JoinError;
pub use json_message::{AvModeration, JsonMessage, RoomMetadata};
pub use message::{RoomMessage, room_message};
pub use mute::{MuteMedia, MuteRequest, unmute_request};
pub use name::{MAX_NAME, clean_name, clean_text};
pub use nick::nick;
pub use occupant::{FOCUS_NICK, Occupant, Role};
pub use own_presence::{OwnPresence, leave};
pub use presence::{MucPresence, UnavailableCause};
pub use recording::{RecordingStatus, transcription};
pub use room_control::{admit, password_form, turn_away};
pub use source_info::{SourceState, audio_source_name, camera_source_name, parse_source_info};
