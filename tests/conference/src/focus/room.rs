//! What the focus knows of a room.

use std::collections::BTreeMap;
use std::time::Instant;

use minidom::Element;
use serde_json::Value;

use super::caps::Features;
use super::request::Requester;
use super::sources::{Media, Source, Sources};
use crate::xmpp::ns;

/// A room the focus is in, or enters.
pub struct Room {
    /// The focus is in and the room configured.
    pub ready: bool,
    /// Conference requests that wait for that.
    pub waiting: Vec<Requester>,
    /// Occupants by nick, the focus not among them.
    pub members: BTreeMap<String, Member>,
    /// Nick of the moderator.
    pub moderator: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// The mixed sources that a bridge always has.
    pub jvb: Sources,
    /// Media under AV moderation.
    pub moderated: Vec<Media>,
    /// Who may unmute what all the same.
    pub approved: Vec<(String, Media)>,
    /// Bare JIDs that were kicked.
    pub kicked: Vec<String>,
    /// Handles of peers by nick; dropping one makes the peer leave.
    pub peers: BTreeMap<String, crate::peers::Peer>,
    /// Names given to peers so far.
    pub peers_named: usize,
}

/// An occupant.
pub struct Member {
    /// Full JID.
    pub jid: String,
    /// One of our own.
    pub peer: bool,
    /// Of another time.
    pub legacy: bool,
    /// From disco#info.
    pub features: Option<Features>,
    /// The Jingle session, if invited.
    pub session: Option<Session>,
    /// Audio source shown as muted.
    pub audio_muted: bool,
    /// Video source shown as muted.
    pub video_muted: bool,
    /// When it asked for a restart, for the rate limit.
    pub restarts: Vec<Instant>,
}

impl Member {
    /// Shown as muted.
    pub fn muted(&self, media: Media) -> bool {
        match media {
            Media::Audio => self.audio_muted,
            Media::Video => self.video_muted,
        }
    }
}

/// A Jingle session.
pub struct Session {
    /// Jingle.
    pub sid: String,
    /// Bridge session.
    pub bridge: String,
    /// session-accept was valid.
    pub accepted: bool,
    /// The session is over; its sid is answered with `gone`.
    pub ended: bool,
    /// Sources of the client.
    pub sources: Sources,
    /// Sources are given to this client as JSON.
    pub json: bool,
    /// This client gets rewritten SSRCs and no sources of others.
    pub rewriting: bool,
}

impl Room {
    /// A room nobody is in yet.
    pub fn new(jid: &str, password: Option<String>) -> Self {
        let base = 0x4a56_4200 + (jid.bytes().map(u32::from).sum::<u32>() & 0xff);
        let source = |media, ssrc, name: &str, label: &str| Source {
            media,
            ssrc,
            name: name.into(),
            msid: Some(format!("mixedmslabel mixedlabel{label}0")),
            desktop: false,
        };
        Self {
            ready: false,
            waiting: Vec::new(),
            members: BTreeMap::new(),
            moderator: None,
            password,
            jvb: Sources {
                sources: vec![
                    source(Media::Audio, base, "jvb-a0", "audio"),
                    source(Media::Video, base + 0x100, "jvb-v0", "video"),
                ],
                groups: Vec::new(),
            },
            moderated: Vec::new(),
            approved: Vec::new(),
            kicked: Vec::new(),
            peers: BTreeMap::new(),
            peers_named: 0,
        }
    }

    /// The sources of everybody but `nick`, whole, for validation.
    pub fn sources_of_others(&self, nick: &str, registry: &crate::peers::Registry) -> BTreeMap<String, Sources> {
        let mut all = BTreeMap::new();
        for (other, member) in self.members.iter().filter(|(other, _)| *other != nick) {
            if let Some(peer) = registry.get(other) {
                all.insert(other.clone(), peer.sources.clone());
            } else if let Some(session) = member.session.as_ref().filter(|s| s.accepted && !s.ended) {
                all.insert(other.clone(), session.sources.clone());
            }
        }
        all
    }

    /// What an invited client is told: nothing but the bridge's own with rewriting, else everybody's first layer.
    pub fn sources_for(
        &self,
        nick: &str,
        rewriting: bool,
        registry: &crate::peers::Registry,
    ) -> BTreeMap<String, Sources> {
        let mut told = BTreeMap::from([("jvb".to_owned(), self.jvb.clone())]);
        if !rewriting {
            let others = self.sources_of_others(nick, registry);
            told.extend(others.into_iter().map(|(owner, s)| (owner, s.without_simulcast())));
        }
        told
    }
}

/// The muted flags of a presence: (audio, video). `muted` absent is true, and so is a missing SourceInfo
/// (`specs/jitsi-client.md §3`).
pub fn muted(presence: &Element) -> (bool, bool) {
    let text = presence
        .children()
        .find(|c| c.name() == "SourceInfo")
        .map(Element::text);
    let Some(Value::Object(info)) = text.and_then(|t| serde_json::from_str(&t).ok()) else {
        return (true, true);
    };
    let all_muted = |letter: &str| {
        info.iter()
            .filter(|(name, _)| name.rsplit('-').next().is_some_and(|n| n.starts_with(letter)))
            .all(|(_, v)| v.get("muted").and_then(Value::as_bool).unwrap_or(true))
    };
    (all_muted("a"), all_muted("v"))
}

/// The `node#ver` of a presence's caps.
pub fn caps_node(presence: &Element) -> Option<(String, String)> {
    let c = presence.get_child("c", ns::CAPS)?;
    Some((c.attr("node")?.to_owned(), c.attr("ver")?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_without_muted_is_muted() {
        let presence = |info: &str| {
            crate::xml::parse(&format!(
                "<presence xmlns='jabber:client'><SourceInfo>{info}</SourceInfo></presence>"
            ))
            .unwrap()
        };
        assert_eq!(
            muted(&presence(r#"{"ab-a0":{"muted":false},"ab-v0":{}}"#)),
            (false, true)
        );
        assert_eq!(muted(&presence("{}")), (true, true));
        assert_eq!(muted(&presence("not json")), (true, true));
    }
}
