//! Runs the lab's jobs, each in a process group of its own, several at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use hardware_lab::wire::{Job, OUTPUT_LIMIT, PORT, Word};
use rustix::process::{Pid, Signal, kill_process_group};

/// Until the lab, gone for a moment, is looked for again.
const AWAY: Duration = Duration::from_millis(100);

/// Serves until the port is gone.
///
/// # Errors
/// When the port cannot be opened, read or written.
pub fn run() -> io::Result<()> {
    let port = OpenOptions::new().read(true).write(true).open(port()?)?;
    let (say, words) = mpsc::channel::<Word>();
    let mut out = port.try_clone()?;
    // A line that a power cut has left half said ends here.
    out.write_all(b"\n")?;
    say_here(&mut out)?;
    std::thread::spawn(move || {
        for word in words {
            if let Err(error) = speak(&mut out, &word) {
                eprintln!("hardware-guest: the lab cannot be told: {error}");
            }
        }
    });
    let mut lines = BufReader::new(port);
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            std::thread::sleep(AWAY);
            continue;
        }
        match serde_json::from_str::<Job>(&line) {
            Ok(job) => {
                let say = say.clone();
                std::thread::spawn(move || {
                    let number = job.job;
                    let (code, output) = carry_out(job).unwrap_or_else(|error| (127, error.to_string()));
                    let done = Word::Done {
                        job: number,
                        code,
                        output,
                    };
                    // Nobody is left to be told when this fails.
                    let _told = say.send(done);
                });
            }
            Err(error) => eprintln!("hardware-guest: not a job: {error}"),
        }
    }
}

/// The node of the port, by the name that QEMU gave it; before udev has made a link of that name.
fn port() -> io::Result<PathBuf> {
    for entry in std::fs::read_dir("/sys/class/virtio-ports")? {
        let entry = entry?;
        let name = std::fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        if name.trim() == PORT {
            return Ok(PathBuf::from("/dev").join(entry.file_name()));
        }
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!("no port is called {PORT}"),
    ))
}

fn say_here(out: &mut File) -> io::Result<()> {
    let uptime = std::fs::read_to_string("/proc/uptime")?;
    let uptime = uptime
        .split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0.0);
    speak(out, &Word::Here { uptime })
}

fn speak(out: &mut File, word: &Word) -> io::Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    out.write_all(&line)
}

/// Exit code and output.
fn carry_out(job: Job) -> io::Result<(i32, String)> {
    let (mut reader, writer) = io::pipe()?;
    let mut command = Command::new("sh");
    command.args(["-c", &job.script]).process_group(0).stdin(Stdio::null());
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // The command holds the pipe's other end as long as it lives.
    drop(command);
    let group = Pid::from_child(&child);
    let (ended, end) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let late = end.recv_timeout(Duration::from_secs(job.limit)).is_err();
        if late {
            let _killed = kill_process_group(group, Signal::KILL);
        }
        late
    });
    let output = std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut piece = [0; 8192];
        while let Ok(length @ 1..) = reader.read(&mut piece) {
            let room = OUTPUT_LIMIT.saturating_sub(kept.len()).min(length);
            kept.extend_from_slice(&piece[..room]);
        }
        kept
    });
    let status = child.wait()?;
    let _told = ended.send(());
    let late = watch.join().unwrap_or(false);
    // What the script left behind in its group ends with it; services belong to systemd (`systemd-run`).
    let _ended = kill_process_group(group, Signal::KILL);
    let kept = output.join().unwrap_or_default();
    let code = if late { 124 } else { status.code().unwrap_or(128) };
    Ok((code, String::from_utf8_lossy(&kept).into_owned()))
}
