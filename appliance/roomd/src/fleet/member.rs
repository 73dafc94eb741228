//! The loop between the session and the room.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use fleet::contract::{
    Configuration, EventClass, Id, Metadata, Notice, OfflineReason, Order, Settings, Telemetry, TelemetryStream,
    Urgency,
};
use fleet::session::{Execution, Input, Output, Reply, Scope};
use fleet::trust::SecretsKey;
use media_protocol::{EncoderGivenUp, Statistics};
use room::{Bulletin, Language, RemoteAct, RemoteCommand, RoomCommand, RoomState, State};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::STORE;
use super::apply::{InForce, Own};
use super::credentials::{Change, Credentials};
use super::log::FollowedLog;
use super::orders::{After, Hands, Progress};
use super::secrets::Secrets;
use super::states;
use super::updates::Updates;
use crate::Failure;
use crate::appliance::Request;
use crate::configuration::FleetConfiguration;
use crate::journal::Journal;
use crate::last_run::Accident;
use crate::liveness::Liveness;
use crate::update::{self, Wish};

/// Words of commands that wait.
const WORDS: usize = 32;
/// `tele/sys`.
const LOAD_EVERY: Duration = Duration::from_secs(60);
/// `tele/media`.
const MEDIA_EVERY: Duration = Duration::from_secs(30);
/// `tele/log`.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// What the daemon gives to its fleet.
pub struct Surroundings {
    /// Into the appliance.
    pub requests: mpsc::Sender<Request>,
    /// The state of the room.
    pub states: watch::Receiver<Option<RoomState>>,
    /// Counters of the media.
    pub statistics: watch::Receiver<Option<Statistics>>,
    /// Encoders that were given up in a meeting.
    pub encoders: mpsc::Receiver<EncoderGivenUp>,
    /// The log.
    pub journal: Journal,
    /// Program of the media worker.
    pub media_worker: PathBuf,
    /// The settings of the file.
    pub own: Own,
    /// Changes when somebody in the room touches the box.
    pub touched: watch::Receiver<()>,
    /// Under which the box appears in meetings.
    pub name: watch::Sender<String>,
    /// How the run before this one ended, when nobody wanted that.
    pub accident: Option<Accident>,
    /// Whom the loop tells that it is alive.
    pub liveness: Liveness,
}

/// The box as a member of its fleet.
pub(super) struct Member {
    configuration: FleetConfiguration,
    /// What the box is, as the fleet knows it.
    metadata: Metadata,
    around: Surroundings,
    credentials: Credentials,
    updates: Updates,
    session: mpsc::Sender<Input>,
    in_force: InForce,
    http: reqwest::Client,
    notices: BTreeMap<Scope, Notice>,
    shown: Option<RoomState>,
    words: mpsc::Sender<(Id, Progress)>,
    heard: mpsc::Receiver<(Id, Progress)>,
    after: Option<After>,
    log: FollowedLog,
}

/// The appliance or the session is gone.
struct Over;

impl Member {
    pub fn new(
        configuration: FleetConfiguration,
        metadata: Metadata,
        around: Surroundings,
        credentials: Credentials,
        updates: Updates,
        session: mpsc::Sender<Input>,
    ) -> Result<Self, Failure> {
        let in_force = InForce::new(Settings::default(), Secrets::default(), &around.own)
            .map_err(|_| "the settings of the file are wrong")?;
        let http = in_force.files()?;
        let (words, heard) = mpsc::channel(WORDS);
        Ok(Self {
            configuration,
            metadata,
            around,
            credentials,
            updates,
            session,
            in_force,
            http,
            notices: BTreeMap::new(),
            shown: None,
            words,
            heard,
            after: None,
            log: FollowedLog::default(),
        })
    }

