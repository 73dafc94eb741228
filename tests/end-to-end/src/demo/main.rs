//! `demo`: a conference in a box, the room box in it, and a page on 127.0.0.1 that shows what the far side sees and what
//! the wall shows. `cargo lab demo` builds and starts it.

mod cold;
mod figures;
mod page;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use conference::{Conference, Options};
use end_to_end::{Devices, Join, RoomBox};
use rustix::process::Signal;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

/// A conference with three peers on this machine, and the room box in it. Ends with Ctrl-C or after --for.
#[derive(Parser)]
#[command(name = "cargo lab demo", version)]
struct Arguments {
    /// End after this time in the meeting, for example 20s.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Peers in the conference beside the box.
    #[arg(long, default_value_t = 3)]
    peers: usize,
    /// Folder with the recorded film and speech.
    #[arg(long, value_name = "FOLDER", default_value = "target/lab/media")]
    footage: PathBuf,
    /// Camera of the box, as for `roomd join --camera`. Without it: the machine's own, or the recorded film if it has none.
    #[arg(long)]
    camera: Option<String>,
    /// Microphone of the box, as for `roomd join --microphone`. Without it: the machine's own, or the recorded speech.
    #[arg(long)]
    microphone: Option<String>,
    /// Take the recorded film and speech even where the machine has devices, so that tone and lip-sync can be measured.
    #[arg(long)]
    recorded: bool,
    /// Port of the page, 0 for a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    let devices = devices(&arguments, &RoomBox::check()?);
    println!("box: camera {}, microphone {}", devices.camera, devices.microphone);
    let scene = Options {
        peers: arguments.peers,
        media_cache: arguments.footage.clone(),
        dominant_every_s: 5,
        ..Options::default()
    };
    // Whoever only wants to look does not wait for a measurement.
    let measured = arguments.duration.is_some() || arguments.report.is_some();
    let cold = if measured {
        println!("box: the first join after switching on, in a conference of its own");
        Some(cold::measure(scene.clone(), &devices).await?)
    } else {
        None
    };
    println!(
        "conference: starting Prosody, focus, bridge and {} peers",
        arguments.peers
    );
    let conference = Conference::start(scene).await?;
    let url = conference.room_url("hemicycle");
    println!("conference: {url}");
    let mut options = vec!["--name".to_owned(), "Salle 4".to_owned()];
    if let Some(duration) = arguments.duration {
        options.extend(["--for".to_owned(), format!("{}s", duration.as_secs())]);
    }
    println!("box: joining");
    let mut room_box = RoomBox::join(
        &url,
        &Join {
            devices,
            arguments: options,
            verbose: true,
            ..Join::default()
        },
    )?;
    let page = page::Page::bind(arguments.port).await?;
    println!(
        "\n    What the far side sees and what the wall shows: http://{}\n",
        page.address()
    );
    let mut figures = figures::Figures::default();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut sample = tokio::time::interval(Duration::from_millis(500));
    while room_box.wait(Duration::ZERO).is_none() {
        tokio::select! {
            _ = terminate.recv() => room_box.signal(Signal::TERM),
            _ = interrupt.recv() => room_box.signal(Signal::TERM),
            _ = sample.tick() => figures.sample(&room_box, &conference),
            Ok(stream) = page.accept() => page::serve(stream, &conference, &room_box).await,
        }
    }
    let gone = |conference: &Conference| conference.guest().is_some_and(|guest| guest.gone_ns.is_some());
    conference.wait_until(Duration::from_secs(5), gone).await;
    let mut report = figures.close(&room_box, &conference);
    if let Some((cold, broken)) = cold {
        report.cold = Some(cold);
        report.broken_rules.extend(broken);
    }
    println!("{}", figures::table(&report));
    if let Some(path) = &arguments.report {
        std::fs::write(path, format!("{}\n", serde_json::to_string_pretty(&report)?))?;
        println!("report: {}", path.display());
    }
    let good = report.exit_code == Some(0) && report.broken_rules.is_empty();
    conference.shutdown();
    Ok(good)
}

/// What was asked for, else what the machine has, else the recordings.
fn devices(arguments: &Arguments, found: &Value) -> Devices {
    let choose = |asked: &Option<String>, kind: &str, recording: &str| {
        let own = found
            .pointer(kind)
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty());
        match asked {
            Some(asked) => asked.clone(),
            None if own && !arguments.recorded => "auto".into(),
            None => arguments.footage.join(recording).display().to_string(),
        }
    };
    Devices {
        camera: choose(&arguments.camera, "/devices/cameras", "film.webm"),
        microphone: choose(&arguments.microphone, "/devices/microphones", "speech.wav"),
        loudspeaker: "simulated".into(),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.strip_suffix('s').unwrap_or(text);
    digits
        .parse()
        .map(Duration::from_secs)
        .map_err(|_| "write seconds, for example 20s".to_owned())
}
