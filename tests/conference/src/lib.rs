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
pub mod clock;
mod error;
pub mod far_side;
pub mod focus;
mod front;
mod options;
mod participants;
pub mod peers;
mod prosody;
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
pub use far_side::{FarSideReport, KeyFrameRequest, LayerReport};
pub use focus::sources::Media;
pub use focus::{ConferenceReply, Impostor};
pub use options::{ConfigStyle, Options};
pub use participants::Participant;
pub use verdict::{BrokenRule, rule};

use bridge::{Bridge, BridgeCommand, BridgeSurroundings};
use far_side::FarSides;
use focus::{Command, Focus};
use front::Front;
use participants::Participants;
use peers::Registry;
use prosody::{Hosts, Prosody};
use verdict::Verdict;

/// A running conference. It ends when dropped, or with [`Conference::shutdown`].
pub struct Conference {
    options: Options,
    hosts: Hosts,
    front: Arc<Front>,
    bridge: Bridge,
    focus: mpsc::UnboundedSender<Command>,
    participants: Participants,
    far_sides: FarSides,
    verdict: Verdict,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// What the main thread of the conference hands over once it runs.
struct Started {
    front: Arc<Front>,
    focus: mpsc::UnboundedSender<Command>,
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
        let (participants, far_sides, verdict) = (Participants::default(), FarSides::default(), Verdict::default());
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
        format!("http://{}/{tenant}{room}", self.front.address)
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

    /// A moderator mutes the guest, as the focus passes it on.
    pub fn mute(&self, media: Media) {
        self.to_guest(|nick| Command::Mute { nick, media });
    }

    /// Somebody who may not mutes the guest: it must not obey.
    pub fn mute_by_impostor(&self, media: Media, impostor: Impostor) {
        self.to_guest(|nick| Command::MuteByImpostor { nick, media, impostor });
    }

    /// A peer stops sending (its presence stays).
    pub fn mute_peer(&self, nick: &str, media: Media, muted: bool) {
        self.bridge.send(BridgeCommand::PeerMuted {
            nick: nick.into(),
            media,
            muted,
        });
    }

    /// Puts the guest out of the room.
    pub fn kick(&self, reason: &str) {
        let reason = reason.to_owned();
        self.to_guest(|nick| Command::Kick { nick, reason });
    }

    /// Ends the meeting for all.
    pub fn destroy(&self, reason: &str) {
        self.ask(Command::Destroy { reason: reason.into() });
    }

    /// Sets or clears the password of a room.
    pub fn set_password(&self, room: &str, password: Option<&str>) {
        self.ask(Command::SetPassword {
            room: self.room_jid(room),
            password: password.map(str::to_owned),
        });
    }

    /// Moves the guest's session: "moving", then a new session-initiate.
    pub fn move_session(&self) {
        self.to_guest(|nick| Command::Move { nick });
    }

    /// Ends the guest's session as idle; the next arrival (or [`Conference::add_peer`]) brings a new one.
    pub fn expire(&self) {
        self.to_guest(|nick| Command::ExpireSession { nick });
    }

    /// Sends Jingle with an unknown sid and with an unknown action; the client answers with the right errors.
    pub fn probe_errors(&self) {
        self.to_guest(|nick| Command::ProbeErrors { nick });
    }

    /// A peer invites the guest past the focus; it must be declined.
    pub fn invite_directly(&self) {
        self.to_guest(|nick| Command::InviteDirectly { nick });
    }

    /// Makes an endpoint the dominant speaker.
    pub fn set_dominant_speaker(&self, nick: &str) {
        self.bridge.send(BridgeCommand::Dominant { endpoint: nick.into() });
    }

    /// SenderSourceConstraints for all video sources of the guest: short side, 0 nothing, -1 no limit.
    pub fn sender_source_constraints(&self, max_height: i32) {
        self.to_bridge(|endpoint| BridgeCommand::SenderConstraints {
            endpoint,
            source: None,
            max_height,
        });
    }

    /// PLI (or FIR) for a layer of the guest's first video source, 0 is the lowest.
    pub fn request_key_frame(&self, layer: usize, fir: bool) {
        self.to_bridge(|endpoint| BridgeCommand::KeyFrame { endpoint, layer, fir });
    }

