//! `roomd run`: the daemon of a box. It waits for commands on its control socket and lives until it is told to end.

use std::time::Duration;

use media_protocol::{EncoderGivenUp, FromWorker, NetworkSettings, Statistics};
use room::{Language, Milestone, RoomOptions, RoomState, Timing, Transition, words};
use tokio::sync::{mpsc, watch};

use crate::{
    Failure,
    appliance::{Appliance, Lifetime, Observer, Participation, Request},
    arguments::{Devices, Run},
    check,
    configuration::Configuration,
    control::{self, Behind},
    fleet::{self, Own, Surroundings},
    identity,
    journal::Journal,
    last_run::LastRun,
    liveness::{self, Liveness},
    update::Release,
    way_out,
    worker::WorkerNews,
};

/// To the fleet, at most; its session needs less.
const GOODBYE: Duration = Duration::from_secs(6);

/// Encoders that were given up and of which the fleet was not told yet, at most.
const ENCODERS_GIVEN_UP: usize = 16;

/// Runs until SIGTERM or SIGINT; a meeting is left in the written order first.
///
/// # Errors
/// When the configuration cannot be used.
pub async fn run(run: Run, journal: Journal) -> Result<u8, Failure> {
    let configuration = Configuration::read(&run.config)?;
    let (options, network) = understand(&configuration)?;
    let language = options.language;
    let state_directory = identity::state_directory(configuration.state_directory.as_deref());
    let account = configuration
        .account
        .map(|account| identity::account(&account.host, &account.user, &account.password_file))
        .transpose()?;
    let participant = jitsi::Options {
        machine_uid: configuration.machine_uid.unwrap_or_else(identity::machine_uid),
        region: configuration.region,
        state_directory: state_directory.clone(),
        account: account.clone(),
        network,
        ..jitsi::Options::default()
    };
    let media_worker = identity::media_worker(configuration.media_worker.as_deref())?;
    let liveness = Liveness::default();
    let (states, statistics) = (watch::Sender::new(None), watch::Sender::new(None));
    let (encoders, encoders_given_up) = mpsc::channel(ENCODERS_GIVEN_UP);
    let name = watch::Sender::new(configuration.name.clone());
    let touched = watch::Sender::new(());
    let (requests, requests_receiver) = mpsc::channel(16);
    let last_run = configuration.fleet.as_ref().map(|fleet| LastRun::new(&fleet.directory));
    let mut of_the_fleet = None;
    if let Some(of_fleet) = &configuration.fleet {
        let own = Own {
            name: configuration.name,
            room: room::Settings {
                language,
                chat: options.chat,
                alone: options.timing.alone,
            },
            participation: Participation {
                region: participant.region.clone(),
                network: participant.network.clone(),
            },
        };
        let surroundings = Surroundings {
            requests: requests.clone(),
            states: states.subscribe(),
            statistics: statistics.subscribe(),
            encoders: encoders_given_up,
            journal,
            media_worker: identity::worker_program(&media_worker)?,
            touched: touched.subscribe(),
            own,
            name: name.clone(),
            accident: last_run.as_ref().and_then(LastRun::take),
            liveness: liveness.clone(),
        };
        // The room works without its fleet.
        match fleet::start(of_fleet, surroundings) {
            Ok(member) => of_the_fleet = Some(member),
            Err(error) => {
                tracing::error!(error, "this box has no fleet until that is mended");
                if !fleet::is_delivered(of_fleet) {
                    requests.send(Request::bulletin(words::undelivered(language))).await?;
                }
            }
        }
    }
    let observer = Onlooker {
        states,
        statistics,
        encoders,
    };
    let lifetime = Lifetime::Daemon;
    let appliance = Appliance::new(options, participant, media_worker, observer, lifetime, &liveness);
    liveness.feed_watchdog();
    identity::leave_left_behind(state_directory, account).await;
    if let Some(path) = &configuration.control {
        let behind = Behind {
            name: name.subscribe(),
            language,
            touched,
            requests,
        };
        control::serve(path, behind)
            .map_err(|error| format!("the control socket {} cannot be made: {error}", path.display()))?;
    }
    if let (Some(last_run), Some(of_fleet)) = (&last_run, &configuration.fleet) {
        last_run.begins(&Release::of_image(&of_fleet.os_release).version);
    }
    appliance.run(requests_receiver).await?;
    liveness::stopping();
    if let Some(last_run) = &last_run {
        last_run.ended();
    }
    if let Some(member) = of_the_fleet
        && tokio::time::timeout(GOODBYE, member).await.is_err()
    {
        tracing::warn!("the fleet was not told that this box stops");
    }
    if let Some(path) = &configuration.control {
        std::fs::remove_file(path)?;
    }
    Ok(0)
}

/// Behaviour and way out of the network that a configuration asks for.
///
/// # Errors
/// What in it is no language, no device or no way out.
pub fn understand(configuration: &Configuration) -> Result<(RoomOptions, NetworkSettings), Failure> {
    let devices = Devices {
        camera: configuration.camera.clone(),
        microphone: configuration.microphone.clone(),
        microphone_channels: configuration.microphone_channels.clone(),
        loudspeaker: configuration.loudspeaker.clone(),
        display: configuration.display.clone(),
        media_worker: None,
        wait: Timing::default().waiting,
        lobby_wait: Timing::default().lobby,
    };
    let options = RoomOptions {
        language: configuration.language.parse::<Language>()?,
        equipment: check::equipment(&devices)?,
        ask_password: true,
        chat: configuration.chat,
        timing: Timing {
            alone: configuration
                .leave_when_alone_s
                .map_or(Timing::default().alone, |seconds| Duration::from_secs(seconds.into())),
            ..Timing::default()
        },
        ..RoomOptions::default()
    };
    let network = &configuration.network;
    let network = way_out::settings(
        network.proxy.as_deref(),
        network.no_proxy.clone(),
        network.ca_file.as_deref(),
    )?;
    Ok((options, network))
}

/// What the log and the fleet get; no name, no address.
struct Onlooker {
    states: watch::Sender<Option<RoomState>>,
    statistics: watch::Sender<Option<Statistics>>,
    encoders: mpsc::Sender<EncoderGivenUp>,
}

impl Observer for Onlooker {
    fn milestone(&mut self, milestone: &Milestone) {
        if let Milestone::Statistics(statistics) = milestone {
            self.statistics.send_replace(Some(Statistics::clone(statistics)));
        }
        // The service's own words may name the room.
        let silent = matches!(
            milestone,
            Milestone::Statistics(_) | Milestone::FirstFrame { .. } | Milestone::Explained(_)
        );
        if !silent {
            tracing::info!(?milestone, "milestone");
        }
    }

    fn moved(&mut self, transition: &Transition) {
        tracing::info!(from = ?transition.from, to = ?transition.to, trigger = ?transition.trigger, "room");
    }

    fn state(&mut self, state: &RoomState) {
        tracing::info!(
            state = ?state.state,
            camera_open = state.camera.open,
            microphone_open = state.microphone.open,
            participants = state.participants,
            notice = ?state.notice,
            "state"
        );
        self.states.send_replace(Some(state.clone()));
    }

    /// The appliance has logged it. With the first worker a meeting can be held.
    fn worker(&mut self, news: &WorkerNews) {
        match news {
            WorkerNews::Started(_) => liveness::ready(),
            WorkerNews::Message(FromWorker::EncoderGivenUp(given_up)) => {
                // Without a fleet nobody takes it.
                let _ = self.encoders.try_send(given_up.clone());
            }
            _ => {}
        }
    }
}
