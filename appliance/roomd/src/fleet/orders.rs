//! Commands of the fleet, carried out by the real room.

use std::time::Duration;

use fleet::contract::{Code, Id, Order, Settings};
use fleet::session::Reply;
use room::{
    JoinCommand, Origin, RemoteAct, RemoteCommand, RoomCommand, RoomState, State,
    conference::{Device, Muted},
};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use url::Url;

use super::secrets::Hidden;
use super::{log, upload};
use crate::appliance::Request;
use crate::{check, journal::Journal};

/// For a device to close or a meeting to be left; ten times what is asked of the room.
const SOON: Duration = Duration::from_secs(20);

/// What has to happen once the answer is with the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The machine restarts.
    Reboot,
    /// The software restarts.
    Restart,
    /// The box forgets its settings and restarts.
    Reset,
}

/// Word of an order that is being carried out.
#[derive(Debug)]
pub enum Progress {
    /// It goes on.
    Running(Reply),
    /// It has ended.
    Ended(Reply, Option<After>),
}

/// The room and what belongs to it, as orders need it.
#[derive(Debug, Clone)]
pub struct Hands {
    /// Into the appliance.
    pub requests: mpsc::Sender<Request>,
    /// The state of the room; the last one counts.
    pub states: watch::Receiver<Option<RoomState>>,
    /// The log.
    pub journal: Journal,
    /// Program of the media worker.
    pub media_worker: std::path::PathBuf,
    /// For files that leave the box.
    pub http: reqwest::Client,
    /// The box's own settings.
    pub settings: Settings,
    /// Lets the box into the rooms of the service.
    pub token: Option<Hidden>,
    /// Under which the box appears in meetings.
    pub name: String,
}

/// The appliance is gone.
struct Gone;

impl Hands {
    /// Carries out an order and says how it went.
    pub async fn carry_out(mut self, id: Id, order: Order, said: mpsc::Sender<(Id, Progress)>) {
        let (reply, after) = match order {
            Order::Reboot { force } => self.restart(force, After::Reboot).await,
            Order::RestartApplication => self.restart(true, After::Restart).await,
            Order::FactoryReset => self.restart(true, After::Reset).await,
            order => (self.answer(id, order, &said).await, None),
        };
        // Who asked may be gone.
        let _ = said.send((id, Progress::Ended(reply, after))).await;
    }

    async fn answer(&mut self, id: Id, order: Order, said: &mpsc::Sender<(Id, Progress)>) -> Reply {
        let answered = match order {
            Order::Join { room } => match self.settings.jitsi.url.clone() {
                Some(mut url) => {
                    if let Ok(mut path) = url.path_segments_mut() {
                        path.pop_if_empty().push(&room);
                    }
                    self.join(url, id, said).await
                }
                None => Ok(Reply::rejected(
                    Code::Precondition,
                    "no service is configured: set /jitsi/url",
                )),
            },
            Order::Dial { url } if !self.settings.may_call(&url) => {
                let words = "neither the configured service nor one of /jitsi/hosts";
                Ok(Reply::rejected(Code::NotAuthorised, words).at("/params/url"))
            }
            Order::Dial { url } => self.join(url, id, said).await,
            Order::Leave => self.leave().await,
            Order::MicrophoneOff => self.switch_off(Device::Microphone).await,
            Order::CameraOff => self.switch_off(Device::Camera).await,
            Order::Volume { percent } => {
                let volume = RemoteCommand::SetVolume(f64::from(percent) / 100.0);
                self.tell(RoomCommand::Remote(volume)).await.map(|_| done([]))
            }
            Order::Locate { time } => {
                let locate = RoomCommand::Remote(RemoteCommand::Locate(time));
                self.tell(locate).await.map(|_| done([]))
            }
            Order::Diagnose => Ok(self.diagnose().await),
            Order::CollectLogs { url } => {
                let text = self.journal.text();
                Ok(upload::put(&self.http, url, "text/plain; charset=utf-8", text).await)
            }
            Order::CaptureScreen { url } => self.capture_screen(url).await,
            Order::TailLogs(tail) => Ok(log::recent(&self.journal, &tail)),
            // Others do these.
            Order::PublishState | Order::Reboot { .. } | Order::RestartApplication | Order::FactoryReset => {
                Ok(done([]))
            }
        };
        answered.unwrap_or_else(|Gone| Reply::failed(Code::Interrupted, "the box is shutting down"))
    }

    /// Tells the room and gives its state once it has heard.
    async fn tell(&mut self, command: RoomCommand) -> Result<RoomState, Gone> {
        self.requests.send(Request::Command(command)).await.map_err(|_| Gone)?;
        self.now().await
    }

    async fn now(&mut self) -> Result<RoomState, Gone> {
        let (reply, state) = oneshot::channel();
        self.requests.send(Request::State(reply)).await.map_err(|_| Gone)?;
        state.await.map_err(|_| Gone)
    }

    /// The first state from `state` on that is wanted; none: not in time.
    async fn until(
        &mut self,
        state: RoomState,
        time: Duration,
        wanted: impl Fn(&RoomState) -> bool,
    ) -> Result<Option<RoomState>, Gone> {
        if wanted(&state) {
            return Ok(Some(state));
        }
        let good = |state: &Option<RoomState>| state.as_ref().is_some_and(&wanted);
        match timeout(time, self.states.wait_for(good)).await {
            Ok(Ok(state)) => Ok(state.clone()),
            Ok(Err(_)) => Err(Gone),
            Err(_) => Ok(None),
        }
    }

