//! TURN servers that libnice 0.1.21 cannot reach by itself: over TLS (for `turns` it speaks plain TCP, measured) and behind
//! an HTTP proxy. For each of them the worker listens on 127.0.0.1, gives libnice that address as a plain TURN server over
//! TCP, and carries the bytes through the proxy and TLS to the real one.

use media_protocol::{IceServer, NetworkSettings};
use network::DialError;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

/// From the name to the finished TLS handshake.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Most connections of a session at a time; libnice opens one for each server and local address.
const MAX_CONNECTIONS: usize = 16;
/// Pause after a listener failed, so that a machine without descriptors is not kept busy.
const PAUSE: Duration = Duration::from_millis(200);

/// The tunnels of one session. Dropping it closes them.
#[derive(Debug, Default)]
pub struct Tunnels {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The real server behind a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    secure: bool,
}

impl Tunnels {
    /// Opens a tunnel for each server that needs one, and gives the servers as libnice reaches them.
    ///
    /// # Errors
    /// When no listener or thread can be had.
    pub fn open(servers: Vec<IceServer>, settings: &NetworkSettings) -> std::io::Result<(Self, Vec<IceServer>)> {
        let mut listeners = Vec::new();
        let mut reachable = Vec::new();
        for server in servers {
            let Some(target) = target(&server.uri, settings) else {
                reachable.push(server);
                continue;
            };
            let listener = StdListener::bind(("127.0.0.1", 0))?;
            listener.set_nonblocking(true)?;
            let port = listener.local_addr()?.port();
            tracing::info!(
                host = target.host,
                port = target.port,
                tls = target.secure,
                "TURN through a tunnel"
            );
            reachable.push(IceServer {
                uri: format!("turn:127.0.0.1:{port}?transport=tcp"),
                ..server
            });
            listeners.push((listener, target));
        }
        if listeners.is_empty() {
            return Ok((Self::default(), reachable));
        }
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let settings = Arc::new(settings.clone());
        let thread = std::thread::Builder::new().name("tunnel".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listeners, settings) => {}
                    _ = stopped => {}
                }
            });
            // A name that is being looked up holds nobody up.
            runtime.shutdown_background();
        })?;
        let (stop, thread) = (Some(stop), Some(thread));
        Ok((Self { stop, thread }, reachable))
    }
}

impl Drop for Tunnels {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Where the tunnel leads; none when libnice needs none.
fn target(uri: &str, settings: &NetworkSettings) -> Option<Target> {
    let (scheme, rest) = uri.split_once(':')?;
    let secure = match scheme {
        "turns" => true,
        "turn" => false,
        _ => return None,
    };
    let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
    let tcp = query.split('&').any(|part| part == "transport=tcp");
    let default = if secure { 5349 } else { 3478 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (authority, default),
    };
    let host = host.trim_matches(['[', ']']).to_owned();
    // DTLS over UDP is nothing that a tunnel of TCP can carry (RFC 7065 §3.1: TLS unless UDP is written).
    let over_tcp = tcp || (secure && !query.contains("transport=udp"));
    let needed = secure || network::proxy_for(&host, settings).is_some();
    (over_tcp && needed && !host.is_empty()).then_some(Target { host, port, secure })
}

async fn serve(listeners: Vec<(StdListener, Target)>, settings: Arc<NetworkSettings>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut tasks = JoinSet::new();
    let tls = listeners.iter().any(|(_, target)| target.secure);
    let connector = match tls.then(|| network::connector(&settings)).transpose() {
        Ok(connector) => connector,
        Err(error) => {
            tracing::error!(%error, "no TLS for TURN");
            return;
        }
    };
    for (listener, target) in listeners {
        let (settings, connector, places) = (settings.clone(), connector.clone(), places.clone());
        tasks.spawn(async move {
            let listener = match TcpListener::from_std(listener) {
                Ok(listener) => listener,
                Err(error) => return tracing::error!(%error, "no listener for TURN"),
            };
            accept(&listener, target, settings, connector, places).await;
        });
    }
    while tasks.join_next().await.is_some() {}
}

async fn accept(
    listener: &TcpListener,
    target: Target,
    settings: Arc<NetworkSettings>,
    connector: Option<native_tls::TlsConnector>,
    places: Arc<Semaphore>,
) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection for TURN was not taken");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        let (target, settings, connector) = (target.clone(), settings.clone(), connector.clone());
        connections.spawn(async move {
            let end = carry(stream, &target, &settings, connector.as_ref()).await;
            if let Err(error) = end {
                tracing::warn!(host = target.host, port = target.port, %error, "the TURN server is not reached");
            }
            drop(place);
        });
    }
}

/// Carries the bytes of one connection until either side closes it.
async fn carry(
    mut ours: TcpStream,
    target: &Target,
    settings: &NetworkSettings,
    connector: Option<&native_tls::TlsConnector>,
) -> Result<(), DialError> {
    let _ = ours.set_nodelay(true);
    let open = async {
        let stream = network::dial(&target.host, target.port, settings).await?;
        let stream: Box<dyn network::Stream> = match connector.filter(|_| target.secure) {
            Some(connector) => Box::new(network::open_tls(stream, &target.host, connector).await?),
            None => Box::new(stream),
        };
        Ok(stream)
    };
    let mut theirs = tokio::time::timeout(OPEN_TIMEOUT, open)
        .await
        .map_err(|_| DialError::Unreachable("no answer in time".into()))??;
    // How it ended is the business of ICE.
    let _ = copy_bidirectional(&mut ours, &mut theirs).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind_a_proxy() -> NetworkSettings {
        NetworkSettings {
            proxy: network::parse_proxy("proxy.example:3128").ok(),
            no_proxy: vec!["direct.example".into()],
            ca_pem: None,
        }
    }

    #[test]
    fn only_servers_that_libnice_cannot_reach_get_a_tunnel() {
        let target = |uri: &str, settings: &NetworkSettings| {
            target(uri, settings).map(|target| (target.host, target.port, target.secure))
        };
        let direct = NetworkSettings::default();
        let found = |host: &str, port, secure| Some((host.to_owned(), port, secure));
        assert_eq!(target("turns:a:443?transport=tcp", &direct), found("a", 443, true));
        assert_eq!(target("turns:[2001:db8::1]", &direct), found("2001:db8::1", 5349, true));
        assert_eq!(target("turn:a:443?transport=tcp", &direct), None);
        assert_eq!(
            target("turn:a?transport=tcp", &behind_a_proxy()),
            found("a", 3478, false)
        );
        assert_eq!(target("turn:direct.example?transport=tcp", &behind_a_proxy()), None);
        for udp in [
            "turn:a",
            "turn:a?transport=udp",
            "turns:a?transport=udp",
            "stun:a",
            "turns::1?x",
        ] {
            assert_eq!(target(udp, &behind_a_proxy()), None, "{udp}");
        }
    }

    #[test]
    fn tunnels_end_with_their_session_though_nobody_answers_behind_them() {
        let server = IceServer {
            uri: "turns:192.0.2.1:443?transport=tcp".into(),
            username: None,
            credential: None,
        };
        let (tunnels, servers) = Tunnels::open(vec![server], &NetworkSettings::default()).unwrap();
        let port: u16 = servers[0]
            .uri
            .trim_start_matches("turn:127.0.0.1:")
            .trim_end_matches("?transport=tcp")
            .parse()
            .unwrap();
        let connected = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let begun = std::time::Instant::now();
        drop(tunnels);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
        drop(connected);
    }
}
