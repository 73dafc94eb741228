//! `--camera`, `--microphone`, `--loudspeaker` and `--display`: what a person wrote, as the devices of the contract.
//!
//! Reading is pure; [`CameraWish::resolve`] and its siblings look at the named file.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use media_protocol::{CameraDevice, DeviceWish, DisplayDevice, LoudspeakerDevice, MicrophoneDevice};

/// What may be written for a camera.
pub const CAMERA_WORDS: &str = "auto, none, simulated, simulated:PLUG, file:FILM, a path such as film.webm, /dev/video0, or wishes: \
                                id:VENDOR:PRODUCT:SERIAL, vendor:046d, name:WORDS";
/// What may be written for a microphone.
pub const MICROPHONE_WORDS: &str = "auto, none, simulated, simulated:PLUG, file:RECORDING, a path such as speech.wav, \
                                    alsa:hw:1,0, or wishes: id:VENDOR:PRODUCT:SERIAL, vendor:046d, name:WORDS";
/// What may be written for a loudspeaker.
pub const LOUDSPEAKER_WORDS: &str = "auto, none, simulated, simulated:RECORDING.wav, alsa:default, or wishes: \
                                     id:VENDOR:PRODUCT:SERIAL, vendor:046d, name:WORDS";
/// What may be written for a display.
pub const DISPLAY_WORDS: &str = "auto, none, simulated, simulated:SNAPSHOT.jpg, kms, kms:CONNECTOR-ID, or window";

/// Why a wish cannot be fulfilled. Its text says what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// Not a word for this kind of device.
    #[error("`{text}` names no {kind}: write {words}")]
    Unknown {
        /// What was written.
        text: String,
        /// `camera`, `microphone` …
        kind: &'static str,
        /// What may be written.
        words: &'static str,
    },
    /// Nothing after the colon.
    #[error("`{text}` lacks what comes after the colon: write {words}")]
    Incomplete {
        /// What was written.
        text: String,
        /// What may be written.
        words: &'static str,
    },
    /// The file is not there, or may not be read.
    #[error("{} cannot be read ({detail}): check the path", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        detail: String,
    },
    /// The directory to write into is not there.
    #[error("there is no directory to write {} into: create it first", .path.display())]
    NoDirectory {
        /// The file to be written.
        path: PathBuf,
    },
}

/// Which camera somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraWish {
    /// None, whatever there is.
    None,
    /// This one, or one of those that are plugged in.
    Device(CameraDevice),
}

/// Which microphone somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MicrophoneWish {
    /// None, whatever there is.
    None,
    /// This one, or one of those that are plugged in.
    Device(MicrophoneDevice),
}

/// Which loudspeaker somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoudspeakerWish {
    /// None, whatever there is.
    None,
    /// This one, or one of those that are plugged in.
    Device(LoudspeakerDevice),
}

/// Which display somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DisplayWish {
    /// None, whatever there is.
    None,
    /// This one.
    Device(DisplayDevice),
}

/// A wish word and, after a colon, what belongs to it.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((word, rest)) => (word, Some(rest)),
        None => (text, None),
    }
}

/// A path as people write one: it has a slash or an extension.
fn looks_like_a_path(text: &str) -> bool {
    let extension = Path::new(text)
        .extension()
        .is_some_and(|extension| !extension.is_empty());
    text.contains('/') || extension
}

/// The path from the root, since the worker may run in another directory.
fn from_root(text: &str) -> PathBuf {
    std::path::absolute(text).unwrap_or_else(|_| PathBuf::from(text))
}

fn unknown(text: &str, kind: &'static str, words: &'static str) -> WishError {
    WishError::Unknown {
        text: text.to_owned(),
        kind,
        words,
    }
}

/// What must follow the colon.
fn required<'a>(rest: &'a str, text: &str, words: &'static str) -> Result<&'a str, WishError> {
    match rest.trim() {
        "" => Err(WishError::Incomplete {
            text: text.to_owned(),
            words,
        }),
        rest => Ok(rest),
    }
}

