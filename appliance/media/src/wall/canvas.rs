//! The picture that the wall draws on: I420, drawn on only where something changed.

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::VideoFrameExt;

use super::layout::{HEIGHT, Rectangle, WIDTH};
use crate::elements::BuildError;

/// A colour in BT.709 limited range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour(pub u8, pub u8, pub u8);

/// Behind everything.
pub const BACKGROUND: Colour = Colour(24, 130, 127);
/// Behind a tile without a picture.
pub const EMPTY: Colour = Colour(44, 132, 126);
/// Behind names.
pub const NAME: Colour = Colour(34, 130, 127);
/// Behind the box's own state.
pub const OWN: Colour = Colour(52, 140, 120);
/// Behind a banner.
pub const BANNER: Colour = Colour(70, 150, 110);
/// The dark of a code.
pub const CODE: Colour = Colour(16, 128, 128);
/// Text and marks.
pub const INK: Colour = Colour(230, 128, 128);

/// An I420 picture in plain memory, planes without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Even.
    pub width: usize,
    /// Even.
    pub height: usize,
    /// Luma, then both chroma planes.
    pub bytes: Vec<u8>,
}

impl Patch {
    /// One colour.
    #[must_use]
    pub fn filled(width: usize, height: usize, colour: Colour) -> Self {
        let (luma, chroma) = (width * height, width * height / 4);
        let mut bytes = vec![colour.0; luma + 2 * chroma];
        for (plane, value) in bytes
            .get_mut(luma..)
            .into_iter()
            .flat_map(|planes| planes.chunks_mut(chroma.max(1)))
            .zip([colour.1, colour.2])
        {
            plane.fill(value);
        }
        Self { width, height, bytes }
    }

    fn planes(&self) -> [(&[u8], usize); 3] {
        let (luma, rest) = self.bytes.split_at(self.width * self.height);
        let (blue, red) = rest.split_at(self.width * self.height / 4);
        [(luma, self.width), (blue, self.width / 2), (red, self.width / 2)]
    }
}

/// The wall's picture.
#[derive(Debug)]
pub struct Canvas {
    info: gst_video::VideoInfo,
    buffer: gst::Buffer,
}

impl Canvas {
    /// A dark picture.
    ///
    /// # Errors
    /// When GStreamer gives no memory.
    pub fn new() -> Result<Self, BuildError> {
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, WIDTH as u32, HEIGHT as u32)
            .fps(gst::Fraction::new(30, 1))
            .build()?;
        let buffer = gst::Buffer::with_size(info.size())?;
        let mut canvas = Self { info, buffer };
        canvas.fill(
            Rectangle {
                x: 0,
                y: 0,
                width: WIDTH,
                height: HEIGHT,
            },
            BACKGROUND,
        );
        Ok(canvas)
    }

    /// Caps of [`Canvas::copy`].
    ///
    /// # Errors
    /// Never with the fixed size of the wall.
    pub fn caps(&self) -> Result<gst::Caps, BuildError> {
        Ok(self.info.to_caps()?)
    }

    /// The picture as it is now, for a sink.
    ///
    /// # Errors
    /// When GStreamer gives no memory.
    pub fn copy(&self, at_ns: u64) -> Result<gst::Buffer, BuildError> {
        let mut copy = self.buffer.copy_deep()?;
        if let Some(copy) = copy.get_mut() {
            copy.set_pts(gst::ClockTime::from_nseconds(at_ns));
        }
        Ok(copy)
    }

    fn draw(&mut self, draw: impl FnOnce(&mut gst_video::VideoFrameRef<&mut gst::BufferRef>)) {
        let info = self.info.clone();
        let frame = gst_video::VideoFrameRef::from_buffer_ref_writable(self.buffer.make_mut(), &info);
        if let Ok(mut frame) = frame {
            draw(&mut frame);
        }
    }

    /// One colour over a rectangle.
    pub fn fill(&mut self, at: Rectangle, colour: Colour) {
        self.draw(|frame| {
            for (plane, value) in [colour.0, colour.1, colour.2].into_iter().enumerate() {
                rows(frame, plane, at, |_, row| row.fill(value));
            }
        });
    }

    /// A patch with its top left corner at that of the rectangle, cut where it ends.
    pub fn patch(&mut self, at: Rectangle, patch: &Patch) {
        let at = Rectangle {
            width: at.width.min(patch.width),
            height: at.height.min(patch.height),
            ..at
        };
        self.draw(|frame| {
            for (plane, (bytes, stride)) in patch.planes().into_iter().enumerate() {
                rows(frame, plane, at, |index, row| {
                    let from = index * stride;
                    if let Some(source) = bytes.get(from..from + row.len()) {
                        row.copy_from_slice(source);
                    }
                });
            }
        });
    }

    /// A decoded picture, scaled into the rectangle for which the scaler was made.
    pub fn picture(&mut self, scaler: &Scaler, buffer: &gst::BufferRef) {
        self.draw(|frame| {
            if let Ok(source) = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &scaler.info) {
                scaler.converter.frame_ref(&source, frame);
            }
        });
    }
}

/// Calls `each` with the rows of a rectangle in one plane.
fn rows(
    frame: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    plane: usize,
    at: Rectangle,
    mut each: impl FnMut(usize, &mut [u8]),
) {
    let shift = usize::from(plane > 0);
    let stride = frame
        .plane_stride()
        .get(plane)
        .and_then(|stride| usize::try_from(*stride).ok())
        .unwrap_or(0);
    let Ok(data) = frame.plane_data_mut(plane as u32) else {
        return;
    };
    for index in 0..at.height >> shift {
        let start = (index + (at.y >> shift)) * stride + (at.x >> shift);
        if let Some(row) = data.get_mut(start..start + (at.width >> shift)) {
            each(index, row);
        }
    }
}

/// Scales pictures of one size into one rectangle of the canvas.
#[derive(Debug)]
pub struct Scaler {
    info: gst_video::VideoInfo,
    at: Rectangle,
    converter: gst_video::VideoConverter,
}

impl Scaler {
    /// For I420 pictures of `width` x `height`.
    ///
    /// # Errors
    /// When GStreamer cannot scale so.
    pub fn new(width: u32, height: u32, at: Rectangle) -> Result<Self, BuildError> {
        let format = gst_video::VideoFormat::I420;
        let info = gst_video::VideoInfo::builder(format, width, height)
            .fps(gst::Fraction::new(30, 1))
            .build()?;
        let out = gst_video::VideoInfo::builder(format, WIDTH as u32, HEIGHT as u32)
            .fps(gst::Fraction::new(30, 1))
            .build()?;
        let mut config = gst_video::VideoConverterConfig::new();
        let number = |number: usize| i32::try_from(number).unwrap_or(0);
        config.set_dest_x(number(at.x));
        config.set_dest_y(number(at.y));
        config.set_dest_width(Some(number(at.width)));
        config.set_dest_height(Some(number(at.height)));
        config.set_fill_border(false);
        config.set_resampler_method(gst_video::VideoResamplerMethod::Linear);
        config.set_matrix_mode(gst_video::VideoMatrixMode::None);
        config.set_chroma_mode(gst_video::VideoChromaMode::None);
        config.set_threads(1);
        let converter = gst_video::VideoConverter::new(&info, &out, Some(config))?;
        Ok(Self { info, at, converter })
    }

    /// Whether this scaler does these pictures into this rectangle.
    #[must_use]
    pub fn fits(&self, width: u32, height: u32, at: Rectangle) -> bool {
        self.info.width() == width && self.info.height() == height && self.at == at
    }
}
