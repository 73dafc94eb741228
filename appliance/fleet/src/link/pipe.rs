//! Carries bytes between `rumqttc` and the broker, and sees what `rumqttc` does not: a peer that is silent or takes nothing.

use std::io;
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::reason::Reason;
use super::words::Limits;

/// Read at once, bytes.
const CHUNK: usize = 8 * 1024;
/// For the end of TLS.
const FAREWELL: Duration = Duration::from_secs(2);

/// A local socket for `rumqttc` alone: a name in the abstract namespace, which nobody can guess, and no file.
pub(super) struct Door {
    listener: UnixListener,
    name: String,
}

impl Door {
    /// Opens one.
    pub fn open() -> io::Result<Self> {
        let mut random = [0_u8; 16];
        SysRng.try_fill_bytes(&mut random).map_err(io::Error::other)?;
        let name = format!("\0hemicycle-{:032x}", u128::from_be_bytes(random));
        let listener = UnixListener::bind(&name)?;
        Ok(Self { listener, name })
    }

    /// What `rumqttc` connects to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lets one connection of this process in. Whoever else found the name is shut out.
    pub async fn admit(self) -> io::Result<UnixStream> {
        let own = i32::try_from(std::process::id()).ok();
        loop {
            let (stream, _) = self.listener.accept().await?;
            if own.is_some() && stream.peer_cred()?.pid() == own {
                return Ok(stream);
            }
        }
    }
}

/// Carries bytes both ways until one side ends. Nothing when it was ours.
pub(super) async fn carry<S: AsyncRead + AsyncWrite>(remote: S, local: UnixStream, limits: &Limits) -> Option<Reason> {
    let (mut from_remote, mut to_remote) = tokio::io::split(remote);
    let (mut from_local, mut to_local) = local.into_split();
    let up = async {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = match from_local.read(&mut chunk).await {
                Ok(0) | Err(_) => {
                    let _ = timeout(FAREWELL, to_remote.shutdown()).await;
                    return None;
                }
                Ok(read) => read,
            };
            let write = async {
                to_remote.write_all(&chunk[..read]).await?;
                to_remote.flush().await
            };
            match timeout(limits.write, write).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Some(Reason::Cut(error.to_string())),
                Err(_) => return Some(Reason::Stuck),
            }
        }
    };
    let down = async {
        let mut chunk = vec![0; CHUNK];
        let silence = limits.keep_alive + limits.grace;
        loop {
            let read = match timeout(silence, from_remote.read(&mut chunk)).await {
                Ok(Ok(0)) => return Some(Reason::Cut("end of stream".into())),
                Ok(Ok(read)) => read,
                Ok(Err(error)) => return Some(Reason::of_tls(&error)),
                Err(_) => return Some(Reason::Silence),
            };
            // Waits while `rumqttc` does: that is how a broker is slowed down.
            if to_local.write_all(&chunk[..read]).await.is_err() {
                return None;
            }
        }
    };
    tokio::select! {
        reason = up => reason,
        reason = down => reason,
    }
}
