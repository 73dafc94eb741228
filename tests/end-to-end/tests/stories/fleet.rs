//! The box in its fleet: Debian's Mosquitto, an administrator's console, the real room.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use conference::Conference;
use end_to_end::{Devices, Place, RoomBox};
use fleet::contract::{
    Answer, AnswerStatus, Apply, ApplyWhen, Channel, Code, Command, CommandName, Configuration, ConfigurationReport,
    ConfigurationStatus, Event, EventClass, Message, Notice, OfflineReason, Presence, State, StatePart, Urgency,
};
use fleet::link::Publication;
use fleet_lab::administrator::{self, Administrator};
use rand::RngExt;
use roomctl::order;
use rustix::process::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::stage::{PATIENCE, ROOM, Stage, options};

/// A box that belongs to a fleet, and its administrator.
pub struct Fleet {
    pub stage: Stage,
    administrator: Administrator,
    pub folder: TempDir,
}

impl Fleet {
    /// A box that is on, and online.
    fn start() -> Self {
        Self::with("")
    }

    /// With more in the box's file.
    pub fn with(more: &str) -> Self {
        let administrator = Administrator::of("lyon-412").unwrap();
        let folder = TempDir::with_prefix("fleet").unwrap();
        administrator.enrol(folder.path()).unwrap();
        let place = Place {
            configuration: format!(
                "[fleet]\ndirectory = '{0}'\nreconnect_spread_s = 0\nclock_is_trusted = true\nreboot = ['touch', \
                 '{0}/rebooted']\n{more}",
                folder.path().display()
            ),
            ..Place::default()
        };
        let conference = Conference::start_blocking(options()).expect("the conference starts");
        let room_box = RoomBox::daemon_in(&place, &Devices::default()).expect("roomd runs");
        let fleet = Self {
            stage: Stage { conference, room_box },
            administrator,
            folder,
        };
        fleet.online()
    }

    fn online(mut self) -> Self {
        let online = |fleet: &mut Self| matches!(fleet.presence(), Some(Presence::Online(_))).then_some(());
        self.until("it is online", online);
        self
    }

