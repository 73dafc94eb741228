//! Sources as XML (XEP-0339) with Jitsi's owner, name and video type.

use media_protocol::{MediaKind, VideoType};
use minidom::Element;

use crate::xml::{Builder, element};
use crate::{jid, ns};

use super::identifier;
use super::sources::{MAX_GROUP, MAX_GROUPS, MAX_SOURCES, OwnerSources, Semantics, Source, SourceError, SourceGroup};

/// Reads the sources of all contents of a `<jingle/>`. An SSRC without owner belongs to nobody and is left out, and so
/// are groups whose SSRCs are.
pub(crate) fn parse(jingle: &Element) -> Result<Vec<OwnerSources>, SourceError> {
    let mut all: Vec<OwnerSources> = Vec::new();
    let mut groups: Vec<SourceGroup> = Vec::new();
    let mut count = 0;
    for content in jingle.children().filter(|child| child.is("content", ns::JINGLE)) {
        let description = content.get_child("description", ns::RTP);
        let media = description
            .and_then(|description| description.attr("media"))
            .or(content.attr("name"));
        let kind = match media {
            Some("audio") => MediaKind::Audio,
            Some("video") => MediaKind::Video,
            _ => continue,
        };
        let children = content
            .children()
            .chain(description.into_iter().flat_map(Element::children));
        for child in children {
            if child.is("source", ns::SSMA) {
                count += 1;
                if count > MAX_SOURCES {
                    return Err(SourceError::TooMany);
                }
                let (Some(source), Some(owner)) = (source(child, kind), owner(child)) else {
                    continue;
                };
                match all.iter_mut().find(|entry| entry.owner == owner) {
                    Some(entry) => entry.sources.push(source),
                    None => all.push(OwnerSources {
                        sources: vec![source],
                        ..OwnerSources::of(&owner)
                    }),
                }
            } else if child.is("ssrc-group", ns::SSMA) {
                groups.extend(group(child));
                if groups.len() > MAX_GROUPS {
                    return Err(SourceError::TooMany);
                }
            }
        }
    }
    for group in groups {
        let first = group.ssrcs.first().copied();
        let mut owners = all.iter_mut();
        if let Some(entry) = owners.find(|entry| entry.sources.iter().any(|source| Some(source.ssrc) == first)) {
            entry.groups.push(group);
        }
    }
    Ok(all)
}

fn source(element: &Element, kind: MediaKind) -> Option<Source> {
    // the focus writes the parameter in the namespace of the description, peers in that of the source
    let mut parameters = element.children().filter(|child| child.name() == "parameter");
    let msid = parameters.find(|parameter| parameter.attr("name") == Some("msid"));
    let video_type = match element.attr("videoType") {
        _ if kind == MediaKind::Audio => None,
        Some(text) if text.to_ascii_lowercase().starts_with("desktop") => Some(VideoType::Desktop),
        _ => Some(VideoType::Camera),
    };
    Some(Source {
        ssrc: ssrc(element)?,
        kind,
        name: identifier(element.attr("name")),
        msid: identifier(msid.and_then(|msid| msid.attr("value"))),
        video_type,
    })
}

/// `room@muc/id` or plain `id`.
fn owner(source: &Element) -> Option<String> {
    let owner = source.get_child("ssrc-info", ns::JITMEET)?.attr("owner")?;
    identifier(Some(jid::resource(owner).unwrap_or(owner)))
}

fn group(element: &Element) -> Option<SourceGroup> {
    let semantics = match element.attr("semantics")? {
        "FID" => Semantics::Fid,
        "SIM" => Semantics::Sim,
        _ => return None,
    };
    let sources = element
        .children()
        .filter(|child| child.is("source", ns::SSMA))
        .take(MAX_GROUP + 1);
    let ssrcs: Vec<u32> = sources.map(ssrc).collect::<Option<_>>()?;
    (1..=MAX_GROUP)
        .contains(&ssrcs.len())
        .then_some(SourceGroup { semantics, ssrcs })
}

fn ssrc(element: &Element) -> Option<u32> {
    element.attr("ssrc")?.parse().ok().filter(|ssrc| *ssrc != 0)
}

