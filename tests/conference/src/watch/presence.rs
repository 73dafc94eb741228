//! What a participant shows of itself, from one presence to the next.

use std::collections::BTreeSet;

use minidom::Element;
use serde_json::Value;

use crate::legacy;
use crate::verdict::{Verdict, rule};
use crate::xmpp::ns;

/// The children of the last presence.
#[derive(Debug, Default)]
pub struct Shown {
    children: BTreeSet<(String, String)>,
}

impl Shown {
    /// Compares with the last presence and checks what is in this one.
    pub fn update(&mut self, presence: &Element, nick: &str, verdict: &Verdict) {
        let children: BTreeSet<(String, String)> = presence
            .children()
            .filter(|c| !c.is("x", ns::MUC))
            .map(|c| (c.name().to_owned(), c.ns()))
            .collect();
        let vanished: Vec<&str> = self
            .children
            .difference(&children)
            .map(|(name, _)| name.as_str())
            .collect();
        if !vanished.is_empty() {
            verdict.broken(rule::PRESENCE_WHOLE, format!("{vanished:?} vanished"));
        }
        self.children = children;
        check_source_info(presence, nick, verdict);
        if !legacy::shown_by(presence) {
            check_codecs(presence, verdict);
        }
        if presence.get_child("c", ns::CAPS).is_none() {
            verdict.broken(rule::CAPS, "presence without caps");
        }
    }
}

fn text_of(presence: &Element, name: &str) -> Option<String> {
    presence.children().find(|c| c.name() == name).map(Element::text)
}

fn check_source_info(presence: &Element, nick: &str, verdict: &Verdict) {
    let Some(text) = text_of(presence, "SourceInfo") else {
        return verdict.broken(rule::SOURCE_INFO, "no SourceInfo");
    };
    let Ok(Value::Object(info)) = serde_json::from_str(&text) else {
        return verdict.broken(rule::SOURCE_INFO, format!("not a JSON object: {text}"));
    };
    for (name, value) in &info {
        if !name.starts_with(&format!("{nick}-")) {
            verdict.broken(rule::SOURCE_INFO, format!("source {name} is not of {nick}"));
        }
        if value.get("muted").is_some_and(|m| !m.is_boolean()) || !value.is_object() {
            verdict.broken(rule::SOURCE_INFO, format!("{name}: {value}"));
        }
    }
}

fn check_codecs(presence: &Element, verdict: &Verdict) {
    let Some(list) = text_of(presence, "jitsi_participant_codecList") else {
        return verdict.broken(rule::CODEC_LIST, "absent: AV1 and VP9 may arrive");
    };
    let known = list.split(',').any(|c| matches!(c.trim(), "vp8" | "h264"));
    if list != list.to_lowercase() || !known {
        verdict.broken(rule::CODEC_LIST, list);
    }
}
