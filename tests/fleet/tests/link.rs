//! The link against a real broker, over a line that fails in every way (`specs/fleet-mqtt.md §3`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use access::User;
use fleet::link::{Limits, News, Publication, Reason, Refused, Target, Trust, Will, context};
use fleet_lab::authority::Authority;
use fleet_lab::broker::{Broker, Door, etat, room};
use fleet_lab::client::{Client, PATIENCE, fresh, kept};
use fleet_lab::line::{Line, State};
use fleet_lab::measure::until;
use tokio::time::timeout;

const BOX: &str = "lyon-412";

fn broker() -> Broker {
    let staff = User::Administrator {
        tenant: etat().unwrap(),
        name: "alice".try_into().unwrap(),
    };
    Broker::start(&[room(BOX).unwrap(), room("paris-07x").unwrap(), staff]).unwrap()
}

fn own(topic: &str) -> String {
    format!("cr/v1/etat/{BOX}/{topic}")
}

fn will(sid: u64) -> Will {
    Will {
        topic: own("online"),
        payload: format!(r#"{{"v":1,"online":false,"sid":{sid},"reason":"lost"}}"#).into(),
        retain: true,
        delay: Duration::ZERO,
    }
}

/// So that silence is soon too long.
fn impatient() -> Limits {
    Limits {
        keep_alive: Duration::from_secs(5),
        grace: Duration::from_secs(1),
        write: Duration::from_secs(2),
        ..Limits::default()
    }
}

async fn of_box(broker: &Broker, limits: Limits) -> (Target, Line) {
    let line = Line::to(broker.port(Door::Boxes)).await.unwrap();
    let identity = broker.authority(Door::Boxes).client(BOX, "etat").unwrap();
    (broker.target_at(line.port(), &identity, limits).unwrap(), line)
}

#[tokio::test]
async fn a_box_speaks_and_hears_and_its_publications_are_acknowledged_one_by_one() {
    let broker = broker();
    let (target, _line) = of_box(&broker, Limits::default()).await;
    let mut own_box = Client::connect(target, kept(BOX, Some(will(1)))).await.unwrap();
    assert!(!own_box.session_present);
    assert_eq!(own_box.subscribe(&[&own("cmd/+")]).await.unwrap(), Vec::<String>::new());

    let mut alice = Client::staff(&broker, "alice").await.unwrap();
    assert!(alice.subscribe(&["cr/v1/etat/+/evt/+"]).await.unwrap().is_empty());
    let mut publication = Publication::new(alice.token(), own("cmd/av.mute"), "{}");
    publication.response_topic = Some(own("res/av.mute"));
    publication.correlation = Some(vec![0, 255, 7].into());
    publication.expiry = Some(Duration::from_secs(30));
    assert_eq!(alice.publish(publication).await.unwrap(), Ok(()));
    let heard = own_box.hear().await.unwrap();
    assert_eq!(heard.topic, own("cmd/av.mute"));
    assert_eq!(heard.response_topic, Some(own("res/av.mute")));
    assert_eq!(heard.correlation.as_deref(), Some(&[0, 255, 7][..]));
    assert!(heard.expiry.is_some_and(|left| left <= Duration::from_secs(30)));
    assert!(!heard.retain && !heard.duplicate);

    for number in 0..100 {
        assert_eq!(
            own_box.say(&own("evt/alert"), &number.to_string()).await.unwrap(),
            Ok(())
        );
    }
    for number in 0..100 {
        assert_eq!(alice.hear().await.unwrap().payload, number.to_string());
    }
    // Without acknowledgement: written is enough.
    let mut telemetry = Publication::new(own_box.token(), own("tele/sys"), "{}");
    telemetry.acknowledged = false;
    assert_eq!(own_box.publish(telemetry).await.unwrap(), Ok(()));
    assert_eq!(own_box.goodbye().await.unwrap(), Reason::Closed);
}

#[tokio::test]
async fn a_publication_that_nobody_subscribes_to_says_so() {
    let broker = broker();
    let (target, _line) = of_box(&broker, Limits::default()).await;
    let mut own_box = Client::connect(target, kept(BOX, None)).await.unwrap();
    for heard in [false, true] {
        let mut alice = Client::staff(&broker, "alice").await.unwrap();
        if heard {
            alice.subscribe(&["cr/v1/etat/+/evt/+"]).await.unwrap();
        }
        let publication = Publication::new(own_box.token(), own("evt/alert"), "{}");
        let token = publication.token;
        own_box.link().orders().publish(publication).unwrap();
        let said = own_box.next().await.unwrap();
        assert_eq!(
            matches!(said, News::Acknowledged(own) if own == token),
            heard,
            "{said:?}"
        );
        assert_eq!(matches!(said, News::Unheard(own) if own == token), !heard, "{said:?}");
    }
}

#[tokio::test]
async fn whoever_says_goodbye_leaves_no_will_and_whoever_is_cut_does() {
    let broker = broker();
    let mut alice = Client::staff(&broker, "alice").await.unwrap();
    alice.subscribe(&[&own("online")]).await.unwrap();

    let (target, line) = of_box(&broker, Limits::default()).await;
    let own_box = Client::connect(target.clone(), kept(BOX, Some(will(1)))).await.unwrap();
    own_box.goodbye().await.unwrap();
    let mut own_box = Client::connect(target.clone(), kept(BOX, Some(will(2)))).await.unwrap();
    assert!(own_box.session_present, "the broker remembers a box for an hour");
    line.set(State::Cut);
    assert!(matches!(own_box.end().await.unwrap(), Reason::Cut(_)));
    let said = alice.hear().await.unwrap();
    assert!(
        String::from_utf8_lossy(&said.payload).contains(r#""sid":2"#),
        "only of the second"
    );
    assert!(said.retain);

    line.set(State::Open);
    let own_box = Client::connect(target, kept(BOX, Some(will(3)))).await.unwrap();
    drop(own_box);
    let said = alice.hear().await.unwrap();
    assert!(String::from_utf8_lossy(&said.payload).contains(r#""sid":3"#));
}

#[tokio::test]
async fn what_was_not_safe_when_the_line_was_cut_comes_again_and_what_was_does_not() {
    let broker = broker();
    let (target, line) = of_box(&broker, Limits::default()).await;
    let mut own_box = Client::connect(target.clone(), kept(BOX, None)).await.unwrap();
    own_box.subscribe(&[&own("cmd/+")]).await.unwrap();
    let mut alice = Client::staff(&broker, "alice").await.unwrap();
    for name in ["first", "second"] {
        alice.say(&own("cmd/av.mute"), name).await.unwrap().unwrap();
    }
    assert_eq!(own_box.hear().await.unwrap().payload, "first");
    assert_eq!(own_box.hear_without_receipt().await.unwrap().payload, "second");
    // The receipt of the first is on its way: what is acknowledged after it says that it has arrived.
    own_box.say(&own("evt/alert"), "{}").await.unwrap().unwrap();
    line.set(State::Cut);
    own_box.end().await.unwrap();
    alice.say(&own("cmd/av.mute"), "third").await.unwrap().unwrap();

    line.set(State::Open);
    let mut own_box = Client::connect(target, kept(BOX, None)).await.unwrap();
    assert!(own_box.session_present);
    let again = own_box.hear().await.unwrap();
    assert_eq!((again.payload.as_ref(), again.duplicate), (&b"second"[..], true));
    let next = own_box.hear().await.unwrap();
    assert_eq!((next.payload.as_ref(), next.duplicate), (&b"third"[..], false));
}

#[tokio::test]
async fn a_line_that_is_cut_at_any_byte_ends_the_connection_and_loses_nothing_that_was_acknowledged() {
    let broker = broker();
    let mut alice = Client::staff(&broker, "alice").await.unwrap();
    alice.subscribe(&["cr/v1/etat/+/evt/+"]).await.unwrap();
    let (target, line) = of_box(&broker, Limits::default()).await;
    let (mut acknowledged, mut heard) = (BTreeSet::new(), BTreeMap::<String, u32>::new());
    // From inside the TLS handshake to behind the first publications.
    for bytes in (100..3_000).step_by(145) {
        line.cut_after(bytes);
        if let Ok(mut own_box) = Client::connect(target.clone(), kept(BOX, None)).await {
            let mut sent = BTreeMap::new();
            for number in 0..8 {
                let payload = format!("{bytes}-{number}");
                let publication = Publication::new(own_box.token(), own("evt/alert"), payload.clone());
                sent.insert(publication.token, payload);
                own_box.link().orders().publish(publication).unwrap();
            }
            loop {
                match own_box.next().await.unwrap() {
                    News::Acknowledged(token) | News::Unheard(token) => {
                        assert!(acknowledged.insert(sent.remove(&token).unwrap()));
                        if sent.is_empty() {
                            break;
                        }
                    }
                    News::Disconnected(reason) => {
                        assert!(matches!(reason, Reason::Cut(_)), "{reason}");
                        break;
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(
        acknowledged.len() > 8,
        "some of them came through: {}",
        acknowledged.len()
    );
    while !acknowledged.iter().all(|payload| heard.contains_key(payload)) {
        let payload = String::from_utf8(alice.hear().await.unwrap().payload.to_vec()).unwrap();
        *heard.entry(payload).or_default() += 1;
    }
    assert!(heard.values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_line_that_is_dead_without_a_word_is_noticed_within_a_keep_alive() {
    let broker = broker();
    let (target, line) = of_box(&broker, impatient()).await;
    let mut own_box = Client::connect(target, kept(BOX, None)).await.unwrap();
    own_box.say(&own("evt/alert"), "{}").await.unwrap().unwrap();
    line.set(State::Frozen);
    let begun = Instant::now();
    let reason = own_box.end().await.unwrap();
    assert!(matches!(reason, Reason::Silence), "{reason}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_broker_that_takes_nothing_more_is_noticed_when_writing_is_stuck() {
    let broker = broker();
    let mut limits = impatient();
    limits.keep_alive = Duration::from_secs(60);
    let (target, line) = of_box(&broker, limits).await;
    let mut own_box = Client::connect(target, kept(BOX, None)).await.unwrap();
    line.set(State::Frozen);
    // More than all buffers between here and there. Orders never wait, also when nothing moves.
    let begun = Instant::now();
    for _ in 0..200 {
        let mut telemetry = Publication::new(own_box.token(), own("tele/log"), vec![b'x'; 100_000]);
        telemetry.acknowledged = false;
        own_box.link().orders().publish(telemetry).unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(2));
    let reason = own_box.end().await.unwrap();
    assert!(matches!(reason, Reason::Stuck), "{reason}");
}

#[tokio::test]
async fn a_broker_that_lost_its_memory_says_so() {
    let mut broker = broker();
    let (target, _line) = of_box(&broker, Limits::default()).await;
    let mut own_box = Client::connect(target.clone(), kept(BOX, None)).await.unwrap();
    own_box.subscribe(&[&own("cmd/+")]).await.unwrap();
    broker.kill().unwrap();
    own_box.end().await.unwrap();
    broker.forget().unwrap();
    broker.start_again().unwrap();
    let own_box = Client::connect(target, kept(BOX, None)).await.unwrap();
    assert!(!own_box.session_present);
}

/// Why a box says everything of the last ten minutes again after any loss, and not only when it is forgotten.
#[tokio::test]
async fn a_broker_that_is_killed_may_remember_a_box_and_have_forgotten_what_it_acknowledged() {
    let mut broker = broker();
    let identity = broker.authority(Door::Staff).client("alice", "etat").unwrap();
    let desk = broker.target(Door::Staff, &identity, Limits::default()).unwrap();
    let mut alice = Client::connect(desk.clone(), kept("collector", None)).await.unwrap();
    alice.subscribe(&["cr/v1/etat/+/evt/+"]).await.unwrap();
    alice.goodbye().await.unwrap();
    let (target, _line) = of_box(&broker, Limits::default()).await;
    let mut own_box = Client::connect(target.clone(), kept(BOX, None)).await.unwrap();
    own_box.say(&own("evt/alert"), "saved").await.unwrap().unwrap();
    broker.save().unwrap();
    let database = broker.folder().join("mosquitto.db");
    until("the broker has saved", PATIENCE, || database.exists())
        .await
        .unwrap();
    own_box.say(&own("evt/alert"), "acknowledged").await.unwrap().unwrap();
    broker.kill().unwrap();
    broker.start_again().unwrap();

    let mut own_box = Client::connect(target, kept(BOX, None)).await.unwrap();
    assert!(own_box.session_present, "as if nothing had happened");
    let mut alice = Client::connect(desk, kept("collector", None)).await.unwrap();
    own_box.say(&own("evt/alert"), "after").await.unwrap().unwrap();
    let heard = [alice.hear().await.unwrap().payload, alice.hear().await.unwrap().payload];
    assert_eq!(heard, ["saved", "after"]);
}

#[tokio::test]
async fn a_packet_that_the_broker_would_not_take_is_refused_here_and_the_connection_stays() {
    let broker = broker();
    let (target, _line) = of_box(&broker, Limits::default()).await;
    let mut own_box = Client::connect(target, kept(BOX, None)).await.unwrap();
    let large = "x".repeat(140_000);
    assert_eq!(
        own_box.say(&own("evt/alert"), &large).await.unwrap(),
        Err(Refused::TooLarge)
    );
    let large = "x".repeat(100_000);
    assert_eq!(own_box.say(&own("evt/alert"), &large).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_message_of_a_hundred_kilobytes_is_heard_and_one_above_our_limit_never_comes() {
    let broker = broker();
    let limits = Limits {
        maximum_packet: 110_000,
        ..Limits::default()
    };
    let (target, _line) = of_box(&broker, limits).await;
    let mut own_box = Client::connect(target, kept(BOX, None)).await.unwrap();
    own_box.subscribe(&[&own("cmd/+")]).await.unwrap();
    let mut alice = Client::staff(&broker, "alice").await.unwrap();
    for size in [120_000, 100_000] {
        let payload = "x".repeat(size);
        alice.say(&own("cmd/av.mute"), &payload).await.unwrap().unwrap();
    }
    assert_eq!(own_box.hear().await.unwrap().payload.len(), 100_000);
    own_box.say(&own("evt/alert"), "{}").await.unwrap().unwrap();
}

#[tokio::test]
async fn ten_thousand_commands_in_a_burst_all_come_once_in_order_sixteen_at_a_time() {
    let broker = broker();
    let (target, _line) = of_box(&broker, Limits::default()).await;
    let mut own_box = Client::connect(target, kept(BOX, None)).await.unwrap();
    own_box.subscribe(&[&own("cmd/+")]).await.unwrap();
    let mut alice = Client::staff(&broker, "alice").await.unwrap();
    let burst = tokio::spawn(async move {
        let mut waiting = 0;
        for number in 0..10_000_u32 {
            let publication = Publication::new(alice.token(), own("cmd/av.mute"), number.to_string());
            while alice.link().orders().publish(publication.clone()).is_err() {
                alice.next().await.unwrap();
                waiting -= 1;
            }
            waiting += 1;
        }
        while waiting > 0 {
            if let News::Acknowledged(_) | News::Unheard(_) = alice.next().await.unwrap() {
                waiting -= 1;
            }
        }
    });
    // Nobody gives receipts: the broker stops after sixteen.
    let mut held = Vec::new();
    for number in 0..16_u32 {
        let message = own_box.hear_without_receipt().await.unwrap();
        assert_eq!(message.payload, number.to_string());
        held.push(message.receipt.unwrap());
    }
    assert!(
        timeout(Duration::from_millis(500), own_box.link().next())
            .await
            .is_err()
    );
    for receipt in held {
        own_box.link().orders().acknowledge(receipt).unwrap();
    }
    for number in 16..10_000_u32 {
        assert_eq!(own_box.hear().await.unwrap().payload, number.to_string());
    }
    timeout(PATIENCE, burst).await.unwrap().unwrap();
    own_box.say(&own("evt/alert"), "{}").await.unwrap().unwrap();
}

#[tokio::test]
async fn a_broker_of_another_authority_for_another_host_or_out_of_date_is_not_believed() {
    let broker = broker();
    let identity = broker.authority(Door::Boxes).client(BOX, "etat").unwrap();
    let refused = async |authority: &Authority, host: &str| {
        let trust = Trust {
            authorities: vec![authority.certificate().to_owned()],
            clock_is_set: true,
        };
        let mut target = broker.target(Door::Boxes, &identity, Limits::default()).unwrap();
        target.endpoint.host = host.into();
        target.tls = context(&identity, &trust).unwrap();
        Client::connect(target, kept(BOX, None)).await.err()
    };
    assert_eq!(refused(broker.servers(), "localhost").await, None);
    assert_eq!(refused(broker.servers(), "127.0.0.1").await, None);
    let other = Authority::new("servers").unwrap();
    let stranger = refused(&other, "localhost").await;
    assert!(
        matches!(&stranger, Some(Reason::Tls(said)) if said.contains("issuer")),
        "{stranger:?}"
    );
    // The same address by a name that is not in the certificate.
    let wrong = refused(broker.servers(), "127.1").await;
    assert!(matches!(wrong, Some(Reason::Tls(_))), "{wrong:?}");
}

#[tokio::test]
async fn a_box_that_the_authority_of_its_door_does_not_know_is_not_let_in() {
    let broker = broker();
    for (door, certificate) in [
        (Door::Boxes, Door::Claims),
        (Door::Boxes, Door::Staff),
        (Door::Staff, Door::Boxes),
        (Door::Claims, Door::Boxes),
    ] {
        let identity = broker.authority(certificate).client(BOX, "etat").unwrap();
        let target = broker.target(door, &identity, Limits::default()).unwrap();
        let reason = Client::connect(target, kept(BOX, None)).await.err().unwrap();
        assert!(
            matches!(reason, Reason::Tls(_) | Reason::Cut(_)),
            "{door:?} {certificate:?}: {reason}"
        );
    }
}

#[tokio::test]
async fn the_second_connection_of_a_box_takes_over_from_the_first() {
    let broker = broker();
    let (target, _line) = of_box(&broker, Limits::default()).await;
    let mut first = Client::connect(target.clone(), kept(BOX, None)).await.unwrap();
    // The broker goes by the certificate, whatever the box calls itself.
    let second = Client::connect(target, fresh("another-name")).await.unwrap();
    // Debian's Mosquitto cuts the first one without a word.
    assert!(matches!(first.end().await.unwrap(), Reason::TakenOver | Reason::Cut(_)));
    second.goodbye().await.unwrap();
}
