//! The meeting room: drawn walls and furniture, two drawn participants and a photographed one.

use std::f32::consts::TAU;

use super::beat::{FRAMES_PER_SECOND, SECONDS, lit};
use super::canvas::{Canvas, Rgb, mix};
use super::people::{Person, Pose};
use super::picture::Cutout;

/// Width of the film in pixels.
pub const WIDTH: usize = 1280;
/// Height of the film in pixels.
pub const HEIGHT: usize = 720;
/// Left, top, width and height of the lamp in pixels: a square on the table, black or white.
pub const LAMP: [usize; 4] = [40, 560, 120, 120];

/// Where the table begins, in pixels from the top.
const TABLE: usize = 540;

/// Grain of the imaginary camera, long enough not to repeat visibly; a prime.
const GRAIN: usize = 65_521;

const TALKER: Person = Person {
    x: 265.0,
    y: 560.0,
    scale: 0.98,
    skin: [224.0, 176.0, 148.0],
    hair: [72.0, 50.0, 38.0],
    clothes: [58.0, 92.0, 140.0],
    long_hair: false,
};
const LISTENER: Person = Person {
    x: 1030.0,
    y: 560.0,
    scale: 0.94,
    skin: [150.0, 102.0, 76.0],
    hair: [38.0, 30.0, 30.0],
    clothes: [150.0, 62.0, 74.0],
    long_hair: true,
};

/// Paints any frame of the film.
pub struct Painter {
    empty_room: Canvas,
    /// The picture from the table's edge down: it covers whoever sits behind.
    table: Vec<u8>,
    photographed: Cutout,
    mouth: Vec<f32>,
    grain: Vec<i8>,
}

impl Painter {
    /// `mouth` is how far the talker's mouth is open in each frame, from 0 to 1.
    pub fn new(photographed: Cutout, mouth: Vec<f32>) -> Self {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let grain = (0..GRAIN).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // The sum of four evenly spread numbers is nearly a bell curve; its deviation here is about 1.2.
            let sum: i32 = (0..4).map(|part| ((state >> (part * 8)) & 0xff) as i32 - 127).sum();
            (sum / 123) as i8
        });
        let empty_room = empty_room();
        let mut furnished = empty_room.clone();
        table(&mut furnished);
        Self {
            table: furnished.pixels.split_off(TABLE * WIDTH * 3),
            empty_room,
            photographed,
            mouth,
            grain: grain.collect(),
        }
    }

    /// One frame. Everything moves in periods that fit into the film's length, so that it loops without a seam.
    pub fn frame(&self, number: usize) -> Canvas {
        let wave = |per_film: f32, phase: f32| {
            (number as f32 / (SECONDS * FRAMES_PER_SECOND) as f32 * per_film * TAU + phase).sin()
        };
        let second = number as f32 / FRAMES_PER_SECOND as f32;
        let mut canvas = self.empty_room.clone();
        sky(&mut canvas, second / SECONDS as f32);
        clock(&mut canvas, second);
        chart(&mut canvas, wave);
        let lean = 9.0 * wave(6.0, 0.0) + 4.0 * wave(11.0, 1.0);
        self.photographed.lay(
            &mut canvas,
            645.0 + 14.0 * wave(5.0, 0.4),
            575.0 + 3.0 * wave(9.0, 0.0),
            0.86,
        );
        TALKER.draw(
            &mut canvas,
            &Pose {
                lean,
                turn: wave(4.0, 0.7),
                mouth: self.mouth.get(number).copied().unwrap_or(0.0),
                blink: number % 105 < 4,
                hand: 150.0 * wave(3.0, 2.0).max(0.0),
            },
        );
        LISTENER.draw(
            &mut canvas,
            &Pose {
                lean: 7.0 * wave(4.0, 2.0),
                turn: -0.6 + 0.4 * wave(3.0, 0.0),
                mouth: 0.0,
                blink: number % 131 < 4,
                hand: 0.0,
            },
        );
        canvas.pixels[TABLE * WIDTH * 3..].copy_from_slice(&self.table);
        lamp(&mut canvas, lit(number));
        canvas.grain(&self.grain, number * 7919 % GRAIN);
        canvas
    }
}

