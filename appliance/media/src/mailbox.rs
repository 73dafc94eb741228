//! The owner thread's mailbox. Everything that happens on another thread (GStreamer callbacks, the socket) becomes a
//! [`Message`] here and nothing else: no callback changes state.

use gstreamer as gst;
use media_protocol::{Envelope, MediaKind, SessionId, ToWorker, WallState};
use std::sync::mpsc;

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
    /// Something of a session's transport.
    Transport(SessionId, TransportEvent),
    /// The first packet after a start of sending passed to the transport.
    FirstPacket(SessionId, MediaKind, u64),
    /// The wall shows something else now.
    Wall(WallState),
}

/// The sending side.
#[derive(Debug, Clone)]
pub struct Mailbox(mpsc::Sender<Message>);

impl Mailbox {
    /// A mailbox and what the owner thread reads.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel();
        (Self(sender), receiver)
    }

    /// Posts a message; without an owner thread it is lost, which is what an ending process wants.
    pub fn post(&self, message: Message) {
        let _ = self.0.send(message);
    }
}
