//! The picture on the screen. A thread of its own draws it thirty times a second, only where something changed: a slow
//! screen or a slow text never holds up a decoder or the owner thread.

mod board;
pub(crate) mod canvas;
mod code;
pub mod layout;
pub(crate) mod lettering;
mod marks;
mod painter;
mod snapshot;

pub use board::{Board, Picture};

use gstreamer_app::AppSrc;
use media_protocol::{DisplayDevice, SessionId, WallPlan};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::now_ns;
use crate::elements::BuildError;
use crate::mailbox::{Mailbox, Message};
use painter::Painter;
use snapshot::Snapshot;

/// Time between two pictures.
const FRAME_NS: u64 = 1_000_000_000 / 30;
/// Time between two snapshots while something changes, and while nothing does.
const SNAPSHOT_NS: (u64, u64) = (200_000_000, 1_000_000_000);
/// A screen gets a picture so often even when nothing changes.
const REFRESH_NS: u64 = 1_000_000_000;

#[derive(Debug)]
enum Order {
    Plan(Option<WallPlan>, Option<SessionId>),
    Screen(Option<AppSrc>),
    Copy,
    Stop,
}

/// The wall's thread.
#[derive(Debug)]
pub struct Wall {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Wall {
    /// Starts drawing pictures of `board`; what is shown goes to the mailbox.
    ///
    /// # Errors
    /// [`BuildError::Thread`].
    pub fn start(board: Board, mailbox: Mailbox) -> Result<Self, BuildError> {
        let (orders, incoming) = channel();
        let work = move || {
            if let Err(error) = draw(&incoming, &board, &mailbox) {
                tracing::error!(%error, "the wall stands still");
            }
        };
        let thread = std::thread::Builder::new().name("wall".into()).spawn(work)?;
        Ok(Self {
            orders,
            thread: Some(thread),
        })
    }

    /// Another plan, or none: then nothing is drawn.
    pub fn set_plan(&self, plan: Option<WallPlan>, session: Option<SessionId>) {
        let _ = self.orders.send(Order::Plan(plan, session));
    }

    /// A copy of what is shown is wanted; it goes to the mailbox.
    pub fn copy(&self) {
        let _ = self.orders.send(Order::Copy);
    }

    /// Where pictures go besides the snapshot.
    pub fn set_screen(&self, screen: Option<AppSrc>) {
        let _ = self.orders.send(Order::Screen(screen));
    }
}

impl Drop for Wall {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the wall's thread holds.
#[derive(Default)]
struct Outputs {
    screen: Option<AppSrc>,
    screen_ns: u64,
    /// The file that is kept up to date.
    snapshot: Option<(PathBuf, Snapshot)>,
    snapshot_ns: u64,
    /// Makes the copies that are asked for.
    copier: Option<Snapshot>,
    unseen: bool,
}

fn draw(orders: &Receiver<Order>, board: &Board, mailbox: &Mailbox) -> Result<(), BuildError> {
    // Made when the first plan comes: a box without a wall loads no fonts.
    let mut painter: Option<Painter> = None;
    let mut outputs = Outputs::default();
    let mut session = None;
    let mut due = now_ns();
    loop {
        let wait = if painter.is_some() {
            Duration::from_nanos(due.saturating_sub(now_ns()))
        } else {
            Duration::from_secs(3600)
        };
        match orders.recv_timeout(wait) {
            Ok(Order::Plan(None, _)) => {
                if let Some(mut painter) = painter.take() {
                    painter.set_plan(None, now_ns());
                    painter
                        .changed_state()
                        .into_iter()
                        .for_each(|state| mailbox.post(Message::Wall(state)));
                }
                (outputs.snapshot, outputs.copier) = (None, None);
                // Nobody's picture outlives the meeting.
                board.keep(&HashSet::new());
            }
            Ok(Order::Plan(Some(plan), of)) => {
                if painter.is_none() {
                    (painter, due) = (Some(Painter::new()?), now_ns());
                }
                let Some(painter) = &mut painter else { continue };
                if of.is_some() && of != session {
                    painter.forget_first_frames();
                    session = of;
                }
                outputs.choose_snapshot(&plan, painter);
                painter.set_plan(Some(plan), now_ns());
                board.keep(&painter.sources());
                outputs.unseen = true;
            }
            Ok(Order::Copy) => match &painter {
                Some(painter) => outputs.copy(painter, mailbox)?,
                None => mailbox.post(Message::WallCopy(None)),
            },
            Ok(Order::Screen(screen)) => (outputs.screen, outputs.screen_ns) = (screen, 0),
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = now_ns();
        if let Some(painter) = painter.as_mut().filter(|_| now >= due) {
            due = (due + FRAME_NS).max(now);
            outputs.unseen |= painter.paint(board, now);
            painter
                .changed_state()
                .into_iter()
                .for_each(|state| mailbox.post(Message::Wall(state)));
            outputs.give(painter, now)?;
        }
    }
}

impl Outputs {
    fn choose_snapshot(&mut self, plan: &WallPlan, painter: &Painter) {
        let DisplayDevice::Simulated { snapshot: Some(path) } = &plan.display else {
            self.snapshot = None;
            return;
        };
        if self.snapshot.as_ref().is_some_and(|(file, _)| file == path) {
            return;
        }
        let made = painter
            .canvas()
            .caps()
            .and_then(|caps| Snapshot::into_file(path, &caps));
        self.snapshot = made
            .inspect_err(|error| tracing::warn!(%error, "no snapshot of the wall"))
            .ok()
            .map(|snapshot| (path.clone(), snapshot));
    }

    fn copy(&mut self, painter: &Painter, mailbox: &Mailbox) -> Result<(), BuildError> {
        let mailbox = mailbox.clone();
        let made = move |jpeg: &[u8]| mailbox.post(Message::WallCopy(Some(jpeg.to_vec())));
        let copier = match self.copier.take() {
            Some(copier) => copier,
            None => Snapshot::new(&painter.canvas().caps()?, made)?,
        };
        copier.take(painter::copy(painter, now_ns())?);
        self.copier = Some(copier);
        Ok(())
    }

    fn give(&mut self, painter: &Painter, now: u64) -> Result<(), BuildError> {
        let changed = std::mem::take(&mut self.unseen);
        if let Some(screen) = self
            .screen
            .as_ref()
            .filter(|_| changed || now - self.screen_ns >= REFRESH_NS)
        {
            self.screen_ns = now;
            let _ = screen.push_buffer(painter::copy(painter, now)?);
        }
        if let Some((_, snapshot)) = &self.snapshot {
            let age = now - self.snapshot_ns;
            if age >= SNAPSHOT_NS.1 || (changed && age >= SNAPSHOT_NS.0) {
                self.snapshot_ns = now;
                snapshot.take(painter::copy(painter, now)?);
            }
        }
        Ok(())
    }
}
