//! Puts frames together from packets that come out of order, late or never.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{h264, vp8};
use crate::bridge::endpoint::{H264, VP8};

/// How long a gap may wait for its retransmission before the picture is given up.
const PATIENCE: Duration = Duration::from_millis(400);
/// Packets kept at most.
const MOST: usize = 2000;

/// What frames are coded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Codec {
    /// VP8.
    #[default]
    Vp8,
    /// H.264.
    H264,
}

impl Codec {
    /// Of a payload type of the offer (`focus::invite`).
    pub fn of(payload_type: u8) -> Option<Self> {
        match payload_type {
            VP8 => Some(Self::Vp8),
            H264 => Some(Self::H264),
            _ => None,
        }
    }

    fn read(self, payload: &[u8]) -> Option<Part> {
        match self {
            Self::Vp8 => {
                let descriptor = vp8::Descriptor::read(payload)?;
                let bytes = payload.get(descriptor.size..)?.to_vec();
                Some(Part {
                    key: descriptor.start_of_frame && bytes.first().is_some_and(|byte| byte & 1 == 0),
                    begins: descriptor.start_of_frame,
                    bytes,
                })
            }
            Self::H264 => h264::read(payload),
        }
    }

    /// Whether a frame that can be decoded alone begins in this payload.
    pub fn starts_key_frame(self, payload: &[u8]) -> bool {
        self.read(payload).is_some_and(|part| part.key)
    }

    fn dimensions(self, frame: &[u8]) -> Option<(u16, u16)> {
        match self {
            Self::Vp8 => vp8::dimensions(frame),
            Self::H264 => h264::dimensions(frame),
        }
    }
}

/// What a payload adds to its frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// Its bytes of the frame.
    pub bytes: Vec<u8>,
    /// A frame may begin in it.
    pub begins: bool,
    /// A frame that can be decoded alone begins in it: its parameters come first.
    pub key: bool,
}

/// A whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// A frame of VP8; a byte stream of H.264.
    pub data: Vec<u8>,
    /// Which of them.
    pub codec: Codec,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Width and height, of key frames only.
    pub key: Option<(u16, u16)>,
}

struct Packet {
    part: Part,
    codec: Codec,
    timestamp: u32,
    marker: bool,
    arrived: Instant,
}

/// The frames of one SSRC.
#[derive(Default)]
pub struct Assembler {
    packets: BTreeMap<u64, Packet>,
    next: Option<u64>,
    /// Frames may be missing: only a key frame helps.
    pub needs_key: bool,
}

impl Assembler {
    /// Takes a packet and gives the frames that became whole.
    pub fn push(
        &mut self,
        now: Instant,
        sequence: u64,
        timestamp: u32,
        marker: bool,
        (codec, payload): (Codec, &[u8]),
    ) -> Vec<Frame> {
        if self.next.is_some_and(|next| sequence < next) || payload.is_empty() {
            return Vec::new();
        }
        if let Some(part) = codec.read(payload) {
            let packet = Packet {
                part,
                codec,
                timestamp,
                marker,
                arrived: now,
            };
            self.packets.insert(sequence, packet);
        }
        while self.packets.len() > MOST {
            self.packets.pop_first();
        }
        self.take(now)
    }

    /// Gives the frames that are whole; gives up gaps that are too old.
    pub fn take(&mut self, now: Instant) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            if self.next.is_none() {
                self.next = self.first_key(0);
                if self.next.is_none() {
                    self.needs_key |= self.packets.len() > 30;
                    break;
                }
            }
            if let Some(frame) = self.whole() {
                if frame.key.is_some() {
                    self.needs_key = false;
                }
                frames.push(frame);
                continue;
            }
            if !self.give_up(now) {
                break;
            }
        }
        frames
    }

    /// The frame that begins at `next`, if all of it is there.
    fn whole(&mut self) -> Option<Frame> {
        let start = self.next?;
        let first = self.packets.get(&start)?;
        if !first.part.begins {
            return None;
        }
        let mut data = Vec::new();
        let mut at = start;
        let end = loop {
            let packet = self.packets.get(&at)?;
            if packet.timestamp != first.timestamp {
                return None;
            }
            data.extend_from_slice(&packet.part.bytes);
            if packet.marker {
                break at;
            }
            at += 1;
        };
        let (timestamp, codec) = (first.timestamp, first.codec);
        self.next = Some(end + 1);
        self.packets = self.packets.split_off(&(end + 1));
        let key = codec.dimensions(&data);
        Some(Frame {
            data,
            codec,
            timestamp,
            key,
        })
    }

    /// When newer packets wait too long for older ones: go on at the next key frame. True when that helped.
    fn give_up(&mut self, now: Instant) -> bool {
        let Some(next) = self.next else { return false };
        let stuck = self
            .packets
            .values()
            .next()
            .is_some_and(|p| now.duration_since(p.arrived) > PATIENCE);
        if !stuck {
            return false;
        }
        match self.first_key(next + 1) {
            Some(key) => {
                self.packets = self.packets.split_off(&key);
                self.next = Some(key);
                true
            }
            None => {
                self.needs_key = true;
                false
            }
        }
    }

    fn first_key(&self, from: u64) -> Option<u64> {
        self.packets
            .range(from..)
            .find(|(_, packet)| packet.part.key)
            .map(|(sequence, _)| *sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Vec<u8> {
        vec![0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00]
    }
    fn delta() -> Vec<u8> {
        vec![0x10, 0x11, 0, 0]
    }

    #[test]
    fn a_frame_that_can_be_decoded_alone_is_known_by_its_first_payload() {
        assert!(Codec::Vp8.starts_key_frame(&key()));
        assert!(!Codec::Vp8.starts_key_frame(&delta()));
    }

    #[test]
    fn packets_out_of_order_become_frames_in_order() {
        let now = Instant::now();
        let mut assembler = Assembler::default();
        let mut frames = assembler.push(now, 1, 10, true, (Codec::Vp8, &key()));
        frames.extend(assembler.push(now, 3, 30, true, (Codec::Vp8, &delta())));
        frames.extend(assembler.push(now, 2, 20, true, (Codec::Vp8, &delta())));
        assert_eq!(frames.iter().map(|f| f.timestamp).collect::<Vec<_>>(), [10, 20, 30]);
        assert_eq!(frames[0].key, Some((320, 180)));
    }

    #[test]
    fn a_gap_that_stays_is_left_behind_at_the_next_key_frame_only() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut assembler = Assembler::default();
        assembler.push(now, 1, 10, true, (Codec::Vp8, &key()));
        assert!(assembler.push(now, 3, 30, true, (Codec::Vp8, &delta())).is_empty());
        assert!(assembler.take(later).is_empty());
        assert!(assembler.needs_key);
        let frames = assembler.push(later, 9, 90, true, (Codec::Vp8, &key()));
        assert_eq!(frames.len(), 1);
        assert!(!assembler.needs_key);
    }
}
