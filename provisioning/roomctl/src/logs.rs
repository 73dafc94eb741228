//! The log of a box: the lines that are there, and those to come.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use fleet::contract::{
    Answer, AnswerStatus, Channel, Code, CommandName, DeviceId, Id, LogLevel, Message, OfflineReason, Presence,
    TailedLines, Telemetry, TelemetryStream,
};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::author::Author;
use crate::console::{Console, ConsoleError};
use crate::order::{self, OrderError};

/// For an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// A box sends its lines for so long; then nobody is there any more who would read them.
const TIME: Duration = Duration::from_secs(120);
/// So long before the end of that it is asked again.
const RENEWAL: Duration = Duration::from_secs(30);
/// After an answer that may be another one soon.
const PAUSE: Duration = Duration::from_secs(10);
/// While a box is away.
const LONG: Duration = Duration::from_secs(3_600);
/// Oldest lines that can be asked for (`specs/fleet-mqtt.md §1`).
pub const OLDEST: Duration = Duration::from_secs(86_400);
/// Lines that may come a second time.
const REMEMBERED: usize = 1_024;

/// Which lines.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Of so long ago.
    pub since: Duration,
    /// This grave and graver.
    pub level: LogLevel,
    /// And those to come.
    pub follow: bool,
}

/// What is heard of a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A line of its log.
    Line(String),
    /// Older lines found no room in its answer.
    LeftOut(u64),
    /// So many lines were too many to be sent.
    Missed(u64),
    /// It is not there any more.
    Away(OfflineReason),
    /// It is there again.
    Back,
}

/// How reading ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// All was said.
    Told,
    /// The box does not want to.
    Refused(Box<Answer>),
    /// Nobody listens to us any more.
    Unheard,
}

/// What is known of the box and its log.
struct Reader {
    wanted: Wanted,
    presence: Option<Presence>,
    /// The last lines that were said: an answer and `tele/log` may both have them.
    told: VecDeque<String>,
    /// The question that waits for its answer, and until when.
    asked: Option<(Id, Instant)>,
    /// When to ask for lines of so long ago.
    ask: Option<(Instant, Duration)>,
    /// The last word of the box.
    word: Instant,
    answered: bool,
}

/// Reads the log of a box: until all is said, or for ever when those to come are wanted. `known`: whether it is there.
///
/// # Errors
/// [`OrderError`].
pub async fn read(
    console: &mut Console,
    author: &mut Author,
    device: &DeviceId,
    wanted: Wanted,
    known: Option<Presence>,
    mut say: impl FnMut(Heard) -> ControlFlow<()>,
) -> Result<End, OrderError> {
    let tenant = console.tenant().clone();
    let channels = [
        Channel::Answer(CommandName::LogsTail.as_str().into()),
        Channel::Telemetry(TelemetryStream::Log),
        Channel::Online,
    ];
    console
        .hear(&channels.clone().map(|channel| channel.topic(&tenant, device)))
        .await?;
    let mut reader = Reader::new(wanted, known, Instant::now());
    loop {
        if let Some(params) = reader.question(Instant::now()) {
            let id = order::send(console, author, device, CommandName::LogsTail, params, PATIENCE).await?;
            reader.asked = Some((id, Instant::now() + PATIENCE));
        }
        let until = reader.deadline(Instant::now());
        let heard = match console.next(until.saturating_duration_since(Instant::now())).await {
            Err(ConsoleError::Silent) if reader.is_told_nothing(Instant::now()) => {
                return Err(OrderError::NoAnswer(PATIENCE));
            }
            Err(ConsoleError::Silent) => continue,
            heard => heard?,
        };
        let Some(channel) = channels
            .iter()
            .find(|channel| channel.topic(&tenant, device) == heard.topic)
        else {
            continue;
        };
        let (said, end) = reader.hear(channel, &heard.payload, Instant::now());
        for heard in said {
            if say(heard).is_break() {
                return Ok(End::Unheard);
            }
        }
        if let Some(end) = end {
            return Ok(end);
        }
    }
}

impl Reader {
    fn new(wanted: Wanted, presence: Option<Presence>, now: Instant) -> Self {
        let mut reader = Self {
            wanted,
            presence,
            told: VecDeque::new(),
            asked: None,
            ask: None,
            word: now,
            answered: false,
        };
        if reader.is_here() {
            reader.ask = Some((now, wanted.since));
        }
        reader
    }

    const fn is_here(&self) -> bool {
        matches!(self.presence, Some(Presence::Online(_)))
    }

    /// What to ask now.
    fn question(&mut self, now: Instant) -> Option<Map<String, Value>> {
        if self.asked.is_some_and(|(_, until)| until <= now) {
            // Silence: the box, or the way to it.
            self.asked = None;
            self.ask = Some((now, self.since_the_last_word(now)));
        }
        let (_, since) = self.ask.filter(|(at, _)| *at <= now && self.asked.is_none())?;
        self.ask = None;
        let seconds = if self.wanted.follow { TIME.as_secs() } else { 0 };
        let params = json!({"seconds": seconds, "since_s": since.min(OLDEST).as_secs(), "level": self.wanted.level});
        match params {
            Value::Object(params) => Some(params),
            _ => None,
        }
    }

