//! Reads the code that the page paints (`tests/conference/browser/paint.js`) out of a picture in which it stands
//! somewhere, for example the snapshot of a wall.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use crate::error::{Error, Result};

/// The page's picture.
const WIDTH: usize = 640;
const HEIGHT: usize = 360;
/// Its cells: where the first one begins, their size, from one row to the next, how many stand in a row.
const LEFT: usize = 64;
const TOP: usize = 64;
const CELL: (usize, usize) = (64, 100);
const ROW_STEP: usize = 132;
const COLUMNS: usize = 8;
/// Points of the ground that a row or column of the picture has at least.
const LEAST: usize = 24;

/// A decoded picture, RGB.
#[derive(Debug, Clone)]
pub struct Picture {
    width: usize,
    height: usize,
    stride: usize,
    bytes: Vec<u8>,
}

/// Where the page's picture stands in a larger one, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Left edge.
    pub x: usize,
    /// Upper edge.
    pub y: usize,
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl Picture {
    /// Decodes a JPEG.
    ///
    /// # Errors
    /// Not a JPEG, or no decoder.
    pub fn from_jpeg(jpeg: &[u8]) -> Result<Self> {
        let media = |error: &dyn std::fmt::Display| Error::Media(format!("JPEG: {error}"));
        let failed = |what: &str| media(&what);
        gst::init().map_err(|e| media(&e))?;
        let pipeline = gst::parse::launch(
            "appsrc name=in caps=image/jpeg ! jpegdec ! videoconvert ! video/x-raw,format=RGB ! appsink name=out sync=false",
        )
        .map_err(|e| media(&e))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| failed("not a pipeline"))?;
        let source = pipeline.by_name("in").and_downcast::<gst_app::AppSrc>();
        let sink = pipeline.by_name("out").and_downcast::<gst_app::AppSink>();
        let (source, sink) = source.zip(sink).ok_or_else(|| failed("no ends"))?;
        pipeline.set_state(gst::State::Playing).map_err(|e| media(&e))?;
        let fed = source
            .push_buffer(gst::Buffer::from_slice(jpeg.to_vec()))
            .and_then(|_| source.end_of_stream());
        let raw = sink.try_pull_sample(gst::ClockTime::from_seconds(5));
        let _ended = pipeline.set_state(gst::State::Null);
        fed.map_err(|e| media(&e))?;
        let raw = raw.ok_or_else(|| failed("no picture came out"))?;
        let info = raw
            .caps()
            .and_then(|caps| gstreamer_video::VideoInfo::from_caps(caps).ok())
            .ok_or_else(|| failed("no caps"))?;
        let stride = info.stride().first().copied().and_then(|s| usize::try_from(s).ok());
        let map = raw.buffer().ok_or_else(|| failed("no picture"))?.map_readable();
        Ok(Self {
            width: info.width() as usize,
            height: info.height() as usize,
            stride: stride.ok_or_else(|| failed("no stride"))?,
            bytes: map.map_err(|e| media(&e))?.as_slice().to_vec(),
        })
    }

    fn rgb(&self, x: usize, y: usize) -> [u8; 3] {
        let at = y * self.stride + x * 3;
        self.bytes
            .get(at..at + 3)
            .and_then(|p| p.try_into().ok())
            .unwrap_or_default()
    }

    fn is_ground(&self, x: usize, y: usize) -> bool {
        let [red, green, blue] = self.rgb(x, y);
        red > 150 && blue > 150 && green < 110
    }

    /// Mean of a rectangle's brightness, 0 to 255.
    pub fn brightness(&self, x: usize, y: usize, width: usize, height: usize) -> f64 {
        let mut sum = 0.0;
        for row in y..y + height {
            for column in x..x + width {
                let [red, green, blue] = self.rgb(column, row).map(f64::from);
                sum += 0.299 * red + 0.587 * green + 0.114 * blue;
            }
        }
        sum / (width * height).max(1) as f64
    }

    /// Where the page's picture stands; none when it is not there.
    pub fn find(&self) -> Option<Place> {
        let (mut columns, mut rows) = (vec![0; self.width], vec![0; self.height]);
        for (y, row) in rows.iter_mut().enumerate() {
            for (x, column) in columns.iter_mut().enumerate() {
                if self.is_ground(x, y) {
                    *column += 1;
                    *row += 1;
                }
            }
        }
        let edges = |counts: Vec<usize>| {
            let first = counts.iter().position(|count| *count >= LEAST)?;
            let last = counts.iter().rposition(|count| *count >= LEAST)?;
            Some((first, last + 1 - first))
        };
        let ((x, width), (y, height)) = edges(columns).zip(edges(rows))?;
        Some(Place { x, y, width, height })
    }

    /// The counter of the page's picture, 0 to 4095; none when there is no such picture or its check is wrong.
    pub fn counter(&self) -> Option<u16> {
        let place = self.find()?;
        let mut code = 0u16;
        for cell in 0..16 {
            let (row, column) = (cell / COLUMNS, cell % COLUMNS);
            // The middle half of each cell: edges are soft.
            let x = LEFT + column * CELL.0 + CELL.0 / 4;
            let y = TOP + row * ROW_STEP + CELL.1 / 4;
            let scale = |n: usize, to: usize, from: usize| n * to / from;
            let light = self.brightness(
                place.x + scale(x, place.width, WIDTH),
                place.y + scale(y, place.height, HEIGHT),
                scale(CELL.0 / 2, place.width, WIDTH).max(1),
                scale(CELL.1 / 2, place.height, HEIGHT).max(1),
            );
            code = code << 1 | u16::from(light > 128.0);
        }
        let counter = code >> 4;
        (code & 15 == check(counter)).then_some(counter)
    }
}

