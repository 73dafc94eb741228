//! Sources as compact JSON: `{"sources":{OWNER:[videoSources,videoGroups,audioSources,audioGroups?]}}`
//! (`specs/jitsi-client.md §4`).

use media_protocol::{MediaKind, VideoType};
use serde_json::Value;

use super::identifier;
use super::sources::{MAX_GROUP, MAX_GROUPS, MAX_SOURCES, OwnerSources, Semantics, Source, SourceError, SourceGroup};

/// Reads the text of a `<json-message/>` of the focus. One source that cannot be read is left out; a document of another
/// shape is refused.
pub(crate) fn parse(text: &str) -> Result<Vec<OwnerSources>, SourceError> {
    let json: Value = serde_json::from_str(text).map_err(|_| SourceError::Malformed)?;
    let owners = json
        .get("sources")
        .and_then(Value::as_object)
        .ok_or(SourceError::Malformed)?;
    let (mut sources, mut groups) = (0, 0);
    let mut all = Vec::with_capacity(owners.len().min(MAX_SOURCES));
    for (owner, lists) in owners {
        let lists = lists.as_array().ok_or(SourceError::Malformed)?;
        let list = |index: usize| {
            lists
                .get(index)
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default()
        };
        sources += list(0).len() + list(2).len();
        groups += list(1).len() + list(3).len();
        if all.len() >= MAX_SOURCES || sources > MAX_SOURCES || groups > MAX_GROUPS {
            return Err(SourceError::TooMany);
        }
        let Some(owner) = identifier(Some(owner)) else { continue };
        let video = list(0).iter().filter_map(|json| source(json, MediaKind::Video));
        let audio = list(2).iter().filter_map(|json| source(json, MediaKind::Audio));
        let grouped = list(1).iter().chain(list(3)).filter_map(group);
        all.push(OwnerSources {
            owner,
            sources: video.chain(audio).collect(),
            groups: grouped.collect(),
        });
    }
    Ok(all)
}

fn source(json: &Value, kind: MediaKind) -> Option<Source> {
    let video_type = match json.get("v").and_then(Value::as_str) {
        _ if kind == MediaKind::Audio => None,
        Some("d") => Some(VideoType::Desktop),
        _ => Some(VideoType::Camera),
    };
    Some(Source {
        ssrc: ssrc(json.get("s")?)?,
        kind,
        name: identifier(json.get("n").and_then(Value::as_str)),
        msid: identifier(json.get("m").and_then(Value::as_str)),
        video_type,
    })
}

fn group(json: &Value) -> Option<SourceGroup> {
    let (semantics, ssrcs) = json.as_array()?.split_first()?;
    let semantics = match semantics.as_str()? {
        "f" => Semantics::Fid,
        "s" => Semantics::Sim,
        _ => return None,
    };
    if ssrcs.is_empty() || ssrcs.len() > MAX_GROUP {
        return None;
    }
    Some(SourceGroup {
        semantics,
        ssrcs: ssrcs.iter().map(ssrc).collect::<Option<_>>()?,
    })
}

fn ssrc(json: &Value) -> Option<u32> {
    json.as_u64()
        .and_then(|ssrc| u32::try_from(ssrc).ok())
        .filter(|ssrc| *ssrc != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_read() {
        let text = r#"{"sources":{"ab":[[{"s":11,"n":"ab-v0","m":"st tr"},{"s":12}],[["f",11,12]],[{"s":21,"n":"ab-a0"}],[]],
            "cd":[[{"s":4294967295,"v":"d"}]], "jvb":[[],[],[{"s":3,"n":"jvb-a0","m":"mixedmslabel mixedlabelaudio0"}]]}}"#;
        let all = parse(text).unwrap();
        let ab = &all[0];
        assert_eq!((ab.owner.as_str(), ab.sources.len()), ("ab", 3));
        assert_eq!(
            ab.groups,
            [SourceGroup {
                semantics: Semantics::Fid,
                ssrcs: vec![11, 12]
            }]
        );
        assert_eq!((ab.sources[2].kind, ab.sources[2].video_type), (MediaKind::Audio, None));
        assert_eq!(
            (all[1].sources[0].ssrc, all[1].sources[0].video_type),
            (u32::MAX, Some(VideoType::Desktop))
        );
        assert_eq!(all[2].owner, "jvb");
    }

    #[test]
    fn one_bad_source_does_not_take_the_others_with_it() {
        let text = r#"{"sources":{"ab":[[{"s":0},{"s":4294967296},{"s":-1},{"s":"7"},{},7,{"s":7}],[["f"],["x",1],[1],["s",1,"2"],["s",7,8]]]}}"#;
        let all = parse(text).unwrap();
        assert_eq!(all[0].sources.iter().map(|source| source.ssrc).collect::<Vec<_>>(), [7]);
        assert_eq!(
            all[0].groups,
            [SourceGroup {
                semantics: Semantics::Sim,
                ssrcs: vec![7, 8]
            }]
        );
    }

    #[test]
    fn another_shape_and_too_many_are_refused() {
        for text in ["", "[]", "{}", r#"{"sources":[]}"#, r#"{"sources":{"ab":{}}}"#] {
            assert_eq!(parse(text), Err(SourceError::Malformed), "{text}");
        }
        assert_eq!(parse(&"[".repeat(500_000)), Err(SourceError::Malformed));
        let many: Vec<_> = (1..=MAX_SOURCES + 1).map(|ssrc| format!("{{\"s\":{ssrc}}}")).collect();
        assert_eq!(
            parse(&format!("{{\"sources\":{{\"a\":[[{}]]}}}}", many.join(","))),
            Err(SourceError::TooMany)
        );
        let owners: Vec<_> = (0..=MAX_SOURCES).map(|owner| format!("\"{owner}\":[]")).collect();
        assert_eq!(
            parse(&format!("{{\"sources\":{{{}}}}}", owners.join(","))),
            Err(SourceError::TooMany)
        );
    }
}
