//! A TCP line to the broker that somebody can cut.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Error;

/// How the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Bytes pass.
    Open,
    /// Nothing passes, nobody is told: what a firewall does that has forgotten a connection.
    Frozen,
    /// Connections end, new ones as well.
    Cut,
}

/// A line.
pub struct Line {
    port: u16,
    state: watch::Sender<State>,
    /// Bytes that may still pass to the broker before the line is cut.
    left: Arc<AtomicU64>,
    carried: Arc<AtomicU64>,
}

impl Line {
    /// From a port of its own to this one.
    ///
    /// # Errors
    /// No port.
    pub async fn to(port: u16) -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let own = listener.local_addr()?.port();
        let (state, watched) = watch::channel(State::Open);
        let left = Arc::new(AtomicU64::new(u64::MAX));
        let carried = Arc::new(AtomicU64::new(0));
        let (budget, count) = (left.clone(), carried.clone());
        let sender = state.clone();
        tokio::spawn(async move {
            let mut over = watched.clone();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = sender_gone(&mut over) => return,
                };
                let Ok((near, _)) = accepted else { return };
                let (watched, budget, count, sender) = (watched.clone(), budget.clone(), count.clone(), sender.clone());
                tokio::spawn(async move {
                    if *watched.borrow() == State::Cut {
                        return;
                    }
                    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
                        return;
                    };
                    let (near_in, near_out) = near.into_split();
                    let (far_in, far_out) = far.into_split();
                    let (endless, uncounted) = (AtomicU64::new(u64::MAX), AtomicU64::new(0));
                    tokio::select! {
                        () = carry(near_in, far_out, watched.clone(), &budget, &count, &sender) => {}
                        () = carry(far_in, near_out, watched.clone(), &endless, &uncounted, &sender) => {}
                        () = cut(watched) => {}
                    }
                });
            }
        });
        Ok(Self {
            port: own,
            state,
            left,
            carried,
        })
    }

    /// Where it begins.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How it shall be from now on.
    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }

    /// Lets so many bytes more pass to the broker; with the next one it is cut.
    pub fn cut_after(&self, bytes: u64) {
        self.left.store(bytes, Ordering::SeqCst);
        self.state.send_replace(State::Open);
    }

    /// Open, without an end.
    pub fn mend(&self) {
        self.cut_after(u64::MAX);
    }

    /// Bytes that have passed to the broker.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::SeqCst)
    }
}

async fn sender_gone(state: &mut watch::Receiver<State>) {
    while state.changed().await.is_ok() {}
}

async fn cut(mut state: watch::Receiver<State>) {
    let _ = state.wait_for(|state| *state == State::Cut).await;
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<State>,
    left: &AtomicU64,
    carried: &AtomicU64,
    sender: &watch::Sender<State>,
) {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        if state.wait_for(|state| *state == State::Open).await.is_err() {
            return;
        }
        let Ok(read @ 1..) = from.read(&mut chunk).await else {
            return;
        };
        if state.wait_for(|state| *state == State::Open).await.is_err() {
            return;
        }
        let allowed = left.load(Ordering::SeqCst).min(read as u64);
        let passing = usize::try_from(allowed).unwrap_or(read);
        if to.write_all(&chunk[..passing]).await.is_err() {
            return;
        }
        carried.fetch_add(allowed, Ordering::SeqCst);
        if left.load(Ordering::SeqCst) != u64::MAX && left.fetch_sub(allowed, Ordering::SeqCst) == allowed {
            sender.send_replace(State::Cut);
            return;
        }
    }
}
