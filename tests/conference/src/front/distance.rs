//! Distance: everything between client and front takes half a round trip each way, and a new connection one more before
//! its first byte arrives, as the handshake of TCP takes it on a real road.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::{Error, Result};

/// Puts the distance before a listener; the returned one is to be served.
pub(super) async fn before(public: TcpListener, round_trip: Duration) -> Result<TcpListener> {
    let near = TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(Error::io("distance"))?;
    let address = near.local_addr().map_err(Error::io("distance"))?;
    tokio::spawn(async move {
        while let Ok((client, _)) = public.accept().await {
            let Ok(front) = TcpStream::connect(address).await else {
                return;
            };
            let _ = (client.set_nodelay(true), front.set_nodelay(true));
            let connected = Instant::now() + round_trip;
            let (from_client, to_client) = client.into_split();
            let (from_front, to_front) = front.into_split();
            tokio::spawn(carry(from_client, to_front, connected, round_trip / 2));
            tokio::spawn(carry(from_front, to_client, connected, round_trip / 2));
        }
    });
    Ok(near)
}

/// One direction of a connection; its end takes the same time as its bytes.
async fn carry(
    mut from: impl AsyncRead + Unpin + Send + 'static,
    mut to: impl AsyncWrite + Unpin,
    connected: Instant,
    delay: Duration,
) {
    let (put, mut take) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reader = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let size = from.read(&mut buffer).await.unwrap_or(0);
            let due = Instant::now().max(connected) + delay;
            if put.send((due, buffer[..size].to_vec())).is_err() || size == 0 {
                return;
            }
        }
    });
    while let Some((due, bytes)) = take.recv().await {
        tokio::time::sleep_until(due).await;
        if bytes.is_empty() || to.write_all(&bytes).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
    reader.abort();
}
