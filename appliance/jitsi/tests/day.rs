//! A day in meetings: room and participant together on a simulated clock, before a simulated service on which something
//! breaks every minute. `DAY_SEED=7` lives another day.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod script;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use jitsi::participant::{ConnectionId, HttpResponse, Input, NetworkError, Output, Participant, SocketEvent};
use media_protocol::{
    BridgeChannelState, CameraDevice, CaptureState, DeviceState, DisplayDevice, FromWorker, LoudspeakerDevice,
    MediaPlan, MicrophoneDevice, SessionEvent, SessionId,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use room::conference::Muted;
use room::{Effect, Equipment, JoinCommand, Origin, Room, RoomCommand, RoomInput, RoomOptions, State, WorkerInput};
use script::{CONFIG, DATA, FOCUS, ME, ROOM, URL, session_initiate};

const NETWORK: Duration = Duration::from_millis(20);

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    SocketCut,
    NetworkAwayTenSeconds,
    NetworkAwayAMinute,
    FocusLeaves,
    SessionMoves,
    SessionExpires,
    MediaFail,
    WorkerDies,
    Muted,
    Kicked,
    ServerSilent,
}

const FAULTS: [Fault; 11] = [
    Fault::SocketCut,
    Fault::NetworkAwayTenSeconds,
    Fault::NetworkAwayAMinute,
    Fault::FocusLeaves,
    Fault::SessionMoves,
    Fault::SessionExpires,
    Fault::MediaFail,
    Fault::WorkerDies,
    Fault::Muted,
    Fault::Kicked,
    Fault::ServerSilent,
];

/// Something that will happen.
enum Later {
    Participant(Input),
    Worker(WorkerInput),
}

struct Day {
    start: Instant,
    now: Instant,
    notes: VecDeque<String>,
    room: Room,
    participant: Participant,
    chance: StdRng,
    later: VecDeque<(Instant, Later)>,
    plan: Option<MediaPlan>,
    worker_alive: bool,
    devices: (bool, bool),
    session: Option<SessionId>,
    // The service.
    socket: Option<ConnectionId>,
    away_until: Instant,
    silent: bool,
    authenticated: bool,
    occupants: BTreeMap<ConnectionId, String>,
    sessions: u64,
    most_occupants: usize,
    joins: u32,
    seen: BTreeMap<Fault, u32>,
    /// The longest from a fault to the meeting as before; 55 s: longer, or a person had to join again.
    worst: BTreeMap<Fault, Duration>,
}

impl Drop for Day {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for note in &self.notes {
                eprintln!("{note}");
            }
        }
    }
}

