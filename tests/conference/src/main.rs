//! `conference serve`: a conference in a box for a person or a launcher. Prints the room URL, ends on SIGTERM or after
//! `--for`, and leaves with 1 when a client broke a rule. `conference exam` does to a client all that a conference does.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use conference::{Conference, ConfigStyle, Direction, Fault, Options, exam};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "A conference in a box: Prosody, focus and bridge stand-ins, peers", version)]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Opens a room and keeps it open.
    Serve(Serve),
    /// Opens a room, waits for a client, does to it all that a conference does, and judges it group by group.
    Exam(Serve),
}

/// For an examined client to leave.
const LEAVES: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Serve {
    /// Room that exists from the start.
    #[arg(long, default_value = "hemicycle")]
    room: String,
    /// Built-in participants.
    #[arg(long, default_value_t = 3)]
    peers: usize,
    /// Port of the front, 0 for a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Password of the room.
    #[arg(long)]
    password: Option<String>,
    /// Guests need a token signed with this (HS256); a valid one is printed.
    #[arg(long)]
    token_secret: Option<String>,
    /// Tenant in the URL.
    #[arg(long)]
    tenant: Option<String>,
    /// Where encoded media of the peers is kept.
    #[arg(long, default_value = "target/lab/media")]
    media: PathBuf,
    /// Sources in XML instead of JSON.
    #[arg(long)]
    xml_sources: bool,
    /// No SSRC rewriting.
    #[arg(long)]
    no_rewriting: bool,
    /// A colibri WebSocket instead of the data channel.
    #[arg(long)]
    colibri_websocket: bool,
    /// Strange candidates and unknown elements in the offer.
    #[arg(long)]
    weird: bool,
    /// config.js as an object literal.
    #[arg(long)]
    literal_config: bool,
    /// The dominant speaker changes after so many seconds; 0: never.
    #[arg(long, default_value_t = 5)]
    dominant_every: u64,
    /// Fraction of datagrams lost, both ways.
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// kbit/s that pass from clients to the bridge; what would wait longer than 300 ms for its turn is lost.
    #[arg(long, value_name = "KBIT/S")]
    upload: Option<u64>,
    /// How far away the service is: a round trip of signalling and media, for example 150ms.
    #[arg(long, value_parser = duration, default_value = "0ms")]
    round_trip: Duration,
    /// A real web client in the room: lib-jitsi-meet in headless Chromium, the library taken through npm into this folder.
    #[arg(long, value_name = "FOLDER")]
    browser: Option<PathBuf>,
    /// Ends after this, for example 20s.
    #[arg(long = "for", value_parser = duration)]
    for_: Option<Duration>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, scale) = match text.trim() {
        t if t.ends_with("ms") => (&t[..t.len() - 2], 0.001),
        t if t.ends_with('s') => (&t[..t.len() - 1], 1.0),
        t if t.ends_with('m') => (&t[..t.len() - 1], 60.0),
        t => (t, 1.0),
    };
    let seconds: f64 = number
        .parse()
        .map_err(|_| format!("{text} is no time, write 20s or 2m"))?;
    Duration::try_from_secs_f64(seconds * scale).map_err(|e| e.to_string())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let (serve, exam) = match Arguments::parse().command {
        Verb::Serve(serve) => (serve, false),
        Verb::Exam(serve) => (serve, true),
    };
    match run(serve, exam).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn run(serve: Serve, exam: bool) -> conference::Result<bool> {
    let options = Options {
        room: Some(serve.room.clone()),
        peers: serve.peers,
        port: serve.port,
        password: serve.password,
        token_secret: serve.token_secret,
        tenant: serve.tenant,
        media_cache: serve.media,
        json_sources: !serve.xml_sources,
        ssrc_rewriting: !serve.no_rewriting,
        data_channel: !serve.colibri_websocket,
        colibri_websocket: serve.colibri_websocket,
        weird_offer: serve.weird,
        config_style: if serve.literal_config {
            ConfigStyle::Literal
        } else {
            ConfigStyle::Docker
        },
        dominant_every_s: serve.dominant_every,
        round_trip: serve.round_trip,
        ..Options::default()
    };
    let conference = Conference::start(options).await?;
    for direction in [Direction::ToClient, Direction::FromClient] {
        let upload = serve.upload.filter(|_| direction == Direction::FromClient);
        let fault = Fault {
            rate: upload.map(|kilobits| kilobits * 1_000),
            queue: Duration::from_millis(300),
            loss: serve.loss,
            delay: serve.round_trip / 2,
            ..Fault::default()
        };
        conference.fault(direction, fault);
    }
    let token = conference
        .token(&serve.room, 24 * 3600)
        .map(|t| format!("?jwt={t}"))
        .unwrap_or_default();
    println!("{}{token}", conference.room_url(&serve.room));
    let _browser = match &serve.browser {
        Some(folder) => {
            let bundle = conference::browser::Bundle::obtain(folder)
                .map_err(|reason| conference::Error::Browser(reason.to_string()))?;
            Some(conference.open_browser(&bundle, &serve.room, "Browser")?)
        }
        None => None,
    };
    let (mut terminate, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
        (Err(source), _) | (_, Err(source)) => {
            return Err(conference::Error::Io {
                what: "signals",
                source,
            });
        }
    };
    let end = async {
        match serve.for_ {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    let examined = async {
        if !exam {
            return std::future::pending().await;
        }
        let came = exam::examine(&conference, |what| eprintln!("exam: {what}")).await;
        if came {
            eprintln!("exam: done; let the client leave");
            conference
                .wait_until(LEAVES, |c| c.guest().is_some_and(|guest| guest.gone_ns.is_some()))
                .await;
            // Its last words on the stream come after its presence is gone.
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        came
    };
    let mut came = true;
    tokio::select! {
        yes = examined => came = yes,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = end => {}
    }
    let broken = conference.verdict();
    if exam {
        print!("{}", exam::summary(&broken));
    } else {
        for rule in &broken {
            eprintln!("broken: {}: {}", rule.rule, rule.detail);
        }
    }
    conference.shutdown();
    if !came {
        eprintln!("no client came whose sound and picture arrived");
    }
    Ok(came && broken.is_empty())
}
