//! A component of XEP-0114: how the focus is connected to Prosody.

use std::net::SocketAddr;
use std::time::Duration;

use minidom::Element;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::xml::{self, Piece, Splitter};
use crate::xmpp::ns;

/// For the server's part of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// Sends stanzas as a component. Cheap to clone; the connection ends when the last clone is gone.
#[derive(Clone)]
pub struct Component(mpsc::UnboundedSender<String>);

/// The stanzas that arrive, parsed as if in `jabber:client`.
pub type ComponentEvents = mpsc::UnboundedReceiver<Element>;

impl Component {
    /// Connects and authenticates.
    pub async fn connect(address: SocketAddr, name: &str, secret: &str) -> Result<(Self, ComponentEvents)> {
        Self::open(address, name, secret, true).await
    }

    /// The same for who wants to hear nothing.
    pub async fn connect_deaf(address: SocketAddr, name: &str, secret: &str) -> Result<Self> {
        Ok(Self::open(address, name, secret, false).await?.0)
    }

    async fn open(address: SocketAddr, name: &str, secret: &str, listens: bool) -> Result<(Self, ComponentEvents)> {
        let opened = tokio::time::timeout(HANDSHAKE, Self::shake_hands(address, name, secret, listens));
        opened
            .await
            .map_err(|_| Error::Xmpp("no answer to the component's handshake".into()))?
    }

    async fn shake_hands(
        address: SocketAddr,
        name: &str,
        secret: &str,
        listens: bool,
    ) -> Result<(Self, ComponentEvents)> {
        let mut socket = TcpStream::connect(address).await.map_err(Error::io("component port"))?;
        socket.set_nodelay(true).map_err(Error::io("component port"))?;
        let open = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
             xmlns:stream='http://etherx.jabber.org/streams' to='{name}'>"
        );
        socket
            .write_all(open.as_bytes())
            .await
            .map_err(Error::io("component stream"))?;
        let mut splitter = Splitter::default();
        let mut buffer = vec![0u8; 16 * 1024];
        let mut rest = Vec::new();
        let mut opened = false;
        'handshake: loop {
            let n = socket.read(&mut buffer).await.map_err(Error::io("component stream"))?;
            if n == 0 {
                return Err(Error::Xmpp("component stream closed in the handshake".into()));
            }
            let pieces = splitter.push(&buffer[..n]).map_err(|e| Error::Xmpp(e.to_string()))?;
            let mut pieces = pieces.into_iter();
            while let Some(piece) = pieces.next() {
                match piece {
                    Piece::Open(tag) => {
                        let reply = format!("<handshake>{}</handshake>", proof(&stream_id(&tag), secret));
                        socket
                            .write_all(reply.as_bytes())
                            .await
                            .map_err(Error::io("component stream"))?;
                        opened = true;
                    }
                    Piece::Stanza(text) if opened && text.starts_with("<handshake") => {
                        rest.extend(pieces);
                        break 'handshake;
                    }
                    other => return Err(Error::Xmpp(format!("component refused: {other:?}"))),
                }
            }
        }
        let (send, mut outgoing) = mpsc::unbounded_channel::<String>();
        let (events, incoming) = mpsc::unbounded_channel();
        deliver(rest, &events);
        let (mut read, mut write) = socket.into_split();
        tokio::spawn(async move {
            while let Some(text) = outgoing.recv().await {
                if write.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            let _ = write.write_all(b"</stream:stream>").await;
            let _ = write.shutdown().await;
        });
        tokio::spawn(async move {
            loop {
                match read.read(&mut buffer).await {
                    Ok(n) if n > 0 && !listens => {}
                    Ok(n) if n > 0 => match splitter.push(&buffer[..n]) {
                        Ok(pieces) => deliver(pieces, &events),
                        Err(error) => return tracing::error!(%error, "component stream"),
                    },
                    _ => return,
                }
            }
        });
        Ok((Self(send), incoming))
    }

    /// Sends one stanza.
    pub fn send(&self, stanza: impl Into<String>) {
        let stanza = stanza.into();
        tracing::trace!(stanza, "component sends");
        let _ = self.0.send(stanza);
    }
}

fn deliver(pieces: Vec<Piece>, events: &mpsc::UnboundedSender<Element>) {
    for piece in pieces {
        if let Piece::Stanza(text) = piece {
            match xml::parse_in(&text, ns::CLIENT) {
                Ok(element) => drop(events.send(element)),
                Err(error) => tracing::error!(%error, "stanza for a component"),
            }
        }
    }
}

fn stream_id(tag: &str) -> String {
    for quote in ['\'', '"'] {
        if let Some((_, rest)) = tag.split_once(&format!(" id={quote}")) {
            return rest.split(quote).next().unwrap_or_default().to_owned();
        }
    }
    String::new()
}

fn proof(id: &str, secret: &str) -> String {
    let hash = Sha1::digest(format!("{id}{secret}").as_bytes());
    hash.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_is_that_of_xep_0114() {
        assert_eq!(stream_id("<stream:stream xmlns='a' id='3BF96D32'>"), "3BF96D32");
        assert_eq!(proof("", "").as_str(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    }
}
