//! Jingle with the focus: the offer, our answer, sources that come and go, ends and refusals
//! (`specs/jitsi-client.md §4`). Read by hand: the type library loses source names and fails on host-name candidates.

mod action;
mod answer;
mod content;
mod json_sources;
mod local_streams;
mod offer;
mod refusal;
#[cfg(test)]
mod sample;
mod session_offer;
mod source_change;
mod source_table;
mod sources;
mod terminate;
mod transport;
mod xml_sources;

pub use action::{Action, JingleIq};
pub use answer::session_accept;
pub use content::{Content, DataContent, OfferedPayload};
pub use local_streams::{LocalLayer, LocalStreams};
pub use offer::{BridgeSession, Offer, OfferError};
pub use refusal::{bad_request, p2p_decline, unknown_session};
pub use source_change::{parse_source_change, source_add, source_remove};
pub use source_table::{BRIDGE_OWNER, SourceTable};
pub use sources::{MAX_SOURCES, OwnerSources, Semantics, Source, SourceError, SourceGroup};
pub use terminate::{Termination, session_terminate, session_terminate_for_restart};

/// Longest identifier (sid, bridge-session id, owner, name) accepted, in bytes; real ones have at most 80.
const MAX_IDENTIFIER: usize = 128;

/// An identifier that is present, printable, not empty and not too long.
fn identifier(value: Option<&str>) -> Option<String> {
    value
        .filter(|value| !value.is_empty() && value.len() <= MAX_IDENTIFIER && !value.contains(char::is_control))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_printable_and_short() {
        let long = "x".repeat(MAX_IDENTIFIER + 1);
        for refused in [None, Some(""), Some("a\nb"), Some("a\u{85}b"), Some(long.as_str())] {
            assert_eq!(identifier(refused), None, "{refused:?}");
        }
        assert_eq!(identifier(Some(&long[1..])).as_deref(), Some(&long[1..]));
        assert_eq!(identifier(Some("ab12cd34-v0")).as_deref(), Some("ab12cd34-v0"));
    }
}
