//! A server that does what no real server can be made to do wrong: `config.js` and an XMPP WebSocket out of a script, no
//! Prosody, no media. It has a thread of its own and ends when dropped.

mod script;
mod serve;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use script::{Act, Answer, CLIENT, DOMAIN, FOCUS_USER, Page, Script, answer, invitation, occupant};

use crate::error::{Error, Result};

/// Frames of clients that are kept.
const KEPT: usize = 10_000;

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    frames: Vec<String>,
    connections: usize,
    done: usize,
}

/// A running scripted server.
pub struct ScriptedServer {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedServer {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port, no thread.
    pub fn start(script: Script) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("scripted server"))?;
        listener.set_nonblocking(true).map_err(Error::io("scripted server"))?;
        let address = listener.local_addr().map_err(Error::io("scripted server"))?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = serve::Server {
            address,
            script: Arc::new(script),
            seen: seen.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::io("runtime"))?;
        let thread = std::thread::Builder::new()
            .name("scripted".into())
            .spawn(move || {
                runtime.block_on(async move {
                    tokio::select! {
                        () = server.run(listener) => {}
                        _ = stopped => {}
                    }
                });
            })
            .map_err(Error::io("scripted server"))?;
        Ok(Self {
            address,
            seen,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The URL of a room.
    pub fn room_url(&self, room: &str) -> String {
        format!("http://{}/{room}", self.address)
    }

    /// What clients have said, in order.
    pub fn said(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).frames.clone()
    }

    /// WebSockets that were opened.
    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).connections
    }

    /// How much of [`Script::then`] is done: so many acts.
    pub fn acts_done(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).done
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Seen {
    fn frame(&mut self, text: String) {
        if self.frames.len() < KEPT {
            self.frames.push(text);
        }
    }
}
