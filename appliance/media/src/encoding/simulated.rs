//! Encoders with one flaw each, as hardware has them (`specs/camera.md` §1.3): `x264enc`, spoilt. For tests, and for whoever wants to see
//! what the box makes of one: `roomd-media --trial`.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video::UpstreamForceKeyUnitEvent;

use super::catalogue::{CONSTRAINED, Key, Model, PLANAR, Path, Rate, X264};
use crate::elements::BuildError;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quirk {
    /// Each change of the rate begins anew with a key frame (Q1).
    BeginsAnew,
    /// It makes a picture as large as it comes, whatever rate is asked for (Q3, Q8).
    ConstantQuality,
    /// It does not hear that a key frame is wanted (Q4).
    Deaf,
    /// It takes only pictures whose caps name a level (Q5).
    WantsLevel,
    /// Its first way in does not work (Q7).
    BrokenPath,
    /// Its rate is that of its beginning, and pictures come late (Q9).
    Sluggish,
    /// Nothing ever comes out of it.
    Silent,
    /// It stops, and the one who waits for it with it (Q10).
    Hangs,
    /// The same, after its trial.
    HangsLater,
    /// It takes its whole process with it (Q11).
    Aborts,
    /// The same, after its trial.
    AbortsLater,
    /// It says that it fails, after its trial.
    FailsLater,
    /// It does not keep up, after its trial.
    SlowLater,
    /// Its pictures are none.
    Garbage,
    /// The same, after its trial.
    GarbageLater,
    /// There is room for one of it.
    OneAtATime,
    /// Its pictures wait for later ones.
    LooksAhead,
    /// It makes another profile than the one that was asked for.
    HighProfile,
}

/// After so many pictures what goes wrong goes wrong; and after so many what goes wrong later.
const FINE: u32 = 10;
const LATER: u32 = 90;

/// What one that does not keep up takes for a picture.
const SLOW: Duration = Duration::from_millis(80);

/// Nothing takes these caps.
const BROKEN: Path = Path {
    name: "broken",
    before: &[],
    caps: "video/x-raw,format=v210",
    settings: &[],
};

const fn simulated(name: &'static str, quirk: Quirk, settings: &'static [(&'static str, &'static str)]) -> Model {
    Model {
        name,
        factory: "x264enc",
        hardware: true,
        rate: Rate::Kilobits("bitrate"),
        key: Key::Event,
        names_level: false,
        profile: Some(CONSTRAINED),
        settings,
        paths: &[PLANAR],
        quirk: Some(quirk),
    }
}

/// One of each.
pub const SIMULATED: &[Model] = &[
    simulated("simulated-begins-anew", Quirk::BeginsAnew, X264),
    simulated(
        "simulated-constant-quality",
        Quirk::ConstantQuality,
        &[
            ("pass", "quant"),
            ("quantizer", "12"),
            ("tune", "zerolatency"),
            ("speed-preset", "ultrafast"),
            ("key-int-max", "9000"),
        ],
    ),
    simulated("simulated-deaf", Quirk::Deaf, X264),
    Model {
        names_level: true,
        ..simulated("simulated-wants-level", Quirk::WantsLevel, X264)
    },
    Model {
        paths: &[BROKEN, PLANAR],
        ..simulated("simulated-broken-path", Quirk::BrokenPath, X264)
    },
    simulated(
        "simulated-sluggish",
        Quirk::Sluggish,
        &[
            ("speed-preset", "ultrafast"),
            ("key-int-max", "9000"),
            ("threads", "1"),
            ("option-string", "rc-lookahead=3:sync-lookahead=0:bframes=0"),
        ],
    ),
    simulated("simulated-silent", Quirk::Silent, X264),
    simulated("simulated-hangs", Quirk::Hangs, X264),
    simulated("simulated-hangs-later", Quirk::HangsLater, X264),
    simulated("simulated-aborts", Quirk::Aborts, X264),
    simulated("simulated-aborts-later", Quirk::AbortsLater, X264),
    simulated("simulated-fails-later", Quirk::FailsLater, X264),
    simulated("simulated-slow-later", Quirk::SlowLater, X264),
    simulated("simulated-garbage", Quirk::Garbage, X264),
    simulated("simulated-one-at-a-time", Quirk::OneAtATime, X264),
    simulated("simulated-garbage-later", Quirk::GarbageLater, X264),
    Model {
        profile: Some("main"),
        ..simulated(
            "simulated-looks-ahead",
            Quirk::LooksAhead,
            &[
                ("speed-preset", "ultrafast"),
                ("key-int-max", "9000"),
                ("threads", "1"),
                ("bframes", "2"),
                ("b-adapt", "false"),
            ],
        )
    },
    Model {
        profile: Some("high"),
        ..simulated(
            "simulated-high-profile",
            Quirk::HighProfile,
            &[
                ("tune", "zerolatency"),
                ("speed-preset", "ultrafast"),
                ("key-int-max", "9000"),
                ("threads", "1"),
                ("dct8x8", "true"),
            ],
        )
    },
];

