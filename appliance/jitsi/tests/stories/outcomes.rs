//! Every way in which joining fails has its own name.

use jitsi::participant::{HttpResponse, NetworkError, SocketEvent};
use room::conference::{ConferenceEvent, JoinRequest};
use room::outcome::Outcome;

use crate::script::*;

fn condition(kind: &str, name: &str, more: &str) -> String {
    format!("<error type='{kind}'><{name} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{more}</error>")
}

fn words(text: &str) -> String {
    format!("<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>{text}</text>")
}

#[test]
fn a_wrong_address() {
    for url in [
        "",
        "hello",
        "http://meet.example/x",
        "https://meet.example/",
        "ftp://x.example/y",
    ] {
        let mut script = Script::new();
        script.join(request(url));
        assert_eq!(script.ended(), Outcome::WrongUrl, "{url}");
    }
}

#[test]
fn no_host_and_no_trust() {
    for (error, outcome) in [
        (NetworkError::Unreachable("x".into()), Outcome::HostUnreachable),
        (NetworkError::Certificate("x".into()), Outcome::CertificateRefused),
        (NetworkError::ProxyUnreachable("x".into()), Outcome::ProxyUnreachable),
        (NetworkError::ProxyCredentials, Outcome::ProxyCredentials),
        (NetworkError::ProxyRefused("x".into()), Outcome::ProxyRefused),
        (NetworkError::Protocol("x".into()), Outcome::NotAConference),
        (NetworkError::TooLarge, Outcome::NotAConference),
    ] {
        let mut script = Script::new();
        script.join(request(URL));
        script.http_answer(Err(error));
        assert_eq!(script.ended(), outcome);
    }
    let mut script = Script::new();
    script.join(request(URL));
    script.seconds(20);
    assert_eq!(script.ended(), Outcome::HostUnreachable, "no answer at all");
}

