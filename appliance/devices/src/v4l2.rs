//! The few requests of V4L2 that the controls of a camera need. The one file of the house with `unsafe`.
//!
//! The crate `v4l` panics on control types that it does not know and on names that are no UTF-8 (`specs/camera.md §2.3`),
//! and both come from the device; it has no events. So here are the five requests themselves, each with a structure of
//! plain integers that the kernel reads and writes in place and that holds no pointer (those of `videodev2.h`; a test checks
//! their sizes against the request numbers that the kernel's header gives).
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// `V4L2_CTRL_FLAG_NEXT_CTRL`.
const NEXT: u32 = 0x8000_0000;
/// `V4L2_CTRL_FLAG_DISABLED`, `_READ_ONLY`, `_INACTIVE`.
const DISABLED: u32 = 0x0001;
const READ_ONLY: u32 = 0x0004;
const INACTIVE: u32 = 0x0010;
/// `V4L2_EVENT_CTRL` and `V4L2_EVENT_SUB_FL_SEND_INITIAL`.
const EVENT_CONTROL: u32 = 3;
const SEND_INITIAL: u32 = 1;
/// Most controls that are asked for: a driver that always names another one must not hold anybody up.
const MOST: usize = 256;

/// `struct v4l2_query_ext_ctrl`.
#[repr(C)]
#[derive(Clone, Copy)]
struct QueryControl {
    id: u32,
    kind: u32,
    name: [u8; 32],
    minimum: i64,
    maximum: i64,
    step: u64,
    default: i64,
    flags: u32,
    element_size: u32,
    elements: u32,
    dimensions: u32,
    sizes: [u32; 4],
    reserved: [u32; 32],
}

/// `struct v4l2_control`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Value {
    id: u32,
    value: i32,
}

/// `struct v4l2_event_subscription`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Subscription {
    kind: u32,
    id: u32,
    flags: u32,
    reserved: [u32; 5],
}

/// `struct v4l2_event` of a machine with 64 bits; of its union the part of `struct v4l2_event_ctrl`.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Event {
    kind: u32,
    padding: u32,
    changes: u32,
    control_kind: u32,
    value: i32,
    rest: [u32; 13],
    pending: u32,
    sequence: u32,
    time: [i64; 2],
    id: u32,
    reserved: [u32; 8],
}

const QUERY: Opcode = opcode::read_write::<QueryControl>(b'V', 103);
const GET: Opcode = opcode::read_write::<Value>(b'V', 27);
const SET: Opcode = opcode::read_write::<Value>(b'V', 28);
const SUBSCRIBE: Opcode = opcode::write::<Subscription>(b'V', 90);
const DEQUEUE: Opcode = opcode::read::<Event>(b'V', 89);

/// A control of a camera, as its driver describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// For example `0x0098_0918`, the frequency of the mains.
    pub id: u32,
    /// Smallest value.
    pub minimum: i64,
    /// Largest value.
    pub maximum: i64,
    /// Between two values.
    pub step: u64,
    /// What the camera begins with.
    pub default: i64,
    /// It can only be read.
    pub read_only: bool,
    /// Another control governs it now.
    pub inactive: bool,
}

/// An open node, for its controls alone: pictures cannot be taken through it unless somebody asks for buffers.
#[derive(Debug)]
pub struct Node(File);

impl Node {
    /// Opens the node.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nonblocking)
            .open(path)?;
        Ok(Self(file))
    }

    /// Every control that is not disabled, by id.
    #[must_use]
    pub fn controls(&self) -> Vec<Control> {
        let mut controls: Vec<Control> = Vec::new();
        let mut last = 0;
        while controls.len() < MOST {
            let mut query = QueryControl {
                id: last | NEXT,
                kind: 0,
                name: [0; 32],
                minimum: 0,
                maximum: 0,
                step: 0,
                default: 0,
                flags: 0,
                element_size: 0,
                elements: 0,
                dimensions: 0,
                sizes: [0; 4],
                reserved: [0; 32],
            };
            // It must grow, whatever the driver says.
            if self.request::<QUERY, _>(&mut query).is_err() || query.id <= last {
                break;
            }
            last = query.id;
            if query.flags & DISABLED == 0 {
                controls.push(Control {
                    id: query.id,
                    minimum: query.minimum,
                    maximum: query.maximum,
                    step: query.step,
                    default: query.default,
                    read_only: query.flags & READ_ONLY != 0,
                    inactive: query.flags & INACTIVE != 0,
                });
            }
        }
        controls
    }

    /// The value of a control.
    ///
    /// # Errors
    /// The driver's.
    pub fn get(&self, id: u32) -> Result<i32, Errno> {
        let mut value = Value { id, value: 0 };
        self.request::<GET, _>(&mut value)?;
        Ok(value.value)
    }

    /// Sets a control.
    ///
    /// # Errors
    /// The driver's: `ERANGE`, `EBUSY`, `EACCES` for one that is only read.
    pub fn set(&self, id: u32, value: i32) -> Result<(), Errno> {
        self.request::<SET, _>(&mut Value { id, value })
    }

    /// Wants to hear of a control, first of its value now. What is to be heard makes the node ready for `POLLPRI`.
    ///
    /// # Errors
    /// The driver's: `ENOTTY` or `EINVAL` where it tells nothing.
    pub fn subscribe(&self, id: u32) -> Result<(), Errno> {
        self.request::<SUBSCRIBE, _>(&mut Subscription {
            kind: EVENT_CONTROL,
            id,
            flags: SEND_INITIAL,
            reserved: [0; 5],
        })
    }

    /// The next control that has another value, and the value; none: nothing has happened.
    #[must_use]
    pub fn heard(&self) -> Option<(u32, i32)> {
        let mut event = Event {
            kind: 0,
            padding: 0,
            changes: 0,
            control_kind: 0,
            value: 0,
            rest: [0; 13],
            pending: 0,
            sequence: 0,
            time: [0; 2],
            id: 0,
            reserved: [0; 8],
        };
        self.request::<DEQUEUE, _>(&mut event).ok()?;
        (event.kind == EVENT_CONTROL).then_some((event.id, event.value))
    }

    fn request<const CODE: Opcode, T>(&self, value: &mut T) -> Result<(), Errno> {
        // SAFETY: every code of this file is made of the size of the structure that it is used with, so that the kernel
        // copies exactly that many bytes in and out; the structures are `repr(C)`, of integers alone, for which any bytes are
        // a value, and the kernel keeps no reference to them.
        unsafe { ioctl(self.0.as_fd(), Updater::<CODE, T>::new(value)) }
    }
}

impl AsFd for Node {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn the_requests_have_the_numbers_of_the_kernels_header() {
        let numbers = [QUERY, GET, SET, SUBSCRIBE, DEQUEUE];
        assert_eq!(
            numbers,
            [0xc0e8_5667, 0xc008_561b, 0xc008_561c, 0x4020_565a, 0x8088_5659]
        );
    }

    #[test]
    fn a_file_that_is_no_camera_has_no_controls_and_says_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let node = Node::open(file.path()).unwrap();
        assert_eq!((node.controls(), node.heard()), (Vec::new(), None));
        assert_eq!(node.get(1), Err(Errno::NOTTY));
        assert_eq!(node.set(1, 1), Err(Errno::NOTTY));
        assert_eq!(node.subscribe(1), Err(Errno::NOTTY));
    }
}
