//! One occupant of the room as a presence shows it.

use media_protocol::{MediaKind, VideoCodec, VideoType};
use minidom::{Element, NSChoice};
use room::conference::{Participant, ParticipantId};

use crate::stanza::limited;
use crate::{jid, ns};

use super::own_presence::codec_name;
use super::source_info::{SourceState, audio_source_name, camera_source_name, parse_source_info};
use super::{clean_name, clean_text};

/// The nick of the focus; it is no participant.
pub const FOCUS_NICK: &str = "focus";

/// Longest nick (endpoint id) accepted.
const MAX_ID: usize = 64;

/// Longest list of codecs that is read.
const MAX_CODECS: usize = 255;

/// Role in the room (XEP-0045 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// May mute and kick.
    Moderator,
    /// Everybody else.
    #[default]
    Participant,
    /// May only listen.
    Visitor,
    /// Not in the room.
    None,
}

/// One occupant.
#[derive(Clone, PartialEq, Eq)]
pub struct Occupant {
    /// Nick, that is endpoint id.
    pub id: String,
    /// Full real JID, where the room shows it.
    pub jid: Option<String>,
    /// `owner`, `admin`, `member`, `none`, as sent.
    pub affiliation: String,
    /// Role.
    pub role: Role,
    /// Chosen name, cleaned.
    pub name: Option<String>,
    /// What it sends, from SourceInfo, or from the legacy elements where that is absent.
    pub sources: Vec<SourceState>,
    /// Hand raised at, ms since 1970.
    pub raised_hand: Option<u64>,
    /// Codecs of pictures that it decodes, as it lists them; none: it does not say. Of the focus: what the visitors decode, who are in
    /// other rooms.
    pub codecs: Option<String>,
    /// Its media are end-to-end encrypted: the box cannot decode them.
    pub end_to_end_encrypted: bool,
    /// Focus only: it has no bridge to give.
    pub bridge_not_available: bool,
}

impl std::fmt::Debug for Occupant {
    /// Without JID and name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Occupant")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

impl Occupant {
    /// Reads an available presence; none if it does not come from an occupant or its nick is not acceptable.
    pub fn parse(presence: &Element) -> Option<Self> {
        let id = jid::resource(presence.attr("from")?).filter(|id| id.len() <= MAX_ID)?;
        let item = presence
            .get_child("x", ns::MUC_USER)
            .and_then(|x| x.get_child("item", ns::MUC_USER));
        let item = |name: &str| item.and_then(|item| item.attr(name)).map(|value| limited(value, 1023));
        let role = match item("role").as_deref() {
            Some("moderator") => Role::Moderator,
            Some("visitor") => Role::Visitor,
            Some("none") => Role::None,
            _ => Role::Participant,
        };
        let name = presence
            .get_child("nick", ns::NICK)
            .and_then(|nick| clean_name(&nick.text()));
        let sources = jitsi_child(presence, "SourceInfo").and_then(|text| parse_source_info(&text, id));
        Some(Self {
            id: id.to_owned(),
            jid: item("jid"),
            affiliation: item("affiliation").unwrap_or_default(),
            role,
            name,
            sources: sources.unwrap_or_else(|| legacy_sources(presence, id)),
            raised_hand: jitsi_child(presence, "jitsi_participant_raisedHand")
                .and_then(|at| at.trim().parse().ok())
                .filter(|at| *at != 0),
            // Clients of another age name one.
            codecs: jitsi_child(presence, "jitsi_participant_codecList")
                .or_else(|| jitsi_child(presence, "jitsi_participant_codecType"))
                .or_else(|| conference_property(presence, "visitor-codecs"))
                .map(|list| limited(list.trim(), MAX_CODECS).to_lowercase())
                .filter(|list| !list.is_empty()),
            end_to_end_encrypted: jitsi_child(presence, "jitsi_participant_e2ee.enabled").as_deref() == Some("true"),
            bridge_not_available: jitsi_child(presence, "bridgeNotAvailable").is_some(),
        })
    }

