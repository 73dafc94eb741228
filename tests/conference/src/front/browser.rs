//! `/browser/`: the files of the real browser's page, and its reports.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::pages::response;
use crate::browser::{Desk, page};
use crate::error::{Error, Result};

/// Answers one request whose head has `head` bytes.
pub(super) async fn serve(desk: &Desk, shard: &str, mut stream: TcpStream, head: usize, path: &str) -> Result<()> {
    let mut text = vec![0u8; head];
    stream.read_exact(&mut text).await.map_err(Error::io("front"))?;
    let text = String::from_utf8_lossy(&text);
    let answer = match path {
        "/browser/report" => {
            let length = content_length(&text).min(page::LONGEST_REPORT);
            let mut body = vec![0u8; length];
            stream.read_exact(&mut body).await.map_err(Error::io("front"))?;
            page::report(desk, &body).map(|orders| ("application/json", orders))
        }
        _ => page::file(desk, path.trim_start_matches("/browser/")),
    };
    let answer = match answer {
        Some((kind, body)) => response("200 OK", kind, &body),
        None => response("404 Not Found", "text/plain", b""),
    };
    stream
        .write_all(&answer.bytes(shard))
        .await
        .map_err(Error::io("front"))?;
    stream.shutdown().await.map_err(Error::io("front"))
}

fn content_length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}
