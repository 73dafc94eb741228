//! A thread that waits for files and for its own end.

use std::io::{PipeReader, PipeWriter};
use std::thread::JoinHandle;

/// A running thread; dropping it ends it, and waits for that.
#[derive(Debug)]
pub struct Watcher {
    /// The thread holds the other end of this pipe.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts it. What it is given can be read from then on that it shall end.
    ///
    /// # Errors
    /// When there is no pipe or thread to be had.
    pub fn start(name: &str, watch: impl FnOnce(&PipeReader) + Send + 'static) -> std::io::Result<Self> {
        let (stopped, stop) = std::io::pipe()?;
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || watch(&stopped))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