    /// Whether it can show pictures of this codec, as far as it says (`specs/jitsi-client.md §2`). Everybody decodes VP8.
    pub fn decodes(&self, codec: VideoCodec) -> bool {
        let name = codec_name(codec);
        let listed = |list: &String| list.split(',').any(|codec| codec.trim() == name);
        codec == VideoCodec::Vp8 || self.codecs.as_ref().is_none_or(listed)
    }

    /// Whether this is the focus's seat. Trust it only with [`Occupant::is_genuine_focus`].
    pub fn is_focus(&self) -> bool {
        self.id == FOCUS_NICK
    }

    /// Whether this is the focus that the conference request named (`specs/jitsi-client.md §2`, trust).
    pub fn is_genuine_focus(&self, focus_jid: &str) -> bool {
        let real = self.jid.as_deref().map(jid::bare);
        self.is_focus() && real.is_some_and(|real| real.eq_ignore_ascii_case(jid::bare(focus_jid)))
    }

    /// No sound is announced.
    pub fn audio_muted(&self) -> bool {
        !self
            .sources
            .iter()
            .any(|source| source.kind == MediaKind::Audio && !source.muted)
    }

    /// Name of the camera source, if it is on.
    pub fn camera(&self) -> Option<&str> {
        self.video(VideoType::Camera)
    }

    /// Name of the shared screen, if any.
    pub fn desktop(&self) -> Option<&str> {
        self.video(VideoType::Desktop)
    }

    /// The occupant in the room's words.
    pub fn participant(&self) -> Participant {
        Participant {
            id: ParticipantId(self.id.clone()),
            name: self.name.clone(),
            audio_muted: self.audio_muted(),
            video_muted: self.camera().is_none(),
            camera: self.camera().map(str::to_owned),
            desktop: self.desktop().map(str::to_owned),
            raised_hand: self.raised_hand,
            encrypted: self.end_to_end_encrypted,
            moderator: self.role == Role::Moderator,
            quality: None,
        }
    }

