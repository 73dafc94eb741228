//! A scripted other side: it says what a deployment says, and the clock moves by hand.
#![allow(dead_code, clippy::expect_used, clippy::panic)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jitsi::Options;
use jitsi::participant::{
    ConnectionId, HttpRequest, HttpResponse, Input, NetworkError, Output, Participant, SocketEvent,
};
use jitsi::xml;
use media_protocol::{Fingerprint, LocalDescription, SessionEvent, SessionId, SessionPlan};
use minidom::Element;
use rand::SeedableRng;
use rand::rngs::StdRng;
use room::conference::{ConferenceCommand, ConferenceEvent, JoinRequest, Muted, Sources};
use room::outcome::Outcome;

pub const URL: &str = "https://meet.example/Standup";
/// Stands for the protocol where BOSH was opened.
pub const BOSH: &str = "bosh";
pub const ROOM: &str = "standup@muc.meet.example";
pub const FOCUS: &str = "standup@muc.meet.example/focus";
pub const ME: &str = "ab12cd34";
pub const CONFIG: &str =
    "var config = {}; config.hosts = {}; config.hosts.domain = 'meet.example'; config.hosts.muc = 'muc.meet.example';";
pub const SID: &str = "sid1";
pub const COMPONENTS: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>\
    <identity category='server' type='im' name='Prosody'/>\
    <identity category='component' type='room_metadata' name='metadata.meet.example'/>\
    <identity category='component' type='av_moderation' name='avmoderation.meet.example'/>\
    <identity category='component' type='breakout_rooms' name='breakout.meet.example'/>\
    <identity category='component' type='lobbyrooms' name='lobby.meet.example'/>\
    <identity category='component' type='speakerstats' name='speakerstats.meet.example'/>\
    <identity category='component' type='end_conference' name='endconference.meet.example'/></query>";

pub struct Script {
    pub participant: Participant,
    pub now: Instant,
    pub http: Vec<(ConnectionId, HttpRequest)>,
    pub opened: Vec<(ConnectionId, String, Option<&'static str>)>,
    pub closed: Vec<ConnectionId>,
    pub sent: VecDeque<(ConnectionId, String)>,
    pub events: VecDeque<ConferenceEvent>,
    /// Everything the box ever sent, for questions about the whole.
    pub log: Vec<String>,
    /// What was to be kept for a restarted process, in order.
    pub remembered: Vec<Option<jitsi::left_behind::LeftBehind>>,
    /// JID node the server gives next.
    pub node: String,
    /// The server answers the question for its components at once.
    pub announces: bool,
    /// A stanza that comes before the answer to the bind request; empty: none.
    pub push_before_bind: String,
    /// The server's answer to `<enable/>`.
    pub enabled: String,
}

pub fn options() -> Options {
    Options {
        machine_uid: "0123456789abcdef0123456789abcdef".into(),
        ..Options::default()
    }
}

pub fn request(url: &str) -> JoinRequest {
    JoinRequest {
        url: url.into(),
        name: "Salle 4".into(),
        password: None,
        token: None,
        muted: Muted {
            audio: false,
            video: false,
        },
        sources: Sources::BOTH,
    }
}

impl Script {
    pub fn new() -> Self {
        Self::with(options())
    }

    pub fn with(options: Options) -> Self {
        let now = Instant::now();
        Self {
            participant: Participant::new(options, StdRng::seed_from_u64(7), now),
            now,
            http: Vec::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            sent: VecDeque::new(),
            events: VecDeque::new(),
            log: Vec::new(),
            remembered: Vec::new(),
            node: "ab12cd34-0000-4000-8000-000000000000".into(),
            announces: true,
            push_before_bind: String::new(),
            enabled: "<enabled xmlns='urn:xmpp:sm:3'/>".into(),
        }
    }

    /// Tells the participant the world's time.
    pub fn tell_time(&mut self, since_1970: Duration) {
        let participant = Participant::new(options(), StdRng::seed_from_u64(7), self.now);
        self.participant = participant.with_wall_clock(since_1970);
    }

