//! `roomctl`.

mod arguments;
mod commands;
mod failure;
mod print;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Order};
use failure::Failure;
use roomctl::words::Words;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(sentence) = failure.sentence() {
                eprintln!("roomctl: {sentence}");
            }
            ExitCode::from(failure.code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Wrong(error.to_string()))?;
    let words = Words::of_environment(|name| std::env::var(name).ok());
    runtime.block_on(async {
        match &arguments.order {
            Order::Init(order) => commands::init::run(arguments, order, words),
            Order::Deliver(order) => commands::deliver::run(arguments, order, words),
            Order::Claim(order) => commands::claim::run(arguments, order, words).await,
            Order::Forget(order) => commands::forget::run(arguments, order, words).await,
            Order::Apply(order) => commands::apply::run(arguments, order, words).await,
            Order::Get(chosen) => commands::get::run(arguments, chosen, words).await,
            Order::Describe(chosen) => commands::describe::run(arguments, chosen, words).await,
            Order::Command(order) => commands::command::run(arguments, order, words).await,
            Order::Logs(order) => commands::logs::run(arguments, order, words).await,
            Order::Events(order) => commands::events::run(arguments, order, words).await,
            Order::Notice(order) => commands::notice::run(arguments, order, words).await,
            Order::Rollout(order) => commands::rollout::run(arguments, order, words).await,
            Order::Root(order) => commands::root::run(arguments, order, words).await,
            Order::Doctor(chosen) => commands::doctor::run(arguments, chosen, words).await,
            Order::Completion { shell } => {
                commands::completion::run(*shell);
                Ok(())
            }
        }
    })
}
