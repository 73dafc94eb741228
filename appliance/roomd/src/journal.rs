//! The last lines of the log, for those who run the box from afar.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that are kept; the oldest fall.
const MAX_BYTES: usize = 512 * 1024;
/// Bytes of one line; the rest falls.
const MAX_LINE: usize = 2_048;
/// Lines that a follower may be behind; then it misses the oldest.
const MAX_BEHIND: usize = 256;

/// The last lines, without colours.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    lines: VecDeque<String>,
    bytes: usize,
    followers: broadcast::Sender<String>,
}

impl Default for Journal {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Kept {
            lines: VecDeque::new(),
            bytes: 0,
            followers: broadcast::channel(MAX_BEHIND).0,
        })))
    }
}

impl Journal {
    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All that is kept, oldest first, a line each.
    #[must_use]
    pub fn text(&self) -> String {
        self.with(|kept| kept.lines.iter().map(|line| format!("{line}\n")).collect())
    }

    /// The lines from now on.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<String> {
        self.with(|kept| kept.followers.subscribe())
    }

    fn keep(&self, line: &str) {
        let end = line.floor_char_boundary(MAX_LINE);
        let line = line[..end].trim_end();
        self.with(|kept| {
            kept.bytes += line.len() + 1;
            kept.lines.push_back(line.to_owned());
            while kept.bytes > MAX_BYTES
                && let Some(oldest) = kept.lines.pop_front()
            {
                kept.bytes -= oldest.len() + 1;
            }
            // Nobody may be listening.
            let _ = kept.followers.send(line.to_owned());
        });
    }
}

/// Takes one event of the log, which comes as one write.
#[derive(Debug)]
pub struct Line<'a>(&'a Journal);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.keep(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Journal {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_no_more_than_fit() {
        let journal = Journal::default();
        let mut follower = journal.follow();
        for number in 0..10_000 {
            let event = format!("line {number} {}\n", "x".repeat(100));
            journal.make_writer().write_all(event.as_bytes()).unwrap();
            if number == 0 {
                assert!(follower.try_recv().unwrap().starts_with("line 0 x"));
            }
        }
        let text = journal.text();
        assert!(
            text.len() <= MAX_BYTES && text.len() > MAX_BYTES - 200,
            "{}",
            text.len()
        );
        assert!(text.lines().last().unwrap().starts_with("line 9999 "));
    }

    #[test]
    fn a_line_without_end_is_cut_at_a_character() {
        let journal = Journal::default();
        journal
            .make_writer()
            .write_all("é".repeat(MAX_LINE).as_bytes())
            .unwrap();
        assert_eq!(journal.text().len(), MAX_LINE + 1);
    }
}
