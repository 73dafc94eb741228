//! The drawn participants.

use super::canvas::{Canvas, Rgb, mix};

/// How somebody looks.
pub struct Person {
    /// Where the chest is, in pixels from the left.
    pub x: f32,
    /// Where the chest meets the table, in pixels from the top.
    pub y: f32,
    /// Size; 1 is somebody whose head is 110 pixels wide.
    pub scale: f32,
    /// Skin in the light.
    pub skin: Rgb,
    /// Hair in the light.
    pub hair: Rgb,
    /// Clothes in the light.
    pub clothes: Rgb,
    /// Whether the hair falls to the shoulders.
    pub long_hair: bool,
}

/// What somebody does in one frame.
pub struct Pose {
    /// The whole body leans by this many pixels.
    pub lean: f32,
    /// The face turns: -1 left, 1 right.
    pub turn: f32,
    /// The mouth: 0 closed, 1 wide open.
    pub mouth: f32,
    /// The eyes are closed.
    pub blink: bool,
    /// The right hand's height over the table in pixels; none at 0.
    pub hand: f32,
}

impl Person {
    /// Draws body, head and face.
    pub fn draw(&self, canvas: &mut Canvas, pose: &Pose) {
        let size = self.scale;
        let darker = |colour: Rgb, share: f32| mix(colour, [20.0, 18.0, 24.0], share);
        let (x, y) = (self.x + pose.lean * 0.5, self.y);
        let (head_x, head_y) = (self.x + pose.lean, y - 235.0 * size);

        if self.long_hair {
            let hair_y = head_y + 35.0 * size;
            canvas.ellipse(
                head_x,
                hair_y,
                70.0 * size,
                98.0 * size,
                self.hair,
                darker(self.hair, 0.5),
            );
        }
        // chest, shoulders, neck
        let shade = darker(self.clothes, 0.42);
        canvas.rectangle(
            [x - 112.0 * size, y - 66.0 * size, 224.0 * size, 130.0 * size],
            30.0 * size,
            shade,
            shade,
        );
        canvas.ellipse(
            x,
            y - 40.0 * size,
            118.0 * size,
            106.0 * size,
            self.clothes,
            darker(self.clothes, 0.55),
        );
        let neck = (head_x, head_y + 50.0 * size);
        canvas.line(neck, (x, y - 130.0 * size), 44.0 * size, darker(self.skin, 0.3));
        // head and hair
        canvas.ellipse(
            head_x,
            head_y - 10.0 * size,
            62.0 * size,
            76.0 * size,
            self.hair,
            darker(self.hair, 0.5),
        );
        canvas.ellipse(
            head_x,
            head_y + 8.0 * size,
            54.0 * size,
            68.0 * size,
            self.skin,
            darker(self.skin, 0.35),
        );
        let fringe_y = head_y - 48.0 * size;
        canvas.ellipse(
            head_x - 4.0 * size,
            fringe_y,
            50.0 * size,
            22.0 * size,
            self.hair,
            darker(self.hair, 0.35),
        );
        self.face(canvas, pose, head_x + pose.turn * 13.0 * size, head_y);
        if pose.hand > 1.0 {
            let (elbow, hand) = ((x + 118.0 * size, y - 10.0 * size), (x + 100.0 * size, y - pose.hand));
            canvas.line(elbow, hand, 40.0 * size, darker(self.clothes, 0.25));
            canvas.ellipse(
                hand.0,
                hand.1 - 12.0 * size,
                22.0 * size,
                26.0 * size,
                self.skin,
                darker(self.skin, 0.3),
            );
        }
    }

    fn face(&self, canvas: &mut Canvas, pose: &Pose, x: f32, y: f32) {
        let size = self.scale;
        let shadow = mix(self.skin, [60.0, 25.0, 20.0], 0.45);
        for side in [-1.0, 1.0] {
            let eye = (x + side * 20.0 * size, y - 4.0 * size);
            let brow = y - 19.0 * size;
            canvas.line(
                (eye.0 - 10.0 * size, brow),
                (eye.0 + 10.0 * size, brow),
                4.0 * size,
                self.hair,
            );
            if pose.blink {
                canvas.line(
                    (eye.0 - 8.0 * size, eye.1),
                    (eye.0 + 8.0 * size, eye.1),
                    3.0 * size,
                    shadow,
                );
            } else {
                canvas.ellipse(eye.0, eye.1, 9.5 * size, 6.0 * size, [246.0; 3], [225.0; 3]);
                let pupil = eye.0 + pose.turn * 4.0 * size;
                canvas.ellipse(pupil, eye.1, 4.6 * size, 5.0 * size, [50.0, 38.0, 30.0], [15.0; 3]);
            }
        }
        canvas.line(
            (x, y + 4.0 * size),
            (x + pose.turn * 4.0 * size, y + 20.0 * size),
            6.0 * size,
            mix(self.skin, shadow, 0.4),
        );
        let mouth = y + 42.0 * size;
        let open = 3.0 + 15.0 * pose.mouth;
        canvas.ellipse(
            x,
            mouth,
            (21.0 - 4.0 * pose.mouth) * size,
            (open + 3.5) * size,
            [176.0, 84.0, 80.0],
            [140.0, 60.0, 60.0],
        );
        canvas.ellipse(
            x,
            mouth,
            (17.0 - 4.0 * pose.mouth) * size,
            (open - 1.0) * size,
            [70.0, 20.0, 24.0],
            [40.0, 10.0, 14.0],
        );
    }
}
