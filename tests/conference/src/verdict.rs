//! The rules a client must keep, and the book in which broken ones are written.
//!
//! The number in front of each name is the line of `specs/jitsi-client.md §9`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Names of the rules.
pub mod rule {
    /// RFC 7395 §3.1.
    pub const SUBPROTOCOL: &str = "1. WebSocket sub-protocol is xmpp";
    /// §1.
    pub const ROOM_PARAMETER: &str = "1. room= of the URL is the normalised room";
    /// §1.
    pub const TOKEN_PARAMETER: &str = "1. token= is there exactly when a token was given";
    /// RFC 7395 §3.3.
    pub const OPEN_FIRST: &str = "1. <open/> comes first, and again after <success/>";
    /// RFC 7395 §3.2.
    pub const FRAMING: &str = "1. one well-formed stanza with its own namespace per text frame";
    /// XEP-0198.
    pub const STREAM_MANAGEMENT: &str = "1. stream management is enabled and each <r/> is answered with the right h";
    /// XEP-0198 §5.
    pub const RESUME: &str = "1. a cut stream is resumed with previd= and the right h";
    /// §1 liveness.
    pub const RESUME_KEEPS: &str =
        "1. a resumed stream is in the room already, and nobody comes back beside their own ghost";
    /// See the text.
    pub const PING: &str = "1. the server is pinged within 15 s of silence";
    /// §2.
    pub const CONFERENCE_REQUEST_FIRST: &str = "2. conference request before each MUC join";
    /// §2.
    pub const CONFERENCE_REQUEST_SHAPE: &str =
        "2. conference request names room and a stable machine-uid, and no visitors-version";
    /// §3.
    pub const NICK: &str = "3. the nick is the first eight hexadecimal characters of the JID";
    /// §3.
    pub const SOURCE_INFO: &str = "3. SourceInfo is JSON with own sources only";
    /// §3.
    pub const CODEC_LIST: &str = "3. jitsi_participant_codecList is lower case and names vp8 or h264";
    /// §3, lobby.
    pub const LOBBY: &str = "3. the lobby is waited in under a name and another nick, and left by whoever is let in";
    /// §3, XEP-0115.
    pub const CAPS: &str = "3. caps hash equals the disco#info that is answered";
    /// §3.
    pub const FEATURES: &str = "3. disco#info has the features a bridge participant needs";
    /// §3.
    pub const PRESENCE_WHOLE: &str = "3. each presence repeats all children of the last";
    /// RFC 6120 §8.2.3.
    pub const IQ_ONCE: &str = "4. each IQ is answered exactly once, a session-initiate within 1 s";
    /// §4.
    pub const SESSION_ACCEPT: &str = "4. session-accept passes the validation of the focus";
    /// §4.
    pub const PAYLOAD_TYPES: &str = "4. payload types of the answer are those of the offer";
    /// §4.
    pub const FINGERPRINT: &str = "4. the fingerprint is sha-256 in upper case, setup is active or passive";
    /// §5.
    pub const DTLS: &str = "5. DTLS with an ECDSA certificate that has the signalled fingerprint";
    /// §5.
    pub const ICE: &str = "5. ICE connects as controlled agent";
    /// §6.
    pub const ONE_CHANNEL: &str =
        "5. one data channel `JVB data channel` with protocol http://jitsi.org/protocols/colibri";
    /// §6.
    pub const CHANNEL_STRICT: &str = "6. no channel message with unknown fields, duplicate keys or unknown class";
    /// §6.
    pub const CHANNEL_TEXT: &str = "6. channel messages are text";
    /// §6.
    pub const CHANNEL_OPENING: &str = "6. constraints and a SourceVideoTypeMessage per video source on each open";
    /// §5.
    pub const DECLARED_SSRC: &str = "6. packets are sent on declared SSRCs only";
    /// §5.
    pub const AUDIO_LEVEL: &str = "6. the audio-level extension is on every audio packet";
    /// §5.
    pub const TRANSPORT_CC: &str = "6. the transport-wide sequence number is on every packet that negotiated it";
    /// §5.
    pub const LAYER_ORDER: &str = "6. the SIM group lists layers from low to high";
    /// §5.
    pub const PICTURE_ID: &str = "6. VP8 packets carry PictureID, TL0PICIDX and the temporal layer index";
    /// §5.
    pub const SENDER_CONSTRAINTS: &str = "6. SenderSourceConstraints 0 stops packets within 1 s";
    /// §5.
    pub const KEY_FRAME: &str = "6. a key frame on the asked SSRC within 0.5 s of PLI or FIR";
    /// §5.
    pub const RTX: &str = "6. a NACK is answered on the RTX SSRC of that layer";
    /// §7.
    pub const MUTE_OBEYED: &str = "7. a moderator's mute stops the media and is shown in the presence";
    /// §7.
    pub const MUTE_IMPOSTOR: &str = "7. mute from anyone but focus, or false, is ignored";
    /// §7.
    pub const MODERATION: &str =
        "7. under AV moderation a device goes on only by the client's own will once it is allowed";
    /// §7.
    pub const BREAKOUT: &str = "7. a client that is sent to another room of the meeting goes there";
    /// §3.
    pub const KICKED_STAYS_OUT: &str = "7. a kicked client does not come back by itself";
    /// §7.
    pub const PING_REPLY: &str = "7. an e2e-ping-request is answered";
    /// §4.
    pub const MOVE: &str = "8. a moved session is accepted again within 3 s without leaving the room";
    /// §4.
    pub const RESTART_LIMIT: &str = "8. restarts name the current bridge session and keep 5 s apart";
    /// §4.
    pub const P2P_DECLINED: &str = "8. a peer's session-initiate is declined and the focus session untouched";
    /// §3.
    pub const LEAVE_ORDER: &str = "9. last packet before unavailable, unavailable before <close/>, then the socket";
    /// All of them, for tests that count.
    pub const ALL: &[&str] = &[
        SUBPROTOCOL,
        ROOM_PARAMETER,
        TOKEN_PARAMETER,
        OPEN_FIRST,
        FRAMING,
        STREAM_MANAGEMENT,
        RESUME,
        RESUME_KEEPS,
        PING,
        CONFERENCE_REQUEST_FIRST,
        CONFERENCE_REQUEST_SHAPE,
        NICK,
        SOURCE_INFO,
        CODEC_LIST,
        LOBBY,
        CAPS,
        FEATURES,
        PRESENCE_WHOLE,
        IQ_ONCE,
        SESSION_ACCEPT,
        PAYLOAD_TYPES,
        FINGERPRINT,
        DTLS,
        ICE,
        ONE_CHANNEL,
        CHANNEL_STRICT,
        CHANNEL_TEXT,
        CHANNEL_OPENING,
        DECLARED_SSRC,
        AUDIO_LEVEL,
        TRANSPORT_CC,
        LAYER_ORDER,
        PICTURE_ID,
        SENDER_CONSTRAINTS,
        KEY_FRAME,
        RTX,
        MUTE_OBEYED,
        MUTE_IMPOSTOR,
        MODERATION,
        BREAKOUT,
        KICKED_STAYS_OUT,
        PING_REPLY,
        MOVE,
        RESTART_LIMIT,
        P2P_DECLINED,
        LEAVE_ORDER,
    ];
}