    async fn join(&mut self, url: Url, id: Id, said: &mpsc::Sender<(Id, Progress)>) -> Result<Reply, Gone> {
        if self.now().await?.state != State::Idle {
            return Ok(Reply::rejected(Code::BusyInCall, "a meeting goes on; leave it first"));
        }
        let join = JoinCommand {
            token: self.token_for(&url),
            url: url.into(),
            name: self.name.clone(),
            password: None,
            muted: Muted::BOTH,
            origin: Origin::Remote,
        };
        // States of an earlier meeting do not count.
        self.states.mark_unchanged();
        let mut state = self.tell(RoomCommand::Join(Box::new(join))).await?;
        loop {
            match state.state {
                State::InMeeting => return Ok(done([("participants", state.participants.into())])),
                State::Idle => return Ok(not_joined(&state)),
                State::Waiting => {
                    let words = "the room is not open to the box yet";
                    let _ = said.send((id, Progress::Running(Reply::running(None, words)))).await;
                }
                State::Joining | State::Reconnecting | State::Leaving => {}
            }
            let before = state.state;
            let moved = |state: &Option<RoomState>| state.as_ref().is_some_and(|state| state.state != before);
            state = match self.states.wait_for(moved).await {
                Ok(state) => state.clone().ok_or(Gone)?,
                Err(_) => return Err(Gone),
            };
        }
    }

    /// The token of the fleet is for its own service, and for an address that brings none.
    fn token_for(&self, url: &Url) -> Option<String> {
        let service = self.settings.jitsi.url.as_ref();
        let ours = service.is_some_and(|service| service.origin() == url.origin());
        let brings_one = url.query_pairs().any(|(name, _)| name == "jwt");
        let token = self.token.as_ref().filter(|_| ours && !brings_one);
        token.map(|token| token.0.clone())
    }

    async fn leave(&mut self) -> Result<Reply, Gone> {
        let state = self.tell(RoomCommand::Leave).await?;
        let left = self.until(state, SOON, |state| state.state == State::Idle).await?;
        Ok(left.map_or_else(
            || Reply::failed(Code::Timeout, "the meeting is not left yet"),
            |_| done([]),
        ))
    }

    async fn switch_off(&mut self, device: Device) -> Result<Reply, Gone> {
        let (on, origin) = (false, Origin::Remote);
        let state = self
            .tell(match device {
                Device::Microphone => RoomCommand::SetMicrophone { on, origin },
                Device::Camera => RoomCommand::SetCamera { on, origin },
            })
            .await?;
        let closed = |state: &RoomState| match device {
            Device::Microphone => !state.microphone.open,
            Device::Camera => !state.camera.open,
        };
        let seen = self.until(state, SOON, closed).await?;
        Ok(seen.map_or_else(
            || Reply::failed(Code::Timeout, "the device is still open"),
            |_| done([("open", false.into())]),
        ))
    }

    /// Leaves, tells the room, and asks for what comes then.
    async fn restart(&mut self, in_meeting_too: bool, after: After) -> (Reply, Option<After>) {
        let Ok(state) = self.now().await else {
            return (Reply::failed(Code::Interrupted, "the box is shutting down"), None);
        };
        if state.state != State::Idle && !in_meeting_too {
            let words = "a meeting goes on; wait, or say force";
            return (Reply::rejected(Code::BusyInCall, words), None);
        }
        let act = match after {
            After::Reboot | After::Restart => RemoteAct::Restart,
            After::Reset => RemoteAct::FactoryReset,
        };
        let said = self.tell(RoomCommand::Remote(RemoteCommand::Announce(act))).await;
        let left = match said {
            Ok(_) => self.leave().await,
            Err(Gone) => Err(Gone),
        };
        match left {
            Ok(_) => (done([]), Some(after)),
            Err(Gone) => (Reply::failed(Code::Interrupted, "the box is shutting down"), None),
        }
    }

    async fn diagnose(&mut self) -> Reply {
        match check::examine(&self.media_worker).await {
            Ok(Value::Object(report)) => Reply::done(report),
            Ok(_) => Reply::failed(Code::Internal, "no report"),
            Err(error) => Reply::failed(Code::Internal, error.to_string()),
        }
    }

    async fn capture_screen(&mut self, url: Url) -> Result<Reply, Gone> {
        let (reply, copy) = oneshot::channel();
        self.requests.send(Request::CopyWall(reply)).await.map_err(|_| Gone)?;
        let Ok(Ok(jpeg)) = timeout(SOON, copy).await else {
            return Ok(Reply::failed(Code::Precondition, "the screen shows nothing"));
        };
        self.tell(RoomCommand::Remote(RemoteCommand::Announce(RemoteAct::ScreenCapture)))
            .await?;
        Ok(upload::put(&self.http, url, "image/jpeg", jpeg).await)
    }
}

/// Why a join came to nothing, as people in the room read it.
fn not_joined(state: &RoomState) -> Reply {
    let Some(outcome) = state.outcome else {
        return Reply::failed(Code::Internal, "the room did not begin to join");
    };
    let words = room::words::outcome(room::Language::English, outcome);
    let reply = Reply::failed(Code::Precondition, words.line());
    Reply {
        result: Map::from_iter([("outcome".to_owned(), json!(outcome.code()))]),
        ..reply
    }
}

fn done<const N: usize>(result: [(&str, Value); N]) -> Reply {
    Reply::done(
        result
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
