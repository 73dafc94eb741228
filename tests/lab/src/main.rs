//! The launcher: installs what the project needs, builds it, starts it.
//!
//! Standard library only, so that it compiles in seconds and before anything that it installs is there.

mod arguments;
mod checks;
mod crates;
mod demo;
mod descendants;
mod fleet;
mod footage;
mod fuzz;
mod hardware;
mod help;
mod image;
mod packages;
mod step;
mod tally;
mod tools;
mod workspace;

use std::process::ExitCode;

use arguments::Order;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match arguments::parse(&words).and_then(obey) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Carries an order out. Whether everything held; an error is a sentence for the person at the terminal.
fn obey(order: Order) -> Result<bool, String> {
    match order {
        Order::Help(command) => {
            print!("{}", help::text(command.as_deref()));
            Ok(true)
        }
        Order::Demo { no_install, passed } => Err(demo::run(no_install, &passed)),
        Order::Fleet { no_install, passed } => Err(fleet::run(no_install, &passed)),
        Order::Hardware { no_install, passed } => Err(hardware::run(no_install, &passed)),
        Order::Test { no_install } => Ok(checks::test(no_install)),
        Order::Check => Ok(checks::check()),
        Order::Mutants { passed } => Ok(checks::mutants(&passed)),
        Order::Soak { passed } => Ok(checks::soak(&passed)),
        Order::Fuzz { each, only } => fuzz::run(each, only.as_deref()),
        Order::Packages { missing, install } => {
            if install {
                packages::install()?;
            }
            packages::print(missing).map(|()| true)
        }
        Order::Image { no_install } => Ok(checks::image(no_install)),
        Order::Crates => {
            println!("{}", crates::write()?.display());
            Ok(true)
        }
        Order::Footage { again } => {
            println!("{}", footage::ensure(again)?.display());
            Ok(true)
        }
    }
}
