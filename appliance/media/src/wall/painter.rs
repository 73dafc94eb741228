//! What the wall shows now: the plan's tiles with the latest pictures of their sources, names, marks, the box's own state
//! and a banner. Told the time, draws on a [`Canvas`].

use gstreamer as gst;
use media_protocol::{Tile, WallPlan, WallState};
use std::collections::HashSet;

use super::board::{Board, Picture};
use super::canvas::{self, Canvas, Colour, Patch, Scaler};
use super::code;
use super::layout::{self, Place, Rectangle};
use super::lettering::{Lettering, Style};
use super::marks::{self, Mark};
use crate::elements::BuildError;

/// A picture older than this is no picture: the tile says so instead of standing still.
const STALE_NS: u64 = 3_000_000_000;

/// Draws the wall.
#[derive(Debug)]
pub struct Painter {
    canvas: Canvas,
    lettering: Option<Lettering>,
    plan: Option<WallPlan>,
    views: Vec<View>,
    banner: Option<Patch>,
    first_frames: Vec<(String, u64)>,
    told: Option<WallState>,
}

/// One tile as it is drawn.
#[derive(Debug)]
struct View {
    tile: Tile,
    place: Place,
    scaler: Option<Scaler>,
    serial: Option<u64>,
    since_ns: u64,
    shown: Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Nothing drawn yet.
    Nothing,
    /// The name in the middle: no picture yet.
    Waiting,
    /// The name and a crossed-out camera: there is no picture, or none any more.
    Without,
    /// The source's pictures.
    Picture,
}

impl Painter {
    /// A dark wall. Without `textoverlay` there are pictures and no names, and the log says why.
    ///
    /// # Errors
    /// When GStreamer gives no memory.
    pub fn new() -> Result<Self, BuildError> {
        let lettering = Lettering::new()
            .inspect_err(|error| tracing::warn!(%error, "no text on the wall"))
            .ok();
        let (canvas, views, first_frames) = (Canvas::new()?, Vec::new(), Vec::new());
        Ok(Self {
            canvas,
            lettering,
            plan: None,
            views,
            banner: None,
            first_frames,
            told: None,
        })
    }

    /// The picture as it is.
    #[must_use]
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    /// A new session: every source has its first frame again.
    pub fn forget_first_frames(&mut self) {
        self.first_frames.clear();
    }

    /// Draws another plan.
    pub fn set_plan(&mut self, plan: Option<WallPlan>, now_ns: u64) {
        if self.plan == plan {
            return;
        }
        let all = Rectangle {
            x: 0,
            y: 0,
            width: layout::WIDTH,
            height: layout::HEIGHT,
        };
        self.canvas.fill(all, canvas::BACKGROUND);
        let mut old = std::mem::take(&mut self.views);
        self.banner = None;
        self.plan = plan;
        let Some(plan) = self.plan.clone() else { return };
        for (tile, place) in plan.tiles.iter().zip(layout::arrange(plan.tiles.len())) {
            let same = |view: &View| view.tile.id == tile.id && view.tile.source == tile.source;
            let before = old.iter().position(same).map(|index| old.swap_remove(index));
            let (since_ns, scaler) = before.map_or((now_ns, None), |view| (view.since_ns, view.scaler));
            self.views.push(View {
                tile: tile.clone(),
                place,
                scaler,
                serial: None,
                since_ns,
                shown: Shown::Nothing,
            });
            self.name_line(tile, place);
        }
        self.own_line(&plan);
        if let Some(text) = plan.banner.as_deref().filter(|text| !text.is_empty()) {
            let at = layout::banner();
            self.banner = Some(self.text(text, at, 20, canvas::BANNER, true));
        }
        self.draw_banner();
        self.draw_code(&plan);
    }

    fn name_line(&mut self, tile: &Tile, place: Place) {
        let points = place.name.height * 4 / 9;
        let mut at = place.name;
        self.canvas.fill(at, canvas::NAME);
        if tile.audio_muted {
            let mark = marks::draw(Mark::MicrophoneOff, if at.height > 32 { 2 } else { 1 }, canvas::NAME);
            let margin = ((at.height - mark.height) / 2) & !1;
            self.canvas.patch(
                Rectangle {
                    x: at.x + 4,
                    y: at.y + margin,
                    ..at
                },
                &mark,
            );
            let used = mark.width + 4;
            at = Rectangle {
                x: at.x + used,
                width: at.width - used,
                ..at
            };
        }
        let name = self.text(&tile.name, at, points, canvas::NAME, false);
        self.canvas.patch(at, &name);
    }

    fn own_line(&mut self, plan: &WallPlan) {
        let words = [&plan.own.name, &plan.own.microphone, &plan.own.camera];
        let words: Vec<&str> = words
            .into_iter()
            .chain(&plan.own.marks)
            .map(String::as_str)
            .filter(|word| !word.is_empty())
            .collect();
        let at = layout::own_line();
        let line = self.text(&words.join("   ·   "), at, 16, canvas::OWN, false);
        self.canvas.patch(at, &line);
    }

    fn text(&mut self, text: &str, at: Rectangle, points: usize, colour: Colour, centred: bool) -> Patch {
        let style = Style {
            width: at.width,
            height: at.height,
            points,
            colour,
            centred,
        };
        let empty = || Patch::filled(at.width, at.height, colour);
        self.lettering
            .as_mut()
            .map_or_else(empty, |lettering| lettering.draw(text, &style))
    }

    fn draw_banner(&mut self) {
        if let Some(banner) = &self.banner {
            self.canvas.patch(layout::banner(), banner);
        }
    }

