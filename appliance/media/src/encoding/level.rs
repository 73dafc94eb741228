//! Levels of H.264 (ITU-T H.264, table A-1), as GStreamer's caps name them.

/// Name, macroblocks a second, macroblocks of a picture, bit/s in baseline. Level 1b is left out.
const LEVELS: [(&str, u32, u32, u32); 16] = [
    ("1", 1_485, 99, 64_000),
    ("1.1", 3_000, 396, 192_000),
    ("1.2", 6_000, 396, 384_000),
    ("1.3", 11_880, 396, 768_000),
    ("2", 11_880, 396, 2_000_000),
    ("2.1", 19_800, 792, 4_000_000),
    ("2.2", 20_250, 1_620, 4_000_000),
    ("3", 40_500, 1_620, 10_000_000),
    ("3.1", 108_000, 3_600, 14_000_000),
    ("3.2", 216_000, 5_120, 20_000_000),
    ("4", 245_760, 8_192, 20_000_000),
    ("4.1", 245_760, 8_192, 50_000_000),
    ("4.2", 522_240, 8_704, 50_000_000),
    ("5", 589_824, 22_080, 135_000_000),
    ("5.1", 983_040, 36_864, 240_000_000),
    ("5.2", 2_073_600, 36_864, 240_000_000),
];

/// The lowest level that allows pictures of this size (pixels), so many a second, at this rate (bit/s); none: no level does.
#[must_use]
pub fn level(width: u32, height: u32, fps: u32, bitrate: u32) -> Option<&'static str> {
    let macroblocks = width.div_ceil(16).saturating_mul(height.div_ceil(16));
    let allows = |(_, a_second, of_a_picture, rate): &&(&str, u32, u32, u32)| {
        macroblocks <= *of_a_picture && macroblocks.saturating_mul(fps) <= *a_second && bitrate <= *rate
    };
    LEVELS.iter().find(allows).map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_level_that_allows_it_is_named() {
        assert_eq!(level(1280, 720, 30, 2_500_000), Some("3.1"));
        assert_eq!(level(1920, 1080, 30, 4_000_000), Some("4"));
        assert_eq!(level(1920, 1080, 60, 4_000_000), Some("4.2"));
        assert_eq!(level(640, 360, 30, 600_000), Some("3"));
        assert_eq!(level(320, 180, 30, 200_000), Some("1.3"));
        assert_eq!(level(320, 180, 30, 2_000_000), Some("2"), "its rate");
        assert_eq!(level(320, 180, 60, 200_000), Some("2.1"), "its pace");
        assert_eq!(level(16_384, 16_384, 30, 1), None);
        assert_eq!(level(u32::MAX, u32::MAX, u32::MAX, 1), None);
    }
}
