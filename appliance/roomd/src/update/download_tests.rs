//! A server that does as it is told, one connection after the other.

use tokio::net::TcpListener;

use super::*;

/// What the server does with one request.
enum Turn {
    /// As it should; at most so many bytes of the body, then it hangs up.
    Serve(usize),
    /// The whole file, whatever range was asked for.
    Whole,
    /// This status line, with other header fields.
    Status(&'static str),
}

struct Bench {
    folder: tempfile::TempDir,
    content: Vec<u8>,
    client: Client,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            content: (0..300_000_u32).map(|number| (number * 7 % 251) as u8).collect(),
            client: Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("bundle")
    }

    fn kept(&self) -> usize {
        std::fs::read(self.file()).map_or(0, |file| file.len())
    }

    fn sha256(&self) -> String {
        hexadecimal(&openssl::sha::sha256(&self.content))
    }

    /// Downloads once; the ranges that were asked for.
    async fn download(&self, turn: Turn, wanted: impl FnOnce(&mut Wanted)) -> (Ended, Vec<String>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut what = Wanted {
            url: format!("http://{}/bundle", listener.local_addr().unwrap()),
            size: self.content.len() as u64,
            sha256: self.sha256(),
        };
        wanted(&mut what);
        let content = self.content.clone();
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let range = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
            let from: usize = range.map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
            let length = content.len();
            let (status, body) = match turn {
                Turn::Serve(most) if from > 0 => (
                    format!(
                        "206 Partial Content\r\nContent-Range: bytes {from}-{}/{length}",
                        length - 1
                    ),
                    &content[from..from.saturating_add(most).min(length)],
                ),
                Turn::Serve(most) => ("200 OK".into(), &content[..most.min(length)]),
                Turn::Whole => ("200 OK".into(), &content[..]),
                Turn::Status(line) => (line.into(), &b""[..]),
            };
            let promised = match turn {
                Turn::Status(_) => 0,
                Turn::Whole => length,
                Turn::Serve(_) => length - from,
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {promised}\r\nConnection: close\r\n\r\n");
            socket.write_all(head.as_bytes()).await.unwrap();
            // A client that has enough hangs up.
            let _ = socket.write_all(body).await;
            range.map(str::to_owned).into_iter().collect::<Vec<_>>()
        });
        let (told, _) = mpsc::channel(64);
        let ended = download(&self.client, &what, &self.file(), told).await;
        let ranges = timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
        (ended, ranges)
    }
}

#[tokio::test]
async fn a_download_that_broke_off_goes_on_where_it_was() {
    let bench = Bench::new();
    let (ended, ranges) = bench.download(Turn::Serve(100_000), |_| {}).await;
    assert_eq!((ended, ranges), (Err(PASSING), vec![]));
    assert_eq!(bench.kept(), 100_000);
    let (ended, ranges) = bench.download(Turn::Serve(100_000), |_| {}).await;
    assert_eq!((ended, ranges), (Err(PASSING), vec!["100000-".into()]));
    let (ended, ranges) = bench.download(Turn::Serve(usize::MAX), |_| {}).await;
    assert_eq!((ended, ranges), (Ok(()), vec!["200000-".into()]));
    assert_eq!(std::fs::read(bench.file()).unwrap(), bench.content);
}

#[tokio::test]
async fn what_is_there_is_not_asked_for_again() {
    let bench = Bench::new();
    std::fs::write(bench.file(), &bench.content).unwrap();
    let (told, _) = mpsc::channel(1);
    let wanted = Wanted {
        url: "http://127.0.0.1:1/nobody".into(),
        size: bench.content.len() as u64,
        sha256: bench.sha256(),
    };
    assert_eq!(download(&bench.client, &wanted, &bench.file(), told).await, Ok(()));
}

#[tokio::test]
async fn a_server_without_ranges_begins_anew() {
    let bench = Bench::new();
    std::fs::write(bench.file(), &bench.content[..1_000]).unwrap();
    let (ended, ranges) = bench.download(Turn::Whole, |_| {}).await;
    assert_eq!((ended, ranges), (Ok(()), vec!["1000-".into()]));
    assert_eq!(std::fs::read(bench.file()).unwrap(), bench.content);
}

