//! GStreamer's errors in the words of the contract.

use devices::mixer::Silence;
use gstreamer as gst;
use gstreamer::prelude::*;
use media_protocol::DeviceFault;
use std::path::Path;

use crate::elements::BuildError;

/// The fault that an error message on a bus tells.
#[must_use]
pub fn of_message(error: &gst::message::Error) -> DeviceFault {
    let glib_error = error.error();
    if let Some(kind) = glib_error.kind::<gst::ResourceError>() {
        match kind {
            gst::ResourceError::NotFound => return DeviceFault::NotFound,
            gst::ResourceError::Busy => return DeviceFault::Busy,
            gst::ResourceError::NotAuthorized => return DeviceFault::Forbidden,
            _ => {}
        }
    }
    let source = error.src().map(|source| source.name().to_string()).unwrap_or_default();
    let debug = error.debug().unwrap_or_default();
    let busy = debug.contains("resource busy") || debug.contains("Device or resource busy");
    if busy {
        DeviceFault::Busy
    } else {
        DeviceFault::Other {
            detail: format!("{source}: {glib_error}"),
        }
    }
}

/// The fault of something that could not be built or started.
#[must_use]
pub fn of_build(error: &BuildError) -> DeviceFault {
    match error {
        BuildError::MissingElement { element, .. } => DeviceFault::MissingElement {
            element: element.clone(),
        },
        other => DeviceFault::Other {
            detail: other.to_string(),
        },
    }
}

/// What an open sound card says of itself.
#[must_use]
pub fn of_silence(silence: Silence) -> DeviceFault {
    match silence {
        Silence::SwitchedOff => DeviceFault::Shut,
        Silence::Unplugged => DeviceFault::NotFound,
    }
}

/// Whether a device node or recording can be opened at all; GStreamer tells these causes less clearly.
///
/// # Errors
/// [`DeviceFault::NotFound`], [`DeviceFault::Forbidden`] or the system's words.
pub fn accessible(path: &Path) -> Result<(), DeviceFault> {
    match rustix::fs::access(path, rustix::fs::Access::READ_OK) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NODEV | rustix::io::Errno::NOTDIR) => {
            Err(DeviceFault::NotFound)
        }
        Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => Err(DeviceFault::Forbidden),
        Err(error) => Err(DeviceFault::Other {
            detail: error.to_string(),
        }),
    }
}
