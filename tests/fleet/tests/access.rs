//! What the generated lists allow, asked of the real broker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use access::User;
use fleet::link::{Limits, Publication, Refused};
use fleet_lab::broker::{Broker, Door, etat, room};
use fleet_lab::client::{Client, kept};

const NOT_AUTHORISED: Refused = Refused::ByBroker(0x87);

fn alice() -> User {
    User::Administrator {
        tenant: etat().unwrap(),
        name: "alice".try_into().unwrap(),
    }
}

async fn of_box(broker: &Broker, device: &str) -> Client {
    let identity = broker.authority(Door::Boxes).client(device, "etat").unwrap();
    let target = broker.target(Door::Boxes, &identity, Limits::default()).unwrap();
    Client::connect(target, kept(device, None)).await.unwrap()
}

#[tokio::test]
async fn a_box_may_say_and_hear_its_own_and_nothing_of_others() {
    let broker = Broker::start(&[room("lyon-412").unwrap(), room("paris-07x").unwrap(), alice()]).unwrap();
    let mut own_box = of_box(&broker, "lyon-412").await;
    for topic in [
        "online",
        "meta",
        "state/net",
        "config/reported",
        "update/reported",
        "res/av.mute",
        "evt/call",
    ] {
        let own = format!("cr/v1/etat/lyon-412/{topic}");
        assert_eq!(own_box.say(&own, "{}").await.unwrap(), Ok(()), "{own}");
        for other in [
            format!("cr/v1/etat/paris-07x/{topic}"),
            format!("cr/v1/ville/lyon-412/{topic}"),
        ] {
            assert_eq!(own_box.say(&other, "{}").await.unwrap(), Err(NOT_AUTHORISED), "{other}");
        }
    }
    for topic in [
        "cr/v1/etat/lyon-412/cmd/av.mute",
        "cr/v1/etat/lyon-412/config/desired",
        "cr/v1/etat/all/notice",
    ] {
        assert_eq!(own_box.say(topic, "{}").await.unwrap(), Err(NOT_AUTHORISED), "{topic}");
    }
    // Mosquitto grants any filter and asks for each message: what is heard counts.
    own_box
        .subscribe(&[
            "cr/v1/etat/+/cmd/+",
            "cr/v1/etat/+/evt/+",
            "#",
            "cr/v1/etat/+/config/desired",
            "cr/v1/etat/all/notice",
        ])
        .await
        .unwrap();
    let mut alice = Client::staff(&broker, "alice").await.unwrap();
    for topic in [
        "cr/v1/etat/paris-07x/cmd/av.mute",
        "cr/v1/etat/paris-07x/config/desired",
        "cr/v1/etat/lyon-412/online",
        "cr/v1/etat/all/notice",
    ] {
        assert_eq!(alice.say(topic, "{}").await.unwrap(), Ok(()), "{topic}");
    }
    assert_eq!(own_box.hear().await.unwrap().topic, "cr/v1/etat/all/notice");
}

#[tokio::test]
async fn an_administrator_cannot_reach_another_organisation() {
    let broker = Broker::start(&[alice()]).unwrap();
    let mut alice = Client::staff(&broker, "alice").await.unwrap();
    assert_eq!(
        alice.say("cr/v1/etat/lyon-412/cmd/av.mute", "{}").await.unwrap(),
        Ok(())
    );
    for topic in [
        "cr/v1/ville/lyon-412/cmd/av.mute",
        "cr/v1/etat/lyon-412/evt/alert",
        "$SYS/x",
    ] {
        assert_eq!(alice.say(topic, "{}").await.unwrap(), Err(NOT_AUTHORISED), "{topic}");
    }
}

