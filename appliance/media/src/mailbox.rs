//! The owner thread's mailbox. Everything that happens on another thread (GStreamer callbacks, the socket) becomes a
//! [`Message`] here and nothing else: no callback changes state.

use gstreamer as gst;
use media_protocol::{DeviceFault, Envelope, MediaKind, MediaPlan, SessionId, ToWorker, WallState};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::encoding::ladder::Step;
use crate::session::transport::TransportEvent;

/// Which pipeline a message of a bus comes from. The number tells a restarted pipeline from its predecessor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipelineId {
    /// The camera.
    Camera(u64),
    /// The microphone.
    Microphone(u64),
    /// A WebRTC session.
    Session(SessionId),
    /// The loudspeaker.
    Loudspeaker(u64),
    /// The screen.
    Display(u64),
    /// A self-test.
    SelfTest,
}

/// What the owner thread is told.
#[derive(Debug)]
pub enum Message {
    /// From `roomd`.
    Command(Envelope<ToWorker>),
    /// `roomd` is gone.
    EndOfFile,
    /// A message of a pipeline's bus that matters.
    Bus(PipelineId, gst::Message),
    /// A capture device that has no bus of its own fails.
    Failed(PipelineId, DeviceFault),
    /// What is wrong with a device that is open all the same (a shutter, a switch, an empty socket), or that nothing is any more.
    Impaired(PipelineId, Option<DeviceFault>),
    /// These encoders of H.264 are there, the best first.
    Encoders(Vec<Step>),
    /// Other devices can be used from now on.
    Attached(Box<devices::View>),
    /// Something of a session's transport.
    Transport(SessionId, TransportEvent),
    /// The first packet after a start of sending passed to the transport.
    FirstPacket(SessionId, MediaKind, u64),
    /// The wall shows something else now.
    Wall(WallState),
    /// What the wall shows, as a JPEG; none while it is dark.
    WallCopy(Option<Vec<u8>>),
}

/// The sending side.
#[derive(Debug, Clone)]
pub struct Mailbox {
    sender: mpsc::Sender<Letter>,
    waiting: Waiting,
}

/// The owner thread's side.
#[derive(Debug)]
pub struct Inbox {
    receiver: mpsc::Receiver<Letter>,
    waiting: Waiting,
}

#[derive(Debug)]
enum Letter {
    Message(Message),
    /// The plan in [`Waiting`].
    Plan,
}

/// The newest plan that the owner thread has not taken yet, and its epoch. Older ones need not be applied any more.
type Waiting = Arc<Mutex<Option<(u64, Box<MediaPlan>)>>>;

impl Mailbox {
    /// A mailbox and what the owner thread reads.
    #[must_use]
    pub fn new() -> (Self, Inbox) {
        let (sender, receiver) = mpsc::channel();
        let waiting = Waiting::default();
        let inbox = Inbox {
            receiver,
            waiting: waiting.clone(),
        };
        (Self { sender, waiting }, inbox)
    }

    /// Posts a message; without an owner thread it is lost, which is what an ending process wants. A plan takes the place
    /// of an older one that still waits, so that many plans delay neither the newest nor what comes behind them.
    pub fn post(&self, message: Message) {
        let letter = match message {
            Message::Command(Envelope {
                epoch,
                message: ToWorker::Plan(plan),
            }) => match self.leave(epoch, plan) {
                Some(letter) => letter,
                None => return,
            },
            other => Letter::Message(other),
        };
        let _ = self.sender.send(letter);
    }

    /// None: the plan is in the place of another, or older than it.
    fn leave(&self, epoch: u64, plan: Box<MediaPlan>) -> Option<Letter> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.as_mut() {
            None => {
                *waiting = Some((epoch, plan));
                Some(Letter::Plan)
            }
            Some((known, older)) if *known == epoch => {
                if older.revision < plan.revision {
                    *older = plan;
                }
                None
            }
            // Another epoch begins with a message of its own, which this plan must not overtake.
            Some(_) => {
                let message = ToWorker::Plan(plan);
                Some(Letter::Message(Message::Command(Envelope { epoch, message })))
            }
        }
    }
}

impl Inbox {
    /// The next message, waiting for it so long at most.
    ///
    /// # Errors
    /// As [`mpsc::Receiver::recv_timeout`].
    pub fn recv_timeout(&self, at_most: Duration) -> Result<Message, RecvTimeoutError> {
        let end = Instant::now() + at_most;
        loop {
            match self
                .receiver
                .recv_timeout(end.saturating_duration_since(Instant::now()))?
            {
                Letter::Message(message) => return Ok(message),
                Letter::Plan => {
                    let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some((epoch, plan)) = waiting {
                        let message = ToWorker::Plan(plan);
                        return Ok(Message::Command(Envelope { epoch, message }));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(epoch: u64, revision: u64) -> Message {
        let message = ToWorker::Plan(Box::new(MediaPlan {
            revision,
            ..MediaPlan::default()
        }));
        Message::Command(Envelope { epoch, message })
    }

    fn ping() -> Message {
        let message = ToWorker::Ping;
        Message::Command(Envelope { epoch: 1, message })
    }

    /// What is in it: revisions, and 0 for a sign of life.
    fn read(inbox: &Inbox) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| inbox.recv_timeout(Duration::ZERO).ok())
            .map(|message| match message {
                Message::Command(Envelope {
                    epoch,
                    message: ToWorker::Plan(plan),
                }) => (epoch, plan.revision),
                _ => (0, 0),
            })
            .collect()
    }

    #[test]
    fn a_flood_of_plans_delays_neither_the_newest_nor_the_sign_of_life_behind_it() {
        let (mailbox, inbox) = Mailbox::new();
        for revision in 1..=10_000 {
            mailbox.post(plan(1, revision));
        }
        mailbox.post(ping());
        mailbox.post(plan(1, 10_001));
        mailbox.post(plan(1, 7));
        assert_eq!(read(&inbox), [(1, 10_001), (0, 0)]);
        mailbox.post(ping());
        mailbox.post(plan(1, 10_002));
        assert_eq!(
            read(&inbox),
            [(0, 0), (1, 10_002)],
            "a plan that came later is not waited for"
        );
    }

    #[test]
    fn a_plan_of_another_epoch_takes_nobodys_place() {
        let (mailbox, inbox) = Mailbox::new();
        mailbox.post(plan(1, 5));
        mailbox.post(plan(2, 1));
        mailbox.post(plan(1, 6));
        assert_eq!(read(&inbox), [(1, 6), (2, 1)]);
    }
}
