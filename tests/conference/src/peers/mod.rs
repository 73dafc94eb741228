//! The built-in participants: real XMPP guests whose media the bridge takes from files.

pub mod encode;
pub mod file;
pub mod payload;
pub mod track;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use minidom::Element;
use rand::RngExt;

use crate::error::{Error, Result};
use crate::focus::sources::{Group, Media, Semantics, Source, Sources};
use crate::prosody::Hosts;
use crate::xml::escape;
use crate::xmpp::{Guest, GuestEvents, node, ns};

/// What a peer is to the bridge and the focus.
#[derive(Debug, Clone)]
pub struct PeerInfo {
    /// Endpoint id.
    pub nick: String,
    /// Display name.
    pub name: String,
    /// Which picture and tone.
    pub index: usize,
    /// Its sources, simulcast of 180p and 360p.
    pub sources: Sources,
}

impl PeerInfo {
    /// Name of its camera source.
    pub fn video(&self) -> String {
        format!("{}-v0", self.nick)
    }

    /// Name of its microphone source.
    pub fn audio(&self) -> String {
        format!("{}-a0", self.nick)
    }
}

/// Which nicks are peers, known before they join.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<String, PeerInfo>>>);

impl Registry {
    /// The peer with this nick.
    pub fn get(&self, nick: &str) -> Option<PeerInfo> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(nick).cloned()
    }
    /// Adds a peer before it joins.
    pub fn insert(&self, peer: PeerInfo) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(peer.nick.clone(), peer);
    }
    /// Forgets a peer.
    pub fn remove(&self, nick: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(nick);
    }
}

/// Where and as whom a peer joins.
pub struct PeerPlace {
    /// HTTP port of Prosody.
    pub http: SocketAddr,
    /// Host names.
    pub hosts: Hosts,
    /// `room@muc`.
    pub room: String,
    /// Password of the room.
    pub password: Option<String>,
    /// Display name.
    pub name: String,
    /// Which picture and tone.
    pub index: usize,
    /// Codecs of pictures that it says it decodes.
    pub codecs: String,
    /// Where it is entered.
    pub registry: Registry,
}

/// A peer in the room. It leaves when this is dropped.
pub struct Peer {
    /// Endpoint id.
    pub nick: String,
    guest: Arc<Guest>,
    room: String,
    declined: Declined,
}

/// Sids of peer-to-peer sessions that were declined: what a box does with them.
pub type Declined = Arc<Mutex<Vec<String>>>;

impl Peer {
    /// Connects and joins; returns once Prosody shows the peer in the room (at most 10 s).
    pub async fn join(place: PeerPlace) -> Result<Self> {
        let path = format!("/xmpp-websocket?peer=1&room={}", node(&place.room));
        let (guest, events) = Guest::connect(place.http, &place.hosts.domain, &path).await?;
        Self::enter(place, guest, events).await
    }

    /// Connects, is sent to the lobby, waits there until it is let in (at most a minute), joins and leaves the lobby.
    pub async fn knock(place: PeerPlace) -> Result<Self> {
        let path = format!("/xmpp-websocket?room={}", node(&place.room));
        let (guest, mut events) = Guest::connect(place.http, &place.hosts.domain, &path).await?;
        let nick = nick_of(&guest);
        guest.send(presence(&place, &nick));
        let waits = tokio::time::timeout(std::time::Duration::from_secs(60), async {
            let mut lobby = None;
            while let Some(stanza) = events.recv().await {
                let refused = stanza.name() == "presence" && stanza.attr("type") == Some("error");
                let sent_to = stanza.children().find(|child| child.name() == "lobbyroom");
                let in_lobby = |seat: &String| stanza.attr("from") == Some(seat);
                if let Some(room) = sent_to.filter(|_| refused && lobby.is_none()) {
                    // Another name than in the room, as web clients have it.
                    let seat = format!("{}/{}", room.text(), crate::focus::random_hex(8));
                    guest.send(knocking(&seat, &place.name));
                    lobby = Some(seat);
                } else if stanza.attr("type") == Some("unavailable") && lobby.as_ref().is_some_and(in_lobby) {
                    return None;
                } else if stanza.name() == "message" && invites(&stanza, &place.room) {
                    return lobby;
                }
                answer(&guest, &stanza);
            }
            None
        });
        let Some(seat) = waits.await.ok().flatten() else {
            return Err(Error::Xmpp(format!("{nick} is not let in")));
        };
        let peer = Self::enter(place, guest, events).await?;
        let seat = escape(&seat);
        peer.guest.send(format!(
            "<presence xmlns='jabber:client' type='unavailable' to='{seat}'/>"
        ));
        Ok(peer)
    }