const WINDOW: [f32; 4] = [60.0, 56.0, 250.0, 210.0];

fn empty_room() -> Canvas {
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    canvas.rectangle(
        [0.0, 0.0, WIDTH as f32, HEIGHT as f32],
        0.0,
        [222.0, 216.0, 206.0],
        [168.0, 160.0, 150.0],
    );
    for panel in 1..8 {
        let x = panel as f32 * 160.0;
        canvas.line((x, 0.0), (x, 560.0), 2.0, [196.0, 188.0, 178.0]);
    }
    let [x, y, width, height] = WINDOW;
    canvas.rectangle(
        [x - 12.0, y - 12.0, width + 24.0, height + 24.0],
        4.0,
        [250.0; 3],
        [236.0; 3],
    );
    // the screen on the wall, with a chart on it
    canvas.rectangle([860.0, 50.0, 350.0, 205.0], 8.0, [34.0, 36.0, 42.0], [22.0, 22.0, 28.0]);
    canvas.rectangle(
        [870.0, 60.0, 330.0, 185.0],
        2.0,
        [242.0, 245.0, 250.0],
        [228.0, 234.0, 242.0],
    );
    for line in 0..5 {
        let y = 84.0 + line as f32 * 34.0;
        canvas.line((890.0, y), (1180.0, y), 1.5, [190.0, 198.0, 210.0]);
    }
    // a plant
    canvas.rectangle(
        [1190.0, 470.0, 62.0, 100.0],
        10.0,
        [188.0, 116.0, 82.0],
        [140.0, 80.0, 56.0],
    );
    for leaf in 0..9 {
        let angle = -2.7 + leaf as f32 * 0.27;
        let tip = (1221.0 + angle.cos() * 84.0, 468.0 + angle.sin() * 130.0);
        canvas.line(
            (1221.0, 472.0),
            tip,
            11.0,
            mix([58.0, 118.0, 62.0], [96.0, 160.0, 84.0], (leaf % 3) as f32 / 2.0),
        );
    }
    canvas
}

/// Clouds pass the window; `share` of the film's length has passed.
fn sky(canvas: &mut Canvas, share: f32) {
    let [x, y, width, height] = WINDOW;
    let mut pane = Canvas::new(width as usize, height as usize);
    pane.rectangle(
        [0.0, 0.0, width, height],
        0.0,
        [116.0, 172.0, 226.0],
        [206.0, 226.0, 242.0],
    );
    for (cloud, (start, up, size)) in [(0.0, 50.0, 1.0), (0.4, 105.0, 0.7), (0.72, 78.0, 1.3)]
        .into_iter()
        .enumerate()
    {
        let middle = ((start + share * (1.0 + (cloud % 2) as f32)) % 1.0) * (width + 240.0) - 120.0;
        for (dx, dy, radius) in [(-38.0, 6.0, 26.0), (0.0, -6.0, 36.0), (40.0, 4.0, 28.0)] {
            let (x, y) = (middle + dx * size, up + dy * size);
            pane.ellipse(
                x,
                y,
                radius * 1.3 * size,
                radius * 0.7 * size,
                [252.0; 3],
                [224.0, 230.0, 238.0],
            );
        }
    }
    for (row, line) in pane.pixels.chunks_exact(pane.width * 3).enumerate() {
        let at = ((y as usize + row) * canvas.width + x as usize) * 3;
        canvas.pixels[at..at + line.len()].copy_from_slice(line);
    }
    let middle = x + width / 2.0;
    canvas.line((middle, y), (middle, y + height), 9.0, [244.0; 3]);
    canvas.line((x, y + height * 0.55), (x + width, y + height * 0.55), 7.0, [240.0; 3]);
}