#[tokio::test]
async fn another_file_is_refused_and_not_kept() {
    let bench = Bench::new();
    let (ended, _) = bench
        .download(Turn::Whole, |wanted| wanted.sha256 = "0".repeat(64))
        .await;
    assert_eq!((ended, bench.kept()), (Err(DownloadFault::WrongHash), 0));
    let (ended, _) = bench.download(Turn::Whole, |wanted| wanted.size -= 1).await;
    assert_eq!((ended, bench.kept()), (Err(DownloadFault::WrongSize), 0));
    std::fs::write(bench.file(), [0; 400_000]).unwrap();
    let (told, _) = mpsc::channel(1);
    let wanted = Wanted {
        url: "http://127.0.0.1:1/nobody".into(),
        size: bench.content.len() as u64,
        sha256: bench.sha256(),
    };
    let ended = download(&bench.client, &wanted, &bench.file(), told).await;
    assert_eq!((ended, bench.kept()), (Err(DownloadFault::WrongSize), 0));
}

#[tokio::test]
async fn what_the_server_says_is_told_apart() {
    let bench = Bench::new();
    let passing = |seconds: u64| DownloadFault::Passing {
        retry_after_ms: seconds * 1_000,
    };
    for (line, fault) in [
        ("404 Not Found", DownloadFault::Final { status: 404 }),
        ("403 Forbidden", DownloadFault::Final { status: 403 }),
        ("416 Range Not Satisfiable", DownloadFault::Final { status: 416 }),
        ("408 Request Timeout", passing(0)),
        ("429 Too Many Requests\r\nRetry-After: 120", passing(120)),
        (
            "503 Service Unavailable\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT",
            passing(0),
        ),
        ("503 Service Unavailable\r\nRetry-After: 7", passing(7)),
        ("500 Internal Server Error", passing(0)),
        (
            "302 Found\r\nLocation: http://127.0.0.1:1/",
            DownloadFault::Final { status: 302 },
        ),
    ] {
        let (ended, _) = bench.download(Turn::Status(line), |_| {}).await;
        assert_eq!(ended, Err(fault), "{line}");
    }
    let (told, _) = mpsc::channel(1);
    let nobody = Wanted {
        url: "http://127.0.0.1:1/".into(),
        size: 1,
        sha256: bench.sha256(),
    };
    assert_eq!(
        download(&bench.client, &nobody, &bench.file(), told).await,
        Err(passing(0))
    );
}

#[tokio::test]
async fn an_attempt_waits_until_the_one_before_has_let_go_of_the_file() {
    let bench = Bench::new();
    let before = open(&bench.file()).await.unwrap();
    let attempt = bench.download(Turn::Serve(usize::MAX), |_| {});
    tokio::pin!(attempt);
    assert!(timeout(Duration::from_millis(200), &mut attempt).await.is_err());
    drop(before);
    assert_eq!(attempt.await.0, Ok(()));
}

#[tokio::test]
async fn a_bundle_for_which_there_is_no_room_is_not_begun() {
    let bench = Bench::new();
    let (told, _) = mpsc::channel(1);
    let wanted = Wanted {
        url: "http://127.0.0.1:1/nobody".into(),
        // No file system has files of a pebibyte.
        size: 1 << 50,
        sha256: bench.sha256(),
    };
    let ended = download(&bench.client, &wanted, &bench.file(), told).await;
    assert_eq!(ended, Err(DownloadFault::NoSpace));
    assert!(!bench.file().exists(), "it takes no room");
}

#[tokio::test]
async fn a_disk_without_room_is_said_to_have_none() {
    let full = std::io::Error::from(ErrorKind::StorageFull);
    assert_eq!(of_disk(&full), DownloadFault::NoSpace);
    let broken = std::io::Error::other("a worm in it");
    assert_eq!(of_disk(&broken), PASSING);
}
