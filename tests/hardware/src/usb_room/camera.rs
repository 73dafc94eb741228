//! The camera: what is set on it, and its pictures.

use super::descriptors::{SIZES, VIDEO_PACKET, interval, picture_bytes};

/// USB Video Class requests (§A.8).
const SET_CUR: u8 = 0x01;
const GET_CUR: u8 = 0x81;
const GET_MIN: u8 = 0x82;
const GET_MAX: u8 = 0x83;
const GET_RES: u8 = 0x84;
const GET_LEN: u8 = 0x85;
const GET_INFO: u8 = 0x86;
const GET_DEF: u8 = 0x87;

/// Selectors: zoom, pan and tilt, privacy of the terminal (§A.9.4); brightness, power line of the unit (§A.9.5).
const ZOOM: u16 = 0x0b;
const PAN_TILT: u16 = 0x0d;
/// The lid, as the status interrupt names it.
pub const PRIVACY: u16 = 0x11;
const BRIGHTNESS: u16 = 0x02;
const POWER_LINE: u16 = 0x05;

/// One setting: its value, and what the class asks to know of it.
#[derive(Debug)]
struct Control {
    unit: u16,
    selector: u16,
    value: Vec<u8>,
    min: Vec<u8>,
    max: Vec<u8>,
    step: Vec<u8>,
    default: Vec<u8>,
    /// Get and set (3), and says when it changes by itself (8).
    info: u8,
}

impl Control {
    fn new(unit: u16, selector: u16, min: &[u8], max: &[u8], step: &[u8], default: &[u8]) -> Self {
        let own = |bytes: &[u8]| bytes.to_vec();
        Self {
            unit,
            selector,
            value: own(default),
            min: own(min),
            max: own(max),
            step: own(step),
            default: own(default),
            info: 3,
        }
    }
}

/// The camera.
#[derive(Debug)]
pub struct Camera {
    controls: Vec<Control>,
    /// Times between two pictures that it offers, its favourite first, in 100 ns.
    intervals: Vec<u32>,
    probe: Vec<u8>,
    commit: Vec<u8>,
    picture: Vec<u8>,
    sent: usize,
    number: u64,
}

/// The answer to a request: bytes, or none for a stall.
type Reply = Option<Vec<u8>>;

impl Camera {
    /// One that offers so many pictures a second.
    pub fn new(rates: &[u32]) -> Self {
        let intervals: Vec<u32> = rates.iter().map(|rate| interval(*rate)).collect();
        let favourite = intervals.first().copied().unwrap_or(interval(1));
        let pair = |value: i32| [value.to_le_bytes(), value.to_le_bytes()].concat();
        let word = |value: u16| value.to_le_bytes();
        let mut privacy = Control::new(1, PRIVACY, &[0], &[1], &[1], &[0]);
        privacy.info = 3 | 8;
        Self {
            controls: vec![
                Control::new(1, ZOOM, &word(0), &word(100), &word(1), &word(0)),
                Control::new(1, PAN_TILT, &pair(-36_000), &pair(36_000), &pair(3_600), &pair(0)),
                privacy,
                Control::new(2, BRIGHTNESS, &word(0), &word(255), &word(1), &word(128)),
                // Off, 50 Hz, 60 Hz; comes up at 60 like most.
                Control::new(2, POWER_LINE, &[0], &[2], &[1], &[2]),
            ],
            probe: negotiated(1, favourite),
            commit: negotiated(1, favourite),
            intervals,
            picture: Vec::new(),
            sent: 0,
            number: 0,
        }
    }

    /// A class request to the control interface: `unit` and `selector` by the class's numbers.
    pub fn control(&mut self, request: u8, unit: u16, selector: u16, data: &[u8]) -> Reply {
        let control = self.find(unit, selector)?;
        match request {
            SET_CUR => {
                let new = data.get(..control.value.len())?;
                control.value.copy_from_slice(new);
                Some(Vec::new())
            }
            GET_CUR => Some(control.value.clone()),
            GET_MIN => Some(control.min.clone()),
            GET_MAX => Some(control.max.clone()),
            GET_RES => Some(control.step.clone()),
            GET_DEF => Some(control.default.clone()),
            GET_LEN => Some((control.value.len() as u16).to_le_bytes().to_vec()),
            GET_INFO => Some(vec![control.info]),
            _ => None,
        }
    }

