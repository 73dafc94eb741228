//! A microphone as ALSA has it: all its channels, those of them that make the sound, and what got lost between card and box.

use alsa::pcm::{Access, Format, Frames, HwParams, PCM};
use alsa::{Direction, ValueOr};
use gstreamer as gst;
use media_protocol::DeviceFault;
use rustix::io::Errno;

use super::{SAMPLE_RATE, Tap};
use crate::clock::now_ns;
use crate::mailbox::{Mailbox, Message, PipelineId};
use crate::task::{Running, Task};

/// What is read at once: 20 ms.
const BLOCK: u64 = SAMPLE_RATE / 50;
/// What the card keeps for a box that is late. It costs no delay: what is there is read at once.
const BUFFER: u64 = SAMPLE_RATE / 5;
/// Most channels that are read.
const MOST: u32 = 32;
/// Channels of a card that leaves them open and of which none is named: how most say left and right.
const USUAL: u32 = 2;
/// The wait for sound is given up after so many ms, to look whether it shall end.
const PATIENCE_MS: u32 = 20;
/// The card's clock may run away from the machine's so far before the timestamps jump.
const DRIFT_NS: u64 = 40_000_000;

/// An open microphone. Dropping it closes the device.
#[derive(Debug)]
pub struct Array {
    channels: u32,
    _task: Task,
}

impl Array {
    /// Opens it. `wanted` are the channels that make the sound, from 1; none: all.
    ///
    /// # Errors
    /// In the contract's words.
    pub fn open(device: &str, wanted: &[u8], id: PipelineId, tap: Tap, mailbox: Mailbox) -> Result<Self, DeviceFault> {
        let (pcm, channels) = open(device, wanted).map_err(fault)?;
        // Few arrays say which is where; the others say what a set of loudspeakers would.
        let map = pcm.get_chmap().map(|map| map.to_string()).unwrap_or_default();
        tracing::info!(device, channels, map, "microphone");
        let mix = Mix::new(channels, wanted);
        let read = move |running: &Running| {
            if let Err(error) = read(&pcm, &mix, &tap, running) {
                tracing::warn!(%error, "the microphone fails");
                mailbox.post(Message::Failed(id, fault(error)));
            }
        };
        let task = Task::start("microphone", read).map_err(|error| DeviceFault::Other {
            detail: error.to_string(),
        })?;
        Ok(Self { channels, _task: task })
    }

    /// How many channels it gives.
    #[must_use]
    pub fn channels(&self) -> u32 {
        self.channels
    }
}

fn fault(error: alsa::Error) -> DeviceFault {
    match Errno::from_raw_os_error(error.errno()) {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => DeviceFault::NotFound,
        Errno::BUSY => DeviceFault::Busy,
        Errno::ACCESS | Errno::PERM => DeviceFault::Forbidden,
        _ => DeviceFault::Other {
            detail: error.to_string(),
        },
    }
}

/// How many channels are asked for of a card that has from `least` to `most` of them.
fn channels(least: u32, most: u32, wanted: &[u8]) -> u32 {
    let named = wanted.iter().copied().max().map_or(USUAL, u32::from);
    named.clamp(least, most.clamp(least, MOST.max(least)))
}

/// The card itself, which knows how many channels it has, and the same with `plug` before it, which turns what any card gives into
/// the rate and samples of ours. Other names than those of cards have no such pair.
fn names(device: &str) -> (String, String) {
    match device.strip_prefix("plug").unwrap_or(device) {
        card if card.starts_with("hw:") => (card.to_owned(), format!("plug{card}")),
        other => (other.to_owned(), device.to_owned()),
    }
}

fn open(device: &str, wanted: &[u8]) -> alsa::Result<(PCM, u32)> {
    let (card, converted) = names(device);
    let channels = {
        let pcm = PCM::new(&card, Direction::Capture, true)?;
        let can = HwParams::any(&pcm)?;
        channels(can.get_channels_min()?, can.get_channels_max()?, wanted)
    };
    let pcm = PCM::new(&converted, Direction::Capture, true)?;
    {
        let parameters = HwParams::any(&pcm)?;
        parameters.set_access(Access::RWInterleaved)?;
        parameters.set_format(Format::s16())?;
        parameters.set_channels(channels)?;
        parameters.set_rate(SAMPLE_RATE as u32, ValueOr::Nearest)?;
        parameters.set_period_size_near(BLOCK as Frames, ValueOr::Nearest)?;
        parameters.set_buffer_size_near(BUFFER as Frames)?;
        pcm.hw_params(&parameters)?;
    }
    pcm.start()?;
    Ok((pcm, channels))
}

fn read(pcm: &PCM, mix: &Mix, tap: &Tap, running: &Running) -> alsa::Result<()> {
    let card = pcm.io_i16()?;
    let mut block = vec![0; BLOCK as usize * mix.channels];
    let mut stamps = Stamps::default();
    while running.goes_on() {
        let heard = match pcm.wait(Some(PATIENCE_MS)) {
            Ok(false) => continue,
            Ok(true) => card.readi(&mut block),
            Err(error) => Err(error),
        };
        match heard {
            Ok(frames) => {
                let left = u64::try_from(pcm.avail_update().unwrap_or_default()).unwrap_or_default();
                let frames = frames as u64;
                let measured = now_ns().saturating_sub(nanoseconds(left + frames));
                let sound = block.get(..frames as usize * mix.channels).unwrap_or_default();
                tap.push_sound(buffer(mix.down(sound), stamps.next(measured, frames), frames));
            }
            Err(error) if [Errno::AGAIN, Errno::INTR].contains(&Errno::from_raw_os_error(error.errno())) => {}
            Err(error) => {
                // It was not read in time, or slept: what it has heard meanwhile is lost. All else is the device's end.
                pcm.try_recover(error, true)?;
                pcm.start()?;
                stamps = Stamps::default();
                tap.count_overrun();
            }
        }
    }
    Ok(())
}

