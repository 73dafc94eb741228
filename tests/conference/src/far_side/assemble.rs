//! Puts frames together from packets that come out of order, late or never.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::vp8::{Descriptor, dimensions};

/// How long a gap may wait for its retransmission before the picture is given up.
const PATIENCE: Duration = Duration::from_millis(400);
/// Packets kept at most.
const MOST: usize = 2000;

/// A whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// VP8.
    pub data: Vec<u8>,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Width and height, of key frames only.
    pub key: Option<(u16, u16)>,
}

struct Packet {
    payload: Vec<u8>,
    timestamp: u32,
    marker: bool,
    arrived: Instant,
    descriptor: Descriptor,
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
    pub fn push(&mut self, now: Instant, sequence: u64, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<Frame> {
        if self.next.is_some_and(|next| sequence < next) || payload.is_empty() {
            return Vec::new();
        }
        if let Some(descriptor) = Descriptor::read(payload) {
            let payload = payload.to_vec();
            self.packets.insert(
                sequence,
                Packet {
                    payload,
                    timestamp,
                    marker,
                    arrived: now,
                    descriptor,
                },
            );
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
        if !first.descriptor.start_of_frame {
            return None;
        }
        let mut data = Vec::new();
        let mut at = start;
        let end = loop {
            let packet = self.packets.get(&at)?;
            if packet.timestamp != first.timestamp {
                return None;
            }
            data.extend_from_slice(packet.payload.get(packet.descriptor.size..)?);
            if packet.marker {
                break at;
            }
            at += 1;
        };
        let timestamp = first.timestamp;
        self.next = Some(end + 1);
        self.packets = self.packets.split_off(&(end + 1));
        let key = dimensions(&data);
        Some(Frame { data, timestamp, key })
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
            .find(|(_, p)| p.descriptor.start_of_frame && p.payload.get(p.descriptor.size).is_some_and(|b| b & 1 == 0))
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
    fn packets_out_of_order_become_frames_in_order() {
        let now = Instant::now();
        let mut assembler = Assembler::default();
        let mut frames = assembler.push(now, 1, 10, true, &key());
        frames.extend(assembler.push(now, 3, 30, true, &delta()));
        frames.extend(assembler.push(now, 2, 20, true, &delta()));
        assert_eq!(frames.iter().map(|f| f.timestamp).collect::<Vec<_>>(), [10, 20, 30]);
        assert_eq!(frames[0].key, Some((320, 180)));
    }

    #[test]
    fn a_gap_that_stays_is_left_behind_at_the_next_key_frame_only() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut assembler = Assembler::default();
        assembler.push(now, 1, 10, true, &key());
        assert!(assembler.push(now, 3, 30, true, &delta()).is_empty());
        assert!(assembler.take(later).is_empty());
        assert!(assembler.needs_key);
        let frames = assembler.push(later, 9, 90, true, &key());
        assert_eq!(frames.len(), 1);
        assert!(!assembler.needs_key);
    }
}
