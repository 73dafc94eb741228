//! The photograph with its see-through background, read through GStreamer and laid into a picture.

use std::path::Path;

use super::canvas::Canvas;
use super::pipeline;

/// Width and height of the photograph in pixels (`tests/lab/media/astronaut.png`).
const SIZE: (usize, usize) = (484, 502);

/// `R G B A` row by row.
pub struct Cutout {
    pixels: Vec<u8>,
}

/// Decodes the photograph.
pub fn read(path: &Path) -> Result<Cutout, String> {
    let location = format!("location={}", path.display());
    let caps = "video/x-raw,format=RGBA";
    let chain = [
        "filesrc",
        &location,
        "!",
        "pngdec",
        "!",
        "videoconvert",
        "!",
        caps,
        "!",
        "fdsink",
        "fd=1",
    ];
    let pixels = pipeline::output_of(&chain)?;
    match pixels.len() == SIZE.0 * SIZE.1 * 4 {
        true => Ok(Cutout { pixels }),
        false => Err(format!(
            "{}: decoded to {} bytes, not to {SIZE:?} pixels",
            path.display(),
            pixels.len()
        )),
    }
}

impl Cutout {
    /// Lays the photograph into a picture: middle of its lower edge at `(x, y)`, `scale` pixels per pixel.
    pub fn lay(&self, canvas: &mut Canvas, x: f32, y: f32, scale: f32) {
        let (width, height) = (SIZE.0 as f32, SIZE.1 as f32);
        let (left, top) = (x - width * scale / 2.0, y - height * scale);
        let rows = top.max(0.0) as usize..(y.max(0.0) as usize).min(canvas.height);
        let columns = left.max(0.0) as usize..((left + width * scale).max(0.0) as usize).min(canvas.width);
        for row in rows {
            let from_y = (row as f32 + 0.5 - top) / scale - 0.5;
            for column in columns.clone() {
                let [red, green, blue, cover] = self.sample((column as f32 + 0.5 - left) / scale - 0.5, from_y);
                if cover > 0.0 {
                    canvas.blend(
                        column,
                        row,
                        [red / cover, green / cover, blue / cover].map(|v| v * 255.0),
                        cover,
                    );
                }
            }
        }
    }

    /// The colour between four pixels, weighted by how opaque each is; everything from 0 to 1.
    fn sample(&self, x: f32, y: f32) -> [f32; 4] {
        let (x, y) = (x.clamp(0.0, (SIZE.0 - 2) as f32), y.clamp(0.0, (SIZE.1 - 2) as f32));
        let (column, row) = (x as usize, y as usize);
        let (part_x, part_y) = (x - column as f32, y - row as f32);
        let mut sum = [0.0; 4];
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let weight = if dx == 1 { part_x } else { 1.0 - part_x } * if dy == 1 { part_y } else { 1.0 - part_y };
            let at = ((row + dy) * SIZE.0 + column + dx) * 4;
            let cover = f32::from(self.pixels[at + 3]) / 255.0 * weight;
            let [red, green, blue] = [0, 1, 2].map(|channel| f32::from(self.pixels[at + channel]) / 255.0 * cover);
            sum = [sum[0] + red, sum[1] + green, sum[2] + blue, sum[3] + cover];
        }
        sum
    }
}
