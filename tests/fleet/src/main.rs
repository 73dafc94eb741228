//! `cargo lab fleet`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fleet_lab::Error;
use fleet_lab::measure::{Order, measure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;

/// Simulated boxes on a real broker.
///
/// Starts Debian's Mosquitto with certificates and access lists, switches on N boxes (the session, the store's order and the
/// link of the real one), configures them with one `apply`, times commands, kills the broker during an event storm, and says
/// what became of it all.
#[derive(Debug, Parser)]
#[command(name = "cargo lab fleet")]
struct Arguments {
    /// How many boxes.
    #[arg(long, default_value_t = 200)]
    boxes: usize,
    /// Over how many seconds they spread their connections; otherwise a 300th of the boxes, and 30 at least.
    #[arg(long, value_name = "SECONDS")]
    spread: Option<u64>,
    /// Write the figures there, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
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
    let begun = std::time::Instant::now();
    let say = |sentence: &str| println!("{:6.1} s  {sentence}", begun.elapsed().as_secs_f64());
    let figures = runtime.block_on(measure(order, say))?;
    let text = serde_json::to_string_pretty(&figures)?;
    println!("{text}");
    if let Some(path) = &arguments.report {
        std::fs::write(path, text + "\n")?;
    }
    Ok(())
}
