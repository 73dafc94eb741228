//! SDP is webrtcbin's language, not ours: this module writes the other side's offer for it and reads our ICE
//! parameters out of its answer. Pure text.
//!
//! There is one audio and one video section for everything and no `a=ssrc` line at all: SSRCs are kept by ourselves
//! (`specs/media-engine.md §3.2, §4`), so the description never changes during a session. Nothing that came from the
//! network is written without a check: a line break in a value would become a line of our own.

use media_protocol::{AudioOffer, Candidate, PayloadType, SessionOffer, VideoOffer};
use std::cmp::Reverse;
use std::fmt::Write as _;

/// URI of the audio level header extension (RFC 6464).
pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// URI of the transport-wide congestion control header extension.
pub const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Longest value taken from the other side, in bytes.
const MAX_VALUE: usize = 512;
/// Most candidates taken.
const MAX_CANDIDATES: usize = 64;
/// Most payload types of one section, and most parameters of one payload type.
const MAX_LIST: usize = 32;

/// Why an offer or answer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// A value holds something that does not belong into an SDP line.
    #[error("the {0} of the offer has characters that SDP does not allow, or is too long")]
    Value(&'static str),
    /// Too many of something.
    #[error("the offer has more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are taken.
        limit: usize,
    },
    /// Something needed is absent.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// A number outside its range.
    #[error("the {0} of the offer is out of range")]
    Range(&'static str),
}

/// Media identification of the audio section, m-line 0.
pub const AUDIO_MID: &str = "audio";
/// Media identification of the video section, m-line 1.
pub const VIDEO_MID: &str = "video";
/// Media identification of the data section, m-line 2, when the other side offers SCTP.
pub const DATA_MID: &str = "data";

/// Writes the offer as SDP (RFC 8866, RFC 9143 bundle, RFC 8839 ICE, RFC 8841 data).
///
/// # Errors
/// [`SdpError`] names the first value that cannot be written.
pub fn offer(offer: &SessionOffer) -> Result<String, SdpError> {
    let transport = transport_lines(offer)?;
    let mut sdp = String::with_capacity(4096);
    let bundle = if offer.remote.sctp_port.is_some() {
        "audio video data"
    } else {
        "audio video"
    };
    let _ = write!(
        sdp,
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {bundle}\r\n"
    );
    audio_section(&mut sdp, &offer.audio, &transport)?;
    for candidate in candidates(offer)? {
        let _ = write!(sdp, "a={candidate}\r\n");
    }
    sdp.push_str("a=end-of-candidates\r\n");
    video_section(&mut sdp, &offer.video, &transport)?;
    if let Some(port) = offer.remote.sctp_port {
        let _ = write!(
            sdp,
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n{transport}"
        );
        let _ = write!(
            sdp,
            "a=mid:{DATA_MID}\r\na=sctp-port:{port}\r\na=max-message-size:262144\r\n"
        );
    }
    Ok(sdp)
}

/// Candidates that can be used: UDP, component 1. Other transports are skipped, not refused.
fn candidates(offer: &SessionOffer) -> Result<Vec<String>, SdpError> {
    if offer.remote.candidates.len() > MAX_CANDIDATES {
        return Err(SdpError::TooMany {
            what: "candidates",
            limit: MAX_CANDIDATES,
        });
    }
    let usable = |candidate: &&Candidate| candidate.component == 1 && candidate.protocol.eq_ignore_ascii_case("udp");
    let mut usable: Vec<&Candidate> = offer.remote.candidates.iter().filter(usable).collect();
    // libnice 0.1.21 gives up the whole component when the first candidate is an IPv6 one that cannot be reached.
    usable.sort_by_key(|candidate| (candidate.address.is_ipv6(), Reverse(candidate.priority)));
    usable.into_iter().map(candidate).collect()
}

