//! What is kept of a meeting, as presences and the room's metadata tell it (`specs/jitsi-client.md §7`).

use minidom::{Element, NSChoice};

use crate::stanza::limited;

/// State of one recording, from the focus's presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingStatus {
    /// Which recording.
    pub session: String,
    /// It goes out live, and is not only kept.
    pub broadcast: bool,
    /// It runs.
    pub on: bool,
}

impl RecordingStatus {
    /// Reads `<jibri-recording-status/>` of a presence.
    pub fn parse(presence: &Element) -> Option<Self> {
        let status = presence.get_child("jibri-recording-status", NSChoice::Any)?;
        let mode = status.attr("recording_mode").unwrap_or_default();
        Some(Self {
            session: limited(status.attr("session_id").unwrap_or_default(), 64),
            broadcast: mode.eq_ignore_ascii_case("stream"),
            on: status
                .attr("status")
                .is_some_and(|status| status.eq_ignore_ascii_case("on")),
        })
    }
}

/// Reads `<transcription-status/>` of an occupant: whether what is said is written down.
pub fn transcription(presence: &Element) -> Option<bool> {
    let status = presence.get_child("transcription-status", NSChoice::Any)?;
    Some(status.attr("status")?.eq_ignore_ascii_case("on"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    fn presence(inside: &str) -> Element {
        parse(&format!(
            "<presence xmlns='jabber:client' from='r@m/focus'>{inside}</presence>"
        ))
        .unwrap()
    }

    #[test]
    fn a_recording_is_on_only_when_it_says_so() {
        for (status, mode, on, broadcast) in [
            ("on", "file", true, false),
            ("pending", "file", false, false),
            ("off", "stream", false, true),
            ("ON", "STREAM", true, true),
        ] {
            let presence = presence(&format!(
                "<jibri-recording-status xmlns='http://jitsi.org/protocol/jibri' status='{status}' recording_mode='{mode}' session_id='s'/>"
            ));
            let read = RecordingStatus::parse(&presence).unwrap();
            assert_eq!((read.session.as_str(), read.on, read.broadcast), ("s", on, broadcast));
        }
        assert_eq!(RecordingStatus::parse(&presence("")), None);
    }

    #[test]
    fn a_transcriber_says_whether_it_writes() {
        let status = |status: &str| transcription(&presence(&format!("<transcription-status status='{status}'/>")));
        assert_eq!((status("ON"), status("OFF")), (Some(true), Some(false)));
        assert_eq!(transcription(&presence("")), None);
    }
}