impl Day {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        let equipment = Equipment {
            camera: Some(CameraDevice::Simulated),
            microphone: Some(MicrophoneDevice::Simulated),
            loudspeaker: Some(LoudspeakerDevice::Simulated { record: None }),
            display: Some(DisplayDevice::Simulated { snapshot: None }),
        };
        let options = RoomOptions {
            equipment,
            ..RoomOptions::default()
        };
        Self {
            start: now,
            now,
            notes: VecDeque::new(),
            room: Room::new(options),
            participant: Participant::new(script::options(), StdRng::seed_from_u64(seed), now),
            chance: StdRng::seed_from_u64(seed),
            later: VecDeque::new(),
            plan: None,
            worker_alive: false,
            devices: (false, false),
            session: None,
            socket: None,
            away_until: now,
            silent: false,
            authenticated: false,
            occupants: BTreeMap::new(),
            sessions: 0,
            most_occupants: 0,
            joins: 0,
            seen: BTreeMap::new(),
            worst: BTreeMap::new(),
        }
    }

    fn at(&mut self, after: Duration, later: Later) {
        let due = self.now + after;
        let place = self.later.partition_point(|(at, _)| *at <= due);
        self.later.insert(place, (due, later));
    }

    fn room(&mut self, input: RoomInput) {
        let effects = self.room.handle(input, self.now);
        for effect in effects {
            match effect {
                Effect::Conference(command) => self.participant(Input::Command(command)),
                Effect::Media(plan) => self.planned(*plan),
                Effect::RestartWorker => self.worker_dies(),
                Effect::Abandon => panic!("the room abandons the conference"),
                _ => {}
            }
        }
    }

    /// The worker does what the plan says.
    fn planned(&mut self, plan: MediaPlan) {
        if self.worker_alive {
            let revision = plan.revision;
            self.at(
                NETWORK,
                Later::Worker(WorkerInput::Message(FromWorker::Applied { revision })),
            );
            let wanted = (plan.microphone.is_some(), plan.camera.is_some());
            if wanted != self.devices {
                self.devices = wanted;
                let capture = self.capture();
                self.at(
                    NETWORK,
                    Later::Worker(WorkerInput::Message(FromWorker::Capture(capture))),
                );
            }
            let session = plan.session.as_ref().map(|session| session.id);
            if session != self.session {
                self.session = session;
                if let Some(id) = session {
                    let events = [
                        (50, SessionEvent::LocalDescription(script::description())),
                        (300, SessionEvent::Connected { at_ns: 1 }),
                        (350, SessionEvent::BridgeChannel(BridgeChannelState::Open)),
                    ];
                    for (millis, event) in events {
                        let message = FromWorker::Session { session: id, event };
                        self.at(
                            Duration::from_millis(millis),
                            Later::Worker(WorkerInput::Message(message)),
                        );
                    }
                }
            }
        }
        self.plan = Some(plan);
    }

    fn capture(&self) -> CaptureState {
        let fact = |open| if open { DeviceState::Open } else { DeviceState::Closed };
        CaptureState {
            microphone: fact(self.devices.0),
            camera: fact(self.devices.1),
            at_ns: 1,
        }
    }

    fn worker_dies(&mut self) {
        self.worker_alive = false;
        self.devices = (false, false);
        self.session = None;
        self.later.retain(|(_, later)| !matches!(later, Later::Worker(_)));
        self.room(RoomInput::Worker(WorkerInput::Gone));
        self.at(Duration::from_millis(500), Later::Worker(WorkerInput::Started));
    }

    fn participant(&mut self, input: Input) {
        let noted = format!("{input:?}");
        let outputs = self.participant.handle(input, self.now);
        self.note(format!("{noted}\n    {outputs:?}"));
        for output in outputs {
            match output {
                Output::Http { id, .. } => {
                    let result = if self.now < self.away_until {
                        Err(NetworkError::Unreachable("away".into()))
                    } else {
                        Ok(HttpResponse {
                            status: 200,
                            shard: None,
                            body: CONFIG.into(),
                        })
                    };
                    self.at(NETWORK, Later::Participant(Input::Http { id, result }));
                }
                Output::OpenSocket { id, .. } => {
                    let event = if self.now < self.away_until {
                        SocketEvent::Failed(NetworkError::Broken("away".into()))
                    } else {
                        self.socket = Some(id);
                        self.authenticated = false;
                        self.silent = false;
                        SocketEvent::Opened
                    };
                    self.at(NETWORK, Later::Participant(Input::Socket { id, event }));
                }
                Output::SendText { id, text } => self.server_hears(id, &text),
                Output::CloseSocket { id } => {
                    self.socket_gone(id);
                    let event = SocketEvent::Closed { code: Some(1000) };
                    self.at(NETWORK, Later::Participant(Input::Socket { id, event }));
                }
                Output::Event(event) => self.room(RoomInput::Conference(event)),
                #[allow(unreachable_patterns)] // what has no other side here
                _ => {}
            }
        }
    }

    fn socket_gone(&mut self, id: ConnectionId) {
        self.occupants.remove(&id);
        if self.socket == Some(id) {
            self.socket = None;
        }
    }

    fn say(&mut self, text: impl Into<String>) {
        if let Some(id) = self.socket.filter(|_| !self.silent) {
            let event = SocketEvent::Text(text.into());
            self.at(NETWORK, Later::Participant(Input::Socket { id, event }));
        }
    }

    fn server_hears(&mut self, id: ConnectionId, text: &str) {
        if self.socket != Some(id) || self.silent {
            return;
        }
        let frame = jitsi::xml::parse(text).expect("well-formed");
        let iq = frame.attr("id").unwrap_or_default().to_owned();
        let to = frame.attr("to").unwrap_or_default().to_owned();
        let result =
            |inside: &str| format!("<iq xmlns='jabber:client' type='result' id='{iq}' from='{to}'>{inside}</iq>");
        match (frame.name(), frame.attr("type")) {
            ("open", _) => {
                let features = if self.authenticated {
                    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>"
                } else {
                    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms>"
                };
                self.say(format!(
                    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>{features}</stream:features>"
                ));
            }
            ("auth", _) => {
                self.authenticated = true;
                self.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
            }
            ("enable", _) => self.say("<enabled xmlns='urn:xmpp:sm:3'/>"),
            ("close", _) => self.say("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"),
            ("iq", _) if text.contains("xmpp-bind") => self.say(result(&format!(
                "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{ME}-0000-4000-8000-000000000000@meet.example/r</jid></bind>"
            ))),
            ("iq", _) if text.contains("<conference ") => self.say(result(&format!(
                "<conference xmlns='http://jitsi.org/protocol/focus' ready='true' room='{ROOM}' focusjid='focus@auth.meet.example'/>"
            ))),
            ("iq", Some("set")) if text.contains("restart='true'") => {
                self.say(result(""));
                self.invite();
            }
            ("iq", Some("set")) if text.contains("<jingle") => self.say(result("")),
            ("iq", Some("get")) if text.contains("urn:xmpp:ping") => self.say(result("")),
            ("iq", Some("get")) => self.say(format!(
                "<iq xmlns='jabber:client' type='error' id='{iq}' from='{to}'><error type='cancel'>\
                 <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            )),
            ("presence", Some("unavailable")) if to.starts_with(ROOM) => {
                self.occupants.remove(&id);
                self.say(script::unavailable(ME, "", "<status code='110'/>"));
            }
            ("presence", None) if text.contains("http://jabber.org/protocol/muc'") => self.enters(id, &to),
            _ => {}
        }
    }

    fn enters(&mut self, id: ConnectionId, occupant: &str) {
        self.joins += 1;
        self.occupants.insert(id, occupant.to_owned());
        self.most_occupants = self.most_occupants.max(self.occupants.len());
        self.focus_is_in();
        self.say(format!(
            "<presence xmlns='jabber:client' from='{ROOM}/cd34ef56'><nick xmlns='http://jabber.org/protocol/nick'>Zoé</nick>\
             <SourceInfo>{{\"cd34ef56-v0\":{{\"muted\":false}}}}</SourceInfo>\
             <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x></presence>"
        ));
        self.say(format!(
            "<presence xmlns='jabber:client' from='{occupant}'><x xmlns='http://jabber.org/protocol/muc#user'>\
             <item affiliation='none' role='participant'/><status code='110'/></x></presence>"
        ));
        self.invite();
    }

    fn focus_is_in(&mut self) {
        self.say(format!(
            "<presence xmlns='jabber:client' from='{FOCUS}'><x xmlns='http://jabber.org/protocol/muc#user'>\
             <item affiliation='owner' role='moderator' jid='focus@auth.meet.example/focus'/></x></presence>"
        ));
    }

    fn sid(&self) -> String {
        format!("sid{}", self.sessions)
    }

    fn invite(&mut self) {
        self.sessions += 1;
        let (sid, bridge) = (self.sid(), format!("b{}", self.sessions));
        self.say(session_initiate(&sid, &bridge, DATA, ""));
    }

    fn terminate(&mut self, reason: &str) {
        let sid = self.sid();
        self.say(format!(
            "<iq xmlns='jabber:client' type='set' id='terminate' from='{FOCUS}'><jingle xmlns='urn:xmpp:jingle:1' \
             action='session-terminate' sid='{sid}'><reason><{reason}/></reason></jingle></iq>"
        ));
    }

    fn cut(&mut self, away: Duration) {
        self.away_until = self.now + away;
        if let Some(id) = self.socket {
            self.socket_gone(id);
            let event = SocketEvent::Failed(NetworkError::Broken("cut".into()));
            self.at(NETWORK, Later::Participant(Input::Socket { id, event }));
        }
    }

    /// Keeps the last of what happened, for whoever reads why a day went wrong.
    fn note(&mut self, what: String) {
        if self.notes.len() == 60 {
            self.notes.pop_front();
        }
        self.notes.push_back(format!("{:?} {what}", self.now - self.start));
    }

    fn breaks(&mut self, fault: Fault) {
        self.note(format!("{fault:?}"));
        *self.seen.entry(fault).or_default() += 1;
        match fault {
            Fault::SocketCut => self.cut(Duration::ZERO),
            Fault::NetworkAwayTenSeconds => self.cut(Duration::from_secs(10)),
            Fault::NetworkAwayAMinute => self.cut(Duration::from_secs(40)),
            Fault::FocusLeaves => {
                self.occupants.clear();
                self.say(script::unavailable("focus", "", ""));
            }
            Fault::SessionMoves => {
                self.terminate("success");
                self.invite();
            }
            Fault::SessionExpires => {
                self.terminate("expired");
                // Somebody comes a moment later.
                self.invite();
            }
            Fault::MediaFail => {
                if let Some(session) = self.session {
                    let event = SessionEvent::Failed { reason: "ice".into() };
                    let message = FromWorker::Session { session, event };
                    self.room(RoomInput::Worker(WorkerInput::Message(message)));
                }
            }
            Fault::WorkerDies => self.worker_dies(),
            Fault::Muted => self.say(format!(
                "<iq xmlns='jabber:client' type='set' id='mute' from='{FOCUS}'><mute xmlns='http://jitsi.org/jitmeet/audio' \
                 actor='{ROOM}/cd34ef56'>true</mute></iq>"
            )),
            Fault::Kicked => {
                self.occupants.clear();
                self.say(script::unavailable(ME, "", "<status code='110'/><status code='307'/>"));
            }
            Fault::ServerSilent => self.silent = true,
        }
    }

    /// Lets time pass; whatever is due happens in its order.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..1_000_000 {
            let soonest = [
                self.later.front().map(|(at, _)| *at),
                self.room.next_deadline(),
                self.participant.next_deadline(),
            ];
            let Some(at) = soonest.into_iter().flatten().min().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            if self.later.front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, later) = self.later.pop_front().unwrap();
                match later {
                    Later::Participant(input) => self.participant(input),
                    Later::Worker(WorkerInput::Started) => {
                        self.worker_alive = true;
                        self.room(RoomInput::Worker(WorkerInput::Started));
                    }
                    Later::Worker(input) => self.room(RoomInput::Worker(input)),
                }
            } else if self.room.next_deadline().is_some_and(|at| at <= self.now) {
                self.room(RoomInput::Timer);
            } else {
                self.participant(Input::Tick);
            }
            self.devices_are_right();
        }
        panic!("time does not pass");
    }

    /// No device is open outside a meeting.
    fn devices_are_right(&self) {
        let state = self.room.snapshot().state;
        let Some(plan) = &self.plan else { return };
        if matches!(state, State::Idle | State::Joining | State::Leaving) {
            assert!(plan.camera.is_none() && plan.microphone.is_none(), "{state:?}");
        }
        assert!(
            self.occupants.len() <= 1,
            "the box is in the room twice: {:?}",
            self.occupants
        );
    }

    fn join(&mut self) {
        self.room(RoomInput::Command(RoomCommand::Join(Box::new(JoinCommand {
            url: URL.into(),
            name: "Salle 4".into(),
            password: None,
            token: None,
            muted: Muted {
                audio: false,
                video: false,
            },
            origin: Origin::InRoom,
        }))));
    }

    fn live(&mut self, minutes: u32) {
        self.at(Duration::ZERO, Later::Worker(WorkerInput::Started));
        self.pass(Duration::from_secs(1));
        for minute in 0..minutes {
            if self.room.snapshot().state == State::Idle {
                self.join();
            }
            // A try that has just failed is not repeated at once: at most 22 s later.
            for _ in 0..30 {
                self.pass(Duration::from_secs(1));
                if self.room.snapshot().state == State::InMeeting && self.session.is_some() {
                    break;
                }
            }
            self.pass(Duration::from_secs(1));
            let state = self.room.snapshot();
            assert_eq!(
                state.state,
                State::InMeeting,
                "minute {minute}: {state:?}, {:?}",
                self.seen
            );
            // The room switches on what somebody elsewhere switched off, or what a return has left dark.
            for (on, command) in [
                (
                    state.microphone.open,
                    RoomCommand::SetMicrophone {
                        on: true,
                        origin: Origin::InRoom,
                    },
                ),
                (
                    state.camera.open,
                    RoomCommand::SetCamera {
                        on: true,
                        origin: Origin::InRoom,
                    },
                ),
            ] {
                if !on {
                    self.room(RoomInput::Command(command));
                }
            }
            self.pass(Duration::from_secs(2));
            assert_eq!(self.devices, (true, true), "minute {minute}, {:?}", self.seen);
            assert!(self.session.is_some(), "minute {minute}: no session, {:?}", self.seen);
            let fault = FAULTS[self.chance.random_range(0..FAULTS.len())];
            self.breaks(fault);
            let begun = self.now;
            self.pass(Duration::from_millis(500));
            while self.now - begun < Duration::from_secs(55) {
                let back = self.room.snapshot().state == State::InMeeting && self.session.is_some() && !self.silent;
                if back {
                    break;
                }
                self.pass(Duration::from_millis(100));
            }
            let took = self.now - begun;
            let worst = self.worst.entry(fault).or_default();
            *worst = took.max(*worst);
            self.pass(Duration::from_secs(55).saturating_sub(took));
        }
        self.room(RoomInput::Command(RoomCommand::Leave));
        self.pass(Duration::from_secs(10));
        assert_eq!(self.room.snapshot().state, State::Idle);
        assert!(self.participant.is_idle() && self.occupants.is_empty());
    }
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or_default()
        * 1024
}

fn seed() -> u64 {
    let given = std::env::var("DAY_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or(1)
}

#[test]
fn a_working_hour_with_a_fault_every_minute_ends_each_minute_in_the_meeting() {
    Day::new(seed()).live(60);
}

/// The goal of step 2.
#[test]
#[ignore = "a day: cargo lab soak"]
fn soak_a_day_with_a_fault_every_minute_leaves_nothing_behind() {
    let mut day = Day::new(seed());
    day.live(60);
    let before = resident();
    day.live(24 * 60);
    let after = resident();
    println!("longest way back: {:?}", day.worst);
    println!(
        "faults {:?}; {} joins; {} sessions; memory {before} then {after} bytes",
        day.seen, day.joins, day.sessions
    );
    assert_eq!(day.seen.len(), FAULTS.len(), "every fault came: {:?}", day.seen);
    assert!(after < before + 4_000_000, "memory grows: {before} to {after}");
}