#[test]
fn something_that_is_no_conference_service() {
    let mut script = Script::new();
    script.join(request(URL));
    script.http_answer(Ok(HttpResponse {
        status: 404,
        shard: None,
        body: "<html>".into(),
    }));
    script.socket_event(SocketEvent::Failed(NetworkError::Status(404)));
    assert_eq!(script.ended(), Outcome::NotAConference);

    let mut script = Script::new();
    script.join(request(URL));
    script.config(CONFIG);
    script.socket_event(SocketEvent::Opened);
    script.text(
        "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><host-unknown \
         xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    );
    assert_eq!(script.ended(), Outcome::NotAConference);
}

#[test]
fn a_refused_connection() {
    let mut script = Script::new();
    script.join(request(URL));
    script.config(CONFIG);
    script.socket_event(SocketEvent::Failed(NetworkError::Status(403)));
    // BOSH is the second way, and refused too.
    assert_eq!(script.opened.last().map(|(_, _, protocol)| *protocol), Some(Some(BOSH)));
    script.socket_event(SocketEvent::Failed(NetworkError::Status(403)));
    assert_eq!(script.ended(), Outcome::ConnectionRefused);
}

#[test]
fn each_refusal_of_a_token() {
    for (text, outcome) in [
        ("Invalid signature", Outcome::TokenRefused),
        ("Not acceptable by exp (100 sec since expired)", Outcome::TokenExpired),
        ("Room and token mismatched", Outcome::TokenForAnotherRoom),
    ] {
        let mut script = Script::new();
        script.join(request("https://meet.example/standup?jwt=a.b.c"));
        script.config(CONFIG);
        script.socket_event(SocketEvent::Opened);
        script.features();
        script.text(&format!(
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-allowed/><text>{text}</text></failure>"
        ));
        assert_eq!(script.ended(), outcome, "{text}");
    }
}

#[test]
fn a_service_that_wants_an_account() {
    let mut script = Script::new();
    script.join(request(URL));
    script.config(CONFIG);
    script.socket_event(SocketEvent::Opened);
    script.text(
        "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms \
         xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    );
    assert_eq!(script.ended(), Outcome::LoginRequired);
}

#[test]
fn each_refusal_of_the_room() {
    let jitmeet = |name: &str| format!("<{name} xmlns='http://jitsi.org/jitmeet'/>");
    for (error, outcome) in [
        (condition("auth", "registration-required", ""), Outcome::MembersOnly),
        (
            condition("modify", "not-acceptable", &jitmeet("displayname-required")),
            Outcome::DisplayNameRequired,
        ),
        (condition("cancel", "service-unavailable", ""), Outcome::RoomFull),
        (
            condition("cancel", "not-allowed", &jitmeet("authentication-required")),
            Outcome::LoginRequired,
        ),
        (
            condition("cancel", "not-allowed", &words("Room and token mismatched")),
            Outcome::TokenForAnotherRoom,
        ),
        (
            condition("cancel", "not-allowed", &words("Invalid resource")),
            Outcome::EntryRefused,
        ),
        (
            condition(
                "cancel",
                "not-allowed",
                "<no-main-participants xmlns='jitsi:visitors'/>",
            ),
            Outcome::VisitorOnly,
        ),
        (
            condition(
                "cancel",
                "not-allowed",
                "<promotion-not-allowed xmlns='jitsi:visitors'/>",
            ),
            Outcome::VisitorOnly,
        ),
        (
            condition("cancel", "not-allowed", "<no-visitors-lobby xmlns='jitsi:visitors'/>"),
            Outcome::VisitorOnly,
        ),
        (condition("auth", "forbidden", ""), Outcome::Banned),
        (condition("cancel", "gone", ""), Outcome::EntryRefused),
    ] {
        let mut script = Script::new();
        script.up_to_request();
        script.focus_is_ready();
        script.room_refuses(&error);
        script.nothing_sent("type='unavailable'");
        assert_eq!(script.farewell(), outcome, "{error}");
    }
}

#[test]
fn each_refusal_of_the_focus() {
    let mut script = Script::new();
    script.up_to_request();
    script.focus_refuses(
        "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>booked from 10:00 on</text>\
         <reservation-error xmlns='http://jitsi.org/protocol/focus' error-code='409'/></error>",
    );
    script.saw(&ConferenceEvent::Explained("booked from 10:00 on".into()));
    assert_eq!(script.farewell(), Outcome::ReservationRefused);

    let mut script = Script::new();
    script.up_to_request();
    script.focus_answers("ready='true' vnode='v1' focusjid='focus@auth.meet.example'", "");
    assert_eq!(script.farewell(), Outcome::VisitorOnly);
}

#[test]
fn a_focus_that_never_answers_and_a_room_that_never_answers() {
    let mut script = Script::new();
    script.up_to_request();
    for _ in 0..6 {
        script.focus_refuses(&condition("cancel", "service-unavailable", ""));
        for _ in 0..7 {
            script.seconds(5);
            script.text("<message xmlns='jabber:client' from='meet.example'/>");
        }
        if script.sent.iter().any(|(_, text)| text.starts_with("<close")) {
            break;
        }
    }
    script.seconds(2);
    assert_eq!(script.ended(), Outcome::ServiceGone);

    let mut script = Script::new();
    script.up_to_request();
    for _ in 0..3 {
        script.focus_is_ready();
        for _ in 0..4 {
            script.seconds(5);
            script.text("<message xmlns='jabber:client' from='meet.example'/>");
        }
    }
    script.seconds(5);
    assert_eq!(script.ended(), Outcome::ServiceGone);
}

#[test]
fn no_secret_and_no_name_of_a_room_stands_in_what_is_printed_for_people() {
    let mut script = Script::new();
    script.join(room::conference::JoinRequest {
        password: Some("sesame".into()),
        token: Some("secret.jwt".into()),
        ..request("https://meet.example/hiddenroom?jwt=other.jwt")
    });
    script.config(CONFIG);
    let outputs = format!(
        "{:?} {:?}",
        script.participant,
        request("https://meet.example/hiddenroom")
    );
    for secret in ["sesame", "secret.jwt", "other.jwt", "hiddenroom"] {
        assert!(!outputs.contains(secret), "{secret}");
    }
}

#[test]
fn the_services_own_words_are_passed_on_with_its_refusal() {
    for (text, outcome) in [
        ("Room and token mismatched", Outcome::TokenForAnotherRoom),
        ("Invalid resource", Outcome::EntryRefused),
    ] {
        let mut script = Script::new();
        script.up_to_request();
        script.focus_is_ready();
        script.room_refuses(&condition("cancel", "not-allowed", &words(text)));
        script.saw(&ConferenceEvent::Explained(text.into()));
        assert_eq!(script.farewell(), outcome);
    }
}

#[test]
fn a_room_that_the_service_never_creates_is_given_up_after_three_more_tries() {
    for refusal in [
        condition("cancel", "not-allowed", &words("Room creation is restricted")),
        condition(
            "cancel",
            "not-allowed",
            "<room-does-not-exist xmlns='http://jitsi.org/jitmeet'/>",
        ),
        condition("cancel", "item-not-found", ""),
    ] {
        let mut script = Script::new();
        script.up_to_request();
        for _ in 0..3 {
            script.focus_is_ready();
            script.room_refuses(&refusal);
            script.nothing_sent("<close");
            script.seconds(1);
        }
        script.focus_is_ready();
        script.room_refuses(&refusal);
        assert_eq!(script.farewell(), Outcome::CreationRestricted, "{refusal}");
    }
}

#[test]
fn four_nicks_that_are_all_taken_are_a_refusal() {
    let mut script = Script::new();
    script.up_to_request();
    let mut nicks = std::collections::BTreeSet::new();
    for _ in 0..4 {
        script.focus_is_ready();
        let join = script.sent_element("http://jabber.org/protocol/muc'");
        let occupant = join.attr("to").unwrap().to_owned();
        assert!(nicks.insert(occupant.clone()), "each try has a nick of its own");
        script.text(&format!(
            "<presence xmlns='jabber:client' type='error' from='{occupant}'>{}</presence>",
            condition("cancel", "conflict", "")
        ));
    }
    assert_eq!(script.farewell(), Outcome::EntryRefused);
}

#[test]
fn a_nameless_box_names_itself_where_the_room_wants_a_name() {
    let required = condition(
        "modify",
        "not-acceptable",
        "<displayname-required xmlns='http://jitsi.org/jitmeet'/>",
    );
    let mut script = Script::new();
    script.join(JoinRequest {
        name: " ".into(),
        ..request(URL)
    });
    script.config(CONFIG);
    script.authenticate();
    script.focus_is_ready();
    script.room_refuses(&required);
    script.focus_is_ready();
    let join = script.sent("http://jabber.org/protocol/muc'");
    assert!(join.contains(">Hemicycle</nick>"), "{join}");
    script.text(&format!(
        "<presence xmlns='jabber:client' type='error' from='{ROOM}/{ME}'>{required}</presence>"
    ));
    assert_eq!(script.farewell(), Outcome::DisplayNameRequired);
}

#[test]
fn a_ban_in_the_meeting_is_told_apart_from_a_kick() {
    for (status, outcome) in [
        (301, Outcome::Banned),
        (307, Outcome::Kicked),
        (321, Outcome::Kicked),
        (322, Outcome::Kicked),
    ] {
        let mut script = Script::joined();
        script.sent.clear();
        script.text(&unavailable(
            ME,
            "",
            &format!("<status code='110'/><status code='{status}'/>"),
        ));
        assert_eq!(script.farewell(), outcome);
    }
}

#[test]
fn a_server_that_sends_frames_beyond_every_limit_breaks_the_protocol() {
    let mut script = Script::new();
    script.join(request(URL));
    script.config(CONFIG);
    for _ in 0..3 {
        script.socket_event(SocketEvent::Opened);
        script.socket_event(SocketEvent::Failed(NetworkError::TooLarge));
        script.seconds(5);
    }
    assert_eq!(script.ended(), Outcome::ProtocolError);
}

#[test]
fn an_account_that_is_not_known_is_refused_by_name_and_never_sent_to_another_host() {
    for (host, asked) in [("meet.example", true), ("other.example", false)] {
        let mut script = Script::with(jitsi::Options {
            account: Some(jitsi::ServiceAccount {
                host: host.into(),
                account: jitsi::stream::Account {
                    user: "salle4".into(),
                    password: "wrong".into(),
                },
            }),
            ..options()
        });
        script.join(request(URL));
        script.config(CONFIG);
        script.socket_event(SocketEvent::Opened);
        script.text(
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms \
             xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism><mechanism>ANONYMOUS</mechanism>\
             </mechanisms></stream:features>",
        );
        assert_eq!(script.sent("<auth ").contains("PLAIN"), asked, "{host}");
        script.text("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
        let outcome = if asked {
            Outcome::AccountRefused
        } else {
            Outcome::LoginRequired
        };
        assert_eq!(script.ended(), outcome);
    }
}
