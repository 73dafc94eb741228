//! The SSRCs and stream ids we send with, chosen once per session.

use std::collections::BTreeSet;

use media_protocol::{LayerPlan, MediaKind, VideoType};
use rand::{Rng, RngExt};

use crate::muc::{audio_source_name, camera_source_name};
use crate::options::Layer;

use super::sources::{OwnerSources, Semantics, Source, SourceGroup};

/// SSRCs of one simulcast layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalLayer {
    /// Media.
    pub ssrc: u32,
    /// Retransmissions.
    pub rtx_ssrc: u32,
}

/// What we send. Camera and microphone keep their SSRCs while muted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalStreams {
    /// Our endpoint id.
    pub id: String,
    /// Microphone.
    pub audio_ssrc: u32,
    /// Camera layers, low to high.
    pub layers: Vec<LocalLayer>,
    audio_msid: String,
    video_msid: String,
}

impl LocalStreams {
    /// Chooses streams for participant `id` with `layers` simulcast layers: SSRCs are not 0, distinct, and not among
    /// those for which `taken` is true (the focus refuses the session otherwise).
    pub fn generate(id: &str, layers: usize, taken: impl Fn(u32) -> bool, chance: &mut impl Rng) -> Self {
        let mut chosen = BTreeSet::new();
        let mut next = || loop {
            let ssrc = chance.random::<u32>();
            if ssrc != 0 && !taken(ssrc) && chosen.insert(ssrc) {
                return ssrc;
            }
        };
        let audio_ssrc = next();
        let layers = (0..layers)
            .map(|_| LocalLayer {
                ssrc: next(),
                rtx_ssrc: next(),
            })
            .collect();
        let track = chance.random::<u64>();
        Self {
            id: id.to_owned(),
            audio_ssrc,
            layers,
            audio_msid: format!("{id}-audio-0-1 {track:016x}-a"),
            video_msid: format!("{id}-video-0-1 {track:016x}-v"),
        }
    }

    /// The layers as the worker wants them, all enabled.
    pub fn layer_plans(&self, layers: &[Layer]) -> Vec<LayerPlan> {
        let plan = |(local, layer): (&LocalLayer, &Layer)| LayerPlan {
            ssrc: local.ssrc,
            rtx_ssrc: local.rtx_ssrc,
            height: layer.height,
            bitrate: layer.bitrate,
            enabled: true,
        };
        self.layers.iter().zip(layers).map(plan).collect()
    }

    /// Our microphone as signalled.
    pub fn audio(&self) -> OwnerSources {
        let source = self.source(self.audio_ssrc, MediaKind::Audio);
        OwnerSources {
            sources: vec![source],
            ..OwnerSources::of(&self.id)
        }
    }

    /// Our camera as signalled: the layers, then their retransmissions; SIM low to high, one FID per layer.
    pub fn video(&self) -> OwnerSources {
        let media = self.layers.iter().map(|layer| layer.ssrc);
        let all = media.clone().chain(self.layers.iter().map(|layer| layer.rtx_ssrc));
        let simulcast = (self.layers.len() > 1).then(|| SourceGroup {
            semantics: Semantics::Sim,
            ssrcs: media.collect(),
        });
        let rtx = self.layers.iter().map(|layer| SourceGroup {
            semantics: Semantics::Fid,
            ssrcs: vec![layer.ssrc, layer.rtx_ssrc],
        });
        OwnerSources {
            owner: self.id.clone(),
            sources: all.map(|ssrc| self.source(ssrc, MediaKind::Video)).collect(),
            groups: simulcast.into_iter().chain(rtx).collect(),
        }
    }

    fn source(&self, ssrc: u32, kind: MediaKind) -> Source {
        let (name, msid, video_type) = match kind {
            MediaKind::Audio => (audio_source_name(&self.id), &self.audio_msid, None),
            MediaKind::Video => (camera_source_name(&self.id), &self.video_msid, Some(VideoType::Camera)),
        };
        Source {
            ssrc,
            kind,
            name: Some(name),
            msid: Some(msid.clone()),
            video_type,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Gives 0, then each number twice.
    struct Stubborn(u32);

    impl rand::rand_core::TryRng for Stubborn {
        type Error = std::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            let number = self.0 / 2;
            self.0 += 1;
            Ok(number)
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            self.try_next_u32().map(u64::from)
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(0);
            Ok(())
        }
    }

    #[test]
    fn ssrcs_are_not_zero_not_taken_and_distinct_whatever_chance_gives() {
        let streams = LocalStreams::generate("ab", 3, |ssrc| ssrc == 2, &mut Stubborn(0));
        let layers: Vec<_> = streams
            .layers
            .iter()
            .map(|layer| (layer.ssrc, layer.rtx_ssrc))
            .collect();
        assert_eq!((streams.audio_ssrc, layers), (1, vec![(3, 4), (5, 6), (7, 8)]));
    }

    #[test]
    fn another_session_has_other_ssrcs_and_stream_ids() {
        let mut chance = rand::rngs::StdRng::seed_from_u64(7);
        let [one, two] = [(); 2].map(|()| LocalStreams::generate("ab", 3, |_| false, &mut chance));
        assert_ne!(one, two);
        assert_ne!(one.video_msid, two.video_msid);
    }

    #[test]
    fn one_layer_has_no_simulcast_group_and_none_has_no_source() {
        let mut chance = rand::rngs::StdRng::seed_from_u64(7);
        let one = LocalStreams::generate("ab", 1, |_| false, &mut chance).video();
        assert_eq!(
            one.groups.iter().map(|group| group.semantics).collect::<Vec<_>>(),
            [Semantics::Fid]
        );
        let none = LocalStreams::generate("ab", 0, |_| false, &mut chance).video();
        assert!(none.sources.is_empty() && none.groups.is_empty());
    }
}
