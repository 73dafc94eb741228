//! Running one mutant: a fresh conference, the broken client in it, and the verdict.

use std::time::{Duration, Instant};

use conference::{Conference, Impostor, Media, Moderation, Options, rule};
use end_to_end::{Devices, RoomBox, wait_for};

use crate::middle::Middle;
use crate::of_the_box::{Act, BoxMutant};
use crate::report::Found;
use crate::spoil::Spoiling;
use crate::support::{Client, Wrong};

const ROOM: &str = "hemicycle";
/// The longest that a rule takes to be seen broken: ten seconds without a connection, and then some.
const SEEN: Duration = Duration::from_secs(16);
/// For what comes in well under a second on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn options(channel: bool) -> Options {
    Options {
        media_cache: concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/lab/media").into(),
        peers: 1,
        decode: false,
        data_channel: !channel,
        colibri_websocket: channel,
        ..Options::default()
    }
}

/// The same for a right client: it must break nothing, and shall not be blamed for a machine that is busy.
fn patient(channel: bool) -> Options {
    Options {
        patience: 10,
        ..options(channel)
    }
}

/// Runs mutants of the real box; the daemon is kept from one to the next as long as it comes home.
pub struct BoxRunner {
    room_box: Option<RoomBox>,
}

impl BoxRunner {
    pub fn new() -> Self {
        Self { room_box: None }
    }

    fn room_box(&mut self) -> &RoomBox {
        self.room_box
            .get_or_insert_with(|| RoomBox::daemon(&Devices::default()).expect("roomd runs"))
    }