fn candidate(candidate: &Candidate) -> Result<String, SdpError> {
    let foundation = token(&candidate.foundation, "candidate foundation")?;
    let kind = candidate.kind.as_str();
    if !matches!(kind, "host" | "srflx" | "prflx" | "relay") {
        return Err(SdpError::Value("candidate type"));
    }
    let (priority, address, port) = (candidate.priority, candidate.address, candidate.port);
    let mut line = format!("candidate:{foundation} 1 UDP {priority} {address} {port} typ {kind}");
    if kind != "host" {
        // The related address is for diagnosis only (RFC 8839 §5.1); parsers want one.
        line.push_str(if address.is_ipv4() {
            " raddr 0.0.0.0 rport 9"
        } else {
            " raddr :: rport 9"
        });
    }
    Ok(line)
}

fn transport_lines(offer: &SessionOffer) -> Result<String, SdpError> {
    let remote = &offer.remote;
    let ufrag = ice_chars(&remote.ufrag, "ICE user fragment")?;
    let pwd = ice_chars(&remote.pwd, "ICE password")?;
    let mut lines = format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n");
    if remote.fingerprints.len() > MAX_LIST {
        return Err(SdpError::TooMany {
            what: "fingerprints",
            limit: MAX_LIST,
        });
    }
    let first = remote
        .fingerprints
        .first()
        .ok_or(SdpError::Missing("certificate fingerprint in the offer"))?;
    for fingerprint in &remote.fingerprints {
        let hash = token(&fingerprint.hash, "fingerprint hash")?;
        let value = token(&fingerprint.value, "fingerprint")?;
        let _ = write!(lines, "a=fingerprint:{hash} {value}\r\n");
    }
    let setup = first.setup.as_str();
    if !matches!(setup, "actpass" | "active" | "passive") {
        return Err(SdpError::Value("DTLS setup"));
    }
    let _ = write!(lines, "a=setup:{setup}\r\n");
    Ok(lines)
}

fn audio_section(sdp: &mut String, audio: &AudioOffer, transport: &str) -> Result<(), SdpError> {
    media_line(sdp, "audio", &audio.payload_types)?;
    let _ = write!(sdp, "{transport}a=mid:{AUDIO_MID}\r\na=sendrecv\r\na=rtcp-mux\r\n");

    extension(sdp, audio.transport_cc_extension, TRANSPORT_CC)?;
    payload_types(sdp, &audio.payload_types)
}

fn video_section(sdp: &mut String, video: &VideoOffer, transport: &str) -> Result<(), SdpError> {
    media_line(sdp, "video", &video.payload_types)?;
    let _ = write!(
        sdp,
        "{transport}a=mid:{VIDEO_MID}\r\na=sendrecv\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
    );
    extension(sdp, video.transport_cc_extension, TRANSPORT_CC)?;
    payload_types(sdp, &video.payload_types)
}

fn media_line(sdp: &mut String, media: &str, types: &[PayloadType]) -> Result<(), SdpError> {
    if types.is_empty() {
        return Err(SdpError::Missing("payload type in the offer"));
    }
    if types.len() > MAX_LIST {
        return Err(SdpError::TooMany {
            what: "payload types",
            limit: MAX_LIST,
        });
    }
    let _ = write!(sdp, "m={media} 9 UDP/TLS/RTP/SAVPF");
    for number in types.iter().flat_map(|kind| [Some(kind.number), kind.rtx]).flatten() {
        if number > 127 {
            return Err(SdpError::Range("payload type"));
        }
        let _ = write!(sdp, " {number}");
    }
    sdp.push_str("\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n");
    Ok(())
}

