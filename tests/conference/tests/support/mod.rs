//! A small client on str0m, right in all it does unless its behaviour says otherwise. It is no room box: it exists to
//! try the conference in a box, and to be caught when it is wrong.

mod media;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use conference::Conference;
use conference::focus::caps;
use conference::focus::sources::{Group, Media, Semantics, Source, Sources};
use conference::xml::{self, escape};
use conference::xmpp::{Guest, GuestEvents, node, ns};
use minidom::Element;

pub use media::Received;
use media::{MediaThread, Offer};

/// How a client is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Nothing,
    SkipsConferenceRequest,
    SignalsLowerCaseFingerprint,
    SignalsAnotherFingerprint,
    HasRsaLikeSetup,
    SaysUnknownField,
    OpensTwoChannels,
    NamesChannelWrongly,
    SendsNoAudioLevel,
    SendsOnStraySsrc,
    SendsNoTemporalIndex,
    ConstrainsNothing,
    IgnoresKeyFrameRequests,
    IgnoresMute,
    ObeysImpostors,
    IgnoresSenderConstraints,
    SendsAfterLeaving,
    HasTwoSourcesWithOneSsrc,
    AnnouncesOtherCaps,
    SwapsLayers,
    AnswersNoPing,
    IgnoresMoves,
    TakesInvitationsOfPeers,
}

pub struct Client {
    guest: Arc<Guest>,
    pub nick: String,
    room: String,
    state: Arc<Mutex<State>>,
    wrong: Wrong,
}

#[derive(Default)]
struct State {
    delivered: u32,
    media: Option<MediaThread>,
    joined: bool,
    requested: bool,
    gone: bool,
    focus_gone: bool,
    audio_muted: bool,
    sid: String,
    bridge: String,
    errors: Vec<String>,
    results: Vec<String>,
    own_sources: Sources,
}

const QUERY: &str = "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' type='pc' name='test'/>\
<feature var='urn:xmpp:jingle:1'/><feature var='urn:xmpp:jingle:apps:rtp:1'/>\
<feature var='urn:xmpp:jingle:apps:rtp:audio'/><feature var='urn:xmpp:jingle:apps:rtp:video'/>\
<feature var='urn:xmpp:jingle:transports:dtls-sctp:1'/><feature var='urn:xmpp:jingle:transports:ice-udp:1'/>\
<feature var='urn:ietf:rfc:4588'/><feature var='http://jitsi.org/tcc'/><feature var='http://jitsi.org/source-name'/>\
<feature var='http://jitsi.org/json-encoded-sources'/><feature var='http://jitsi.org/ssrc-rewriting-1'/>\
<feature var='http://jitsi.org/receive-multiple-video-streams'/></query>";

impl Client {
    /// Joins `room`, and waits until it is in.
    pub async fn join(conference: &Conference, room: &str, wrong: Wrong) -> Client {
        let client = Self::connect(conference, room, wrong).await;
        assert!(
            wait(|| client.state.lock().unwrap().joined).await,
            "client is not in the room"
        );
        client
    }

    async fn connect(conference: &Conference, room: &str, wrong: Wrong) -> Client {
        let path = format!("/xmpp-websocket?room={room}");
        let (guest, events) = Guest::connect(conference.address(), "meet.local", &path).await.unwrap();
        let nick: String = node(&guest.jid).chars().take(8).collect();
        let client = Client {
            guest: Arc::new(guest),
            nick,
            room: format!("{room}@conference.meet.local"),
            state: Arc::default(),
            wrong,
        };
        client.guest.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        let worker = Worker {
            guest: Arc::downgrade(&client.guest),
            nick: client.nick.clone(),
            room: client.room.clone(),
            state: client.state.clone(),
            wrong,
        };
        tokio::spawn(worker.run(events));
        if wrong != Wrong::SkipsConferenceRequest {
            client.guest.send(format!(
                "<iq xmlns='jabber:client' type='set' to='focus.meet.local' id='request'><conference xmlns='{}' \
                 room='{}' machine-uid='00112233445566778899aabbccddeeff'/></iq>",
                ns::FOCUS,
                client.room
            ));
            assert!(
                wait(|| client.state.lock().unwrap().requested).await,
                "the conference request is not answered"
            );
        }
        client
            .guest
            .send(presence(&client.room, &client.nick, wrong, false, true));
        client
    }

