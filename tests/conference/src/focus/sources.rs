//! Media sources as they are signalled: in Jingle XML (both ways) and in the compact JSON (downlink only).

use minidom::Element;
use serde_json::{Map, Value, json};

use crate::xml;
use crate::xmpp::ns;

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Media {
    /// Opus.
    Audio,
    /// VP8.
    Video,
}

impl Media {
    /// The word of Jingle.
    pub fn word(self) -> &'static str {
        match self {
            Media::Audio => "audio",
            Media::Video => "video",
        }
    }
}

/// One SSRC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Audio or video.
    pub media: Media,
    /// RFC 3550.
    pub ssrc: u32,
    /// `ENDPOINT-v0`, `ENDPOINT-a0`.
    pub name: String,
    /// `stream track`.
    pub msid: Option<String>,
    /// `videoType='desktop'`.
    pub desktop: bool,
}

/// RFC 5888 SIM or RFC 4588 FID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Semantics {
    /// Simulcast, lowest layer first.
    Sim,
    /// An SSRC and its RTX.
    Fid,
}

/// A group of SSRCs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Audio or video.
    pub media: Media,
    /// What the group means.
    pub semantics: Semantics,
    /// In order.
    pub ssrcs: Vec<u32>,
}

/// All sources of one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Every SSRC, RTX included.
    pub sources: Vec<Source>,
    /// The groups over them.
    pub groups: Vec<Group>,
}

impl Sources {
    /// Nothing at all.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.groups.is_empty()
    }

    /// The RTX SSRC of `ssrc`.
    pub fn rtx_of(&self, ssrc: u32) -> Option<u32> {
        self.groups
            .iter()
            .find(|g| g.semantics == Semantics::Fid && g.ssrcs.first() == Some(&ssrc))
            .and_then(|g| g.ssrcs.get(1).copied())
    }

    /// The layers of the video source `name`, lowest first: the SIM group, or its only SSRC.
    pub fn layers_of(&self, name: &str) -> Vec<u32> {
        let own = |ssrc: &u32| self.sources.iter().any(|s| s.ssrc == *ssrc && s.name == name);
        let sim = self
            .groups
            .iter()
            .find(|g| g.semantics == Semantics::Sim && g.ssrcs.iter().all(own));
        if let Some(group) = sim {
            return group.ssrcs.clone();
        }
        let rtx: Vec<u32> = self
            .groups
            .iter()
            .filter_map(|g| (g.semantics == Semantics::Fid).then(|| g.ssrcs.get(1).copied())?)
            .collect();
        self.sources
            .iter()
            .filter(|s| s.name == name && !rtx.contains(&s.ssrc))
            .map(|s| s.ssrc)
            .collect()
    }

    /// The names of the sources of one kind, each once.
    pub fn names(&self, media: Media) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for source in self.sources.iter().filter(|s| s.media == media) {
            if !names.contains(&source.name) {
                names.push(source.name.clone());
            }
        }
        names
    }

    /// The kinds of which there is at least one.
    pub fn kinds(&self) -> Vec<Media> {
        let there = |media: &Media| self.sources.iter().any(|source| source.media == *media);
        [Media::Audio, Media::Video].into_iter().filter(there).collect()
    }

    /// Only the first SSRC of each SIM group and its RTX, as the focus gives them to receivers (`strip-simulcast`).
    pub fn without_simulcast(&self) -> Sources {
        let mut dropped: Vec<u32> = Vec::new();
        for group in self.groups.iter().filter(|g| g.semantics == Semantics::Sim) {
            for ssrc in &group.ssrcs[1..] {
                dropped.push(*ssrc);
                dropped.extend(self.rtx_of(*ssrc));
            }
        }
        Sources {
            sources: self
                .sources
                .iter()
                .filter(|s| !dropped.contains(&s.ssrc))
                .cloned()
                .collect(),
            groups: self
                .groups
                .iter()
                .filter(|g| g.semantics == Semantics::Fid && !g.ssrcs.iter().any(|s| dropped.contains(s)))
                .cloned()
                .collect(),
        }
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Sources) {
        self.sources.extend(other.sources);
        self.groups.extend(other.groups);
    }

    /// The compact JSON of one owner: `[videoSources, videoGroups, audioSources, audioGroups]`.
    pub fn to_json(&self) -> Value {
        let sources = |media| -> Vec<Value> {
            self.sources
                .iter()
                .filter(|s| s.media == media)
                .map(|s| {
                    let mut value = Map::new();
                    value.insert("s".into(), json!(s.ssrc));
                    value.insert("n".into(), json!(s.name));
                    if let Some(msid) = &s.msid {
                        value.insert("m".into(), json!(msid));
                    }
                    if s.desktop {
                        value.insert("v".into(), json!("d"));
                    }
                    Value::Object(value)
                })
                .collect()
        };
        let groups = |media| -> Vec<Value> {
            self.groups
                .iter()
                .filter(|g| g.media == media)
                .map(|g| {
                    let word = if g.semantics == Semantics::Sim { "s" } else { "f" };
                    let mut value = vec![json!(word)];
                    value.extend(g.ssrcs.iter().map(|s| json!(s)));
                    Value::Array(value)
                })
                .collect()
        };
        let mut owner = vec![
            json!(sources(Media::Video)),
            json!(groups(Media::Video)),
            json!(sources(Media::Audio)),
        ];
        let audio_groups = groups(Media::Audio);
        if !audio_groups.is_empty() {
            owner.push(json!(audio_groups));
        }
        Value::Array(owner)
    }

    /// The XML of one kind, each source with its owner.
    pub fn to_xml(&self, media: Media, owner: &str) -> String {
        let mut out = String::new();
        for s in self.sources.iter().filter(|s| s.media == media) {
            let kind = match (media, s.desktop) {
                (Media::Audio, _) => "",
                (Media::Video, false) => " videoType='camera'",
                (Media::Video, true) => " videoType='desktop'",
            };
            // jicofo writes the parameter in the namespace of RTP, browsers in that of the source: both are read.
            let msid = s.msid.as_deref().map(|m| {
                format!(
                    "<parameter xmlns='{}' name='msid' value='{}'/>",
                    ns::RTP,
                    xml::escape(m)
                )
            });
            out.push_str(&format!(
                "<source xmlns='{}' ssrc='{}' name='{}'{kind}><ssrc-info xmlns='{}' owner='{}'/>{}</source>",
                ns::SSMA,
                s.ssrc,
                xml::escape(&s.name),
                ns::JITMEET,
                xml::escape(owner),
                msid.unwrap_or_default(),
            ));
        }
        for g in self.groups.iter().filter(|g| g.media == media) {
            let word = if g.semantics == Semantics::Sim { "SIM" } else { "FID" };
            let members: String = g.ssrcs.iter().map(|s| format!("<source ssrc='{s}'/>")).collect();
            out.push_str(&format!(
                "<ssrc-group xmlns='{}' semantics='{word}'>{members}</ssrc-group>",
                ns::SSMA
            ));
        }
        out
    }

    /// Reads the XML of all contents of a Jingle element.
    ///
    /// # Errors
    /// What is not readable, in words. `specs/jitsi-client.md §4`: the focus answers `bad-request`.
    pub fn from_jingle(jingle: &Element, endpoint: &str) -> Result<Sources, String> {
        let mut found = Sources::default();
        for content in xml::children(jingle, "content", ns::JINGLE) {
            let Some(description) = content.get_child("description", ns::RTP) else {
                continue;
            };
            let media = match description.attr("media").or_else(|| content.attr("name")) {
                Some("audio") => Media::Audio,
                Some("video") => Media::Video,
                other => return Err(format!("description with media {other:?}")),
            };
            for source in xml::children(description, "source", ns::SSMA) {
                found.sources.push(read_source(source, media, endpoint)?);
            }
            for group in xml::children(description, "ssrc-group", ns::SSMA) {
                let semantics = match group.attr("semantics") {
                    Some("SIM") => Semantics::Sim,
                    Some("FID") => Semantics::Fid,
                    other => return Err(format!("ssrc-group with semantics {other:?}")),
                };
                let ssrcs: Result<Vec<u32>, String> = xml::children(group, "source", ns::SSMA).map(read_ssrc).collect();
                found.groups.push(Group {
                    media,
                    semantics,
                    ssrcs: ssrcs?,
                });
            }
        }
        Ok(found)
    }
}

