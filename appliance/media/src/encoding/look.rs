//! A look at what an encoder makes: now and then a key frame is decoded and held against the picture that was filmed. Some make what
//! every decoder takes and nobody recognises, and nothing else tells that.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer_video::{VideoInfo, convert_sample};

use super::instance::Format;
use super::scene::psnr;
use super::trial::{Unit, decode, planes};

/// Pictures that are kept while a key frame is awaited: they are a camera's, which has few.
const KEPT: usize = 4;
/// What was looked at is not looked at again for so long.
const AGAIN: Duration = Duration::from_secs(5);
/// Worse than this, dB over luma and colours, is another picture: a poor one of the same has more than 25.
const RECOGNISED: f64 = 20.0;
/// A picture is converted in this time.
const CONVERTED: gst::ClockTime = gst::ClockTime::from_seconds(2);

/// Which pictures of an encoder to look at: its first, and then those that somebody asks for, not too often.
#[derive(Debug)]
pub struct Look {
    last: Option<Instant>,
    awaits: bool,
    kept: VecDeque<gst::Sample>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            last: None,
            awaits: true,
            kept: VecDeque::new(),
        }
    }
}

impl Look {
    /// A key frame was asked for.
    pub fn key_asked(&mut self, now: Instant) {
        let is_due = |last| now.saturating_duration_since(last) >= AGAIN;
        self.awaits |= self.last.is_none_or(is_due);
    }

    /// A picture goes in.
    pub fn picture(&mut self, picture: &gst::Sample) {
        if self.awaits {
            self.kept.truncate(KEPT - 1);
            self.kept.push_front(picture.clone());
        }
    }

    /// A key frame came out, to be shown at that time: its picture, when it is to be looked at.
    pub fn key(&mut self, at: gst::ClockTime, now: Instant) -> Option<gst::Sample> {
        let is_its = |picture: &&gst::Sample| picture.buffer().and_then(gst::BufferRef::pts) == Some(at);
        let picture = self.kept.iter().find(is_its).cloned()?;
        (self.last, self.awaits) = (Some(now), false);
        self.kept.clear();
        Some(picture)
    }
}

/// Whether a key frame, a byte stream, shows this picture; none: that cannot be told here.
#[must_use]
pub fn shows(key: Vec<u8>, picture: &gst::Sample) -> Option<bool> {
    let info = VideoInfo::from_caps(picture.caps()?).ok()?;
    let format = Format {
        width: info.width(),
        height: info.height(),
        pace: 0,
    };
    let filmed = convert_sample(picture, &planes(format).build(), Some(CONVERTED))
        .inspect_err(|error| tracing::debug!(%error, "a picture cannot be looked at"))
        .ok()?;
    let filmed = filmed.buffer()?.map_readable().ok()?;
    let unit = Unit {
        at: gst::ClockTime::ZERO,
        came: Instant::now(),
        bytes: key,
    };
    let decoded = decode(&[unit], format)
        .inspect_err(|error| tracing::debug!(%error, "a key frame cannot be looked at"))
        .ok()?;
    // Luma, and below it the colours.
    let like = |shown: &Unit| psnr(&filmed, &shown.bytes, format.width, format.height * 3 / 2) >= RECOGNISED;
    Some(decoded.first().is_some_and(like))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(second: u64) -> gst::Sample {
        let mut buffer = gst::Buffer::new();
        buffer.make_mut().set_pts(gst::ClockTime::from_seconds(second));
        gst::Sample::builder().buffer(&buffer).build()
    }

    #[test]
    fn the_first_key_frame_is_looked_at_and_then_one_that_is_asked_for_when_five_seconds_have_passed() {
        gst::init().unwrap();
        let (begun, mut look) = (Instant::now(), Look::default());
        let mut looks = |second: u64, asked: bool| {
            let now = begun + Duration::from_secs(second);
            if asked {
                look.key_asked(now);
            }
            look.picture(&picture(second));
            look.key(gst::ClockTime::from_seconds(second), now).is_some()
        };
        let seen: Vec<_> = [(0, false), (1, true), (4, true), (6, false), (7, true), (8, true)]
            .into_iter()
            .filter(|(second, asked)| looks(*second, *asked))
            .map(|(second, _)| second)
            .collect();
        assert_eq!(seen, [0, 7]);
    }

    #[test]
    fn only_a_few_pictures_are_kept_and_none_when_none_is_awaited() {
        gst::init().unwrap();
        let mut look = Look::default();
        (0..100).for_each(|second| look.picture(&picture(second)));
        assert_eq!(look.kept.len(), KEPT);
        let at = gst::ClockTime::from_seconds;
        assert!(look.key(at(95), Instant::now()).is_none(), "too old");
        let found = look.key(at(96), Instant::now()).unwrap();
        assert_eq!(found.buffer().unwrap().pts(), Some(at(96)));
        look.picture(&picture(100));
        assert!(look.kept.is_empty());
    }
}
