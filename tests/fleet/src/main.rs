//! `cargo lab fleet`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fleet_lab::Error;
use fleet_lab::broker::etat;
use fleet_lab::measure::{Fleet, Order, measure};
use fleet_lab::office::Office;
use fleet_lab::progress::Progress;
use fleet_lab::room_box::program;
use fleet_lab::try_it::try_it;
use jiff::Timestamp;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A fleet on this machine.
///
/// Begins an organisation as `roomctl init` does, starts Debian's Mosquitto with what that wrote and the enrolment service, and
/// switches on N simulated boxes (the session and the link of the real one) and one real `roomd`, which ask for their place, get
/// it and are configured. Then it stays, and says what there is to type. With --report it measures instead: times commands, kills
/// the broker during an event storm, and says what became of it all.
#[derive(Debug, Parser)]
#[command(name = "cargo lab fleet")]
struct Arguments {
    /// How many simulated boxes.
    #[arg(long, default_value_t = 200)]
    boxes: usize,
    /// Over how many seconds they spread their connections; otherwise a 300th of the boxes, and 30 at least.
    #[arg(long, value_name = "SECONDS")]
    spread: Option<u64>,
    /// End after this long, such as 20s or 5m; otherwise with Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = time, conflicts_with = "report")]
    life: Option<Duration>,
    /// Measure, and write the figures there, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Leave the fleet alone for so long before the broker is killed, such as 5m: from then on no box spreads over twice the time.
    #[arg(long, value_name = "TIME", value_parser = time, requires = "report")]
    settle: Option<Duration>,
}

/// `90s`, `10m`, `2h`.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "a number and s, m or h, such as 20s or 5m".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(unit).map(Duration::from_secs).ok_or_else(wrong)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error")))
        .with_writer(std::io::stderr)
        .init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    let files = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: files.maximum,
            ..files
        },
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(16)
        .build()?;
    let spread = arguments.spread.unwrap_or((arguments.boxes as u64 / 300).max(30));
    let order = Order {
        boxes: arguments.boxes.max(1),
        spread: Duration::from_secs(spread),
    };
    let settle = arguments.settle.unwrap_or_default();
    let progress = Progress::shown();
    let roomd = program("roomd");
    runtime.block_on(async {
        match &arguments.report {
            Some(path) => {
                let figures = interruptible(measure(order, settle, roomd.as_deref(), &progress)).await?;
                let text = serde_json::to_string_pretty(&figures)?;
                println!("{text}");
                Ok(std::fs::write(path, text + "\n")?)
            }
            None => {
                let fleet = interruptible(begin(order, roomd.as_deref(), &progress)).await?;
                match arguments.life {
                    Some(life) => println!("It ends after {} s, or with Ctrl-C.", life.as_secs()),
                    None => println!("It ends with Ctrl-C."),
                }
                tokio::select! {
                    () = asked_to_end() => {}
                    () = tokio::time::sleep(arguments.life.unwrap_or(Duration::MAX)) => {}
                }
                drop(fleet);
                println!("The fleet is gone, and its files with it.");
                Ok(())
            }
        }
    })
}

/// A fleet that is there, configured and looked at.
async fn begin(order: Order, roomd: Option<&Path>, progress: &Progress) -> Result<Fleet, Error> {
    let begun = Timestamp::now();
    let fleet = Fleet::start_in(Office::new(&etat()?)?, order, roomd, progress).await?;
    progress.say(&format!(
        "{} of {} boxes are enrolled and switched on{}",
        fleet.rooms.len(),
        fleet.wanted,
        if roomd.is_some() { ", and a real one" } else { "" }
    ));
    let born = || fleet.born(begun);
    let all = fleet.all_born(begun);
    progress.watch("boxes are there", fleet.running(), born, all).await?;
    progress.say("all are there");
    match program("roomctl") {
        Some(roomctl) => try_it(&fleet, &roomctl, progress).await?,
        None => println!("roomctl does not lie beside this program: cargo build --workspace"),
    }
    Ok(fleet)
}

async fn asked_to_end() {
    let interrupt = async { drop(tokio::signal::ctrl_c().await) };
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

/// What is dropped when somebody does not want to wait leaves no process behind.
async fn interruptible<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::select! {
        done = work => done,
        () = asked_to_end() => Err("interrupted".into()),
    }
}
