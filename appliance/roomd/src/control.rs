//! The control socket of `roomd run`: one JSON document a line in, one line out. Who may open the socket is the file
//! system's matter; what comes through it counts as said in the room.

use std::{os::unix::fs::FileTypeExt, path::Path, sync::Arc, time::Duration};

use room::{
    JoinCommand, Language, Origin, People, RoomCommand, RoomState, StickRefusal,
    conference::{Muted, ParticipantId},
    words,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc, oneshot, watch},
};

use crate::{appliance::Request, check::DeviceChange};

/// Longest line that is read.
const MAX_LINE: u64 = 16 * 1024;

/// Longest answer that is read.
const MAX_ANSWER: u64 = 256 * 1024;
/// An answer that takes longer is none.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Programs connected at a time; more wait.
const MAX_CONNECTIONS: usize = 16;
/// After an accept that failed, for example for want of descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// One line in.
#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "camelCase", deny_unknown_fields)]
enum Line {
    Join {
        url: String,
        name: Option<String>,
        password: Option<String>,
        token: Option<String>,
        #[serde(default)]
        muted: bool,
    },
    Leave {},
    Password {
        password: String,
    },
    Microphone {
        on: bool,
    },
    Camera {
        on: bool,
    },
    Volume {
        volume: f64,
    },
    /// Other devices, for example `{"command":"devices","camera":"none"}`; those not named stay.
    Devices(DeviceChange),
    Hand {
        raised: bool,
    },
    Name {
        name: String,
    },
    Say {
        text: String,
        to: Option<String>,
    },
    /// As a moderator; without a password the meeting has none any more.
    RoomPassword {
        password: Option<String>,
    },
    /// As a moderator.
    Admit {
        who: String,
    },
    /// As a moderator.
    Refuse {
        who: String,
    },
    /// Somebody in the room touches the box: it stays in the meeting, and asks at once for what it waits for.
    Touch {},
    /// The stick that was plugged in makes no box of this one (`roomd deliver`).
    StickRefused {
        reason: StickRefusal,
    },
    Stay {},
    People {},
    State {},
}

/// One line out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Accepted,
    State(Box<RoomState>),
    People(Box<People>),
    Refused { reason: String },
}

/// What is behind the socket.
#[derive(Clone)]
pub struct Behind {
    /// Under which the box appears in meetings.
    pub name: watch::Receiver<String>,
    /// Of what people read.
    pub language: Language,
    /// Told when somebody in the room touches the box.
    pub touched: watch::Sender<()>,
    /// Into the appliance.
    pub requests: mpsc::Sender<Request>,
}

