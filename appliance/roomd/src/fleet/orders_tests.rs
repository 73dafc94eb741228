//! Commands against a room that the test plays.

use super::*;

use std::collections::VecDeque;

use fleet::contract::CommandName;
use room::conference::Recording;
use room::{DeviceStatus, Outcome};
use tokio::task::JoinHandle;

fn device(open: bool) -> DeviceStatus {
    DeviceStatus {
        present: true,
        open,
        wanted: open,
        off_because: None,
        locked: false,
        fault: None,
    }
}

fn state(state: State) -> RoomState {
    RoomState {
        state,
        step: None,
        waiting_for: None,
        outcome: None,
        camera: device(state == State::InMeeting),
        microphone: device(state == State::InMeeting),
        playback: None,
        participants: 3,
        pictures: 0,
        media_connected: false,
        worker_running: true,
        volume: 1.0,
        hand_raised: false,
        hands: 0,
        moderator: false,
        knocking: 0,
        protected: None,
        recording: Recording::default(),
        side_room: false,
        bulletins: Vec::new(),
        located: false,
        notice: None,
    }
}

/// A room that goes through these states, one for each command, the last of them for ever.
struct Played {
    hands: Hands,
    room: JoinHandle<Vec<RoomCommand>>,
}

fn play(states: &[RoomState]) -> Played {
    let (requests, mut asked) = mpsc::channel(8);
    let mut script: VecDeque<RoomState> = states.iter().cloned().collect();
    let mut now = script.pop_front().unwrap();
    let shown = watch::Sender::new(Some(now.clone()));
    let hands = Hands {
        requests,
        states: shown.subscribe(),
        journal: Journal::default(),
        media_worker: "/nonexistent".into(),
        http: reqwest::Client::new(),
        settings: serde_json::from_str(r#"{"jitsi":{"url":"https://meet.example/etat/"}}"#).unwrap(),
        token: Some(Hidden("sealed".into())),
        name: "Lyon 4.12".into(),
    };
    let room = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(request) = asked.recv().await {
            match request {
                Request::State(reply) => {
                    let _ = reply.send(now.clone());
                }
                Request::Command(command) => {
                    heard.push(command);
                    if let Some(next) = script.pop_front() {
                        now = next;
                        shown.send_replace(Some(now.clone()));
                    }
                    // A room that has heard a join goes on by itself.
                    if now.state == State::Joining {
                        tokio::task::yield_now().await;
                        now = script.pop_front().unwrap();
                        shown.send_replace(Some(now.clone()));
                    }
                }
                _ => {}
            }
        }
        heard
    });
    Played { hands, room }
}

impl Played {
    async fn order(self, name: CommandName, params: &str) -> (Reply, Option<After>, Vec<RoomCommand>) {
        let order = Order::parse(name, &serde_json::from_str(params).unwrap()).unwrap();
        let (said, mut words) = mpsc::channel(8);
        let id = Id(ulid::Ulid::nil());
        self.hands.carry_out(id, order, said).await;
        while let Some((_, progress)) = words.recv().await {
            if let Progress::Ended(reply, after) = progress {
                return (reply, after, self.room.await.unwrap());
            }
        }
        panic!("an order without an end")
    }
}

#[tokio::test]
async fn a_room_of_the_service_is_joined_dark_and_answered_when_it_is_open() {
    let played = play(&[state(State::Idle), state(State::Joining), state(State::InMeeting)]);
    let (reply, after, heard) = played
        .order(
            CommandName::CallJoin,
            r#"{"room":"Salle 4/5"}"#.replace('/', "-").as_str(),
        )
        .await;
    assert_eq!((reply.code, after), (Code::Ok, None), "{reply:?}");
    assert_eq!(reply.result.get("participants"), Some(&json!(3)));
    let [RoomCommand::Join(join)] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!(join.url, "https://meet.example/etat/Salle%204-5");
    assert_eq!(
        (join.name.as_str(), join.origin, join.muted),
        ("Lyon 4.12", Origin::Remote, Muted::BOTH)
    );
}