    /// A class request to the streaming interface: what is proposed (`selector` 1) and what is taken (2).
    pub fn streaming(&mut self, request: u8, selector: u16, data: &[u8]) -> Reply {
        let favourite = self.favourite();
        let wanted = data
            .get(4..8)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u32::from_le_bytes);
        let nearest = self
            .intervals
            .iter()
            .copied()
            .min_by_key(|offered| offered.abs_diff(wanted));
        let nearest = nearest.unwrap_or(favourite);
        let state = match selector {
            1 => &mut self.probe,
            2 => &mut self.commit,
            _ => return None,
        };
        match request {
            SET_CUR => {
                let frame = data.get(3).copied().unwrap_or(1);
                *state = negotiated(frame, nearest);
                Some(Vec::new())
            }
            GET_CUR => Some(state.clone()),
            GET_MIN | GET_MAX | GET_DEF => Some(negotiated(1, favourite)),
            GET_LEN => Some(34_u16.to_le_bytes().to_vec()),
            GET_INFO => Some(vec![3]),
            _ => None,
        }
    }

    /// Moves the lid.
    pub fn shutter(&mut self, closed: bool) {
        if let Some(control) = self.find(1, PRIVACY) {
            control.value = vec![u8::from(closed)];
        }
    }

    /// Streaming begins anew.
    pub fn restart(&mut self) {
        self.picture.clear();
        self.sent = 0;
        self.number = 0;
    }

    /// Time between two pictures, in 100 ns.
    pub fn interval(&self) -> u32 {
        let bytes = self.commit.get(4..8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or_else(|| self.favourite(), u32::from_le_bytes)
    }

    /// Whether all of the picture has been sent.
    pub fn empty(&self) -> bool {
        self.sent >= self.picture.len()
    }

    /// Paints the next picture: a ramp that moves, and a box before it; black behind the lid.
    pub fn next_picture(&mut self) {
        let (width, height) = size(self.commit.get(3).copied().unwrap_or(1));
        let closed = self.find(1, PRIVACY).is_some_and(|control| control.value == [1]);
        let number = usize::try_from(self.number % 100_000).unwrap_or(0);
        self.number += 1;
        self.sent = 0;
        self.picture.clear();
        self.picture.resize(picture_bytes(width, height) as usize, 128);
        let (width, height) = (usize::from(width), usize::from(height));
        let left = number * 4 % (width - 16);
        for (y, row) in self.picture.chunks_exact_mut(width * 2).enumerate() {
            let ramp = if closed {
                16
            } else {
                ((y + number * 2) % 220 + 16) as u8
            };
            row.chunks_exact_mut(2).for_each(|pixel| pixel[0] = ramp);
            if !closed && y.abs_diff(height / 2) < 8 {
                row[left * 2..(left + 16) * 2]
                    .chunks_exact_mut(2)
                    .for_each(|pixel| pixel[0] = 235);
            }
        }
    }

    /// The next packet of the picture, its header before it; empty when there is none.
    pub fn packet(&mut self, room: u32) -> Vec<u8> {
        let rest = self.picture.get(self.sent..).unwrap_or_default();
        let room = (room.min(u32::from(VIDEO_PACKET)) as usize).saturating_sub(2);
        let length = rest.len().min(room);
        if length == 0 {
            return Vec::new();
        }
        let last = length == rest.len();
        // End of header, end of frame, and the bit that changes with each picture (§2.4.3.3).
        let mut packet = vec![2, 0x80 | u8::from(last) << 1 | u8::from(self.number.is_multiple_of(2))];
        packet.extend_from_slice(&rest[..length]);
        self.sent += length;
        packet
    }

    fn favourite(&self) -> u32 {
        self.intervals.first().copied().unwrap_or(interval(1))
    }

    fn find(&mut self, unit: u16, selector: u16) -> Option<&mut Control> {
        self.controls
            .iter_mut()
            .find(|control| control.unit == unit && control.selector == selector)
    }
}

fn size(frame: u8) -> (u16, u16) {
    SIZES[usize::from(frame.max(1) - 1).min(SIZES.len() - 1)]
}

/// What camera and host agree on (§4.3.1.1).
fn negotiated(frame: u8, interval: u32) -> Vec<u8> {
    let frame = frame.clamp(1, SIZES.len() as u8);
    let (width, height) = size(frame);
    let mut bytes = vec![0; 34];
    bytes[0] = 1;
    bytes[2] = 1;
    bytes[3] = frame;
    bytes[4..8].copy_from_slice(&interval.to_le_bytes());
    bytes[18..22].copy_from_slice(&picture_bytes(width, height).to_le_bytes());
    bytes[22..26].copy_from_slice(&u32::from(VIDEO_PACKET).to_le_bytes());
    bytes[26..30].copy_from_slice(&48_000_000_u32.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_leaves_in_packets_and_the_last_one_says_so() {
        let mut camera = Camera::new(&[30, 15]);
        camera.next_picture();
        let mut bytes = 0;
        let mut packets = Vec::new();
        while !camera.empty() {
            let packet = camera.packet(3072);
            bytes += packet.len() - 2;
            packets.push(packet);
        }
        assert_eq!(bytes, 320 * 180 * 2);
        assert_eq!(packets.iter().filter(|packet| packet[1] & 2 != 0).count(), 1);
        assert!(camera.packet(3072).is_empty());
    }

    #[test]
    fn behind_the_lid_it_is_black() {
        let mut camera = Camera::new(&[30, 15]);
        camera.shutter(true);
        camera.next_picture();
        assert_eq!(camera.control(GET_CUR, 1, PRIVACY, &[]), Some(vec![1]));
        assert!(camera.picture.chunks_exact(2).all(|pixel| pixel == [16, 128]));
    }

    #[test]
    fn what_is_too_short_or_unknown_stalls() {
        let mut camera = Camera::new(&[30, 15]);
        assert_eq!(camera.control(SET_CUR, 1, PAN_TILT, &[0; 7]), None);
        assert_eq!(camera.control(GET_CUR, 9, 9, &[]), None);
        assert_eq!(camera.streaming(SET_CUR, 3, &[]), None);
    }

    #[test]
    fn fifteen_pictures_a_second_are_agreed_on() {
        let mut camera = Camera::new(&[30, 15]);
        let mut wish = negotiated(2, 0);
        wish[4..8].copy_from_slice(&700_000_u32.to_le_bytes());
        camera.streaming(SET_CUR, 2, &wish).unwrap();
        assert_eq!((camera.interval(), camera.commit[3]), (666_666, 2));
    }
}
