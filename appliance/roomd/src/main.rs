//! `roomd`: the daemon of the room box. Holds the keys and opens no device; the media worker does that.

#![forbid(unsafe_code)]

mod appliance;
mod arguments;
mod check;
mod configuration;
mod control;
mod daemon;
mod delivery;
mod fleet;
mod health;
mod identity;
mod join;
mod journal;
mod last_run;
mod liveness;
#[cfg(test)]
mod pages;
mod report;
mod terminal;
mod update;
mod way_out;
mod worker;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;
use room::Language;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Exit code for whatever goes wrong outside a meeting. A wrong command line is 2, by `clap`.
const FAILURE: u8 = 1;

/// One thread runs everything: the kernel kills the media worker when the thread that started it ends.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let journal = journal::Journal::default();
    let here = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .with_filter(EnvFilter::try_from_env("ROOMD_LOG").unwrap_or_else(|_| "warn".into()));
    let afar = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(journal.clone())
        .with_filter(EnvFilter::new("info"));
    tracing_subscriber::registry().with(here).with(afar).init();
    let language = arguments.language.parse().unwrap_or(Language::French);
    let result = match arguments.command {
        Command::Join(join) => join::run(*join, language).await,
        Command::Run(run) => daemon::run(run, journal).await,
        Command::Check(check) => check::run(&check).await,
        Command::Deliver(deliver) => delivery::run(&deliver, language).await,
        Command::Health(health) => health::run(&health, language).await,
        Command::ReportSchema => report::schema().map_err(Into::into).map(|schema| {
            println!("{schema}");
            0
        }),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("roomd: {error}");
            ExitCode::from(FAILURE)
        }
    }
}

/// Whatever makes a command impossible to carry out; shown to the person who typed it.
type Failure = Box<dyn std::error::Error>;
