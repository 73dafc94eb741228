//! What a trial films: slopes that drift behind a box that goes to and fro, with noise, the same each time.

/// Patterns that follow each other, each with noise of its own.
const PATTERNS: u32 = 4;
/// How far a pattern drifts before it begins again, pixels.
const DRIFT: u32 = 128;

/// A scene of a size.
#[derive(Debug)]
pub struct Scene {
    width: u32,
    height: u32,
    patterns: Vec<Vec<u8>>,
}

impl Scene {
    /// Sizes are even, pixels.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let mut noise = 0x9e37_79b9_u32;
        let mut value = |x: u32, y: u32| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let slope = (x / 2 + y) % 256;
            let slope = if slope < 128 { slope } else { 255 - slope };
            (50 + slope + (noise >> 29)) as u8
        };
        let mut pattern = || {
            let rows = (0..height + DRIFT).flat_map(|y| (0..width).map(move |x| (x, y)));
            rows.map(|(x, y)| value(x, y)).collect()
        };
        let patterns = (0..PATTERNS).map(|_| pattern()).collect();
        Self {
            width,
            height,
            patterns,
        }
    }

    /// Picture `number` of it, I420, tightly packed.
    #[must_use]
    pub fn picture(&self, number: u32) -> Vec<u8> {
        let (width, height) = (self.width as usize, self.height as usize);
        let pattern = &self.patterns[(number % PATTERNS) as usize];
        let begin = (number * 2 % DRIFT) as usize * width;
        let mut bytes = pattern[begin..begin + width * height].to_vec();
        // The box: a quarter of the width.
        let (side, reach) = (width / 4, width - width / 4);
        let step = number as usize * (width / 80 + 1) % (2 * reach);
        let left = if step < reach { step } else { 2 * reach - step };
        for row in bytes.chunks_exact_mut(width).skip(height / 4).take(height / 2) {
            row[left..left + side].fill(200);
        }
        for plane in 0..2 {
            let hue = 118 + (number / 4 % 8) as u8 + plane * 8;
            bytes.resize(bytes.len() + width * height / 4, hue);
        }
        bytes
    }
}

/// How much one picture is like another: PSNR of every fourth row of the luma, dB, at most 99.
#[must_use]
pub fn psnr(one: &[u8], other: &[u8], width: u32, height: u32) -> f64 {
    let luma = (width * height) as usize;
    let every_fourth = |bytes: &[u8]| -> Vec<u8> {
        let luma = &bytes[..luma.min(bytes.len())];
        luma.chunks_exact(width as usize)
            .step_by(4)
            .flatten()
            .copied()
            .collect()
    };
    let (one, other) = (every_fourth(one), every_fourth(other));
    let squares: u64 = one
        .iter()
        .zip(&other)
        .map(|(one, other)| u64::from(one.abs_diff(*other)).pow(2))
        .sum();
    let mean = squares as f64 / one.len().max(1) as f64;
    if mean == 0.0 {
        return 99.0;
    }
    (10.0 * (255.0_f64.powi(2) / mean).log10()).min(99.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_and_is_the_same_each_time() {
        let scene = Scene::new(320, 180);
        let one = scene.picture(7);
        assert_eq!(one.len(), 320 * 180 * 3 / 2);
        assert_eq!(one, Scene::new(320, 180).picture(7));
        assert_eq!(psnr(&one, &one, 320, 180), 99.0);
        let next = psnr(&one, &scene.picture(8), 320, 180);
        assert!((10.0..38.0).contains(&next), "{next} dB to the next one");
        assert!((0..200).all(|number| scene.picture(number).iter().all(|value| (16..=240).contains(value))));
    }

    #[test]
    fn a_difference_of_one_everywhere_is_forty_eight_decibels() {
        let (dark, light) = (vec![100; 6], vec![101; 6]);
        assert!((psnr(&dark, &light, 2, 2) - 48.13).abs() < 0.01);
    }
}
