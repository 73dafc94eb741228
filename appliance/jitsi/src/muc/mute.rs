//! A moderator switches one of our devices off (`specs/jitsi-client.md §7`). Nobody can switch one on.

use minidom::Element;

use crate::stanza::limited;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

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
