//! What the others in the meeting see while the camera is wanted and gives no picture: a sentence, and a bar that moves, so
//! that nobody takes it for a frozen picture.

use gstreamer as gst;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{HEIGHT, Tap, WIDTH};
use crate::clock::now_ns;
use crate::elements::BuildError;
use crate::task::Task;
use crate::wall::canvas::{Colour, Patch};
use crate::wall::lettering::{Lettering, Style};

/// Pictures a second.
const RATE: u64 = 10;
/// Behind the sentence: clearly not the black of a camera with its cap on.
const BEHIND: Colour = Colour(80, 140, 118);
/// Size of the sentence in points of Pango: read in the smallest layer, and the longest sentence fits.
const POINTS: usize = 40;
/// Left edge of the bar at its rest, top edge, width and height; and how far it goes.
const BAR: (usize, usize, usize, usize) = (440, 460, 80, 12);
const WAY: usize = 320;
/// Time for the way there and back.
const SWING_NS: u64 = 4_000_000_000;
/// Brightness of the bar.
const LIT: u8 = 230;

/// A running thread; dropping it ends it.
#[derive(Debug)]
pub struct StandIn {
    text: String,
    /// True: pictures are given. Held while one is given.
    shown: Arc<Mutex<bool>>,
    _task: Task,
}

impl StandIn {
    /// Starts giving pictures with this sentence into the tap.
    ///
    /// # Errors
    /// [`BuildError::Thread`].
    pub fn start(text: &str, tap: Tap) -> Result<Self, BuildError> {
        let shown = Arc::new(Mutex::new(true));
        let (showing, sentence) = (shown.clone(), text.to_owned());
        let task = Task::start("stand-in", move |running| {
            // Letters are drawn here: the first ones of a process load fonts, which takes its time.
            let scene = scene(&sentence);
            while running.goes_on() {
                let showing = showing.lock().unwrap_or_else(PoisonError::into_inner);
                if *showing {
                    tap.push_instead(picture(&scene, now_ns()));
                }
                drop(showing);
                running.wait(Duration::from_millis(1000 / RATE));
            }
        })?;
        Ok(Self {
            text: text.to_owned(),
            shown,
            _task: task,
        })
    }

    /// Its sentence.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Gives pictures from now on, or none. Returns when that is so.
    pub fn show(&self, shown: bool) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}

/// Everything but the bar. Without letters there is still a lit picture, and the log says why.
fn scene(text: &str) -> Vec<u8> {
    let style = Style {
        width: WIDTH,
        height: HEIGHT,
        points: POINTS,
        colour: BEHIND,
        centred: true,
    };
    let drawn = Lettering::new().map(|mut lettering| lettering.draw(text, &style));
    let patch = drawn.unwrap_or_else(|error| {
        tracing::warn!(%error, "no sentence in place of the camera");
        Patch::filled(WIDTH, HEIGHT, BEHIND)
    });
    patch.bytes
}

fn picture(scene: &[u8], at_ns: u64) -> gst::Buffer {
    let mut bytes = scene.to_vec();
    let (left, top, width, height) = BAR;
    let phase = usize::try_from(at_ns % SWING_NS * 2 * WAY as u64 / SWING_NS).unwrap_or(0);
    let left = left + phase.min(2 * WAY - phase);
    for row in top..top + height {
        let start = row * WIDTH + left;
        if let Some(pixels) = bytes.get_mut(start..start + width) {
            pixels.fill(LIT);
        }
    }
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    let changed = buffer.make_mut();
    changed.set_pts(gst::ClockTime::from_nseconds(at_ns));
    changed.set_duration(gst::ClockTime::from_mseconds(1000 / RATE));
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_lit_has_letters_and_moves() {
        gst::init().unwrap();
        let (scene, other) = (scene("La caméra est débranchée."), scene("La caméra est en panne."));
        assert_ne!(scene, other, "the sentence is in it");
        let luma = &scene[..WIDTH * HEIGHT];
        let mean = luma.iter().map(|pixel| u64::from(*pixel)).sum::<u64>() / luma.len() as u64;
        assert!((75..110).contains(&mean), "{mean}");
        let ink = luma.iter().filter(|pixel| **pixel > 200).count();
        assert!(ink > 5_000, "{ink} pixels of letters");
        let bytes = |at_ns| picture(&scene, at_ns).map_readable().unwrap().as_slice().to_vec();
        assert_eq!(bytes(0).len(), scene.len());
        assert_ne!(bytes(0), bytes(1_000_000_000));
        assert_eq!(bytes(0), bytes(SWING_NS));
    }

    #[test]
    fn hidden_it_gives_nothing_from_that_moment_on() {
        gst::init().unwrap();
        let tap = Tap::default();
        let stand_in = StandIn::start("x", tap.clone()).unwrap();
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while tap.last_ns() == 0 {
            assert!(std::time::Instant::now() < end, "no picture");
            std::thread::sleep(Duration::from_millis(5));
        }
        stand_in.show(false);
        let last = tap.last_ns();
        std::thread::sleep(Duration::from_millis(3 * 1000 / RATE));
        assert_eq!(tap.last_ns(), last);
    }
}