fn nanoseconds(frames: u64) -> u64 {
    frames * 1_000_000_000 / SAMPLE_RATE
}

fn buffer(sound: Vec<u8>, at_ns: u64, frames: u64) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_mut_slice(sound);
    let changed = buffer.make_mut();
    changed.set_pts(gst::ClockTime::from_nseconds(at_ns));
    changed.set_duration(gst::ClockTime::from_nseconds(nanoseconds(frames)));
    buffer
}

/// Even timestamps for samples that a card counts by a clock of its own.
#[derive(Debug, Default)]
struct Stamps {
    next_ns: Option<u64>,
}

impl Stamps {
    /// Of a block of so many frames that began at `measured` by the machine's clock, more or less.
    fn next(&mut self, measured: u64, frames: u64) -> u64 {
        let even = self.next_ns.filter(|next| next.abs_diff(measured) <= DRIFT_NS);
        let at_ns = even.unwrap_or(measured);
        self.next_ns = Some(at_ns + nanoseconds(frames));
        at_ns
    }
}

/// One channel out of many.
#[derive(Debug, PartialEq, Eq)]
struct Mix {
    channels: usize,
    /// Indices of those that make the sound; never empty.
    chosen: Vec<usize>,
}

impl Mix {
    /// The mean of those of the wanted channels that there are; without any of them, of all.
    fn new(channels: u32, wanted: &[u8]) -> Self {
        let channels = channels.max(1) as usize;
        let wanted = wanted.iter().filter_map(|number| usize::from(*number).checked_sub(1));
        let mut chosen: Vec<usize> = wanted.filter(|index| *index < channels).collect();
        if chosen.is_empty() {
            chosen = (0..channels).collect();
        }
        Self { channels, chosen }
    }

    /// Interleaved samples as one channel, S16LE.
    fn down(&self, sound: &[i16]) -> Vec<u8> {
        let mean = |frame: &[i16]| {
            let sum: i64 = self
                .chosen
                .iter()
                .filter_map(|index| frame.get(*index))
                .map(|sample| i64::from(*sample))
                .sum();
            (sum / self.chosen.len() as i64) as i16
        };
        sound
            .chunks_exact(self.channels)
            .flat_map(|frame| mean(frame).to_le_bytes())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_is_not_there_is_called_so() {
        let (mailbox, _inbox) = Mailbox::new();
        let opened = Array::open(
            "plughw:CARD=nobody,DEV=0",
            &[],
            PipelineId::Microphone(1),
            Tap::default(),
            mailbox,
        );
        assert_eq!(opened.err(), Some(DeviceFault::NotFound));
    }

    #[test]
    fn a_card_is_asked_for_its_channels_and_read_through_a_converter() {
        let pair = ("hw:CARD=Array,DEV=0".to_owned(), "plughw:CARD=Array,DEV=0".to_owned());
        assert_eq!(names("plughw:CARD=Array,DEV=0"), pair);
        assert_eq!(names("hw:CARD=Array,DEV=0"), pair);
        assert_eq!(names("default"), ("default".to_owned(), "default".to_owned()));
    }

    #[test]
    fn as_many_channels_are_asked_for_as_are_named_and_as_the_card_has() {
        assert_eq!(channels(8, 8, &[]), 8, "an array has what it has");
        assert_eq!(channels(1, 2, &[]), 2);
        assert_eq!(channels(1, 1, &[]), 1);
        assert_eq!(channels(2, 8, &[]), 2, "where there is a choice, nobody asked for more");
        assert_eq!(channels(2, 8, &[5, 6]), 6);
        assert_eq!(channels(2, 2, &[8]), 2);
        assert_eq!(channels(1, 4_000_000, &[255]), MOST);
        assert_eq!(channels(64, 64, &[]), 64, "a card that cannot do less");
    }

    #[test]
    fn the_sound_is_the_mean_of_the_channels_that_were_chosen() {
        let sound = [10, 20, 30, -10, -20, -30];
        let heard = |wanted: &[u8]| {
            let bytes = Mix::new(3, wanted).down(&sound);
            let (samples, _) = bytes.as_chunks::<2>();
            samples
                .iter()
                .map(|sample| i16::from_le_bytes(*sample))
                .collect::<Vec<i16>>()
        };
        assert_eq!(heard(&[]), [20, -20]);
        assert_eq!(heard(&[3]), [30, -30]);
        assert_eq!(heard(&[1, 3]), [20, -20]);
        assert_eq!(heard(&[2, 8]), [20, -20], "the one that there is");
        assert_eq!(heard(&[0, 8]), [20, -20], "none of them is there: all");
        let loud = [i16::MAX; 3];
        assert_eq!(Mix::new(3, &[]).down(&loud), i16::MAX.to_le_bytes());
    }

    #[test]
    fn timestamps_are_even_until_the_clocks_have_run_apart() {
        let mut stamps = Stamps::default();
        assert_eq!(stamps.next(1_000_000_000, BLOCK), 1_000_000_000);
        assert_eq!(
            stamps.next(1_021_000_000, BLOCK),
            1_020_000_000,
            "a reader that was late"
        );
        assert_eq!(
            stamps.next(1_000_000_001, BLOCK),
            1_040_000_000,
            "and one that was early"
        );
        assert_eq!(
            stamps.next(1_101_000_000, BLOCK),
            1_101_000_000,
            "the clocks have run apart"
        );
        assert_eq!(stamps.next(1_121_000_000, BLOCK), 1_121_000_000);
    }
}
