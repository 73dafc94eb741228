//! A virtual machine with real kernel devices, the box's own binaries, units and rules in it, and the stories told there.
//!
//! The one rule: everything from the kernel's USB core upward is the real thing. Emulated are the processor (QEMU, without
//! KVM), the disk, the network card, and the USB device itself ([`usb_room`]).
//!
//! | file | what stands in it |
//! |---|---|
//! | [`image`] | the guest's disk, kernel and initrd: made once, kept by what goes into them |
//! | [`stage`] | what each run lays over the disk: binaries, units, rules |
//! | [`machine`] | one run of QEMU: power, processor time, console |
//! | [`channel`], [`wire`] | jobs for the guest, and their answers |
//! | [`usb_room`] | camera and array microphone at a USB port; runs in the guest |
//! | [`lab`] | one guest that the stories share; they themselves are the program's (`src/stories`) |
//! | [`release`] | what lies in a slot, and the signed bundle that brings it there |
//! | [`report`] | what was seen, as JSON |

#![forbid(unsafe_code)]

pub mod channel;
pub mod error;
pub mod image;
pub mod lab;
pub mod machine;
pub mod missing;
pub mod release;
pub mod report;
pub mod stage;
pub mod usb_room;
pub mod wire;

pub use error::{Error, Result};
