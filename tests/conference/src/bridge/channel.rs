//! The bridge channel as JVB reads it: a message with an unknown class, an unknown field or a duplicate key is dropped
//! as a whole (`specs/jitsi-client.md §6`). Tolerant are EndpointMessage, EndpointStats and constraint objects.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

/// Largest message that is read, in bytes.
pub const MOST: usize = 64 * 1024;

/// A constraint object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Constraint {
    /// -1 no limit, 0 nothing, else the short side in pixels.
    pub max_height: i32,
}

/// ReceiverVideoConstraints, as far as it is set so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraints {
    /// -1: all.
    pub last_n: i32,
    /// First choice.
    pub on_stage: Vec<String>,
    /// Second choice.
    pub selected: Vec<String>,
    /// For sources that are not named.
    pub default: Constraint,
    /// By source name.
    pub by_source: BTreeMap<String, Constraint>,
}

impl Default for Constraints {
    /// Missing `defaultConstraints` means 180 (`specs/jitsi-client.md §6`, conduct).
    fn default() -> Self {
        Self {
            last_n: -1,
            on_stage: Vec::new(),
            selected: Vec::new(),
            default: Constraint { max_height: 180 },
            by_source: BTreeMap::new(),
        }
    }
}

/// A message from the client.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// Asks for ServerHello.
    Hello,
    /// What is wanted; unset parts keep their value.
    ReceiverVideoConstraints {
        /// lastN.
        last_n: Option<i32>,
        /// onStageSources.
        on_stage: Option<Vec<String>>,
        /// selectedSources.
        selected: Option<Vec<String>>,
        /// defaultConstraints.
        default: Option<Constraint>,
        /// constraints.
        by_source: Option<BTreeMap<String, Constraint>>,
    },
    /// What a source shows.
    SourceVideoType {
        /// Whose.
        source: String,
        /// camera, desktop, desktop_high_fps or none.
        video_type: String,
    },
    /// Which sounds are wanted.
    AudioSubscription,
    /// A message for others.
    EndpointMessage {
        /// Empty: all.
        to: String,
        /// What.
        payload: Value,
    },
    /// Quality report.
    EndpointStats(Map<String, Value>),
}

/// Reads a message.
///
/// # Errors
/// Why JVB would drop it, in words.
pub fn read(text: &str) -> Result<ClientMessage, String> {
    if text.len() > MOST {
        return Err(format!("{} bytes", text.len()));
    }
    let strict: StrictValue = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let Value::Object(mut fields) = strict.0 else {
        return Err("not an object".into());
    };
    let class = match fields.remove("colibriClass") {
        Some(Value::String(class)) => class,
        other => return Err(format!("colibriClass is {other:?}")),
    };
    let mut reader = Fields {
        class: class.clone(),
        fields,
    };
    let message = match class.as_str() {
        "ClientHello" => ClientMessage::Hello,
        "LastNChangedEvent" => ClientMessage::ReceiverVideoConstraints {
            last_n: Some(reader.required_int("lastN")?),
            on_stage: None,
            selected: None,
            default: None,
            by_source: None,
        },
        "ReceiverVideoConstraints" => {
            let by_source = match reader.fields.remove("constraints") {
                None | Some(Value::Null) => None,
                Some(Value::Object(all)) => Some(
                    all.into_iter()
                        .map(|(k, v)| constraint(&v).map(|c| (k, c)))
                        .collect::<Result<_, _>>()?,
                ),
                Some(other) => return Err(format!("constraints is {other}")),
            };
            let default = match reader.fields.remove("defaultConstraints") {
                None | Some(Value::Null) => None,
                Some(value) => Some(constraint(&value)?),
            };
            reader.int("assumedBandwidthBps")?;
            ClientMessage::ReceiverVideoConstraints {
                last_n: reader.int("lastN")?.map(|n| n as i32),
                on_stage: reader.strings("onStageSources")?,
                selected: reader.strings("selectedSources")?,
                default,
                by_source,
            }
        }
        "SourceVideoTypeMessage" => {
            let video_type = reader.required_string("videoType")?.to_lowercase();
            if !["camera", "desktop", "desktop_high_fps", "none"].contains(&video_type.as_str()) {
                return Err(format!("videoType {video_type}"));
            }
            // JVB fills endpointId in itself.
            ClientMessage::SourceVideoType {
                source: reader.required_string("sourceName")?,
                video_type,
            }
        }
        "ReceiverAudioSubscription" => {
            if let Some(mode) = reader.fields.remove("mode") {
                mode.as_str().ok_or("mode is no string")?;
            }
            reader.fields.remove("all");
            reader.strings("include")?;
            reader.strings("exclude")?;
            ClientMessage::AudioSubscription
        }
        "EndpointMessage" => {
            let to = reader.required_string("to")?;
            let payload = reader.fields.remove("msgPayload").unwrap_or(Value::Null);
            return Ok(ClientMessage::EndpointMessage { to, payload });
        }
        "EndpointStats" => return Ok(ClientMessage::EndpointStats(reader.fields)),
        _ => return Err(format!("unknown class {class}")),
    };
    reader.nothing_left()?;
    Ok(message)
}