    fn video(&self, wanted: VideoType) -> Option<&str> {
        let mut on = self.sources.iter().filter(|source| !source.muted);
        on.find(|source| source.video_type == Some(wanted))
            .map(|source| source.name.as_str())
    }
}

/// Text of a Jitsi child. Servers and clients disagree about its namespace, so the name alone counts.
fn jitsi_child(presence: &Element, name: &str) -> Option<String> {
    presence.get_child(name, NSChoice::Any).map(Element::text)
}

/// What the focus says of the conference.
fn conference_property(presence: &Element, key: &str) -> Option<String> {
    let mut properties = presence.get_child("conference-properties", ns::FOCUS)?.children();
    let property = properties.find(|property| property.attr("key") == Some(key))?;
    property.attr("value").map(str::to_owned)
}

/// `audiomuted` and `videomuted` with the source names the focus would invent; an absent element means muted.
fn legacy_sources(presence: &Element, id: &str) -> Vec<SourceState> {
    let muted = |name| jitsi_child(presence, name).map(|text| clean_text(&text, 8) == "true");
    let audio = muted("audiomuted").map(|muted| SourceState {
        name: audio_source_name(id),
        kind: MediaKind::Audio,
        muted,
        video_type: None,
    });
    let video = muted("videomuted").map(|muted| SourceState {
        name: camera_source_name(id),
        kind: MediaKind::Video,
        muted,
        video_type: Some(VideoType::Camera),
    });
    audio.into_iter().chain(video).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    fn occupant(children: &str) -> Occupant {
        let text = format!(
            "<presence xmlns='jabber:client' from='room@muc/ab12cd34'>{children}\
             <x xmlns='{}'><item affiliation='owner' role='moderator' jid='u@meet.example/r'/></x></presence>",
            ns::MUC_USER
        );
        Occupant::parse(&parse(&text).unwrap()).unwrap()
    }

    #[test]
    fn camera_and_screen_are_two_sources_of_one_person() {
        let person = occupant(
            "<nick xmlns='http://jabber.org/protocol/nick'>\u{202e}Zoé</nick><SourceInfo>{\"ab12cd34-a0\":{\"muted\":false},\
             \"ab12cd34-v0\":{\"muted\":false},\"ab12cd34-v1\":{\"muted\":false,\"videoType\":\"desktop\"}}</SourceInfo>",
        );
        let shown = person.participant();
        assert_eq!(shown.name.as_deref(), Some("Zoé"));
        assert_eq!(
            (shown.camera.as_deref(), shown.desktop.as_deref()),
            (Some("ab12cd34-v0"), Some("ab12cd34-v1"))
        );
        assert!(!shown.audio_muted && !shown.video_muted);
        assert_eq!(person.role, Role::Moderator);
        assert!(!format!("{person:?}").contains("Zoé"));
    }

    #[test]
    fn without_source_info_the_legacy_elements_count_and_absence_means_muted() {
        let old = occupant(
            "<audiomuted xmlns='http://jitsi.org/jitmeet/audio'>false</audiomuted><videomuted>true</videomuted>",
        );
        assert_eq!((old.audio_muted(), old.camera()), (false, None));
        let silent = occupant("");
        assert_eq!((silent.audio_muted(), silent.camera()), (true, None));
        let both =
            occupant("<audiomuted>false</audiomuted><SourceInfo>{\"ab12cd34-a0\":{\"muted\":true}}</SourceInfo>");
        assert!(both.audio_muted(), "SourceInfo wins");
    }

    #[test]
    fn a_codec_is_decoded_by_who_lists_it_and_by_who_lists_nothing() {
        let decodes = |inside: &str| {
            let person = occupant(inside);
            [VideoCodec::Vp8, VideoCodec::H264].map(|codec| person.decodes(codec))
        };
        let list = |list: &str| {
            decodes(&format!(
                "<jitsi_participant_codecList>{list}</jitsi_participant_codecList>"
            ))
        };
        assert_eq!(decodes(""), [true, true]);
        assert_eq!(list(""), [true, true]);
        assert_eq!(list("av1,vp9,vp8,h264"), [true, true]);
        assert_eq!(list(" VP9, H264 "), [true, true]);
        assert_eq!(list("vp9"), [true, false]);
        assert_eq!(list("h2644"), [true, false]);
        let old = |codec: &str| {
            decodes(&format!(
                "<jitsi_participant_codecType>{codec}</jitsi_participant_codecType>"
            ))
        };
        assert_eq!((old("vp8"), old("h264")), ([true, false], [true, true]));
        let visitors = |codecs: &str| {
            decodes(&format!(
                "<conference-properties xmlns='http://jitsi.org/protocol/focus'><property key='bridge-count' value='1'/>\
                 <property key='visitor-codecs' value='{codecs}'/></conference-properties>"
            ))
        };
        assert_eq!((visitors("vp9,vp8"), visitors("")), ([true, false], [true, true]));
    }

    #[test]
    fn only_the_named_user_on_the_focus_seat_is_the_focus() {
        let text = |jid: &str, nick: &str| {
            let text = format!(
                "<presence xmlns='jabber:client' from='room@muc/{nick}'><x xmlns='{}'><item{jid}/></x></presence>",
                ns::MUC_USER
            );
            Occupant::parse(&parse(&text).unwrap()).unwrap()
        };
        let trusted = "focus@auth.meet.example";
        assert!(text(" jid='focus@auth.meet.example/focus'", "focus").is_genuine_focus(trusted));
        assert!(!text(" jid='guest@meet.example/focus'", "focus").is_genuine_focus(trusted));
        assert!(!text("", "focus").is_genuine_focus(trusted));
        assert!(!text(" jid='focus@auth.meet.example/focus'", "ab12cd34").is_genuine_focus(trusted));
    }

    #[test]
    fn a_presence_of_the_room_itself_is_no_occupant() {
        assert_eq!(
            Occupant::parse(&parse("<presence xmlns='jabber:client' from='room@muc'/>").unwrap()),
            None
        );
        let long = format!(
            "<presence xmlns='jabber:client' from='room@muc/{}'/>",
            "a".repeat(MAX_ID + 1)
        );
        assert_eq!(Occupant::parse(&parse(&long).unwrap()), None);
    }
}
