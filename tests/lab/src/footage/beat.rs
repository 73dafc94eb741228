//! The beat that ties picture and sound together: once a second a lamp lights up and a tone begins in the same
//! instant, so that whoever receives both can measure how far apart they have drifted.

/// Length of film and speech, in seconds. Both loop without a seam.
pub const SECONDS: usize = 30;
/// Frames per second of the film.
pub const FRAMES_PER_SECOND: usize = 30;
/// Samples per second of the speech.
pub const SAMPLES_PER_SECOND: usize = 48_000;
/// When the first lamp and tone begin, in milliseconds. Away from the seam, where a player may stutter.
pub const FIRST_MS: usize = 500;
/// From one to the next, in milliseconds.
pub const EVERY_MS: usize = 1000;
/// How long lamp and tone last, in milliseconds: three frames.
pub const LASTS_MS: usize = 100;
/// The tone, in hertz.
pub const TONE_HZ: usize = 1000;

/// Whether the lamp is lit in this frame.
pub fn lit(frame: usize) -> bool {
    into(frame, FRAMES_PER_SECOND).is_some()
}

/// How many samples into the tone this sample is.
pub fn into_tone(sample: usize) -> Option<usize> {
    into(sample, SAMPLES_PER_SECOND)
}

fn into(position: usize, rate: usize) -> Option<usize> {
    let (first, every, lasts) = (FIRST_MS * rate / 1000, EVERY_MS * rate / 1000, LASTS_MS * rate / 1000);
    let since = (position + every - first % every) % every;
    (since < lasts && position >= first).then_some(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lamp_and_tone_begin_and_end_in_the_same_instant() {
        for frame in 0..SECONDS * FRAMES_PER_SECOND {
            let sample = frame * SAMPLES_PER_SECOND / FRAMES_PER_SECOND;
            assert_eq!(lit(frame), into_tone(sample).is_some(), "frame {frame}");
        }
    }

    #[test]
    fn there_is_one_beat_a_second_and_the_first_is_half_a_second_in() {
        let lit: Vec<usize> = (0..90).filter(|frame| lit(*frame)).collect();
        assert_eq!(lit, [15, 16, 17, 45, 46, 47, 75, 76, 77]);
    }

    #[test]
    fn the_last_beat_ends_before_the_seam() {
        assert!(!lit(SECONDS * FRAMES_PER_SECOND - 1) && !lit(0));
    }
}
