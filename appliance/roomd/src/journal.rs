//! The last lines of the log, for those who run the box from afar.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fleet::contract::{LogLevel, TailedLines};
use tokio::sync::broadcast;
use tracing::{Level, Metadata};
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

/// A line of the log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it was written.
    pub at: Instant,
    /// How grave it is.
    pub level: LogLevel,
    /// As it was written.
    pub text: String,
}

impl Entry {
    /// Bytes of its text in a list in JSON.
    #[must_use]
    pub fn json_bytes(&self) -> usize {
        serde_json::to_string(&self.text).map_or(usize::MAX, |text| text.len().saturating_add(1))
    }
}

#[derive(Debug)]
struct Kept {
    lines: VecDeque<Entry>,
    bytes: usize,
    followers: broadcast::Sender<Entry>,
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
        self.with(|kept| kept.lines.iter().map(|line| format!("{}\n", line.text)).collect())
    }

    /// The last lines this grave and graver of so long ago, as many as have at most `most` bytes as JSON.
    #[must_use]
    pub fn recent(&self, level: LogLevel, since: Duration, most: usize) -> TailedLines {
        let now = Instant::now();
        let (mut recent, mut bytes) = (TailedLines::default(), 0_usize);
        self.with(|kept| {
            let young = |line: &&Entry| now.saturating_duration_since(line.at) <= since;
            let wanted = kept.lines.iter().rev().take_while(young);
            for line in wanted.filter(|line| line.level <= level) {
                bytes = bytes.saturating_add(line.json_bytes());
                if bytes <= most {
                    recent.lines.push(line.text.clone());
                } else {
                    recent.left_out += 1;
                }
            }
        });
        recent.lines.reverse();
        recent
    }

    /// The lines from now on.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<Entry> {
        self.with(|kept| kept.followers.subscribe())
    }

    fn keep(&self, level: LogLevel, line: &str) {
        let end = line.floor_char_boundary(MAX_LINE);
        let entry = Entry {
            at: Instant::now(),
            level,
            text: line[..end].trim_end().to_owned(),
        };
        self.with(|kept| {
            kept.bytes += entry.text.len() + 1;
            kept.lines.push_back(entry.clone());
            while kept.bytes > MAX_BYTES
                && let Some(oldest) = kept.lines.pop_front()
            {
                kept.bytes -= oldest.text.len() + 1;
            }
            // Nobody may be listening.
            let _ = kept.followers.send(entry);
        });
    }
}

/// Takes one event of the log, which comes as one write.
#[derive(Debug)]
pub struct Line<'a>(&'a Journal, LogLevel);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.keep(self.1, &String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Journal {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self, LogLevel::Info)
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        let level = match *metadata.level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warn,
            _ => LogLevel::Info,
        };
        Line(self, level)
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
                assert!(follower.try_recv().unwrap().text.starts_with("line 0 x"));
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
    fn the_last_lines_that_are_grave_enough_come_oldest_first_and_the_others_are_counted() {
        let journal = Journal::default();
        journal.keep(LogLevel::Warn, "first");
        journal.keep(LogLevel::Info, "second");
        journal.keep(LogLevel::Error, "\"third\"");
        let recent = |level, since, most| {
            let recent = journal.recent(level, since, most);
            (recent.lines.join(" "), recent.left_out)
        };
        let hour = Duration::from_secs(3_600);
        assert_eq!(
            recent(LogLevel::Info, hour, 1_000),
            ("first second \"third\"".into(), 0)
        );
        assert_eq!(recent(LogLevel::Warn, hour, 1_000), ("first \"third\"".into(), 0));
        // `"\"third\"",` has 12 bytes, `"first",` 8.
        assert_eq!(recent(LogLevel::Warn, hour, 19), ("\"third\"".into(), 1));
        assert_eq!(recent(LogLevel::Info, Duration::ZERO, 1_000), (String::new(), 0));
    }

    #[test]
    fn every_line_is_as_grave_as_its_event() {
        use tracing_subscriber::layer::SubscriberExt;
        let journal = Journal::default();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(journal.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::error!("one");
            tracing::warn!("two");
            tracing::info!("three");
        });
        let lines = journal.recent(LogLevel::Warn, Duration::from_secs(3_600), 10_000).lines;
        let levels: Vec<_> = lines.iter().map(|line| LogLevel::of(line)).collect();
        assert_eq!(levels, [Some(LogLevel::Error), Some(LogLevel::Warn)], "{lines:?}");
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
