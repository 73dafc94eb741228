//! A microphone without a microphone: a quiet tone of 440 Hz without end, and a beep of 1 kHz of 100 ms on each full
//! second of `CLOCK_MONOTONIC`, together with the flash of the simulated camera.

use gstreamer as gst;
use std::f64::consts::TAU;
use std::time::Duration;

use super::plug::Plug;
use super::{SAMPLE_RATE, Tap};
use crate::clock::now_ns;
use crate::elements::BuildError;
use crate::task::Task;

const SECOND_NS: u64 = 1_000_000_000;
/// Samples of one block of 20 ms.
const BLOCK: u64 = SAMPLE_RATE / 50;
/// Samples of the beep.
const BEEP: u64 = SAMPLE_RATE / 10;
/// Amplitude of the tone: -32 dBov as a sine.
const TONE_AMPLITUDE: f64 = 1100.0;
/// Amplitude of the beep: -13 dBov as a sine.
const BEEP_AMPLITUDE: f64 = 10_000.0;

/// A running thread; dropping it ends it.
#[derive(Debug)]
pub struct SimulatedMicrophone {
    _task: Task,
}

impl SimulatedMicrophone {
    /// Starts giving sound into the tap, until the plug is pulled out.
    ///
    /// # Errors
    /// [`BuildError::Thread`].
    pub fn start(tap: Tap, plug: Plug) -> Result<Self, BuildError> {
        let task = Task::start("microphone", move |running| {
            let second = one_second();
            let mut block = now_ns() / (SECOND_NS / 50);
            while running.goes_on() {
                // A block begins at its timestamp and can be had at its end, as from a real card.
                let wait = ((block + 1) * (SECOND_NS / 50)).saturating_sub(now_ns());
                if wait > 0 {
                    running.wait(Duration::from_nanos(wait));
                    continue;
                }
                if !plug.is_in() {
                    break;
                }
                if let Some(buffer) = buffer(&second, block) {
                    tap.push_sound(buffer);
                }
                block = (block + 1).max((now_ns() / (SECOND_NS / 50)).saturating_sub(5));
            }
        })?;
        Ok(Self { _task: task })
    }
}

/// One second of sound; both frequencies are whole numbers, so that it joins its successor without a click.
fn one_second() -> Vec<u8> {
    let sample = |index: u64| {
        let time = index as f64 / SAMPLE_RATE as f64;
        let tone = TONE_AMPLITUDE * (TAU * 440.0 * time).sin();
        let beep = if index < BEEP {
            BEEP_AMPLITUDE * (TAU * 1000.0 * time).sin()
        } else {
            0.0
        };
        ((tone + beep) as i16).to_le_bytes()
    };
    (0..SAMPLE_RATE).flat_map(sample).collect()
}

fn buffer(second: &[u8], block: u64) -> Option<gst::Buffer> {
    let start = usize::try_from(block % 50 * BLOCK * 2).ok()?;
    let bytes = second.get(start..start + usize::try_from(BLOCK * 2).ok()?)?;
    let mut buffer = gst::Buffer::from_slice(bytes.to_vec());
    let changed = buffer.get_mut()?;
    changed.set_pts(gst::ClockTime::from_nseconds(block * (SECOND_NS / 50)));
    changed.set_duration(gst::ClockTime::from_mseconds(20));
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beep_begins_on_the_full_second() {
        gst::init().unwrap();
        let second = one_second();
        let loud = |block: u64| {
            let buffer = buffer(&second, block).unwrap();
            let map = buffer.map_readable().unwrap();
            let (samples, _) = map.as_slice().as_chunks::<2>();
            samples.iter().any(|sample| i16::from_le_bytes(*sample).abs() > 5000)
        };
        let beeps: Vec<u64> = (100..200).filter(|block| loud(*block)).collect();
        assert_eq!(beeps, [100, 101, 102, 103, 104, 150, 151, 152, 153, 154]);
        assert_eq!(
            buffer(&second, 100).unwrap().pts(),
            Some(gst::ClockTime::from_seconds(2))
        );
    }
}
