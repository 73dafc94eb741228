//! Our presence in the room: a presence replaces the last one, so every update is rendered whole from one value.

use media_protocol::VideoCodec;
use minidom::Element;
use room::conference::{Muted, Sources};

use crate::discovery::OwnFeatures;
use crate::xml::{Builder, element};
use crate::{jid, ns};

use super::source_info::render_source_info;

/// Everything our presence says. Change a field and send [`OwnPresence::update`].
#[derive(Clone, PartialEq, Eq)]
pub struct OwnPresence {
    /// `room@muc/NICK`; the nick is our endpoint id.
    pub occupant: String,
    /// Name the others see.
    pub name: String,
    /// Name in the deployment's statistics; random, never a person's.
    pub stats_id: String,
    /// For the choice of the bridge.
    pub region: Option<String>,
    /// Codecs we can decode, best first. Absence would let AV1 arrive; this list does not.
    pub codecs: Vec<VideoCodec>,
    /// What our disco#info answers; the caps hash is taken over it.
    pub features: OwnFeatures,
    /// The sources we have.
    pub sources: Sources,
    /// Mute state as the others show it.
    pub muted: Muted,
    /// When the hand was raised, ms since 1970; 0: it is down again; none: it has not been raised.
    pub raised_hand: Option<u64>,
}

impl std::fmt::Debug for OwnPresence {
    /// Without room and name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnPresence")
            .field("muted", &self.muted)
            .finish_non_exhaustive()
    }
}

impl OwnPresence {
    /// Our endpoint id.
    pub fn id(&self) -> &str {
        jid::resource(&self.occupant).unwrap_or_default()
    }

    /// The presence that enters the room.
    pub fn join(&self, password: Option<&str>) -> Element {
        let password = password.map(|password| element("password", ns::MUC).text(password));
        let enter = element("x", ns::MUC).children(password);
        self.render(self.to().child(enter))
    }

    /// The presence that tells a change: all children again.
    pub fn update(&self) -> Element {
        self.render(self.to())
    }

    /// The presence that leaves.
    pub fn leave(&self) -> Element {
        leave(&self.occupant)
    }

    /// The presence that leaves for another room of the same meeting, so that nobody takes it for the end.
    pub fn leave_for_another_room(&self) -> Element {
        self.to()
            .attr("type", "unavailable")
            .child(element("status", ns::CLIENT).text("switch_room"))
            .build()
    }

    fn to(&self) -> Builder {
        element("presence", ns::CLIENT).attr("to", self.occupant.as_str())
    }

    fn render(&self, presence: Builder) -> Element {
        let text = |name, text: &str| element(name, ns::CLIENT).text(text);
        let raised = self
            .raised_hand
            .map(|at| text("jitsi_participant_raisedHand", &at.to_string()));
        presence
            .child(self.features.caps())
            .child(element("nick", ns::NICK).text(self.name.as_str()))
            .child(text("stats-id", &self.stats_id))
            .children(
                self.region
                    .as_deref()
                    .map(|region| text("jitsi_participant_region", region)),
            )
            .child(text("jitsi_participant_codecList", &codec_list(&self.codecs)))
            .children(raised)
            .child(text(
                "SourceInfo",
                &render_source_info(self.id(), self.sources, self.muted),
            ))
            .build()
    }
}

/// Lower-case, in order; the focus appends `vp8` itself where it is missing.
fn codec_list(codecs: &[VideoCodec]) -> String {
    codecs.iter().copied().map(codec_name).collect::<Vec<_>>().join(",")
}

/// As presences name it.
pub(super) fn codec_name(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::Vp8 => "vp8",
        VideoCodec::H264 => "h264",
    }
}

/// Takes the presence of an occupant of ours back (XEP-0045 §7.14).
#[must_use]
pub fn leave(occupant: &str) -> Element {
    element("presence", ns::CLIENT)
        .attr("to", occupant)
        .attr("type", "unavailable")
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::to_text;

    fn presence() -> OwnPresence {
        OwnPresence {
            occupant: "room@muc.meet.example/ab12cd34".into(),
            name: "Salle <4>".into(),
            stats_id: "Salle-x1".into(),
            region: Some("eu".into()),
            codecs: vec![VideoCodec::Vp8, VideoCodec::H264],
            features: OwnFeatures::default(),
            sources: Sources::BOTH,
            muted: Muted {
                audio: true,
                video: false,
            },
            raised_hand: None,
        }
    }

    fn children(presence: &Element) -> Vec<String> {
        presence.children().map(|child| child.name().to_owned()).collect()
    }

    #[test]
    fn no_child_vanishes_from_an_update() {
        let mut own = presence();
        let join = own.join(Some("secret"));
        assert_eq!(
            join.get_child("x", ns::MUC)
                .unwrap()
                .get_child("password", ns::MUC)
                .unwrap()
                .text(),
            "secret"
        );
        let joined: Vec<_> = children(&join).into_iter().filter(|name| name != "x").collect();
        let expected = [
            "c",
            "nick",
            "stats-id",
            "jitsi_participant_region",
            "jitsi_participant_codecList",
            "SourceInfo",
        ];
        assert_eq!(joined, expected);
        let ver = own.features.ver();
        assert_eq!(join.get_child("c", ns::CAPS).unwrap().attr("ver"), Some(ver.as_str()));
        own.muted = Muted {
            audio: false,
            video: true,
        };
        own.raised_hand = Some(1);
        let update = children(&own.update());
        assert!(joined.iter().all(|name| update.contains(name)), "{joined:?} {update:?}");
        assert!(update.contains(&"jitsi_participant_raisedHand".to_owned()));
        assert!(!to_text(&own.update()).contains("secret"));
    }

    #[test]
    fn the_join_without_password_has_an_empty_x() {
        let text = to_text(&presence().join(None));
        assert!(text.contains("<x xmlns='http://jabber.org/protocol/muc'/>"), "{text}");
        assert!(text.contains("<jitsi_participant_codecList>vp8,h264</jitsi_participant_codecList>"));
        assert!(
            text.contains(
                "<SourceInfo>{\"ab12cd34-a0\":{\"muted\":true},\"ab12cd34-v0\":{\"muted\":false}}</SourceInfo>"
            )
        );
        assert!(text.contains(">Salle &lt;4&gt;</nick>"));
    }

    #[test]
    fn leaving_is_an_unavailable_presence_to_our_own_occupant() {
        assert_eq!(
            to_text(&presence().leave()),
            "<presence xmlns='jabber:client' to='room@muc.meet.example/ab12cd34' type='unavailable'/>"
        );
    }
}
