//! Which pictures are wanted, in the bridge's words.

use room::conference::ReceiveWish;
use serde::Serialize;
use std::collections::BTreeMap;

/// The fields of `ReceiverVideoConstraints`. Heights in pixels; 0: not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiverConstraints {
    /// Most sources to forward.
    pub last_n: u32,
    /// Sources to prefer after those on stage, most wanted first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub selected_sources: Vec<String>,
    /// Sources shown large.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_stage_sources: Vec<String>,
    /// For sources not named.
    pub default_constraints: MaxHeight,
    /// For sources named.
    pub constraints: BTreeMap<String, MaxHeight>,
}

/// How high a picture may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MaxHeight {
    /// Pixels; 0: no picture.
    pub max_height: u32,
}

impl From<&ReceiveWish> for ReceiverConstraints {
    /// Exactly the wished sources and no other: what is not named has height 0. A source named twice keeps its first
    /// place.
    fn from(wish: &ReceiveWish) -> Self {
        let mut constraints = BTreeMap::new();
        let mut selected_sources = Vec::new();
        let stage = wish
            .stage
            .iter()
            .filter(|(source, height)| *height > 0 && !source.is_empty());
        let on_stage_sources: Vec<_> = stage.clone().map(|(source, _)| source.clone()).collect();
        for (source, height) in stage {
            constraints.insert(source.clone(), MaxHeight { max_height: *height });
        }
        for (source, height) in wish
            .others
            .iter()
            .filter(|(source, height)| *height > 0 && !source.is_empty())
        {
            constraints.entry(source.clone()).or_insert_with(|| {
                selected_sources.push(source.clone());
                MaxHeight { max_height: *height }
            });
        }
        Self {
            last_n: u32::try_from(constraints.len()).unwrap_or(u32::MAX),
            selected_sources,
            on_stage_sources,
            default_constraints: MaxHeight { max_height: 0 },
            constraints,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_wished_sources_are_named_in_their_order() {
        let wish = ReceiveWish {
            stage: Some(("aa-v0".into(), 1080)),
            others: vec![
                ("cc-v0".into(), 180),
                ("bb-v0".into(), 180),
                ("aa-v0".into(), 180),
                ("dd-v0".into(), 0),
            ],
        };
        let constraints = ReceiverConstraints::from(&wish);
        assert_eq!(constraints.last_n, 3);
        assert_eq!(constraints.on_stage_sources, ["aa-v0"]);
        assert_eq!(constraints.selected_sources, ["cc-v0", "bb-v0"]);
        assert_eq!(constraints.constraints["aa-v0"].max_height, 1080);
        assert!(!constraints.constraints.contains_key("dd-v0"));
    }

    #[test]
    fn no_wish_means_no_picture_at_all() {
        let nothing = ReceiverConstraints::from(&ReceiveWish::default());
        assert_eq!((nothing.last_n, nothing.default_constraints.max_height), (0, 0));
        assert!(nothing.constraints.is_empty());
    }
}