    /// Until the session has stopped or the appliance is gone. `kept`: the configuration that was in effect when the box was
    /// switched off.
    pub async fn live(mut self, mut asked: mpsc::Receiver<Output>, kept: Option<Configuration>) {
        let started = jiff::Timestamp::now();
        let (mut load, mut media, mut log) = (every(LOAD_EVERY), every(MEDIA_EVERY), every(LOG_EVERY));
        let mut alive = self.be_again(kept.as_ref()).await;
        alive = alive.and(self.say(Input::State(states::system(started))).await);
        alive = alive.and(self.room_changed().await);
        if let Some(accident) = self.around.accident.take() {
            alive = alive.and(self.say(states::accident(&accident)).await);
        }
        let pulse = self.around.liveness.pulse("fleet");
        while alive.is_ok() {
            pulse.beat();
            alive = tokio::select! {
                output = asked.recv() => match output {
                    Some(Output::Stopped) | None => break,
                    Some(output) => self.do_as_asked(output).await,
                },
                changed = self.around.states.changed() => match changed {
                    Ok(()) => self.room_changed().await,
                    Err(_) => Err(Over),
                },
                Some(given_up) = self.around.encoders.recv() => self.say(states::encoder(&given_up)).await,
                change = self.credentials.changed() => self.credentials_changed(change).await,
                wish = self.updates.next() => self.for_the_update(wish).await,
                Some((id, progress)) = self.heard.recv() => self.heard(id, progress).await,
                _ = load.tick() => self.measured(TelemetryStream::Sys, states::load()).await,
                _ = media.tick() => self.media().await,
                _ = log.tick(), if self.log.is_followed() => self.followed().await,
                () = pulse.due() => Ok(()),
            };
        }
        drop(pulse);
        if alive.is_err() {
            self.goodbye(&mut asked).await;
        }
        self.end().await;
    }

    /// The box is switched off, or its service stopped: the fleet hears it from the box and not half a minute later from its
    /// will. The session sets the limit of time.
    async fn goodbye(&mut self, asked: &mut mpsc::Receiver<Output>) {
        if self.say(Input::Stop(OfflineReason::Standby)).await.is_ok() {
            while !matches!(asked.recv().await, Some(Output::Stopped) | None) {}
        }
    }

    async fn say(&mut self, input: Input) -> Result<(), Over> {
        self.session.send(input).await.map_err(|_| Over)
    }

    async fn ask(&mut self, request: Request) -> Result<(), Over> {
        self.around.requests.send(request).await.map_err(|_| Over)
    }

    async fn remote(&mut self, command: RemoteCommand) -> Result<(), Over> {
        self.ask(Request::Command(RoomCommand::Remote(command))).await
    }

    async fn measured(&mut self, stream: TelemetryStream, telemetry: Telemetry) -> Result<(), Over> {
        self.say(Input::Telemetry { stream, telemetry }).await
    }

    async fn media(&mut self) -> Result<(), Over> {
        let telemetry = self.around.statistics.borrow().as_ref().map(states::media);
        match telemetry.filter(|_| self.shown.as_ref().is_some_and(|state| state.state == State::InMeeting)) {
            Some(telemetry) => self.measured(TelemetryStream::Media, telemetry).await,
            None => Ok(()),
        }
    }

    async fn room_changed(&mut self) -> Result<(), Over> {
        let Some(state) = self.around.states.borrow_and_update().clone() else {
            return Ok(());
        };
        for event in states::happened(self.shown.as_ref(), &state) {
            self.say(event).await?;
        }
        self.updates.room(&state);
        let told = self.shown.as_ref().map(states::of_room);
        let parts = states::of_room(&state);
        for (index, part) in parts.into_iter().enumerate() {
            if told.as_ref().and_then(|told| told.get(index)) != Some(&part) {
                self.say(Input::State(part)).await?;
            }
        }
        let meeting = state.state != State::Idle;
        if self.shown.as_ref().map(|shown| shown.state != State::Idle) != Some(meeting) {
            self.say(Input::Meeting(meeting)).await?;
        }
        self.shown = Some(state);
        Ok(())
    }

