//! Something with a certificate of our authority that is no broker: it says what it is told, byte for byte.

use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use openssl::ssl::{Ssl, SslContext, SslMethod, SslVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;

use crate::Error;
use crate::authority::Credentials;

/// CONNACK: accepted, no session, no properties.
pub const ACCEPTED: &[u8] = &[0x20, 3, 0, 0, 0];

#[derive(Debug, Clone, Default)]
struct Script {
    bytes: Vec<u8>,
    hangs_up: bool,
}

/// An impostor. It answers every CONNECT with the same bytes and waits for the end.
pub struct Impostor {
    port: u16,
    script: Arc<Mutex<Script>>,
}

impl Impostor {
    /// Listens, with this certificate.
    ///
    /// # Errors
    /// No port; OpenSSL's.
    pub async fn start(identity: &Credentials) -> Result<Self, Error> {
        let mut context = SslContext::builder(SslMethod::tls_server())?;
        context.set_min_proto_version(Some(SslVersion::TLS1_3))?;
        if let Some(own) = identity.chain.first() {
            context.set_certificate(own)?;
        }
        context.set_private_key(&identity.key)?;
        let context = context.build();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let script = Arc::new(Mutex::new(Script::default()));
        let says = script.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let says = says.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let context = context.clone();
                tokio::spawn(async move { serve(&context, stream, &says).await });
            }
        });
        Ok(Self { port, script })
    }

    /// What it says from now on, after the first bytes of whoever comes.
    pub fn say(&self, bytes: Vec<u8>) {
        self.set(Script { bytes, hangs_up: false });
    }

    /// The same, and that is all.
    pub fn say_and_hang_up(&self, bytes: Vec<u8>) {
        self.set(Script { bytes, hangs_up: true });
    }

    fn set(&self, script: Script) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn serve(context: &SslContext, stream: TcpStream, says: &Script) -> Result<(), Error> {
    let mut stream = SslStream::new(Ssl::new(context)?, stream)?;
    Pin::new(&mut stream).accept().await?;
    let mut heard = vec![0; 4_096];
    if stream.read(&mut heard).await? == 0 {
        return Ok(());
    }
    stream.write_all(&says.bytes).await?;
    stream.flush().await?;
    if says.hangs_up {
        return Ok(stream.shutdown().await?);
    }
    while stream.read(&mut heard).await? > 0 {}
    Ok(())
}
