//! Starting: the threads of a conference, and what runs on its main one.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::Conference;
use crate::bridge::{Bridge, BridgeCommand};
use crate::error::{Error, Result};
use crate::far_side::FarSides;
use crate::focus::{self, Command, Focus};
use crate::front::{self, Front};
use crate::options::Options;
use crate::participants::Participants;
use crate::peers::Registry;
use crate::prosody::{Hosts, Prosody};
use crate::verdict::Verdict;

/// What the main thread of the conference hands over once it runs.
pub(crate) struct Started {
    front: Arc<Front>,
    focus: mpsc::UnboundedSender<Command>,
    /// The server is killed, and started again after so long.
    restart: mpsc::UnboundedSender<Duration>,
}

/// A conference whose main thread is on its way.
pub(crate) struct Half {
    pub options: Options,
    pub hosts: Hosts,
    pub bridge: Bridge,
    pub participants: Participants,
    pub far_sides: FarSides,
    pub verdict: Verdict,
    pub stop: Option<oneshot::Sender<()>>,
    pub threads: Vec<JoinHandle<()>>,
}

impl Half {
    pub fn run(mut self) -> Result<(Self, oneshot::Receiver<Result<Started>>)> {
        let (ready, started) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        let main = MainThread {
            options: self.options.clone(),
            hosts: self.hosts.clone(),
            bridge: self.bridge.clone(),
            participants: self.participants.clone(),
            far_sides: self.far_sides.clone(),
            verdict: self.verdict.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("conference".into())
            .spawn(
                move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime.block_on(main.run(ready, stopped)),
                    Err(source) => drop(ready.send(Err(Error::Io {
                        what: "runtime",
                        source,
                    }))),
                },
            )
            .map_err(Error::io("conference thread"))?;
        self.threads.push(thread);
        Ok((self, started))
    }

    pub fn with(mut self, started: Started) -> Conference {
        Conference {
            options: self.options.clone(),
            hosts: self.hosts.clone(),
            front: started.front,
            bridge: self.bridge.clone(),
            focus: started.focus,
            restart: started.restart,
            participants: self.participants.clone(),
            far_sides: self.far_sides.clone(),
            verdict: self.verdict.clone(),
            stop: self.stop.take(),
            threads: std::mem::take(&mut self.threads),
        }
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.bridge.send(BridgeCommand::Stop);
            drop(self.stop.take());
            for thread in self.threads.drain(..) {
                let _ = thread.join();
            }
        }
    }
}

struct MainThread {
    options: Options,
    hosts: Hosts,
    bridge: Bridge,
    participants: Participants,
    far_sides: FarSides,
    verdict: Verdict,
}

impl MainThread {
    async fn run(self, ready: oneshot::Sender<Result<Started>>, stopped: oneshot::Receiver<()>) {
        let secret = focus::random_hex(32);
        let mut prosody = match Prosody::start(&self.hosts, &self.options, secret).await {
            Ok(prosody) => prosody,
            Err(error) => return drop(ready.send(Err(error))),
        };
        let (restart, restarts) = mpsc::unbounded_channel();
        match self.parts(&prosody, restart).await {
            Ok(started) => {
                let focus = started.focus.clone();
                if ready.send(Ok(started)).is_ok() {
                    tokio::select! {
                        _ = stopped => {}
                        () = restarting(&mut prosody, restarts, &focus) => {}
                    }
                }
            }
            Err(error) => {
                tracing::error!(log = prosody.log_tail(), "prosody");
                drop(ready.send(Err(error)));
            }
        }
        prosody.stop().await;
    }

    async fn parts(&self, prosody: &Prosody, restart: mpsc::UnboundedSender<Duration>) -> Result<Started> {
        let (listener, address) = Front::bind(self.options.port, self.options.round_trip).await?;
        let focus = Focus::start(focus::Surroundings {
            hosts: self.hosts.clone(),
            component: prosody.component,
            http: prosody.http,
            secret: prosody.secret.clone(),
            front: address,
            options: self.options.clone(),
            bridge: self.bridge.clone(),
            participants: self.participants.clone(),
            registry: Registry::default(),
            verdict: self.verdict.clone(),
        })
        .await?;
        let front = Front::serve(
            listener,
            address,
            front::Surroundings {
                hosts: self.hosts.clone(),
                http: prosody.http,
                options: self.options.clone(),
                focus: focus.clone(),
                bridge: self.bridge.clone(),
                far_sides: self.far_sides.clone(),
                participants: self.participants.clone(),
                verdict: self.verdict.clone(),
            },
        );
        Ok(Started { front, focus, restart })
    }
}

/// Restarts the server as often as it is asked for; ends when it does not start again.
async fn restarting(
    prosody: &mut Prosody,
    mut restarts: mpsc::UnboundedReceiver<Duration>,
    focus: &mpsc::UnboundedSender<Command>,
) {
    while let Some(away) = restarts.recv().await {
        let _ = focus.send(Command::ServerGone);
        if let Err(error) = prosody.restart(away).await {
            return tracing::error!(%error, "the server does not come back");
        }
        let _ = focus.send(Command::ServerBack);
    }
}
