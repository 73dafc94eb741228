//! `roomd join`: one meeting, a person at a terminal, a report.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use media_protocol::FromWorker;
use room::{
    JoinCommand, Language, Milestone, Origin, RoomCommand, RoomOptions, RoomState, Timing, Transition, WaitingFor,
    conference::Muted,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Failure,
    appliance::{Appliance, Lifetime, Observer, Request},
    arguments::Join,
    check, identity,
    liveness::Liveness,
    report::Report,
    terminal::{Terminal, read_commands},
    way_out,
    worker::WorkerNews,
};

/// Joins, stays, leaves; gives the exit code of the outcome.
///
/// # Errors
/// When the command line cannot be carried out: an unknown device, an unreadable token file, an unwritable report.
pub async fn run(join: Join, language: Language) -> Result<u8, Failure> {
    let token = join.token_file.as_deref();
    let token = token.map(|path| identity::read_secret("token", path)).transpose()?;
    let account = account(&join)?;
    let interactive = std::io::IsTerminal::is_terminal(&std::io::stdin());
    let options = RoomOptions {
        language,
        equipment: check::equipment(&join.devices)?,
        ask_password: interactive,
        timing: Timing {
            waiting: join.devices.wait,
            lobby: join.devices.lobby_wait,
            ..Timing::default()
        },
        ..RoomOptions::default()
    };
    let state_directory = identity::state_directory(join.state_directory.as_deref());
    let participant = jitsi::Options {
        machine_uid: identity::machine_uid(),
        state_directory: state_directory.clone(),
        account: account.clone(),
        network: way_out::settings(join.network.proxy.as_deref(), None, join.network.ca_file.as_deref())?,
        ..jitsi::Options::default()
    };
    let media_worker = identity::media_worker(join.devices.media_worker.as_deref())?;
    let (requests, requests_receiver) = mpsc::channel(16);
    let password_wanted = Arc::new(AtomicBool::new(false));
    let (joined, joined_receiver) = oneshot::channel();
    let observer = JoinObserver {
        terminal: Terminal::new(language),
        report: Report::begin(),
        password_wanted: Arc::clone(&password_wanted),
        joined: Some(joined),
    };
    let (lifetime, unwatched) = (Lifetime::OneMeeting, Liveness::default());
    let appliance = Appliance::new(options, participant, media_worker, observer, lifetime, &unwatched);
    identity::leave_left_behind(state_directory, account).await;
    requests
        .send(Request::Command(RoomCommand::Join(Box::new(JoinCommand {
            url: join.url,
            name: join.name,
            password: join.password,
            token,
            muted: Muted {
                audio: join.muted,
                video: join.muted,
            },
            origin: Origin::InRoom,
        }))))
        .await?;
    if let Some(duration) = join.duration {
        tokio::spawn(leave_after(duration, joined_receiver, requests.clone()));
    }
    if interactive {
        read_commands(requests.clone(), password_wanted);
    }
    let report = appliance.run(requests_receiver).await?.report;
    if let Some(path) = &join.report {
        report
            .write(path)
            .map_err(|error| format!("the report {} cannot be written: {error}", path.display()))?;
    }
    Ok(report.exit_code)
}

/// The account, for the host of the address and no other.
fn account(join: &Join) -> Result<Option<jitsi::ServiceAccount>, Failure> {
    let Some((user, path)) = join.user.as_ref().zip(join.user_password_file.as_ref()) else {
        return Ok(None);
    };
    // What is no address has an outcome of its own.
    let Ok(url) = jitsi::url::RoomUrl::parse(&join.url) else {
        return Ok(None);
    };
    Ok(Some(identity::account(&url.host, user, path)?))
}

/// The time counts from being in the meeting; a box that is never let in ends by the waiting time.
async fn leave_after(duration: Duration, joined: oneshot::Receiver<()>, requests: mpsc::Sender<Request>) {
    if joined.await.is_ok() {
        tokio::time::sleep(duration).await;
        if requests.send(Request::Command(RoomCommand::Leave)).await.is_err() {
            tracing::debug!("the meeting had ended before its time");
        }
    }
}

/// Feeds terminal and report.
struct JoinObserver {
    terminal: Terminal,
    report: Report,
    password_wanted: Arc<AtomicBool>,
    joined: Option<oneshot::Sender<()>>,
}

impl Observer for JoinObserver {
    fn milestone(&mut self, milestone: &Milestone) {
        self.terminal.milestone(milestone);
        self.report.milestone(milestone);
        if matches!(milestone, Milestone::Joined)
            && let Some(joined) = self.joined.take()
            && joined.send(()).is_err()
        {
            tracing::debug!("no time was given");
        }
    }

    fn moved(&mut self, transition: &Transition) {
        self.report.moved(transition);
    }

    fn state(&mut self, state: &RoomState) {
        self.terminal.state(state);
        self.report.state(state);
        let wanted = matches!(state.waiting_for, Some(WaitingFor::Password { .. }));
        self.password_wanted.store(wanted, Ordering::Relaxed);
    }

    fn worker(&mut self, news: &WorkerNews) {
        match news {
            WorkerNews::Started(hello) => self.report.worker_pid = Some(hello.pid),
            WorkerNews::Gone { .. } => self.report.worker_restarts += 1,
            WorkerNews::Message(FromWorker::EncoderGivenUp(_)) => self.report.encoders_given_up += 1,
            WorkerNews::Message(FromWorker::Capture(capture)) => self.report.capture(capture),
            _ => {}
        }
    }
}
