//! The streams of an endpoint: what it declared, and the SSRCs on which others are sent to it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::RngExt;
use str0m::media::{MediaKind, Mid};

use super::endpoint::{AudioSlot, Endpoint, VideoSlot};
use crate::focus::sources::{Media, Sources};

/// Heights that JVB assumes of a SIM group.
const ASSUMED: [u32; 3] = [180, 360, 720];
/// A layer without a packet for so long does not come: JVB sees its bitrate fall to zero.
const STOPPED: Duration = Duration::from_secs(3);

impl Endpoint {
    /// The assumed heights of a video source's layers, lowest first: 0 for one that does not come now. Before the
    /// endpoint's first packet all of them count.
    pub fn heights_of(&self, name: &str) -> Vec<u32> {
        let layers = self.sources.layers_of(name);
        let assumed = if layers.len() == 1 { &ASSUMED[2..] } else { &ASSUMED[..] };
        layers
            .iter()
            .zip(assumed)
            .map(|(ssrc, height)| {
                if !self.flowed || self.flowing.contains_key(ssrc) {
                    *height
                } else {
                    0
                }
            })
            .collect()
    }

    /// A packet came on this SSRC. Whether it is the first one, or the first one after a pause.
    pub fn flows(&mut self, ssrc: u32, now: Instant) -> bool {
        self.flowed = true;
        self.flowing.insert(ssrc, now).is_none()
    }

    /// Forgets SSRCs on which nothing comes any more. Whether there were any.
    pub fn forget_stopped(&mut self, now: Instant) -> bool {
        let before = self.flowing.len();
        self.flowing.retain(|_, last| now.duration_since(*last) < STOPPED);
        self.flowing.len() < before
    }

    /// The client's sources changed.
    pub fn set_sources(&mut self, now: Instant, sources: Sources) {
        let before = std::mem::take(&mut self.declared);
        self.withdrawn.extend(before.into_keys().map(|ssrc| (ssrc, now)));
        let rtx: BTreeMap<u32, u32> = sources
            .sources
            .iter()
            .filter_map(|s| sources.rtx_of(s.ssrc).map(|rtx| (rtx, s.ssrc)))
            .collect();
        for source in &sources.sources {
            let main = rtx.get(&source.ssrc).copied().unwrap_or(source.ssrc);
            self.declared.insert(source.ssrc, (source.media, main));
        }
        let main: Vec<(u32, Media)> = self
            .declared
            .iter()
            .filter(|(ssrc, (_, main))| *ssrc == main)
            .map(|(s, (m, _))| (*s, *m))
            .collect();
        for (ssrc, media) in &main {
            if self.expected.insert(*ssrc) {
                let mid = self.declare(*media);
                let repair = sources.rtx_of(*ssrc).map(Into::into);
                self.rtc
                    .direct_api()
                    .expect_stream_rx((*ssrc).into(), repair, mid, None);
            }
        }
        let gone: Vec<u32> = self
            .expected
            .iter()
            .copied()
            .filter(|s| !main.iter().any(|(m, _)| m == s))
            .collect();
        for ssrc in gone {
            self.expected.remove(&ssrc);
            self.rtc.direct_api().remove_stream_rx(ssrc.into());
        }
        self.sources = sources;
    }

    pub(super) fn declare(&mut self, media: Media) -> Mid {
        self.next_mid += 1;
        let mid: Mid = format!("m{}", self.next_mid).as_str().into();
        let kind = if media == Media::Audio {
            MediaKind::Audio
        } else {
            MediaKind::Video
        };
        self.rtc.direct_api().declare_media(mid, kind);
        mid
    }

    /// A new outgoing SSRC with its RTX.
    pub fn add_video(&mut self, ssrc: u32, rtx: u32, source: &str, layer: usize) -> usize {
        let mid = self.declare(Media::Video);
        self.rtc
            .direct_api()
            .declare_stream_tx(ssrc.into(), Some(rtx.into()), mid, None);
        let mut rng = rand::rng();
        self.video.push(VideoSlot {
            mid,
            ssrc,
            rtx,
            source: source.into(),
            layer,
            needs_key: true,
            sequence: rng.random_range(1..30_000),
            base: rng.random(),
            picture: rng.random_range(0..0x7fff),
            tl0: rng.random(),
            offset: None,
        });
        self.video.len() - 1
    }

    /// A new outgoing audio SSRC.
    pub fn add_audio(&mut self, ssrc: u32, source: &str) -> usize {
        let mid = self.declare(Media::Audio);
        self.rtc.direct_api().declare_stream_tx(ssrc.into(), None, mid, None);
        let mut rng = rand::rng();
        let slot = AudioSlot {
            ssrc,
            source: source.into(),
            told: false,
            sequence: rng.random_range(1..30_000),
            base: rng.random(),
        };
        self.audio.push(slot);
        self.audio.len() - 1
    }

    /// Stops sending on slots of sources that are gone.
    pub fn forget_source(&mut self, source: &str) {
        let gone: Vec<u32> = self
            .video
            .iter()
            .filter(|s| s.source == source)
            .map(|s| s.ssrc)
            .collect();
        let heard: Vec<u32> = self
            .audio
            .iter()
            .filter(|s| s.source == source)
            .map(|s| s.ssrc)
            .collect();
        if !self.rewriting {
            self.video.retain(|s| s.source != source);
        }
        self.audio.retain(|s| s.source != source);
        for ssrc in gone.iter().filter(|_| !self.rewriting).chain(&heard) {
            self.rtc.direct_api().remove_stream_tx((*ssrc).into());
        }
    }
}