/// Serves the socket until the requests' receiver is gone.
///
/// # Errors
/// When the socket cannot be made.
pub fn serve(path: &Path, behind: Behind) -> std::io::Result<()> {
    // A socket that an earlier run left behind; anything else is not ours to remove.
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    tokio::spawn(async move {
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let behind = behind.clone();
                    tokio::spawn(async move {
                        converse(stream, &behind).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "control socket");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    });
    Ok(())
}

/// One line to the socket of a daemon; its answer.
///
/// # Errors
/// Nobody answers there, or not within [`ANSWER_WITHIN`].
pub async fn say(path: &Path, line: &str) -> std::io::Result<String> {
    let conversation = async {
        let mut stream = UnixStream::connect(path).await?;
        stream.write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(stream).take(MAX_ANSWER).read_line(&mut answer).await?;
        Ok(answer)
    };
    tokio::time::timeout(ANSWER_WITHIN, conversation).await?
}

async fn converse(stream: UnixStream, behind: &Behind) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    loop {
        line.clear();
        match (&mut reader).take(MAX_LINE).read_line(&mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let answer = answer(&line, behind).await;
        let Ok(mut bytes) = serde_json::to_vec(&answer) else {
            return;
        };
        bytes.push(b'\n');
        if writer.write_all(&bytes).await.is_err() || !line.ends_with('\n') {
            return;
        }
    }
}

async fn answer(line: &str, behind: &Behind) -> Answer {
    let requests = &behind.requests;
    let origin = Origin::InRoom;
    let command = match serde_json::from_str(line) {
        Err(error) => {
            return Answer::Refused {
                reason: error.to_string(),
            };
        }
        Ok(Line::Devices(wanted)) => return devices(wanted, requests).await,
        Ok(Line::StickRefused { reason }) => {
            let text = words::stick_refused(behind.language, reason);
            return sent(requests, Request::bulletin(text)).await;
        }
        Ok(Line::State {}) => {
            return ask(requests, Request::State, |state| Answer::State(Box::new(state))).await;
        }
        Ok(Line::People {}) => {
            return ask(requests, Request::People, |people| Answer::People(Box::new(people))).await;
        }
        Ok(Line::Join {
            url,
            name: wanted,
            password,
            token,
            muted,
        }) => RoomCommand::Join(Box::new(JoinCommand {
            url,
            name: wanted.unwrap_or_else(|| behind.name.borrow().clone()),
            password,
            token,
            muted: Muted {
                audio: muted,
                video: muted,
            },
            origin,
        })),
        Ok(Line::Leave {}) => RoomCommand::Leave,
        Ok(Line::Password { password }) => RoomCommand::Password(password),
        Ok(Line::Microphone { on }) => RoomCommand::SetMicrophone { on, origin },
        Ok(Line::Camera { on }) => RoomCommand::SetCamera { on, origin },
        Ok(Line::Volume { volume }) => RoomCommand::SetVolume(volume),
        Ok(Line::Hand { raised }) => RoomCommand::RaiseHand(raised),
        Ok(Line::Name { name }) => RoomCommand::SetName(name),
        Ok(Line::Say { text, to }) => RoomCommand::Say {
            text,
            to: to.map(ParticipantId),
        },
        Ok(Line::RoomPassword { password }) => RoomCommand::SetPassword(password),
        Ok(Line::Admit { who }) => admit(who, true),
        Ok(Line::Refuse { who }) => admit(who, false),
        Ok(Line::Touch {} | Line::Stay {}) => RoomCommand::Stay,
    };
    behind.touched.send_replace(());
    sent(requests, Request::Command(command)).await
}

async fn sent(requests: &mpsc::Sender<Request>, request: Request) -> Answer {
    match requests.send(request).await {
        Ok(()) => Answer::Accepted,
        Err(_) => Answer::Refused {
            reason: "the box is shutting down".into(),
        },
    }
}

async fn devices(wanted: DeviceChange, requests: &mpsc::Sender<Request>) -> Answer {
    let (reply, done) = oneshot::channel();
    let sent = requests.send(Request::Devices(wanted, reply)).await;
    match done.await {
        Ok(Ok(())) => Answer::Accepted,
        Ok(Err(reason)) => Answer::Refused { reason },
        Err(_) if sent.is_err() => Answer::Refused {
            reason: "the box is shutting down".into(),
        },
        Err(_) => Answer::Refused {
            reason: "the box is starting".into(),
        },
    }
}

fn admit(who: String, admitted: bool) -> RoomCommand {
    RoomCommand::Admit {
        who: ParticipantId(who),
        admitted,
    }
}

/// Asks the box for something it knows.
async fn ask<T>(
    requests: &mpsc::Sender<Request>,
    request: impl FnOnce(oneshot::Sender<T>) -> Request,
    answer: impl FnOnce(T) -> Answer,
) -> Answer {
    let refused = |reason: &str| Answer::Refused { reason: reason.into() };
    let (reply, known) = oneshot::channel();
    if requests.send(request(reply)).await.is_err() {
        return refused("the box is shutting down");
    }
    known.await.map_or_else(|_| refused("the box is starting"), answer)
}

#[cfg(test)]
mod tests {
    use room::RemoteCommand;

    use super::*;

    async fn told(line: &str) -> (serde_json::Value, Option<Request>) {
        let (answer, request, _) = touched(line).await;
        (answer, request)
    }

    /// With whether that was a touch.
    async fn touched(line: &str) -> (serde_json::Value, Option<Request>, bool) {
        let (requests, mut receiver) = mpsc::channel(1);
        let touched = watch::Sender::new(());
        let seen = touched.subscribe();
        let behind = Behind {
            name: watch::Sender::new("Salle 4".into()).subscribe(),
            language: Language::English,
            touched,
            requests,
        };
        let answer = answer(line, &behind).await;
        let touch = seen.has_changed().unwrap();
        (serde_json::to_value(answer).unwrap(), receiver.try_recv().ok(), touch)
    }

    #[tokio::test]
    async fn a_join_line_becomes_a_join_command_with_the_boxs_name() {
        let (answer, request) = told(r#"{"command":"join","url":"https://meet.example.org/Salle123456"}"#).await;
        assert_eq!(answer, "accepted");
        let Some(Request::Command(RoomCommand::Join(join))) = request else {
            panic!("{request:?}")
        };
        assert_eq!((join.name.as_str(), join.origin), ("Salle 4", Origin::InRoom));
    }

    #[tokio::test]
    async fn what_people_do_in_a_meeting_has_a_line_each() {
        for (line, command) in [
            (r#"{"command":"hand","raised":true}"#, RoomCommand::RaiseHand(true)),
            (
                r#"{"command":"name","name":"Salle 5"}"#,
                RoomCommand::SetName("Salle 5".into()),
            ),
            (
                r#"{"command":"say","text":"oui","to":"cd34"}"#,
                RoomCommand::Say {
                    to: Some(ParticipantId("cd34".into())),
                    text: "oui".into(),
                },
            ),
            (r#"{"command":"roomPassword"}"#, RoomCommand::SetPassword(None)),
            (r#"{"command":"refuse","who":"k"}"#, admit("k".into(), false)),
            (r#"{"command":"stay"}"#, RoomCommand::Stay),
            (r#"{"command":"touch"}"#, RoomCommand::Stay),
        ] {
            let (answer, request) = told(line).await;
            assert_eq!(answer, "accepted", "{line}");
            assert!(
                matches!(request, Some(Request::Command(told)) if told == command),
                "{line}"
            );
        }
    }

    #[tokio::test]
    async fn a_stick_that_makes_no_box_is_said_on_the_wall_and_is_no_touch() {
        let (answer, request, touch) = touched(r#"{"command":"stickRefused","reason":"used"}"#).await;
        assert_eq!((answer, touch), ("accepted".into(), false));
        let Some(Request::Command(RoomCommand::Remote(RemoteCommand::ShowBulletins(shown)))) = request else {
            panic!("{request:?}")
        };
        assert_eq!(
            shown[0].text,
            words::stick_refused(Language::English, StickRefusal::Used)
        );
    }

    #[tokio::test]
    async fn whatever_people_do_is_a_touch_and_a_question_is_none() {
        assert!(touched(r#"{"command":"touch"}"#).await.2);
        assert!(touched(r#"{"command":"leave"}"#).await.2);
        assert!(!touched(r#"{"command":"microphone"}"#).await.2, "no command");
    }

    #[tokio::test]
    async fn nonsense_is_refused_with_a_reason_and_reaches_nobody() {
        for line in [
            "",
            "{}",
            "[",
            r#"{"command":"fly"}"#,
            r#"{"command":"leave","now":true}"#,
        ] {
            let (answer, request) = told(line).await;
            assert!(
                answer["refused"]["reason"]
                    .as_str()
                    .is_some_and(|reason| !reason.is_empty()),
                "{line}: {answer}"
            );
            assert!(request.is_none(), "{line}");
        }
    }
}