#[tokio::test]
async fn a_join_that_fails_says_what_people_in_the_room_read() {
    let ended = RoomState {
        outcome: Some(Outcome::NotOpened),
        ..state(State::Idle)
    };
    let played = play(&[state(State::Idle), state(State::Joining), ended]);
    let (reply, _, _) = played.order(CommandName::CallJoin, r#"{"room":"x"}"#).await;
    assert_eq!(reply.code, Code::Precondition);
    assert_eq!(reply.result.get("outcome"), Some(&json!(Outcome::NotOpened.code())));
    assert!(!reply.msg.is_empty());
}

#[tokio::test]
async fn nobody_is_taken_out_of_a_meeting_into_another() {
    let (reply, _, heard) = play(&[state(State::InMeeting)])
        .order(CommandName::CallJoin, r#"{"room":"x"}"#)
        .await;
    assert_eq!(reply.code, Code::BusyInCall);
    assert_eq!(heard, []);
}

#[tokio::test]
async fn a_host_that_nobody_named_is_not_called() {
    let params = r#"{"url":"https://evil.example/x"}"#;
    let (reply, _, heard) = play(&[state(State::Idle)])
        .order(CommandName::CallDialUrl, params)
        .await;
    assert_eq!(
        (reply.code, reply.path.as_deref()),
        (Code::NotAuthorised, Some("/params/url"))
    );
    assert_eq!(heard, []);
}

#[tokio::test]
async fn the_token_of_the_fleet_goes_to_its_own_service_and_nowhere_else() {
    let played = play(&[state(State::Idle)]);
    for (url, token) in [
        ("https://meet.example/etat/x", Some("sealed")),
        ("https://meet.example/etat/x?jwt=own", None),
        ("https://meet.example:8443/x", None),
        ("https://other.example/etat/x", None),
    ] {
        assert_eq!(played.hands.token_for(&url.parse().unwrap()).as_deref(), token, "{url}");
    }
}

#[tokio::test]
async fn a_mute_is_answered_when_the_device_is_closed() {
    let played = play(&[state(State::InMeeting), state(State::Idle)]);
    let (reply, _, heard) = played.order(CommandName::AvMute, "{}").await;
    assert_eq!((reply.code, reply.result.get("open")), (Code::Ok, Some(&json!(false))));
    let (on, origin) = (false, Origin::Remote);
    assert_eq!(heard, [RoomCommand::SetMicrophone { on, origin }]);
}

#[tokio::test]
async fn a_restart_waits_for_the_end_of_a_meeting_unless_it_is_forced() {
    let (reply, after, heard) = play(&[state(State::InMeeting)])
        .order(CommandName::SysReboot, "{}")
        .await;
    assert_eq!((reply.code, after), (Code::BusyInCall, None));
    assert_eq!(heard, []);
    let played = play(&[state(State::InMeeting), state(State::InMeeting), state(State::Idle)]);
    let (reply, after, heard) = played.order(CommandName::SysReboot, r#"{"force":true}"#).await;
    assert_eq!((reply.code, after), (Code::Ok, Some(After::Reboot)));
    let told = RoomCommand::Remote(RemoteCommand::Announce(RemoteAct::Restart));
    assert_eq!(heard, [told, RoomCommand::Leave]);
}

#[tokio::test]
async fn a_box_that_stops_meanwhile_answers_all_the_same() {
    let played = play(&[state(State::Idle)]);
    played.room.abort();
    let order = Order::Leave;
    let (said, mut words) = mpsc::channel(8);
    played.hands.carry_out(Id(ulid::Ulid::nil()), order, said).await;
    let Some((_, Progress::Ended(reply, None))) = words.recv().await else {
        panic!()
    };
    assert_eq!(reply.code, Code::Interrupted);
}
