//! Which SSRC is whose: signalled sources, and what the bridge maps onto its own SSRCs on top of them.

use std::collections::BTreeMap;

use media_protocol::{MediaKind, RemoteStream, VideoType};

use crate::bridge::SourceMapping;

use super::sources::{MAX_SOURCES, OwnerSources, Semantics, Source};

/// Owner of the bridge's own mixed sources; never a person.
pub const BRIDGE_OWNER: &str = "jvb";

/// Most mappings kept; the bridge has 50 audio and 50 video slots (`specs/jitsi-client.md §5`).
const MAX_MAPPINGS: usize = 256;

/// Most streams of one plan: it stays far below what the media worker reads in one message.
const MAX_STREAMS: usize = 500;

/// All that is known of the sources of one session.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourceTable {
    signalled: BTreeMap<u32, Signalled>,
    mapped: BTreeMap<u32, RemoteStream>,
}

#[derive(Debug, Clone, PartialEq)]
struct Signalled {
    owner: String,
    source: Source,
    /// SSRC of its retransmissions (FID).
    rtx: Option<u32>,
    /// It carries retransmissions, or a simulcast layer the bridge never forwards under this SSRC.
    secondary: bool,
}

impl SourceTable {
    /// A new session: what was known is forgotten.
    pub fn reset(&mut self, sources: &[OwnerSources]) {
        *self = Self::default();
        self.add(sources);
    }

    /// Sources appear. An SSRC that is known already changes its owner. True if something changed.
    pub fn add(&mut self, sources: &[OwnerSources]) -> bool {
        let before = self.signalled.clone();
        for entry in sources {
            for source in &entry.sources {
                if self.signalled.len() >= MAX_SOURCES && !self.signalled.contains_key(&source.ssrc) {
                    break;
                }
                let (owner, source) = (entry.owner.clone(), source.clone());
                self.signalled.insert(
                    source.ssrc,
                    Signalled {
                        owner,
                        source,
                        rtx: None,
                        secondary: false,
                    },
                );
            }
            for group in &entry.groups {
                let Some((first, others)) = group.ssrcs.split_first() else {
                    continue;
                };
                for other in others {
                    if let Some(other) = self.owned(*other, &entry.owner) {
                        other.secondary = true;
                    }
                }
                if let (Semantics::Fid, Some(rtx), Some(first)) =
                    (group.semantics, others.first(), self.owned(*first, &entry.owner))
                {
                    first.rtx = Some(*rtx);
                }
            }
        }
        before != self.signalled
    }

    /// Sources disappear; only the owner named with them can lose one. True if something changed.
    pub fn remove(&mut self, sources: &[OwnerSources]) -> bool {
        let before = self.signalled.len();
        for entry in sources {
            for source in &entry.sources {
                if self.owned(source.ssrc, &entry.owner).is_some() {
                    self.signalled.remove(&source.ssrc);
                }
            }
        }
        before != self.signalled.len()
    }

    /// Somebody left: nobody sends a source-remove for them. True if something changed.
    pub fn drop_owner(&mut self, owner: &str) -> bool {
        let before = self.signalled.len() + self.mapped.len();
        self.signalled.retain(|_, entry| entry.owner != owner);
        self.mapped.retain(|_, stream| stream.owner != owner);
        before != self.signalled.len() + self.mapped.len()
    }

    /// The bridge maps sources onto SSRCs of its own: only what is new is in the message. The same SSRC may get another
    /// source, and a source another SSRC. True if something changed.
    pub fn map(&mut self, kind: MediaKind, mappings: &[SourceMapping]) -> bool {
        let before = self.mapped.clone();
        for mapping in mappings.iter().filter(|mapping| mapping.owner != BRIDGE_OWNER) {
            self.mapped
                .retain(|ssrc, stream| *ssrc == mapping.ssrc || stream.kind != kind || stream.source != mapping.source);
            if self.mapped.len() >= MAX_MAPPINGS && !self.mapped.contains_key(&mapping.ssrc) {
                break;
            }
            let video_type = (kind == MediaKind::Video).then_some(mapping.video_type.unwrap_or(VideoType::Camera));
            let stream = RemoteStream {
                ssrc: mapping.ssrc,
                rtx_ssrc: mapping.rtx,
                kind,
                source: mapping.source.clone(),
                owner: mapping.owner.clone(),
                video_type,
            };
            self.mapped.insert(mapping.ssrc, stream);
        }
        before != self.mapped
    }

    /// Whether an SSRC is in use by anybody.
    pub fn contains(&self, ssrc: u32) -> bool {
        let mapped = || {
            self.mapped
                .values()
                .any(|stream| stream.ssrc == ssrc || stream.rtx_ssrc == Some(ssrc))
        };
        self.signalled.contains_key(&ssrc) || mapped()
    }

    /// The streams that may arrive, by SSRC: mapped ones, and signalled ones that are not mapped over, at most 500.
    pub fn streams(&self) -> Vec<RemoteStream> {
        let mut streams = self.mapped.clone();
        for (ssrc, entry) in &self.signalled {
            if streams.len() >= MAX_STREAMS {
                break;
            }
            if entry.secondary || entry.owner == BRIDGE_OWNER || streams.contains_key(ssrc) {
                continue;
            }
            let source = name(entry);
            if self
                .mapped
                .values()
                .any(|stream| stream.kind == entry.source.kind && stream.source == source)
            {
                continue;
            }
            let stream = RemoteStream {
                ssrc: *ssrc,
                rtx_ssrc: entry.rtx,
                kind: entry.source.kind,
                source,
                owner: entry.owner.clone(),
                video_type: entry.source.video_type,
            };
            streams.insert(*ssrc, stream);
        }
        streams.into_values().collect()
    }

    fn owned(&mut self, ssrc: u32, owner: &str) -> Option<&mut Signalled> {
        self.signalled.get_mut(&ssrc).filter(|entry| entry.owner == owner)
    }
}

/// The source's name, or the one the focus would invent.
fn name(entry: &Signalled) -> String {
    let kind = match entry.source.kind {
        MediaKind::Audio => "a0",
        MediaKind::Video => "v0",
    };
    entry
        .source
        .name
        .clone()
        .unwrap_or_else(|| format!("{}-{kind}", entry.owner))
}

#[cfg(test)]
#[path = "source_table_tests.rs"]
mod tests;
