//! A box in a network that lets little out: UDP blocked, a proxy, a private certificate authority. Each story makes a
//! network namespace, so it needs root; without it says that it was skipped, and why.

use conference::{Conference, Options, Relay};
use end_to_end::closed_network::{Answer, Authority, Namespace, Proxy, Services, TurnServer, secure_front};
use end_to_end::{Join, RoomBox, wait_for};
use rustix::process::Signal;

use crate::stage::{PATIENCE, ROOM, conference, options, skipped};

/// The port of the deployment's front.
const FRONT: u16 = 8443;

/// Where the box is told of the TURN server.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    ByMetadata,
    ByDiscovery,
    Nowhere,
}

/// A deployment outside, and the namespace. The conference ends before what it stands on.
struct Outside {
    conference: Conference,
    turn: TurnServer,
    services: Services,
    authority: Authority,
    namespace: Namespace,
}

impl Outside {
    /// A deployment whose TURN server has a certificate of `turn_authority`, or of the same as its front.
    fn new(told: Told, secure: bool, turn_authority: Option<&Authority>) -> Self {
        let namespace = Namespace::new().unwrap();
        let (outside, authority, services) = (
            namespace.outside(),
            Authority::new().unwrap(),
            Services::start().unwrap(),
        );
        let identity = turn_authority.unwrap_or(&authority).identity(outside.into()).unwrap();
        let turn = TurnServer::start(outside, &identity).unwrap();
        let relay = Relay {
            secure,
            host: outside.to_string(),
            port: if secure { 443 } else { 3478 },
            username: TurnServer::CREDENTIALS.0.into(),
            password: TurnServer::CREDENTIALS.1.into(),
        };
        let relays = |wanted: Told| if told == wanted { vec![relay.clone()] } else { vec![] };
        let conference = conference(Options {
            bridge_address: outside.into(),
            secure_authority: Some(format!("{outside}:{FRONT}")),
            metadata_relays: relays(Told::ByMetadata),
            discovered_relays: relays(Told::ByDiscovery),
            ..options()
        });
        let (listener, _) = services.listen((outside, FRONT).into()).unwrap();
        let front = authority.identity(outside.into()).unwrap();
        secure_front(&services, listener, &front, conference.address()).unwrap();
        Self {
            conference,
            turn,
            services,
            authority,
            namespace,
        }
    }

    /// Starts a box inside, which trusts the authority.
    fn join(&self, arguments: &[&str]) -> RoomBox {
        let authority = self.authority.file().display().to_string();
        self.join_trusting(&[&["--ca-file", &authority], arguments].concat())
    }

    fn join_trusting(&self, arguments: &[&str]) -> RoomBox {
        let join = Join {
            arguments: arguments.iter().map(ToString::to_string).collect(),
            namespace: Some(self.namespace.name().to_owned()),
            environment: vec![("ROOMD_LOG".into(), "info".into())],
            ..Join::default()
        };
        RoomBox::join(&self.conference.room_url(ROOM), &join).unwrap()
    }

    /// The meeting works both ways, through the TURN server; then the box leaves.
    fn meets(&self, mut room_box: RoomBox) {
        let seen = wait_for(PATIENCE, || self.conference.far_side().first_frame_ns.is_some());
        assert!(seen, "{}\n{}", room_box.words(), self.turn.log());
        let heard = wait_for(PATIENCE, || self.conference.far_side().tone_heard);
        assert!(heard, "{}", room_box.words());
        let frames = || {
            self.conference
                .far_side()
                .layers
                .iter()
                .map(|layer| layer.frames)
                .sum::<u64>()
        };
        assert!(wait_for(PATIENCE, || frames() > 200), "{}", room_box.words());
        room_box.signal(Signal::TERM);
        let status = room_box.wait(PATIENCE).expect("it leaves");
        assert_eq!(status.code(), Some(0), "{}", room_box.words());
        let report = room_box.report().expect("a report");
        assert_eq!(report["wall_sources"], 3, "{report}");
        assert!(self.turn.has_allocated(), "{}", self.turn.log());
        assert_eq!(self.conference.verdict(), [], "{}", room_box.words());
    }
}