fn payload_types(sdp: &mut String, types: &[PayloadType]) -> Result<(), SdpError> {
    for kind in types {
        let (number, name, rate) = (
            kind.number,
            token(&kind.encoding_name, "encoding name")?,
            kind.clock_rate,
        );
        let _ = write!(sdp, "a=rtpmap:{number} {name}/{rate}");
        if let Some(channels) = kind.channels.filter(|channels| *channels > 1) {
            let _ = write!(sdp, "/{channels}");
        }
        sdp.push_str("\r\n");
        if kind.parameters.len() > MAX_LIST || kind.feedback.len() > MAX_LIST {
            return Err(SdpError::TooMany {
                what: "parameters of a payload type",
                limit: MAX_LIST,
            });
        }
        if !kind.parameters.is_empty() {
            let pairs = kind.parameters.iter().map(|(key, value)| {
                let value = text(value, "format parameter")?;
                // Some formats have bare values without a name (telephone-event 0-15).
                if key.is_empty() {
                    Ok(value.to_owned())
                } else {
                    Ok(format!("{}={value}", token(key, "format parameter")?))
                }
            });
            let pairs = pairs.collect::<Result<Vec<_>, SdpError>>()?;
            let _ = write!(sdp, "a=fmtp:{number} {}\r\n", pairs.join(";"));
        }
        // Without FIR in it, webrtcbin asks by PLI, as browsers do: a FIR that asks for a rewritten SSRC is dropped by the
        // bridge (seen on jitsi-videobridge). FIR that arrives is obeyed all the same.
        for feedback in kind.feedback.iter().filter(|feedback| *feedback != "ccm fir") {
            let _ = write!(sdp, "a=rtcp-fb:{number} {}\r\n", text(feedback, "RTCP feedback")?);
        }
        if let Some(rtx) = kind.rtx {
            let _ = write!(sdp, "a=rtpmap:{rtx} rtx/{rate}\r\na=fmtp:{rtx} apt={number}\r\n");
        }
    }
    Ok(())
}

fn extension(sdp: &mut String, id: Option<u8>, uri: &str) -> Result<(), SdpError> {
    match id {
        None => Ok(()),
        // One-byte header extensions (RFC 8285 §4.2).
        Some(id @ 1..=14) => {
            let _ = write!(sdp, "a=extmap:{id} {uri}\r\n");
            Ok(())
        }
        Some(_) => Err(SdpError::Range("header extension id")),
    }
}

/// A value without spaces.
fn token<'a>(value: &'a str, what: &'static str) -> Result<&'a str, SdpError> {
    let fits = !value.is_empty() && value.len() <= MAX_VALUE && value.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(value) } else { Err(SdpError::Value(what)) }
}

/// A value of one line.
fn text<'a>(value: &'a str, what: &'static str) -> Result<&'a str, SdpError> {
    let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if value.len() <= MAX_VALUE && value.bytes().all(printable) {
        Ok(value)
    } else {
        Err(SdpError::Value(what))
    }
}

/// `ice-char` of RFC 8839 §5.4.
fn ice_chars<'a>(value: &'a str, what: &'static str) -> Result<&'a str, SdpError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let fits = (4..=256).contains(&value.len()) && value.bytes().all(allowed);
    if fits { Ok(value) } else { Err(SdpError::Value(what)) }
}

/// Our half of ICE and the DTLS role, out of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// ICE user fragment.
    pub ufrag: String,
    /// ICE password.
    pub pwd: String,
    /// `active` or `passive`.
    pub setup: String,
}

/// Reads the answer that webrtcbin made. Its fingerprint is not read, it is wrong (`specs/media-engine.md §3.7`).
///
/// # Errors
/// [`SdpError::Missing`] when webrtcbin refused the sections.
pub fn read_answer(sdp: &str) -> Result<Answer, SdpError> {
    let value = |name: &str| {
        sdp.lines()
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.trim().to_owned())
    };
    Ok(Answer {
        ufrag: value("a=ice-ufrag:").ok_or(SdpError::Missing("ICE user fragment in the answer"))?,
        pwd: value("a=ice-pwd:").ok_or(SdpError::Missing("ICE password in the answer"))?,
        setup: value("a=setup:").ok_or(SdpError::Missing("DTLS role in the answer"))?,
    })
}

#[cfg(test)]
#[path = "sdp_tests.rs"]
mod tests;
