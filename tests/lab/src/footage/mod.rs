//! The recorded input of the demo and the tests: a film of a meeting room and the speech in it.
//!
//! Made once into `target/lab/media` by GStreamer and the code beside this file; sources and licences in `MEDIA.md`.

mod beat;
mod canvas;
mod people;
mod picture;
mod pipeline;
mod room;
mod speech;
mod verify;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::workspace;

/// Raised when the code makes another film or other speech from the same sources.
const EDITION: u32 = 1;

const FILM: &str = "film.webm";
const SPEECH: &str = "speech.wav";
const DESCRIPTION: &str = "footage.json";

/// The folder with film, speech and their description; makes them when they are missing or were made from
/// something else.
pub fn ensure(again: bool) -> Result<PathBuf, String> {
    let folder = workspace::lab().join("media");
    let photograph = workspace::root().join("tests/lab/media/astronaut.png");
    let sources = [vec![photograph.clone()], speech::sources()].concat();
    let description = description(&fingerprint(&sources)?);
    let complete = |folder: &Path| {
        fs::read_to_string(folder.join(DESCRIPTION)).is_ok_and(|found| found == description)
            && folder.join(FILM).is_file()
            && folder.join(SPEECH).is_file()
    };
    if !again && complete(&folder) {
        println!("footage: {} is there", folder.display());
        return Ok(folder);
    }
    println!(
        "footage: making {} s of film and speech into {}",
        beat::SECONDS,
        folder.display()
    );
    let begun = Instant::now();
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let _ = fs::remove_file(folder.join(DESCRIPTION));
    let sound = speech::make()?;
    speech::write(&sound, &folder.join(SPEECH))?;
    let painter = room::Painter::new(picture::read(&photograph)?, speech::loudness(&sound));
    pipeline::encode(&painter, &folder.join(FILM))?;
    verify::film(&folder.join(FILM))?;
    // Written last: what it names is whole.
    fs::write(folder.join(DESCRIPTION), description).map_err(|error| format!("{DESCRIPTION}: {error}"))?;
    println!("footage: made and checked in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(folder)
}

/// What the film and the speech are, for those who play and measure them.
fn description(fingerprint: &str) -> String {
    let [x, y, width, height] = room::LAMP;
    format!(
        r#"{{
  "film": "{FILM}",
  "speech": "{SPEECH}",
  "seconds": {seconds},
  "width": {frame_width},
  "height": {frame_height},
  "frames_per_second": {rate},
  "lamp": {{ "x": {x}, "y": {y}, "width": {width}, "height": {height} }},
  "beat": {{ "first_ms": {first}, "every_ms": {every}, "lasts_ms": {lasts} }},
  "tone_hz": {tone},
  "made_from": "{fingerprint}"
}}
"#,
        seconds = beat::SECONDS,
        frame_width = room::WIDTH,
        frame_height = room::HEIGHT,
        rate = beat::FRAMES_PER_SECOND,
        first = beat::FIRST_MS,
        every = beat::EVERY_MS,
        lasts = beat::LASTS_MS,
        tone = beat::TONE_HZ,
    )
}

/// One number for the sources' content and the code's edition.
fn fingerprint(sources: &[PathBuf]) -> Result<String, String> {
    let mut hasher = DefaultHasher::new();
    EDITION.hash(&mut hasher);
    for source in sources {
        let content = fs::read(source).map_err(|error| {
            format!(
                "{}: {error}; `cargo lab packages --install` brings what is missing",
                source.display()
            )
        })?;
        content.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}