/// How it ended, by name.
fn outcome(room_box: &mut RoomBox) -> String {
    let ended = room_box.wait(PATIENCE * 3);
    assert!(ended.is_some(), "it does not end: {}", room_box.words());
    let report = room_box.report().expect("a report");
    report["outcome"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn udp_blocked_media_take_turn_over_tcp_told_by_the_room() {
    if skipped() {
        return;
    }
    let outside = Outside::new(Told::ByMetadata, false, None);
    outside.namespace.allow(outside.namespace.outside()).unwrap();
    outside.namespace.block_udp().unwrap();
    outside.meets(outside.join(&[]));
}

#[test]
fn udp_blocked_media_take_turn_over_tls_with_a_private_authority_told_by_discovery() {
    if skipped() {
        return;
    }
    let outside = Outside::new(Told::ByDiscovery, true, None);
    outside.namespace.allow(outside.namespace.outside()).unwrap();
    outside.namespace.block_udp().unwrap();
    outside.meets(outside.join(&[]));
}

#[test]
fn behind_a_proxy_signalling_and_media_ask_it_to_connect_with_credentials() {
    if skipped() {
        return;
    }
    let outside = Outside::new(Told::ByMetadata, true, None);
    // There is no route to anything but the proxy.
    outside.namespace.allow(outside.namespace.gate()).unwrap();
    // `user:p@ss`
    let answer = Answer::Only("Basic dXNlcjpwQHNz".into());
    let proxy = Proxy::start(&outside.services, outside.namespace.gate(), answer).unwrap();
    let address = format!("http://user:p%40ss@{}", proxy.address());
    outside.meets(outside.join(&["--proxy", &address]));
    let tunnels = proxy.tunnels();
    let host = outside.namespace.outside();
    let count = |port: u16| tunnels.get(&format!("{host}:{port}")).copied().unwrap_or_default();
    assert!(count(FRONT) >= 2, "config.js and the WebSocket: {tunnels:?}");
    assert!(count(443) >= 1, "media: {tunnels:?}");
}

#[test]
fn behind_a_proxy_plain_turn_goes_through_it_too() {
    if skipped() {
        return;
    }
    let outside = Outside::new(Told::ByDiscovery, false, None);
    outside.namespace.allow(outside.namespace.gate()).unwrap();
    let proxy = Proxy::start(&outside.services, outside.namespace.gate(), Answer::All).unwrap();
    let address = format!("http://{}", proxy.address());
    outside.meets(outside.join(&["--proxy", &address]));
    let tunnels = proxy.tunnels();
    assert!(
        tunnels.contains_key(&format!("{}:3478", outside.namespace.outside())),
        "{tunnels:?}"
    );
}

#[test]
fn what_a_proxy_or_a_certificate_forbids_has_a_name() {
    if skipped() {
        return;
    }
    let outside = Outside::new(Told::Nowhere, true, None);
    let (gate, services) = (outside.namespace.gate(), &outside.services);
    outside.namespace.allow(gate).unwrap();
    let proxy = |answer| format!("http://{}", Proxy::start(services, gate, answer).unwrap().address());
    let with = |proxy: &str| outcome(&mut outside.join(&["--proxy", proxy]));
    assert_eq!(with(&proxy(Answer::Only("Basic none".into()))), "proxy-credentials");
    assert_eq!(with(&proxy(Answer::Nobody)), "proxy-refused");
    assert_eq!(with(&format!("http://{gate}:9")), "proxy-unreachable");
    let open = proxy(Answer::All);
    let stranger = outcome(&mut outside.join_trusting(&["--proxy", &open]));
    assert_eq!(stranger, "certificate-refused");
    assert_eq!(outcome(&mut outside.join(&[])), "host-unreachable", "without the proxy");
}

#[test]
fn a_turn_server_with_a_strangers_certificate_is_not_used() {
    if skipped() {
        return;
    }
    let stranger = Authority::new().unwrap();
    let outside = Outside::new(Told::ByMetadata, true, Some(&stranger));
    outside.namespace.allow(outside.namespace.outside()).unwrap();
    outside.namespace.block_udp().unwrap();
    let mut room_box = outside.join(&[]);
    assert_eq!(outcome(&mut room_box), "media-blocked", "{}", room_box.words());
    assert!(!outside.turn.has_allocated(), "{}", outside.turn.log());
    assert!(
        room_box.words().contains("the TURN server is not reached"),
        "{}",
        room_box.words()
    );
}