    async fn do_as_asked(&mut self, output: Output) -> Result<(), Over> {
        match output {
            Output::Execute(execution) => self.execute(execution).await,
            Output::Apply { configuration, .. } => self.apply(&configuration).await,
            Output::Restore(configuration) => self.be_again(configuration.as_deref()).await,
            Output::ShowNotice(scope, notice) => {
                self.notices.insert(scope, *notice);
                self.bulletins().await
            }
            Output::ClearNotice(scope) => {
                self.notices.remove(&scope);
                self.bulletins().await
            }
            Output::Security { event, code, count } => {
                tracing::warn!(event, ?code, count, "the fleet is refused");
                Ok(())
            }
            Output::Update(update) => {
                self.updates.desired(update);
                Ok(())
            }
            // The agent keeps the others for itself.
            _ => Ok(()),
        }
    }

    async fn for_the_update(&mut self, wish: Wish) -> Result<(), Over> {
        match wish {
            Wish::Report(report) => self.say(Input::UpdateReport(report)).await,
            Wish::SelfTest { announce } => {
                let service = self.in_force.settings.jitsi.url.clone();
                self.updates.test(announce, self.around.requests.clone(), service);
                Ok(())
            }
            // It restarts anyway.
            Wish::Restart if self.after.is_some() => Ok(()),
            Wish::Restart => {
                self.after = Some(After::Reboot);
                self.remote(RemoteCommand::Announce(RemoteAct::Update)).await?;
                self.say(Input::Stop(OfflineReason::Update)).await
            }
        }
    }

    async fn execute(&mut self, execution: Execution) -> Result<(), Over> {
        let (id, command) = (execution.id, execution.command);
        tracing::info!(%id, command = execution.name.as_str(), dangerous = execution.dangerous, "command of the fleet");
        if execution.dangerous {
            let detail = json!({"command": execution.name, "actor": command.actor, "signer": execution.signer});
            self.say(states::event(EventClass::Audit, "command", detail)).await?;
        }
        let order = match Order::parse(execution.name, &command.params) {
            Ok(order) => order,
            Err(refusal) => {
                let reply = Reply::rejected(refusal.code, refusal.message).at(refusal.pointer);
                return self.say(Input::Answer { id, reply }).await;
            }
        };
        match &order {
            Order::PublishState => {
                self.shown = None;
                self.room_changed().await?;
            }
            Order::TailLogs(tail) => self.log.follow(tail, &self.around.journal, Instant::now()),
            _ => {}
        }
        let hands = Hands {
            requests: self.around.requests.clone(),
            states: self.around.states.clone(),
            journal: self.around.journal.clone(),
            media_worker: self.around.media_worker.clone(),
            http: self.http.clone(),
            settings: self.in_force.settings.clone(),
            token: self.in_force.token.clone(),
            name: self.in_force.name.clone(),
        };
        let words = self.words.clone();
        tokio::spawn(async move { hands.carry_out(id, order, words).await });
        Ok(())
    }

    async fn heard(&mut self, id: Id, progress: Progress) -> Result<(), Over> {
        let (reply, after) = match progress {
            Progress::Running(reply) => (reply, None),
            Progress::Ended(reply, after) => (reply, after),
        };
        self.say(Input::Answer { id, reply }).await?;
        if after.is_some() {
            self.after = after;
            self.say(Input::Stop(OfflineReason::Reboot)).await?;
        }
        Ok(())
    }

    /// What it was; without a configuration as the file has it.
    async fn be_again(&mut self, configuration: Option<&Configuration>) -> Result<(), Over> {
        let settings = configuration.and_then(|before| Settings::parse(&before.cfg).ok());
        let secrets = configuration.and_then(|before| self.credentials.open(before).ok());
        match InForce::new(
            settings.unwrap_or_default(),
            secrets.unwrap_or_default(),
            &self.around.own,
        ) {
            Ok(in_force) => self.put_in_force(in_force).await,
            Err(errors) => {
                tracing::error!(errors = errors.len(), "the settings of before are wrong now");
                Ok(())
            }
        }
    }