    async fn enter(place: PeerPlace, guest: Guest, mut events: GuestEvents) -> Result<Self> {
        let nick = nick_of(&guest);
        place.registry.insert(PeerInfo {
            nick: nick.clone(),
            name: place.name.clone(),
            index: place.index,
            sources: sources(&nick),
        });
        guest.send(presence(&place, &nick));
        let guest = Arc::new(guest);
        let me = format!("{}/{nick}", place.room);
        let joined = tokio::time::timeout(std::time::Duration::from_secs(10), async {
            while let Some(stanza) = events.recv().await {
                if stanza.name() == "presence" && stanza.attr("from") == Some(&me) {
                    return stanza.attr("type").is_none();
                }
                answer(&guest, &stanza);
            }
            false
        });
        if !joined.await.unwrap_or(false) {
            place.registry.remove(&nick);
            return Err(Error::Xmpp(format!("peer {nick} cannot join")));
        }
        let declined = Declined::default();
        tokio::spawn(respond(Arc::downgrade(&guest), events, declined.clone()));
        Ok(Self {
            nick,
            guest,
            room: place.room,
            declined,
        })
    }

    /// Writes to everybody in the room, or to one.
    pub fn chat(&self, room: &str, to: Option<&str>, text: &str) {
        let (to, kind) = match to {
            Some(nick) => (format!("{room}/{nick}"), "chat"),
            None => (room.to_owned(), "groupchat"),
        };
        let (to, text) = (escape(&to), escape(text));
        self.guest.send(format!(
            "<message xmlns='jabber:client' to='{to}' type='{kind}'><body>{text}</body></message>"
        ));
    }

    /// Says to somebody what only components may say.
    pub fn say_json(&self, room: &str, nick: &str, json: &str) {
        let (to, json) = (escape(&format!("{room}/{nick}")), escape(json));
        self.guest.send(format!(
            "<message xmlns='jabber:client' to='{to}' type='chat'><json-message xmlns='{}'>{json}</json-message></message>",
            ns::JITMEET
        ));
    }

    /// Invites `nick` past the focus, as browsers do when they are two. The sids that were declined appear in the list.
    pub fn invite_directly(&self, nick: &str, sid: &str) -> Declined {
        let content = |name: &str, media: &str| {
            format!(
                "<content creator='initiator' name='{name}' senders='both'><description xmlns='{}' media='{media}'/>\
                 <transport xmlns='{}' ufrag='p2p' pwd='peertopeerpeertopeer00'><fingerprint xmlns='{}' hash='sha-256' setup='actpass'>{}</fingerprint>\
                 </transport></content>",
                ns::RTP,
                ns::ICE_UDP,
                ns::DTLS,
                ["00"; 32].join(":")
            )
        };
        self.guest.send(format!(
            "<iq xmlns='jabber:client' to='{room}/{nick}' type='set' id='{sid}'><jingle xmlns='{}' action='session-initiate' \
             initiator='{room}/{}' sid='{sid}'>{}{}</jingle></iq>",
            ns::JINGLE,
            self.nick,
            content("0", "audio"),
            content("1", "video"),
            room = escape(&self.room),
        ));
        self.declined.clone()
    }

    /// Sends what only the focus may send.
    pub fn mute_other(&self, room: &str, nick: &str, media: Media) {
        let space = if media == Media::Audio {
            ns::MUTE_AUDIO
        } else {
            ns::MUTE_VIDEO
        };
        self.guest.send(format!(
            "<iq xmlns='jabber:client' to='{}/{nick}' type='set' id='impostor'><mute xmlns='{space}' actor='{}/{}'>true</mute></iq>",
            escape(room),
            escape(room),
            self.nick,
        ));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.guest.send(format!(
            "<presence xmlns='jabber:client' type='unavailable' to='{}/{}'/>",
            escape(&self.room),
            self.nick
        ));
    }
}

