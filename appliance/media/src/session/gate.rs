//! A gate in front of a payloader: closed, nothing of this stream can leave the box, whatever stands before it.
//!
//! Buffers fall by `Handled`, not `Drop`: on a sink pad GStreamer 1.22 grumbles about a dropped buffer that is gone already.

use gstreamer as gst;
use gstreamer::prelude::*;
use media_protocol::{MediaKind, SessionId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clock::now_ns;
use crate::mailbox::{Mailbox, Message};

/// Opened and closed by the owner thread, obeyed by streaming threads.
#[derive(Debug, Default)]
pub struct Gate {
    open: AtomicBool,
    /// The next frame that passes must be a key frame: nobody can decode anything else after a pause.
    needs_key_frame: AtomicBool,
    /// Frames that passed.
    pub frames: AtomicU64,
    /// Bytes that passed.
    pub bytes: AtomicU64,
    /// Key frames that passed.
    pub key_frames: AtomicU64,
}

impl Gate {
    /// Whether data passes.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Opens or closes. True when that was a change to open.
    pub fn set(&self, open: bool) -> bool {
        if open && !self.is_open() {
            self.needs_key_frame.store(true, Ordering::Release);
        }
        !self.open.swap(open, Ordering::AcqRel) && open
    }

    /// Stands in front of an encoder: raw frames fall while the gate is closed, so that nothing is encoded.
    pub fn guard_raw(self: &Arc<Self>, pad: &gst::Pad) {
        let gate = self.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            if gate.is_open() {
                gst::PadProbeReturn::Ok
            } else {
                gst::PadProbeReturn::Handled
            }
        });
    }

    /// Stands in front of a payloader: whole encoded frames fall, so that no sequence number is missing.
    pub fn guard_encoded(self: &Arc<Self>, payloader_sink: &gst::Pad) {
        let gate = self.clone();
        payloader_sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let Some(buffer) = info.buffer() else {
                return gst::PadProbeReturn::Ok;
            };
            if gate.passes(!buffer.flags().contains(gst::BufferFlags::DELTA_UNIT), buffer.size()) {
                gst::PadProbeReturn::Ok
            } else {
                gst::PadProbeReturn::Handled
            }
        });
    }

    fn passes(&self, key_frame: bool, size: usize) -> bool {
        let waits = self.needs_key_frame.load(Ordering::Acquire);
        if !self.is_open() || (waits && !key_frame) {
            return false;
        }
        self.needs_key_frame.store(false, Ordering::Release);
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(size as u64, Ordering::Relaxed);
        self.key_frames.fetch_add(u64::from(key_frame), Ordering::Relaxed);
        true
    }
}

/// Tells the owner thread when the first packet of a kind leaves after each start.
#[derive(Debug, Clone)]
pub struct FirstPacket {
    armed: Arc<AtomicBool>,
    mailbox: Mailbox,
    session: SessionId,
    kind: MediaKind,
}

impl FirstPacket {
    /// For one kind of media of one session.
    #[must_use]
    pub fn new(session: SessionId, kind: MediaKind, mailbox: &Mailbox) -> Self {
        Self {
            armed: Arc::default(),
            mailbox: mailbox.clone(),
            session,
            kind,
        }
    }

    /// Sending starts now.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::Release);
    }

    /// Looks at packets on this pad.
    pub fn watch(&self, payloader_source: &gst::Pad) {
        let this = self.clone();
        let data = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        payloader_source.add_probe(data, move |_, _| {
            if this.armed.load(Ordering::Acquire) && this.armed.swap(false, Ordering::AcqRel) {
                this.mailbox
                    .post(Message::FirstPacket(this.session, this.kind, now_ns()));
            }
            gst::PadProbeReturn::Ok
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_pause_a_key_frame_passes_first() {
        let gate = Gate::default();
        assert!(!gate.passes(true, 1), "closed at birth");
        assert!(gate.set(true));
        assert!(!gate.passes(false, 1));
        assert!(gate.passes(true, 1));
        assert!(gate.passes(false, 1));
        assert!(!gate.set(true), "open already");
        assert!(gate.passes(false, 1), "opening an open gate needs no key frame");
        gate.set(false);
        assert!(!gate.passes(true, 1));
        assert!(gate.set(true));
        assert!(!gate.passes(false, 1));
        assert_eq!(
            (
                gate.frames.load(Ordering::Relaxed),
                gate.key_frames.load(Ordering::Relaxed)
            ),
            (3, 1)
        );
    }
}