    async fn apply(&mut self, configuration: &Configuration) -> Result<(), Over> {
        let read = Settings::parse(&configuration.cfg);
        let opened = read.and_then(|settings| Ok((settings, self.credentials.open(configuration)?)));
        let made = opened.and_then(|(settings, secrets)| InForce::new(settings, secrets, &self.around.own));
        let rev = configuration.rev;
        let trusted = made.and_then(|in_force| self.credentials.follow(configuration).map(|()| in_force));
        let errors = match trusted {
            Ok(in_force) => {
                self.put_in_force(in_force).await?;
                Vec::new()
            }
            Err(errors) => errors,
        };
        tracing::info!(rev, errors = errors.len(), "configuration of the fleet");
        self.say(Input::Configured { rev, errors }).await
    }

    async fn credentials_changed(&mut self, change: Change) -> Result<(), Over> {
        match self.with_credentials(change) {
            Some(input) => self.say(input).await,
            None => Ok(()),
        }
    }

    fn with_credentials(&mut self, change: Change) -> Option<Input> {
        let settled = self
            .credentials
            .follow_change(change)
            .inspect_err(|error| tracing::error!(%error, ?change, "the certificates of this box cannot be used"))
            .ok()?;
        if let Some(expires) = settled {
            tracing::info!(%expires, "this box has another certificate");
            self.metadata.certificate_expires = expires;
            self.metadata.secrets_key = self.credentials.secrets_key();
            return Some(Input::Metadata(self.metadata.clone()));
        }
        (change == Change::Renewed).then_some(Input::Anew)
    }

    async fn put_in_force(&mut self, in_force: InForce) -> Result<(), Over> {
        for request in in_force.requests() {
            self.ask(request).await?;
        }
        self.around.name.send_replace(in_force.name.clone());
        match in_force.files() {
            Ok(client) => {
                self.updates.http(&client);
                self.http = client;
            }
            Err(error) => tracing::error!(%error, "files go the way of before"),
        }
        self.in_force = in_force;
        self.bulletins().await
    }

    /// What the wall shows of the notices, in its language.
    async fn bulletins(&mut self) -> Result<(), Over> {
        let french = self.in_force.room.language == Language::French;
        let bulletin = |notice: &Notice| {
            let (first, other) = if french {
                (&notice.fr, &notice.en)
            } else {
                (&notice.en, &notice.fr)
            };
            let text = if first.is_empty() { other } else { first };
            (!text.is_empty()).then(|| Bulletin {
                text: text.clone(),
                emergency: notice.urgency == Some(Urgency::Emergency),
                code: None,
            })
        };
        let bulletins = self.notices.values().filter_map(bulletin).collect();
        self.remote(RemoteCommand::ShowBulletins(bulletins)).await
    }

    /// The lines since the last time.
    async fn followed(&mut self) -> Result<(), Over> {
        match self.log.next(Instant::now()) {
            Some(telemetry) => self.measured(TelemetryStream::Log, telemetry).await,
            None => Ok(()),
        }
    }

    /// What was asked for when everything was said.
    async fn end(&mut self) {
        let Some(after) = self.after else { return };
        if after == After::Reset {
            // What still runs would write down again what is forgotten.
            self.updates.end().await;
            self.forget();
        }
        if after == After::Reboot
            && let [program, arguments @ ..] = &self.configuration.reboot[..]
        {
            let mut command = tokio::process::Command::new(program);
            match command.args(arguments).stdin(Stdio::null()).status().await {
                Ok(status) if status.success() => {}
                Ok(status) => tracing::error!(%status, "the machine does not restart"),
                Err(error) => tracing::error!(%error, "the machine does not restart"),
            }
        }
        let _ = self.ask(Request::Stop).await;
    }
}

impl Member {
    /// As it was delivered: the maker's key stays, so that it can be claimed again.
    fn forget(&mut self) {
        if let Err(error) = self.credentials.forget() {
            tracing::error!(%error, "the box cannot forget who it was");
        }
        for name in [STORE, update::STATE, update::BUNDLE, SecretsKey::FILE] {
            if let Err(error) = std::fs::remove_file(self.configuration.directory.join(name))
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::error!(%error, name, "the box cannot forget its fleet");
            }
        }
    }
}

fn every(time: Duration) -> Interval {
    let mut interval = interval(time);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
