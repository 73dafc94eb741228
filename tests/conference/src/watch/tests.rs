//! Scripted wrong clients: each breaks one rule and is caught at it.

use super::*;

const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='meet.local' version='1.0'/>";
const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const AUTH: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>";
const BOUND: &str = "<iq xmlns='jabber:client' type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
    <jid>ab12cd34-0000-4000-8000-000000000000@meet.local/r</jid></bind></iq>";
const REQUEST: &str = "<iq xmlns='jabber:client' type='set' to='focus.meet.local' id='q'>\
    <conference xmlns='http://jitsi.org/protocol/focus' room='salle@conference.meet.local' machine-uid='00'/></iq>";
const JOIN: &str = "<presence xmlns='jabber:client' to='salle@conference.meet.local/ab12cd34'>\
    <x xmlns='http://jabber.org/protocol/muc'/><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>\
    <nick xmlns='http://jabber.org/protocol/nick'>Salle</nick><jitsi_participant_codecList>vp8</jitsi_participant_codecList>\
    <SourceInfo>{&quot;ab12cd34-a0&quot;:{&quot;muted&quot;:true}}</SourceInfo></presence>";
const LEAVE: &str = "<presence xmlns='jabber:client' type='unavailable' to='salle@conference.meet.local/ab12cd34'/>";
const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
const ASK: &str = "<iq xmlns='jabber:client' type='get' id='p1' from='meet.local'><ping xmlns='urn:xmpp:ping'/></iq>";
const ANSWER_P1: &str = "<iq xmlns='jabber:client' type='result' id='p1' to='meet.local'/>";
const ENABLED: &str = "<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/>";

enum Step {
    Client(String),
    Server(&'static str),
    Wait(u64),
}
use Step::{Client, Server, Wait};

fn good() -> Vec<Step> {
    let client = |text: &str| Client(text.to_owned());
    vec![
        client(OPEN),
        client(AUTH),
        Server(SUCCESS),
        client(OPEN),
        Server(BOUND),
        client("<enable xmlns='urn:xmpp:sm:3' resume='true'/>"),
        Server(ENABLED),
        client(REQUEST),
        client(JOIN),
        Server(ASK),
        client(ANSWER_P1),
        Server("<r xmlns='urn:xmpp:sm:3'/>"),
        client("<a xmlns='urn:xmpp:sm:3' h='1'/>"),
        client(
            &JOIN
                .replace("<x xmlns='http://jabber.org/protocol/muc'/>", "")
                .replace("true", "false"),
        ),
        Wait(10),
        client(LEAVE),
        client(CLOSE),
    ]
}

fn broken_by(query: &str, steps: &[Step]) -> Vec<&'static str> {
    let verdict = Verdict::default();
    let expected = Expected {
        muc: "conference.meet.local".into(),
        focus: "focus.meet.local".into(),
        token: false,
        requested_by_http: Default::default(),
    };
    let mut watch = ClientWatch::new(expected, query, verdict.clone());
    let mut now = Instant::now();
    for step in steps {
        match step {
            Client(text) => watch.client_frame(text, now),
            Server(text) => watch.server_frame(text, now),
            Wait(seconds) => {
                for _ in 0..*seconds {
                    now += Duration::from_secs(1);
                    watch.tick(now);
                }
            }
        }
    }
    watch.socket_closed();
    verdict.all().into_iter().map(|b| b.rule).collect()
}

#[test]
fn a_proper_client_breaks_nothing() {
    assert_eq!(broken_by("room=salle", &good()), Vec::<&str>::new());
}

fn replace(steps: &mut [Step], from: &str, to: &str) {
    for step in steps {
        if let Client(text) = step {
            *text = text.replace(from, to);
        }
    }
}

