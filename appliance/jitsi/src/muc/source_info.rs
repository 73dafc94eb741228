//! `SourceInfo`: the JSON in a presence that alone tells the others what is muted (`specs/jitsi-client.md §3`).

use media_protocol::{MediaKind, VideoType};
use room::conference::{Muted, Sources};
use serde_json::{Map, Value, json};

/// Longest JSON text read.
const MAX_BYTES: usize = 16 << 10;
/// Most sources of one participant.
const MAX_SOURCES: usize = 20;
/// Longest source name.
pub(crate) const MAX_SOURCE_NAME: usize = 128;

/// One source as its owner announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceState {
    /// For example `ab12cd34-v0`.
    pub name: String,
    /// From the name.
    pub kind: MediaKind,
    /// Nothing is sent.
    pub muted: bool,
    /// Camera or screen; video only.
    pub video_type: Option<VideoType>,
}

/// Name of the microphone source of a participant.
pub fn audio_source_name(id: &str) -> String {
    format!("{id}-a0")
}

/// Name of the camera source of a participant.
pub fn camera_source_name(id: &str) -> String {
    format!("{id}-v0")
}

/// Reads the SourceInfo of participant `id`. Names that are not the participant's own are left out; none if it is not
/// a JSON object within the limits.
pub fn parse_source_info(text: &str, id: &str) -> Option<Vec<SourceState>> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let Value::Object(sources) = serde_json::from_str(text).ok()? else {
        return None;
    };
    let states = sources.into_iter().filter_map(|(name, source)| {
        let kind = own_source_kind(&name, id)?;
        let muted = source.get("muted").is_some_and(is_true);
        let video_type = match source.get("videoType").and_then(Value::as_str) {
            _ if kind == MediaKind::Audio => None,
            Some(kind) if kind.starts_with("desktop") => Some(VideoType::Desktop),
            _ => Some(VideoType::Camera),
        };
        Some(SourceState {
            name,
            kind,
            muted,
            video_type,
        })
    });
    Some(states.take(MAX_SOURCES).collect())
}

/// Our own SourceInfo: the sources that are there.
pub(crate) fn render_source_info(id: &str, sources: Sources, muted: Muted) -> String {
    let mut states = Map::new();
    if sources.audio {
        states.insert(audio_source_name(id), json!({"muted": muted.audio}));
    }
    if sources.video {
        states.insert(camera_source_name(id), json!({"muted": muted.video}));
    }
    Value::Object(states).to_string()
}

/// The kind of a source name of the form `ID-aN` or `ID-vN` whose owner is `id`.
pub(crate) fn own_source_kind(name: &str, id: &str) -> Option<MediaKind> {
    if name.len() > MAX_SOURCE_NAME || id.is_empty() {
        return None;
    }
    let rest = name.strip_prefix(id)?.strip_prefix('-')?;
    let (kind, number) = rest.split_at_checked(1)?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match kind {
        "a" => Some(MediaKind::Audio),
        "v" => Some(MediaKind::Video),
        _ => None,
    }
}

fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mute_and_type_come_per_source() {
        let text = r#"{"ab-a0":{"muted":true},"ab-v0":{"muted":false},"ab-v1":{"muted":false,"videoType":"desktop"}}"#;
        let states = parse_source_info(text, "ab").unwrap();
        let flat: Vec<_> = states
            .iter()
            .map(|state| (state.name.as_str(), state.muted, state.video_type))
            .collect();
        assert_eq!(
            flat,
            [
                ("ab-a0", true, None),
                ("ab-v0", false, Some(VideoType::Camera)),
                ("ab-v1", false, Some(VideoType::Desktop))
            ]
        );
    }

    #[test]
    fn nobody_speaks_for_the_source_of_another() {
        let text =
            r#"{"cd-v0":{"muted":false},"ab-v0":{"muted":true},"abc-v0":{},"ab-x0":{},"ab-v":{},"ab-v0x":{},"":{}}"#;
        let names: Vec<_> = parse_source_info(text, "ab")
            .unwrap()
            .into_iter()
            .map(|state| state.name)
            .collect();
        assert_eq!(names, ["ab-v0"]);
        assert_eq!(parse_source_info(r#"{"-v0":{}}"#, "").unwrap(), []);
    }

    #[test]
    fn what_is_no_object_or_too_large_is_none() {
        for text in ["", "[]", "1", "{", "null"] {
            assert_eq!(parse_source_info(text, "ab"), None, "{text}");
        }
        assert_eq!(
            parse_source_info(&format!("{{\"ab-v0\":\"{}\"}}", "x".repeat(MAX_BYTES)), "ab"),
            None
        );
        let deep = format!("{{\"ab-v0\":{}1{}}}", "[".repeat(4000), "]".repeat(4000));
        assert_eq!(parse_source_info(&deep, "ab"), None);
        let many: Map<String, Value> = (0..200).map(|n| (format!("ab-v{n}"), json!({}))).collect();
        assert_eq!(
            parse_source_info(&Value::Object(many).to_string(), "ab").unwrap().len(),
            MAX_SOURCES
        );
    }

    #[test]
    fn our_own_is_read_back() {
        let text = render_source_info(
            "ab",
            Sources::BOTH,
            Muted {
                audio: true,
                video: false,
            },
        );
        let states = parse_source_info(&text, "ab").unwrap();
        assert_eq!(
            states.iter().map(|state| state.muted).collect::<Vec<_>>(),
            [true, false]
        );
    }
}
