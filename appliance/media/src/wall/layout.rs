//! Where things stand on the wall. Pure geometry: the first tile large, the others small in a column on the right.

/// Width of the wall picture in pixels.
pub const WIDTH: usize = 1280;
/// Height of the wall picture in pixels.
pub const HEIGHT: usize = 720;
/// Height of the line at the bottom with the box's own state.
pub const OWN_HEIGHT: usize = 40;
/// Height of a banner.
pub const BANNER_HEIGHT: usize = 56;
/// Most tiles shown; whoever arranges the tiles puts the important ones first.
pub const MAX_TILES: usize = 9;

/// Height of the name under the large tile, and under a small one.
const NAME_HEIGHTS: (usize, usize) = (36, 24);
/// Width of a small tile in one column, and in one of two.
const COLUMNS: (usize, usize) = (256, 160);
/// Space between things.
const GAP: usize = 8;

/// A rectangle in pixels. All its numbers are even, as I420 wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rectangle {
    /// Distance from the left.
    pub x: usize,
    /// Distance from the top.
    pub y: usize,
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl Rectangle {
    fn even(x: usize, y: usize, width: usize, height: usize) -> Self {
        Self {
            x: x & !1,
            y: y & !1,
            width: width & !1,
            height: height & !1,
        }
    }

    /// The largest rectangle of this aspect in the middle of this one.
    #[must_use]
    pub fn fit(&self, width: usize, height: usize) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let (fit_width, fit_height) = if self.width * height <= self.height * width {
            (self.width, self.width * height / width)
        } else {
            (self.height * width / height, self.height)
        };
        Self::even(
            self.x + (self.width - fit_width) / 2,
            self.y + (self.height - fit_height) / 2,
            fit_width.max(2),
            fit_height.max(2),
        )
    }
}

/// Where one tile stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where the picture goes.
    pub picture: Rectangle,
    /// Where the name goes.
    pub name: Rectangle,
}

/// Places for `count` tiles, at most [`MAX_TILES`].
#[must_use]
pub fn arrange(count: usize) -> Vec<Place> {
    let count = count.min(MAX_TILES);
    let room = HEIGHT - OWN_HEIGHT - GAP;
    let small = count.saturating_sub(1);
    // Four fit one under the other; more stand in two columns.
    let (columns, width) = if small > 4 { (2, COLUMNS.1) } else { (1, COLUMNS.0) };
    let beside = if small == 0 { 0 } else { columns * (width + GAP) + GAP };
    let mut places = Vec::with_capacity(count);
    if count > 0 {
        places.push(place(GAP / 2, GAP / 2, WIDTH - beside - GAP, room, NAME_HEIGHTS.0));
    }
    let height = (width * 9 / 16 + NAME_HEIGHTS.1 + GAP).min(room / small.div_ceil(columns).max(1));
    for index in 0..small {
        let (column, row) = (index % columns, index / columns);
        let (x, y) = (WIDTH - beside + GAP + column * (width + GAP), GAP / 2 + row * height);
        places.push(place(x, y, width, height - GAP, NAME_HEIGHTS.1));
    }
    places
}

fn place(x: usize, y: usize, width: usize, height: usize, name_height: usize) -> Place {
    let picture_room = Rectangle::even(x, y, width, height - name_height);
    let picture = picture_room.fit(16, 9);
    let name = Rectangle::even(picture.x, picture.y + picture.height, picture.width, name_height);
    Place { picture, name }
}

/// The line with the box's own state.
#[must_use]
pub fn own_line() -> Rectangle {
    Rectangle::even(0, HEIGHT - OWN_HEIGHT, WIDTH, OWN_HEIGHT)
}

/// The square above the banner that a code may fill.
#[must_use]
pub fn code() -> Rectangle {
    let side = banner().y - 2 * GAP;
    Rectangle::even((WIDTH - side) / 2, GAP, side, side)
}

/// The banner over everything.
#[must_use]
pub fn banner() -> Rectangle {
    Rectangle::even(0, HEIGHT / 2 - BANNER_HEIGHT / 2, WIDTH, BANNER_HEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(a: &Rectangle, b: &Rectangle) -> bool {
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    }

    #[test]
    fn nothing_overlaps_and_everything_is_on_the_wall() {
        for count in 0..=MAX_TILES + 3 {
            let mut all: Vec<Rectangle> = arrange(count)
                .iter()
                .flat_map(|place| [place.picture, place.name])
                .collect();
            assert_eq!(all.len(), 2 * count.min(MAX_TILES));
            all.push(own_line());
            for (index, rectangle) in all.iter().enumerate() {
                assert!(
                    rectangle.x + rectangle.width <= WIDTH && rectangle.y + rectangle.height <= HEIGHT,
                    "{rectangle:?}"
                );
                assert!(
                    [rectangle.x, rectangle.y, rectangle.width, rectangle.height]
                        .iter()
                        .all(|number| number % 2 == 0)
                );
                assert!(
                    rectangle.width > 100 && rectangle.height >= 22,
                    "{count} tiles: {rectangle:?} is too small to see"
                );
                for other in &all[index + 1..] {
                    assert!(!overlap(rectangle, other), "{count} tiles: {rectangle:?} and {other:?}");
                }
            }
        }
    }

    #[test]
    fn the_first_is_the_largest() {
        for count in 2..=MAX_TILES {
            let places = arrange(count);
            assert!(
                places[1..]
                    .iter()
                    .all(|place| place.picture.width * 3 < places[0].picture.width)
            );
        }
        assert!(arrange(1)[0].picture.width > 1100);
    }

    #[test]
    fn a_portrait_picture_keeps_its_shape() {
        let inside = Rectangle {
            x: 100,
            y: 50,
            width: 640,
            height: 360,
        }
        .fit(360, 640);
        assert_eq!((inside.width, inside.height), (202, 360));
        assert_eq!(inside.x, 318);
    }
}