fn clock(canvas: &mut Canvas, second: f32) {
    let (x, y) = (400.0, 100.0);
    let at = |turn: f32, length: f32| (x + (turn * TAU).sin() * length, y - (turn * TAU).cos() * length);
    canvas.ellipse(x, y, 48.0, 48.0, [60.0; 3], [30.0; 3]);
    canvas.ellipse(x, y, 43.0, 43.0, [252.0; 3], [238.0; 3]);
    for mark in 0..12 {
        let turn = mark as f32 / 12.0;
        canvas.line(at(turn, 35.0), at(turn, 39.0), 3.0, [50.0; 3]);
    }
    canvas.line((x, y), at(10.0 / 12.0 + 0.014, 21.0), 5.0, [30.0; 3]);
    canvas.line((x, y), at(10.0 / 60.0, 32.0), 3.5, [30.0; 3]);
    // One turn per film, so that it does not jump at the seam.
    canvas.line((x, y), at(second / SECONDS as f32, 36.0), 2.0, [200.0, 40.0, 40.0]);
}

fn chart(canvas: &mut Canvas, wave: impl Fn(f32, f32) -> f32) {
    let colours: [Rgb; 3] = [[64.0, 120.0, 190.0], [92.0, 160.0, 110.0], [220.0, 150.0, 70.0]];
    for bar in 0..7 {
        let height = 70.0 + 22.0 * wave(2.0 + (bar % 3) as f32, bar as f32) + bar as f32 * 5.0;
        let colour = colours[bar % 3];
        canvas.rectangle(
            [900.0 + bar as f32 * 40.0, 232.0 - height, 26.0, height],
            2.0,
            colour,
            mix(colour, [0.0; 3], 0.2),
        );
    }
}

fn table(canvas: &mut Canvas) {
    let (top, bottom) = (TABLE as f32, HEIGHT as f32);
    canvas.rectangle(
        [-20.0, top, 1320.0, bottom - top + 20.0],
        14.0,
        [176.0, 128.0, 84.0],
        [128.0, 88.0, 56.0],
    );
    for grain in 0..14 {
        let y = top + 8.0 + (grain as f32 * grain as f32) * 0.95;
        canvas.line(
            (0.0, y),
            (WIDTH as f32, y + (grain % 3) as f32 * 2.0 - 2.0),
            1.5,
            [150.0, 106.0, 68.0],
        );
    }
    // paper, a cup, the array microphone
    canvas.rectangle(
        [860.0, 606.0, 190.0, 70.0],
        3.0,
        [248.0, 247.0, 243.0],
        [232.0, 231.0, 227.0],
    );
    for line in 0..5 {
        let y = 618.0 + line as f32 * 11.0;
        canvas.line(
            (874.0, y),
            (1010.0 + (line % 2) as f32 * 22.0, y),
            2.0,
            [110.0, 116.0, 128.0],
        );
    }
    canvas.ellipse(420.0, 640.0, 48.0, 16.0, [236.0; 3], [204.0; 3]);
    canvas.rectangle(
        [394.0, 588.0, 52.0, 54.0],
        12.0,
        [250.0, 250.0, 248.0],
        [206.0, 206.0, 204.0],
    );
    canvas.ellipse(420.0, 592.0, 23.0, 7.0, [80.0, 48.0, 30.0], [50.0, 28.0, 18.0]);
    canvas.ellipse(640.0, 640.0, 88.0, 28.0, [70.0, 72.0, 78.0], [34.0, 35.0, 40.0]);
    canvas.ellipse(640.0, 634.0, 62.0, 17.0, [52.0, 54.0, 60.0], [26.0, 27.0, 32.0]);
}

fn lamp(canvas: &mut Canvas, lit: bool) {
    let [x, y, width, height] = LAMP.map(|edge| edge as f32);
    canvas.rectangle(
        [x - 12.0, y - 12.0, width + 24.0, height + 24.0],
        12.0,
        [70.0, 70.0, 74.0],
        [44.0, 44.0, 48.0],
    );
    let colour = if lit { [255.0; 3] } else { [12.0; 3] };
    canvas.rectangle([x, y, width, height], 0.0, colour, colour);
}
