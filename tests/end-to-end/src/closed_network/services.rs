//! The thread on which the small servers of a closed network run, and the one that ends TLS before the conference's front.

use std::net::SocketAddr;
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::authority::Identity;

/// A tokio runtime on a thread of its own. Everything on it ends when it is dropped.
#[derive(Debug)]
pub struct Services {
    handle: tokio::runtime::Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Services {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread, no runtime.
    pub fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("services".into()).spawn(move || {
            let _dropped = runtime.block_on(stopped);
        })?;
        let (stop, thread) = (Some(stop), Some(thread));
        Ok(Self { handle, stop, thread })
    }

    /// Where tasks are spawned.
    pub fn handle(&self) -> &tokio::runtime::Handle {
        &self.handle
    }

    /// A listener of this runtime.
    ///
    /// # Errors
    /// The address is not free, or not of this machine.
    pub fn listen(&self, address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let _entered = self.handle.enter();
        Ok((TcpListener::from_std(listener)?, address))
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Ends TLS at `listener` and hands everything on to `front`.
///
/// # Errors
/// The certificate cannot be used.
pub fn secure_front(
    services: &Services,
    listener: TcpListener,
    identity: &Identity,
    front: SocketAddr,
) -> std::io::Result<()> {
    let (certificate, key) = (std::fs::read(&identity.certificate)?, std::fs::read(&identity.key)?);
    let identity = native_tls::Identity::from_pkcs8(&certificate, &key).map_err(std::io::Error::other)?;
    let acceptor = native_tls::TlsAcceptor::new(identity).map_err(std::io::Error::other)?;
    let acceptor = tokio_native_tls::TlsAcceptor::from(acceptor);
    services.handle().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let (Ok(mut client), Ok(mut server)) =
                    tokio::join!(acceptor.accept(stream), TcpStream::connect(front))
                {
                    let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    Ok(())
}
