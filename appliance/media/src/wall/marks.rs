//! Marks that tell by their shape, not by colour alone: a crossed-out microphone and a crossed-out camera.

use super::canvas::{Colour, INK, Patch};

/// Side of a mark in the drawing below; `#` is ink.
const SIDE: usize = 16;

const MICROPHONE_OFF: [&str; SIDE] = [
    "##..............",
    "####...###......",
    "..###.#####.....",
    "...########.....",
    "....#######.....",
    ".....######.....",
    "....#.#####.....",
    ".#..##.####..#..",
    ".#..####.##..#..",
    ".##..####.#.##..",
    "..##..###..##...",
    "...##.....###...",
    "....######.###..",
    "......##....###.",
    "......##.....###",
    "...########....#",
];

const CAMERA_OFF: [&str; SIDE] = [
    "##..............",
    ".##.............",
    "..##########....",
    "#..##########..#",
    "##..#########.##",
    "###..###########",
    "####..##########",
    "#####..#########",
    "######..########",
    "#######..#######",
    "########..##.###",
    "#########..#..##",
    ".########...#..#",
    ".............#..",
    "..............##",
    "...............#",
];

/// Which mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The participant's microphone is off.
    MicrophoneOff,
    /// No picture comes.
    CameraOff,
}

/// The mark, each of its points `scale` pixels wide, on this colour.
#[must_use]
pub fn draw(mark: Mark, scale: usize, colour: Colour) -> Patch {
    let side = (SIDE * scale) & !1;
    let mut patch = Patch::filled(side, side, colour);
    let rows = match mark {
        Mark::MicrophoneOff => &MICROPHONE_OFF,
        Mark::CameraOff => &CAMERA_OFF,
    };
    for (index, luma) in patch.bytes.iter_mut().take(side * side).enumerate() {
        let (x, y) = (index % side / scale, index / side / scale);
        if rows.get(y).is_some_and(|row| row.as_bytes().get(x) == Some(&b'#')) {
            *luma = INK.0;
        }
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wall::canvas::NAME;

    #[test]
    fn marks_differ_in_shape() {
        let microphone = draw(Mark::MicrophoneOff, 2, NAME);
        let camera = draw(Mark::CameraOff, 2, NAME);
        assert_eq!((microphone.width, microphone.height), (32, 32));
        assert_ne!(microphone, camera);
        assert!(
            [MICROPHONE_OFF, CAMERA_OFF]
                .iter()
                .flatten()
                .all(|row| row.len() == SIDE)
        );
    }
}
