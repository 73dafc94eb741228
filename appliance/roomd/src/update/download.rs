//! The bundle, by HTTPS, on from what is there.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use fleet::update::DownloadFault;
use openssl::sha::Sha256;
use reqwest::header::{CONTENT_RANGE, RANGE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// The server may be silent so long.
const SILENCE: Duration = Duration::from_secs(60);
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
    let (mut hash, mut there) = (Sha256::new(), 0);
    let mut disk = open(file).await.map_err(|error| of_disk(&error))?;
    if let Err(error) = read(&mut disk, &mut hash, &mut there).await {
        return Err(of_disk(&error));
    }
    if there > wanted.size {
        disk.set_len(0).await.map_err(|error| of_disk(&error))?;
        return Err(DownloadFault::WrongSize);
    }
    if there < wanted.size {
        let mut response = ask(client, &wanted.url, there).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            // The whole file, from its beginning.
            (hash, there) = (Sha256::new(), 0);
            disk = anew(file).await.map_err(|error| of_disk(&error))?;
        }
        let mut told_at = Instant::now();
        while let Some(piece) = next(&mut response).await? {
            there += piece.len() as u64;
            if there > wanted.size {
                disk.set_len(0).await.map_err(|error| of_disk(&error))?;
                return Err(DownloadFault::WrongSize);
            }
            hash.update(&piece);
            if let Err(error) = disk.write_all(&piece).await {
                let fault = of_disk(&error);
                if fault == DownloadFault::NoSpace {
                    // What is there takes the room that the state of the update needs.
                    disk.set_len(0).await.map_err(|error| of_disk(&error))?;
                }
                return Err(fault);
            }
            if told_at.elapsed() >= TOLD_EVERY {
                told_at = Instant::now();
                // Who does not listen any more stops this as well.
                let _ = told.send(there).await;
            }
        }
        disk.flush().await.map_err(|error| of_disk(&error))?;
        disk.sync_all().await.map_err(|error| of_disk(&error))?;
    }
    if there < wanted.size {
        return Err(PASSING);
    }
    if hexadecimal(&hash.finish()) != wanted.sha256 {
        disk.set_len(0).await.map_err(|error| of_disk(&error))?;
        return Err(DownloadFault::WrongHash);
    }
    Ok(())
}

async fn open(file: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)
        .await
}

async fn anew(file: &Path) -> std::io::Result<File> {
    let disk = open(file).await?;
    disk.set_len(0).await?;
    Ok(disk)
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
        _ if status.is_client_error() => Err(DownloadFault::Final {
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
