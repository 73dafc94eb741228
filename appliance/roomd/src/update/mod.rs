//! The update of the machine: [`fleet::update`] with RAUC, the bundle's file and the clock.
//!
//! | file | what stands in it |
//! |---|---|
//! | `rauc` | RAUC over D-Bus |
//! | `download` | the bundle, by HTTPS |
//! | `release` | which release runs |
//!
//! Without RAUC on the system's bus the box takes no updates, and says so.

mod download;
mod rauc;
mod release;

use std::path::PathBuf;
use std::time::Duration;

use fleet::agent::{Clockwork, SystemClock};
use fleet::contract::{Code, Phase, Update, UpdateReport};
use fleet::trust::write_private;
use fleet::update::{Check, Contact, Facts, Input, Output, Pace, Room, Updater};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use download::{Wanted, download};
use rauc::{Mark, Rauc};
pub use release::Release;

/// What of the update survives a power cut.
pub const STATE: &str = "update.json";
/// The bundle.
pub const BUNDLE: &str = "update.raucb";
/// A write or a mark that failed is tried again after this.
const AGAIN: Duration = Duration::from_secs(10);
/// The update server answers within this, or not at all.
const REACHED: Duration = Duration::from_secs(30);

/// What the box tells its update.
#[derive(Debug)]
pub enum Told {
    /// The fleet: the release to reach.
    Desired(Box<Update>),
    /// The broker has taken the box.
    Broker,
    /// Answers [`Wish::SelfTest`].
    SelfTest(Vec<Check>),
}

impl From<Told> for Input {
    fn from(told: Told) -> Self {
        match told {
            Told::Desired(update) => Self::Desired(update),
            Told::Broker => Self::Contact(Contact::Broker),
            Told::SelfTest(checks) => Self::SelfTest(checks),
        }
    }
}

/// What the update asks of the box.
#[derive(Debug)]
pub enum Wish {
    /// The fleet is to know.
    Report(UpdateReport),
    /// The box looks whether it works.
    SelfTest {
        /// All of it, lit and announced. Else only what opens no device.
        announce: bool,
    },
    /// The machine restarts.
    Restart,
}

/// What surrounds it.
pub struct Surroundings {
    /// Folder for bundle and state.
    pub folder: PathBuf,
    /// Which release runs.
    pub release: Release,
    /// For the bundle; the last one counts.
    pub http: watch::Receiver<reqwest::Client>,
    /// Whether the room is in use.
    pub room: watch::Receiver<Room>,
    /// The clock of the box.
    pub clock: SystemClock,
    /// D-Bus that RAUC is on; none: the system's.
    pub dbus: Option<String>,
    /// How long things take.
    pub pace: Pace,
}

/// Lives as long as the box.
pub async fn run(around: Surroundings, mut told: mpsc::UnboundedReceiver<Told>, wishes: mpsc::Sender<Wish>) {
    let mut early = Vec::new();
    let (rauc, slot) = {
        let found = find(around.dbus.as_deref());
        tokio::pin!(found);
        loop {
            tokio::select! {
                found = &mut found => break found,
                said = told.recv() => match said {
                    Some(Told::Desired(update)) => {
                        let refused = refused(&update, &around.release);
                        early.retain(|said| !matches!(said, Told::Desired(_)));
                        early.push(Told::Desired(update));
                        if wishes.send(Wish::Report(refused)).await.is_err() {
                            return;
                        }
                    }
                    Some(Told::Broker) if early.iter().any(|said| matches!(said, Told::Broker)) => {}
                    Some(said) => early.push(said),
                    None => return,
                },
            }
        }
    };
    let facts = Facts {
        release: around.release.version.clone(),
        slot,
        security_version: around.release.security_version,
        time_zone: jiff::tz::TimeZone::system(),
    };
    let stored = match std::fs::read(around.folder.join(STATE)) {
        Ok(stored) => Some(stored),
        Err(error) => {
            tracing::debug!(%error, "nothing is known of an update");
            None
        }
    };
    let chance = StdRng::from_rng(&mut rand::rng());
    let updater = Updater::new(facts, stored.as_deref(), chance, around.clock.now()).paced(around.pace);
    let (done, ended) = mpsc::channel(16);
    let driver = Driver {
        updater,
        rauc,
        around,
        wishes,
        done,
        job: Job(0),
        downloads: JoinSet::new(),
        work: JoinSet::new(),
    };
    driver.live(early, &mut told, ended).await;
}