/// The nine groups of rules; the number in front of each rule is its group.
pub const GROUPS: [&str; 9] = [
    "connect",
    "conference request",
    "join",
    "jingle",
    "transport",
    "channel and media",
    "control",
    "churn",
    "leave",
];

/// The group of a rule.
pub fn group(rule: &str) -> Option<&'static str> {
    let number: usize = rule.split('.').next()?.parse().ok()?;
    GROUPS.get(number.checked_sub(1)?).copied()
}

/// All rules as the table of `docs/bench.md`.
pub fn table() -> String {
    let mut out = String::from("| Group | Rule |\n|---|---|\n");
    for name in rule::ALL {
        let (number, words) = name.split_once(". ").unwrap_or(("", name));
        let words = words.replace('<', "\\<").replace('|', "\\|");
        out.push_str(&format!("| {number} {} | {words} |\n", group(name).unwrap_or_default()));
    }
    out
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BrokenRule {
    /// One of [`rule`].
    pub rule: &'static str,
    /// What was seen.
    pub detail: String,
}

/// A rule is written down at most this often; a client that breaks it a thousand times a second is as wrong as one
/// that breaks it five times.
const MOST_PER_RULE: usize = 5;

/// Where every part of the conference writes what it saw. Cheap to clone.
#[derive(Clone)]
pub struct Verdict {
    book: Arc<Mutex<Vec<BrokenRule>>>,
    patience: u32,
}

impl Default for Verdict {
    fn default() -> Self {
        Self::with_patience(1)
    }
}

impl Verdict {
    /// A book whose times are stretched by this factor ([`crate::Options::patience`]).
    pub fn with_patience(factor: u32) -> Self {
        Self {
            book: Arc::default(),
            patience: factor.max(1),
        }
    }

    /// How long a client may take for what it must do within `limit`.
    pub fn within(&self, limit: Duration) -> Duration {
        limit * self.patience
    }

    /// Writes down a broken rule.
    pub fn broken(&self, rule: &'static str, detail: impl Into<String>) {
        let detail = detail.into();
        let mut book = self.lock();
        if book.iter().filter(|b| b.rule == rule).count() < MOST_PER_RULE {
            tracing::warn!(rule, detail, "rule broken");
            book.push(BrokenRule { rule, detail });
        }
    }

    /// What was written so far.
    pub fn all(&self) -> Vec<BrokenRule> {
        self.lock().clone()
    }

    /// Forgets what was written.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<BrokenRule>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_broken_a_thousand_times_is_written_five_times() {
        let verdict = Verdict::default();
        for i in 0..1000 {
            verdict.broken(rule::AUDIO_LEVEL, format!("packet {i}"));
        }
        verdict.broken(rule::CAPS, "other");
        assert_eq!(verdict.all().len(), 6);
    }

    /// `UPDATE_DOCS=1 cargo test -p conference` writes the table anew.
    #[test]
    fn the_page_about_the_bench_has_the_rules_of_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/bench.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once("<!-- rules -->\n").unwrap();
        let (found, after) = rest.split_once("<!-- /rules -->").unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let page = format!("{before}<!-- rules -->\n{}<!-- /rules -->{after}", table());
            return std::fs::write(path, page).unwrap();
        }
        assert_eq!(found, table(), "UPDATE_DOCS=1 cargo test -p conference writes it anew");
    }

    #[test]
    fn every_rule_is_of_a_group_and_every_group_has_one() {
        for group in GROUPS {
            assert!(
                rule::ALL.iter().any(|rule| super::group(rule) == Some(group)),
                "{group}"
            );
        }
        assert!(rule::ALL.iter().all(|rule| super::group(rule).is_some()));
    }

    #[test]
    fn every_rule_has_its_own_name() {
        let mut names = rule::ALL.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), rule::ALL.len());
    }
}
