//! A picture in memory and the few smooth shapes that the room is drawn with. Coordinates are pixels, colours RGB.

/// A colour.
pub type Rgb = [f32; 3];

/// Eight bits per channel, three channels, no padding.
#[derive(Clone)]
pub struct Canvas {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Row by row, `R G B`.
    pub pixels: Vec<u8>,
}

impl Canvas {
    /// A black picture.
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![0; width * height * 3],
        }
    }

    /// Paints every pixel in a box whose distance to a shape's edge is known: negative inside, one pixel of
    /// smoothing at the edge. `shade` gives the colour at a place.
    fn paint(&mut self, bounds: [f32; 4], distance: impl Fn(f32, f32) -> f32, shade: impl Fn(f32, f32) -> Rgb) {
        let [left, top, right, bottom] = bounds;
        let columns = (left - 1.0).max(0.0) as usize..((right + 2.0).max(0.0) as usize).min(self.width);
        let rows = (top - 1.0).max(0.0) as usize..((bottom + 2.0).max(0.0) as usize).min(self.height);
        for row in rows {
            for column in columns.clone() {
                let (x, y) = (column as f32 + 0.5, row as f32 + 0.5);
                let cover = (0.5 - distance(x, y)).clamp(0.0, 1.0);
                if cover > 0.0 {
                    self.blend(column, row, shade(x, y), cover);
                }
            }
        }
    }

    /// Mixes a colour into one pixel; `cover` from 0 to 1.
    pub fn blend(&mut self, column: usize, row: usize, colour: Rgb, cover: f32) {
        let at = (row * self.width + column) * 3;
        for (pixel, value) in self.pixels[at..at + 3].iter_mut().zip(colour) {
            *pixel = (f32::from(*pixel) * (1.0 - cover) + value * cover + 0.5) as u8;
        }
    }

    /// A rectangle with a vertical gradient and rounded corners.
    pub fn rectangle(&mut self, [x, y, width, height]: [f32; 4], radius: f32, top: Rgb, bottom: Rgb) {
        let (middle_x, middle_y) = (x + width / 2.0, y + height / 2.0);
        let distance = move |px: f32, py: f32| {
            let dx = (px - middle_x).abs() - width / 2.0 + radius;
            let dy = (py - middle_y).abs() - height / 2.0 + radius;
            dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - radius
        };
        self.paint([x, y, x + width, y + height], distance, move |_, py| {
            mix(top, bottom, (py - y) / height)
        });
    }

    /// An ellipse, lit from the upper left: `dark` is the colour of its far side.
    pub fn ellipse(&mut self, x: f32, y: f32, radius_x: f32, radius_y: f32, light: Rgb, dark: Rgb) {
        let distance =
            move |px: f32, py: f32| (((px - x) / radius_x).hypot((py - y) / radius_y) - 1.0) * radius_x.min(radius_y);
        let shade = move |px: f32, py: f32| {
            mix(
                light,
                dark,
                0.5 + 0.35 * (px - x) / radius_x + 0.35 * (py - y) / radius_y,
            )
        };
        self.paint(
            [x - radius_x, y - radius_y, x + radius_x, y + radius_y],
            distance,
            shade,
        );
    }

    /// A thick line with round ends.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), thickness: f32, colour: Rgb) {
        let radius = thickness / 2.0;
        let (along_x, along_y) = (to.0 - from.0, to.1 - from.1);
        let length = (along_x * along_x + along_y * along_y).max(1e-6);
        let distance = move |px: f32, py: f32| {
            let share = (((px - from.0) * along_x + (py - from.1) * along_y) / length).clamp(0.0, 1.0);
            (px - from.0 - share * along_x).hypot(py - from.1 - share * along_y) - radius
        };
        let bounds = [
            from.0.min(to.0) - radius,
            from.1.min(to.1) - radius,
            from.0.max(to.0) + radius,
            from.1.max(to.1) + radius,
        ];
        self.paint(bounds, distance, move |_, _| colour);
    }

    /// Adds the same small number to the three channels of every pixel: the grain of a camera.
    pub fn grain(&mut self, noise: &[i8], start: usize) {
        for (pixel, grain) in self.pixels.chunks_exact_mut(3).zip(noise.iter().cycle().skip(start)) {
            for channel in pixel {
                *channel = channel.saturating_add_signed(*grain);
            }
        }
    }
}

/// A colour between two; `share` from 0 to 1.
pub fn mix(from: Rgb, to: Rgb, share: f32) -> Rgb {
    let share = share.clamp(0.0, 1.0);
    [0, 1, 2].map(|channel: usize| from[channel] + (to[channel] - from[channel]) * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_covers_exactly_its_pixels() {
        let mut canvas = Canvas::new(8, 8);
        canvas.rectangle([2.0, 2.0, 3.0, 3.0], 0.0, [255.0; 3], [255.0; 3]);
        let lit = canvas.pixels.chunks(3).filter(|pixel| pixel[0] == 255).count();
        assert_eq!(lit, 9);
    }

    #[test]
    fn shapes_outside_the_picture_are_cut_and_never_panic() {
        let mut canvas = Canvas::new(8, 8);
        canvas.ellipse(-50.0, 900.0, 30.0, 30.0, [1.0; 3], [2.0; 3]);
        canvas.line((-10.0, 4.0), (30.0, 4.0), 2.0, [255.0; 3]);
        assert_eq!(canvas.pixels[4 * 8 * 3], 255);
        assert_eq!(canvas.pixels[0], 0);
    }
}
