//! What a web server is to a deployment: room pages, `config.js`, the XMPP WebSocket (proxied and watched), the colibri
//! WebSocket, and pages that show what the far side sees.

mod browser;
mod colibri;
mod config_js;
mod distance;
mod pages;
mod proxy;
mod tenant;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};

use crate::bridge::Bridge;
use crate::browser::Desk;
use crate::error::{Error, Result};
use crate::far_side::FarSides;
use crate::focus::Command;
use crate::options::Options;
use crate::participants::Participants;
use crate::prosody::Hosts;
use crate::verdict::{Verdict, rule};
use crate::watch::ClientWatch;
use pages::Page;

/// What the front needs from the rest.
pub struct Surroundings {
    /// Host names.
    pub hosts: Hosts,
    /// Prosody.
    pub http: SocketAddr,
    /// Options.
    pub options: Options,
    /// For colibri WebSockets.
    pub bridge: Bridge,
    /// For pages.
    pub far_sides: FarSides,
    /// For stamps.
    pub participants: Participants,
    /// The book.
    pub verdict: Verdict,
    /// Answers conference requests.
    pub focus: mpsc::UnboundedSender<Command>,
}

/// A frame that crossed the front: true from the client.
pub type Transcript = VecDeque<(bool, String)>;

/// State of the front.
pub struct Front {
    around: Surroundings,
    /// Address of the front.
    pub address: SocketAddr,
    cut: watch::Sender<u64>,
    closed_until: Mutex<Option<Instant>>,
    frozen_until: watch::Sender<Option<Instant>>,
    resumable: Mutex<HashMap<String, Lost>>,
    /// Streams whose socket is open, by the id with which another socket may take them over.
    live: Mutex<HashMap<String, mpsc::UnboundedSender<oneshot::Sender<ClientWatch>>>>,
    /// What a client does not say means nothing now.
    client_away: AtomicBool,
    refuse_resume: Mutex<bool>,
    transcript: Mutex<Transcript>,
    shard: Mutex<String>,
    requested_by_http: Arc<AtomicBool>,
    keep_alives: AtomicUsize,
    /// Of the real browser, if one comes.
    pub(crate) desk: Desk,
}

/// Frames kept.
const TRANSCRIPT: usize = 4000;

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Front {
    /// Binds, so far away; [`Front::serve`] runs it.
    pub async fn bind(port: u16, round_trip: Duration) -> Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(Error::io("front"))?;
        let address = listener.local_addr().map_err(Error::io("front"))?;
        if round_trip.is_zero() {
            return Ok((listener, address));
        }
        Ok((distance::before(listener, round_trip).await?, address))
    }

    /// Serves until the runtime ends.
    pub fn serve(listener: TcpListener, address: SocketAddr, around: Surroundings) -> Arc<Self> {
        let refuse = around.options.refuse_resume_once;
        let front = Arc::new(Self {
            around,
            address,
            cut: watch::channel(0).0,
            closed_until: Mutex::new(None),
            frozen_until: watch::channel(None).0,
            resumable: Mutex::new(HashMap::new()),
            live: Mutex::new(HashMap::new()),
            client_away: AtomicBool::new(false),
            refuse_resume: Mutex::new(refuse),
            transcript: Mutex::new(VecDeque::new()),
            shard: Mutex::new("stand-in".into()),
            requested_by_http: Arc::default(),
            keep_alives: AtomicUsize::new(0),
            desk: Desk::default(),
        });
        let serving = front.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let front = serving.clone();
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    if let Err(error) = front.connection(stream).await {
                        tracing::debug!(%error, "connection of the front");
                    }
                });
            }
        });
        front
    }

    /// Cuts all XMPP WebSockets without a word, and refuses new ones for `hold`.
    pub fn cut(&self, hold: Duration) {
        *locked(&self.closed_until) = Some(Instant::now() + hold);
        self.cut.send_modify(|generation| *generation += 1);
    }

    /// Nothing crosses for `hold`, in neither direction, on no connection; sockets stay open, as when the network is away.
    pub fn freeze(&self, hold: Duration) {
        self.frozen_until.send_replace(Some(Instant::now() + hold));
    }

    /// Clients cannot reach us, or can again: meanwhile nobody is blamed for silence.
    pub fn set_client_away(&self, away: bool) {
        self.client_away.store(away, Ordering::Relaxed);
    }

    /// The next `<resume/>` is answered with `<failed/>`.
    pub fn refuse_next_resume(&self) {
        *locked(&self.refuse_resume) = true;
    }

    /// Keep-alive requests so far.
    pub fn keep_alives(&self) -> usize {
        self.keep_alives.load(Ordering::Relaxed)
    }

    /// Who answers from now on, in the header `x-jitsi-shard`.
    pub fn set_shard(&self, name: &str) {
        *locked(&self.shard) = name.to_owned();
    }

    /// The last frames that crossed.
    pub fn transcript(&self) -> Vec<(bool, String)> {
        locked(&self.transcript).iter().cloned().collect()
    }

    fn record(&self, from_client: bool, text: &str) {
        let mut transcript = locked(&self.transcript);
        if transcript.len() >= TRANSCRIPT {
            transcript.pop_front();
        }
        transcript.push_back((from_client, text.to_owned()));
    }

    /// BOSH, as it is.
    async fn bosh(&self, mut client: TcpStream) -> Result<()> {
        let mut server = TcpStream::connect(self.around.http)
            .await
            .map_err(Error::io("proxy to Prosody"))?;
        let mut cut = self.cut.subscribe();
        tokio::select! {
            copied = tokio::io::copy_bidirectional(&mut client, &mut server) => {
                copied.map(|_| ()).map_err(Error::io("proxy to Prosody"))
            }
            // As when a cable is pulled: the request is lost, or its answer.
            _ = cut.changed() => Ok(()),
        }
    }

    async fn connection(self: &Arc<Self>, mut stream: TcpStream) -> Result<()> {
        thawed(&self.frozen_until.subscribe()).await;
        let Some(request) = peek_request(&stream).await? else {
            return Ok(());
        };
        let path = request.target.split('?').next().unwrap_or_default().to_owned();
        if request.upgrade {
            if path.ends_with("/xmpp-websocket") && !self.around.options.websocket {
                let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                return stream.write_all(refusal).await.map_err(Error::io("front"));
            }
            if path.ends_with("/xmpp-websocket") {
                if locked(&self.closed_until).is_some_and(|until| Instant::now() < until) {
                    return Ok(());
                }
                if TcpStream::connect(self.around.http).await.is_err() {
                    let gone = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    return stream.write_all(gone).await.map_err(Error::io("front"));
                }
                return proxy::run(self.clone(), stream).await;
            }
            if path.starts_with("/colibri-ws/") {
                return colibri::run(self.around.bridge.clone(), stream).await;
            }
        }
        if request.method == "POST" && path.ends_with("/http-bind") {
            return self.bosh(stream).await;
        }
        let shard = locked(&self.shard).clone();
        if path.starts_with("/browser/") {
            return browser::serve(&self.desk, &shard, stream, request.size, &path).await;
        }
        let mut discard = vec![0u8; request.size];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut discard)
            .await
            .map_err(Error::io("front"))?;
        let response = if request.method == "POST" && path.ends_with("/conference-request/v1") {
            self.conference_request(&mut stream, &request).await?
        } else {
            pages::respond(&self.around, self.address, &request.method, &request.target)
        };
        let response = response.bytes(&shard);
        stream.write_all(&response).await.map_err(Error::io("front"))?;
        if path.ends_with("/_unlock") || path.ends_with("/xmpp-websocket") {
            self.keep_alives.fetch_add(1, Ordering::Relaxed);
        }
        stream.shutdown().await.map_err(Error::io("front"))
    }
}

