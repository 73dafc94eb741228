//! How far something is, for whoever waits.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks.
const TICK: Duration = Duration::from_millis(500);
/// Between two lines where lines cannot be drawn again.
const LINES: Duration = Duration::from_secs(10);

/// Where it is shown.
pub struct Progress {
    begun: Instant,
    place: Place,
    /// When a line was last printed.
    last: Mutex<Instant>,
}

#[derive(PartialEq)]
enum Place {
    Nowhere,
    /// The last line is drawn again.
    Terminal,
    Lines,
}

impl Progress {
    /// On standard output.
    #[must_use]
    pub fn shown() -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self::at(if terminal { Place::Terminal } else { Place::Lines })
    }

    /// Nowhere.
    #[must_use]
    pub fn silent() -> Self {
        Self::at(Place::Nowhere)
    }

    fn at(place: Place) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            place,
            last: Mutex::new(begun),
        }
    }

    /// Something is done.
    pub fn say(&self, sentence: &str) {
        if self.place != Place::Nowhere {
            let clear = if self.place == Place::Terminal { "\r\x1b[K" } else { "" };
            self.print(&format!(
                "{clear}{:6.1} s  {sentence}\n",
                self.begun.elapsed().as_secs_f64()
            ));
        }
    }

    fn show(&self, done: usize, of: usize, what: &str) {
        let line = format!("{:6.1} s  {done} of {of} {what}", self.begun.elapsed().as_secs_f64());
        match self.place {
            Place::Nowhere => {}
            Place::Terminal => self.print(&format!("\r\x1b[K{line}")),
            Place::Lines => {
                let since = self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
                if since >= LINES {
                    self.print(&format!("{line}\n"));
                }
            }
        }
    }

    fn print(&self, text: &str) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let mut output = std::io::stdout().lock();
        // Nobody looks any more: that is no reason to stop.
        let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    }

    /// Does it, and shows meanwhile how far it is.
    pub async fn watch<T>(&self, what: &str, of: usize, done: impl Fn() -> usize, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                end = &mut work => return end,
                () = tokio::time::sleep(TICK) => self.show(done(), of, what),
            }
        }
    }
}