/// Most wishes for one device.
const MOST_WISHES: usize = 16;

/// `id:…, vendor:…, name:…`, the most wanted first.
fn wishes(text: &str, kind: &'static str, words: &'static str) -> Result<Vec<DeviceWish>, WishError> {
    let wish = |part: &str| {
        let (word, rest) = split(part.trim());
        let wish = match word {
            "id" => DeviceWish::Id,
            "vendor" => DeviceWish::Vendor,
            "name" => DeviceWish::Name,
            _ => return Err(unknown(text, kind, words)),
        };
        Ok(wish(required(rest.unwrap_or_default(), text, words)?.to_owned()))
    };
    text.split(',').take(MOST_WISHES).map(wish).collect()
}

fn readable(path: &Path) -> Result<(), WishError> {
    let unreadable = |detail: String| WishError::Unreadable {
        path: path.to_owned(),
        detail,
    };
    let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let metadata = file.metadata().map_err(|error| unreadable(error.to_string()))?;
    if metadata.is_dir() {
        Err(unreadable("it is a directory".to_owned()))
    } else {
        Ok(())
    }
}

fn writable(path: &Path) -> Result<(), WishError> {
    match path.parent() {
        Some(directory) if directory.is_dir() => Ok(()),
        _ => Err(WishError::NoDirectory { path: path.to_owned() }),
    }
}

impl FromStr for CameraWish {
    type Err = WishError;

    fn from_str(text: &str) -> Result<Self, WishError> {
        let text = text.trim();
        let device = match split(text) {
            ("auto", None) => CameraDevice::Attached { wishes: Vec::new() },
            ("none", None) => return Ok(Self::None),
            ("id" | "vendor" | "name", Some(_)) => CameraDevice::Attached {
                wishes: wishes(text, "camera", CAMERA_WORDS)?,
            },
            ("simulated", None) => CameraDevice::Simulated { plug: None },
            ("simulated", Some(path)) => CameraDevice::Simulated {
                plug: Some(from_root(required(path, text, CAMERA_WORDS)?)),
            },
            ("file", Some(path)) => CameraDevice::File {
                path: from_root(required(path, text, CAMERA_WORDS)?),
            },
            _ if text.starts_with("/dev/") => CameraDevice::V4l2 { path: text.into() },
            _ if looks_like_a_path(text) => CameraDevice::File { path: from_root(text) },
            _ => return Err(unknown(text, "camera", CAMERA_WORDS)),
        };
        Ok(Self::Device(device))
    }
}

impl FromStr for MicrophoneWish {
    type Err = WishError;

    fn from_str(text: &str) -> Result<Self, WishError> {
        let text = text.trim();
        let words = MICROPHONE_WORDS;
        let device = match split(text) {
            ("auto", None) => MicrophoneDevice::Attached { wishes: Vec::new() },
            ("none", None) => return Ok(Self::None),
            ("id" | "vendor" | "name", Some(_)) => MicrophoneDevice::Attached {
                wishes: wishes(text, "microphone", MICROPHONE_WORDS)?,
            },
            ("simulated", None) => MicrophoneDevice::Simulated { plug: None },
            ("simulated", Some(path)) => MicrophoneDevice::Simulated {
                plug: Some(from_root(required(path, text, MICROPHONE_WORDS)?)),
            },
            ("file", Some(path)) => MicrophoneDevice::File {
                path: from_root(required(path, text, words)?),
            },
            ("alsa", Some(device)) => MicrophoneDevice::Alsa {
                device: required(device, text, words)?.to_owned(),
            },
            ("hw" | "plughw", Some(_)) => MicrophoneDevice::Alsa {
                device: text.to_owned(),
            },
            _ if looks_like_a_path(text) => MicrophoneDevice::File { path: from_root(text) },
            _ => return Err(unknown(text, "microphone", words)),
        };
        Ok(Self::Device(device))
    }
}

impl FromStr for LoudspeakerWish {
    type Err = WishError;