async fn respond(guest: std::sync::Weak<Guest>, mut events: GuestEvents, declined: Declined) {
    while let Some(stanza) = events.recv().await {
        let Some(guest) = guest.upgrade() else { return };
        let terminate = stanza
            .get_child("jingle", ns::JINGLE)
            .filter(|j| j.attr("action") == Some("session-terminate"))
            .filter(|j| {
                j.get_child("reason", ns::JINGLE)
                    .is_some_and(|r| r.has_child("decline", ns::JINGLE))
            });
        if let Some(sid) = terminate.and_then(|j| j.attr("sid")) {
            declined
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(sid.to_owned());
            guest.send(format!(
                "<iq xmlns='jabber:client' type='result' id='{}' to='{}'/>",
                escape(stanza.attr("id").unwrap_or_default()),
                escape(stanza.attr("from").unwrap_or_default())
            ));
            continue;
        }
        answer(&guest, &stanza);
    }
}

/// A peer answers what is asked of it: pings and disco#info with a result, all else with an error.
fn answer(guest: &Guest, stanza: &Element) {
    if stanza.name() != "iq" || !matches!(stanza.attr("type"), Some("get" | "set")) {
        return;
    }
    let attribute = |name: &str| escape(stanza.attr(name).unwrap_or_default());
    let (kind, body) = if stanza.has_child("ping", ns::PING) {
        ("result", String::new())
    } else if stanza.has_child("query", ns::DISCO_INFO) {
        (
            "result",
            format!(
                "<query xmlns='{}'><identity category='client' type='bot' name='peer'/></query>",
                ns::DISCO_INFO
            ),
        )
    } else {
        (
            "error",
            format!(
                "<error type='cancel'><service-unavailable xmlns='{}'/></error>",
                ns::STANZAS
            ),
        )
    };
    guest.send(format!(
        "<iq xmlns='jabber:client' type='{kind}' id='{}' to='{}'>{body}</iq>",
        attribute("id"),
        attribute("from")
    ));
}

/// The nick that a guest has in rooms.
fn nick_of(guest: &Guest) -> String {
    node(&guest.jid).chars().take(8).collect()
}

fn knocking(seat: &str, name: &str) -> String {
    format!(
        "<presence xmlns='jabber:client' to='{}'><x xmlns='{}'/><nick xmlns='http://jabber.org/protocol/nick'>{}</nick></presence>",
        escape(seat),
        ns::MUC,
        escape(name)
    )
}

/// Whether a message is the invitation of the room that whoever is let in gets.
fn invites(message: &Element, room: &str) -> bool {
    let x = message.get_child("x", ns::MUC_USER);
    message.attr("from") == Some(room) && x.is_some_and(|x| x.has_child("invite", ns::MUC_USER))
}

fn presence(place: &PeerPlace, nick: &str) -> String {
    let password = place
        .password
        .as_deref()
        .map(|p| format!("<password>{}</password>", escape(p)))
        .unwrap_or_default();
    format!(
        "<presence xmlns='jabber:client' to='{room}/{nick}'><x xmlns='{muc}'>{password}</x>\
         <nick xmlns='http://jabber.org/protocol/nick'>{name}</nick><stats-id>Peer-{index}</stats-id>\
         <jitsi_participant_codecList>{codecs}</jitsi_participant_codecList>\
         <SourceInfo>{{&quot;{nick}-a0&quot;:{{&quot;muted&quot;:false}},&quot;{nick}-v0&quot;:{{&quot;muted&quot;:false}}}}</SourceInfo></presence>",
        room = escape(&place.room),
        muc = ns::MUC,
        name = escape(&place.name),
        index = place.index,
        codecs = escape(&place.codecs),
    )
}

fn sources(nick: &str) -> Sources {
    let mut rng = rand::rng();
    let mut fresh = || rng.random_range(0x1000_0000..0x7fff_0000u32);
    let (low, high, rtx_low, rtx_high, audio) = (fresh(), fresh(), fresh(), fresh(), fresh());
    let video = |ssrc| Source {
        media: Media::Video,
        ssrc,
        name: format!("{nick}-v0"),
        msid: Some(format!("{nick}-video-0-1 {nick}-v-track-1")),
        desktop: false,
    };
    let group = |semantics, ssrcs: &[u32]| Group {
        media: Media::Video,
        semantics,
        ssrcs: ssrcs.to_vec(),
    };
    Sources {
        sources: vec![
            video(low),
            video(high),
            video(rtx_low),
            video(rtx_high),
            Source {
                media: Media::Audio,
                ssrc: audio,
                name: format!("{nick}-a0"),
                msid: Some(format!("{nick}-audio-0-1 {nick}-a-track-1")),
                desktop: false,
            },
        ],
        groups: vec![
            group(Semantics::Sim, &[low, high]),
            group(Semantics::Fid, &[low, rtx_low]),
            group(Semantics::Fid, &[high, rtx_high]),
        ],
    }
}
