//! The array microphone: mute, volume, and what it hears: channel n a tone of n hundred hertz.

/// Samples of a channel in a millisecond.
const SAMPLES: usize = 48;

/// Milliseconds after which all tones begin anew.
const PERIOD: usize = 10;

/// Loudness of the tones, of 32,767.
const AMPLITUDE: f32 = 8_000.0;

/// The array.
#[derive(Debug)]
pub struct Microphone {
    mute: u8,
    volume: [u8; 2],
    /// The packets of [`PERIOD`] milliseconds.
    packets: Vec<Vec<u8>>,
    next: usize,
}

impl Microphone {
    /// An array of so many.
    pub fn new(channels: u8) -> Self {
        let value = |sample: usize, channel: u8| {
            let turns = sample as f32 * 100.0 * f32::from(channel) / 48_000.0;
            (((turns.fract() * std::f32::consts::TAU).sin() * AMPLITUDE) as i16).to_le_bytes()
        };
        let packet = |number: usize| {
            let samples = number * SAMPLES..(number + 1) * SAMPLES;
            samples
                .flat_map(|sample| (1..=channels).flat_map(move |channel| value(sample, channel)))
                .collect()
        };
        Self {
            mute: 0,
            volume: [0; 2],
            packets: (0..PERIOD).map(packet).collect(),
            next: 0,
        }
    }

    /// A class request to the feature unit (USB Audio Class 1.0 §5.2.2.4); none for a stall.
    pub fn control(&mut self, request: u8, selector: u16, data: &[u8]) -> Option<Vec<u8>> {
        // Volume in 1/256 dB.
        let decibels = |value: i16| Some((value * 256).to_le_bytes().to_vec());
        match (selector, request) {
            (1, 0x01) => {
                self.mute = *data.first()?;
                Some(Vec::new())
            }
            (1, 0x81) => Some(vec![self.mute]),
            (2, 0x01) => {
                self.volume.copy_from_slice(data.get(..2)?);
                Some(Vec::new())
            }
            (2, 0x81) => Some(self.volume.to_vec()),
            (2, 0x82) => decibels(-20),
            (2, 0x83) => decibels(0),
            (2, 0x84) => decibels(1),
            _ => None,
        }
    }

    /// The next millisecond, at most so many bytes of it.
    pub fn packet(&mut self, room: u32) -> Vec<u8> {
        let mut packet = self.packets[self.next].clone();
        self.next = (self.next + 1) % self.packets.len();
        if self.mute != 0 {
            packet.fill(0);
        }
        packet.truncate(room as usize);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_millisecond_has_a_sample_of_every_channel_forty_eight_times() {
        let mut microphone = Microphone::new(8);
        assert_eq!(microphone.packet(784).len(), 48 * 8 * 2);
        microphone.control(1, 1, &[1]).unwrap();
        assert!(microphone.packet(784).iter().all(|byte| *byte == 0));
    }
}
