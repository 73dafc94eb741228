//! What the update wants, done: one piece of work after the other, what takes long beside the rest.

use std::path::PathBuf;
use std::time::Duration;

use fleet::agent::Clockwork;
use fleet::trust::write_private;
use fleet::update::{Contact, Input, Output, Updater};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::download::{Wanted, download};
use super::rauc::{Mark, Rauc};
use super::{BUNDLE, STATE, Surroundings, Told, Wish};

/// A write or a mark that failed is tried again after this.
const AGAIN: Duration = Duration::from_secs(10);
/// The update server answers within this, or not at all.
const REACHED: Duration = Duration::from_secs(30);

/// The update with what it drives.
pub struct Driver {
    updater: Updater,
    rauc: Rauc,
    around: Surroundings,
    wishes: mpsc::Sender<Wish>,
    done: mpsc::Sender<(Job, Input)>,
    ended: mpsc::Receiver<(Job, Input)>,
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
    /// Before anything has happened.
    pub fn new(updater: Updater, rauc: Rauc, around: Surroundings, wishes: mpsc::Sender<Wish>) -> Self {
        let (done, ended) = mpsc::channel(16);
        Self {
            updater,
            rauc,
            around,
            wishes,
            done,
            ended,
            job: Job(0),
            downloads: JoinSet::new(),
            work: JoinSet::new(),
        }
    }

    /// As long as the box. `early`: what it told before.
    pub async fn live(mut self, early: Vec<Input>, told: &mut mpsc::UnboundedReceiver<Told>) {
        for input in early {
            self.updater.handle(input, &self.around.clock.now());
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
                Some((job, input)) = self.ended.recv() => {
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
            Output::Reboot => self.leave(Mark::OtherActive).await?,
            Output::RollBack => self.leave(Mark::BootedBad).await?,
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

    /// Without the mark this slot would start again, and be taken for a release that failed; and who came into the room while
    /// RAUC took its time is not to be disturbed. Either way it is asked for again later.
    async fn leave(&mut self, mark: Mark) -> Result<(), Over> {
        let room = || *self.around.room.borrow();
        let before = room();
        let marked = self.mark(mark).await;
        if marked && room() == before {
            self.wish(Wish::Restart).await?;
        }
        Ok(())
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
