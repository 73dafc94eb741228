//! Files that are put there.

use std::collections::BTreeSet;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::locked;

/// Longest file that is read at all.
const LONGEST: usize = 16 * 1024 * 1024;

/// How files are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Manner {
    /// Each address takes one; a second one is told that it has gone (410).
    #[default]
    Once,
    /// None is, with this status.
    Refuses(u16),
    /// Another address is named (307).
    Elsewhere(String),
    /// The request is read and never answered.
    Stalls,
    /// Longer ones are refused (413).
    AtMost(usize),
}

/// A file that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Path of its address.
    pub path: String,
    /// `content-type`.
    pub kind: String,
    /// The file.
    pub body: Vec<u8>,
}

#[derive(Default)]
pub struct Taking {
    manner: Mutex<Manner>,
    gone: Mutex<BTreeSet<String>>,
    taken: Mutex<Vec<Taken>>,
}

impl Taking {
    pub fn behave(&self, manner: Manner) {
        *locked(&self.manner) = manner;
    }

    pub fn taken(&self) -> Vec<Taken> {
        locked(&self.taken).clone()
    }

    /// `head`: in small letters.
    pub async fn serve(&self, mut stream: TcpStream, head: &str) -> std::io::Result<()> {
        let field = |name: &str| {
            let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.unwrap_or_default().trim().to_owned()
        };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let length: usize = field("content-length").parse().unwrap_or(0);
        let manner = locked(&self.manner).clone();
        let mut body = vec![0; length.min(LONGEST)];
        stream.read_exact(&mut body).await?;
        let (status, more) = match manner {
            Manner::Stalls => return std::future::pending().await,
            Manner::Refuses(status) => (status, String::new()),
            Manner::Elsewhere(url) => (307, format!("Location: {url}\r\n")),
            Manner::AtMost(most) if length > most => (413, String::new()),
            Manner::Once | Manner::AtMost(_) => {
                if locked(&self.gone).insert(path.clone()) {
                    let kind = field("content-type");
                    locked(&self.taken).push(Taken { path, kind, body });
                    (201, String::new())
                } else {
                    (410, String::new())
                }
            }
        };
        let answer = format!("HTTP/1.1 {status} Told\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await
    }
}
