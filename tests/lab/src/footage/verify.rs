//! Proof that the film is what its description says: every frame is there and the lamp is lit in the right ones.

use std::path::Path;

use super::beat::{FRAMES_PER_SECOND, SECONDS, lit};
use super::pipeline;
use super::room::{HEIGHT, LAMP, WIDTH};

/// The film is decoded to pictures this much smaller in each direction.
const SHRUNK: usize = 20;

/// Decodes the film and compares every frame with the beat.
pub fn film(path: &Path) -> Result<(), String> {
    let location = format!("location={}", path.display());
    let (width, height) = (WIDTH / SHRUNK, HEIGHT / SHRUNK);
    let caps = format!("video/x-raw,format=GRAY8,width={width},height={height}");
    let chain = [
        "filesrc",
        &location,
        "!",
        "matroskademux",
        "!",
        "vp8dec",
        "!",
        "videoconvertscale",
        "method=nearest-neighbour",
        "!",
        &caps,
        "!",
        "fdsink",
        "fd=1",
    ];
    let pixels = pipeline::output_of(&chain)?;
    let expected = SECONDS * FRAMES_PER_SECOND;
    let frames = pixels.chunks_exact(width * height);
    if frames.len() != expected {
        return Err(format!("the film has {} frames, not {expected}", frames.len()));
    }
    let [x, y, lamp_width, lamp_height] = LAMP;
    let middle = (y + lamp_height / 2) / SHRUNK * width + (x + lamp_width / 2) / SHRUNK;
    for (frame, picture) in frames.enumerate() {
        if (picture[middle] > 180) != lit(frame) || (picture[middle] < 90) == lit(frame) {
            return Err(format!(
                "frame {frame}: the lamp shows {} and should be lit: {}",
                picture[middle],
                lit(frame)
            ));
        }
    }
    Ok(())
}
