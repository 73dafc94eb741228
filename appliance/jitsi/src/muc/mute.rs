//! A moderator switches one of our devices off (`specs/jitsi-client.md §7`). Nobody can switch one on.

use minidom::Element;
use room::conference::Device;

use crate::stanza::limited;
use crate::xml::element;
use crate::{jid, ns};

/// What a mute IQ is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MuteMedia {
    /// The microphone.
    Audio,
    /// The camera.
    Video,
    /// A shared screen.
    Desktop,
}

/// A mute IQ. Whoever handles it checks that it came from the verified focus and that `mute` is true; anything else is
/// refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MuteRequest {
    /// What.
    pub media: MuteMedia,
    /// False would mean "switch on", which is never obeyed.
    pub mute: bool,
    /// Endpoint id of the moderator, if named.
    pub actor: Option<String>,
}

impl MuteRequest {
    /// Reads an IQ of type `set`; none if it is no mute IQ.
    pub fn parse(iq: &Element) -> Option<Self> {
        if iq.name() != "iq" || iq.attr("type") != Some("set") {
            return None;
        }
        let (element, media) = iq.children().filter(|child| child.name() == "mute").find_map(|child| {
            [
                (ns::MUTE_AUDIO, MuteMedia::Audio),
                (ns::MUTE_VIDEO, MuteMedia::Video),
                (ns::MUTE_DESKTOP, MuteMedia::Desktop),
            ]
            .into_iter()
            .find_map(|(namespace, media)| child.has_ns(namespace).then_some((child, media)))
        })?;
        let actor = element
            .attr("actor")
            .map(|actor| limited(jid::resource(actor).unwrap_or(actor), 64));
        Some(Self {
            media,
            mute: element.text().trim() == "true",
            actor: actor.filter(|actor| !actor.is_empty()),
        })
    }
}

/// Our wish that the focus lifts its mute of our own device; `own` is our `room@muc/NICK`.
pub fn unmute_request(device: Device, own: &str) -> Element {
    let namespace = match device {
        Device::Microphone => ns::MUTE_AUDIO,
        Device::Camera => ns::MUTE_VIDEO,
    };
    element("mute", namespace).attr("jid", own).text("false").build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{parse, to_text};

    #[test]
    fn the_wish_to_be_heard_again_is_the_recorded_one() {
        let recorded = parse(include_str!(
            "../../tests/golden/recorded/c2s-iq-set-mute-audio-false.xml"
        ))
        .unwrap();
        let recorded = recorded.children().next().unwrap();
        let ours = unmute_request(Device::Microphone, "tour1@muc.meet.jitsi/e03863c6");
        assert_eq!(to_text(&ours), to_text(recorded));
    }

    fn mute(namespace: &str, text: &str) -> Option<MuteRequest> {
        let iq = format!(
            "<iq xmlns='jabber:client' type='set' from='r@m/focus'><mute xmlns='{namespace}' actor='r@m/cd34'>{text}</mute></iq>"
        );
        MuteRequest::parse(&parse(&iq).unwrap())
    }

    #[test]
    fn the_three_kinds_are_told_apart() {
        for (namespace, media) in [
            (ns::MUTE_AUDIO, MuteMedia::Audio),
            (ns::MUTE_VIDEO, MuteMedia::Video),
            (ns::MUTE_DESKTOP, MuteMedia::Desktop),
        ] {
            let request = mute(namespace, "true").unwrap();
            assert_eq!(
                request,
                MuteRequest {
                    media,
                    mute: true,
                    actor: Some("cd34".into())
                }
            );
        }
    }

    #[test]
    fn everything_but_true_is_not_a_mute() {
        for text in ["false", "", "1", "TRUE"] {
            assert!(!mute(ns::MUTE_AUDIO, text).unwrap().mute, "{text}");
        }
        assert_eq!(mute("http://jitsi.org/jitmeet/other", "true"), None);
    }
}
