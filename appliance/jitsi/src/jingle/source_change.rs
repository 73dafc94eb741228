//! source-add and source-remove, both ways.

use minidom::Element;

use crate::ns;
use crate::xml::element;

use super::sources::{OwnerSources, SourceError};
use super::xml_sources::{write_group, write_source};
use super::{json_sources, xml_sources};

/// Reads the sources of a `<jingle/>` (session-initiate, source-add, source-remove), whether JSON, XML, or both.
///
/// # Errors
/// [`SourceError`] where there are too many, or the JSON is of another shape.
pub fn parse_source_change(jingle: &Element) -> Result<Vec<OwnerSources>, SourceError> {
    let mut sources = xml_sources::parse(jingle)?;
    if let Some(json) = jingle.get_child("json-message", ns::JITMEET) {
        sources.extend(json_sources::parse(&json.text())?);
    }
    Ok(sources)
}

/// The `<jingle/>` that announces sources of ours.
pub fn source_add(sid: &str, initiator: &str, audio: Option<&OwnerSources>, video: Option<&OwnerSources>) -> Element {
    change("source-add", sid, initiator, audio, video)
}

/// The `<jingle/>` that withdraws sources of ours; SSRCs and groups exactly as they were announced.
pub fn source_remove(
    sid: &str,
    initiator: &str,
    audio: Option<&OwnerSources>,
    video: Option<&OwnerSources>,
) -> Element {
    change("source-remove", sid, initiator, audio, video)
}

fn change(
    action: &'static str,
    sid: &str,
    initiator: &str,
    audio: Option<&OwnerSources>,
    video: Option<&OwnerSources>,
) -> Element {
    let contents = [("audio", audio), ("video", video)]
        .into_iter()
        .filter_map(|(media, sources)| {
            let sources = sources.filter(|sources| !sources.sources.is_empty())?;
            let description = element("description", ns::RTP)
                .attr("media", media)
                .children(sources.sources.iter().map(write_source))
                .children(sources.groups.iter().map(write_group));
            Some(
                element("content", ns::JINGLE)
                    .attr("name", media)
                    .attr("creator", "initiator")
                    .child(description),
            )
        });
    element("jingle", ns::JINGLE)
        .attr("action", action)
        .attr("sid", sid)
        .attr("initiator", initiator)
        .children(contents)
        .build()
}

#[cfg(test)]
mod tests {
    use super::super::LocalStreams;
    use super::*;
    use crate::xml;
    use rand::SeedableRng;

    #[test]
    fn what_is_withdrawn_is_exactly_what_was_announced() {
        let mut chance = rand::rngs::StdRng::seed_from_u64(1);
        let local = LocalStreams::generate("ab12cd34", 3, |_| false, &mut chance);
        let (audio, video) = (local.audio(), local.video());
        let add = xml::to_text(&source_add("S", "r@m/focus", Some(&audio), Some(&video)));
        let remove = xml::to_text(&source_remove("S", "r@m/focus", Some(&audio), Some(&video)));
        assert_eq!(add.replace("source-add", "source-remove"), remove);
        assert!(add.contains("semantics='SIM'") && add.contains("name='ab12cd34-a0'"));
        let only_audio = source_add("S", "r@m/focus", Some(&audio), None);
        assert_eq!(only_audio.children().count(), 1);
    }

    #[test]
    fn json_and_xml_sources_of_one_message_are_both_read() {
        let text = format!(
            "<jingle xmlns='{}'><content name='audio'><description xmlns='{}' media='audio'><source xmlns='{}' ssrc='1'>\
             <ssrc-info xmlns='{4}' owner='ab'/></source></description></content>\
             <json-message xmlns='{4}'>{3}</json-message></jingle>",
            ns::JINGLE,
            ns::RTP,
            ns::SSMA,
            r#"{"sources":{"cd":[[],[],[{"s":2}]]}}"#,
            ns::JITMEET
        );
        let read = parse_source_change(&xml::parse(&text).unwrap()).unwrap();
        assert_eq!(
            read.iter().map(|entry| entry.owner.as_str()).collect::<Vec<_>>(),
            ["ab", "cd"]
        );
    }
}