fn constraint(value: &Value) -> Result<Constraint, String> {
    let object = value.as_object().ok_or_else(|| format!("a constraint is {value}"))?;
    let max_height = match object.get("maxHeight") {
        Some(height) => height.as_i64().ok_or_else(|| format!("maxHeight is {height}"))? as i32,
        None => return Err("a constraint without maxHeight".into()),
    };
    Ok(Constraint { max_height })
}

struct Fields {
    class: String,
    fields: Map<String, Value>,
}

impl Fields {
    fn int(&mut self, name: &str) -> Result<Option<i64>, String> {
        match self.fields.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| format!("{name} is {value}")),
        }
    }

    fn required_int(&mut self, name: &str) -> Result<i32, String> {
        self.int(name)?
            .map(|n| n as i32)
            .ok_or_else(|| format!("{} without {name}", self.class))
    }

    fn required_string(&mut self, name: &str) -> Result<String, String> {
        match self.fields.remove(name) {
            Some(Value::String(text)) => Ok(text),
            other => Err(format!("{}: {name} is {other:?}", self.class)),
        }
    }

    fn strings(&mut self, name: &str) -> Result<Option<Vec<String>>, String> {
        match self.fields.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(all)) => all
                .into_iter()
                .map(|v| v.as_str().map(str::to_owned).ok_or_else(|| format!("{name} holds {v}")))
                .collect::<Result<Vec<_>, _>>()
                .map(Some),
            Some(other) => Err(format!("{name} is {other}")),
        }
    }

    fn nothing_left(&self) -> Result<(), String> {
        let left: BTreeSet<&String> = self.fields.keys().collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{} with unknown fields {left:?}", self.class))
        }
    }
}

