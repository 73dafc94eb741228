//! Where a peer is in its loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::encode::{Encoded, FPS};
use super::payload::is_key;

/// Time between pictures.
const PICTURE: Duration = Duration::from_micros(1_000_000 / FPS as u64);
/// Time between Opus frames.
const SOUND: Duration = Duration::from_millis(20);
/// When the machine was asleep longer than this, the loop goes on from now.
const LATE: Duration = Duration::from_millis(500);

/// The cursor in the loop of one peer.
pub struct Track {
    media: Arc<Encoded>,
    picture: usize,
    sound: usize,
    picture_due: Instant,
    sound_due: Instant,
    key_wanted: bool,
}

/// What is due.
pub enum Due {
    /// Picture number in the loop.
    Picture(usize),
    /// Sound number in the loop.
    Sound(usize),
}

impl Track {
    /// Starts the loop.
    pub fn new(media: Arc<Encoded>, now: Instant, index: usize) -> Self {
        let offset = Duration::from_millis(index as u64 * 13 % 40);
        Self {
            media,
            picture: 0,
            sound: 0,
            picture_due: now + offset,
            sound_due: now + offset,
            key_wanted: false,
        }
    }

    /// When to look again.
    pub fn deadline(&self) -> Instant {
        self.picture_due.min(self.sound_due)
    }

    /// The next picture is to be a key frame: the loop jumps to the next one.
    pub fn want_key(&mut self) {
        self.key_wanted = true;
    }

    /// What is due now, one thing at a time.
    pub fn next(&mut self, now: Instant) -> Option<Due> {
        if now.saturating_duration_since(self.deadline()) > LATE {
            self.picture_due = now;
            self.sound_due = now;
        }
        if self.sound_due <= now {
            self.sound_due += SOUND;
            self.sound = (self.sound + 1) % self.media.audio.len().max(1);
            return Some(Due::Sound(self.sound));
        }
        if self.picture_due > now {
            return None;
        }
        self.picture_due += PICTURE;
        let length = self.media.video[0].len();
        self.picture = (self.picture + 1) % length.max(1);
        if std::mem::take(&mut self.key_wanted) {
            let key_in_all = |i: &usize| self.media.video.iter().all(|layer| is_key(&layer[*i]));
            let from_here = (self.picture..length).chain(0..self.picture);
            if let Some(key) = from_here.into_iter().find(key_in_all) {
                self.picture = key;
            }
        }
        Some(Due::Picture(self.picture))
    }

    /// The frame of a layer.
    pub fn picture(&self, layer: usize, number: usize) -> &[u8] {
        self.media
            .video
            .get(layer)
            .and_then(|frames| frames.get(number))
            .map_or(&[], Vec::as_slice)
    }

    /// The Opus frame.
    pub fn sound(&self, number: usize) -> &[u8] {
        self.media.audio.get(number).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media() -> Arc<Encoded> {
        let layer: Vec<Vec<u8>> = (0..50u8).map(|i| vec![u8::from(i % 25 != 0), i]).collect();
        Arc::new(Encoded {
            video: [layer.clone(), layer],
            audio: vec![vec![1]; 50],
        })
    }

    #[test]
    fn a_wanted_key_frame_is_the_next_picture() {
        let start = Instant::now();
        let mut track = Track::new(media(), start, 0);
        let mut pictures = Vec::new();
        for ms in 0..200 {
            if ms == 100 {
                track.want_key();
            }
            while let Some(due) = track.next(start + Duration::from_millis(ms)) {
                if let Due::Picture(number) = due {
                    pictures.push(number);
                }
            }
        }
        assert_eq!(pictures, [1, 2, 3, 25, 26]);
    }
}