/// RAUC, and the slot that runs. It may come later than the box.
async fn find(bus: Option<&str>) -> (Rauc, String) {
    let mut said = false;
    loop {
        let found = async {
            let rauc = Rauc::connect(bus).await?;
            let slot = rauc.slot().await?;
            Ok::<_, zbus::Error>((rauc, slot))
        };
        match found.await {
            Ok(found) => return found,
            Err(error) if !said => tracing::info!(%error, "no RAUC: this machine takes no updates yet"),
            Err(_) => {}
        }
        said = true;
        sleep(AGAIN).await;
    }
}

/// What a machine without RAUC says to a release.
fn refused(update: &Update, release: &Release) -> UpdateReport {
    UpdateReport {
        rev: update.rev,
        phase: Phase::Refused,
        running: release.version.clone(),
        slot: String::new(),
        progress: None,
        code: Some(Code::UnsupportedOnHw),
        msg: Some("there is no RAUC on this machine".into()),
    }
}

/// The update with what it drives.
struct Driver {
    updater: Updater,
    rauc: Rauc,
    around: Surroundings,
    wishes: mpsc::Sender<Wish>,
    done: mpsc::Sender<(Job, Input)>,
    /// The last one that was begun.
    job: Job,
    downloads: JoinSet<()>,
    /// What ends by itself.
    work: JoinSet<()>,
}

/// Tells what one piece of work says from what an earlier one still had to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Job(u64);

/// The box is gone.
struct Over;

impl Driver {
    async fn live(
        mut self,
        early: Vec<Told>,
        told: &mut mpsc::UnboundedReceiver<Told>,
        mut ended: mpsc::Receiver<(Job, Input)>,
    ) {
        for said in early {
            self.updater.handle(said.into(), &self.around.clock.now());
        }
        let room = *self.around.room.borrow_and_update();
        self.updater.handle(Input::Room(room), &self.around.clock.now());
        loop {
            while let Some(output) = self.updater.poll() {
                if self.carry_out(output).await.is_err() {
                    return;
                }
            }
            let up_ms = self.around.clock.now().up_ms;
            let wait_ms = self.updater.next_deadline().map(|at_ms| at_ms.saturating_sub(up_ms));
            let input = tokio::select! {
                told = told.recv() => match told {
                    Some(said) => said.into(),
                    None => return,
                },
                Some((job, input)) = ended.recv() => {
                    let stale = job != self.job && !matches!(input, Input::Contact(_));
                    if stale {
                        continue;
                    }
                    input
                }
                changed = self.around.room.changed() => match changed {
                    Ok(()) => Input::Room(*self.around.room.borrow_and_update()),
                    Err(_) => return,
                },
                // Not longer than a minute: the clock of the wall may be set.
                () = sleep(Duration::from_millis(wait_ms.unwrap_or(60_000).min(60_000))) => Input::Tick,
                Some(_) = self.work.join_next() => continue,
                Some(_) = self.downloads.join_next() => continue,
            };
            self.updater.handle(input, &self.around.clock.now());
        }
    }