/// Writes one source of ours.
pub(crate) fn write_source(source: &Source) -> Builder {
    let msid = source.msid.as_deref();
    let msid = msid.map(|msid| element("parameter", ns::SSMA).attr("name", "msid").attr("value", msid));
    let video_type = source.video_type.map(|video_type| match video_type {
        VideoType::Camera => "camera",
        VideoType::Desktop => "desktop",
    });
    element("source", ns::SSMA)
        .attr("ssrc", source.ssrc.to_string())
        .attr_if("name", source.name.as_deref())
        .attr_if("videoType", video_type)
        .children(msid)
}

/// Writes one group of ours.
pub(crate) fn write_group(group: &SourceGroup) -> Builder {
    let semantics = match group.semantics {
        Semantics::Fid => "FID",
        Semantics::Sim => "SIM",
    };
    let sources = group
        .ssrcs
        .iter()
        .map(|ssrc| element("source", ns::SSMA).attr("ssrc", ssrc.to_string()));
    element("ssrc-group", ns::SSMA)
        .attr("semantics", semantics)
        .children(sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse as xml;

    fn jingle(media: &str, inside: &str) -> Element {
        let text = format!(
            "<jingle xmlns='{}'><content name='{media}'><description xmlns='{}' media='{media}'>{inside}</description></content></jingle>",
            ns::JINGLE,
            ns::RTP
        );
        xml(&text).unwrap()
    }

    fn source_text(ssrc: &str, owner: &str) -> String {
        format!(
            "<source xmlns='{}' ssrc='{ssrc}' name='n'><ssrc-info xmlns='{}' owner='{owner}'/></source>",
            ns::SSMA,
            ns::JITMEET
        )
    }

    #[test]
    fn owners_come_with_and_without_the_room() {
        let all = parse(&jingle(
            "video",
            &(source_text("1", "r@m/ab") + &source_text("2", "ab") + &source_text("3", "jvb")),
        ))
        .unwrap();
        let flat: Vec<_> = all
            .iter()
            .map(|entry| (entry.owner.as_str(), entry.sources.len()))
            .collect();
        assert_eq!(flat, [("ab", 2), ("jvb", 1)]);
    }

    #[test]
    fn groups_follow_the_owner_of_their_first_ssrc() {
        let group = |first| {
            format!(
                "<ssrc-group xmlns='{0}' semantics='FID'><source ssrc='{first}'/><source ssrc='2'/></ssrc-group>",
                ns::SSMA
            )
        };
        let all = parse(&jingle(
            "video",
            &(group(1) + &source_text("1", "ab") + &source_text("2", "ab") + &group(9)),
        ))
        .unwrap();
        assert_eq!(
            all[0].groups,
            [SourceGroup {
                semantics: Semantics::Fid,
                ssrcs: vec![1, 2]
            }]
        );
    }

    #[test]
    fn what_cannot_be_read_or_has_no_owner_is_left_out() {
        let inside = source_text("0", "ab")
            + &source_text("4294967296", "ab")
            + &source_text("x", "ab")
            + &format!("<source xmlns='{}' ssrc='5'/>", ns::SSMA)
            + &source_text("7", "ab");
        let all = parse(&jingle("audio", &inside)).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(
            all[0]
                .sources
                .iter()
                .map(|source| (source.ssrc, source.video_type))
                .collect::<Vec<_>>(),
            [(7, None)]
        );
        let many: String = (1..=MAX_SOURCES + 1)
            .map(|ssrc| source_text(&ssrc.to_string(), "ab"))
            .collect();
        assert_eq!(parse(&jingle("audio", &many)), Err(SourceError::TooMany));
    }

    #[test]
    fn what_we_write_is_what_we_read() {
        let ours = Source {
            ssrc: 5,
            kind: MediaKind::Video,
            name: Some("ab-v0".into()),
            msid: Some("s t".into()),
            video_type: Some(VideoType::Desktop),
        };
        let written = write_source(&ours)
            .child(element("ssrc-info", ns::JITMEET).attr("owner", "ab"))
            .build();
        let group = SourceGroup {
            semantics: Semantics::Sim,
            ssrcs: vec![5, 6],
        };
        let description = element("description", ns::RTP)
            .attr("media", "video")
            .child(written)
            .child(write_group(&group));
        let jingle = element("jingle", ns::JINGLE)
            .child(element("content", ns::JINGLE).child(description))
            .build();
        assert_eq!(
            parse(&jingle).unwrap(),
            [OwnerSources {
                owner: "ab".into(),
                sources: vec![ours],
                groups: vec![group]
            }]
        );
    }
}
