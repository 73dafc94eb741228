//! The help texts.

const GENERAL: &str = "\
The launcher of the room box: installs what it needs, builds, starts.

Usage: cargo lab <command> [arguments]

Commands:
  demo       a whole conference on this machine, with the room box in it, shown live
  fleet      a fleet on this machine: a real broker, a real box, and as many simulated ones as you like
  hardware   a virtual machine with real kernel devices, the box's own programs, units and rules in it, and the stories
  test       everything that must hold: format, lints, licences, unit, protocol and end-to-end tests, hardware
  check      format and lints only
  image      the layers that the system of a box is built from, and a release, without building it
  mutants    deliberately broken clients, and whether the bench catches each
  soak       the long runs
  fuzz       every parser of network input against made-up input
  crates     write the list of crates of the Yocto recipe anew from Cargo.lock
  packages   the Debian packages that the project needs, and why
  footage    make the recorded camera film and speech that the demo plays

`cargo lab <command> --help` tells more.
";

const DEMO: &str = "\
A conference in a box: a real Prosody, a focus, a video bridge and three peers, all on 127.0.0.1,
and the room box in the middle, with this machine's camera and microphone or, where it has none, a recorded film and
recorded speech.
The address of the live page (what the far side sees, what the wall shows) is printed.

Usage: cargo lab demo [--no-install] [arguments of the demo]

  --for <time>      leave after this long, such as 20s or 5m; without it, until Ctrl-C
  --report <file>   write what was measured as JSON
  --peers <n>       how many others are in the conference
  --recorded        take the recorded film and speech even where the machine has devices
  --no-install      do not look at the machine's packages

With --for or --report, the first join of a box that was just switched on is measured too, before the meeting.
Everything else is handed to the demo as it is: `target/release/demo --help` lists it all.

The first run installs Debian packages (with sudo, if you are not root), builds the release binaries and makes
the footage: several minutes. The next ones start at once and need no network.
";

const FLEET: &str = "\
A fleet on 127.0.0.1: an organisation as `roomctl init` begins it, Debian's Mosquitto with certificates and access lists, the
enrolment service, N simulated boxes that run the same session and the same link as the real one, and one real roomd.
Each box has a maker's key and a claimed serial number; it asks for its place, gets its certificate and is configured. Then
the fleet stays, and what there is to type in another terminal is printed, with the paths that it has here.

With --report it measures instead: commands are timed, the broker is killed during an event storm and started again,
and what became of it all is written down.

Usage: cargo lab fleet [--no-install] [--boxes <n>] [--spread <seconds>] [--for <time> | --report <file> [--settle <time>]]

  --boxes <n>         how many simulated boxes (200)
  --spread <seconds>  over how long they spread their connections (30, or a 300th of the boxes)
  --for <time>        end after this long, such as 20s or 5m; without it, with Ctrl-C
  --report <file>     measure, and write the figures there as JSON
  --settle <time>     with --report: leave the fleet alone for so long before the broker is killed, such as 5m; a box that
                      was connected for less than that spreads over twice the time
  --no-install        do not look at the machine's packages

The first run builds the release binaries: several minutes. 2,000 boxes take two cores about half a minute to enrol, and
with --spread 120 two minutes to connect and two to come back; what they mean for 100,000: docs/fleet-scale.md.
";

const HARDWARE: &str = "\
A virtual machine under QEMU (software emulation, no KVM) with Debian 12 and its kernel, systemd as process 1, and in it this
workspace's programs, units (systemd/) and rules (udev/). Cameras and array microphones at USB ports that only its kernel has
are found by its usbcore, uvcvideo and snd-usb-audio; others are the kernel's own vivid and snd-aloop. Stories are told there,
one after the other, each with what was seen.

Usage: cargo lab hardware [--no-install] [--all] [--only <part>] [--report <file>] [--again]

  --all             the long stories too; without it those that belong to `cargo lab test`
  --only <part>     only stories whose name contains this
  --report <file>   write JSON: `stories` (name, ok, seconds, evidence), and what the boot cost in processor seconds
  --again           make the machine's disk again
  --no-install      do not look at this machine's packages