#[test]
fn each_wrong_client_is_caught_at_its_rule() {
    type Mutant = (&'static str, fn(&mut Vec<Step>));
    let mutants: &[Mutant] = &[
        (rule::OPEN_FIRST, |s| drop(s.remove(0))),
        (rule::OPEN_FIRST, |s| drop(s.remove(3))),
        (rule::CONFERENCE_REQUEST_FIRST, |s| drop(s.remove(7))),
        (rule::NICK, |s| replace(s, "ab12cd34", "probe123")),
        (rule::SOURCE_INFO, |s| {
            replace(s, "{&quot;ab12cd34-a0", "{&quot;ffffffff-a0")
        }),
        (rule::SOURCE_INFO, |s| replace(s, "<SourceInfo>{", "<SourceInfo>")),
        (rule::CODEC_LIST, |s| replace(s, ">vp8<", ">VP8<")),
        (rule::CODEC_LIST, |s| replace(s, ">vp8<", ">av1<")),
        (rule::CAPS, |s| replace(s, "<c xmlns", "<d xmlns")),
        (rule::PRESENCE_WHOLE, |s| {
            if let Client(text) = &mut s[13] {
                *text = text.replace("<nick xmlns='http://jabber.org/protocol/nick'>Salle</nick>", "");
            }
        }),
        (rule::IQ_ONCE, |s| drop(s.remove(10))),
        (rule::IQ_ONCE, |s| s.insert(11, Client(ANSWER_P1.into()))),
        (rule::STREAM_MANAGEMENT, |s| replace(s, "h='1'", "h='7'")),
        (rule::STREAM_MANAGEMENT, |s| drop(s.remove(12))),
        (rule::STREAM_MANAGEMENT, |s| drop(s.drain(5..7))),
        (rule::FRAMING, |s| {
            replace(s, "<presence xmlns='jabber:client'", "<presence xmlns='jabber:server'")
        }),
        (rule::FRAMING, |s| replace(s, "</presence>", "")),
        (rule::LEAVE_ORDER, |s| drop(s.remove(15))),
        (rule::LEAVE_ORDER, |s| drop(s.remove(16))),
        (rule::LEAVE_ORDER, |s| s.swap(15, 16)),
        (rule::PING, |s| s.insert(15, Wait(20))),
    ];
    for (number, (rule, spoil)) in mutants.iter().enumerate() {
        let mut steps = good();
        spoil(&mut steps);
        let broken = broken_by("room=salle", &steps);
        assert!(
            broken.contains(rule),
            "mutant {number} should break {rule}, broke {broken:?}"
        );
    }
    assert!(broken_by("", &good()).contains(&rule::ROOM_PARAMETER));
    assert!(broken_by("room=Salle", &good()).contains(&rule::ROOM_PARAMETER));
    assert!(broken_by("room=other", &good()).contains(&rule::ROOM_PARAMETER));
    assert!(broken_by("room=salle&token=", &good()).contains(&rule::TOKEN_PARAMETER));
}

#[test]
fn a_resumed_stream_goes_on_counting() {
    let verdict = Verdict::default();
    let expected = Expected {
        muc: "conference.meet.local".into(),
        focus: "focus.meet.local".into(),
        token: false,
        requested_by_http: Default::default(),
    };
    let now = Instant::now();
    let mut old = ClientWatch::new(expected.clone(), "room=salle", verdict.clone());
    for step in &good()[..11] {
        match step {
            Client(text) => old.client_frame(text, now),
            Server(text) => old.server_frame(text, now),
            Wait(_) => {}
        }
    }
    let id = old.resumption_id();
    assert_eq!(id.as_deref(), Some("sm1"));
    let mut new = ClientWatch::new(expected, "room=salle&previd=sm1", verdict.clone());
    new.client_frame(OPEN, now);
    new.adopt(old);
    new.client_frame("<resume xmlns='urn:xmpp:sm:3' h='1' previd='sm1'/>", now);
    assert_eq!(verdict.all(), []);
    new.server_frame("<resumed xmlns='urn:xmpp:sm:3' h='3' previd='sm1'/>", now);
    new.server_frame(ASK, now);
    new.server_frame("<r xmlns='urn:xmpp:sm:3'/>", now);
    new.client_frame("<a xmlns='urn:xmpp:sm:3' h='2'/>", now);
    assert_eq!(verdict.all(), []);
    new.client_frame("<resume xmlns='urn:xmpp:sm:3' h='9' previd='sm1'/>", now);
    assert_eq!(verdict.all()[0].rule, rule::RESUME);
}
