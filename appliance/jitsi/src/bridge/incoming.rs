//! What the bridge says to us, read within limits. A message of a class we do not know is [`Incoming::Ignored`]; one we
//! know and cannot read is an error, for the log.

use media_protocol::VideoType;
use serde_json::{Map, Value};

use crate::stanza::limited;

/// Largest message read, in bytes. JSON depth is limited to 128 by `serde_json`.
pub const MAX_MESSAGE_BYTES: usize = 256 << 10;
/// Most entries of a list.
const MAX_ENTRIES: usize = 500;
/// Longest name of a source or endpoint.
const MAX_NAME: usize = 128;

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IncomingError {
    /// Above [`MAX_MESSAGE_BYTES`].
    #[error("a bridge message of {0} bytes is above the limit of {MAX_MESSAGE_BYTES}")]
    TooLarge(usize),
    /// Not a JSON object with a `colibriClass`.
    #[error("a bridge message is not a JSON object with a class")]
    Malformed,
    /// A field is missing or of another type.
    #[error("a bridge message of class {class} lacks a readable {field}")]
    Field {
        /// Class of the message.
        class: &'static str,
        /// Name of the field.
        field: &'static str,
    },
    /// A list has more than 500 entries.
    #[error("a bridge message of class {0} has too many entries")]
    TooMany(&'static str),
}

/// A source and the SSRC under which the bridge forwards it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMapping {
    /// Source name.
    pub source: String,
    /// Endpoint id of the owner; taken from the source name where the bridge does not say.
    pub owner: String,
    /// Media SSRC.
    pub ssrc: u32,
    /// SSRC of the retransmissions, video only.
    pub rtx: Option<u32>,
    /// Camera or screen, video only.
    pub video_type: Option<VideoType>,
}

/// A message from the bridge.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// The channel works.
    ServerHello {
        /// Of the bridge, where it says so.
        version: Option<String>,
    },
    /// How high our source may be sent: 0 stop, none without limit.
    SenderSourceConstraints {
        /// Our source.
        source: String,
        /// Short side in pixels.
        max_height: Option<u32>,
    },
    /// Who speaks; `silence` says that nobody does now.
    DominantSpeaker {
        /// Endpoint id.
        endpoint: String,
        /// Nobody speaks.
        silence: bool,
    },
    /// The video sources the bridge forwards to us now.
    ForwardedSources(Vec<String>),
    /// Video sources got SSRCs; only what is new.
    VideoSourcesMap(Vec<SourceMapping>),
    /// Audio sources got SSRCs; only what is new.
    AudioSourcesMap(Vec<SourceMapping>),
    /// Whether packets of a participant reach the bridge.
    EndpointConnectivity {
        /// Endpoint id.
        endpoint: String,
        /// They do.
        active: bool,
    },
    /// What the bridge thinks we can receive.
    ConnectionStats {
        /// bit/s.
        estimated_downlink: u64,
    },
    /// From another participant.
    EndpointMessage {
        /// Endpoint id; the bridge fills it in.
        from: String,
        /// The payload.
        payload: Value,
    },
    /// Another participant's quality.
    EndpointStats {
        /// Endpoint id.
        from: String,
        /// How good its connection is, 0 to 100, where it says so.
        quality: Option<u8>,
    },
    /// A class we do not know, cut to 64 characters, or know and do nothing with.
    Ignored(String),
}

