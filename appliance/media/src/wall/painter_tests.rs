//! Tests of what stands on the wall.

use super::*;
use media_protocol::{DisplayDevice, OwnState};

const MS: u64 = 1_000_000;

fn tile(id: &str, muted: bool) -> Tile {
    Tile {
        id: id.into(),
        name: format!("Name of {id}"),
        source: Some(format!("{id}-v0")),
        audio_muted: muted,
    }
}

fn plan(tiles: Vec<Tile>, banner: Option<&str>) -> Option<WallPlan> {
    let own = OwnState {
        name: "Salle 12".into(),
        microphone: "Micro coupé".into(),
        camera: "Caméra allumée".into(),
        marks: Vec::new(),
    };
    let display = DisplayDevice::Simulated { snapshot: None };
    Some(WallPlan {
        display,
        tiles,
        own,
        banner: banner.map(Into::into),
        code: None,
    })
}

/// A decoded picture of one brightness.
fn sample(width: usize, height: usize, luma: u8) -> gst::Sample {
    let patch = Patch::filled(width, height, Colour(luma, 128, 128));
    let caps = gst::Caps::builder("video/x-raw").field("format", "I420");
    let caps = caps.field("width", width as i32).field("height", height as i32).build();
    gst::Sample::builder()
        .buffer(&gst::Buffer::from_slice(patch.bytes))
        .caps(&caps)
        .build()
}

/// Luma of the wall in the middle of a rectangle.
fn luma(painter: &Painter, at: Rectangle) -> u8 {
    let buffer = painter.canvas().copy(0).unwrap();
    let map = buffer.map_readable().unwrap();
    map[(at.y + at.height / 2) * layout::WIDTH + at.x + at.width / 2]
}

fn region(painter: &Painter, at: Rectangle) -> Vec<u8> {
    let buffer = painter.canvas().copy(0).unwrap();
    let map = buffer.map_readable().unwrap();
    (at.y..at.y + at.height)
        .flat_map(|y| map[y * layout::WIDTH + at.x..][..at.width].to_vec())
        .collect()
}

#[test]
fn each_source_is_drawn_in_its_place_and_told_once_with_its_first_frame() {
    gst::init().unwrap();
    let (mut painter, board) = (Painter::new().unwrap(), Board::default());
    painter.set_plan(
        plan(vec![tile("a", false), tile("b", false)], None),
        crate::clock::now_ns(),
    );
    let now = crate::clock::now_ns();
    assert!(painter.paint(&board, now), "empty tiles are drawn");
    assert_eq!(painter.changed_state().unwrap().sources, Vec::<String>::new());
    board.put("a-v0", sample(1280, 720, 200));
    board.put("b-v0", sample(320, 180, 90));
    board.put("stranger-v0", sample(320, 180, 60));
    let now = crate::clock::now_ns();
    assert!(painter.paint(&board, now));
    let places = layout::arrange(2);
    assert!(luma(&painter, places[0].picture).abs_diff(200) < 4);
    assert!(luma(&painter, places[1].picture).abs_diff(90) < 4);
    let state = painter.changed_state().unwrap();
    assert_eq!(state.sources, ["a-v0", "b-v0"]);
    assert_eq!(state.first_frames, [("a-v0".to_owned(), now), ("b-v0".to_owned(), now)]);
    assert!(!painter.paint(&board, now + 10 * MS), "nothing new, nothing drawn");
    assert!(painter.changed_state().is_none());
}

#[test]
fn a_picture_that_stands_still_gives_way_to_the_name() {
    gst::init().unwrap();
    let (mut painter, board) = (Painter::new().unwrap(), Board::default());
    painter.set_plan(plan(vec![tile("a", false)], None), crate::clock::now_ns());
    board.put("a-v0", sample(640, 360, 200));
    let now = crate::clock::now_ns();
    painter.paint(&board, now);
    assert_eq!(painter.changed_state().unwrap().sources, ["a-v0"]);
    assert!(!painter.paint(&board, now + 2500 * MS));
    assert!(painter.paint(&board, now + 3500 * MS));
    let state = painter.changed_state().unwrap();
    assert!(state.sources.is_empty());
    assert_eq!(state.first_frames.len(), 1, "the first frame stays told");
    let place = layout::arrange(1)[0].picture;
    assert!(
        luma(&painter, Rectangle { height: 40, ..place }) < 100,
        "the old picture is gone"
    );
}

#[test]
fn muted_is_a_mark_and_the_own_state_and_the_banner_are_on_top() {
    gst::init().unwrap();
    let (mut painter, board) = (Painter::new().unwrap(), Board::default());
    let now = crate::clock::now_ns();
    painter.set_plan(plan(vec![tile("a", false)], None), now);
    painter.paint(&board, now);
    let place = layout::arrange(1)[0];
    let (open, own) = (region(&painter, place.name), region(&painter, layout::own_line()));
    assert!(
        own.iter().filter(|luma| **luma > 150).count() > 200,
        "the own state can be read"
    );
    painter.set_plan(plan(vec![tile("a", true)], Some("Connexion…")), now);
    board.put("a-v0", sample(1280, 720, 200));
    painter.paint(&board, crate::clock::now_ns());
    assert_ne!(region(&painter, place.name), open);
    assert_eq!(region(&painter, layout::own_line()), own);
    let banner = region(&painter, layout::banner());
    let background = banner.iter().filter(|luma| **luma == canvas::BANNER.0).count();
    assert!(background > banner.len() / 2, "no picture covers the banner");
}

#[test]
fn a_code_stands_above_the_banner_and_goes_with_it() {
    gst::init().unwrap();
    let mut painter = Painter::new().unwrap();
    let with = |code: Option<&str>| {
        let code = code.map(Into::into);
        plan(Vec::new(), Some("New device")).map(|plan| WallPlan { code, ..plan })
    };
    let read = |painter: &Painter| {
        let at = layout::code();
        let luma = region(painter, at);
        let mut picture =
            rqrr::PreparedImage::prepare_from_greyscale(at.width, at.height, |x, y| luma[y * at.width + x]);
        let grids = picture.detect_grids();
        grids.first().and_then(|grid| grid.decode().ok()).map(|(_, text)| text)
    };
    painter.set_plan(with(Some("hemicycle:claim?serial=HC24-000123")), 0);
    assert_eq!(read(&painter).as_deref(), Some("hemicycle:claim?serial=HC24-000123"));
    painter.set_plan(with(None), 1);
    assert_eq!(read(&painter), None);
}
