//! What a hijacked broker can say, and what becomes of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use fleet::link::{Identity, Limits, News, Opening, Reason, Target, Trust, context};
use fleet_lab::authority::Authority;
use fleet_lab::client::{Client, kept};
use fleet_lab::impostor::{ACCEPTED, Impostor};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::timeout;

struct Bench {
    impostor: Impostor,
    authority: Authority,
    identity: Identity,
}

impl Bench {
    async fn with_certificate_of(host: &str, days: (i64, i64)) -> Self {
        let authority = Authority::new("servers").unwrap();
        let server = authority.server(host, days).unwrap();
        Self {
            impostor: Impostor::start(&server).await.unwrap(),
            identity: Authority::new("boxes").unwrap().client("lyon-412", "etat").unwrap(),
            authority,
        }
    }

    async fn new() -> Self {
        Self::with_certificate_of("localhost", (-1, 1)).await
    }

    fn target(&self, clock_is_set: bool) -> Target {
        let trust = Trust {
            authorities: vec![self.authority.certificate().to_owned()],
            clock_is_set,
        };
        Target {
            endpoint: fleet::link::Endpoint {
                host: "localhost".into(),
                port: self.impostor.port(),
            },
            tls: context(&self.identity, &trust).unwrap(),
            limits: Limits {
                connect: Duration::from_secs(5),
                ..Limits::default()
            },
        }
    }

    fn opening() -> Opening {
        kept("lyon-412", None)
    }

    /// How a connection ends on which it says that after its CONNACK.
    async fn end_of(&self, after: &[u8]) -> Reason {
        self.impostor.say([ACCEPTED, after].concat());
        match Client::connect(self.target(true), Self::opening()).await {
            Ok(mut client) => client.end().await.unwrap(),
            Err(reason) => reason,
        }
    }
}

#[tokio::test]
async fn each_word_of_a_broker_that_ends_a_connection_is_understood() {
    let bench = Bench::new().await;
    assert_eq!(bench.end_of(&[0xE0, 2, 0x8E, 0]).await, Reason::TakenOver);
    assert!(matches!(bench.end_of(&[0xE0, 2, 0x89, 0]).await, Reason::Busy(_)));
    assert!(matches!(bench.end_of(&[0xE0, 2, 0x8B, 0]).await, Reason::Ended(_)));
    for (code, busy) in [
        (0x88, true),
        (0x89, true),
        (0x97, true),
        (0x9F, true),
        (0x87, false),
        (0x8A, false),
    ] {
        bench.impostor.say(vec![0x20, 3, 0, code, 0]);
        let reason = Client::connect(bench.target(true), Bench::opening())
            .await
            .err()
            .unwrap();
        assert_eq!(matches!(reason, Reason::Busy(_)), busy, "{code:#x}: {reason}");
        assert_eq!(matches!(reason, Reason::Refused(_)), !busy, "{code:#x}: {reason}");
    }
}

#[tokio::test]
async fn what_is_too_large_or_no_mqtt_ends_the_connection() {
    let bench = Bench::new().await;
    let cases: [(&str, &[u8]); 9] = [
        ("a packet of 200 MB", &[0x32, 0xFF, 0xFF, 0xFF, 0x7F]),
        ("a packet just above the limit", &[0x30, 0x81, 0x80, 0x08]),
        ("a length without end", &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        ("an acknowledgement of nothing", &[0x40, 2, 0, 7]),
        ("an acknowledgement of an id that cannot be", &[0x40, 2, 0xFF, 0xFF]),
        (
            "a second CONNECT",
            &[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 60, 0, 0, 0],
        ),
        ("packet id 0", &[0x32, 6, 0, 1, b'a', 0, 0, 0]),
        ("QoS 3", &[0x36, 6, 0, 1, b'a', 0, 1, 0]),
        ("packet type 0", &[0x00, 1, 0]),
    ];
    for (what, bytes) in cases {
        let reason = bench.end_of(bytes).await;
        assert!(matches!(reason, Reason::Protocol(_)), "{what}: {reason}");
    }
}

#[tokio::test]
async fn a_message_that_nobody_may_send_is_passed_over() {
    let bench = Bench::new().await;
    let qos_2: &[u8] = &[0x34, 8, 0, 1, b'a', 0, 1, 0, b'{', b'}'];
    let no_text: &[u8] = &[0x32, 8, 0, 1, 0xFF, 0, 2, 0, b'{', b'}'];
    let fine: &[u8] = &[0x32, 8, 0, 1, b'b', 0, 3, 0, b'{', b'}'];
    bench.impostor.say([ACCEPTED, qos_2, no_text, fine].concat());
    let mut client = Client::connect(bench.target(true), Bench::opening()).await.unwrap();
    assert_eq!(client.hear().await.unwrap().topic, "b");
}

#[tokio::test]
async fn a_broker_that_never_answers_is_left() {
    let bench = Bench::new().await;
    let mut target = bench.target(true);
    target.limits.connect = Duration::from_secs(1);
    let reason = Client::connect(target, Bench::opening()).await.err().unwrap();
    assert_eq!(reason, Reason::Silence);
}

#[tokio::test]
async fn five_hundred_times_garbage_ends_five_hundred_connections_and_nothing_else() {
    let bench = Bench::new().await;
    let seed: u64 = rand::random();
    let mut chance = StdRng::seed_from_u64(seed);
    let target = bench.target(true);
    for round in 0..500 {
        let mut bytes: Vec<u8> = match round % 3 {
            // Anything.
            0 => Vec::new(),
            // What begins well.
            1 => ACCEPTED.to_vec(),
            // A message with wrong lengths inside.
            _ => [ACCEPTED, &[0x32, 40, 0, 5]].concat(),
        };
        let length = chance.random_range(1..120);
        bytes.extend((0..length).map(|_| chance.random::<u8>()));
        bench.impostor.say_and_hang_up(bytes);
        let mut link = fleet::link::Link::open(target.clone(), Bench::opening());
        let end = async {
            loop {
                if let Some(News::Disconnected(_)) | None = link.next().await {
                    break;
                }
            }
        };
        assert!(
            timeout(Duration::from_secs(20), end).await.is_ok(),
            "seed {seed}, round {round}"
        );
    }
}

#[tokio::test]
async fn a_certificate_that_has_run_out_is_refused_unless_nobody_knows_what_time_it_is() {
    for (days, why) in [((-10, -1), "certificate has expired"), ((1, 10), "not yet valid")] {
        let bench = Bench::with_certificate_of("localhost", days).await;
        bench.impostor.say(ACCEPTED.to_vec());
        let reason = Client::connect(bench.target(true), Bench::opening())
            .await
            .err()
            .unwrap();
        assert!(matches!(&reason, Reason::Tls(said) if said.contains(why)), "{reason}");
        assert!(Client::connect(bench.target(false), Bench::opening()).await.is_ok());
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused_and_the_reason_says_so() {
    let bench = Bench::with_certificate_of("elsewhere.example", (-1, 1)).await;
    bench.impostor.say(ACCEPTED.to_vec());
    for clock_is_set in [true, false] {
        let reason = Client::connect(bench.target(clock_is_set), Bench::opening())
            .await
            .err();
        let named = matches!(&reason, Some(Reason::Tls(said)) if said.contains("ostname mismatch"));
        assert!(named, "{reason:?}");
    }
}
