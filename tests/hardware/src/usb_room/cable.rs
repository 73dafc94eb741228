//! A plugged device: the thread that answers the kernel, and its timing.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::descriptors::{Make, VIDEO_ENDPOINT};
use super::device::{Device, Lights};
use super::usbip::{self, Request, Transfer};

/// Where the kernel's host controller is.
const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";

/// The kernel's word for a port that nothing is plugged into (`VDEV_ST_NULL`).
const FREE: &str = "004";

/// High speed, as the controller counts (`USB_SPEED_HIGH`).
const HIGH_SPEED: u32 = 3;

/// How far behind its time a stream may fall before the lost time is given up.
const BEHIND: Duration = Duration::from_millis(200);

/// How long the kernel takes to let go of a port.
const LETS_GO: Duration = Duration::from_secs(60);

/// What the device's thread hears.
enum Event {
    Asked(Request),
    Gone,
    Shutter(bool),
    Stall(bool),
}

/// A plugged device.
#[derive(Debug)]
pub struct Cable {
    port: u32,
    stream: UnixStream,
    orders: Sender<Event>,
    lights: Arc<Lights>,
    thread: JoinHandle<()>,
}

impl Cable {
    /// Plugs a device into a free port.
    ///
    /// # Errors
    /// When there is no controller (`modprobe vhci-hcd`), no free port, or no right to it.
    pub fn plug(make: Make) -> io::Result<Self> {
        let port = free_port()?;
        let (kernel, stream) = UnixStream::pair()?;
        let line = format!("{port} {} {} {HIGH_SPEED}", kernel.as_raw_fd(), 0x1_0000 + port + 2);
        std::fs::write(format!("{CONTROLLER}/attach"), line)?;
        let (orders, events) = mpsc::channel();
        let (mut reader, heard) = (stream.try_clone()?, orders.clone());
        std::thread::spawn(move || {
            while let Ok(request) = usbip::read(&mut reader) {
                if heard.send(Event::Asked(request)).is_err() {
                    return;
                }
            }
            // The device's thread may have ended by itself.
            let _told = heard.send(Event::Gone);
        });
        let device = Device::new(make);
        let lights = device.lights();
        let plugged = Plugged::new(device, stream.try_clone()?);
        let thread = std::thread::spawn(move || plugged.live(&events));
        Ok(Self {
            port,
            stream,
            orders,
            lights,
            thread,
        })
    }

    /// Whether the kernel still holds the other end.
    pub fn holds(&self) -> bool {
        !self.thread.is_finished()
    }

    /// What it delivers now: `camera`, `microphone`, both or nothing.
    pub fn delivers(&self) -> Vec<&'static str> {
        let lights = [("camera", &self.lights.camera), ("microphone", &self.lights.microphone)];
        lights
            .into_iter()
            .filter(|(_, light)| light.load(Ordering::Relaxed))
            .map(|(name, _)| name)
            .collect()
    }

    /// Moves the lid.
    pub fn shutter(&self, closed: bool) {
        let _gone = self.orders.send(Event::Shutter(closed));
    }

    /// Lets it fall silent, or speak again.
    pub fn stall(&self, stalled: bool) {
        let _gone = self.orders.send(Event::Stall(stalled));
    }

    /// Pulls the cable; the kernel has noticed when this returns.
    ///
    /// # Errors
    /// When the kernel does not let go of the port.
    pub fn pull(self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Both)?;
        let deadline = Instant::now() + LETS_GO;
        while !is_free(self.port)? {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("the kernel holds on to port {}", self.port)));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// The lines of the controller's table for high speed: port and state.
fn ports() -> io::Result<Vec<(u32, String)>> {
    let table = std::fs::read_to_string(format!("{CONTROLLER}/status"))?;
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next()? == "hs").then_some(())?;
        Some((words.next()?.parse().ok()?, words.next()?.to_owned()))
    };
    Ok(table.lines().filter_map(line).collect())
}

fn free_port() -> io::Result<u32> {
    let free = ports()?.into_iter().find(|(_, state)| state == FREE);
    free.map(|(port, _)| port)
        .ok_or_else(|| io::Error::other("every port is taken"))
}

