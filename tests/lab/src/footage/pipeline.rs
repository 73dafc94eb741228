//! GStreamer from outside: `gst-launch-1.0` with frames on its standard input or output.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::beat::{FRAMES_PER_SECOND, SECONDS};
use super::room::{HEIGHT, Painter, WIDTH};

fn launcher() -> Command {
    let mut command = Command::new("gst-launch-1.0");
    command.arg("--quiet");
    command
}

fn missing(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            "gst-launch-1.0 is not here; `cargo lab packages --install` brings what is missing".into()
        }
        _ => format!("gst-launch-1.0 cannot be run: {error}"),
    }
}

/// What a chain of elements that ends in `fdsink fd=1` writes.
pub fn output_of(chain: &[&str]) -> Result<Vec<u8>, String> {
    let output = launcher()
        .args(chain)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| missing(&error))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(format!(
            "GStreamer: {}\n({})",
            String::from_utf8_lossy(&output.stderr).trim(),
            chain.join(" ")
        )),
    }
}

/// Paints every frame and encodes the film: VP8, which the box knows anyway, with a key frame each second.
pub fn encode(painter: &Painter, path: &Path) -> Result<(), String> {
    let draft = path.with_extension("draft");
    let chain = format!(
        "fdsrc fd=0 ! rawvideoparse width={WIDTH} height={HEIGHT} format=rgb framerate={FRAMES_PER_SECOND}/1 \
         ! videoconvert ! video/x-raw,format=I420,colorimetry=bt709 \
         ! vp8enc deadline=1 cpu-used=10 target-bitrate=3000000 max-quantizer=40 keyframe-max-dist=30 threads=2 \
         ! webmmux ! filesink"
    );
    let mut child = launcher()
        .args(chain.split_whitespace())
        .arg(format!("location={}", draft.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| missing(&error))?;
    let written = match child.stdin.take() {
        Some(mut input) => {
            (0..SECONDS * FRAMES_PER_SECOND).try_for_each(|frame| input.write_all(&painter.frame(frame).pixels))
        }
        None => Ok(()),
    };
    let status = child
        .wait()
        .map_err(|error| format!("lost sight of gst-launch-1.0: {error}"))?;
    if !status.success() || written.is_err() {
        let _ = fs::remove_file(&draft);
        return Err(format!(
            "the film could not be encoded ({status}); GStreamer's reason stands above"
        ));
    }
    fs::rename(&draft, path).map_err(|error| format!("{}: {error}", path.display()))
}
