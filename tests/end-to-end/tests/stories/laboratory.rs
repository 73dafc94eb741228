//! `cargo lab fleet`: what it says to try is tried.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use end_to_end::processes::{children, is_alive};
use end_to_end::{program, send, wait_for};
use rustix::process::Signal;

use crate::stage::PATIENCE;

/// Ends with the story.
struct Laboratory(Child);

impl Drop for Laboratory {
    fn drop(&mut self) {
        // It takes what it started with it; no more than that can be done.
        send(self.0.id(), Signal::TERM);
        let _reaped = self.0.wait();
    }
}

#[test]
fn what_the_laboratory_says_to_try_works_and_nothing_is_left_of_it() {
    let command = Command::new(program("fleet-lab").unwrap())
        .args(["--boxes", "3", "--spread", "1", "--for", "5m"])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut laboratory = Laboratory(command.unwrap());
    let mut said = Vec::new();
    // Kept to the end: who is not heard cannot speak.
    let mut lines = BufReader::new(laboratory.0.stdout.take().unwrap()).lines();
    for line in lines.by_ref() {
        let line = line.unwrap();
        let ready = line.starts_with("It ends after");
        said.push(line);
        if ready {
            break;
        }
    }
    let text = said.join("\n");
    assert!(
        text.contains("3 of 3 boxes are enrolled and switched on, and a real one"),
        "{text}"
    );
    assert!(text.contains("4 of 4 rooms have applied it"), "{text}");
    let typed: Vec<&str> = said
        .iter()
        .filter(|line| line.starts_with("  ") && line.contains(" --office "))
        .map(|line| line.trim())
        .collect();
    assert!(typed.len() >= 7, "{text}");
    // That one goes on until somebody has seen enough.
    for line in typed.iter().filter(|line| !line.ends_with("events -f")) {
        let output = Command::new("sh")
            .args(["-c", line])
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let words = [output.stdout, output.stderr].map(|words| String::from_utf8_lossy(&words).into_owned());
        assert!(
            output.status.success() && !words.concat().is_empty(),
            "{line}: {words:?}"
        );
    }
    let (_, rest) = typed[0].split_once("--office ").unwrap();
    let office = std::path::Path::new(rest.split_whitespace().next().unwrap());
    assert!(office.is_file());

    let started = children(laboratory.0.id());
    assert!(started.len() >= 2, "a broker and a box: {started:?}");
    send(laboratory.0.id(), Signal::INT);
    assert!(laboratory.0.wait().unwrap().success());
    let gone = || started.iter().all(|process| !is_alive(*process));
    assert!(wait_for(PATIENCE, gone), "{started:?}");
    assert!(!office.exists());
}