fn is_free(port: u32) -> io::Result<bool> {
    Ok(ports()?.iter().any(|(number, state)| *number == port && state == FREE))
}

/// The device and what the kernel waits for from it.
struct Plugged {
    device: Device,
    stream: UnixStream,
    /// Isochronous transfers and when their time has come.
    queue: VecDeque<(Instant, Transfer)>,
    /// Interrupt transfers wait for something to happen.
    waiting: VecDeque<Transfer>,
    video_until: Instant,
    audio_until: Instant,
    next_picture: Instant,
    stalled: bool,
}

impl Plugged {
    fn new(device: Device, stream: UnixStream) -> Self {
        let now = Instant::now();
        Self {
            device,
            stream,
            queue: VecDeque::new(),
            waiting: VecDeque::new(),
            video_until: now,
            audio_until: now,
            next_picture: now,
            stalled: false,
        }
    }

    /// Until the kernel lets go.
    fn live(mut self, events: &Receiver<Event>) {
        loop {
            let due = self.queue.iter().map(|(due, _)| *due).min().filter(|_| !self.stalled);
            let event = match due {
                Some(due) => events.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let handled = match event {
                Ok(Event::Asked(request)) => self.asked(request),
                Ok(Event::Shutter(closed)) => self.shutter(closed),
                Ok(Event::Stall(stalled)) => {
                    self.stalled = stalled;
                    Ok(())
                }
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Ok(Event::Gone) | Err(RecvTimeoutError::Disconnected) => return,
            };
            if handled.and_then(|()| self.deliver()).is_err() {
                return;
            }
        }
    }

    fn asked(&mut self, request: Request) -> io::Result<()> {
        match request {
            Request::Unlink { number, of } => {
                let before = self.queue.len() + self.waiting.len();
                self.queue.retain(|(_, transfer)| transfer.number != of);
                self.waiting.retain(|transfer| transfer.number != of);
                let in_time = self.queue.len() + self.waiting.len() < before;
                self.stream.write_all(&usbip::unlinked(number, in_time))
            }
            Request::Submit(transfer) if transfer.endpoint == 0 => {
                let answer = self.device.control(transfer.setup, &transfer.data);
                self.stream.write_all(&usbip::answer(&transfer, answer.as_deref()))
            }
            Request::Submit(transfer) if transfer.packets.is_empty() => {
                self.waiting.push_back(transfer);
                Ok(())
            }
            Request::Submit(transfer) => {
                let count = transfer.packets.len() as u64;
                let (until, each) = match transfer.endpoint {
                    VIDEO_ENDPOINT => (&mut self.video_until, Duration::from_micros(125 * count)),
                    _ => (&mut self.audio_until, Duration::from_millis(count)),
                };
                let earliest = Instant::now().checked_sub(BEHIND).unwrap_or(*until);
                *until = (*until).max(earliest) + each;
                self.queue.push_back((*until, transfer));
                Ok(())
            }
        }
    }

    fn shutter(&mut self, closed: bool) -> io::Result<()> {
        let (Some(word), Some(transfer)) = (self.device.shutter(closed), self.waiting.pop_front()) else {
            return Ok(());
        };
        self.stream.write_all(&usbip::answer(&transfer, Some(&word)))
    }

    /// Answers the transfers whose time has come.
    fn deliver(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while !self.stalled {
            let Some(index) = self.queue.iter().position(|(due, _)| *due <= now) else {
                break;
            };
            let Some((_, transfer)) = self.queue.remove(index) else {
                break;
            };
            if transfer.endpoint == VIDEO_ENDPOINT && self.device.camera.empty() && now >= self.next_picture {
                let interval = Duration::from_nanos(u64::from(self.device.camera.interval()) * 100);
                let earliest = now.checked_sub(BEHIND).unwrap_or(now);
                self.next_picture = self.next_picture.max(earliest) + interval;
                self.device.camera.next_picture();
            }
            let bodies: Vec<Vec<u8>> = transfer
                .packets
                .iter()
                .map(|(_, room)| self.device.packet(transfer.endpoint, *room))
                .collect();
            self.stream.write_all(&usbip::isochronous(&transfer, &bodies))?;
        }
        Ok(())
    }
}