    /// What arrived from the bridge.
    pub fn received(&self) -> Received {
        self.state
            .lock()
            .unwrap()
            .media
            .as_ref()
            .map(MediaThread::received)
            .unwrap_or_default()
    }

    pub fn is_gone(&self) -> bool {
        self.state.lock().unwrap().gone
    }

    pub fn lost_focus(&self) -> bool {
        self.state.lock().unwrap().focus_gone
    }

    pub fn sessions(&self) -> usize {
        self.state
            .lock()
            .unwrap()
            .results
            .iter()
            .filter(|r| *r == "initiate")
            .count()
    }

    pub fn errors(&self) -> Vec<String> {
        self.state.lock().unwrap().errors.clone()
    }

    /// Asks for a new session as after an ICE failure.
    pub fn restart(&self) {
        let (sid, bridge) = {
            let state = self.state.lock().unwrap();
            (state.sid.clone(), state.bridge.clone())
        };
        self.guest.send(format!(
            "<iq xmlns='jabber:client' type='set' to='{}/focus' id='restart'><jingle xmlns='{}' action='session-terminate' sid='{sid}'>\
             <reason><connectivity-error/><text>ICE FAILED</text></reason>\
             <bridge-session xmlns='{}' id='{bridge}' restart='true'/></jingle></iq>",
            self.room,
            ns::JINGLE,
            ns::FOCUS
        ));
    }

    /// Removes its video source, and adds it again.
    pub fn change_sources(&self, action: &str) {
        let state = self.state.lock().unwrap();
        self.guest.send(format!(
            "<iq xmlns='jabber:client' type='set' to='{}/focus' id='{action}'><jingle xmlns='{}' action='{action}' sid='{}'>\
             <content name='video' creator='initiator'><description xmlns='{}' media='video'>{}</description></content></jingle></iq>",
            self.room,
            ns::JINGLE,
            state.sid,
            ns::RTP,
            state.own_sources.to_xml(Media::Video, &self.nick)
        ));
    }

    pub fn answered(&self, id: &str) -> bool {
        self.state.lock().unwrap().results.iter().any(|r| r == id)
    }

    /// Leaves in the right order.
    pub async fn leave(self) {
        let media = self.state.lock().unwrap().media.take();
        if self.wrong != Wrong::SendsAfterLeaving {
            drop(media);
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.guest.send(format!(
                "<presence xmlns='jabber:client' type='unavailable' to='{}/{}'/>",
                self.room, self.nick
            ));
        } else {
            self.guest.send(format!(
                "<presence xmlns='jabber:client' type='unavailable' to='{}/{}'/>",
                self.room, self.nick
            ));
            tokio::time::sleep(Duration::from_millis(600)).await;
            drop(media);
        }
        assert!(wait(|| self.is_gone()).await, "own unavailable presence does not come");
    }
}

