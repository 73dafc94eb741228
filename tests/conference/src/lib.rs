//! A conference in a box: Debian's Prosody, stand-ins for focus (jicofo) and bridge (JVB), and peers with media.
//!
//! It is a test double that *fails* a client that breaks a rule, and says which: see [`Conference::verdict`] and
//! [`verdict::rule`]. The rules are those of `specs/jitsi-client.md §9`. Everything runs on two threads of its own
//! beside Prosody, on loopback only; the caller may block.
//!
//! ```no_run
//! use conference::{Conference, Options};
//! let conference = Conference::start_blocking(Options::default())?;
//! println!("join {}", conference.room_url("hemicycle"));
//! // … the client under test joins, and leaves …
//! assert_eq!(conference.verdict(), []);
//! # Ok::<(), conference::Error>(())
//! ```

pub mod bridge;
pub mod browser;
pub mod clock;
mod control;
mod error;
pub mod exam;
pub mod far_side;
pub mod focus;
mod front;
pub mod legacy;
mod options;
mod participants;
pub mod peers;
mod prosody;
pub mod scripted;
mod start;
mod token;
pub mod verdict;
mod watch;
pub mod xml;
pub mod xmpp;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

pub use bridge::link::{Direction, Fault};
pub use error::{Error, Result};
pub use far_side::assemble::Codec;
pub use far_side::{FarSideReport, KeyFrameRequest, LayerReport};
pub use focus::sources::Media;
pub use focus::{ConferenceReply, Crowd, Impostor, JoinRefusal, Lobby, LobbyOrder, Moderation, Recording};
pub use options::{ConfigStyle, Options, Relay};
pub use participants::{Participant, Waiting};
pub use verdict::{BrokenRule, rule};

use bridge::{Bridge, BridgeCommand, BridgeSurroundings};
use far_side::FarSides;
use focus::Command;
use front::Front;
use participants::Participants;
use prosody::Hosts;
use start::{Half, Started};
use verdict::Verdict;

/// A running conference. It ends when dropped, or with [`Conference::shutdown`].
pub struct Conference {
    options: Options,
    hosts: Hosts,
    front: Arc<Front>,
    bridge: Bridge,
    focus: mpsc::UnboundedSender<Command>,
    restart: mpsc::UnboundedSender<Duration>,
    participants: Participants,
    far_sides: FarSides,
    verdict: Verdict,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Conference {
    /// Starts everything; returns when the room is open and its peers are on their way.
    ///
    /// # Errors
    /// Prosody missing, no free port, GStreamer elements missing.
    pub async fn start(options: Options) -> Result<Self> {
        let (conference, ready) = Self::launch(options)?;
        let started = ready.await.map_err(|_| Error::Ended)??;
        Ok(conference.with(started))
    }

    /// The same for callers without a runtime.
    ///
    /// # Errors
    /// As [`Conference::start`].
    pub fn start_blocking(options: Options) -> Result<Self> {
        let (conference, ready) = Self::launch(options)?;
        let started = ready.blocking_recv().map_err(|_| Error::Ended)??;
        Ok(conference.with(started))
    }

    fn launch(options: Options) -> Result<(Half, oneshot::Receiver<Result<Started>>)> {
        // Before the bridge starts, so that the first peer has its picture at once.
        for index in 0..options.peers.min(peers::encode::COLOURS.len()) {
            peers::encode::load(&options.media_cache, index)?;
        }
        let hosts = Hosts {
            domain: options.domain.clone(),
        };
        let (participants, far_sides, verdict) = (
            Participants::default(),
            FarSides::default(),
            Verdict::with_patience(options.patience),
        );
        let (bridge, bridge_thread) = Bridge::start(BridgeSurroundings {
            options: options.clone(),
            far_sides: far_sides.clone(),
            participants: participants.clone(),
            verdict: verdict.clone(),
        })?;
        let half = Half {
            options,
            hosts,
            bridge,
            participants,
            far_sides,
            verdict,
            stop: None,
            threads: vec![bridge_thread],
        };
        half.run()
    }

    /// The URL of a room, with the tenant if there is one.
    pub fn room_url(&self, room: &str) -> String {
        let tenant = self
            .options
            .tenant
            .as_ref()
            .map(|t| format!("{t}/"))
            .unwrap_or_default();
        match &self.options.secure_authority {
            Some(authority) => format!("https://{authority}/{tenant}{room}"),
            None => format!("http://{}/{tenant}{room}", self.front.address),
        }
    }

    /// Address of the front: `/far-side.jpg`, `/far-side.json`, `/participants.json`, `/verdict.json`.
    pub fn address(&self) -> SocketAddr {
        self.front.address
    }

    /// A token for `room` (`*` for all) that is good for so long; negative: it has expired. None without a secret.
    pub fn token(&self, room: &str, seconds: i64) -> Option<String> {
        self.options
            .token_secret
            .as_deref()
            .map(|secret| token::sign(secret, room, seconds))
    }

    /// The rules that were broken so far.
    pub fn verdict(&self) -> Vec<BrokenRule> {
        self.verdict.all()
    }

    /// Forgets the rules broken so far.
    pub fn clear_verdict(&self) {
        self.verdict.clear();
    }

    /// Everybody who was in, with stamps.
    pub fn participants(&self) -> Vec<Participant> {
        self.participants.all()
    }

    /// The participant under test: the newest that is no peer.
    pub fn guest(&self) -> Option<Participant> {
        self.participants.newest_guest()
    }

    /// Who stands in the lobby.
    pub fn waiting(&self) -> Vec<Waiting> {
        self.participants.waiting()
    }

    /// The peers that are in.
    pub fn peers(&self) -> Vec<Participant> {
        self.participants.present().into_values().filter(|p| p.peer).collect()
    }

    /// What arrives from the newest guest; empty before its first session.
    pub fn far_side(&self) -> FarSideReport {
        self.far_sides.report(None).unwrap_or_default()
    }

    /// What arrives from one endpoint.
    pub fn far_side_of(&self, endpoint: &str) -> Option<FarSideReport> {
        self.far_sides.report(Some(endpoint))
    }

    /// The last picture that the far side saw, as JPEG.
    pub fn far_side_jpeg(&self) -> Option<Vec<u8>> {
        self.far_sides.jpeg(None)
    }

    /// From here gaps, tones, lip-sync and decoded frames are counted anew.
    pub fn reset_far_window(&self) {
        self.far_sides.reset_window();
    }

    /// The last XMPP frames of clients, true from the client. Names and tokens are in them.
    pub fn transcript(&self) -> Vec<(bool, String)> {
        self.front.transcript()
    }

    /// Waits until `condition` holds; false when it does not within `bound`.
    pub async fn wait_until(&self, bound: Duration, condition: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + bound;
        while !condition(self) {
            if Instant::now() > end {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Ends everything and waits for it.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn room_jid(&self, room: &str) -> String {
        let prefix = self
            .options
            .tenant
            .as_ref()
            .map(|t| format!("[{}]", t.to_lowercase()))
            .unwrap_or_default();
        format!("{prefix}{room}@{}", self.hosts.muc())
    }

    fn end(&mut self) {
        let _ = self.focus.send(Command::Stop);
        self.bridge.send(BridgeCommand::Stop);
        drop(self.stop.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Conference {
    fn drop(&mut self) {
        self.end();
    }
}
