//! The update of the machine, between the fleet and the room.

use std::time::Duration;

use fleet::agent::SystemClock;
use fleet::contract::Update;
use fleet::trust::KeyUse;
use fleet::update::{Check, CheckName, Room};
use media_protocol::SelfTestReport;
use room::{RoomState, SelfTestEnd, State};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use url::Url;

use crate::appliance::Request;
use crate::configuration::FleetConfiguration;
use crate::update::{self, Release, Surroundings, Told, Wish};

/// The conference service answers within this.
const ANSWERS: Duration = Duration::from_secs(20);
/// A self-test of the room ends within this.
const TESTED: Duration = Duration::from_secs(30);
/// A test that saw nothing is repeated after this.
const AGAIN: Duration = Duration::from_secs(1);

/// The update as the member of a fleet sees it.
pub struct Updates {
    told: mpsc::UnboundedSender<Told>,
    wishes: mpsc::Receiver<Wish>,
    room: watch::Sender<Room>,
    http: watch::Sender<reqwest::Client>,
    /// The update itself, and what it asked for; they end with this.
    tasks: JoinSet<()>,
}

impl Updates {
    /// Begins. `known`: as whom the broker knows the box.
    pub fn start(
        configuration: &FleetConfiguration,
        release: Release,
        clock: SystemClock,
        http: reqwest::Client,
        mut known: watch::Receiver<Option<KeyUse>>,
    ) -> Self {
        let (told, hears) = mpsc::unbounded_channel();
        let (asks, wishes) = mpsc::channel(16);
        let (room, http) = (watch::Sender::new(Room::InUse), watch::Sender::new(http));
        let around = Surroundings {
            folder: configuration.directory.clone(),
            release,
            http: http.subscribe(),
            room: room.subscribe(),
            clock,
            dbus: configuration.dbus.clone(),
            pace: configuration.pace(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(update::run(around, hears, asks));
        let broker = told.clone();
        tasks.spawn(async move {
            while known.wait_for(Option::is_some).await.is_ok() {
                if broker.send(Told::Broker).is_err() || known.changed().await.is_err() {
                    return;
                }
            }
        });
        Self {
            told,
            wishes,
            room,
            http,
            tasks,
        }
    }

    /// What it wants next. Cancel safe.
    pub async fn next(&mut self) -> Wish {
        match self.wishes.recv().await {
            Some(wish) => wish,
            None => std::future::pending().await,
        }
    }

    /// Nothing of it runs any more when this returns.
    pub async fn end(&mut self) {
        self.tasks.shutdown().await;
    }

    /// The fleet: the release to reach.
    pub fn desired(&self, update: Box<Update>) {
        if self.told.send(Told::Desired(update)).is_err() {
            tracing::error!("the update has died");
        }
    }

    /// The room is in another state.
    pub fn room(&self, state: &RoomState) {
        let room = if is_free(state) { Room::Idle } else { Room::InUse };
        self.room
            .send_if_modified(|before| std::mem::replace(before, room) != room);
    }

    /// Files are reached another way.
    pub fn http(&self, client: &reqwest::Client) {
        self.http.send_replace(client.clone());
    }

    /// Looks whether the box works, all of it or only what opens no device, and tells the update.
    pub fn test(&mut self, announce: bool, requests: mpsc::Sender<Request>, service: Option<Url>) {
        let (told, client) = (self.told.clone(), self.http.borrow().clone());
        self.tasks.spawn(async move {
            let mut checks = vec![jitsi(&client, service).await];
            if announce {
                checks.extend(room(&requests).await);
            }
            for check in &checks {
                tracing::info!(
                    check = check.name.as_str(),
                    passed = check.passed,
                    detail = check.detail,
                    "self-test"
                );
            }
            // The box may be gone.
            let _ = told.send(Told::SelfTest(checks));
        });
    }
}

/// Nobody is in a meeting, and nobody is told something that must not be missed.
fn is_free(state: &RoomState) -> bool {
    let urgent = state.located || state.bulletins.iter().any(|bulletin| bulletin.emergency);
    state.state == State::Idle && !urgent
}

async fn jitsi(client: &reqwest::Client, service: Option<Url>) -> Check {
    let check = |passed, detail: &str| Check {
        name: CheckName::Jitsi,
        passed,
        detail: detail.into(),
    };
    let Some(service) = service else {
        return check(false, "no service is configured");
    };
    match timeout(ANSWERS, client.get(service).send()).await {
        Ok(Ok(answer)) if !answer.status().is_server_error() => check(true, answer.status().as_str()),
        Ok(Ok(answer)) => check(false, answer.status().as_str()),
        Ok(Err(error)) => check(false, &error.without_url().to_string()),
        Err(_) => check(false, "no answer in time"),
    }
}

/// The media worker may still be on its way up, or the room in use for a moment. Whoever stops it is not asked twice.
async fn room(requests: &mpsc::Sender<Request>) -> [Check; 3] {
    let report = async {
        loop {
            let (reply, report) = oneshot::channel();
            requests.send(Request::SelfTest(reply)).await.ok()?;
            match report.await {
                Ok(SelfTestEnd::Seen(report)) => return Some(report),
                Ok(SelfTestEnd::Stopped) => return None,
                Ok(SelfTestEnd::Hindered) | Err(_) => sleep(AGAIN).await,
            }
        }
    };
    judged(timeout(TESTED, report).await.ok().flatten().as_ref())
}

/// What a report says of each part. A device that is not there has not passed: a release may have lost its driver.
fn judged(report: Option<&SelfTestReport>) -> [Check; 3] {
    let check = |name, (passed, detail)| Check { name, passed, detail };
    let Some(report) = report else {
        let nothing = || (false, "nothing was seen".to_owned());
        return [CheckName::Camera, CheckName::Microphone, CheckName::Encoder].map(|name| check(name, nothing()));
    };
    let none = || (false, "there is none".to_owned());
    let frames = |frames: u64| (frames >= SelfTestReport::ENOUGH_FRAMES, format!("{frames} pictures"));
    let level = |level: f64| (level > SelfTestReport::NOT_SILENT, format!("{level:.0} dBov"));
    let key_frame = match report.key_frame {
        Some(height) => (true, format!("a key frame of {height} lines")),
        None => (false, "no key frame".to_owned()),
    };
    [
        check(CheckName::Camera, report.frames.map_or_else(none, frames)),
        check(CheckName::Microphone, report.level.map_or_else(none, level)),
        check(CheckName::Encoder, key_frame),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(report: Option<&SelfTestReport>) -> [bool; 3] {
        judged(report).map(|check| check.passed)
    }

    #[test]
    fn each_part_is_judged_by_what_was_seen_of_it() {
        let good = SelfTestReport {
            frames: Some(15),
            key_frame: Some(720),
            level: Some(-70.0),
        };
        assert_eq!(passed(Some(&good)), [true; 3]);
        let frozen = SelfTestReport {
            frames: Some(14),
            ..good.clone()
        };
        assert_eq!(passed(Some(&frozen)), [false, true, true]);
        let deaf = SelfTestReport {
            level: Some(-127.0),
            ..good.clone()
        };
        assert_eq!(passed(Some(&deaf)), [true, false, true]);
        let blind = SelfTestReport {
            frames: None,
            key_frame: None,
            ..good
        };
        assert_eq!(passed(Some(&blind)), [false, true, false]);
        assert_eq!(passed(None), [false; 3]);
    }
}
