//! `cargo lab test` and `cargo lab check`: the parts, in order, and what each counts.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::tally::Tally;
use crate::{footage, hardware, image, packages, step, tools};

/// Crates whose tests start whole conferences or brokers: they run after the others and one at a time, so that a machine of
/// two cores shows the box's own delays and not those of a neighbour.
const END_TO_END: &[&str] = &["conference", "end-to-end", "fleet-lab"];

const MINUTE: Duration = Duration::from_secs(60);

/// Format and lints. Whether both held.
pub fn check() -> bool {
    let mut run = Run::new();
    run.lints();
    run.close()
}

/// Everything that must hold before a change lands. Whether it did.
pub fn test(no_install: bool) -> bool {
    let mut run = Run::new();
    if !run.packages(no_install) {
        return run.close();
    }
    run.lints();
    run.dependencies();
    run.image();
    run.checked(
        "build",
        cargo(&["build", "--workspace", "--all-targets", "--locked"]),
        45 * MINUTE,
    );
    run.footage();
    let mut others = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    others.args(END_TO_END.iter().flat_map(|name| ["--exclude", name]));
    run.tests("unit and protocol", others, 20 * MINUTE);
    let mut whole = cargo(&["test", "--locked", "--no-fail-fast"]);
    whole.args(END_TO_END.iter().flat_map(|name| ["--package", name]));
    whole.args(["--", "--test-threads=1"]);
    run.tests("end to end", whole, 30 * MINUTE);
    run.tests("hardware", Command::new(hardware::program()), 25 * MINUTE);
    run.mutants(&[]);
    run.close()
}

/// The layers of the image. Whether all holds that can be known without building it.
pub fn image(no_install: bool) -> bool {
    let mut run = Run::new();
    if run.packages(no_install) {
        run.image();
    }
    run.close()
}

/// Deliberately broken clients. Whether each was caught and no right one accused.
pub fn mutants(passed: &[String]) -> bool {
    let mut run = Run::new();
    run.programs();
    run.mutants(passed);
    run.close()
}

/// The long runs. Whether all passed.
pub fn soak(passed: &[String]) -> bool {
    let mut run = Run::new();
    run.footage();
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-fail-fast", "--"]);
    command.args(["--ignored", "--nocapture", "--test-threads=1"]);
    match passed {
        [] => command.arg("soak_"),
        chosen => command.args(chosen.iter().filter(|word| *word != "--")),
    };
    run.tests("soak", command, 24 * 60 * MINUTE);
    run.close()
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = tools::cargo();
    command.args(arguments);
    command
}

struct Run {
    begun: Instant,
    tally: Tally,
}

impl Run {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            tally: Tally::default(),
        }
    }

    fn title(&self, part: &str) {
        println!("\n=== {part} (at {})", clock(self.begun.elapsed()));
    }

    /// The packages of the machine, unless they are to be left alone. Whether the rest can run.
    fn packages(&mut self, no_install: bool) -> bool {
        if no_install {
            return true;
        }
        self.title("packages");
        let installed = packages::install();
        if let Err(reason) = &installed {
            eprintln!("{reason}");
            self.tally.check("packages", false, reason);
        }
        installed.is_ok()
    }

    fn lints(&mut self) {
        match tools::component("fmt", "rustfmt") {
            Ok(()) => self.checked("format", cargo(&["fmt", "--all", "--check"]), 5 * MINUTE),
            Err(reason) => self.tally.check("format", false, &reason),
        }
        match tools::component("clippy", "clippy") {
            Ok(()) => {
                let lints = [
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--locked",
                    "--",
                    "-D",
                    "warnings",
                ];
                self.checked("lints", cargo(&lints), 45 * MINUTE);
            }
            Err(reason) => self.tally.check("lints", false, &reason),
        }
    }

    /// Licences, bans and sources of the dependencies by `deny.toml`, then the advisories where their database is.
    fn dependencies(&mut self) {
        self.title("dependencies");
        let deny = match tools::find_or_build("cargo-deny") {
            Ok(path) => path,
            Err(reason) => {
                eprintln!("{reason}");
                return self.tally.check("dependencies", false, &reason);
            }
        };
        let deny = |arguments: &[&str]| {
            let mut command = Command::new(&deny);
            command
                .current_dir(crate::workspace::root())
                .args(["--locked"])
                .args(arguments);
            command
        };
        let ours = ["check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
        self.checked("dependencies: licences, bans and sources", deny(&ours), 5 * MINUTE);
        let mut fetch = deny(&["fetch", "db"]);
        fetch.env("GIT_TERMINAL_PROMPT", "0").stderr(Stdio::null());
        let fetched = step::run(fetch, MINUTE, |_| ());
        match fetched.good {
            true => self.checked("dependencies: advisories", deny(&["check", "advisories"]), 5 * MINUTE),
            false => self.tally.skip(
                "dependencies: advisories",
                "the advisory database could not be had from here",
            ),
        }
    }

    /// The layers of the image, and a release as boxes get it.
    fn image(&mut self) {
        self.title("image");
        match image::parts() {
            Ok(parts) => parts
                .into_iter()
                .for_each(|(part, command)| self.checked(part, command, 5 * MINUTE)),
            Err(reason) => {
                eprintln!("{reason}");
                self.tally.check("image", false, &reason);
            }
        }
    }

    fn footage(&mut self) {
        self.title("footage");
        if let Err(reason) = footage::ensure(false) {
            eprintln!("{reason}");
            self.tally.check("footage", false, &reason);
        }
    }

    /// The programs that stories and mutants start.
    fn programs(&mut self) {
        self.checked(
            "build",
            cargo(&["build", "--workspace", "--bins", "--locked"]),
            45 * MINUTE,
        );
    }

    fn mutants(&mut self, passed: &[String]) {
        let mut command = cargo(&[
            "test",
            "--locked",
            "--package",
            "conference",
            "--test",
            "mutants",
            "--",
            "run",
        ]);
        command.args(passed);
        self.checked("mutants", command, 30 * MINUTE);
    }

    /// A part that is one check.
    fn checked(&mut self, part: &str, command: Command, limit: Duration) {
        self.title(part);
        let ending = step::run(command, limit, |_| ());
        self.tally.check(part, ending.good, &ending.how);
        self.ended(part, ending.good, ending.took);
    }

    /// A part that is many tests.
    fn tests(&mut self, part: &str, command: Command, limit: Duration) {
        self.title(part);
        let mut tally = Tally::default();
        let ending = step::run(command, limit, |line| tally.read(line));
        tally.close_tests(part, ending.good, &ending.how);
        println!("--- {part}: {tally}");
        self.tally.add(part, tally);
        self.ended(part, ending.good, ending.took);
    }

    fn ended(&self, part: &str, good: bool, took: Duration) {
        println!(
            "--- {part}: {} in {}",
            if good { "good" } else { "FAILED" },
            clock(took)
        );
    }

    /// Lists what did not pass and prints the closing line. Whether nothing failed.
    fn close(self) -> bool {
        println!("\n=== {}", clock(self.begun.elapsed()));
        self.tally
            .reasons
            .iter()
            .for_each(|reason| println!("skipped  {reason}"));
        self.tally
            .failures
            .iter()
            .for_each(|failure| println!("FAILED   {failure}"));
        println!("{}", self.tally);
        self.tally.failed == 0
    }
}

/// Minutes and seconds.
fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}