#[tokio::test]
async fn a_command_that_was_kept_by_the_broker_arrives_marked_as_such() {
    let broker = Broker::start(&[room("lyon-412").unwrap(), alice()]).unwrap();
    let topic = "cr/v1/etat/lyon-412/cmd/sys.reboot";
    let mut alice = Client::staff(&broker, "alice").await.unwrap();
    let mut own_box = of_box(&broker, "lyon-412").await;
    own_box.subscribe(&["cr/v1/etat/lyon-412/cmd/+"]).await.unwrap();
    alice.keep(topic, "while connected").await.unwrap().unwrap();
    assert!(own_box.hear().await.unwrap().retain, "also to somebody who was there");
    alice.say(topic, "plain").await.unwrap().unwrap();
    assert!(!own_box.hear().await.unwrap().retain);
    own_box.goodbye().await.unwrap();
    let mut own_box = of_box(&broker, "lyon-412").await;
    own_box.subscribe(&["cr/v1/etat/lyon-412/cmd/+"]).await.unwrap();
    assert!(own_box.hear().await.unwrap().retain);
}

#[tokio::test]
async fn a_box_that_is_added_while_the_broker_runs_may_speak_and_others_notice_nothing() {
    let broker = Broker::start(&[room("lyon-412").unwrap()]).unwrap();
    let mut first = of_box(&broker, "lyon-412").await;
    let mut late = of_box(&broker, "paris-07x").await;
    let topic = "cr/v1/etat/paris-07x/evt/alert";
    assert_eq!(late.say(topic, "{}").await.unwrap(), Err(NOT_AUTHORISED));
    broker
        .know(&[room("lyon-412").unwrap(), room("paris-07x").unwrap()])
        .unwrap();
    let begun = std::time::Instant::now();
    while late.say(topic, "{}").await.unwrap() != Ok(()) {
        assert!(begun.elapsed() < fleet_lab::client::PATIENCE);
        late = of_box(&broker, "paris-07x").await;
    }
    assert_eq!(first.say("cr/v1/etat/lyon-412/evt/alert", "{}").await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_box_without_a_certificate_may_only_ask_for_one_under_its_own_serial_number() {
    let service = User::Enrolment {
        name: "enrolment".try_into().unwrap(),
    };
    let broker = Broker::start(&[service]).unwrap();
    let identity = broker.authority(Door::Claims).client("SN-0001", "maker").unwrap();
    let target = broker.target(Door::Claims, &identity, Limits::default()).unwrap();
    let mut claimant = Client::connect(target, kept("SN-0001", None)).await.unwrap();
    claimant.subscribe(&["cr/v1/enrol/+/res"]).await.unwrap();
    assert_eq!(claimant.say("cr/v1/enrol/SN-0001/req", "{}").await.unwrap(), Ok(()));
    for topic in [
        "cr/v1/enrol/SN-0002/req",
        "cr/v1/enrol/SN-0001/res",
        "cr/v1/etat/lyon-412/online",
    ] {
        assert_eq!(claimant.say(topic, "{}").await.unwrap(), Err(NOT_AUTHORISED), "{topic}");
    }
    let mut service = Client::staff(&broker, "enrolment").await.unwrap();
    for serial in ["SN-0002", "SN-0001"] {
        let answer = Publication::new(service.token(), format!("cr/v1/enrol/{serial}/res"), "{}");
        service.publish(answer).await.unwrap().unwrap();
    }
    assert_eq!(claimant.hear().await.unwrap().topic, "cr/v1/enrol/SN-0001/res");
}

#[tokio::test]
async fn documents_outlive_whoever_published_them_and_the_broker_that_kept_them() {
    let mut broker = Broker::start(&[room("lyon-412").unwrap(), alice()]).unwrap();
    let topic = "cr/v1/etat/lyon-412/config/desired";
    let mut alice = Client::staff(&broker, "alice").await.unwrap();
    alice.keep(topic, "of alice").await.unwrap().unwrap();
    broker.know(&[room("lyon-412").unwrap()]).unwrap();
    broker.stop().unwrap();
    broker.start_again().unwrap();
    let mut own_box = of_box(&broker, "lyon-412").await;
    own_box.subscribe(&[topic]).await.unwrap();
    assert_eq!(own_box.hear().await.unwrap().payload, "of alice");
}