    fn deadline(&self, now: Instant) -> Instant {
        let asked = self.asked.map(|(_, until)| until);
        asked.or(self.ask.map(|(at, _)| at)).unwrap_or(now + LONG)
    }

    /// True when the first question found no answer.
    fn is_told_nothing(&self, now: Instant) -> bool {
        !self.answered && self.asked.is_some_and(|(_, until)| until <= now)
    }

    fn since_the_last_word(&self, now: Instant) -> Duration {
        if self.answered {
            now.saturating_duration_since(self.word) + Duration::from_secs(1)
        } else {
            self.wanted.since
        }
    }

    /// What a message comes down to, and whether it is the end.
    fn hear(&mut self, channel: &Channel, payload: &[u8], now: Instant) -> (Vec<Heard>, Option<End>) {
        let most = channel.rules().max_bytes;
        match channel {
            Channel::Online => match Presence::parse(payload, most) {
                Ok(presence) => (self.presence(presence, now), None),
                Err(_) => (Vec::new(), None),
            },
            Channel::Telemetry(_) => match Message::<Telemetry>::parse(payload, most) {
                Ok(message) => (self.lines(message.body, now), None),
                Err(_) => (Vec::new(), None),
            },
            _ => match Message::<Answer>::parse(payload, most) {
                Ok(message) if self.asked.is_some_and(|(id, _)| id == message.body.re) => {
                    self.answer(message.body, now)
                }
                _ => (Vec::new(), None),
            },
        }
    }

    fn presence(&mut self, presence: Presence, now: Instant) -> Vec<Heard> {
        let known = self.presence.as_ref().map_or(0, Presence::sid);
        let (was_here, other) = (self.is_here(), presence.sid() != known);
        if presence.sid() < known {
            return Vec::new();
        }
        let said = match &presence {
            Presence::Online(_) if was_here && !other => Vec::new(),
            Presence::Online(_) => {
                self.asked = None;
                self.ask = Some((now, self.since_the_last_word(now)));
                if was_here { Vec::new() } else { vec![Heard::Back] }
            }
            Presence::Offline(offline) => {
                (self.asked, self.ask) = (None, None);
                if was_here {
                    vec![Heard::Away(offline.reason)]
                } else {
                    Vec::new()
                }
            }
        };
        self.presence = Some(presence);
        said
    }

    fn lines(&mut self, telemetry: Telemetry, now: Instant) -> Vec<Heard> {
        if !self.wanted.follow || !self.answered {
            // Somebody else's, or lines that the answer to come has too.
            return Vec::new();
        }
        self.word = now;
        let missed = telemetry.values.get("missed_lines").map_or(0, |count| *count as u64);
        let mut heard: Vec<Heard> = (missed > 0).then_some(Heard::Missed(missed)).into_iter().collect();
        heard.extend(self.new_ones(telemetry.lines));
        heard
    }

    fn answer(&mut self, answer: Answer, now: Instant) -> (Vec<Heard>, Option<End>) {
        let soon = matches!(answer.code, Code::Interrupted | Code::RateLimited | Code::Timeout);
        match answer.status {
            AnswerStatus::Accepted | AnswerStatus::Running => (Vec::new(), None),
            AnswerStatus::Failed | AnswerStatus::Rejected if soon && self.wanted.follow => {
                self.asked = None;
                self.ask = Some((now + PAUSE, self.since_the_last_word(now) + PAUSE));
                (Vec::new(), None)
            }
            AnswerStatus::Failed | AnswerStatus::Rejected => (Vec::new(), Some(End::Refused(Box::new(answer)))),
            AnswerStatus::Done => {
                let tailed = serde_json::from_value::<TailedLines>(Value::Object(answer.result)).unwrap_or_default();
                let mut heard: Vec<Heard> = (tailed.left_out > 0)
                    .then_some(Heard::LeftOut(tailed.left_out))
                    .into_iter()
                    .collect();
                heard.extend(self.new_ones(tailed.lines));
                (self.asked, self.answered, self.word) = (None, true, now);
                self.ask = Some((now + TIME - RENEWAL, Duration::ZERO));
                (heard, (!self.wanted.follow).then_some(End::Told))
            }
        }
    }

    /// Those that were not said yet; what others want of the box comes to us too.
    fn new_ones(&mut self, lines: Vec<String>) -> Vec<Heard> {
        let grave = |line: &String| LogLevel::of(line).is_none_or(|level| level <= self.wanted.level);
        let mut new = Vec::new();
        for line in lines.into_iter().filter(grave) {
            if self.told.contains(&line) {
                continue;
            }
            self.told.push_back(line.clone());
            new.push(Heard::Line(line));
        }
        let many = self.told.len().saturating_sub(REMEMBERED);
        self.told.drain(..many);
        new
    }
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod tests;