/// Four bits that check twelve.
fn check(counter: u16) -> u16 {
    ((counter >> 8) ^ (counter >> 4) ^ counter ^ 0b1010) & 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wall of 1280x720 with the page's picture at `place`, or a dark one.
    fn wall(counter: u16, place: Place) -> Picture {
        let (width, height) = (1280, 720);
        let code = counter << 4 | check(counter);
        let mut bytes = vec![24; width * height * 3];
        for y in 0..place.height {
            for x in 0..place.width {
                let (px, py) = (x * WIDTH / place.width, y * HEIGHT / place.height);
                let cell = (0..16).find(|cell| {
                    let left = LEFT + cell % COLUMNS * CELL.0;
                    let top = TOP + cell / COLUMNS * ROW_STEP;
                    (left..left + CELL.0).contains(&px) && (top..top + CELL.1).contains(&py)
                });
                let colour = match cell {
                    Some(cell) if code >> (15 - cell) & 1 == 1 => [235, 235, 235],
                    Some(_) => [16, 16, 16],
                    None => [230, 20, 230],
                };
                let at = ((place.y + y) * width + place.x + x) * 3;
                bytes[at..at + 3].copy_from_slice(&colour);
            }
        }
        Picture {
            width,
            height,
            stride: width * 3,
            bytes,
        }
    }

    #[test]
    fn the_counter_is_read_wherever_and_however_large_it_stands() {
        for (counter, width) in [(0, 1140), (4095, 256), (0x5a3, 640), (1234, 320)] {
            let place = Place {
                x: 40,
                y: 4,
                width,
                height: width * 9 / 16,
            };
            let wall = wall(counter, place);
            assert_eq!((wall.find(), wall.counter()), (Some(place), Some(counter)));
        }
    }

    #[test]
    fn a_wall_without_it_and_a_damaged_code_have_no_counter() {
        let place = Place {
            x: 40,
            y: 4,
            width: 640,
            height: 360,
        };
        let mut damaged = wall(77, place);
        let at = ((4 + TOP + 20) * 1280 + 40 + LEFT) * 3;
        assert_eq!(damaged.counter(), Some(77));
        for row in 0..80 {
            damaged.bytes[at + row * 1280 * 3..][..CELL.0 * 3].fill(235);
        }
        assert_eq!(damaged.counter(), None);
        let dark = Picture {
            bytes: vec![24; 1280 * 720 * 3],
            ..damaged
        };
        assert_eq!((dark.find(), dark.counter()), (None, None));
    }
}