fn read_ssrc(source: &Element) -> Result<u32, String> {
    let text = source.attr("ssrc").ok_or("source without ssrc")?;
    match text.parse::<u32>() {
        Ok(0) | Err(_) => Err(format!("ssrc {text} is not in 1..2^32-1")),
        Ok(ssrc) => Ok(ssrc),
    }
}

fn read_source(source: &Element, media: Media, endpoint: &str) -> Result<Source, String> {
    let letter = if media == Media::Audio { "a" } else { "v" };
    let msid = source
        .children()
        .find(|p| p.name() == "parameter" && p.attr("name") == Some("msid"))
        .and_then(|p| p.attr("value"))
        .map(str::to_owned);
    Ok(Source {
        media,
        ssrc: read_ssrc(source)?,
        name: source
            .attr("name")
            .map_or_else(|| format!("{endpoint}-{letter}0"), str::to_owned),
        msid,
        desktop: source.attr("videoType") == Some("desktop"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn simulcast() -> Sources {
        let video = |ssrc| Source {
            media: Media::Video,
            ssrc,
            name: "ab-v0".into(),
            msid: Some("m t".into()),
            desktop: false,
        };
        let group = |semantics, ssrcs: &[u32]| Group {
            media: Media::Video,
            semantics,
            ssrcs: ssrcs.to_vec(),
        };
        Sources {
            sources: vec![video(1), video(2), video(3), video(11), video(12), video(13)],
            groups: vec![
                group(Semantics::Sim, &[1, 2, 3]),
                group(Semantics::Fid, &[1, 11]),
                group(Semantics::Fid, &[2, 12]),
                group(Semantics::Fid, &[3, 13]),
            ],
        }
    }

    #[test]
    fn receivers_get_the_first_layer_and_its_rtx_only() {
        let stripped = simulcast().without_simulcast();
        assert_eq!(stripped.sources.iter().map(|s| s.ssrc).collect::<Vec<_>>(), [1, 11]);
        assert_eq!(stripped.groups.len(), 1);
        assert_eq!(
            stripped.to_json().to_string(),
            r#"[[{"m":"m t","n":"ab-v0","s":1},{"m":"m t","n":"ab-v0","s":11}],[["f",1,11]],[]]"#
        );
    }

    #[test]
    fn what_is_written_as_xml_is_read_again() {
        let xml = format!(
            "<jingle xmlns='{}'><content name='video'><description xmlns='{}' media='video'>{}</description></content></jingle>",
            ns::JINGLE,
            ns::RTP,
            simulcast().to_xml(Media::Video, "room@muc/ab")
        );
        let read = Sources::from_jingle(&crate::xml::parse(&xml).unwrap(), "ab").unwrap();
        assert_eq!(read, simulcast());
        assert_eq!(read.layers_of("ab-v0"), [1, 2, 3]);
        assert_eq!(read.rtx_of(2), Some(12));
    }
}
