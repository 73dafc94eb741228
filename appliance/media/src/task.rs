//! A thread that works until whoever started it drops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running thread; dropping it ends it, and waits for that.
#[derive(Debug)]
pub struct Task {
    running: Running,
    thread: Option<JoinHandle<()>>,
}

/// How a thread learns that it shall end.
#[derive(Debug, Clone)]
pub struct Running(Arc<AtomicBool>);

impl Running {
    /// False: it shall end.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Waits so long, or until it shall end, or shorter.
    pub fn wait(&self, time: Duration) {
        if self.goes_on() {
            std::thread::park_timeout(time);
        }
    }
}

impl Task {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(name: &str, work: impl FnOnce(&Running) + Send + 'static) -> std::io::Result<Self> {
        let running = Running(Arc::new(AtomicBool::new(true)));
        let its = running.clone();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || work(&its))?;
        Ok(Self {
            running,
            thread: Some(thread),
        })
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.running.0.store(false, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn one_that_waits_long_ends_at_once_when_it_is_dropped() {
        let (told, heard) = std::sync::mpsc::channel();
        let task = Task::start("patient", move |running| {
            while running.goes_on() {
                running.wait(Duration::from_secs(600));
            }
            let _ = told.send(());
        });
        let begun = Instant::now();
        drop(task.unwrap());
        assert_eq!(heard.try_recv(), Ok(()), "it has ended by then");
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}
