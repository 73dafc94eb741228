//! The speech: recorded sentences with pauses between them, and the tone of the beat.

use std::f32::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};

use super::beat::{FRAMES_PER_SECOND, SAMPLES_PER_SECOND, SECONDS, TONE_HZ, into_tone};
use super::pipeline;

/// Recordings of Debian's `pocketsphinx-testdata`: a LibriVox reading of "Sense and Sensibility", public domain.
const FOLDER: &str = "/usr/share/pocketsphinx/test/data/librivox";
const RECORDINGS: [&str; 5] = ["0870", "0880", "0890", "0920", "0930"];

/// Before the first sentence, in samples.
const LEAD: usize = SAMPLES_PER_SECOND / 5;
/// Loudest sample of the speech: 9 decibels below full scale.
const SPEECH_PEAK: f32 = 0.35;
/// Amplitude of the tone: 17 decibels below full scale.
const TONE_PEAK: f32 = 0.14;
/// How much of the speech remains under the tone.
const UNDER_TONE: f32 = 0.15;
/// Rise and fall of the tone, in samples: 2 ms, so that it does not click.
const RAMP: usize = SAMPLES_PER_SECOND / 500;

/// The recordings' files.
pub fn sources() -> Vec<PathBuf> {
    let name = |number| format!("sense_and_sensibility_01_austen_64kb-{number}.wav");
    RECORDINGS
        .iter()
        .map(|number| Path::new(FOLDER).join(name(number)))
        .collect()
}

/// The whole track: mono, 48 000 samples per second, from -1 to 1.
pub fn make() -> Result<Vec<f32>, String> {
    let mut sentences = Vec::new();
    for source in sources() {
        sentences.push(read(&source)?);
    }
    let total = SECONDS * SAMPLES_PER_SECOND;
    let spoken: usize = sentences.iter().map(Vec::len).sum();
    let pause = total
        .checked_sub(spoken + LEAD)
        .map(|silence| silence / sentences.len())
        .ok_or_else(|| format!("the recordings are longer than {SECONDS} s"))?;
    let mut track = vec![0.0; LEAD];
    for sentence in sentences {
        let peak = sentence.iter().fold(1e-6_f32, |peak, sample| peak.max(sample.abs()));
        track.extend(sentence.iter().map(|sample| sample / peak * SPEECH_PEAK));
        track.resize(track.len() + pause, 0.0);
    }
    track.resize(total, 0.0);
    mix_tone(&mut track);
    Ok(track)
}

/// One recording at our sample rate.
fn read(path: &Path) -> Result<Vec<f32>, String> {
    let location = format!("location={}", path.display());
    let caps = format!("audio/x-raw,format=S16LE,channels=1,rate={SAMPLES_PER_SECOND}");
    let chain = [
        "filesrc",
        &location,
        "!",
        "wavparse",
        "!",
        "audioconvert",
        "!",
        "audioresample",
        "quality=10",
        "!",
        &caps,
        "!",
        "fdsink",
        "fd=1",
    ];
    let bytes = pipeline::output_of(&chain)?;
    Ok(bytes
        .chunks_exact(2)
        .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0)
        .collect())
}

fn mix_tone(track: &mut [f32]) {
    let lasts = track.iter().enumerate().skip_while(|(at, _)| into_tone(*at).is_none());
    let lasts = lasts.take_while(|(at, _)| into_tone(*at).is_some()).count();
    for (at, sample) in track.iter_mut().enumerate() {
        if let Some(since) = into_tone(at) {
            let ramp = (since.min(lasts - 1 - since) as f32 / RAMP as f32).min(1.0);
            let tone = (since as f32 * TAU * TONE_HZ as f32 / SAMPLES_PER_SECOND as f32).sin() * TONE_PEAK;
            *sample = *sample * (1.0 - ramp * (1.0 - UNDER_TONE)) + tone * ramp;
        }
    }
}

/// How loud each frame's worth of the track is, from 0 to 1, without the tone: what moves the drawn speaker's mouth.
pub fn loudness(track: &[f32]) -> Vec<f32> {
    let per_frame = SAMPLES_PER_SECOND / FRAMES_PER_SECOND;
    let mut smooth = 0.0;
    let frames = track.chunks_exact(per_frame).enumerate().map(|(frame, samples)| {
        if !super::beat::lit(frame) {
            let power: f32 = samples.iter().map(|sample| sample * sample).sum::<f32>() / per_frame as f32;
            let level = (power.sqrt() / (SPEECH_PEAK * 0.35)).min(1.0);
            smooth += (level - smooth) * 0.6;
        }
        smooth
    });
    frames.collect()
}

/// Writes a RIFF/WAVE file, 16 bits per sample.
pub fn write(track: &[f32], path: &Path) -> Result<(), String> {
    let rate = SAMPLES_PER_SECOND as u32;
    let bytes = (track.len() * 2) as u32;
    let mut file = Vec::with_capacity(44 + track.len() * 2);
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    file.extend([rate, rate * 2].map(u32::to_le_bytes).concat());
    file.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(
        track
            .iter()
            .flat_map(|sample| ((sample * 32_767.0) as i16).to_le_bytes()),
    );
    fs::write(path, file).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tone_stands_out_where_it_belongs_and_nowhere_else() {
        let mut track = vec![0.0; 2 * SAMPLES_PER_SECOND];
        mix_tone(&mut track);
        let peak = |from_ms: usize, to_ms: usize| {
            track[from_ms * 48..to_ms * 48]
                .iter()
                .fold(0.0_f32, |peak, sample| peak.max(sample.abs()))
        };
        assert_eq!(peak(0, 500), 0.0);
        assert!(peak(505, 595) > 0.13);
        assert_eq!(peak(600, 1500), 0.0);
    }

    #[test]
    fn the_mouth_ignores_the_tone() {
        let mut track = vec![0.0; SAMPLES_PER_SECOND];
        mix_tone(&mut track);
        assert!(loudness(&track).iter().all(|level| *level == 0.0));
    }
}
