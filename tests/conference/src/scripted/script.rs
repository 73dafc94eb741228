//! What a scripted server says: data, so that a story reads as the conversation that it is.
//!
//! In every text `{id}` is the id of the frame that is answered, `{from}` its `to`, `{me}` the client's full JID, `{nick}`
//! its nick, `{occupant}` its occupant JID, `{room}` the room, `{h}` the stanzas it has sent, `{n}` a running number.

use std::time::Duration;

/// Domain of every scripted server.
pub const DOMAIN: &str = "meet.scripted";
/// The user behind the occupant `focus`.
pub const FOCUS_USER: &str = "focus@auth.meet.scripted";
/// JID that each client is given.
pub const CLIENT: &str = "ab12cd34-0000-4000-8000-000000000000@meet.scripted/r";

/// A whole server.
#[derive(Debug, Clone)]
pub struct Script {
    /// What `config.js` is.
    pub config: Page,
    /// The first whose word is in a frame of the client answers it.
    pub answers: Vec<Answer>,
    /// What is done once the client is told that it is in the room.
    pub then: Vec<Act>,
}

/// An HTTP body.
#[derive(Debug, Clone)]
pub enum Page {
    /// The right one, naming this server.
    Right,
    /// This text.
    Text(String),
    /// So many bytes of nothing much.
    Bytes(u64),
}

/// An answer to a frame.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What must be in the frame.
    pub to: &'static str,
    /// The frames that answer it.
    pub says: Vec<String>,
    /// After it [`Script::then`] begins.
    pub begins: bool,
}

/// Something done without being asked.
#[derive(Debug, Clone)]
pub enum Act {
    /// One frame.
    Say(String),
    /// A frame again and again.
    Flood {
        /// The frame; `{n}` counts.
        text: String,
        /// How often in a second.
        per_second: u32,
        /// For how long.
        during: Duration,
    },
    /// One WebSocket message of ever more fragments, which never ends.
    Endless {
        /// The first fragment.
        begin: String,
        /// Every other.
        more: String,
        /// Bytes in all; then the server is silent.
        bytes: u64,
    },
    /// Nothing for a while.
    Pause(Duration),
}

/// An answer that is only that.
pub fn answer<const N: usize>(to: &'static str, says: [&str; N]) -> Answer {
    Answer {
        to,
        says: says.map(String::from).to_vec(),
        begins: false,
    }
}

/// An occupant of the room; `jid` is who it really is.
pub fn occupant(nick: &str, jid: &str, role: &str) -> String {
    format!(
        "<presence xmlns='jabber:client' from='{{room}}/{nick}' to='{{me}}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <item affiliation='none' role='{role}' jid='{jid}'/></x></presence>"
    )
}

/// A Jingle invitation from `from` that offers media at a port where nobody is.
pub fn invitation(from: &str, sid: &str) -> String {
    let transport = "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='UUUU' pwd='PPPPPPPPPPPPPPPPPPPPPPPP'><rtcp-mux/>\
        <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:\
        AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99</fingerprint>\
        <candidate component='1' foundation='1' generation='0' id='c' ip='127.0.0.1' port='9' priority='2130706431' protocol='udp' type='host'/></transport>";
    format!(
        "<iq xmlns='jabber:client' type='set' id='invitation-{sid}' from='{from}' to='{{me}}'><jingle xmlns='urn:xmpp:jingle:1' \
         action='session-initiate' sid='{sid}' initiator='{{room}}/focus'>\
         <content name='audio' creator='initiator' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>\
         <payload-type id='111' name='opus' clockrate='48000' channels='2'/><rtcp-mux/></description>{transport}</content>\
         <content name='video' creator='initiator' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>\
         <payload-type id='100' name='VP8' clockrate='90000'/><rtcp-mux/></description>{transport}</content>\
         <content name='data' creator='initiator' senders='both'><description xmlns='urn:xmpp:jingle:transports:webrtc-datachannel:1' media='application'/>\
         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='UUUU' pwd='PPPPPPPPPPPPPPPPPPPPPPPP'>\
         <sctpmap xmlns='urn:xmpp:jingle:transports:dtls-sctp:1' number='5000' protocol='webrtc-datachannel' streams='1024'/>\
         <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99</fingerprint></transport></content>\
         <group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='audio'/><content name='video'/><content name='data'/></group>\
         <bridge-session xmlns='http://jitsi.org/protocol/focus' id='b1'/></jingle></iq>"
    )
}

impl Default for Script {
    /// A server that does everything right, up to a room in which nothing happens.
    fn default() -> Self {
        let mut answers = vec![
            answer("<close ", ["<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"]),
            answer("<auth ", ["<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"]),
            answer(
                "xmpp-bind",
                [
                    "<iq xmlns='jabber:client' type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{me}</jid></bind></iq>",
                ],
            ),
            answer("<enable ", ["<enabled xmlns='urn:xmpp:sm:3' id='sm'/>"]),
            answer("<r ", ["<a xmlns='urn:xmpp:sm:3' h='{h}'/>"]),
            answer("<a ", []),
            answer(
                "type='unavailable'",
                [
                    "<presence xmlns='jabber:client' type='unavailable' from='{occupant}' to='{me}'><x xmlns='http://jabber.org/protocol/muc#user'>\
                  <item affiliation='none' role='none'/><status code='110'/></x></presence>",
                ],
            ),
            answer("type='result'", []),
            answer("type='error'", []),
            answer(
                "<conference ",
                [
                    "<iq xmlns='jabber:client' type='result' id='{id}' from='{from}' to='{me}'><conference xmlns='http://jitsi.org/protocol/focus' \
                  ready='true' focusjid='focus@auth.meet.scripted'/></iq>",
                ],
            ),
        ];
        answers.push(Answer {
            to: "http://jabber.org/protocol/muc'",
            says: vec![
                occupant("focus", "focus@auth.meet.scripted/focus", "moderator"),
                "<presence xmlns='jabber:client' from='{occupant}' to='{me}'><x xmlns='http://jabber.org/protocol/muc#user'>\
                 <item affiliation='none' role='participant' jid='{me}'/><status code='100'/><status code='110'/></x></presence>"
                    .into(),
            ],
            begins: true,
        });
        answers.push(answer("<presence", []));
        answers.push(answer(
            "<jingle",
            ["<iq xmlns='jabber:client' type='result' id='{id}' from='{from}' to='{me}'/>"],
        ));
        answers.push(answer(
            "urn:xmpp:ping",
            ["<iq xmlns='jabber:client' type='result' id='{id}' from='{from}' to='{me}'/>"],
        ));
        answers.push(answer(
            "<iq ",
            [
                "<iq xmlns='jabber:client' type='error' id='{id}' from='{from}' to='{me}'><error type='cancel'>\
              <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
            ],
        ));
        Self {
            config: Page::Right,
            answers,
            then: Vec::new(),
        }
    }
}

impl Script {
    /// The same with another answer to a word.
    #[must_use]
    pub fn answering<const N: usize>(mut self, to: &'static str, says: [&str; N]) -> Self {
        self.answers.insert(0, answer(to, says));
        self
    }

    /// The same, and then this, once the client is in the room.
    #[must_use]
    pub fn then(mut self, act: Act) -> Self {
        self.then.push(act);
        self
    }

    /// The same with one more frame, once the client is in the room.
    #[must_use]
    pub fn saying(self, text: impl Into<String>) -> Self {
        self.then(Act::Say(text.into()))
    }

    /// The same with another `config.js`.
    #[must_use]
    pub fn configured(mut self, config: Page) -> Self {
        self.config = config;
        self
    }
}
