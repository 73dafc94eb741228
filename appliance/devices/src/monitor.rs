//! The [`Tracker`] with a clock: a thread beside udev's words over netlink, or beside a folder of simulated plugs.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::io::PipeReader;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::simulated::Folder;
use crate::tracker::{Input, Kind, Output, Tracker, View};
use crate::watcher::Watcher;
use crate::{Discovery, Hardware, Inventory};

/// Names the folder of simulated plugs that take the place of the machine's devices.
pub const FOLDER_VARIABLE: &str = "ROOMD_SIMULATED_DEVICES";
/// How often a folder is looked at.
const FOLDER_PACE: Duration = Duration::from_millis(50);
/// How often is looked where udev says nothing.
const BLIND_PACE: Duration = Duration::from_secs(2);
/// Most words of udev that are taken in before anything else is done.
const MOST_WORDS: usize = 1024;

/// Where devices are plugged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bus {
    /// This machine, as udev tells it.
    Machine,
    /// [`Folder`].
    Folder(PathBuf),
}

impl Bus {
    /// This machine, unless [`FOLDER_VARIABLE`] says otherwise.
    #[must_use]
    pub fn of_environment() -> Self {
        match std::env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()) {
            Some(folder) => Self::Folder(folder.into()),
            None => Self::Machine,
        }
    }
}

impl Discovery for Bus {
    fn inventory(&self) -> Inventory {
        match self {
            Self::Machine => Hardware.inventory(),
            Self::Folder(folder) => Folder::new(folder).inventory(),
        }
    }
}

/// A running thread; dropping it ends it.
#[derive(Debug)]
pub struct Monitor(#[expect(dead_code, reason = "it lives as long as this")] Watcher);

impl Monitor {
    /// Tells what can be used: soon, and at each change.
    ///
    /// # Errors
    /// When there is no pipe or thread to be had. Without udev it looks every two seconds.
    pub fn start(bus: Bus, tell: impl Fn(View) + Send + 'static) -> std::io::Result<Self> {
        Watcher::start("devices", move |stopped| watch(&bus, stopped, &tell)).map(Self)
    }
}

fn watch(bus: &Bus, stopped: &PipeReader, tell: &dyn Fn(View)) {
    // It must listen before it looks for the first time.
    let mut words = Words::of(bus);
    let mut tracker = Tracker::new(Instant::now());
    let mut inputs = VecDeque::from([Input::Timer]);
    let mut unstable = BTreeSet::new();
    loop {
        while let Some(input) = inputs.pop_front() {
            for output in tracker.handle(input, Instant::now()) {
                match output {
                    Output::Enumerate => inputs.push_back(Input::Enumerated(Box::new(bus.inventory()))),
                    Output::Changed(view) => {
                        warn_of_unstable(&view, &unstable);
                        unstable = view.unstable.clone();
                        tell(*view);
                    }
                }
            }
        }
        let deadline = tracker.next_deadline();
        let wait = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let wait = [wait, words.pace()].into_iter().flatten().min();
        // Rounded up, or the thread would spin through the last part of a millisecond.
        let wait = wait.and_then(|wait| Timespec::try_from(wait + Duration::from_millis(1)).ok());
        let mut watched = vec![PollFd::new(stopped, PollFlags::IN)];
        if let Words::Udev(socket) = &words {
            watched.push(PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN));
        }
        // A signal is no reason to stop.
        let _ = poll(&mut watched, wait.as_ref());
        if watched.first().is_some_and(|stopped| !stopped.revents().is_empty()) {
            return;
        }
        let heard = watched.get(1).map_or(PollFlags::empty(), PollFd::revents);
        inputs.extend(words.take(heard));
        inputs.push_back(Input::Timer);
    }
}

/// Says which devices are unstable that were not `before`.
fn warn_of_unstable(view: &View, before: &BTreeSet<(Kind, String)>) {
    for (kind, id) in view.unstable.difference(before) {
        let camera = view.inventory.cameras.iter().find(|camera| camera.id == *id);
        let speed = camera.and_then(|camera| camera.speed);
        tracing::warn!(
            ?kind,
            id,
            speed,
            "it breaks off again and again: its cable, or its power"
        );
    }
}

/// Who says that something changed.
enum Words {
    Udev(udev::MonitorSocket),
    Folder(Folder, Vec<PathBuf>),
    /// Nobody.
    None,
}

impl Words {
    fn of(bus: &Bus) -> Self {
        match bus {
            Bus::Folder(path) => Self::Folder(Folder::new(path), Vec::new()),
            Bus::Machine => match listen() {
                Ok(socket) => Self::Udev(socket),
                Err(error) => {
                    tracing::warn!(%error, "udev says nothing of plugs: looking every two seconds");
                    Self::None
                }
            },
        }
    }

    /// How long it may be waited for words.
    fn pace(&self) -> Option<Duration> {
        match self {
            Self::Udev(_) => None,
            Self::Folder(..) => Some(FOLDER_PACE),
            Self::None => Some(BLIND_PACE),
        }
    }

    fn take(&mut self, heard: PollFlags) -> Vec<Input> {
        match self {
            Self::Udev(socket) => {
                // The buffer was too small (`ENOBUFS`): the kernel says so once, and goes on.
                let lost = heard.contains(PollFlags::ERR).then_some(Input::Overflow);
                let words = socket.iter().take(MOST_WORDS).map(|event| {
                    let action = event.action().and_then(OsStr::to_str).unwrap_or_default();
                    tracing::debug!(action, device = %event.sysname().to_string_lossy(), "udev");
                    match action {
                        "remove" => Input::Removed,
                        _ => Input::Added,
                    }
                });
                lost.into_iter().chain(words).collect()
            }
            Self::Folder(folder, before) => {
                let now = folder.plugs();
                let gone = before.iter().any(|plug| !now.contains(plug)).then_some(Input::Removed);
                let new = now.iter().any(|plug| !before.contains(plug)).then_some(Input::Added);
                *before = now;
                gone.into_iter().chain(new).collect()
            }
            Self::None => vec![Input::Overflow],
        }
    }
}

fn listen() -> std::io::Result<udev::MonitorSocket> {
    udev::MonitorBuilder::new()?
        .match_subsystem("video4linux")?
        .match_subsystem("sound")?
        .match_subsystem("drm")?
        .listen()
}

#[cfg(test)]
mod tests;
