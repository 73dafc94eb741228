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
    assert_eq!(stream.receive(SUCCESS, start), [StreamEvent::Binding]);
    let frames = stream.take_frames();
    assert!(frames[0].starts_with("<open ") && frames.len() == 2, "{frames:?}");
    assert!(frames[1].contains("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"));
    stream.receive(OPEN, start);
    assert!(stream.receive(FEATURES_2, start).is_empty());
    assert!(stream.take_frames().is_empty());
    assert_eq!(
        stream.receive(BOUND, start),
        [StreamEvent::Bound {
            jid: "ab12cd34-1@meet.example/r".into()
        }]
    );
    assert_eq!(stream.take_frames(), ["<enable xmlns='urn:xmpp:sm:3' resume='true'/>"]);
    let enabled = "<enabled xmlns='urn:xmpp:sm:3' id='old1' resume='true' max='60'/>";
    assert_eq!(stream.receive(enabled, start), [StreamEvent::Resumable]);
    stream
}

#[test]
fn where_guests_were_let_in_before_the_features_are_not_awaited() {
    let start = Instant::now();
    let mut stream = Stream::open("meet.example".into(), false, start).quick();
    stream.send(&message());
    let frames = stream.take_frames();
    assert!(
        frames[0].starts_with("<open ") && frames[1].starts_with("<auth ") && frames.len() == 2,
        "{frames:?}"
    );
    stream.receive(OPEN, start);
    assert_eq!(stream.receive(FEATURES_1, start), [StreamEvent::Authenticating]);
    assert!(stream.take_frames().is_empty(), "nothing is said twice");
    assert_eq!(stream.receive(SUCCESS, start), [StreamEvent::Binding]);
    stream.send(&message());
    let frames = stream.take_frames();
    let begins = ["<open ", "<iq ", "<message "];
    assert_eq!(frames.len(), begins.len(), "{frames:?}");
    assert!(
        frames.iter().zip(begins).all(|(frame, begin)| frame.starts_with(begin)),
        "{frames:?}"
    );
    stream.receive(OPEN, start);
    stream.receive(FEATURES_2, start);
    assert_eq!(stream.receive(BOUND, start).len(), 1);
    assert_eq!(stream.take_frames(), ["<enable xmlns='urn:xmpp:sm:3' resume='true'/>"]);
    assert_eq!(stream.management.open(), 0, "what went before is not counted");
}