    fn draw_code(&mut self, plan: &WallPlan) {
        let at = layout::code();
        let drawn = plan.code.as_deref().and_then(|text| code::draw(text, at.width));
        if let Some(code) = drawn {
            let margin = ((at.width - code.width) / 2) & !1;
            let place = Rectangle {
                x: at.x + margin,
                y: at.y + margin,
                width: code.width,
                height: code.height,
            };
            self.canvas.patch(place, &code);
        }
    }

    /// Draws what changed. True when the picture is another one.
    pub fn paint(&mut self, board: &Board, now_ns: u64) -> bool {
        let mut changed = false;
        for index in 0..self.views.len() {
            changed |= self.paint_tile(index, board, now_ns);
        }
        if changed {
            self.draw_banner();
        }
        changed
    }

    fn paint_tile(&mut self, index: usize, board: &Board, now_ns: u64) -> bool {
        let Some(view) = self.views.get_mut(index) else {
            return false;
        };
        let picture = view.tile.source.as_deref().and_then(|source| board.get(source));
        let fresh = picture.filter(|picture| now_ns.saturating_sub(picture.at_ns) < STALE_NS);
        let waits = view.tile.source.is_some()
            && view.shown != Shown::Picture
            && now_ns.saturating_sub(view.since_ns) < STALE_NS;
        let Some(picture) = fresh else {
            let shown = if waits { Shown::Waiting } else { Shown::Without };
            if view.shown == shown {
                return false;
            }
            (view.shown, view.serial) = (shown, None);
            self.paint_without(index, shown);
            return true;
        };
        if view.serial == Some(picture.serial) && view.shown == Shown::Picture {
            return false;
        }
        if view.shown != Shown::Picture {
            self.canvas.fill(view.place.picture, canvas::BACKGROUND);
        }
        if !view.paint(&mut self.canvas, &picture) {
            return false;
        }
        view.shown = Shown::Picture;
        view.serial = Some(picture.serial);
        if let Some(source) = view
            .tile
            .source
            .as_ref()
            .filter(|source| !self.first_frames.iter().any(|(known, _)| known == *source))
        {
            self.first_frames.push((source.clone(), now_ns));
        }
        true
    }

    fn paint_without(&mut self, index: usize, shown: Shown) {
        let Some((tile, at)) = self
            .views
            .get(index)
            .map(|view| (view.tile.clone(), view.place.picture))
        else {
            return;
        };
        self.canvas.fill(at, canvas::EMPTY);
        let large = at.width > 400;
        let height = (if large { 64 } else { 30 }).min(at.height);
        let middle = Rectangle {
            y: (at.y + (at.height - height) / 2) & !1,
            height: height & !1,
            ..at
        };
        let name = self.text(&tile.name, middle, if large { 32 } else { 13 }, canvas::EMPTY, true);
        self.canvas.patch(middle, &name);
        if shown == Shown::Without {
            let mark = marks::draw(Mark::CameraOff, if large { 3 } else { 1 }, canvas::EMPTY);
            let y = middle.y.saturating_sub(mark.height).max(at.y) & !1;
            let x = (at.x + (at.width - mark.width) / 2) & !1;
            self.canvas.patch(
                Rectangle {
                    x,
                    y,
                    width: mark.width,
                    height: mark.height,
                },
                &mark,
            );
        }
    }

    /// What is on the wall, when that is something else than at the last call.
    pub fn changed_state(&mut self) -> Option<WallState> {
        let shown = self.views.iter().filter(|view| view.shown == Shown::Picture);
        let state = WallState {
            sources: shown.filter_map(|view| view.tile.source.clone()).collect(),
            first_frames: self.first_frames.clone(),
        };
        if self.told.as_ref() == Some(&state) {
            return None;
        }
        self.told = Some(state.clone());
        Some(state)
    }

    /// Sources that the wall looks at.
    #[must_use]
    pub fn sources(&self) -> HashSet<String> {
        self.views.iter().filter_map(|view| view.tile.source.clone()).collect()
    }
}

impl View {
    /// Draws a picture into the tile, keeping its shape. False when it cannot be drawn.
    fn paint(&mut self, canvas: &mut Canvas, picture: &Picture) -> bool {
        let size = picture.sample.caps().and_then(|caps| {
            let structure = caps.structure(0)?;
            let side = |name: &str| {
                u32::try_from(structure.get::<i32>(name).ok()?)
                    .ok()
                    .filter(|side| (2..=8192).contains(side))
            };
            Some((side("width")?, side("height")?))
        });
        let (Some((width, height)), Some(buffer)) = (size, picture.sample.buffer()) else {
            return false;
        };
        let at = self.place.picture.fit(width as usize, height as usize);
        if !self
            .scaler
            .as_ref()
            .is_some_and(|scaler| scaler.fits(width, height, at))
        {
            canvas.fill(self.place.picture, canvas::BACKGROUND);
            match Scaler::new(width, height, at) {
                Ok(scaler) => self.scaler = Some(scaler),
                Err(error) => {
                    tracing::warn!(width, height, %error, "a picture cannot be scaled");
                    return false;
                }
            }
        }
        if let Some(scaler) = &self.scaler {
            canvas.picture(scaler, buffer);
        }
        true
    }
}

/// The painter's picture for a sink.
///
/// # Errors
/// When GStreamer gives no memory.
pub fn copy(painter: &Painter, now_ns: u64) -> Result<gst::Buffer, BuildError> {
    painter.canvas.copy(now_ns)
}

#[cfg(test)]
#[path = "painter_tests.rs"]
mod tests;
