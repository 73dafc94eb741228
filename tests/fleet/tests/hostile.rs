//! A broker in the wrong hands: it says whatever it likes to a box. It can withhold; it cannot make the box do anything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use fleet::contract::{ApplyWhen, Channel, CommandName, DeviceId};
use fleet::link::{News, Publication};
use fleet_lab::client::Client;
use fleet_lab::ledger::locked;
use fleet_lab::measure::{Fleet, Order, heard, own_memory, until};
use fleet_lab::office::Office;
use jiff::Timestamp;
use roomctl::apply;
use roomctl::author::Author;
use roomctl::order;
use serde_json::{Map, json};

const A_MINUTE: Duration = Duration::from_secs(60);

struct Bench {
    fleet: Fleet,
    mallory: Client,
    alice: Author,
    device: DeviceId,
}

impl Bench {
    async fn new() -> Self {
        let begun = Timestamp::now();
        let spread = Duration::from_secs(1);
        let fleet = Fleet::start(Order { boxes: 2, spread }).await.unwrap();
        fleet.all_born(begun).await.unwrap();
        fleet.broker.hijack("mallory").unwrap();
        let mut mallory = Client::staff(&fleet.broker, "mallory").await.unwrap();
        let begun = Instant::now();
        // From when the broker has read its list again.
        while mallory
            .say("cr/v1/etat/nobody-at-all/cmd/x", "")
            .await
            .unwrap()
            .is_err()
        {
            assert!(begun.elapsed() < A_MINUTE);
            mallory = Client::staff(&fleet.broker, "mallory").await.unwrap();
        }
        Self {
            alice: fleet.office.administrator("alice").unwrap(),
            device: fleet.rooms[0].device().clone(),
            mallory,
            fleet,
        }
    }

    fn topic(&self, channel: &Channel) -> String {
        channel.topic(&self.fleet.office.tenant, &self.device)
    }

    /// Alice configures all boxes; what the broker keeps for one of them then.
    async fn apply(&mut self, volume: u8, device: usize) -> Bytes {
        let plan = self.fleet.plan(volume);
        let anchors = self.fleet.office.anchors().unwrap();
        let mut console = self.fleet.office.console(&self.fleet.broker, "alice").await.unwrap();
        let proposal = apply::compare(&mut console, &anchors, &plan).await.unwrap();
        let outcome = apply::publish(
            &mut console,
            &mut self.alice,
            &anchors,
            &plan,
            &proposal,
            ApplyWhen::Now,
        );
        let outcome = outcome.await.unwrap();
        let verdicts = apply::wait(&mut console, &outcome.published, A_MINUTE).await.unwrap();
        assert_eq!(verdicts.len(), 2, "{verdicts:?}");
        console.close().await;
        let device = self.fleet.rooms[device].device();
        let topic = Channel::ConfigDesired.topic(&self.fleet.office.tenant, device);
        let mut console = self.fleet.office.console(&self.fleet.broker, "alice").await.unwrap();
        console
            .kept(std::slice::from_ref(&topic))
            .await
            .unwrap()
            .remove(&topic)
            .unwrap()
    }

    async fn forge(&mut self, topic: &str, payload: impl Into<Bytes>, retain: bool) {
        let mut publication = Publication::new(self.mallory.token(), topic, payload);
        publication.retain = retain;
        self.mallory.publish(publication).await.unwrap().unwrap();
    }

    fn applied(&self) -> u64 {
        locked(&self.fleet.ledger).applied[&self.device]
    }

