//! A server by HTTPS: of one file, with ranges (RFC 9110 §14), that can be slow, break off, or have nothing; and for files
//! that are put there, each address once.

mod taking;

pub use taking::{Manner, Taken};

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::closed_network::{Authority, Services, secure_front};

/// Bytes that leave at a time.
const PIECE: usize = 16 * 1024;
/// Longest request.
const HEAD: usize = 16 * 1024;

/// The server.
pub struct Files {
    shared: Arc<Shared>,
    authority: Authority,
    address: SocketAddr,
    _services: Services,
}

#[derive(Default)]
struct Shared {
    content: Mutex<Vec<u8>>,
    habits: Mutex<Habits>,
    /// First byte of each request.
    asked: Mutex<Vec<usize>>,
    taking: taking::Taking,
}

/// How it serves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Habits {
    /// Hangs up after so many bytes of a body, once.
    pub breaks_off: Option<usize>,
    /// Waits so long between two pieces of 16 KiB.
    pub pause: Duration,
    /// Says that there is nothing (404).
    pub empty: bool,
}

impl Files {
    /// On a free port of the loopback.
    ///
    /// # Errors
    /// No port, no certificate.
    pub fn start() -> std::io::Result<Self> {
        let (services, authority, shared) = (Services::start()?, Authority::new()?, Arc::<Shared>::default());
        let host = IpAddr::from(Ipv4Addr::LOCALHOST);
        let (plain, front) = services.listen((host, 0).into())?;
        let serving = shared.clone();
        services.handle().spawn(async move {
            while let Ok((stream, _)) = plain.accept().await {
                let shared = serving.clone();
                tokio::spawn(async move {
                    // Who hangs up early is told nothing.
                    let _ended = serve(stream, &shared).await;
                });
            }
        });
        let (listener, address) = services.listen((host, 0).into())?;
        secure_front(&services, listener, &authority.identity(host)?, front)?;
        Ok(Self {
            shared,
            authority,
            address,
            _services: services,
        })
    }

    /// The file of its authority.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where the file is.
    pub fn url(&self) -> String {
        format!("https://{}/bundle", self.address)
    }

    /// Another content.
    pub fn put(&self, content: Vec<u8>) {
        *locked(&self.shared.content) = content;
    }

    /// Other habits, from the next request on.
    pub fn behave(&self, habits: Habits) {
        *locked(&self.shared.habits) = habits;
    }

    /// Where a file can be put.
    pub fn place(&self, name: &str) -> String {
        format!("https://{}/{name}", self.address)
    }

    /// How files are taken, from the next one on.
    pub fn take(&self, manner: Manner) {
        self.shared.taking.behave(manner);
    }

    /// What was put there, in its order.
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taking.taken()
    }

    /// First byte of each request so far.
    pub fn asked(&self) -> Vec<usize> {
        locked(&self.shared.asked).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    if head.starts_with("put ") {
        return shared.taking.serve(stream, &head).await;
    }
    let range = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
    let from: usize = range
        .and_then(|range| range.trim_end_matches('-').parse().ok())
        .unwrap_or(0);
    let habits = {
        let mut habits = locked(&shared.habits);
        let now = *habits;
        habits.breaks_off = None;
        now
    };
    if habits.empty {
        return stream
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await;
    }
    let content = locked(&shared.content).clone();
    let (whole, body) = (content.len(), content.get(from..).unwrap_or_default());
    let status = match from {
        0 => "200 OK".to_owned(),
        _ => format!(
            "206 Partial Content\r\nContent-Range: bytes {from}-{}/{whole}",
            whole.saturating_sub(1)
        ),
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    if head.starts_with("head ") {
        return Ok(());
    }
    locked(&shared.asked).push(from);
    let mut left = habits.breaks_off.unwrap_or(usize::MAX);
    for piece in body.chunks(PIECE) {
        let piece = piece.get(..left.min(piece.len())).unwrap_or_default();
        stream.write_all(piece).await?;
        left -= piece.len();
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(habits.pause).await;
    }
    stream.flush().await
}