/// Polls a condition for ten seconds.
pub async fn wait(condition: impl Fn() -> bool) -> bool {
    for _ in 0..500 {
        if condition() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

fn presence(room: &str, nick: &str, wrong: Wrong, audio_muted: bool, first: bool) -> String {
    let mut ver = caps::hash(&xml::parse(QUERY).unwrap());
    if wrong == Wrong::AnnouncesOtherCaps {
        ver = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".into();
    }
    let join = if first {
        "<x xmlns='http://jabber.org/protocol/muc'/>"
    } else {
        ""
    };
    let info = format!("{{\"{nick}-a0\":{{\"muted\":{audio_muted}}},\"{nick}-v0\":{{\"muted\":false}}}}");
    format!(
        "<presence xmlns='jabber:client' to='{room}/{nick}'>{join}<c xmlns='{}' hash='sha-1' node='urn:test' ver='{ver}'/>\
         <nick xmlns='http://jabber.org/protocol/nick'>Test</nick><jitsi_participant_codecList>vp8</jitsi_participant_codecList>\
         <SourceInfo>{}</SourceInfo></presence>",
        ns::CAPS,
        escape(&info)
    )
}

struct Worker {
    guest: std::sync::Weak<Guest>,
    nick: String,
    room: String,
    state: Arc<Mutex<State>>,
    wrong: Wrong,
}

impl Worker {
    async fn run(self, mut events: GuestEvents) {
        while let Some(stanza) = events.recv().await {
            let Some(guest) = self.guest.upgrade() else { return };
            self.stanza(&guest, &stanza);
        }
    }

    fn stanza(&self, guest: &Guest, stanza: &Element) {
        let mut state = self.state.lock().unwrap();
        match stanza.name() {
            "enabled" => state.delivered = 0,
            "r" => guest.send(format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", state.delivered)),
            "iq" | "presence" | "message" => state.delivered += 1,
            _ => {}
        }
        let own = stanza.attr("from") == Some(&format!("{}/{}", self.room, self.nick));
        match (stanza.name(), stanza.attr("type")) {
            ("presence", None) if own => state.joined = true,
            ("presence", Some("unavailable")) if own => {
                state.gone = true;
                state.media = None;
            }
            ("presence", Some("unavailable")) if stanza.attr("from").is_some_and(|f| f.ends_with("/focus")) => {
                state.focus_gone = true;
            }
            ("presence", Some("error")) => state.errors.push(xml::write(stanza)),
            ("iq", Some("result" | "error")) => {
                let id = stanza.attr("id").unwrap_or_default().to_owned();
                state.requested |= id == "request";
                if stanza.attr("type") == Some("error") {
                    state.errors.push(xml::write(stanza));
                } else {
                    state.results.push(id);
                }
            }
            ("iq", Some(_)) => self.request(guest, stanza, &mut state),
            _ => {}
        }
    }

    fn request(&self, guest: &Guest, iq: &Element, state: &mut State) {
        let attribute = |name: &str| escape(iq.attr(name).unwrap_or_default());
        let reply = |kind: &str, body: &str| {
            guest.send(format!(
                "<iq xmlns='jabber:client' type='{kind}' id='{}' to='{}'>{body}</iq>",
                attribute("id"),
                attribute("from")
            ));
        };
        if iq.has_child("query", ns::DISCO_INFO) {
            return reply("result", QUERY);
        }
        if let Some(mute) = iq.get_child("mute", ns::MUTE_AUDIO) {
            reply("result", "");
            let from_focus = iq.attr("from") == Some(&format!("{}/focus", self.room)) && mute.text() == "true";
            let obeys = (from_focus && self.wrong != Wrong::IgnoresMute) || self.wrong == Wrong::ObeysImpostors;
            if obeys {
                state.audio_muted = true;
                guest.send(presence(&self.room, &self.nick, self.wrong, true, false));
                if let Some(media) = &state.media {
                    media.mute_audio();
                }
            }
            return;
        }
        let Some(jingle) = iq.get_child("jingle", ns::JINGLE) else {
            return reply("result", "");
        };
        match jingle.attr("action") {
            Some("session-initiate") if iq.attr("from") != Some(&format!("{}/focus", self.room)) => {
                reply("result", "");
                if self.wrong != Wrong::TakesInvitationsOfPeers {
                    guest.send(format!(
                        "<iq xmlns='jabber:client' type='set' id='decline' to='{}'><jingle xmlns='{}' action='session-terminate' \
                         sid='{}'><reason><decline/><text>P2P disabled</text></reason></jingle></iq>",
                        attribute("from"),
                        ns::JINGLE,
                        escape(jingle.attr("sid").unwrap_or_default())
                    ));
                }
            }
            Some("session-initiate") => {
                reply("result", "");
                if self.wrong == Wrong::IgnoresMoves && !state.sid.is_empty() {
                    return;
                }
                self.accept(guest, jingle, state);
            }
            Some("session-terminate") if jingle.attr("sid") == Some(&state.sid) => {
                reply("result", "");
                state.media = None;
            }
            Some("source-add" | "source-remove") if jingle.attr("sid") == Some(&state.sid) => reply("result", ""),
            Some("source-add" | "source-remove" | "session-terminate") => reply(
                "error",
                "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                 <unknown-session xmlns='urn:xmpp:jingle:errors:1'/></error>",
            ),
            _ => reply(
                "error",
                "<error type='cancel'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
            ),
        }
    }

    fn accept(&self, guest: &Guest, jingle: &Element, state: &mut State) {
        state.sid = jingle.attr("sid").unwrap_or_default().into();
        state.bridge = jingle
            .get_child("bridge-session", ns::FOCUS)
            .and_then(|b| b.attr("id"))
            .unwrap_or_default()
            .into();
        state.results.push("initiate".into());
        let sources = sources(&self.nick, self.wrong);
        state.own_sources = sources.clone();
        let mut media = MediaThread::new(Offer::read(jingle), &sources, &self.nick, self.wrong);
        let transport = media.transport();
        let content = |name: &str, body: &str| {
            format!("<content name='{name}' creator='initiator' senders='both'>{body}{transport}</content>")
        };
        let description = |media: Media, payloads: &str| {
            format!(
                "<description xmlns='{}' media='{}'>{payloads}{}</description>",
                ns::RTP,
                media.word(),
                sources.to_xml(media, &self.nick)
            )
        };
        let audio = description(
            Media::Audio,
            "<payload-type id='111' name='opus' clockrate='48000' channels='2'/>",
        );
        let video = description(
            Media::Video,
            "<payload-type id='100' name='VP8' clockrate='90000'/><payload-type id='96' name='rtx' clockrate='90000'/>",
        );
        guest.send(format!(
            "<iq xmlns='jabber:client' type='set' to='{room}/focus' id='accept'><jingle xmlns='{}' action='session-accept' \
             sid='{}' initiator='{room}/focus' responder='{room}/{}'>{}{}{}</jingle></iq>",
            ns::JINGLE,
            state.sid,
            self.nick,
            content("audio", &audio),
            content("video", &video),
            content("data", ""),
            room = self.room,
        ));
        media.start();
        state.media = Some(media);
    }
}

fn sources(nick: &str, wrong: Wrong) -> Sources {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1000);
    let first = NEXT.fetch_add(10, Ordering::Relaxed);
    let [low, high, rtx_low, rtx_high, audio] = [first, first + 1, first + 2, first + 3, first + 4];
    let audio = if wrong == Wrong::HasTwoSourcesWithOneSsrc {
        low
    } else {
        audio
    };
    let video = |ssrc| Source {
        media: Media::Video,
        ssrc,
        name: format!("{nick}-v0"),
        msid: Some(format!("{nick}-video x")),
        desktop: false,
    };
    let group = |semantics, ssrcs: &[u32]| Group {
        media: Media::Video,
        semantics,
        ssrcs: ssrcs.to_vec(),
    };
    let order = if wrong == Wrong::SwapsLayers {
        [high, low]
    } else {
        [low, high]
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
                msid: Some(format!("{nick}-audio x")),
                desktop: false,
            },
        ],
        groups: vec![
            group(Semantics::Sim, &order),
            group(Semantics::Fid, &[low, rtx_low]),
            group(Semantics::Fid, &[high, rtx_high]),
        ],
    }
}
