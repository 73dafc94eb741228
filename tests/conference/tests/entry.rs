//! The way into a room: tokens, passwords, scripted refusals of the focus, and streams that are cut and resumed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use conference::xmpp::{Guest, GuestEvents, node, ns};
use conference::{Conference, ConferenceReply, Options, rule, xml};
use futures_util::{SinkExt, StreamExt};
use minidom::Element;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

async fn start(change: impl FnOnce(&mut Options)) -> Conference {
    let mut options = Options {
        media_cache: concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/lab/media").into(),
        patience: 10,
        peers: 0,
        ..Options::default()
    };
    change(&mut options);
    Conference::start(options).await.unwrap()
}

async fn next(events: &mut GuestEvents, wanted: impl Fn(&Element) -> bool) -> Element {
    let search = async {
        loop {
            let stanza = events.recv().await.expect("stream ended");
            if wanted(&stanza) {
                return stanza;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), search)
        .await
        .expect("stanza does not come")
}

async fn request(guest: &Guest, events: &mut GuestEvents) -> Element {
    guest.send(format!(
        "<iq xmlns='jabber:client' type='set' to='focus.meet.local' id='q'><conference xmlns='{}' \
         room='hemicycle@conference.meet.local' machine-uid='00'/></iq>",
        ns::FOCUS
    ));
    next(events, |s| s.name() == "iq" && s.attr("id") == Some("q")).await
}

async fn join(guest: &Guest, events: &mut GuestEvents, password: &str) -> Element {
    let nick: String = node(&guest.jid).chars().take(8).collect();
    guest.send(format!(
        "<presence xmlns='jabber:client' to='hemicycle@conference.meet.local/{nick}'><x xmlns='{}'>{password}</x></presence>",
        ns::MUC
    ));
    next(events, |s| {
        s.name() == "presence" && s.attr("from").is_some_and(|f| f.ends_with(&nick))
    })
    .await
}

#[tokio::test]
async fn only_a_token_of_this_room_that_is_signed_and_fresh_opens_the_door() {
    let conference = start(|o| o.token_secret = Some("geheim".into())).await;
    let connect = async |token: String| {
        Guest::connect(
            conference.address(),
            "meet.local",
            &format!("/xmpp-websocket?room=hemicycle&token={token}"),
        )
        .await
    };
    let expired = conference.token("hemicycle", -60).unwrap();
    let good = conference.token("hemicycle", 60).unwrap();
    let forged = good[..good.len() - 4].to_owned() + "AAAA";
    for (token, why) in [
        (String::new(), "token required"),
        (expired, "exp"),
        (forged, "signature"),
    ] {
        let error = connect(token).await.err().expect("refused").to_string();
        assert!(error.contains("not-allowed") && error.contains(why), "{error}");
    }
    let (guest, mut events) = connect(conference.token("other", 60).unwrap()).await.unwrap();
    request(&guest, &mut events).await;
    let refused = join(&guest, &mut events, "").await;
    assert!(xml::write(&refused).contains("Room and token mismatched"));
    let (guest, mut events) = connect(good).await.unwrap();
    request(&guest, &mut events).await;
    assert_eq!(join(&guest, &mut events, "").await.attr("type"), None);
    conference.shutdown();
}

#[tokio::test]
async fn a_password_is_asked_for_and_can_change() {
    let conference = start(|o| o.password = Some("sesame".into())).await;
    let path = "/xmpp-websocket?room=hemicycle";
    let (guest, mut events) = Guest::connect(conference.address(), "meet.local", path).await.unwrap();
    request(&guest, &mut events).await;
    for wrong in ["", "<password>wrong</password>"] {
        let refused = join(&guest, &mut events, wrong).await;
        assert!(
            xml::write(&refused).contains("not-authorized"),
            "{}",
            xml::write(&refused)
        );
    }
    assert_eq!(
        join(&guest, &mut events, "<password>sesame</password>")
            .await
            .attr("type"),
        None
    );
    conference.shutdown();
}

#[tokio::test]
async fn nobody_comes_in_without_the_focus_and_its_refusals_follow_the_script() {
    let conference = start(|o| {
        o.room = None;
        o.conference_replies = vec![
            ConferenceReply::NotReady,
            ConferenceReply::NotAuthorized,
            ConferenceReply::SessionInvalid,
            ConferenceReply::ReservationError(20),
        ];
    })
    .await;
    let path = "/xmpp-websocket?room=hemicycle";
    let (guest, mut events) = Guest::connect(conference.address(), "meet.local", path).await.unwrap();
    let refused = join(&guest, &mut events, "").await;
    assert!(xml::write(&refused).contains("Room creation is restricted"));
    assert!(
        conference
            .verdict()
            .iter()
            .any(|b| b.rule == rule::CONFERENCE_REQUEST_FIRST)
    );
    for words in [
        "ready='false'",
        "not-authorized",
        "session-invalid",
        "error-code='20'",
        "ready='true'",
    ] {
        let reply = xml::write(&request(&guest, &mut events).await).replace('"', "'");
        assert!(reply.contains(words), "{reply} should say {words}");
    }
    assert_eq!(join(&guest, &mut events, "").await.attr("type"), None);
    conference.shutdown();
}

async fn open(conference: &Conference, query: &str) -> WebSocketStream<TcpStream> {
    let socket = TcpStream::connect(conference.address()).await.unwrap();
    let mut request = format!("ws://meet.local/xmpp-websocket?room=hemicycle{query}")
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("xmpp"));
    let (mut ws, _) = tokio_tungstenite::client_async(request, socket).await.unwrap();
    let open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='meet.local' version='1.0'/>";
    say(&mut ws, open, "features").await;
    say(
        &mut ws,
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
        "success",
    )
    .await;
    say(&mut ws, open, "features").await;
    ws
}