    /// Asks until there is an answer.
    pub fn until<T>(&mut self, what: &str, ask: impl Fn(&mut Self) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            let words = || self.stage.room_box.words();
            assert!(Instant::now() < end, "waited in vain until {what}: {}", words());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn presence(&mut self) -> Option<Presence> {
        self.administrator.presence()
    }

    pub fn document<T: DeserializeOwned>(&mut self, channel: &Channel) -> Option<T> {
        self.administrator.document(channel)
    }

    /// Waits until the fleet is told that the room is there.
    fn until_told(&mut self, phase: &str) {
        self.until(&format!("{phase} is told"), |fleet| {
            let told = fleet.document::<State>(&Channel::State(StatePart::Call))?;
            (told.state.get("phase") == Some(&json!(phase))).then_some(())
        });
    }

    /// Orders and waits for the last answer.
    pub fn order(&mut self, name: CommandName, params: Value) -> Answer {
        let Value::Object(params) = params else {
            panic!("{params}")
        };
        let at = &mut self.administrator;
        let asked = order::ask(
            &mut at.console,
            &mut at.author,
            &at.device,
            name,
            params,
            PATIENCE,
            |_| {},
        );
        at.runtime
            .block_on(asked)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", name.as_str(), self.stage.room_box.words()))
    }

    /// The same without a signature, whatever the command is.
    pub fn order_unsigned(&mut self, name: CommandName, params: Value) -> Answer {
        let Value::Object(params) = params else {
            panic!("{params}")
        };
        let at = &mut self.administrator;
        let message = at.author.stamp(Command {
            name: name.as_str().into(),
            params,
            exp: jiff::Timestamp::now() + jiff::SignedDuration::from_secs(60),
            actor: administrator::NAME.into(),
        });
        let topic = at.topic(&Channel::Command(name.as_str().into()));
        let payload = serde_json::to_vec(&message).unwrap();
        let publication = Publication::new(at.console.next_token(), topic, payload);
        at.runtime.block_on(at.console.publish(publication)).unwrap();
        let id = message.envelope.id;
        let answered = order::answer(&mut at.console, &at.device, name, id, PATIENCE, |_| {});
        at.runtime.block_on(answered).unwrap()
    }

    /// Publishes a signed document, to be kept.
    pub fn publish<T: Serialize>(&mut self, channel: &Channel, document: T) {
        self.administrator.publish(channel, document).unwrap();
    }

    /// Publishes a configuration and waits for the report.
    fn configure(&mut self, rev: u64, cfg: Value) -> ConfigurationReport {
        let Value::Object(cfg) = cfg else { panic!("{cfg}") };
        let mut configuration = Configuration {
            schema: "cfg/1.0".into(),
            rev,
            sha256: String::new(),
            issued_by: administrator::NAME.into(),
            exp: None,
            apply: Apply {
                when: ApplyWhen::Now,
                deadline: None,
            },
            cfg,
            secrets: BTreeMap::new(),
        };
        configuration.sha256 = configuration.fingerprint();
        self.publish(&Channel::ConfigDesired, configuration);
        self.until("there is a report", |fleet| {
            let report = fleet.document::<ConfigurationReport>(&Channel::ConfigReported)?;
            (report.rev == rev && report.status != ConfigurationStatus::Pending).then_some(report)
        })
    }

    /// With the settings of a room of this conference.
    fn configured() -> Self {
        let mut fleet = Self::start();
        let service = fleet.stage.conference.room_url("");
        let cfg = json!({"room": {"name": "Lyon 4.12", "language": "en"}, "jitsi": {"url": service}});
        let report = fleet.configure(1, cfg);
        assert_eq!(report.status, ConfigurationStatus::Applied, "{report:?}");
        fleet
    }
}

#[test]
fn a_room_is_joined_from_afar_dark_and_only_the_room_itself_opens_its_eyes() {
    let mut fleet = Fleet::configured();
    let answer = fleet.order(CommandName::CallJoin, json!({ "room": ROOM }));
    assert_eq!(
        (answer.status, answer.code),
        (AnswerStatus::Done, Code::Ok),
        "{answer:?}"
    );
    let guest = fleet.stage.guest();
    assert!(guest.audio_muted && guest.video_muted);
    let stage = &fleet.stage;
    assert_eq!(stage.room_box.state("/notice"), "joinedFromOutside");
    assert_eq!(
        [
            stage.room_box.state("/camera/open"),
            stage.room_box.state("/microphone/open")
        ],
        [false, false]
    );
    // From afar nothing is switched on.
    let answer = fleet.order(CommandName::AvMute, json!({"on": true}));
    assert_eq!(
        (answer.code, answer.path.as_deref()),
        (Code::NotAuthorised, Some("/params/on"))
    );
    assert_eq!(fleet.stage.room_box.state("/microphone/open"), false);
    // In the room it is, and from afar it is switched off again.
    fleet.stage.tell(r#"{"command":"microphone","on":true}"#);
    fleet.stage.wait("the microphone is open", |stage| {
        stage.room_box.state("/microphone/open") == true
    });
    let answer = fleet.order(CommandName::AvMute, json!({}));
    assert_eq!(answer.code, Code::Ok);
    assert_eq!(fleet.stage.room_box.state("/microphone/open"), false);
    let answer = fleet.order(CommandName::CallJoin, json!({ "room": "other" }));
    assert_eq!(answer.code, Code::BusyInCall);
    fleet.until_told("in-meeting");
    let answer = fleet.order(CommandName::CallLeave, json!({}));
    assert_eq!(answer.code, Code::Ok);
    assert_eq!(fleet.stage.room_box.state("/state"), "idle");
    fleet.until_told("idle");
    assert_eq!(fleet.stage.conference.verdict(), []);
}

#[test]
fn settings_that_are_wrong_are_refused_as_a_whole_with_their_places() {
    let mut fleet = Fleet::configured();
    let report = fleet.configure(2, json!({"room": {"name": "New"}, "av": {"volume": 400}}));
    assert_eq!(report.status, ConfigurationStatus::Rejected);
    assert_eq!(report.applied_rev, 1);
    assert_eq!(
        report
            .errors
            .iter()
            .map(|error| error.path.as_str())
            .collect::<Vec<_>>(),
        ["/av/volume"]
    );
    let report = fleet.configure(3, json!({"av": {"volume": 40}}));
    assert_eq!(report.status, ConfigurationStatus::Applied);
    assert_eq!(fleet.stage.room_box.state("/volume"), 0.4);
}

#[test]
fn a_box_that_was_switched_off_is_what_the_fleet_made_it_before_it_reaches_anybody() {
    let mut fleet = Fleet::configured();
    let report = fleet.configure(2, json!({"av": {"volume": 40}}));
    assert_eq!(report.status, ConfigurationStatus::Applied);
    fleet.administrator.broker.kill().unwrap();
    fleet.stage.room_box.signal(Signal::KILL);
    fleet.stage.room_box.start_again().unwrap();
    fleet.stage.wait("the volume is as the fleet said", |stage| {
        stage.room_box.state("/volume") == 0.4
    });
}

#[test]
fn a_notice_is_on_the_wall_within_two_seconds_and_after_a_restart() {
    let mut fleet = Fleet::start();
    let notice = Notice {
        rev: 1,
        urgency: Some(Urgency::Emergency),
        fr: "Évacuez par le nord".into(),
        en: "Leave by the north".into(),
        exp: jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1),
        reconnect_spread_s: None,
    };
    let said = Instant::now();
    fleet.publish(&Channel::Notice, notice);
    let on_the_wall = |stage: &Stage| stage.room_box.state("/bulletins/0/text") == "Évacuez par le nord";
    fleet.stage.wait("the notice is on the wall", on_the_wall);
    println!("on the wall after {} ms", said.elapsed().as_millis());
    assert!(said.elapsed() < Duration::from_secs(20), "the goal is 2 s");
    fleet.stage.room_box.signal(Signal::KILL);
    fleet.stage.room_box.start_again().unwrap();
    fleet.stage.wait("it is there again", on_the_wall);
}

#[test]
fn a_reboot_waits_for_the_end_of_a_meeting_and_is_answered_before_it_happens() {
    let mut fleet = Fleet::configured();
    fleet.order(CommandName::CallJoin, json!({ "room": ROOM }));
    let answer = fleet.order(CommandName::SysReboot, json!({}));
    assert_eq!((answer.status, answer.code), (AnswerStatus::Rejected, Code::BusyInCall));
    let answer = fleet.order(CommandName::SysReboot, json!({"force": true}));
    assert_eq!((answer.status, answer.code), (AnswerStatus::Done, Code::Ok));
    assert!(
        fleet
            .stage
            .room_box
            .wait(PATIENCE)
            .is_some_and(|status| status.success())
    );
    assert!(fleet.folder.path().join("rebooted").exists());
    fleet
        .stage
        .wait("the meeting is left", |stage| stage.guest().gone_ns.is_some());
    let offline = fleet.presence();
    assert!(
        matches!(&offline, Some(Presence::Offline(offline)) if offline.reason == OfflineReason::Reboot),
        "{offline:?}"
    );
}

#[test]
fn a_box_that_is_stopped_in_a_meeting_leaves_it_and_tells_the_fleet_itself() {
    let mut fleet = Fleet::configured();
    fleet.order(CommandName::CallJoin, json!({ "room": ROOM }));
    fleet.stage.room_box.signal(Signal::TERM);
    let stopped = Instant::now();
    let status = fleet.stage.room_box.wait(PATIENCE);
    println!("stopped after {} ms", stopped.elapsed().as_millis());
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
    // Its will would come half a minute later, and say `lost`.
    let offline = fleet.presence();
    assert!(
        matches!(&offline, Some(Presence::Offline(offline)) if offline.reason == OfflineReason::Standby),
        "{offline:?}"
    );
    let call = fleet.document::<State>(&Channel::State(StatePart::Call)).unwrap();
    assert_eq!(call.state.get("phase"), Some(&json!("idle")), "{call:?}");
    fleet
        .stage
        .wait("the meeting is left", |stage| stage.guest().gone_ns.is_some());
    fleet.stage.room_box.start_again().unwrap();
    fleet.online();
}

#[test]
fn a_factory_reset_leaves_a_box_as_it_was_delivered() {
    let mut fleet = Fleet::configured();
    let answer = fleet.order(CommandName::FactoryReset, json!({}));
    assert_eq!((answer.status, answer.code), (AnswerStatus::Done, Code::Ok));
    assert!(fleet.stage.room_box.wait(PATIENCE).is_some());
    let mut left: Vec<_> = std::fs::read_dir(fleet.folder.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["maker.key"]);
}

#[test]
fn a_command_is_answered_while_the_room_hears_it() {
    let mut fleet = Fleet::start();
    let mut times: Vec<Duration> = (0..20)
        .map(|percent| {
            let asked = Instant::now();
            let answer = fleet.order(CommandName::AvVolume, json!({ "percent": percent }));
            assert_eq!(answer.code, Code::Ok, "{answer:?}");
            asked.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "answered after {} ms (median of {})",
        times[times.len() / 2].as_millis(),
        times.len()
    );
    assert!(
        times[times.len() / 2] < Duration::from_secs(1),
        "the goal is 100 ms: {times:?}"
    );
    assert_eq!(fleet.stage.room_box.state("/volume"), 0.19);
}

#[test]
fn a_box_that_was_killed_says_so_once_and_one_that_ended_as_it_should_says_nothing() {
    let mut fleet = Fleet::start();
    let at = &mut fleet.administrator;
    let crashes = at.topic(&Channel::Event(EventClass::Crash));
    let heard = at.console.hear(std::slice::from_ref(&crashes));
    at.runtime.block_on(heard).unwrap();
    let boot = |fleet: &mut Fleet| match fleet.presence() {
        Some(Presence::Online(online)) => Some(online.envelope.boot),
        _ => None,
    };
    let mut last = fleet.until("it is online", boot);
    for end in [Signal::KILL, Signal::TERM, Signal::KILL] {
        fleet.stage.room_box.signal(end);
        assert!(fleet.stage.room_box.wait(PATIENCE).is_some());
        fleet.stage.room_box.start_again().unwrap();
        let other = |fleet: &mut Fleet| boot(fleet).filter(|boot| *boot != last);
        last = fleet.until("it is online again", other);
    }
    // By id and start: a broker may tell them twice.
    let mut told = BTreeMap::new();
    while !told.values().any(|boot| *boot == last) {
        let at = &mut fleet.administrator;
        let heard = at.runtime.block_on(at.console.next(PATIENCE)).unwrap();
        if heard.topic == crashes {
            let event = Message::<Event>::parse(&heard.payload, 8_192).unwrap();
            assert_eq!((event.body.event.as_str(), event.body.count), ("killed", 1));
            told.insert(event.envelope.id, event.envelope.boot);
        }
    }
    assert_eq!(told.len(), 2, "of two that were killed: {told:?}");
}

/// How often the box began to carry out a command, by id.
fn executions(words: &str) -> BTreeMap<String, u32> {
    let mut begun = BTreeMap::new();
    for line in words.lines().filter(|line| line.contains("command of the fleet")) {
        if let Some((_, rest)) = line.split_once("id=") {
            let id = rest.split(' ').next().unwrap_or_default().to_owned();
            *begun.entry(id).or_default() += 1;
        }
    }
    begun
}

fn killed_while_it_obeys(runs: u32) {
    let mut fleet = Fleet::start();
    let mut chance = rand::rng();
    let (mut answered, mut words) = (0, String::new());
    for run in 0..runs {
        let params = Map::from_iter([("percent".to_owned(), json!(run % 100))]);
        let at = &mut fleet.administrator;
        let sent = order::send(
            &mut at.console,
            &mut at.author,
            &at.device,
            CommandName::AvVolume,
            params,
            Duration::from_secs(300),
        );
        let id = at.runtime.block_on(sent).unwrap();
        std::thread::sleep(Duration::from_micros(chance.random_range(0..60_000)));
        fleet.stage.room_box.signal(Signal::KILL);
        words += &fleet.stage.room_box.words();
        fleet.stage.room_box.start_again().unwrap();
        let at = &mut fleet.administrator;
        let ended = order::answer(&mut at.console, &at.device, CommandName::AvVolume, id, PATIENCE, |_| {});
        let answer = at
            .runtime
            .block_on(ended)
            .unwrap_or_else(|error| panic!("run {run}: {error}: {}", fleet.stage.room_box.words()));
        assert!(matches!(answer.code, Code::Ok | Code::Interrupted), "{answer:?}");
        answered += 1;
    }
    words += &fleet.stage.room_box.words();
    let begun = executions(&words);
    let twice: Vec<_> = begun.iter().filter(|(_, times)| **times > 1).collect();
    println!(
        "{answered} of {runs} answered, {} begun, {} twice",
        begun.len(),
        twice.len()
    );
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn a_box_that_is_killed_while_it_obeys_answers_each_command_and_obeys_none_twice() {
    killed_while_it_obeys(50);
}

#[test]
#[ignore = "a quarter of an hour: cargo lab soak"]
fn soak_a_box_that_is_killed_a_thousand_times_obeys_no_command_twice() {
    killed_while_it_obeys(1_000);
}
