//! What to type in front of a fleet that runs: the first of it is typed here, with the program itself.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::Error;
use crate::ledger::locked;
use crate::progress::Progress;
use crate::room_box::{ROOM, RoomBox};
use crate::running::Fleet;
use crate::workshop::LIST;

/// Lines that are shown of what a program says.
const LINES: usize = 4;
/// The folder of the fleet, in the office.
const FOLDER: &str = "fleet";
/// As people call the room of the real box.
const NAME: &str = "Lyon 4.12";

/// What the fleet shall be: an organisation, its site, a list of rooms, and one room that has more to say.
fn rooms(fleet: &Fleet) -> String {
    let spread = fleet.spread().as_secs();
    let mut text = format!(
        "kind: Organisation\nsettings: {{jitsi: {{url: https://meet.example}}, fleet: {{reconnect_spread_s: {spread}}}}}\n\
         ---\nkind: Site\nname: lyon\nsettings: {{room: {{language: fr}}}}\n---\nkind: Rooms\nlist: ../{LIST}\n"
    );
    if let Some(real) = &fleet.room_box {
        // Nothing can fail when text is written to text.
        let _ = write!(
            text,
            "---\nkind: Room\nname: {NAME}\nsite: lyon\nbox: {}\nsettings: {{av: {{volume: 40}}}}\n",
            real.device()
        );
    }
    text
}

/// As it is typed: with quotes where a word has a space.
fn typed(words: &[&str]) -> String {
    let quoted = |word: &&str| {
        if word.contains(' ') {
            format!("'{word}'")
        } else {
            (*word).to_owned()
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// What a command says, and how it ends.
async fn said(program: &Path, words: &[&str]) -> Result<Output, Error> {
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    output.map_err(|error| format!("{}: {error}", program.display()).into())
}

/// Shows what was typed and the beginning of what was said.
///
/// # Errors
/// It failed.
fn show(program: &Path, words: &[&str], output: &Output) -> Result<(), Error> {
    println!("\n$ {} {}", program.display(), typed(words));
    for said in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(said);
        for line in text.lines().take(LINES) {
            println!("{line}");
        }
        if let more @ 1.. = text.lines().count().saturating_sub(LINES) {
            println!("… and {more} lines more");
        }
    }
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{} ended with {}", program.display(), output.status).into())
    }
}

/// Configures the fleet by one `roomctl apply`, looks at it, and says what else there is to type.
///
/// # Errors
/// `roomctl` fails.
pub async fn try_it(fleet: &Fleet, roomctl: &Path, progress: &Progress) -> Result<(), Error> {
    let folder = fleet.office.folder.path(FOLDER);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("lyon.yaml"), rooms(fleet))?;
    let office = fleet.office.folder.path("roomctl.toml").display().to_string();
    let folder = folder.display().to_string();
    let wait = format!("{}s", fleet.patience().as_secs());
    let apply = [
        "--office", &office, "apply", "-f", &folder, "--when", "now", "--wait", &wait,
    ];
    let taken = || locked(&fleet.ledger).applied.len();
    let output = progress
        .watch(
            "boxes have their configuration",
            fleet.rooms.len(),
            taken,
            said(roomctl, &apply),
        )
        .await?;
    show(roomctl, &apply, &output)?;
    let get = ["--office", &office, "get"];
    show(roomctl, &get, &said(roomctl, &get).await?)?;
    let real = fleet.room_box.as_ref();
    let one = if real.is_some() { NAME } else { "room-000000" };
    println!("\nTo try, in another terminal:\n");
    for (words, what) in [
        (&["get", "--site", "lyon"][..], "the rooms"),
        (&["describe", one], "everything that is known of one"),
        (&["events", "-f"], "what happens, as it happens"),
        (&["command", one, "av.volume", "percent=55"], "at once, and answered"),
        (
            &[
                "notice",
                one,
                "--for",
                "10m",
                "--fr",
                "Coupure à 18 h",
                "--en",
                "Power cut at 6 pm",
            ],
            "on the wall",
        ),
        (&["doctor", one], "why it is not well, or that it is"),
        (
            &["apply", "-f", &folder, "--dry-run"],
            "what would change, after you have changed the folder",
        ),
    ] {
        println!("  # {what}\n  {} --office {office} {}", roomctl.display(), typed(words));
    }
    if let Some(real) = real {
        wall(real);
    }
    println!();
    Ok(())
}

fn wall(real: &RoomBox) {
    let folder = real.folder().display();
    println!("\n{ROOM} is a real roomd: its wall is {folder}/wall.jpg, what it says {folder}/words.txt.");
}
