//! The bundle, by HTTPS, on from what is there.

use std::cmp::Ordering;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use fleet::update::DownloadFault;
use openssl::sha::Sha256;
use reqwest::header::{CONTENT_RANGE, RANGE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use rustix::io::Errno;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// The server may be silent so long.
const SILENCE: Duration = Duration::from_secs(60);
/// How often it is seen whether the attempt before has let go of the file.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often it is told how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// Bytes read from disk at a time.
const PIECE: usize = 1 << 20;

/// What is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where it comes from.
    pub url: String,
    /// Bytes.
    pub size: u64,
    /// Hexadecimal.
    pub sha256: String,
}

/// What went wrong, for the update.
type Ended = Result<(), DownloadFault>;

const PASSING: DownloadFault = DownloadFault::Passing { retry_after_ms: 0 };

/// Brings the file to what is wanted; `told` hears now and then how many bytes are there. What is there stays when it ends
/// early, but for a file that turned out to be another one.
///
/// # Errors
/// [`DownloadFault`].
pub async fn download(client: &Client, wanted: &Wanted, file: &Path, told: mpsc::Sender<u64>) -> Ended {
    let mut disk = open(file).await.map_err(|error| of_disk(&error))?;
    let ended = fill(&mut disk, client, wanted, &told).await;
    // What came is there before another attempt looks.
    let kept = disk.sync_all().await.map_err(|error| of_disk(&error));
    let ended = ended.and(kept);
    let useless = matches!(
        ended,
        // On a full disk it takes the room that the state of the update needs.
        Err(DownloadFault::WrongSize | DownloadFault::WrongHash | DownloadFault::NoSpace)
    );
    if useless && let Err(error) = tokio::fs::remove_file(file).await {
        tracing::warn!(%error, "the bundle cannot be removed");
    }
    ended
}

async fn fill(disk: &mut File, client: &Client, wanted: &Wanted, told: &mpsc::Sender<u64>) -> Ended {
    let (mut hash, mut there) = (Sha256::new(), 0);
    let read = read(disk, &mut hash, &mut there).await;
    read.map_err(|error| of_disk(&error))?;
    if there < wanted.size {
        make_room(disk, wanted.size).map_err(|error| of_disk(&error))?;
        let mut response = ask(client, &wanted.url, there).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            // The whole file, from its beginning.
            (hash, there) = (Sha256::new(), 0);
            disk.set_len(0).await.map_err(|error| of_disk(&error))?;
        }
        let mut told_at = Instant::now();
        while there <= wanted.size
            && let Some(piece) = next(&mut response).await?
        {
            there += piece.len() as u64;
            hash.update(&piece);
            disk.write_all(&piece).await.map_err(|error| of_disk(&error))?;
            if told_at.elapsed() >= TOLD_EVERY {
                told_at = Instant::now();
                // Who does not listen any more stops this as well.
                let _ = told.send(there).await;
            }
        }
    }
    match there.cmp(&wanted.size) {
        Ordering::Less => Err(PASSING),
        Ordering::Greater => Err(DownloadFault::WrongSize),
        Ordering::Equal if hexadecimal(&hash.finish()) != wanted.sha256 => Err(DownloadFault::WrongHash),
        Ordering::Equal => Ok(()),
    }
}

/// For one attempt at a time: the last write of one that was stopped may still be on its way.
async fn open(file: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.read(true).append(true).create(true).mode(0o600);
    let disk = options.open(file).await?;
    let locked = async {
        while let Err(error) = flock(&disk, FlockOperation::NonBlockingLockExclusive) {
            if error != Errno::WOULDBLOCK {
                return Err(error.into());
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    };
    timeout(SILENCE, locked)
        .await
        .map_err(|_| std::io::Error::from(ErrorKind::ResourceBusy))
        .flatten()?;
    Ok(disk)
}

/// For all of it, before the first byte; where the file system can tell.
fn make_room(disk: &File, size: u64) -> std::io::Result<()> {
    match fallocate(disk, FallocateFlags::KEEP_SIZE, 0, size) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn read(disk: &mut File, hash: &mut Sha256, there: &mut u64) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match disk.read(&mut piece).await? {
            0 => return Ok(()),
            count => {
                hash.update(piece.get(..count).unwrap_or_default());
                *there += count as u64;
            }
        }
    }
}

async fn ask(client: &Client, url: &str, there: u64) -> Result<Response, DownloadFault> {
    let mut request = client.get(url);
    if there > 0 {
        request = request.header(RANGE, format!("bytes={there}-"));
    }
    let response = match timeout(SILENCE, request.send()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::info!(error = %error.without_url(), "the update server is not reached");
            return Err(PASSING);
        }
        Err(_) => return Err(PASSING),
    };
    let status = response.status();
    match status {
        StatusCode::OK => Ok(response),
        StatusCode::PARTIAL_CONTENT if goes_on_at(&response, there) => Ok(response),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(passing(&response)),
        // It is to stand where the document says.
        _ if status.is_client_error() || status.is_redirection() => Err(DownloadFault::Final {
            status: status.as_u16(),
        }),
        _ => Err(passing(&response)),
    }
}

/// `Content-Range: bytes 1000-1999/2000` (RFC 9110 §14.4).
fn goes_on_at(response: &Response, there: u64) -> bool {
    let range = response
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|value| value.to_str().ok());
    let first = range
        .and_then(|range| range.strip_prefix("bytes "))
        .and_then(|range| range.split('-').next());
    there > 0 && first.and_then(|first| first.parse().ok()) == Some(there)
}

/// `Retry-After` in seconds; a date counts as nothing said (RFC 9110 §10.2.3).
fn passing(response: &Response) -> DownloadFault {
    let after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let seconds: u64 = after.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    DownloadFault::Passing {
        retry_after_ms: seconds.saturating_mul(1_000),
    }
}

async fn next(
    response: &mut Response,
) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, DownloadFault> {
    match timeout(SILENCE, response.chunk()).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(error)) => {
            tracing::info!(error = %error.without_url(), "the download breaks off");
            Err(PASSING)
        }
        Err(_) => Err(PASSING),
    }
}

fn of_disk(error: &std::io::Error) -> DownloadFault {
    tracing::warn!(%error, "the bundle cannot be kept");
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => DownloadFault::NoSpace,
        _ => PASSING,
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
