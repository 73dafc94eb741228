//! `hardware-guest`: the lab's hand in the guest. `agent` runs jobs, `usb-room` is a USB room device, `say` speaks with one.

#![forbid(unsafe_code)]

mod agent;
mod hostile;
mod key;

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hardware_lab::usb_room;

#[derive(Parser)]
#[command(about = "The lab's hand in the guest", version)]
struct Arguments {
    #[command(subcommand)]
    order: Order,
}

#[derive(Subcommand)]
enum Order {
    /// Runs jobs that come through the virtual serial port.
    Agent,
    /// USB room devices behind vhci-hcd, driven through a socket. Ending it pulls every cable.
    UsbRoom {
        /// The socket.
        #[arg(long, default_value = usb_room::SOCKET)]
        socket: PathBuf,
    },
    /// One line to a socket, such as the control socket of `roomd`; prints the line that comes back.
    Ask {
        /// The socket.
        socket: PathBuf,
        /// The line.
        line: String,
    },
    /// What hostile code in the place of the media worker would try; prints what came of each attempt.
    Hostile,
    /// A key in the TPM of this machine, made, used and found again as the daemon does.
    Key {
        /// Where its file is kept.
        folder: PathBuf,
    },
    /// One order to the USB room devices, such as `plug room`; prints the answer.
    Say {
        /// The socket.
        #[arg(long, default_value = usb_room::SOCKET)]
        socket: PathBuf,
        /// The order's words.
        #[arg(required = true)]
        words: Vec<String>,
    },
}

fn ask(socket: &Path, line: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    writeln!(stream, "{line}")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer)
}

fn main() -> ExitCode {
    let result = match Arguments::parse().order {
        Order::Agent => agent::run(),
        Order::Hostile => {
            print!("{}", hostile::tried());
            Ok(())
        }
        Order::Key { folder } => key::try_one(&folder)
            .map(|seen| println!("{seen}"))
            .map_err(io::Error::other),
        Order::UsbRoom { socket } => usb_room::serve(&socket),
        Order::Ask { socket, line } => ask(&socket, &line).map(|answer| println!("{}", answer.trim_end())),
        Order::Say { socket, words } => usb_room::say(&socket, &words.join(" ")).map(|answer| println!("{answer}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hardware-guest: {error}");
            ExitCode::FAILURE
        }
    }
}
