//! Where a capture device's buffers go: to the session that sends, or nowhere.

use gstreamer as gst;
use gstreamer_app::AppSrc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::now_ns;

/// Joins one capture device with at most one sender. Buffers pass by reference and never wait.
#[derive(Debug, Clone, Default)]
pub struct Tap(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    target: Mutex<Option<AppSrc>>,
    last_ns: AtomicU64,
    /// What the device gives goes nowhere.
    covered: AtomicBool,
    level: AtomicU64,
    overruns: AtomicU64,
}

impl Tap {
    /// From now on buffers go to `target`, and only there.
    pub fn connect(&self, target: &AppSrc) {
        *self.0.target.lock().unwrap_or_else(PoisonError::into_inner) = Some(target.clone());
    }

    /// Buffers go nowhere, if they went to `target`.
    pub fn disconnect(&self, target: &AppSrc) {
        let mut current = self.0.target.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref() == Some(target) {
            *current = None;
        }
    }

    /// Whether this is the same tap, not only a like one.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A buffer of the device, stamped with the common time.
    pub fn push(&self, buffer: gst::Buffer) {
        self.0.last_ns.store(now_ns(), Ordering::Relaxed);
        if !self.0.covered.load(Ordering::Acquire) {
            self.give(buffer);
        }
    }

    /// From now on only [`Tap::push_instead`] gives buffers, or the device again.
    pub fn cover(&self, covered: bool) {
        self.0.covered.store(covered, Ordering::Release);
    }

    /// A buffer in the place of those of a device that gives none, or is covered.
    pub fn push_instead(&self, buffer: gst::Buffer) {
        self.0.last_ns.store(now_ns(), Ordering::Relaxed);
        self.give(buffer);
    }

    fn give(&self, buffer: gst::Buffer) {
        let target = self.0.target.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(target) = target {
            // A stopping session refuses; that is no fault of the device.
            let _ = target.push_buffer(buffer);
        }
    }

    /// A buffer of sound (S16LE), measured on its way.
    pub fn push_sound(&self, buffer: gst::Buffer) {
        if let Ok(map) = buffer.map_readable() {
            self.0
                .level
                .store(level_dbov(map.as_slice()).to_bits(), Ordering::Relaxed);
        }
        self.push(buffer);
    }

    /// `CLOCK_MONOTONIC` ns of the last buffer, 0 before the first.
    #[must_use]
    pub fn last_ns(&self) -> u64 {
        self.0.last_ns.load(Ordering::Relaxed)
    }

    /// Whether a buffer came within the last second.
    #[must_use]
    pub fn is_flowing(&self) -> bool {
        now_ns().saturating_sub(self.last_ns()) < 1_000_000_000
    }

    /// The device was not read in time: some of what it gave is lost.
    pub fn count_overrun(&self) {
        self.0.overruns.fetch_add(1, Ordering::Relaxed);
    }

    /// How often that has happened.
    #[must_use]
    pub fn overruns(&self) -> u64 {
        self.0.overruns.load(Ordering::Relaxed)
    }

    /// Level of the last buffer of sound in dBov, -127 to 0.
    #[must_use]
    pub fn level(&self) -> f64 {
        f64::from_bits(self.0.level.load(Ordering::Relaxed))
    }
}

/// Root mean square of 16-bit samples against full scale (RFC 6464 §3).
fn level_dbov(bytes: &[u8]) -> f64 {
    let (pairs, _) = bytes.as_chunks::<2>();
    if pairs.is_empty() {
        return -127.0;
    }
    let square = |pair: &[u8; 2]| f64::from(i16::from_le_bytes(*pair)).powi(2);
    let mean = pairs.iter().map(square).sum::<f64>() / pairs.len() as f64;
    (10.0 * (mean / 32768.0_f64.powi(2)).max(1e-13).log10()).clamp(-127.0, 0.0)
}

#[cfg(test)]
mod tests {
    use super::level_dbov;

    #[test]
    fn levels_are_against_full_scale() {
        assert_eq!(level_dbov(&[0; 960]), -127.0);
        assert_eq!(level_dbov(&[]), -127.0);
        let half: Vec<u8> = (0..480).flat_map(|_| 16384_i16.to_le_bytes()).collect();
        assert!((level_dbov(&half) + 6.02).abs() < 0.01);
    }
}