/// Whether it takes another rate while it works.
pub(super) fn hears_rate(quirk: Quirk) -> bool {
    !matches!(quirk, Quirk::Sluggish | Quirk::ConstantQuality)
}

/// Spoils an encoder.
///
/// # Errors
/// It wants what it was not given, or has no pads.
pub(super) fn spoil(element: &gst::Element, quirk: Quirk) -> Result<(), BuildError> {
    let pad = element.static_pad("src");
    let pad = pad.ok_or_else(|| BuildError::GStreamer("an encoder without a pad".into()))?;
    match quirk {
        Quirk::Deaf => {
            pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, |_, info| match info.event() {
                Some(event) if UpstreamForceKeyUnitEvent::parse(event).is_ok() => gst::PadProbeReturn::Handled,
                _ => gst::PadProbeReturn::Ok,
            });
        }
        Quirk::Silent => {
            pad.add_probe(gst::PadProbeType::BUFFER, |_, _| gst::PadProbeReturn::Drop);
        }
        Quirk::OneAtATime => {
            static TAKEN: AtomicBool = AtomicBool::new(false);
            if TAKEN.swap(true, Ordering::Relaxed) {
                return Err(BuildError::GStreamer("no instance is free".into()));
            }
            element.add_weak_ref_notify(|| TAKEN.store(false, Ordering::Relaxed));
        }
        Quirk::WantsLevel => {
            let caps = pad.peer_query_caps(None);
            let named = caps.structure(0).is_some_and(|structure| structure.has_field("level"));
            if !named {
                return Err(BuildError::GStreamer("STREAMON: -3, no level".into()));
            }
        }
        Quirk::Hangs
        | Quirk::HangsLater
        | Quirk::Aborts
        | Quirk::AbortsLater
        | Quirk::FailsLater
        | Quirk::SlowLater
        | Quirk::Garbage
        | Quirk::GarbageLater => {
            let is_early = matches!(quirk, Quirk::Hangs | Quirk::Aborts | Quirk::Garbage);
            let element = element.downgrade();
            let (seen, limit) = (AtomicU32::new(0), if is_early { FINE } else { LATER });
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let fine = seen.fetch_add(1, Ordering::Relaxed) < limit;
                match quirk {
                    Quirk::Hangs | Quirk::HangsLater if !fine => loop {
                        std::thread::park();
                    },
                    Quirk::Aborts | Quirk::AbortsLater if !fine => std::process::abort(),
                    Quirk::FailsLater if !fine => {
                        if let Some(element) = element.upgrade() {
                            gst::element_error!(element, gst::LibraryError::Encode, ("it fails"));
                        }
                        return gst::PadProbeReturn::Drop;
                    }
                    Quirk::SlowLater if !fine => std::thread::sleep(SLOW),
                    Quirk::Garbage | Quirk::GarbageLater if !fine => {
                        if let Some(buffer) = info.buffer_mut()
                            && let Ok(mut bytes) = buffer.make_mut().map_writable()
                        {
                            // Where the last part begins and what it is stays as it is; what it shows does not.
                            let last = bytes.windows(3).rposition(|bytes| bytes == [0, 0, 1]).unwrap_or(0);
                            bytes.iter_mut().skip(last + 16).for_each(|byte| *byte = !*byte);
                        }
                    }
                    _ => {}
                }
                gst::PadProbeReturn::Ok
            });
        }
        // These are so by their settings.
        Quirk::BeginsAnew
        | Quirk::ConstantQuality
        | Quirk::Sluggish
        | Quirk::BrokenPath
        | Quirk::LooksAhead
        | Quirk::HighProfile => {}
    }
    Ok(())
}