    /// Everything before it has been judged.
    async fn settle(&mut self) {
        let mut console = self.fleet.office.console(&self.fleet.broker, "alice").await.unwrap();
        order::prepare(&mut console).await.unwrap();
        let name = CommandName::StatePublish;
        let answer = order::ask(
            &mut console,
            &mut self.alice,
            &self.device,
            name,
            Map::new(),
            A_MINUTE,
            |_| {},
        );
        answer.await.unwrap();
        console.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_replayed_and_malformed_documents_change_nothing() {
    let mut bench = Bench::new().await;
    let first = bench.apply(10, 0).await;
    let of_another = bench.apply(20, 1).await;
    assert_eq!(bench.applied(), 2);
    let topic = bench.topic(&Channel::ConfigDesired);
    let stranger = Office::new(&bench.fleet.office.tenant).unwrap();
    let mut strange = stranger.administrator("alice").unwrap();
    let document = strange.stamp(json!({"schema": "cfg/1.0", "rev": 99, "cfg": {}}));
    let signed_by_a_stranger = strange.signed(&topic, &document).unwrap();
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let half = first.slice(..first.len() / 2);
    let forged: Vec<(&str, Bytes)> = vec![
        ("a lower revision", first.clone()),
        ("of another box", of_another),
        ("by a stranger", signed_by_a_stranger.into()),
        ("unsigned", serde_json::to_vec(&document).unwrap().into()),
        ("half of one", half),
        ("too large", vec![b'x'; 120_000].into()),
        ("deep", deep.into()),
        ("no text", vec![0xFF; 500].into()),
        ("nothing", Bytes::new()),
        ("a number", "1e999".into()),
    ];
    for (what, payload) in forged {
        for channel in [Channel::ConfigDesired, Channel::UpdateDesired, Channel::Notice] {
            let topic = bench.topic(&channel);
            bench.forge(&topic, payload.clone(), true).await;
        }
        assert_eq!(bench.applied(), 2, "{what}");
    }
    bench
        .forge(&format!("cr/v1/{}/all/notice", bench.fleet.office.tenant), first, true)
        .await;
    bench.settle().await;
    assert_eq!(bench.applied(), 2);
    assert!(locked(&bench.fleet.ledger).notices.is_empty());
    let ledger = bench.fleet.ledger.clone();
    until("it has been noticed", A_MINUTE, || !locked(&ledger).security.is_empty())
        .await
        .unwrap();
    assert!(heard(&bench.fleet.heard).security.len() <= 2, "one a minute");
    // And whoever may is still heard.
    bench.apply(30, 0).await;
    assert_eq!(bench.applied(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_counts_once_at_its_box_in_its_time_and_never_from_the_shelf() {
    let mut bench = Bench::new().await;
    // Mallory hears a dangerous command that Alice signs.
    let topic = bench.topic(&Channel::Command("screen.capture".into()));
    bench.mallory.subscribe(&[&topic]).await.unwrap();
    let mut console = bench.fleet.office.console(&bench.fleet.broker, "alice").await.unwrap();
    order::prepare(&mut console).await.unwrap();
    let params = json!({"url": "https://files.example/once"})
        .as_object()
        .cloned()
        .unwrap();
    let name = CommandName::ScreenCapture;
    let answer = order::ask(
        &mut console,
        &mut bench.alice,
        &bench.device,
        name,
        params,
        A_MINUTE,
        |_| {},
    );
    answer.await.unwrap();
    let signed = bench.mallory.hear().await.unwrap().payload;
    assert_eq!(locked(&bench.fleet.ledger).executed.len(), 1);

    let other =
        Channel::Command("screen.capture".into()).topic(&bench.fleet.office.tenant, bench.fleet.rooms[1].device());
    let reset = bench.topic(&Channel::Command("factory.reset".into()));
    let mallory = Author::new("alice", None);
    let mut mallory = mallory;
    let exp = Timestamp::now() + jiff::SignedDuration::from_secs(60);
    let plain = mallory.stamp(json!({"name": "factory.reset", "params": {}, "exp": exp, "actor": "alice"}));
    let plain = serde_json::to_vec(&plain).unwrap();
    bench.forge(&topic, signed.clone(), false).await;
    bench.forge(&other, signed.clone(), false).await;
    bench.forge(&reset, signed.clone(), false).await;
    bench.forge(&reset, plain.clone(), false).await;
    // On the shelf of the broker, for whoever comes.
    let mute = mallory.stamp(json!({"name": "av.mute", "params": {}, "exp": exp, "actor": "alice"}));
    let shelf = bench.topic(&Channel::Command("av.mute".into()));
    bench.forge(&shelf, serde_json::to_vec(&mute).unwrap(), true).await;
    bench.settle().await;
    let ledger = locked(&bench.fleet.ledger);
    assert_eq!(
        ledger.executed.len(),
        2,
        "that of Alice, and the question whether all is over"
    );
    assert!(ledger.executed.values().all(|times| *times == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_commands_as_fast_as_they_go_execute_nothing_and_take_no_memory() {
    let mut bench = Bench::new().await;
    bench.settle().await;
    let executed = locked(&bench.fleet.ledger).executed.len();
    let mut before = 0;
    let topics = ["factory.reset", "call.join", "screen.capture", "no.such"]
        .map(|name| bench.topic(&Channel::Command(name.into())));
    for round in 0..4 {
        let mut waiting = 0;
        for number in 0..5_000_usize {
            let payload = match number % 4 {
                0 => "{".repeat(1_000),
                1 => format!(r#"{{"v":1,"id":"01KAN8Q6T4X5Z7B9C1D3{number:06}","name":"call.join","params":{{}}}}"#),
                2 => "x".repeat(20_000),
                _ => String::new(),
            };
            let publication = Publication::new(bench.mallory.token(), topics[number % 4].clone(), payload);
            while bench.mallory.link().orders().publish(publication.clone()).is_err() {
                if let News::Acknowledged(_) | News::Unheard(_) = bench.mallory.next().await.unwrap() {
                    waiting -= 1;
                }
            }
            waiting += 1;
        }
        while waiting > 0 {
            if let News::Acknowledged(_) | News::Unheard(_) = bench.mallory.next().await.unwrap() {
                waiting -= 1;
            }
        }
        bench.apply(50 + round, 0).await;
        if round == 0 {
            before = own_memory().unwrap();
        }
    }
    let grown = own_memory().unwrap().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more after three more rounds");
    assert_eq!(locked(&bench.fleet.ledger).executed.len(), executed);
    assert!(heard(&bench.fleet.heard).security.len() <= 4, "one a minute");
}
