//! An HTTP proxy that knows `CONNECT` only, counts, and can refuse.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::services::Services;

/// Longest head of a request.
const MAX_HEAD: usize = 8 * 1024;

/// How it answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Everybody.
    All,
    /// Whoever brings this `Proxy-Authorization`; others get 407.
    Only(String),
    /// 403 to everybody.
    Nobody,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    tunnels: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Proxy {
    /// Starts it.
    ///
    /// # Errors
    /// No listener.
    pub fn start(services: &Services, address: Ipv4Addr, answer: Answer) -> std::io::Result<Self> {
        let (listener, address) = services.listen((address, 0).into())?;
        let tunnels = Arc::<Mutex<BTreeMap<String, u64>>>::default();
        let counted = tunnels.clone();
        services.handle().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, counted) = (answer.clone(), counted.clone());
                // A client or server that went away ends its tunnel only.
                tokio::spawn(async move { serve(stream, &answer, &counted).await });
            }
        });
        Ok(Self { address, tunnels })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many tunnels led where (`host:port`).
    pub fn tunnels(&self) -> BTreeMap<String, u64> {
        self.tunnels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(mut client: TcpStream, answer: &Answer, tunnels: &Mutex<BTreeMap<String, u64>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let authority = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    let allowed = match answer {
        Answer::All => Ok(()),
        Answer::Nobody => Err("403 Forbidden"),
        Answer::Only(value)
            if head.contains(&format!("authorization: {value}\r\n"))
                || head.contains(&format!("Authorization: {value}\r\n")) =>
        {
            Ok(())
        }
        Answer::Only(_) => Err("407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\""),
    };
    let refusal = match (allowed, authority) {
        (Err(refusal), _) => refusal,
        (Ok(()), None) => "405 Method Not Allowed",
        (Ok(()), Some(authority)) => match TcpStream::connect(authority).await {
            Ok(mut server) => {
                *tunnels
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .entry(authority.to_owned())
                    .or_default() += 1;
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await?;
                return Ok(());
            }
            Err(_) => "502 Bad Gateway",
        },
    };
    let words = format!("HTTP/1.1 {refusal}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    client.write_all(words.as_bytes()).await
}
