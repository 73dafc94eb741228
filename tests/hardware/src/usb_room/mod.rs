//! Cameras and array microphones at USB ports that only the kernel's `vhci-hcd` has.
//!
//! A device here answers USB/IP requests at one end of a socket pair; the other end is the kernel's. From `usbcore` upward
//! everything is the kernel's own: it enumerates, and `uvcvideo` and `snd-usb-audio` bind, isochronous transfers included
//! (`dummy_hcd` has none, `specs/hardware-lab.md §5`).
//!
//! | file | what stands in it |
//! |---|---|
//! | [`order`] | what may be said: `plug room`, `shutter closed` |
//! | [`descriptors`] | what a device tells about itself |
//! | [`usbip`] | the kernel's requests and our answers, as bytes |
//! | [`camera`], [`microphone`], [`device`] | the device's own state |
//! | [`cable`] | a plugged device: its thread, its timing |

pub mod cable;
pub mod camera;
pub mod descriptors;
pub mod device;
pub mod microphone;
pub mod order;
pub mod usbip;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use cable::Cable;
use order::Order;

/// Where orders are taken, unless told otherwise.
pub const SOCKET: &str = "/run/usb-room";

/// Longest order, bytes.
const LONGEST: u64 = 256;

/// Takes one order a connection, answers `ok` or `error: …`, until it is killed; that pulls every cable.
///
/// # Errors
/// When the socket cannot be made.
pub fn serve(socket: &Path) -> io::Result<()> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    let mut room = Room::default();
    for stream in listener.incoming() {
        let mut stream = stream?;
        let mut line = String::new();
        let read = BufReader::new((&stream).take(LONGEST)).read_line(&mut line);
        let result = match read {
            Ok(_) => line.parse::<Order>().and_then(|order| room.obey(order)),
            Err(error) => Err(error.to_string()),
        };
        let answer = result.unwrap_or_else(|reason| format!("error: {reason}"));
        // Whoever asked may have gone.
        let _told = writeln!(stream, "{answer}");
    }
    Ok(())
}

/// Says one order to whoever serves; its answer.
///
/// # Errors
/// When nobody serves there, or the order could not be carried out.
pub fn say(socket: &Path, order: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    writeln!(stream, "{order}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let answer = answer.trim_end();
    match answer.strip_prefix("error: ") {
        None if !answer.is_empty() => Ok(answer.to_owned()),
        None => Err(io::Error::other("no answer")),
        Some(reason) => Err(io::Error::other(reason)),
    }
}

/// What is plugged in, by the name it was plugged in under.
#[derive(Debug, Default)]
struct Room {
    plugged: BTreeMap<String, Cable>,
}

impl Room {
    fn obey(&mut self, order: Order) -> Result<String, String> {
        self.plugged.retain(|_, cable| cable.holds());
        match order {
            Order::Plug { name, make } => {
                if self.plugged.contains_key(&name) {
                    return Err(format!("{name} is plugged in already"));
                }
                let cable = Cable::plug(make).map_err(|error| error.to_string())?;
                self.plugged.insert(name, cable);
            }
            Order::Unplug { name } => {
                let cable = self.plugged.remove(&name).ok_or(format!("{name} is not plugged in"))?;
                cable.pull().map_err(|error| error.to_string())?;
            }
            Order::Shutter { closed } => self.each(|cable| cable.shutter(closed))?,
            Order::Stall { stalled } => self.each(|cable| cable.stall(stalled))?,
            Order::Status => {
                let one = |(name, cable): (&String, &Cable)| format!(" {name}({})", cable.delivers().join("+"));
                return Ok(format!("ok{}", self.plugged.iter().map(one).collect::<String>()));
            }
        }
        Ok("ok".into())
    }

    fn each(&self, tell: impl Fn(&Cable)) -> Result<(), String> {
        if self.plugged.is_empty() {
            return Err("nothing is plugged in".into());
        }
        self.plugged.values().for_each(tell);
        Ok(())
    }
}