#[test]
fn before_the_bind_request_no_stanza_is_sent_and_by_bosh_its_features_are_awaited() {
    let start = Instant::now();
    let mut stream = Stream::open("meet.example".into(), false, start).over_bosh(true);
    stream.take_frames();
    stream.send(&message());
    stream.receive(FEATURES_1, start);
    stream.take_frames();
    stream.send(&message());
    assert!(stream.take_frames().is_empty());
    assert!(stream.receive(SUCCESS, start).is_empty());
    assert_eq!(stream.take_frames().len(), 1, "the second <open/> alone");
    assert_eq!(stream.receive(FEATURES_2, start), [StreamEvent::Binding]);
    assert!(stream.take_frames()[0].contains("xmpp-bind"));
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

/// Up to `<resume/>` on a new socket; gives that.
fn resuming(old: Suspended, now: Instant) -> (Stream, String) {
    let mut stream = Stream::resume("meet.example".into(), false, old, now);
    stream.receive(FEATURES_1, now);
    stream.receive(SUCCESS, now);
    stream.take_frames();
    stream.receive(FEATURES_2, now);
    let frames = stream.take_frames();
    assert_eq!(frames.len(), 1, "{frames:?}");
    (stream, frames[0].clone())
}

fn numbered(number: u32) -> Element {
    element("message", ns::CLIENT).attr("id", number.to_string()).build()
}

#[test]
fn a_suspended_stream_goes_on_and_sends_again_exactly_what_the_server_does_not_have_in_order() {
    let start = Instant::now();
    let mut stream = bound(start);
    stream.receive("<message xmlns='jabber:client'/>", start);
    for number in 0..3 {
        stream.send(&numbered(number));
    }
    let mut old = stream.suspend(start).unwrap();
    assert_eq!((old.id(), old.until()), ("old1", start + Duration::from_secs(60)));
    old.send(&numbered(3));
    let (mut stream, resume) = resuming(old, start);
    assert_eq!(resume, "<resume xmlns='urn:xmpp:sm:3' h='1' previd='old1'/>");
    stream.send(&numbered(4));
    assert!(stream.take_frames().is_empty(), "nothing overtakes the resumption");
    let resumed = "<resumed xmlns='urn:xmpp:sm:3' previd='old1' h='2'/>";
    assert_eq!(stream.receive(resumed, start), [StreamEvent::Resumed]);
    let again: Vec<String> = (2..5).map(|number| to_text(&numbered(number))).collect();
    assert_eq!(stream.take_frames()[..3], again);
    // The counters go on, and a second cut is as good as the first.
    stream.receive("<presence xmlns='jabber:client'/>", start);
    stream.receive("<a xmlns='urn:xmpp:sm:3' h='5'/>", start);
    let (_, resume) = resuming(stream.suspend(start).unwrap(), start);
    assert_eq!(resume, "<resume xmlns='urn:xmpp:sm:3' h='2' previd='old1'/>");
}

#[test]
fn a_refused_resumption_ends_the_stream_in_order_and_nothing_is_left_to_resume() {
    let start = Instant::now();
    let mut stream = bound(start);
    stream.send(&numbered(1));
    let (mut stream, _) = resuming(stream.suspend(start).unwrap(), start);
    let failed = "<failed xmlns='urn:xmpp:sm:3'/>";
    assert_eq!(
        stream.receive(failed, start),
        [StreamEvent::Ended(StreamEnd::NotResumed)]
    );
    assert!(stream.take_frames()[0].starts_with("<close "));
    assert!(stream.suspend(start).is_none());
}

#[test]
fn a_socket_lost_while_resuming_gives_the_old_stream_back() {
    let start = Instant::now();
    let mut stream = bound(start);
    stream.send(&numbered(1));
    let (stream, first) = resuming(stream.suspend(start).unwrap(), start);
    let (_, second) = resuming(stream.suspend(start).unwrap(), start);
    assert_eq!(first, second);
}

#[test]
fn a_stream_without_a_promise_or_with_too_much_unacknowledged_is_not_resumable() {
    let start = Instant::now();
    let mut stream = bound(start);
    for number in 0..300 {
        stream.send(&numbered(number));
    }
    assert!(stream.resumption_id().is_none());
    stream.receive("<a xmlns='urn:xmpp:sm:3' h='300'/>", start);
    assert_eq!(stream.resumption_id(), Some("old1"), "everything has arrived");
    for _ in 0..3 {
        let body = "x".repeat(400_000);
        stream.send(
            &element("message", ns::CLIENT)
                .child(element("body", ns::CLIENT).text(&body))
                .build(),
        );
    }
    assert!(stream.suspend(start).is_none());
    let mut unpromised = Stream::open("meet.example".into(), false, start);
    for text in [
        FEATURES_1,
        SUCCESS,
        FEATURES_2,
        BOUND,
        "<enabled xmlns='urn:xmpp:sm:3' id='x'/>",
    ] {
        unpromised.receive(text, start);
    }
    assert!(unpromised.suspend(start).is_none());
}

#[test]
fn a_doubted_server_has_three_seconds() {
    let start = Instant::now();
    let second = Duration::from_secs(1);
    let mut stream = bound(start);
    stream.doubt(start + second);
    assert_eq!(
        stream.next_deadline(),
        Some(start + 10 * second),
        "it was heard a second ago"
    );
    stream.doubt(start + 4 * second);
    stream.tick(start + 4 * second);
    assert!(stream.take_frames()[0].contains("urn:xmpp:ping"));
    stream.doubt(start + 6 * second);
    assert_eq!(stream.tick(start + 7 * second), [StreamEvent::Ended(StreamEnd::Dead)]);
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
