//! The media worker's process. Its standard input is the Unix socket to `roomd`; it logs to standard error.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use media::encoding::catalogue::{Model, Path};
use media::encoding::trial::Job;
use media::encoding::trials::{self, Tried};

/// What the process's own clean-up may take before it is cut short.
const LAST_MOMENT: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => work(),
        ["--check"] => check(None),
        ["--check", "--trials"] => check(Some(trials)),
        ["--trials"] => all_trials(),
        ["--trial", job] => trial(job),
        ["--version"] => {
            println!("roomd-media {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!(
                "usage: roomd-media            with the socket to roomd as standard input\n       roomd-media --check    tells GStreamer's elements as JSON\n       roomd-media --check --trials  the same with what trials show of its encoders in hardware\n       roomd-media --trials   tells as JSON what trials show of its encoders in hardware\n       roomd-media --trial JOB  tries one encoder, and tells what it has seen as JSON"
            );
            ExitCode::from(2)
        }
    }
}

fn work() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ROOMD_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    if let Err(error) = media::process::with_environment() {
        tracing::error!(%error, "a camera that is closed may stay open: set GST_V4L2_FORCE_DRAIN=1 for this process");
    }
    if let Err(error) = media::process::die_with_parent() {
        tracing::warn!(%error, "the kernel will not end this process with its parent");
    }
    let socket = match media::process::socket_from_stdin() {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(%error, "standard input is not the socket to roomd");
            return ExitCode::from(2);
        }
    };
    let result = media::run(socket);
    let guard = std::thread::Builder::new().spawn(|| {
        std::thread::sleep(LAST_MOMENT);
        media::process::die();
    });
    if guard.is_err() {
        media::process::die();
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the worker ends");
            ExitCode::FAILURE
        }
    }
}

/// For a process that ends with the one that has started it. False: GStreamer does not start.
fn begins_below_another() -> bool {
    if let Err(error) = media::process::die_with_parent() {
        eprintln!("the kernel will not end this process with its parent: {error}");
    }
    gstreamer::init()
        .inspect_err(|error| eprintln!("GStreamer does not start: {error}"))
        .is_ok()
}

/// Whatever becomes of this process: who started it waits for an answer or for its end.
fn trial(job: &str) -> ExitCode {
    let job: Job = match serde_json::from_str(job) {
        Ok(job) => job,
        Err(error) => {
            eprintln!("{job}: {error}");
            return ExitCode::from(2);
        }
    };
    if !begins_below_another() {
        return ExitCode::FAILURE;
    }
    println!("{}", serde_json::json!(media::encoding::trial::run(&job)));
    ExitCode::SUCCESS
}

/// For the worker that has started this process.
fn all_trials() -> ExitCode {
    if !begins_below_another() {
        return ExitCode::FAILURE;
    }
    match trials() {
        Ok(tried) => {
            println!("{}", serde_json::json!(tried));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("encoders are not tried: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Each takes two seconds the first time.
fn trials() -> std::io::Result<Vec<Tried>> {
    let program = std::env::current_exe()?;
    let tell = |model: &Model, path: &Path| eprintln!("trying {} ({}) ...", model.name, path.name);
    Ok(trials::all(&program, trials::folder().as_deref(), tell))
}

fn check(trials: Option<fn() -> std::io::Result<Vec<Tried>>>) -> ExitCode {
    if let Err(error) = gstreamer::init() {
        eprintln!("GStreamer does not start: {error}");
        return ExitCode::FAILURE;
    }
    let report = media::elements::check();
    let mut told = serde_json::json!(report);
    match trials.map(|trials| trials()) {
        Some(Ok(trials)) => told["trials"] = serde_json::json!(trials),
        Some(Err(error)) => eprintln!("encoders are not tried: {error}"),
        None => {}
    }
    match serde_json::to_string_pretty(&told) {
        Ok(text) => println!("{text}"),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    let complete = report
        .elements
        .iter()
        .all(|element| element.present || !element.required);
    if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
