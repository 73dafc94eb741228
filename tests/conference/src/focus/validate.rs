//! The validation of `ValidatingConferenceSourceMap`: what makes the focus answer `bad-request` and end the session
//! (`specs/jitsi-client.md §4`, fatal validation).

use std::collections::BTreeMap;

use super::sources::{Semantics, Sources};

/// At most this many SSRCs and this many groups per endpoint.
pub const MOST: usize = 20;

/// Checks `added` as an addition to what `endpoint` has, in a conference where the others have `others`.
///
/// # Errors
/// The broken rule in words.
pub fn validate(added: &Sources, own: &Sources, others: &BTreeMap<String, Sources>) -> Result<(), String> {
    let mut all = own.clone();
    all.extend(added.clone());
    if all.sources.len() > MOST {
        return Err(format!("{} SSRCs, at most {MOST} are allowed", all.sources.len()));
    }
    if all.groups.len() > MOST {
        return Err(format!("{} groups, at most {MOST} are allowed", all.groups.len()));
    }
    for (i, source) in all.sources.iter().enumerate() {
        if source.ssrc == 0 {
            return Err("SSRC 0".into());
        }
        if all.sources[..i].iter().any(|s| s.ssrc == source.ssrc) {
            return Err(format!("SSRC {} is declared twice", source.ssrc));
        }
        for (other, theirs) in others {
            if theirs.sources.iter().any(|s| s.ssrc == source.ssrc) {
                return Err(format!("SSRC {} is used by {other}", source.ssrc));
            }
            if source.msid.is_some() && theirs.sources.iter().any(|s| s.msid == source.msid) {
                return Err(format!("msid {:?} is used by {other}", source.msid));
            }
        }
        if let Some(other) = all.sources[..i]
            .iter()
            .find(|s| s.msid.is_some() && s.msid == source.msid)
            && (other.name != source.name || other.media != source.media)
        {
            return Err(format!(
                "msid {:?} is used by {} and {}",
                source.msid, other.name, source.name
            ));
        }
    }
    for group in &all.groups {
        check_group(group, &all)?;
    }
    Ok(())
}

fn check_group(group: &super::sources::Group, all: &Sources) -> Result<(), String> {
    if group.semantics == Semantics::Fid && group.ssrcs.len() != 2 {
        return Err(format!("FID group of {} SSRCs", group.ssrcs.len()));
    }
    if group.ssrcs.is_empty() {
        return Err("empty group".into());
    }
    let mut msid: Option<&str> = None;
    for ssrc in &group.ssrcs {
        let source = all
            .sources
            .iter()
            .find(|s| s.ssrc == *ssrc && s.media == group.media)
            .ok_or_else(|| format!("SSRC {ssrc} of a group is not declared"))?;
        let own = source
            .msid
            .as_deref()
            .ok_or_else(|| format!("grouped SSRC {ssrc} has no msid"))?;
        if *msid.get_or_insert(own) != own {
            return Err(format!("msids differ inside a group: {own}"));
        }
    }
    Ok(())
}

/// Removes exactly `removed` from `own`.
///
/// # Errors
/// What is not there, in words: a source-remove needs exact SSRCs and groups.
pub fn remove(own: &Sources, removed: &Sources) -> Result<Sources, String> {
    let mut left = own.clone();
    for source in &removed.sources {
        let at = left
            .sources
            .iter()
            .position(|s| s.ssrc == source.ssrc && s.media == source.media)
            .ok_or_else(|| format!("SSRC {} was never added", source.ssrc))?;
        left.sources.remove(at);
    }
    for group in &removed.groups {
        let at = left
            .groups
            .iter()
            .position(|g| g == group)
            .ok_or_else(|| format!("group {group:?} was never added"))?;
        left.groups.remove(at);
    }
    for group in &left.groups {
        check_group(group, &left)?;
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::super::sources::{Group, Media, Source};
    use super::*;

    fn source(ssrc: u32, name: &str, msid: &str) -> Source {
        Source {
            media: Media::Video,
            ssrc,
            name: name.into(),
            msid: (!msid.is_empty()).then(|| msid.into()),
            desktop: false,
        }
    }

    fn pair() -> Sources {
        Sources {
            sources: vec![source(1, "a-v0", "s t"), source(2, "a-v0", "s t")],
            groups: vec![Group {
                media: Media::Video,
                semantics: Semantics::Fid,
                ssrcs: vec![1, 2],
            }],
        }
    }

    #[test]
    fn a_source_with_its_rtx_is_accepted() {
        assert_eq!(validate(&pair(), &Sources::default(), &BTreeMap::new()), Ok(()));
    }

    #[test]
    fn each_fatal_mistake_is_named() {
        let others = BTreeMap::from([("other".to_owned(), pair())]);
        type Mistake = (&'static str, fn(&mut Sources));
        let mistakes: &[Mistake] = &[
            ("declared twice", |s| s.sources[1].ssrc = 1),
            ("not declared", |s| s.groups[0].ssrcs[1] = 9),
            ("FID group of 3", |s| s.groups[0].ssrcs.push(2)),
            ("has no msid", |s| s.sources[0].msid = None),
            ("msids differ", |s| s.sources[1].msid = Some("x y".into())),
            ("is used by a-v0 and a-v1", |s| s.sources[1].name = "a-v1".into()),
            ("at most 20", |s| {
                s.sources.extend((10..40).map(|n| source(n, "a-v0", "s t")))
            }),
        ];
        for (words, spoil) in mistakes {
            let mut spoiled = pair();
            spoil(&mut spoiled);
            let error = validate(&spoiled, &Sources::default(), &BTreeMap::new()).unwrap_err();
            assert!(error.contains(words), "{error} should say {words}");
        }
        assert!(
            validate(&pair(), &Sources::default(), &others)
                .unwrap_err()
                .contains("used by other")
        );
    }

    #[test]
    fn only_what_was_added_can_be_removed() {
        assert!(remove(&pair(), &pair()).unwrap().is_empty());
        let mut other = pair();
        other.groups[0].ssrcs.reverse();
        assert!(remove(&pair(), &other).is_err());
        let only_source = Sources {
            groups: vec![],
            ..pair()
        };
        assert!(
            remove(&pair(), &only_source).is_err(),
            "the group would be left without its SSRCs"
        );
    }
}
