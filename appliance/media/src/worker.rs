//! The worker around its owner thread: one thread that only reads the socket and takes no GStreamer lock, one that only
//! writes it.

use media_protocol::frame::{Decoder, encode};
use media_protocol::{Envelope, FromWorker, ToWorker};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::elements::BuildError;
use crate::encoding::trials;
use crate::mailbox::{Mailbox, Message};
use crate::owner::{Owner, Start};
use crate::{encoding, process, underruns};

/// What the owner thread has for closing everything when `roomd` is gone.
const GRACE: Duration = Duration::from_millis(300);

/// Why the worker could not work.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// GStreamer does not start.
    #[error("GStreamer does not start: {0}")]
    GStreamer(String),
    /// Something cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The socket or a thread.
    #[error("the socket to roomd: {0}")]
    Socket(#[from] std::io::Error),
    /// The owner thread ended by a defect.
    #[error("the owner thread ended by a defect")]
    Defect,
}

/// A worker in this process, reached over channels.
#[derive(Debug)]
pub struct Worker {
    mailbox: Mailbox,
    owner: JoinHandle<()>,
}

impl Worker {
    /// Starts the owner thread. Reports come out of the receiver.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub fn start() -> Result<(Self, Receiver<Envelope<FromWorker>>), WorkerError> {
        Self::start_in(None)
    }

    /// With a folder that outlives it.
    fn start_in(folder: Option<&Path>) -> Result<(Self, Receiver<Envelope<FromWorker>>), WorkerError> {
        let start = Start::now(folder);
        gstreamer::init().map_err(|error| WorkerError::GStreamer(error.to_string()))?;
        underruns::count();
        let (mailbox, messages) = Mailbox::new();
        let (reports, reported) = channel();
        let owner = Owner::new(&mailbox, messages, reports, start)?;
        let owner = std::thread::Builder::new()
            .name("owner".into())
            .spawn(move || owner.run())?;
        Ok((Self { mailbox, owner }, reported))
    }

    /// Gives the worker a message.
    pub fn send(&self, envelope: Envelope<ToWorker>) {
        self.mailbox.post(Message::Command(envelope));
    }

    /// Closes every device and ends; waits for it.
    ///
    /// # Errors
    /// [`WorkerError::Defect`].
    pub fn stop(self) -> Result<(), WorkerError> {
        self.mailbox.post(Message::EndOfFile);
        self.owner.join().map_err(|_| WorkerError::Defect)
    }
}

/// Works for whoever is at the other end of the socket, until that end closes or asks for the end. After end of file the
/// owner thread has 300 ms; then the process dies, whatever it is doing.
///
/// # Errors
/// [`WorkerError`].
pub fn run(socket: UnixStream) -> Result<(), WorkerError> {
    let (worker, reported) = Worker::start_in(trials::folder().as_deref())?;
    if let Err(error) = encoding::find(&worker.mailbox) {
        tracing::warn!(%error, "encoders in hardware are not tried");
    }
    let (ended, end) = channel::<()>();
    let (reading, mailbox) = (socket.try_clone()?, worker.mailbox.clone());
    std::thread::Builder::new().name("reader".into()).spawn(move || {
        read(reading, &mailbox);
        mailbox.post(Message::EndOfFile);
        if end.recv_timeout(GRACE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            tracing::error!("the owner thread hangs, the process dies");
            process::die();
        }
    })?;
    let writer = std::thread::Builder::new()
        .name("writer".into())
        .spawn(move || write(socket, &reported))?;
    let result = worker.owner.join().map_err(|_| WorkerError::Defect);
    // The owner is gone and with it the sender of reports: the writer ends when the last is written. A reader at the
    // other end that stopped reading must not hold us up.
    let (done, wait): (Sender<()>, _) = channel();
    std::thread::Builder::new().name("last words".into()).spawn(move || {
        let _ = writer.join();
        let _ = done.send(());
    })?;
    let _ = wait.recv_timeout(GRACE);
    let _ = ended.send(());
    result
}

fn read(mut socket: UnixStream, mailbox: &Mailbox) {
    let mut decoder = Decoder::default();
    let mut bytes = vec![0; 16 * 1024];
    loop {
        match socket.read(&mut bytes) {
            Ok(0) => return,
            Ok(count) => decoder.push(bytes.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                tracing::warn!(%error, "the socket to roomd fails");
                return;
            }
        }
        loop {
            match decoder.next_message::<Envelope<ToWorker>>() {
                Ok(Some(envelope)) => mailbox.post(Message::Command(envelope)),
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "roomd says something that is not in the contract");
                    return;
                }
            }
        }
    }
}

fn write(mut socket: UnixStream, reported: &Receiver<Envelope<FromWorker>>) {
    for envelope in reported {
        let written = encode(&envelope)
            .map_err(std::io::Error::other)
            .and_then(|bytes| socket.write_all(&bytes));
        if let Err(error) = written {
            tracing::warn!(%error, "a report is lost");
            if error.kind() == std::io::ErrorKind::BrokenPipe {
                return;
            }
        }
    }
}