    pub fn input(&mut self, input: Input) {
        for output in self.participant.handle(input, self.now) {
            match output {
                Output::Http { id, request } => self.http.push((id, request)),
                Output::OpenSocket { id, url, protocol } => self.opened.push((id, url, protocol)),
                Output::OpenBosh { id, url } => self.opened.push((id, url, Some(BOSH))),
                Output::SendText { id, text } => {
                    self.log.push(text.clone());
                    self.sent.push_back((id, text));
                }
                Output::CloseSocket { id } => self.closed.push(id),
                Output::Event(event) => self.events.push_back(event),
                Output::Acquainted(_) => {}
                Output::Remember(left_behind) => self.remembered.push(left_behind.map(|boxed| *boxed)),
            }
        }
    }

    pub fn command(&mut self, command: ConferenceCommand) {
        self.input(Input::Command(command));
    }

    /// Lets time pass, tick by tick.
    pub fn advance(&mut self, duration: Duration) {
        let until = self.now + duration;
        for _ in 0..10_000 {
            match self.participant.next_deadline().filter(|deadline| *deadline <= until) {
                Some(deadline) => {
                    self.now = self.now.max(deadline);
                    self.input(Input::Tick);
                }
                None => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("the deadlines do not move on");
    }

    pub fn seconds(&mut self, seconds: u64) {
        self.advance(Duration::from_secs(seconds));
    }

    // ---- the network

    pub fn http_answer(&mut self, result: Result<HttpResponse, NetworkError>) {
        let (id, _) = self.http.pop().expect("an HTTP request");
        self.input(Input::Http { id, result });
    }

    pub fn config(&mut self, text: &str) {
        self.http_answer(Ok(HttpResponse {
            status: 200,
            shard: None,
            body: text.into(),
        }));
    }

    /// The last XMPP socket that was opened.
    pub fn socket(&self) -> ConnectionId {
        self.opened
            .iter()
            .rev()
            .find(|(_, _, protocol)| matches!(protocol, Some("xmpp" | BOSH)))
            .expect("a socket")
            .0
    }

    pub fn socket_event(&mut self, event: SocketEvent) {
        let id = self.socket();
        self.input(Input::Socket { id, event });
    }

    pub fn text(&mut self, text: &str) {
        self.socket_event(SocketEvent::Text(text.into()));
    }

    // ---- what came

    /// The next frame sent that contains a text; frames before it are passed over.
    pub fn sent(&mut self, part: &str) -> String {
        let before: Vec<String> = self.sent.iter().map(|(_, text)| text.clone()).collect();
        while let Some((_, text)) = self.sent.pop_front() {
            if text.contains(part) {
                return text;
            }
        }
        panic!(
            "nothing with {part:?} was sent, but {before:#?}; events {:#?}",
            self.events
        );
    }

    /// Takes the next frame that contains a text, and leaves those before it.
    pub fn take_sent(&mut self, part: &str) -> String {
        let at = self.sent.iter().position(|(_, text)| text.contains(part));
        let found = at.and_then(|at| self.sent.remove(at));
        found.unwrap_or_else(|| panic!("no {part:?} among {:#?}", self.sent)).1
    }

    pub fn sent_element(&mut self, part: &str) -> Element {
        xml::parse(&self.sent(part)).expect("well-formed")
    }

    pub fn sent_id(&mut self, part: &str) -> String {
        self.sent_element(part).attr("id").expect("an id").to_owned()
    }

    pub fn nothing_sent(&mut self, part: &str) {
        let found: Vec<&String> = self
            .sent
            .iter()
            .map(|(_, text)| text)
            .filter(|text| text.contains(part))
            .collect();
        assert!(found.is_empty(), "{found:?}");
    }

    /// The next event that fits; events before it are passed over.
    pub fn event<T>(&mut self, fits: impl Fn(&ConferenceEvent) -> Option<T>) -> T {
        let before: Vec<ConferenceEvent> = self.events.iter().cloned().collect();
        while let Some(event) = self.events.pop_front() {
            if let Some(found) = fits(&event) {
                return found;
            }
        }
        panic!("no such event among {before:#?}; sent {:#?}", self.sent);
    }

    pub fn saw(&mut self, event: &ConferenceEvent) {
        self.event(|seen| (seen == event).then_some(()));
    }

    pub fn no_event(&self, fits: impl Fn(&ConferenceEvent) -> bool) {
        assert!(!self.events.iter().any(fits), "{:#?}", self.events);
    }

    pub fn plan(&mut self) -> SessionPlan {
        self.event(|event| match event {
            ConferenceEvent::Session(Some(plan)) => Some((**plan).clone()),
            _ => None,
        })
    }

    pub fn ended(&mut self) -> Outcome {
        let outcome = self.event(|event| match event {
            ConferenceEvent::Ended(outcome) => Some(*outcome),
            _ => None,
        });
        assert!(self.participant.is_idle());
        assert_eq!(self.participant.next_deadline(), None);
        outcome
    }

    /// Answers a polite goodbye as a server does, and gives the outcome.
    pub fn farewell(&mut self) -> Outcome {
        if self.sent.iter().any(|(_, text)| text.contains("type='unavailable'")) {
            self.text(&unavailable(ME, "", "<status code='110'/>"));
        }
        if self.sent.iter().any(|(_, text)| text.starts_with("<close")) {
            self.text("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
            self.socket_event(SocketEvent::Closed { code: Some(1000) });
        }
        self.ended()
    }

    // ---- the way in, step by step

    pub fn join(&mut self, request: JoinRequest) {
        self.command(ConferenceCommand::Join(Box::new(request)));
    }

    /// From the open socket to the bound stream.
    pub fn authenticate(&mut self) {
        self.socket_event(SocketEvent::Opened);
        self.sent("<open ");
        self.features();
        self.sent("<auth ");
        self.text("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        self.sent("<open ");
        self.text(
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
        );
        self.sent("xmpp-bind");
        let node = self.node.clone();
        let early = self.push_before_bind.clone();
        self.text(&early);
        self.text(&format!(
            "<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>{node}@meet.example/r</jid></bind></iq>"
        ));
        self.take_sent("<enable ");
        self.text(&self.enabled.clone());
        if self.announces {
            self.announce_components();
        }
    }

    /// The server says which components it has.
    pub fn announce_components(&mut self) {
        let asked = self.sent.iter().find_map(|(_, text)| {
            let iq = xml::parse(text).ok()?;
            let disco = iq.has_child("query", "http://jabber.org/protocol/disco#info");
            iq.attr("id").filter(|_| disco).map(str::to_owned)
        });
        let id = asked.expect("a question for the components");
        self.text(&format!(
            "<iq xmlns='jabber:client' type='result' id='{id}' from='meet.example'>{COMPONENTS}</iq>"
        ));
    }

    /// From the open socket to `<resume/>`, which is given.
    pub fn ask_to_resume(&mut self) -> String {
        self.socket_event(SocketEvent::Opened);
        self.sent("<open ");
        self.features();
        self.sent("<auth ");
        self.text("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        self.sent("<open ");
        self.text(
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
        );
        self.sent("<resume ")
    }

    pub fn features(&mut self) {
        self.text(
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms \
             xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>",
        );
    }

    pub fn up_to_request(&mut self) {
        self.join(request(URL));
        self.config(CONFIG);
        self.authenticate();
    }

    /// A component says something to the box.
    pub fn component(&mut self, from: &str, json: &str) {
        self.text(&format!(
            "<message xmlns='jabber:client' from='{from}'><json-message xmlns='http://jitsi.org/jitmeet'>{json}</json-message></message>"
        ));
    }

    /// The focus's answer to the conference request; `inside` and `attributes` of `<conference/>`.
    pub fn focus_answers(&mut self, attributes: &str, inside: &str) {
        let id = self.sent_id("http://jitsi.org/protocol/focus");
        self.text(&format!(
            "<iq xmlns='jabber:client' type='result' id='{id}' from='focus.meet.example'><conference \
             xmlns='http://jitsi.org/protocol/focus' room='{ROOM}' {attributes}>{inside}</conference></iq>"
        ));
    }

    pub fn focus_is_ready(&mut self) {
        self.focus_answers("ready='true' focusjid='focus@auth.meet.example' session-id='s1'", "");
    }

    pub fn focus_refuses(&mut self, error: &str) {
        let id = self.sent_id("http://jitsi.org/protocol/focus");
        self.text(&format!(
            "<iq xmlns='jabber:client' type='error' id='{id}' from='focus.meet.example'>{error}</iq>"
        ));
    }

    /// The room refuses the join presence.
    pub fn room_refuses(&mut self, error: &str) {
        self.sent("http://jabber.org/protocol/muc'");
        self.text(&format!(
            "<presence xmlns='jabber:client' type='error' from='{ROOM}/{ME}'>{error}</presence>"
        ));
    }

    /// The room lets us in: the focus is there, then ourselves.
    pub fn let_in(&mut self) {
        let join = self.sent_element("http://jabber.org/protocol/muc'");
        let own = join.attr("to").expect("a room").to_owned();
        self.focus_presence("focus@auth.meet.example/focus");
        self.text(&format!(
            "<presence xmlns='jabber:client' from='{own}'><x xmlns='http://jabber.org/protocol/muc#user'>\
             <item affiliation='none' role='participant'/><status code='110'/></x></presence>"
        ));
    }

    pub fn focus_presence(&mut self, jid: &str) {
        self.focus_presence_with(jid, "");
    }

    pub fn focus_presence_with(&mut self, jid: &str, inside: &str) {
        self.text(&format!(
            "<presence xmlns='jabber:client' from='{FOCUS}'>{inside}<x xmlns='http://jabber.org/protocol/muc#user'>\
             <item affiliation='owner' role='moderator' jid='{jid}'/></x></presence>"
        ));
    }

    /// The focus takes an IQ of ours, or (`error`) refuses it.
    pub fn focus_answers_iq(&mut self, iq: &str, error: Option<&str>) {
        let element = xml::parse(iq).expect("well-formed");
        let id = element.attr("id").expect("an id");
        let kind = if error.is_some() { "error" } else { "result" };
        let error = error.unwrap_or_default();
        self.text(&format!(
            "<iq xmlns='jabber:client' type='{kind}' id='{id}' from='{FOCUS}'>{error}</iq>"
        ));
    }

    pub fn joined() -> Self {
        Self::joined_with(options())
    }

    pub fn joined_with(options: Options) -> Self {
        let mut script = Self::with(options);
        script.up_to_request();
        script.focus_is_ready();
        script.let_in();
        script.event(|event| matches!(event, ConferenceEvent::Joined { .. }).then_some(()));
        script
    }

    /// Joined, another person here, the offer come, answered and accepted, the media up, the channel open.
    pub fn in_session() -> (Self, SessionId) {
        let mut script = Self::joined();
        script.peer("cd34ef56", "Zoé", false);
        let id = script.session(SID, "b1");
        (script, id)
    }

    /// A whole session from offer to open channel.
    pub fn session(&mut self, sid: &str, bridge_session: &str) -> SessionId {
        self.offer(sid, bridge_session);
        let id = self.plan().id;
        self.describe(id);
        self.accepted();
        self.command(ConferenceCommand::Media(id, SessionEvent::Connected { at_ns: 1 }));
        self.command(ConferenceCommand::Media(
            id,
            SessionEvent::BridgeChannel(media_protocol::BridgeChannelState::Open),
        ));
        id
    }

    pub fn offer(&mut self, sid: &str, bridge_session: &str) {
        self.text(&session_initiate(sid, bridge_session, DATA, ""));
        self.sent("id='offer'");
    }

    pub fn describe(&mut self, id: SessionId) {
        self.command(ConferenceCommand::Media(
            id,
            SessionEvent::LocalDescription(description()),
        ));
    }

    /// The focus takes our answer; the plan by which we then send is passed over.
    pub fn accepted(&mut self) {
        let id = self.sent_id("session-accept");
        let events = self.events.split_off(0);
        self.text(&format!(
            "<iq xmlns='jabber:client' type='result' id='{id}' from='{FOCUS}'/>"
        ));
        self.events
            .retain(|event| !matches!(event, ConferenceEvent::Session(_)));
        self.events = events.into_iter().chain(self.events.drain(..)).collect();
    }

    pub fn peer(&mut self, id: &str, name: &str, audio_muted: bool) {
        self.peer_with(id, name, audio_muted, "");
    }

    /// The same, with more in its presence.
    pub fn peer_with(&mut self, id: &str, name: &str, audio_muted: bool, more: &str) {
        self.text(&format!(
            "<presence xmlns='jabber:client' from='{ROOM}/{id}'><nick xmlns='http://jabber.org/protocol/nick'>{name}</nick>\
             {more}<SourceInfo>{{\"{id}-a0\":{{\"muted\":{audio_muted}}},\"{id}-v0\":{{\"muted\":false}}}}</SourceInfo>\
             <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x></presence>"
        ));
    }

    /// A request IQ, as text.
    pub fn iq(&mut self, from: &str, id: &str, inside: &str) {
        self.text(&format!(
            "<iq xmlns='jabber:client' type='set' id='{id}' from='{from}'>{inside}</iq>"
        ));
    }

    pub fn bridge_says(&mut self, id: SessionId, text: &str) {
        self.command(ConferenceCommand::Media(
            id,
            SessionEvent::BridgeMessage { text: text.into() },
        ));
    }

    /// The messages for the bridge that wait.
    pub fn take_bridge_messages(&mut self) -> Vec<serde_json::Value> {
        let messages = self.events.iter().filter_map(|event| match event {
            ConferenceEvent::BridgeMessage(_, text) => Some(serde_json::from_str(text).expect("JSON")),
            _ => None,
        });
        let messages = messages.collect();
        self.events
            .retain(|event| !matches!(event, ConferenceEvent::BridgeMessage(..)));
        messages
    }
}

pub fn unavailable(nick: &str, item: &str, statuses: &str) -> String {
    format!(
        "<presence xmlns='jabber:client' type='unavailable' from='{ROOM}/{nick}'><x \
         xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none'>{item}</item>{statuses}</x></presence>"
    )
}

pub fn description() -> LocalDescription {
    LocalDescription {
        ufrag: "uf".into(),
        pwd: "pw".into(),
        fingerprint: Fingerprint {
            hash: "sha-256".into(),
            value: "AA:BB".into(),
            setup: "active".into(),
        },
    }
}

pub const TRANSPORT: &str = "ufrag='U' pwd='P' xmlns='urn:xmpp:jingle:transports:ice-udp:1'><rtcp-mux/>\
    <fingerprint hash='sha-256' setup='actpass' xmlns='urn:xmpp:jingle:apps:dtls:0'>AA:BB:CC</fingerprint>\
    <candidate ip='10.0.0.1' generation='0' foundation='1' priority='2130706431' component='1' protocol='udp' type='host' port='10000' id='c'/>";

pub const DATA: &str = "<sctpmap number='5000' streams='1024' protocol='webrtc-datachannel' xmlns='urn:xmpp:jingle:transports:dtls-sctp:1'/>";

/// An offer; `channel` is what the data content's transport holds (none: no data content).
pub fn session_initiate(sid: &str, bridge_session: &str, channel: &str, extra: &str) -> String {
    let data = if channel.contains("sctpmap") {
        format!(
            "<content name='data' creator='initiator'><description media='application' xmlns='urn:xmpp:jingle:apps:rtp:1'/>\
             <transport {TRANSPORT}{channel}</transport></content>"
        )
    } else {
        String::new()
    };
    let web_socket = if channel.contains("web-socket") { channel } else { "" };
    format!(
        "<iq xmlns='jabber:client' type='set' id='offer' from='{FOCUS}'><jingle xmlns='urn:xmpp:jingle:1' \
         action='session-initiate' sid='{sid}' initiator='focus@auth.meet.example/focus'>\
         <content name='audio' creator='initiator' senders='both'><description media='audio' xmlns='urn:xmpp:jingle:apps:rtp:1'>\
         <payload-type id='111' name='opus' clockrate='48000' channels='2'><parameter name='minptime' value='10'/></payload-type>\
         <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/></description>\
         <transport {TRANSPORT}{web_socket}</transport></content>\
         <content name='video' creator='initiator' senders='both'><description media='video' xmlns='urn:xmpp:jingle:apps:rtp:1'>\
         <payload-type id='41' name='AV1' clockrate='90000'/><payload-type id='100' name='VP8' clockrate='90000'>\
         <rtcp-fb type='nack' xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0'/></payload-type>\
         <payload-type id='96' name='rtx' clockrate='90000'><parameter name='apt' value='100'/></payload-type>\
         <payload-type id='107' name='H264' clockrate='90000'/></description>\
         <transport {TRANSPORT}</transport></content>{data}\
         <group semantics='BUNDLE' xmlns='urn:xmpp:jingle:apps:grouping:0'><content name='audio'/><content name='video'/></group>\
         <bridge-session id='{bridge_session}' xmlns='http://jitsi.org/protocol/focus'/>{extra}\
         <json-message xmlns='http://jitsi.org/jitmeet'>{{\"sources\":{{\"jvb\":[[{{\"s\":9,\"n\":\"jvb-v0\"}}],[],[{{\"s\":8,\"n\":\"jvb-a0\"}}],[]]}}}}</json-message>\
         </jingle></iq>"
    )
}