    /// The box as it is, with everything that is done to mutants done to it: no rule may be broken.
    pub fn control(&mut self, channel: bool) -> Found {
        let begun = Instant::now();
        let conference = Conference::start_blocking(patient(channel)).expect("the conference starts");
        let middle = Middle::start(conference.address(), Spoiling::default());
        let room_box = self.room_box();
        join(room_box, &middle);
        let joined = wait_for(PATIENCE, || flows(&conference));
        for done in [
            Act::Probe,
            Act::InviteDirectly,
            Act::MuteByImpostor,
            Act::Ping,
            Act::Mute,
            Act::Move,
            Act::WantNothing,
            Act::SwitchOff,
        ] {
            act(done, &conference, room_box);
            let before = conference.far_side().audio_packets;
            // The next is done to a client that is at rest again.
            wait_for(Duration::from_secs(4), || {
                conference.far_side().audio_packets > before + 100
            });
            if done == Act::Mute {
                let _ = room_box.ask(r#"{"command":"microphone","on":true}"#);
            }
        }
        let home = go_home(room_box);
        let left = wait_for(PATIENCE, || {
            conference.guest().is_some_and(|guest| guest.gone_ns.is_some())
        });
        if !home {
            self.room_box = None;
        }
        Found {
            held: joined && left && conference.verdict().is_empty(),
            after: begun.elapsed(),
            broken: broken(&conference),
        }
    }

    /// A mutant, until the rule is seen broken.
    pub fn run(&mut self, mutant: &BoxMutant) -> Found {
        let conference = Conference::start_blocking(options(mutant.channel)).expect("the conference starts");
        let middle = Middle::start(conference.address(), mutant.spoiling);
        let room_box = self.room_box();
        let begun = Instant::now();
        join(room_box, &middle);
        let caught = || conference.verdict().iter().any(|broken| broken.rule == mutant.rule);
        // A mutant that never gets in breaks its rule on the way.
        wait_for(SEEN, || caught() || flows(&conference));
        if mutant.act != Act::Nothing && !caught() {
            act(mutant.act, &conference, room_box);
        }
        let leaves = mutant.rule == rule::LEAVE_ORDER && mutant.act == Act::Nothing;
        if !leaves {
            wait_for(SEEN, caught);
        }
        let home = go_home(room_box);
        let held = wait_for(Duration::from_secs(6), caught);
        let found = Found {
            held,
            after: begun.elapsed(),
            broken: broken(&conference),
        };
        if !home {
            self.room_box = None;
        }
        found
    }
}

fn join(room_box: &RoomBox, middle: &Middle) {
    let url = middle.room_url(ROOM);
    let answer = room_box.ask(&format!(r#"{{"command":"join","url":"{url}","muted":false}}"#));
    assert_eq!(
        answer.ok().and_then(|a| a.as_str().map(str::to_owned)).as_deref(),
        Some("accepted")
    );
}

/// Leaves; whether the box is idle soon after.
fn go_home(room_box: &RoomBox) -> bool {
    let _idle_already = room_box.ask(r#"{"command":"leave"}"#);
    wait_for(Duration::from_secs(10), || room_box.state("/state") == "idle")
}

/// Sound and every layer reach the far side.
fn flows(conference: &Conference) -> bool {
    let far = conference.far_side();
    let channel = conference.guest().is_some_and(|guest| guest.channel_ns.is_some());
    channel && far.audio_packets > 10 && far.layers.len() > 1 && far.layers.iter().all(|layer| layer.frames > 10)
}

fn act(act: Act, conference: &Conference, room_box: &RoomBox) {
    match act {
        Act::Nothing => {}
        Act::SwitchOff => drop(room_box.ask(r#"{"command":"microphone","on":false}"#)),
        Act::Mute => conference.mute(Media::Audio),
        Act::MuteByImpostor => conference.mute_by_impostor(Media::Audio, Impostor::Peer),
        Act::Ping => conference.end_to_end_ping(),
        Act::WantNothing => conference.sender_source_constraints(0),
        Act::Move => conference.move_session(),
        Act::Probe => conference.probe_errors(),
        Act::InviteDirectly => conference.invite_directly(),
        Act::Allow => {
            conference.moderate(Media::Audio, Moderation::On);
            wait_for(Duration::from_secs(5), || {
                conference.guest().is_some_and(|guest| guest.audio_muted)
            });
            conference.moderate(Media::Audio, Moderation::Approved);
        }
        Act::SendAside => conference.send_to_room(ROOM, Some("Aside")),
        Act::Kick => conference.kick("the mutants"),
    }
}

fn broken(conference: &Conference) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    for broken in conference.verdict() {
        if !rules.iter().any(|rule| rule == broken.rule) {
            rules.push(broken.rule.to_owned());
        }
    }
    rules
}

/// What is done to the small client to show how it is wrong.
fn act_on_small(wrong: Wrong, conference: &Conference) {
    match wrong {
        Wrong::IgnoresKeyFrameRequests => conference.request_key_frame(0, false),
        Wrong::IgnoresMute => conference.mute(Media::Audio),
        Wrong::ObeysImpostors => conference.mute_by_impostor(Media::Audio, Impostor::Peer),
        Wrong::IgnoresSenderConstraints => conference.sender_source_constraints(0),
        Wrong::AnswersNoPing => conference.end_to_end_ping(),
        Wrong::IgnoresMoves => conference.move_session(),
        Wrong::TakesInvitationsOfPeers => conference.invite_directly(),
        _ => {}
    }
}

/// The small client with one behaviour, until the rule is seen broken. Right clients have no rule: they break none.
pub async fn small(wrong: Wrong, rule: Option<&'static str>) -> Found {
    let options = if rule.is_some() { options(false) } else { patient(false) };
    let conference = Conference::start(options).await.expect("the conference starts");
    let begun = Instant::now();
    let client = Client::join(&conference, ROOM, wrong).await;
    let caught = |c: &Conference| c.verdict().iter().any(|broken| Some(broken.rule) == rule);
    conference.wait_until(SEEN, |c| caught(c) || flows(c)).await;
    act_on_small(wrong, &conference);
    if rule.is_none() {
        conference.end_to_end_ping();
        conference.probe_errors();
        conference.invite_directly();
        // The conference looks three seconds after it asked.
        tokio::time::sleep(Duration::from_millis(3500)).await;
    } else if wrong != Wrong::SendsAfterLeaving {
        conference.wait_until(SEEN, caught).await;
    }
    client.leave().await;
    let held = match rule {
        Some(_) => conference.wait_until(SEEN, caught).await,
        None => conference.verdict().is_empty(),
    };
    Found {
        held,
        after: begun.elapsed(),
        broken: broken(&conference),
    }
}
