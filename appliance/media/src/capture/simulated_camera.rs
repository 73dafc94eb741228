//! A camera without a camera: a moving box, a frame counter, and a white flash of 100 ms on each full second of
//! `CLOCK_MONOTONIC`, together with the beep of the simulated microphone. Nearly everything is drawn once.

use gstreamer as gst;
use gstreamer::prelude::*;
use std::time::Duration;

use super::plug::Plug;
use super::{FRAME_RATE, HEIGHT, Tap, WIDTH};
use crate::clock::now_ns;
use crate::elements::BuildError;
use crate::task::Task;

const SECOND_NS: u64 = 1_000_000_000;
/// Length of the flash.
const FLASH_NS: u64 = 100_000_000;
/// Side of the moving box and pixels it moves with each frame.
const BOX: (usize, usize) = (120, 8);
/// Bytes of one I420 picture.
const PICTURE_BYTES: usize = WIDTH * HEIGHT * 3 / 2;
/// Segments of the digits 0 to 9: top, top left, top right, middle, bottom left, bottom right, bottom.
const DIGITS: [u8; 10] = [
    0b111_0111, 0b010_0100, 0b101_1101, 0b110_1101, 0b010_1110, 0b110_1011, 0b111_1011, 0b010_0101, 0b111_1111,
    0b110_1111,
];

/// A running thread; dropping it ends it.
#[derive(Debug)]
pub struct SimulatedCamera {
    _task: Task,
}

impl SimulatedCamera {
    /// Starts giving pictures into the tap, until the plug is pulled out.
    ///
    /// # Errors
    /// [`BuildError`] when there is no memory pool or thread to be had.
    pub fn start(tap: Tap, plug: Plug) -> Result<Self, BuildError> {
        let pool = gst::BufferPool::new();
        let mut config = pool.config();
        config.set_params(
            Some(&super::picture_caps()),
            u32::try_from(PICTURE_BYTES).unwrap_or(u32::MAX),
            2,
            0,
        );
        pool.set_config(config)?;
        pool.set_active(true)?;
        let task = Task::start("camera", move |running| {
            let scene = scene();
            let mut frame = now_ns() * FRAME_RATE / SECOND_NS + 1;
            while running.goes_on() {
                let due = frame * SECOND_NS / FRAME_RATE;
                let wait = due.saturating_sub(now_ns());
                if wait > 0 {
                    running.wait(Duration::from_nanos(wait));
                    continue;
                }
                if !plug.is_in() {
                    break;
                }
                if let Some(buffer) = picture(&pool, &scene, frame, due) {
                    tap.push(buffer);
                }
                // After a stop of the whole process: go on with the present, do not catch up.
                frame = (frame + 1).max((now_ns() * FRAME_RATE / SECOND_NS).saturating_sub(2));
            }
            let _ = pool.set_active(false);
        })?;
        Ok(Self { _task: task })
    }
}

/// What does not change: a soft gradient in luma and two colours.
fn scene() -> Vec<u8> {
    let mut picture = vec![128; PICTURE_BYTES];
    let (luma, chroma) = picture.split_at_mut(WIDTH * HEIGHT);
    for (y, row) in luma.chunks_mut(WIDTH).enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel = (40 + x * 100 / WIDTH + y * 40 / HEIGHT) as u8;
        }
    }
    let (blue, red) = chroma.split_at_mut(WIDTH * HEIGHT / 4);
    for (y, (blue, red)) in blue.chunks_mut(WIDTH / 2).zip(red.chunks_mut(WIDTH / 2)).enumerate() {
        blue.fill((118 + y * 20 / (HEIGHT / 2)) as u8);
        red.fill((138 - y * 20 / (HEIGHT / 2)) as u8);
    }
    picture
}

fn picture(pool: &gst::BufferPool, scene: &[u8], frame: u64, due: u64) -> Option<gst::Buffer> {
    let mut buffer = pool.acquire_buffer(None).ok()?;
    let changed = buffer.get_mut()?;
    changed.set_pts(gst::ClockTime::from_nseconds(due));
    changed.set_duration(gst::ClockTime::from_nseconds(SECOND_NS / FRAME_RATE));
    let mut map = changed.map_writable().ok()?;
    let bytes = map.as_mut_slice();
    if is_flash(due) {
        let (luma, chroma) = bytes.split_at_mut_checked(WIDTH * HEIGHT)?;
        luma.fill(235);
        chroma.fill(128);
    } else {
        bytes.get_mut(..scene.len())?.copy_from_slice(scene);
        draw(bytes, frame);
    }
    drop(map);
    Some(buffer)
}

/// Whether the picture of this moment is white.
fn is_flash(at_ns: u64) -> bool {
    at_ns % SECOND_NS < FLASH_NS
}

/// The moving box and the counter.
fn draw(luma: &mut [u8], frame: u64) {
    let (side, step) = BOX;
    let frame = usize::try_from(frame).unwrap_or(0);
    // There and back again.
    let fold = |position: usize, room: usize| {
        if position % (2 * room) < room {
            position % room
        } else {
            room - position % room
        }
    };
    rectangle(
        luma,
        fold(frame * step, WIDTH - side),
        fold(frame * step / 2, HEIGHT - side),
        side,
        side,
        220,
    );
    rectangle(luma, 440, 600, 400, 90, 16);
    for place in 0..6_usize {
        let digit = frame / 10_usize.pow(5 - u32::try_from(place).unwrap_or(0)) % 10;
        draw_digit(luma, 460 + place * 62, 612, DIGITS.get(digit).copied().unwrap_or(0));
    }
}

fn draw_digit(luma: &mut [u8], x: usize, y: usize, segments: u8) {
    let bars = [
        (6, 0, 30, 6),
        (0, 6, 6, 24),
        (36, 6, 6, 24),
        (6, 30, 30, 6),
        (0, 36, 6, 24),
        (36, 36, 6, 24),
        (6, 60, 30, 6),
    ];
    for (bit, (left, top, width, height)) in bars.into_iter().enumerate() {
        if segments >> bit & 1 == 1 {
            rectangle(luma, x + left, y + top, width, height, 235);
        }
    }
}

fn rectangle(luma: &mut [u8], left: usize, top: usize, width: usize, height: usize, value: u8) {
    for row in top..(top + height).min(HEIGHT) {
        let start = row * WIDTH + left.min(WIDTH);
        let end = row * WIDTH + (left + width).min(WIDTH);
        if let Some(pixels) = luma.get_mut(start..end) {
            pixels.fill(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_frames_of_each_second_are_white() {
        let white = (0..FRAME_RATE)
            .filter(|frame| is_flash(5 * SECOND_NS + frame * SECOND_NS / FRAME_RATE))
            .count();
        assert_eq!(white, 3);
        assert!(is_flash(7 * SECOND_NS) && !is_flash(7 * SECOND_NS - 1));
    }

    #[test]
    fn two_frames_differ_and_stay_inside_the_picture() {
        let (mut first, mut second) = (scene(), scene());
        draw(&mut first, 1_000_000);
        draw(&mut second, 1_000_001);
        assert_ne!(first, second);
        for frame in 0..1000 {
            draw(&mut first, frame);
        }
        assert_eq!(first.len(), PICTURE_BYTES);
        assert!(
            first[WIDTH * HEIGHT..] == scene()[WIDTH * HEIGHT..],
            "the box is drawn in luma only"
        );
    }
}