impl Incoming {
    /// Reads a text frame.
    ///
    /// # Errors
    /// [`IncomingError`]; the message is dropped and the channel goes on.
    pub fn parse(text: &str) -> Result<Self, IncomingError> {
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(IncomingError::TooLarge(text.len()));
        }
        let Ok(Value::Object(mut json)) = serde_json::from_str(text) else {
            return Err(IncomingError::Malformed);
        };
        let Some(Value::String(class)) = json.remove("colibriClass") else {
            return Err(IncomingError::Malformed);
        };
        match class.as_str() {
            "ServerHello" => {
                let version = json
                    .get("version")
                    .and_then(Value::as_str)
                    .map(|version| limited(version, 64));
                Ok(Self::ServerHello { version })
            }
            "SenderSourceConstraints" => sender_constraints(&json),
            "DominantSpeakerEndpointChangeEvent" => Ok(Self::DominantSpeaker {
                endpoint: name(&json, "DominantSpeakerEndpointChangeEvent", "dominantSpeakerEndpoint")?,
                silence: json.get("silence").and_then(boolean).unwrap_or(false),
            }),
            "ForwardedSources" => {
                let sources = list(&json, "ForwardedSources", "forwardedSources")?;
                Ok(Self::ForwardedSources(sources.iter().filter_map(valid_name).collect()))
            }
            "VideoSourcesMap" => {
                let mappings = list(&json, "VideoSourcesMap", "mappedSources")?;
                Ok(Self::VideoSourcesMap(
                    mappings.iter().filter_map(|json| mapping(json, true)).collect(),
                ))
            }
            "AudioSourcesMap" => {
                let mappings = list(&json, "AudioSourcesMap", "mappedSources")?;
                Ok(Self::AudioSourcesMap(
                    mappings.iter().filter_map(|json| mapping(json, false)).collect(),
                ))
            }
            "EndpointConnectivityStatusChangeEvent" => connectivity(&json),
            "ConnectionStats" => {
                let field = IncomingError::Field {
                    class: "ConnectionStats",
                    field: "estimatedDownlinkBandwidth",
                };
                let estimate = json.get("estimatedDownlinkBandwidth").and_then(Value::as_u64);
                estimate
                    .map(|estimated_downlink| Self::ConnectionStats { estimated_downlink })
                    .ok_or(field)
            }
            "EndpointMessage" => Ok(Self::EndpointMessage {
                from: name(&json, "EndpointMessage", "from")?,
                payload: json.remove("msgPayload").unwrap_or(Value::Null),
            }),
            "EndpointStats" => Ok(Self::EndpointStats {
                from: name(&json, "EndpointStats", "from")?,
                quality: json.get("connectionQuality").and_then(Value::as_f64).map(per_cent),
            }),
            _ => Ok(Self::Ignored(limited(&class, 64))),
        }
    }
}

fn sender_constraints(json: &Map<String, Value>) -> Result<Incoming, IncomingError> {
    let class = "SenderSourceConstraints";
    let height = json.get("maxHeight").and_then(Value::as_i64);
    let height = height.ok_or(IncomingError::Field {
        class,
        field: "maxHeight",
    })?;
    let max_height = (height >= 0).then(|| u32::try_from(height).unwrap_or(u32::MAX)); // -1: no cap
    Ok(Incoming::SenderSourceConstraints {
        source: name(json, class, "sourceName")?,
        max_height,
    })
}

fn connectivity(json: &Map<String, Value>) -> Result<Incoming, IncomingError> {
    let class = "EndpointConnectivityStatusChangeEvent";
    let active = json
        .get("active")
        .and_then(boolean)
        .ok_or(IncomingError::Field { class, field: "active" })?;
    Ok(Incoming::EndpointConnectivity {
        endpoint: name(json, class, "endpoint")?,
        active,
    })
}

/// `true`, `"true"` and their opposites: the bridge writes some booleans as strings.
fn boolean(json: &Value) -> Option<bool> {
    match json {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn name(json: &Map<String, Value>, class: &'static str, field: &'static str) -> Result<String, IncomingError> {
    json.get(field)
        .and_then(valid_name)
        .ok_or(IncomingError::Field { class, field })
}

/// A figure brought into 0 to 100.
fn per_cent(value: f64) -> u8 {
    value.round().clamp(0.0, 100.0) as u8
}

fn valid_name(json: &Value) -> Option<String> {
    let text = json
        .as_str()
        .filter(|text| !text.is_empty() && text.len() <= MAX_NAME)?;
    (!text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn list<'a>(
    json: &'a Map<String, Value>,
    class: &'static str,
    field: &'static str,
) -> Result<&'a [Value], IncomingError> {
    let list = json
        .get(field)
        .and_then(Value::as_array)
        .ok_or(IncomingError::Field { class, field })?;
    if list.len() > MAX_ENTRIES {
        Err(IncomingError::TooMany(class))
    } else {
        Ok(list)
    }
}

fn mapping(json: &Value, video: bool) -> Option<SourceMapping> {
    let source = json.get("source").and_then(valid_name)?;
    let owner = json.get("owner").and_then(valid_name);
    let owner = owner.or_else(|| source.rsplit_once('-').map(|(owner, _)| owner.to_owned()))?;
    let ssrc = |field: &str| {
        json.get(field)
            .and_then(Value::as_u64)
            .and_then(|ssrc| u32::try_from(ssrc).ok())
            .filter(|ssrc| *ssrc != 0)
    };
    let video_type = match json.get("videoType").and_then(Value::as_str) {
        _ if !video => None,
        Some(kind) if kind.to_ascii_lowercase().starts_with("desktop") => Some(VideoType::Desktop),
        _ => Some(VideoType::Camera),
    };
    let rtx = if video { ssrc("rtx") } else { None };
    Some(SourceMapping {
        ssrc: ssrc("ssrc")?,
        rtx,
        owner,
        source,
        video_type,
    })
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
