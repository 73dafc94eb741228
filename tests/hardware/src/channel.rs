//! Jobs for the guest, and their answers.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::wire::{Job, Word};

/// How long after a job's own limit its answer is still waited for: the guest's clock is slow on a busy machine.
const SLACK: Duration = Duration::from_secs(120);

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Exit code; 124 when it was killed at its limit.
    pub code: i32,
    /// What it said.
    pub output: String,
}

/// The way to the agent in the guest. Jobs may be asked for from several threads.
#[derive(Debug)]
pub struct Channel {
    port: Mutex<UnixStream>,
    heard: Arc<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    uptime: Option<f64>,
    next: u32,
    answers: HashMap<u32, Answer>,
    closed: bool,
}

impl Channel {
    /// Listens on the port.
    ///
    /// # Errors
    /// When the socket cannot be doubled.
    pub fn new(port: UnixStream) -> Result<Self> {
        let reader = port.try_clone().map_err(Error::io("the guest's port"))?;
        let heard = Arc::new(Heard::default());
        let mine = heard.clone();
        std::thread::spawn(move || mine.listen(reader));
        Ok(Self {
            port: Mutex::new(port),
            heard,
        })
    }

    /// Waits until the agent says that it is there; its seconds since the kernel started.
    ///
    /// # Errors
    /// In words: the time is over, or the machine ended.
    pub fn wait_until_here(&self, limit: Duration) -> std::result::Result<f64, String> {
        self.heard.wait(limit, |state| state.uptime)
    }

    /// Runs a script as root in the guest.
    ///
    /// # Errors
    /// When no answer comes; whatever code it ends with is an answer.
    pub fn run(&self, script: &str, limit: Duration) -> Result<Answer> {
        let job = {
            let mut state = self.heard.lock();
            state.next += 1;
            state.next
        };
        let order = Job {
            job,
            script: script.to_owned(),
            limit: limit.as_secs().max(1),
        };
        let lost = |what: String| Error::Guest {
            what: format!("{what}: {}", beginning(script)),
            console: String::new(),
        };
        let mut line = serde_json::to_vec(&order).map_err(|error| lost(error.to_string()))?;
        line.push(b'\n');
        {
            let mut port = self.port.lock().unwrap_or_else(PoisonError::into_inner);
            port.write_all(&line).map_err(|error| lost(error.to_string()))?;
        }
        self.heard
            .wait(limit + SLACK, |state| state.answers.remove(&job))
            .map_err(lost)
    }

    /// What a script says that must end well.
    ///
    /// # Errors
    /// As [`Channel::run`]; another exit code than 0.
    pub fn must(&self, script: &str, limit: Duration) -> Result<String> {
        let Answer { code, output } = self.run(script, limit)?;
        if code == 0 {
            return Ok(output);
        }
        Err(Error::Job {
            script: beginning(script),
            code,
            output: output.trim_end().to_owned(),
        })
    }
}

/// The first line of a script, for errors.
fn beginning(script: &str) -> String {
    let line = script
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    line.chars().take(80).collect()
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, port: UnixStream) {
        for line in BufReader::new(port).split(b'\n').map_while(std::result::Result::ok) {
            // What a power cut left half said is no JSON, and nobody waits for it.
            let Ok(word) = serde_json::from_slice::<Word>(&line) else {
                continue;
            };
            let mut state = self.lock();
            match word {
                Word::Here { uptime } => state.uptime = Some(uptime),
                Word::Done { job, code, output } => {
                    state.answers.insert(job, Answer { code, output });
                }
            }
            drop(state);
            self.changed.notify_all();
        }
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn wait<T>(
        &self,
        limit: Duration,
        mut take: impl FnMut(&mut State) -> Option<T>,
    ) -> std::result::Result<T, String> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(taken) = take(&mut state) {
                return Ok(taken);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.closed {
                return Err("the machine has ended".into());
            }
            if left.is_zero() {
                return Err(format!("no answer within {} s", limit.as_secs()));
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(answer: impl Fn(Job) -> Vec<u8> + Send + 'static) -> Channel {
        let (lab, guest) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut out = guest.try_clone().unwrap();
            for line in BufReader::new(guest).lines() {
                out.write_all(&answer(serde_json::from_str(&line.unwrap()).unwrap()))
                    .unwrap();
            }
        });
        Channel::new(lab).unwrap()
    }

    fn done(job: u32, code: i32, output: &str) -> Vec<u8> {
        let word = Word::Done {
            job,
            code,
            output: output.into(),
        };
        format!("{}\n", serde_json::to_string(&word).unwrap()).into_bytes()
    }

    #[test]
    fn what_a_power_cut_left_half_said_is_skipped() {
        let channel = guest(|job| [b"{\"done\":{\"jo\n\xff\xfe\n".to_vec(), done(job.job, 3, "no")].concat());
        let answer = channel.run("exit 3", Duration::from_secs(60)).unwrap();
        assert_eq!((answer.code, answer.output.as_str()), (3, "no"));
    }

    #[test]
    fn a_job_that_fails_says_what_it_said() {
        let channel = guest(|job| done(job.job, 1, "no such camera\n"));
        let error = channel
            .must("\n  v4l2-ctl --all\n", Duration::from_secs(60))
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("v4l2-ctl") && text.contains("no such camera"), "{text}");
    }

    #[test]
    fn a_machine_that_ends_ends_the_waiting() {
        let (lab, guest) = UnixStream::pair().unwrap();
        let channel = Channel::new(lab).unwrap();
        drop(guest);
        assert!(
            channel
                .wait_until_here(Duration::from_secs(60))
                .unwrap_err()
                .contains("ended")
        );
    }
}
