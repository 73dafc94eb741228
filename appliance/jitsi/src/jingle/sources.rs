//! Sources and their groups, whichever way they were written.

use media_protocol::{MediaKind, VideoType};

/// Most sources of one message, and of the table.
pub const MAX_SOURCES: usize = 1000;
/// Most groups of one message.
pub(crate) const MAX_GROUPS: usize = 1000;
/// Most SSRCs in a group.
pub(crate) const MAX_GROUP: usize = 20;

/// Why sources were refused. The message they came in is answered with `bad-request` and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// More than [`MAX_SOURCES`] sources or as many groups.
    #[error("too many sources or groups")]
    TooMany,
    /// The JSON is not an object of owners with their lists.
    #[error("the sources are not the JSON of the focus")]
    Malformed,
}

/// What the SSRCs of a group are to each other (RFC 5576 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Semantics {
    /// A stream and its retransmissions.
    Fid,
    /// Simulcast layers, low to high.
    Sim,
}

/// SSRCs that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceGroup {
    /// How.
    pub semantics: Semantics,
    /// Which, in order.
    pub ssrcs: Vec<u32>,
}

/// One SSRC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Synchronisation source, never 0.
    pub ssrc: u32,
    /// Audio or video.
    pub kind: MediaKind,
    /// Source name; the focus invents one where the owner gave none.
    pub name: Option<String>,
    /// Media stream id.
    pub msid: Option<String>,
    /// Camera or screen; video only.
    pub video_type: Option<VideoType>,
}

/// All that one message says about one owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerSources {
    /// Endpoint id, or [`super::BRIDGE_OWNER`].
    pub owner: String,
    /// Its SSRCs.
    pub sources: Vec<Source>,
    /// Its groups.
    pub groups: Vec<SourceGroup>,
}

impl OwnerSources {
    pub(crate) fn of(owner: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            sources: Vec::new(),
            groups: Vec::new(),
        }
    }
}
