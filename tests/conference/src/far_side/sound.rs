//! What the far side hears: whether the expected tone is in it, and when beeps begin.

/// Samples per second of decoded sound.
pub const RATE: u32 = 48_000;
/// Samples of a block for the beginning of a beep: 5 ms.
const BLOCK: usize = 240;
/// Blocks of a window for the tone: 50 ms.
const WINDOW: usize = 10;
/// Quieter than this nothing is a tone (amplitude, full scale is 1).
const AUDIBLE: f64 = 0.01;
/// A beep begins after so many blocks without it: 200 ms.
const PAUSE: u32 = 40;

/// Amplitude of `frequency` in `samples` (Goertzel), 1 is full scale.
pub fn amplitude(samples: &[i16], frequency: f64, rate: u32) -> f64 {
    let step = 2.0 * std::f64::consts::PI * frequency / f64::from(rate);
    let coefficient = 2.0 * step.cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        let next = f64::from(*sample) / 32768.0 + coefficient * one - two;
        two = one;
        one = next;
    }
    let power = one * one + two * two - coefficient * one * two;
    2.0 * power.max(0.0).sqrt() / samples.len().max(1) as f64
}

/// Root of the mean square, 1 is full scale.
pub fn rms(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|s| (f64::from(*s) / 32768.0).powi(2)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

/// Whether `frequency` carries most of what is heard.
fn is_tone(samples: &[i16], frequency: f64) -> bool {
    let tone = amplitude(samples, frequency, RATE);
    // A pure tone of amplitude a has an RMS of a/sqrt(2).
    tone > AUDIBLE && tone / std::f64::consts::SQRT_2 > 0.6 * rms(samples)
}

/// Follows decoded sound.
pub struct Listener {
    frequency: f64,
    rest: Vec<i16>,
    window: Vec<i16>,
    /// RTP timestamp of the first sample in `rest`.
    at: u32,
    silent_blocks: u32,
    /// Windows of 50 ms that were the tone.
    pub tone_windows: u32,
    /// Windows of 50 ms that were not silent.
    pub loud_windows: u32,
    /// RTP timestamps at which beeps began.
    pub beeps: Vec<u32>,
}

impl Listener {
    /// Listens for `frequency` (Hz).
    pub fn new(frequency: f64) -> Self {
        Self {
            frequency,
            rest: Vec::new(),
            window: Vec::new(),
            at: 0,
            silent_blocks: 0,
            tone_windows: 0,
            loud_windows: 0,
            beeps: Vec::new(),
        }
    }

    /// Takes samples; `timestamp` is the RTP timestamp of the first.
    pub fn push(&mut self, timestamp: u32, samples: &[i16]) {
        if self.rest.is_empty() || self.at.wrapping_add(self.rest.len() as u32) != timestamp {
            self.rest.clear();
            self.at = timestamp;
        }
        self.rest.extend_from_slice(samples);
        while self.rest.len() >= BLOCK {
            let block: Vec<i16> = self.rest.drain(..BLOCK).collect();
            self.block(&block);
            self.at = self.at.wrapping_add(BLOCK as u32);
        }
        if self.beeps.len() > 1000 {
            self.beeps.drain(..500);
        }
    }

    fn block(&mut self, block: &[i16]) {
        if is_tone(block, self.frequency) {
            if self.silent_blocks >= PAUSE {
                self.beeps.push(self.at);
            }
            self.silent_blocks = 0;
        } else {
            self.silent_blocks = self.silent_blocks.saturating_add(1);
        }
        self.window.extend_from_slice(block);
        if self.window.len() >= WINDOW * BLOCK {
            if rms(&self.window) > AUDIBLE / 2.0 {
                self.loud_windows += 1;
            }
            if is_tone(&self.window, self.frequency) {
                self.tone_windows += 1;
            }
            self.window.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frequency: f64, seconds: f64, volume: f64) -> Vec<i16> {
        (0..(f64::from(RATE) * seconds) as usize)
            .map(|i| {
                let phase = 2.0 * std::f64::consts::PI * frequency * i as f64 / f64::from(RATE);
                (phase.sin() * volume * 32767.0) as i16
            })
            .collect()
    }

    #[test]
    fn the_right_tone_is_heard_and_no_other() {
        for (frequency, heard) in [(1000.0, true), (800.0, false), (1250.0, false)] {
            let mut listener = Listener::new(1000.0);
            listener.push(0, &tone(frequency, 1.0, 0.2));
            assert_eq!(
                listener.tone_windows > 5,
                heard,
                "{frequency} Hz: {}",
                listener.tone_windows
            );
        }
        let mut listener = Listener::new(1000.0);
        listener.push(0, &vec![0; 48_000]);
        assert_eq!(listener.tone_windows, 0);
    }

    #[test]
    fn a_beep_begins_where_it_begins() {
        let mut listener = Listener::new(1000.0);
        let start = 5_000u32;
        let mut sound = vec![0i16; 24_000];
        sound.extend(tone(1000.0, 0.1, 0.3));
        sound.extend(vec![0; 24_000]);
        for (i, part) in sound.chunks(960).enumerate() {
            listener.push(start + i as u32 * 960, part);
        }
        assert_eq!(listener.beeps.len(), 1);
        assert!(listener.beeps[0].abs_diff(start + 24_000) <= BLOCK as u32);
    }
}