    /// Loses and delays datagrams of one direction from now on.
    pub fn fault(&self, direction: Direction, fault: Fault) {
        self.bridge.send(BridgeCommand::Fault { direction, fault });
    }

    /// Loses this fraction of the datagrams of one direction.
    pub fn drop_fraction(&self, direction: Direction, loss: f64) {
        self.fault(
            direction,
            Fault {
                loss,
                ..Fault::default()
            },
        );
    }

    /// The bridge neither hears nor answers the guest any more, or does again.
    pub fn silence(&self, on: bool) {
        self.to_bridge(|endpoint| BridgeCommand::Silence { endpoint, on });
    }

    /// Exchanges the SSRCs of two received sources in mid call (SSRC rewriting).
    pub fn remap_source(&self, source: Option<&str>) {
        let source = source.map(str::to_owned);
        self.to_bridge(|endpoint| BridgeCommand::Remap { endpoint, source });
    }

    /// A peer asks the guest for an e2e-ping-response.
    pub fn end_to_end_ping(&self) {
        self.to_bridge(|endpoint| BridgeCommand::EndToEndPing { endpoint });
    }

    /// Sends a text on the guest's bridge channel as it is.
    pub fn say(&self, text: &str) {
        let text = text.to_owned();
        self.to_bridge(|endpoint| BridgeCommand::Say { endpoint, text });
    }

    /// Cuts the XMPP WebSocket of every client without a word, and refuses new ones for `hold`.
    pub fn cut_websocket(&self, hold: Duration) {
        self.front.cut(hold);
    }

    /// The next `<resume/>` is refused.
    pub fn refuse_next_resume(&self) {
        self.front.refuse_next_resume();
    }

    /// A new peer in `room`; its nick once it is in.
    pub async fn add_peer(&self, room: &str, name: Option<&str>) -> Option<String> {
        let (reply, nick) = oneshot::channel();
        let command = Command::AddPeer {
            room: self.room_jid(room),
            name: name.map(str::to_owned),
            reply: Some(reply),
        };
        self.ask(command);
        tokio::time::timeout(Duration::from_secs(15), nick).await.ok()?.ok()
    }

    /// A peer leaves.
    pub fn remove_peer(&self, nick: &str) {
        self.ask(Command::RemovePeer { nick: nick.into() });
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

    fn ask(&self, command: Command) {
        let _ = self.focus.send(command);
    }

    fn to_guest(&self, command: impl FnOnce(String) -> Command) {
        if let Some(guest) = self.guest() {
            self.ask(command(guest.nick));
        }
    }

    fn to_bridge(&self, command: impl FnOnce(String) -> BridgeCommand) {
        if let Some(guest) = self.guest() {
            self.bridge.send(command(guest.nick));
        }
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

/// A conference whose main thread is on its way.
struct Half {
    options: Options,
    hosts: Hosts,
    bridge: Bridge,
    participants: Participants,
    far_sides: FarSides,
    verdict: Verdict,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Half {
    fn run(mut self) -> Result<(Self, oneshot::Receiver<Result<Started>>)> {
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

    fn with(mut self, started: Started) -> Conference {
        Conference {
            options: self.options.clone(),
            hosts: self.hosts.clone(),
            front: started.front,
            bridge: self.bridge.clone(),
            focus: started.focus,
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
        let prosody = match Prosody::start(&self.hosts, self.options.token_secret.as_deref(), secret).await {
            Ok(prosody) => prosody,
            Err(error) => return drop(ready.send(Err(error))),
        };
        match self.parts(&prosody).await {
            Ok(started) => {
                if ready.send(Ok(started)).is_ok() {
                    let _ = stopped.await;
                }
            }
            Err(error) => {
                tracing::error!(log = prosody.log_tail(), "prosody");
                drop(ready.send(Err(error)));
            }
        }
        prosody.stop().await;
    }

    async fn parts(&self, prosody: &Prosody) -> Result<Started> {
        let (listener, address) = Front::bind(self.options.port).await?;
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
                bridge: self.bridge.clone(),
                far_sides: self.far_sides.clone(),
                participants: self.participants.clone(),
                verdict: self.verdict.clone(),
            },
        );
        Ok(Started { front, focus })
    }
}