/// A stream whose socket was lost.
struct Lost {
    at: Instant,
    watch: ClientWatch,
}

impl Lost {
    /// The server has not forgotten it.
    fn kept(&self) -> bool {
        self.at.elapsed() < HIBERNATION
    }
}

/// As in the configuration of Prosody.
const HIBERNATION: Duration = Duration::from_secs(60);

/// Waits while the front is frozen.
async fn thawed(frozen_until: &watch::Receiver<Option<Instant>>) {
    let until = *frozen_until.borrow();
    if let Some(until) = until {
        tokio::time::sleep_until(until.into()).await;
    }
}

/// Longest body that is read.
const MAX_BODY: usize = 64 << 10;

impl Front {
    /// The conference request by HTTP: the focus answers it.
    async fn conference_request(&self, stream: &mut TcpStream, request: &RequestHead) -> Result<Page> {
        if !request.target.contains("room=") {
            self.around
                .verdict
                .broken(rule::ROOM_PARAMETER, "room= is missing on the conference request");
        }
        let length = request.header("content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0u8; length.unwrap_or(0).min(MAX_BODY)];
        tokio::io::AsyncReadExt::read_exact(stream, &mut body)
            .await
            .map_err(Error::io("front"))?;
        let bearer = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(str::to_owned);
        let (reply, answer) = oneshot::channel();
        let _ = self.around.focus.send(Command::HttpRequest {
            body: String::from_utf8_lossy(&body).into_owned(),
            bearer,
            reply,
        });
        self.requested_by_http.store(true, Ordering::Relaxed);
        let (status, body) = answer.await.unwrap_or((503, "{}".into()));
        Ok(Page::new(
            &format!("{status} Answer"),
            "application/json",
            body.as_bytes(),
        ))
    }
}

/// The head of an HTTP request.
struct RequestHead {
    /// All of it.
    text: String,
    method: String,
    target: String,
    upgrade: bool,
    size: usize,
}

impl RequestHead {
    /// A header by its lower-case name.
    fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim().to_ascii_lowercase() == name).then(|| value.trim())
        })
    }
}

/// Reads the head without taking it, so that a WebSocket handshake can still be done on it.
async fn peek_request(stream: &TcpStream) -> Result<Option<RequestHead>> {
    let mut buffer = vec![0u8; 16 * 1024];
    for _ in 0..2000 {
        let size = stream.peek(&mut buffer).await.map_err(Error::io("front"))?;
        if size == 0 {
            return Ok(None);
        }
        if let Some(end) = buffer[..size].windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let mut first = head.lines().next().unwrap_or_default().split(' ');
            let method = first.next().unwrap_or_default().to_owned();
            let target = first.next().unwrap_or("/").to_owned();
            let upgrade = head.lines().any(|line| {
                let line = line.to_ascii_lowercase();
                line.starts_with("upgrade:") && line.contains("websocket")
            });
            return Ok(Some(RequestHead {
                method,
                target,
                upgrade,
                text: head,
                size: end + 4,
            }));
        }
        if size == buffer.len() {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(None)
}
