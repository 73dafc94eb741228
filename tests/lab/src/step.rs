//! One part of a run: a command with a name, a limit and a clock.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::descendants;

/// How long lines are waited for after a command's end.
const AFTERMATH: Duration = Duration::from_secs(2);

/// How a command ended.
pub struct Ending {
    /// It ended by itself with exit code 0.
    pub good: bool,
    /// How it ended, for a person: `exit status: 1`, `over its limit of 60 s`.
    pub how: String,
    /// How long it ran.
    pub took: Duration,
}

/// Starts `command`, shows what it prints on standard output, hands each of those lines to `look`, and ends it with
/// everything it started when it runs longer than `limit`.
pub fn run(mut command: Command, limit: Duration, mut look: impl FnMut(&str)) -> Ending {
    let begun = Instant::now();
    let mut child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            let how = format!("{} cannot be started: {error}", command.get_program().to_string_lossy());
            return Ending {
                good: false,
                how,
                took: begun.elapsed(),
            };
        }
    };
    let (send, lines) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while matches!(output.read_until(b'\n', &mut line), Ok(length) if length > 0) {
                if send
                    .send(String::from_utf8_lossy(&line).trim_end_matches('\n').to_string())
                    .is_err()
                {
                    break;
                }
                line.clear();
            }
        });
    }
    let deadline = begun + limit;
    let mut ended = None;
    // Until the output is closed; or a moment after the end, should something it left behind hold the output open.
    while ended.is_none_or(|(_, at): (_, Instant)| at.elapsed() < AFTERMATH) {
        if Instant::now() >= deadline {
            return over(child, begun, limit);
        }
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => {
                println!("{line}");
                look(&line);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) if ended.is_some() => break,
            // Closed, and soon to exit.
            Err(mpsc::RecvTimeoutError::Disconnected) => thread::sleep(Duration::from_millis(10)),
            Err(mpsc::RecvTimeoutError::Timeout) => (),
        }
        if ended.is_none() {
            match child.try_wait() {
                Ok(status) => ended = status.map(|status| (status, Instant::now())),
                Err(error) => {
                    let how = format!("lost sight of it: {error}");
                    return Ending {
                        good: false,
                        how,
                        took: begun.elapsed(),
                    };
                }
            }
        }
    }
    match ended {
        Some((status, at)) => Ending {
            good: status.success(),
            how: status.to_string(),
            took: at - begun,
        },
        None => over(child, begun, limit),
    }
}

fn over(mut child: Child, begun: Instant, limit: Duration) -> Ending {
    for process in descendants::of(child.id()) {
        let _ = Command::new("kill")
            .args(["-KILL", &process.to_string()])
            .stderr(Stdio::null())
            .status();
    }
    let _ = child.kill();
    let _ = child.wait();
    Ending {
        good: false,
        how: format!("over its limit of {} s", limit.as_secs()),
        took: begun.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn every_line_is_seen_and_the_exit_code_counts() {
        let mut seen = Vec::new();
        let ending = run(shell("echo one; echo two; exit 3"), Duration::from_secs(20), |line| {
            seen.push(line.to_string())
        });
        assert_eq!(seen, ["one", "two"]);
        assert!(!ending.good && ending.how.contains('3'), "{}", ending.how);
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_ending_and_no_panic() {
        let ending = run(Command::new("no-such-program-anywhere"), Duration::from_secs(5), |_| ());
        assert!(
            !ending.good && ending.how.contains("no-such-program-anywhere"),
            "{}",
            ending.how
        );
    }

    #[test]
    fn what_is_left_behind_with_the_output_in_its_hands_does_not_hold_the_run_up() {
        let mut left = 0;
        let script = "sleep 300 & echo $!";
        let ending = run(shell(script), Duration::from_secs(60), |line| {
            left = line.parse::<u32>().unwrap()
        });
        assert!(ending.good && ending.took < Duration::from_secs(30), "{}", ending.how);
        assert!(descendants::alive(left));
        Command::new("kill").arg(left.to_string()).status().unwrap();
    }

    #[test]
    fn a_command_that_never_stops_talking_meets_its_limit() {
        let ending = run(
            shell("while :; do echo on; sleep 0.01; done"),
            Duration::from_millis(500),
            |_| (),
        );
        assert!(!ending.good && ending.how.contains("limit"), "{}", ending.how);
    }

    #[test]
    fn over_the_limit_the_grandchildren_end_too() {
        let mut grandchild = 0;
        let ending = run(shell("sleep 300 & echo $!; wait"), Duration::from_millis(700), |line| {
            grandchild = line.parse::<u32>().unwrap();
        });
        assert!(!ending.good && ending.how.contains("limit"), "{}", ending.how);
        assert!(grandchild > 1);
        let deadline = Instant::now() + Duration::from_secs(10);
        while descendants::alive(grandchild) {
            assert!(Instant::now() < deadline, "process {grandchild} still runs");
            thread::sleep(Duration::from_millis(10));
        }
    }
}