/// A JSON value in which no object has a key twice.
struct StrictValue(Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = StrictValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate keys")
    }
    fn visit_bool<E>(self, v: bool) -> Result<StrictValue, E> {
        Ok(StrictValue(v.into()))
    }
    fn visit_i64<E>(self, v: i64) -> Result<StrictValue, E> {
        Ok(StrictValue(v.into()))
    }
    fn visit_u64<E>(self, v: u64) -> Result<StrictValue, E> {
        Ok(StrictValue(v.into()))
    }
    fn visit_f64<E>(self, v: f64) -> Result<StrictValue, E> {
        Ok(StrictValue(v.into()))
    }
    fn visit_str<E>(self, v: &str) -> Result<StrictValue, E> {
        Ok(StrictValue(v.into()))
    }
    fn visit_unit<E>(self) -> Result<StrictValue, E> {
        Ok(StrictValue(Value::Null))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<StrictValue, A::Error> {
        let mut values = Vec::new();
        while let Some(StrictValue(value)) = all.next_element()? {
            values.push(value);
        }
        Ok(StrictValue(Value::Array(values)))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<StrictValue, A::Error> {
        let mut values = Map::new();
        while let Some((key, StrictValue(value))) = all.next_entry::<String, StrictValue>()? {
            if values.insert(key.clone(), value).is_some() {
                return Err(de::Error::custom(format!("duplicate key {key}")));
            }
        }
        Ok(StrictValue(Value::Object(values)))
    }
}

/// Messages to the client, written as JVB writes them.
pub mod write {
    use super::{Value, json};

    /// ServerHello.
    pub fn server_hello() -> String {
        json!({"colibriClass": "ServerHello"}).to_string()
    }
    /// SenderSourceConstraints; JVB writes this one by hand, with spaces.
    pub fn sender_source_constraints(source: &str, max_height: i32) -> String {
        format!(
            "{{\"colibriClass\":\"SenderSourceConstraints\", \"sourceName\":{}, \"maxHeight\":{max_height}}}",
            Value::from(source)
        )
    }
    /// DominantSpeakerEndpointChangeEvent.
    pub fn dominant_speaker(endpoint: &str, previous: &[String]) -> String {
        json!({"colibriClass": "DominantSpeakerEndpointChangeEvent", "dominantSpeakerEndpoint": endpoint,
               "previousSpeakers": previous, "silence": false})
        .to_string()
    }
    /// ForwardedSources.
    pub fn forwarded_sources(sources: &[String]) -> String {
        json!({"colibriClass": "ForwardedSources", "forwardedSources": sources}).to_string()
    }
    /// VideoSourcesMap.
    pub fn video_sources_map(mapped: &[Value]) -> String {
        json!({"colibriClass": "VideoSourcesMap", "mappedSources": mapped}).to_string()
    }
    /// AudioSourcesMap.
    pub fn audio_sources_map(mapped: &[Value]) -> String {
        json!({"colibriClass": "AudioSourcesMap", "mappedSources": mapped}).to_string()
    }
    /// EndpointConnectivityStatusChangeEvent; `active` is a string.
    pub fn connectivity(endpoint: &str, active: bool) -> String {
        json!({"colibriClass": "EndpointConnectivityStatusChangeEvent", "endpoint": endpoint,
               "active": active.to_string()})
        .to_string()
    }
    /// ConnectionStats.
    pub fn connection_stats(bps: u64) -> String {
        json!({"colibriClass": "ConnectionStats", "estimatedDownlinkBandwidth": bps}).to_string()
    }
    /// EndpointMessage.
    pub fn endpoint_message(from: &str, to: &str, payload: &Value) -> String {
        json!({"colibriClass": "EndpointMessage", "to": to, "from": from, "msgPayload": payload}).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_really_send_is_read() {
        for text in [
            r#"{"colibriClass":"ClientHello"}"#,
            r#"{"colibriClass":"ReceiverVideoConstraints","lastN":-1,"defaultConstraints":{"maxHeight":720},"onStageSources":[],"selectedSources":[],"constraints":{}}"#,
            r#"{"colibriClass":"ReceiverVideoConstraints","constraints":{"a-v0":{"maxHeight":180,"maxFrameRate":5,"later":1}}}"#,
            r#"{"colibriClass":"SourceVideoTypeMessage","sourceName":"2c4b13cf-v0","videoType":"CAMERA"}"#,
            r#"{"colibriClass":"EndpointStats","bitrate":{"download":0},"anything":1,"serverRegion":null}"#,
            r#"{"colibriClass":"EndpointMessage","msgPayload":{"name":"x"},"to":"","anything":1}"#,
            r#"{"colibriClass":"LastNChangedEvent","lastN":2}"#,
        ] {
            assert!(read(text).is_ok(), "{text}: {:?}", read(text));
        }
    }

    #[test]
    fn what_jvb_drops_is_dropped() {
        for (text, why) in [
            (
                r#"{"colibriClass":"ReceiverVideoConstraints","selectedEndpoints":[]}"#,
                "unknown fields",
            ),
            (
                r#"{"colibriClass":"ReceiverVideoConstraints","lastN":1,"lastN":2}"#,
                "duplicate key",
            ),
            (
                r#"{"colibriClass":"SourceVideoTypeMessage","sourceName":"a-v0","videoType":"hologram"}"#,
                "videoType",
            ),
            (r#"{"colibriClass":"PinnedEndpointChangedEvent"}"#, "unknown class"),
            (r#"{"lastN":1}"#, "colibriClass"),
            (r#"{"colibriClass":"ClientHello","version":1}"#, "unknown fields"),
            (r#"{"colibriClass":"ReceiverVideoConstraints","lastN":"all"}"#, "lastN"),
            (
                r#"{"colibriClass":"EndpointMessage","to":"","msgPayload":{"a":1,"a":2}}"#,
                "duplicate key",
            ),
            (r#"["ClientHello"]"#, "not an object"),
            ("{", "EOF"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_thousand_nested_arrays_do_not_overflow_the_stack() {
        let text = format!(
            r#"{{"colibriClass":"EndpointMessage","to":"","msgPayload":{}1{}}}"#,
            "[".repeat(9000),
            "]".repeat(9000)
        );
        assert!(read(&text).unwrap_err().contains("recursion limit"));
    }
}
