//! What a camera is set to each time it is opened: cameras forget when they are unplugged (`specs/camera.md §2.2`).

use std::io::PipeReader;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};

use crate::v4l2::{Control, Node};
use crate::watcher::Watcher;

/// Ids of `v4l2-controls.h`.
pub mod id {
    /// Automatic white balance.
    pub const AUTO_WHITE_BALANCE: u32 = 0x0098_090c;
    /// Frequency of the mains: 1 is 50 Hz, 2 is 60 Hz.
    pub const POWER_LINE_FREQUENCY: u32 = 0x0098_0918;
    /// For people in front of a window.
    pub const BACKLIGHT_COMPENSATION: u32 = 0x0098_091c;
    /// 3: aperture priority, which is automatic; 1: by hand.
    pub const EXPOSURE_AUTO: u32 = 0x009a_0901;
    /// 1: the camera may take fewer pictures a second in a dark room.
    pub const EXPOSURE_AUTO_PRIORITY: u32 = 0x009a_0903;
    /// Pan, in seconds of arc.
    pub const PAN_ABSOLUTE: u32 = 0x009a_0908;
    /// Tilt, in seconds of arc.
    pub const TILT_ABSOLUTE: u32 = 0x009a_0909;
    /// Focus, in the camera's own steps.
    pub const FOCUS_ABSOLUTE: u32 = 0x009a_090a;
    /// Automatic focus.
    pub const FOCUS_AUTO: u32 = 0x009a_090c;
    /// Zoom, in the camera's own steps.
    pub const ZOOM_ABSOLUTE: u32 = 0x009a_090d;
    /// The shutter before the lens is closed.
    pub const PRIVACY: u32 = 0x009a_0910;
}

/// What a control is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// This, where the camera can do it.
    Value(i64),
    /// What the camera calls the beginning.
    Default,
    /// The least.
    Minimum,
}

/// In this order: what is automatic governs whether the other may be set.
const WANTED: [(u32, To); 10] = [
    // Lamps in Europe flicker a hundred times a second; many cameras begin with the sixty hertz of elsewhere.
    (id::POWER_LINE_FREQUENCY, To::Value(1)),
    (id::EXPOSURE_AUTO, To::Value(3)),
    (id::EXPOSURE_AUTO_PRIORITY, To::Value(0)),
    (id::AUTO_WHITE_BALANCE, To::Value(1)),
    (id::BACKLIGHT_COMPENSATION, To::Value(1)),
    // A focus that hunts is worse than one that is far: in a room everybody is far.
    (id::FOCUS_AUTO, To::Value(0)),
    (id::FOCUS_ABSOLUTE, To::Default),
    // The whole room.
    (id::PAN_ABSOLUTE, To::Value(0)),
    (id::TILT_ABSOLUTE, To::Value(0)),
    (id::ZOOM_ABSOLUTE, To::Minimum),
];

/// The values to write, in their order, to a camera with these controls.
#[must_use]
pub fn settings(controls: &[Control]) -> Vec<(u32, i32)> {
    let setting = |(id, to): &(u32, To)| {
        let control = controls
            .iter()
            .find(|control| control.id == *id && !control.read_only)?;
        let value = match to {
            To::Value(value) => *value,
            To::Default => control.default,
            To::Minimum => control.minimum,
        };
        let fits = (control.minimum..=control.maximum).contains(&value);
        Some((*id, i32::try_from(value).ok().filter(|_| fits)?))
    };
    WANTED.iter().filter_map(setting).collect()
}

/// The node behind a link: the camera that is set is the one that is opened, also when the link moves on.
fn node_of(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Sets the camera. What it refuses stays as it is, and the log says so: a picture that is not at its best is better than
/// none.
fn apply(node: &Node) {
    for (id, value) in settings(&node.controls()) {
        let control = format_args!("{id:#x}").to_string();
        match node.set(id, value) {
            Ok(()) => tracing::debug!(control, value, "camera set"),
            Err(error) => tracing::warn!(control, value, %error, "the camera does not obey"),
        }
    }
}

/// Keeps the controls of a camera that is open: sets them, and hears of its shutter. A thread; dropping it ends it, and with
/// it its hold of the camera.
#[derive(Debug)]
pub struct Keeper(#[expect(dead_code, reason = "it lives as long as this")] Watcher);

impl Keeper {
    /// Tells whether the shutter is closed, soon and at each change, where the camera has one that it knows of.
    ///
    /// # Errors
    /// When there is no pipe or thread to be had.
    pub fn start(path: &Path, tell: impl Fn(bool) + Send + 'static) -> std::io::Result<Self> {
        let path = node_of(path);
        let watch = move |stopped: &PipeReader| match Node::open(&path) {
            Ok(node) => keep(&node, stopped, &tell),
            Err(error) => tracing::warn!(%error, "the controls of the camera cannot be had"),
        };
        Watcher::start("controls", watch).map(Self)
    }
}

fn keep(node: &Node, stopped: &PipeReader, tell: &dyn Fn(bool)) {
    apply(node);
    if node.subscribe(id::PRIVACY).is_err() {
        // Most shutters are plastic. The camera need not be held for them.
        return;
    }
    loop {
        while let Some((control, value)) = node.heard() {
            if control == id::PRIVACY {
                tell(value != 0);
            }
        }
        let mut watched = [PollFd::new(stopped, PollFlags::IN), PollFd::new(node, PollFlags::PRI)];
        let _ = poll(&mut watched, None);
        let [stop, camera] = &watched;
        // `ERR`: it was pulled out.
        if !stop.revents().is_empty() || camera.revents().intersects(PollFlags::ERR | PollFlags::HUP) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(id: u32, minimum: i64, maximum: i64, default: i64) -> Control {
        Control {
            id,
            minimum,
            maximum,
            step: 1,
            default,
            read_only: false,
            inactive: false,
        }
    }

    #[test]
    fn a_camera_is_set_to_fifty_hertz_a_still_focus_and_the_whole_room_in_an_order_that_it_takes() {
        let camera = [
            control(id::POWER_LINE_FREQUENCY, 0, 2, 2),
            control(id::FOCUS_ABSOLUTE, 0, 250, 30),
            control(id::FOCUS_AUTO, 0, 1, 1),
            control(id::ZOOM_ABSOLUTE, 100, 500, 100),
            control(id::PAN_ABSOLUTE, -36_000, 36_000, 0),
        ];
        let expected = [
            (id::POWER_LINE_FREQUENCY, 1),
            (id::FOCUS_AUTO, 0),
            (id::FOCUS_ABSOLUTE, 30),
            (id::PAN_ABSOLUTE, 0),
            (id::ZOOM_ABSOLUTE, 100),
        ];
        assert_eq!(settings(&camera), expected);
    }

    #[test]
    fn what_a_camera_has_not_or_cannot_is_left_alone() {
        assert_eq!(settings(&[]), []);
        let fixed = Control {
            read_only: true,
            ..control(id::POWER_LINE_FREQUENCY, 0, 2, 2)
        };
        let by_hand_only = control(id::EXPOSURE_AUTO, 0, 1, 1);
        let nonsense = control(id::ZOOM_ABSOLUTE, i64::MIN, i64::MAX, 0);
        assert_eq!(settings(&[fixed, by_hand_only, nonsense]), []);
    }
}
