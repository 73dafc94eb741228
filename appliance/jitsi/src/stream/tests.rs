use super::*;

const FEATURES_1: &str = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms \
    xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>";
const FEATURES_2: &str = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>\
    <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>";
const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const BOUND: &str = "<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
    <jid>ab12cd34-1@meet.example/r</jid></bind></iq>";
const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='meet.example' id='1' version='1.0'/>";

fn bound(start: Instant) -> Stream {
    let mut stream = Stream::open("meet.example".into(), false, start);
    assert_eq!(
        stream.take_frames(),
        ["<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='meet.example' version='1.0'/>"]
    );
    assert!(stream.receive(OPEN, start).is_empty());
    assert_eq!(stream.receive(FEATURES_1, start), [StreamEvent::Authenticating]);
    assert_eq!(
        stream.take_frames(),
        ["<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"]
    );
    assert!(stream.receive(SUCCESS, start).is_empty());
    assert!(stream.take_frames()[0].starts_with("<open "));
    stream.receive(OPEN, start);
    stream.receive(FEATURES_2, start);
    assert!(stream.take_frames()[0].contains("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"));
    assert_eq!(
        stream.receive(BOUND, start),
        [StreamEvent::Bound {
            jid: "ab12cd34-1@meet.example/r".into()
        }]
    );
    assert_eq!(stream.take_frames(), ["<enable xmlns='urn:xmpp:sm:3'/>"]);
    stream.receive("<enabled xmlns='urn:xmpp:sm:3'/>", start);
    stream
}

fn message() -> Element {
    element("message", ns::CLIENT).attr("to", "a@b").build()
}

#[test]
fn an_acknowledgement_is_asked_for_after_every_five_stanzas_and_given_with_the_right_count() {
    let start = Instant::now();
    let mut stream = bound(start);
    for _ in 0..10 {
        stream.send(&message());
    }
    let frames = stream.take_frames();
    let asked: Vec<usize> = (0..frames.len())
        .filter(|at| frames[*at] == "<r xmlns='urn:xmpp:sm:3'/>")
        .collect();
    assert_eq!(asked, [5, 11]);
    assert_eq!(stream.management.open(), 10);
    stream.receive("<a xmlns='urn:xmpp:sm:3' h='7'/>", start);
    assert_eq!(stream.management.open(), 3);
    stream.receive("<a xmlns='urn:xmpp:sm:3' h='4000'/>", start);
    assert_eq!(stream.management.open(), 3);
    for text in [
        "<message xmlns='jabber:client'/>",
        "<presence xmlns='jabber:client'/>",
        "<broken",
        "  ",
    ] {
        stream.receive(text, start);
    }
    stream.receive("<r xmlns='urn:xmpp:sm:3'/>", start);
    assert_eq!(stream.take_frames(), ["<a xmlns='urn:xmpp:sm:3' h='3'/>"]);
}

#[test]
fn a_ping_goes_out_after_ten_silent_seconds_and_two_unanswered_ones_mean_death() {
    let start = Instant::now();
    let mut stream = bound(start);
    let second = Duration::from_secs(1);
    assert_eq!(stream.next_deadline(), Some(start + 10 * second));
    assert!(stream.tick(start + 9 * second).is_empty() && stream.take_frames().is_empty());
    stream.tick(start + 10 * second);
    assert_eq!(
        stream.take_frames(),
        ["<iq xmlns='jabber:client' id='ping-1' to='meet.example' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"]
    );
    let pong = "<iq xmlns='jabber:client' type='error' id='ping-1'/>";
    assert!(stream.receive(pong, start + 11 * second).is_empty());
    assert_eq!(stream.next_deadline(), Some(start + 21 * second));
    stream.tick(start + 21 * second);
    stream.tick(start + 26 * second);
    assert_eq!(stream.take_frames().len(), 2);
    assert_eq!(stream.tick(start + 31 * second), [StreamEvent::Ended(StreamEnd::Dead)]);
}

#[test]
fn pings_of_the_server_are_answered_once() {
    let start = Instant::now();
    let mut stream = bound(start);
    let ping = "<iq xmlns='jabber:client' type='get' id='s1' from='meet.example'><ping xmlns='urn:xmpp:ping'/></iq>";
    assert!(stream.receive(ping, start).is_empty());
    assert_eq!(
        stream.take_frames(),
        ["<iq xmlns='jabber:client' id='s1' to='meet.example' type='result'/>"]
    );
}

#[test]
fn each_refusal_has_its_name() {
    let start = Instant::now();
    for (text, has_token, refusal) in [
        (
            "Not acceptable by exp (12 sec since expired)",
            true,
            Refusal::TokenExpired,
        ),
        (
            "Invalid signature",
            true,
            Refusal::TokenRefused("Invalid signature".into()),
        ),
        ("Room and token mismatched", true, Refusal::TokenForAnotherRoom),
        ("token required", false, Refusal::LoginRequired),
        ("", true, Refusal::TokenRefused("not-allowed".into())),
    ] {
        let mut stream = Stream::open("meet.example".into(), has_token, start);
        stream.receive(FEATURES_1, start);
        let failure =
            format!("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-allowed/><text>{text}</text></failure>");
        assert_eq!(
            stream.receive(&failure, start),
            [StreamEvent::Ended(StreamEnd::Refused(refusal))],
            "{text}"
        );
    }
    let mut stream = Stream::open("meet.example".into(), false, start);
    let features = FEATURES_1.replace("ANONYMOUS", "PLAIN");
    assert_eq!(
        stream.receive(&features, start),
        [StreamEvent::Ended(StreamEnd::Refused(Refusal::LoginRequired))]
    );
}

#[test]
fn what_is_not_xmpp_is_named_so_and_silence_ends() {
    let start = Instant::now();
    let mut stream = Stream::open("meet.example".into(), false, start);
    assert!(matches!(
        stream.receive("hello", start)[..],
        [StreamEvent::Ended(StreamEnd::NotThisService(_))]
    ));
    let mut stream = Stream::open("meet.example".into(), false, start);
    let error = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><host-unknown \
        xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    assert!(matches!(
        stream.receive(error, start)[..],
        [StreamEvent::Ended(StreamEnd::NotThisService(_))]
    ));
    let mut stream = Stream::open("meet.example".into(), false, start);
    assert_eq!(
        stream.tick(start + NEGOTIATION_TIMEOUT),
        [StreamEvent::Ended(StreamEnd::Timeout)]
    );
}

#[test]
fn nothing_follows_our_close_not_even_an_acknowledgement() {
    let start = Instant::now();
    let mut stream = bound(start);
    stream.close();
    stream.take_frames();
    assert_eq!(stream.receive("<r xmlns='urn:xmpp:sm:3'/>", start), []);
    assert_eq!(stream.take_frames(), Vec::<String>::new());
}

#[test]
fn closing_is_answered_by_closing() {
    let start = Instant::now();
    let close = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
    let mut stream = bound(start);
    stream.close();
    stream.send(&message());
    assert_eq!(stream.take_frames(), [close]);
    assert_eq!(stream.receive(close, start), [StreamEvent::Ended(StreamEnd::Closed)]);
    let mut stream = bound(start);
    assert_eq!(
        stream.receive(close, start),
        [StreamEvent::Ended(StreamEnd::ByServer(None))]
    );
    assert_eq!(stream.take_frames(), [close]);
}