async fn say(ws: &mut WebSocketStream<TcpStream>, text: &str, until: &str) -> Element {
    ws.send(Message::text(text)).await.unwrap();
    hear(ws, until).await
}

async fn hear(ws: &mut WebSocketStream<TcpStream>, until: &str) -> Element {
    let search = async {
        loop {
            if let Message::Text(text) = ws.next().await.unwrap().unwrap() {
                let element = xml::parse(&text).unwrap();
                if element.name() == until {
                    return element;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), search)
        .await
        .unwrap_or_else(|_| panic!("no <{until}/>"))
}

#[tokio::test]
async fn a_cut_stream_is_resumed_under_the_old_name() {
    let conference = start(|_| {}).await;
    let mut ws = open(&conference, "").await;
    let bind = "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    say(&mut ws, bind, "iq").await;
    let enabled = say(&mut ws, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>", "enabled").await;
    let id = enabled.attr("id").unwrap().to_owned();
    conference.cut_websocket(Duration::from_millis(200));
    while let Some(Ok(_)) = ws.next().await {}
    tokio::time::sleep(Duration::from_millis(300)).await;
    let resume = format!("<resume xmlns='urn:xmpp:sm:3' h='0' previd='{id}'/>");
    // With the wrong name in the URL the server gives a new one, and there is nothing to resume.
    let mut stranger = open(&conference, "").await;
    say(&mut stranger, &resume, "failed").await;
    assert!(conference.verdict().iter().any(|b| b.rule == rule::RESUME));
    let mut ws = open(&conference, &format!("&previd={id}")).await;
    let resumed = say(&mut ws, &resume, "resumed").await;
    assert_eq!(resumed.attr("previd"), Some(id.as_str()));
    conference.shutdown();
}

/// A guest who is in the room, on a stream that has just been cut; gives its resumption id and its join presence.
async fn cut_in_room(conference: &Conference) -> (String, String) {
    let mut ws = open(conference, "").await;
    let bind = "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    let bound = say(&mut ws, bind, "iq").await;
    let jid = bound.children().next().unwrap().children().next().unwrap().text();
    let enabled = say(&mut ws, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>", "enabled").await;
    let request = format!(
        "<iq xmlns='jabber:client' type='set' to='focus.meet.local' id='q'><conference xmlns='{}' \
         room='hemicycle@conference.meet.local' machine-uid='00'/></iq>",
        ns::FOCUS
    );
    say(&mut ws, &request, "iq").await;
    let nick: String = node(&jid).chars().take(8).collect();
    let join = format!(
        "<presence xmlns='jabber:client' to='hemicycle@conference.meet.local/{nick}'><x xmlns='{}'/>\
         <nick xmlns='http://jabber.org/protocol/nick'>Salle 4</nick></presence>",
        ns::MUC
    );
    // In the room is who has heard it: the own presence comes last (XEP-0045 §7.2.2).
    let mut heard = say(&mut ws, &join, "presence").await;
    while !heard
        .children()
        .any(|x| x.children().any(|status| status.attr("code") == Some("110")))
    {
        heard = hear(&mut ws, "presence").await;
    }
    conference.cut_websocket(Duration::from_millis(100));
    while let Some(Ok(_)) = ws.next().await {}
    tokio::time::sleep(Duration::from_millis(200)).await;
    (enabled.attr("id").unwrap().to_owned(), join)
}

#[tokio::test]
async fn whoever_resumes_wrongly_is_caught() {
    for (what, h, previous) in [
        ("no previd in the address", Some(0), false),
        ("more than was ever sent", Some(4_000), true),
        ("no count at all", None, true),
    ] {
        let conference = start(|_| {}).await;
        let (id, _) = cut_in_room(&conference).await;
        conference.clear_verdict();
        let query = if previous {
            format!("&previd={id}")
        } else {
            String::new()
        };
        let mut ws = open(&conference, &query).await;
        let h = h.map(|h| format!("h='{h}' ")).unwrap_or_default();
        ws.send(Message::text(format!(
            "<resume xmlns='urn:xmpp:sm:3' {h}previd='{id}'/>"
        )))
        .await
        .unwrap();
        let caught = |c: &Conference| c.verdict().iter().any(|b| b.rule == rule::RESUME);
        assert!(conference.wait_until(Duration::from_secs(10), caught).await, "{what}");
        conference.shutdown();
    }
}

#[tokio::test]
async fn whoever_joins_after_resuming_or_beside_the_own_ghost_is_caught() {
    for resumes in [true, false] {
        let conference = start(|_| {}).await;
        let (id, join) = cut_in_room(&conference).await;
        conference.clear_verdict();
        let query = if resumes {
            format!("&previd={id}")
        } else {
            String::new()
        };
        let mut ws = open(&conference, &query).await;
        if resumes {
            let resume = format!("<resume xmlns='urn:xmpp:sm:3' h='1' previd='{id}'/>");
            say(&mut ws, &resume, "resumed").await;
            assert!(conference.verdict().iter().all(|b| b.rule != rule::RESUME_KEEPS));
        }
        ws.send(Message::text(join)).await.unwrap();
        let caught = |c: &Conference| c.verdict().iter().any(|b| b.rule == rule::RESUME_KEEPS);
        assert!(
            conference.wait_until(Duration::from_secs(10), caught).await,
            "{resumes}"
        );
        conference.shutdown();
    }
}

#[tokio::test]
async fn a_tenant_is_part_of_the_address_and_of_the_room_on_the_server() {
    let conference = start(|o| o.tenant = Some("Etat".into())).await;
    assert!(conference.room_url("salle").ends_with("/Etat/salle"));
    let path = "/Etat/xmpp-websocket?room=hemicycle";
    let (guest, mut events) = Guest::connect(conference.address(), "meet.local", path).await.unwrap();
    guest.send(format!(
        "<iq xmlns='jabber:client' type='set' to='focus.meet.local' id='q'><conference xmlns='{}' \
         room='hemicycle@conference.etat.meet.local' machine-uid='00'/></iq>",
        ns::FOCUS
    ));
    let reply = next(&mut events, |s| s.attr("id") == Some("q")).await;
    let room = reply
        .get_child("conference", ns::FOCUS)
        .unwrap()
        .attr("room")
        .unwrap()
        .to_owned();
    assert_eq!(room, "hemicycle@conference.etat.meet.local");
    conference.shutdown();
}