The disk is made once (about 2 minutes and 250 MB from Debian's servers) and kept in ~/.cache/hemicycle/hardware (or
$XDG_CACHE_HOME) under a key of everything that goes into it: any clone finds it there. What you change in the box's programs,
units or rules needs no new one. A boot takes half a minute on two idle cores. Needs root, or subordinate user ids
(/etc/subuid and the package uidmap), and 3 GB of memory.
";

const TEST: &str = "\
Everything that must hold before a change lands, in this order: packages, format, lints, licences and sources of
the dependencies, known vulnerabilities (where the advisory database can be had), the layers of the image, build, unit and
protocol tests, end-to-end tests, hardware (the short stories). A part that fails does not stop the next ones. Closes with
`N passed, N failed, N skipped`.

Usage: cargo lab test [--no-install]

  --no-install      do not look at the machine's packages
";

const CHECK: &str = "\
Format and lints, nothing else.

Usage: cargo lab check
";

const MUTANTS: &str = "\
Deliberately broken clients against the conference in a box: for each of the nine groups of rules at least one. Most are
the real room box with a liar in front of it, the others a small client of another make. Two right clients go first and
must break nothing. Prints a line per client and closes with `N of N caught`; leaves with 1 when one was missed.

Usage: cargo lab mutants [--only <part of a name or group>] [--report <file>]

  --only <part>     only clients or groups whose name contains this
  --report <file>   write what was found as JSON
";

const SOAK: &str = "\
The long runs: every test marked `#[ignore]` whose name begins with `soak_`, one after the other.

Usage: cargo lab soak [part of a name]
";

const FUZZ: &str = "\
Runs every fuzz target under appliance/*/fuzz for a while, from the inputs in fuzz/seeds/<target> and those that it found
interesting before (kept in target/lab/corpus). An input that breaks a target stays in fuzz/artifacts. Stable Rust is
enough; cargo-fuzz is built once if missing.

Usage: cargo lab fuzz [--seconds <n>] [part of a target's name]

  --seconds <n>     how long each target runs (60)
";

const PACKAGES: &str = "\
The Debian packages that the project needs, and why.

Usage: cargo lab packages [--missing] [--install]

  --missing         only those that this machine lacks
  --install         install those that this machine lacks
";

const IMAGE: &str = "\
What can be known of the system of a box without building it: a lint of the recipes, every file of yocto/ through BitBake's own
parser, the kas files, the list of crates, a real release by RAUC (read, tampered with, signed by others) and a root by
dm-verity. Python packages come once into target/lab/python. Building it: yocto/README.md.

Usage: cargo lab image [--no-install]

  --no-install      do not look at the machine's packages
";

const CRATES: &str = "\
Writes yocto/meta-hemicycle/recipes-hemicycle/roomd/roomd-crates.inc anew: every crate that Cargo.lock names, with its checksum.
A test says when the two differ.

Usage: cargo lab crates
";

const FOOTAGE: &str = "\
Makes the recorded input of the demo and the end-to-end tests in target/lab/media: film.webm (30 s, 1280x720 at
30 frames per second), speech.wav (30 s, 48 kHz) and footage.json, which says where in the picture a lamp flashes
and when the tone that belongs to it sounds. Sources and licences: tests/lab/MEDIA.md.

Usage: cargo lab footage [--again]

  --again           make it even if it is there
";

/// The text for a command, or the general one.
pub fn text(command: Option<&str>) -> &'static str {
    match command {
        Some("demo") => DEMO,
        Some("fleet") => FLEET,
        Some("hardware") => HARDWARE,
        Some("test") => TEST,
        Some("check") => CHECK,
        Some("mutants") => MUTANTS,
        Some("soak") => SOAK,
        Some("fuzz") => FUZZ,
        Some("image") => IMAGE,
        Some("crates") => CRATES,
        Some("packages") => PACKAGES,
        Some("footage") => FOOTAGE,
        _ => GENERAL,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_listed_command_has_its_own_text() {
        for command in [
            "demo", "fleet", "hardware", "test", "check", "mutants", "soak", "fuzz", "image", "crates", "packages",
            "footage",
        ] {
            assert!(
                super::GENERAL.contains(&format!("\n  {command} ")),
                "{command} is not listed"
            );
            assert!(
                super::text(Some(command)).contains(&format!("cargo lab {command}")),
                "{command} has no text"
            );
        }
    }
}