    async fn carry_out(&mut self, output: Output) -> Result<(), Over> {
        match output {
            Output::Write(state) => {
                let file = self.around.folder.join(STATE);
                while let Err(error) = write_private(&file, &state) {
                    tracing::error!(%error, "the state of the update cannot be written");
                    sleep(AGAIN).await;
                }
                self.updater.handle(Input::Written, &self.around.clock.now());
            }
            Output::Download { url, size, sha256 } => self.download(Wanted { url, size, sha256 }),
            Output::StopDownload => self.stop_download(),
            Output::Discard => {
                self.stop_download();
                if let Err(error) = std::fs::remove_file(self.bundle())
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    tracing::warn!(%error, "the bundle cannot be removed");
                }
                let _told = self.mark(Mark::BootedActive).await;
            }
            Output::Verify => {
                let (rauc, bundle, say) = (self.rauc.clone(), self.bundle(), self.next_job());
                self.work.spawn(async move {
                    let facts = rauc.inspect(&bundle).await;
                    say.say(Input::Verified(facts)).await;
                });
            }
            Output::Install => self.install(),
            Output::MarkGood => {
                let _told = self.mark(Mark::BootedGood).await;
            }
            // Without the mark this slot would start again, and be taken for a release that failed: it is asked for again later.
            Output::Reboot => {
                if self.mark(Mark::OtherActive).await {
                    self.wish(Wish::Restart).await?;
                }
            }
            Output::RollBack => {
                if self.mark(Mark::BootedBad).await {
                    self.wish(Wish::Restart).await?;
                }
            }
            Output::Reach { url } => {
                let client = self.around.http.borrow().clone();
                let say = Voice(self.job, self.done.clone());
                self.work.spawn(async move {
                    // Whatever it says, it is there.
                    if let Ok(Ok(_)) = timeout(REACHED, client.head(&url).send()).await {
                        say.say(Input::Contact(Contact::UpdateServer)).await;
                    }
                });
            }
            Output::SelfTest { announce } => self.wish(Wish::SelfTest { announce }).await?,
            Output::Report(report) => {
                tracing::info!(rev = report.rev, phase = ?report.phase, code = ?report.code, "update");
                self.wish(Wish::Report(report)).await?;
            }
        }
        Ok(())
    }

    fn bundle(&self) -> PathBuf {
        self.around.folder.join(BUNDLE)
    }

    async fn wish(&self, wish: Wish) -> Result<(), Over> {
        self.wishes.send(wish).await.map_err(|_| Over)
    }

    /// RAUC may have died. False: it was not to be had for a minute.
    async fn mark(&self, mark: Mark) -> bool {
        for _ in 0..6 {
            match self.rauc.mark(mark).await {
                Ok(()) => return true,
                Err(error) => tracing::warn!(error, ?mark, "RAUC does not mark the slot"),
            }
            sleep(AGAIN).await;
        }
        false
    }

    fn next_job(&mut self) -> Voice {
        self.job = Job(self.job.0 + 1);
        Voice(self.job, self.done.clone())
    }

    fn stop_download(&mut self) {
        self.downloads.abort_all();
        self.job = Job(self.job.0 + 1);
    }

    fn download(&mut self, wanted: Wanted) {
        self.downloads.abort_all();
        let client = self.around.http.borrow().clone();
        let (file, voice) = (self.bundle(), self.next_job());
        self.downloads.spawn(async move {
            let (told, heard) = mpsc::channel(4);
            let teller = voice.pass_on(heard, |bytes| Input::Received { bytes });
            let (ended, ()) = tokio::join!(download(&client, &wanted, &file, told), teller);
            voice
                .say(match ended {
                    Ok(()) => Input::Downloaded,
                    Err(fault) => Input::DownloadFailed(fault),
                })
                .await;
        });
    }

    fn install(&mut self) {
        let (rauc, bundle, voice) = (self.rauc.clone(), self.bundle(), self.next_job());
        self.work.spawn(async move {
            let (told, heard) = mpsc::channel(4);
            let teller = voice.pass_on(heard, |percent| Input::Installing { percent });
            let (ended, ()) = tokio::join!(rauc.install(&bundle, told), teller);
            voice.say(Input::Installed(ended)).await;
        });
    }
}

/// Of one job.
struct Voice(Job, mpsc::Sender<(Job, Input)>);

impl Voice {
    async fn say(&self, input: Input) {
        // The box may be gone.
        let _ = self.1.send((self.0, input)).await;
    }

    /// How far it is, as long as it goes on.
    async fn pass_on<T>(&self, mut heard: mpsc::Receiver<T>, as_input: impl Fn(T) -> Input) {
        while let Some(far) = heard.recv().await {
            self.say(as_input(far)).await;
        }
    }
}
