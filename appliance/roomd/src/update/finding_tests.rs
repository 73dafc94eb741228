//! A machine whose bus nobody is on, at a fast pace.

use tokio::time::Instant;

use super::*;

const PACE: Pace = Pace {
    quiet: Duration::from_secs(2),
    proof: Duration::from_millis(300),
    contact: Duration::from_millis(600),
    ..Pace::ROOM
};
/// Nothing comes in this time, and nothing will.
const NEVER: Duration = Duration::from_secs(4);
/// What comes is there in this time, also on a busy day.
const AT_LAST: Duration = Duration::from_secs(30);

/// Everything around one box without RAUC.
struct Bench {
    _folder: tempfile::TempDir,
    room: watch::Sender<Room>,
    told: mpsc::UnboundedSender<Told>,
    wishes: mpsc::Receiver<Wish>,
    born: Instant,
}

impl Bench {
    fn start(memory: Option<Memory>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let room = watch::Sender::new(Room::InUse);
        let around = Surroundings {
            folder: folder.path().to_owned(),
            release: Release {
                version: "2.0.0".into(),
                security_version: 3,
            },
            http: watch::Sender::new(reqwest::Client::new()).subscribe(),
            room: room.subscribe(),
            clock: fleet::agent::SystemClock::new(true),
            dbus: Some("unix:path=/nobody/is/here".into()),
            pace: PACE,
        };
        let (told, mut hears) = mpsc::unbounded_channel();
        let (asks, wishes) = mpsc::channel(16);
        tokio::spawn(async move {
            let found = find(&around, memory, &mut hears, &asks).await;
            assert!(found.is_none(), "there is no RAUC");
        });
        Self {
            _folder: folder,
            room,
            told,
            wishes,
            born: Instant::now(),
        }
    }

    fn desire(&self, rev: u64) {
        let update = Update {
            rev,
            release: "3.0.0".into(),
            url: "https://releases.example/3.0.0".into(),
            size: 1,
            sha256: "0".repeat(64),
            manifest_hash: String::new(),
            min_from: None,
            security_version: 3,
            not_before: None,
            window: None,
            deadline: None,
            wave: None,
            allow_in_call: false,
        };
        self.told.send(Told::Desired(Box::new(update))).unwrap();
    }

    /// The next wish in that time: the revision that is refused; 0: a restart.
    async fn wish(&mut self, within: Duration) -> Option<u64> {
        match timeout(within, self.wishes.recv()).await {
            Ok(Some(Wish::Report(report))) => {
                assert_eq!(
                    (report.phase, report.code),
                    (Phase::Refused, Some(Code::UnsupportedOnHw))
                );
                Some(report.rev)
            }
            Ok(Some(Wish::Restart)) => Some(0),
            Ok(other) => panic!("{other:?}"),
            Err(_) => None,
        }
    }
}

#[tokio::test]
async fn a_machine_without_rauc_refuses_releases_once_it_has_waited_for_it() {
    let mut bench = Bench::start(None);
    bench.desire(1);
    bench.desire(2);
    assert_eq!(bench.wish(AT_LAST).await, Some(2));
    assert!(bench.born.elapsed() >= PACE.proof, "it may come late");
    bench.desire(3);
    assert_eq!(bench.wish(AT_LAST).await, Some(3));
    assert_eq!(bench.wish(NEVER).await, None, "said once");
}

#[tokio::test]
async fn what_became_of_a_release_is_not_contradicted() {
    let mut bench = Bench::start(Some(Memory {
        rev: 5,
        on_trial: false,
    }));
    bench.desire(5);
    assert_eq!(bench.wish(NEVER).await, None);
    bench.desire(6);
    assert_eq!(bench.wish(AT_LAST).await, Some(6));
}

#[tokio::test]
async fn a_release_that_has_lost_rauc_is_left_when_nobody_needs_the_room() {
    let mut bench = Bench::start(Some(Memory { rev: 5, on_trial: true }));
    bench.desire(5);
    bench.told.send(Told::Broker).unwrap();
    assert_eq!(bench.wish(NEVER).await, None, "the room is in use");
    bench.room.send_replace(Room::Idle);
    let idle = Instant::now();
    assert_eq!(bench.wish(AT_LAST).await, Some(0));
    assert!(idle.elapsed() >= PACE.quiet, "somebody may come back");
    assert_eq!(bench.wish(NEVER).await, None, "once");
}

#[tokio::test]
async fn a_release_that_lost_rauc_has_its_time_also_in_an_empty_room() {
    let mut bench = Bench::start(Some(Memory { rev: 5, on_trial: true }));
    bench.room.send_replace(Room::Idle);
    assert_eq!(bench.wish(AT_LAST).await, Some(0));
    assert!(bench.born.elapsed() >= PACE.contact);
}