    fn from_str(text: &str) -> Result<Self, WishError> {
        let text = text.trim();
        let words = LOUDSPEAKER_WORDS;
        let device = match split(text) {
            ("auto", None) => LoudspeakerDevice::Attached { wishes: Vec::new() },
            ("none", None) => return Ok(Self::None),
            ("id" | "vendor" | "name", Some(_)) => LoudspeakerDevice::Attached {
                wishes: wishes(text, "loudspeaker", LOUDSPEAKER_WORDS)?,
            },
            ("simulated", None) => LoudspeakerDevice::Simulated { record: None },
            ("simulated", Some(path)) => LoudspeakerDevice::Simulated {
                record: Some(from_root(required(path, text, words)?)),
            },
            ("alsa", Some(device)) => LoudspeakerDevice::Alsa {
                device: required(device, text, words)?.to_owned(),
            },
            ("hw" | "plughw", Some(_)) => LoudspeakerDevice::Alsa {
                device: text.to_owned(),
            },
            _ => return Err(unknown(text, "loudspeaker", words)),
        };
        Ok(Self::Device(device))
    }
}

impl FromStr for DisplayWish {
    type Err = WishError;

    fn from_str(text: &str) -> Result<Self, WishError> {
        let text = text.trim();
        let words = DISPLAY_WORDS;
        let device = match split(text) {
            ("auto", None) => DisplayDevice::Attached,
            ("none", None) => return Ok(Self::None),
            ("window", None) => DisplayDevice::Window,
            ("simulated", None) => DisplayDevice::Simulated { snapshot: None },
            ("simulated", Some(path)) => DisplayDevice::Simulated {
                snapshot: Some(from_root(required(path, text, words)?)),
            },
            ("kms", None) => DisplayDevice::Kms { connector: None },
            ("kms", Some(id)) => {
                let id = required(id, text, words)?.parse::<i32>().ok().filter(|id| *id >= 0);
                DisplayDevice::Kms {
                    connector: Some(id.ok_or_else(|| unknown(text, "display", words))?),
                }
            }
            _ => return Err(unknown(text, "display", words)),
        };
        Ok(Self::Device(device))
    }
}

impl CameraWish {
    /// The camera to plan, or none.
    ///
    /// # Errors
    /// [`WishError::Unreadable`]: the film is not there. A camera may come back, so its node is not looked at.
    pub fn resolve(self) -> Result<Option<CameraDevice>, WishError> {
        match self {
            Self::None => Ok(None),
            Self::Device(device) => {
                if let CameraDevice::File { path } = &device {
                    readable(path)?;
                }
                Ok(Some(device))
            }
        }
    }
}

impl MicrophoneWish {
    /// The microphone to plan, or none.
    ///
    /// # Errors
    /// [`WishError::Unreadable`]: the recording is not there.
    pub fn resolve(self) -> Result<Option<MicrophoneDevice>, WishError> {
        match self {
            Self::None => Ok(None),
            Self::Device(device) => {
                if let MicrophoneDevice::File { path } = &device {
                    readable(path)?;
                }
                Ok(Some(device))
            }
        }
    }
}

impl LoudspeakerWish {
    /// The loudspeaker to plan, or none.
    ///
    /// # Errors
    /// [`WishError::NoDirectory`]: the recording cannot be written there.
    pub fn resolve(self) -> Result<Option<LoudspeakerDevice>, WishError> {
        match self {
            Self::None => Ok(None),
            Self::Device(device) => {
                if let LoudspeakerDevice::Simulated { record: Some(path) } = &device {
                    writable(path)?;
                }
                Ok(Some(device))
            }
        }
    }
}

impl DisplayWish {
    /// The display to plan, or none.
    ///
    /// # Errors
    /// [`WishError::NoDirectory`]: the snapshot cannot be written there.
    pub fn resolve(self) -> Result<Option<DisplayDevice>, WishError> {
        match self {
            Self::None => Ok(None),
            Self::Device(device) => {
                if let DisplayDevice::Simulated { snapshot: Some(path) } = &device {
                    writable(path)?;
                }
                Ok(Some(device))
            }
        }
    }
}

#[cfg(test)]
mod tests;
