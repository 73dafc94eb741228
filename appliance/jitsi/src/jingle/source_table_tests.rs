use super::super::sources::SourceGroup;
use super::*;

fn source(ssrc: u32, kind: MediaKind, name: Option<&str>) -> Source {
    let video_type = (kind == MediaKind::Video).then_some(VideoType::Camera);
    Source {
        ssrc,
        kind,
        name: name.map(str::to_owned),
        msid: None,
        video_type,
    }
}

fn person(owner: &str, base: u32) -> OwnerSources {
    let (video, audio) = (format!("{owner}-v0"), format!("{owner}-a0"));
    let video = (0..4).map(|n| source(base + n, MediaKind::Video, Some(&video)));
    OwnerSources {
        owner: owner.into(),
        sources: video
            .chain([source(base + 9, MediaKind::Audio, Some(&audio))])
            .collect(),
        groups: vec![
            SourceGroup {
                semantics: Semantics::Sim,
                ssrcs: vec![base, base + 1],
            },
            SourceGroup {
                semantics: Semantics::Fid,
                ssrcs: vec![base, base + 2],
            },
            SourceGroup {
                semantics: Semantics::Fid,
                ssrcs: vec![base + 1, base + 3],
            },
        ],
    }
}

fn mapping(ssrc: u32, source: &str) -> SourceMapping {
    let owner = source.split('-').next().unwrap().to_owned();
    SourceMapping {
        source: source.into(),
        owner,
        ssrc,
        rtx: Some(ssrc + 1),
        video_type: None,
    }
}

fn flat(table: &SourceTable) -> Vec<(u32, Option<u32>, String)> {
    table
        .streams()
        .into_iter()
        .map(|stream| (stream.ssrc, stream.rtx_ssrc, stream.source))
        .collect()
}

#[test]
fn only_the_first_layer_and_the_sound_of_a_person_may_arrive() {
    let mut table = SourceTable::default();
    assert!(table.add(&[person("ab", 100), person(BRIDGE_OWNER, 500)]));
    assert_eq!(
        flat(&table),
        [(100, Some(102), "ab-v0".into()), (109, None, "ab-a0".into())]
    );
    assert!(table.contains(103) && table.contains(509) && !table.contains(104));
    assert!(!table.add(&[person("ab", 100)]), "the same again changes nothing");
}

#[test]
fn a_nameless_source_gets_the_name_the_focus_invents() {
    let mut table = SourceTable::default();
    table.add(&[OwnerSources {
        sources: vec![source(1, MediaKind::Audio, None)],
        ..OwnerSources::of("ab")
    }]);
    assert_eq!(table.streams()[0].source, "ab-a0");
}

#[test]
fn nobody_removes_the_sources_of_another() {
    let mut table = SourceTable::default();
    table.add(&[person("ab", 100)]);
    assert!(!table.remove(&[OwnerSources {
        owner: "cd".into(),
        ..person("ab", 100)
    }]));
    assert_eq!(table.streams().len(), 2);
    assert!(table.remove(&[person("ab", 100)]));
    assert_eq!(table.streams(), []);
}

#[test]
fn a_leaver_takes_signalled_and_mapped_sources_along() {
    let mut table = SourceTable::default();
    table.add(&[person("ab", 100), person("cd", 200)]);
    table.map(MediaKind::Video, &[mapping(7, "ab-v0")]);
    assert!(table.drop_owner("ab"));
    assert_eq!(
        flat(&table),
        [(200, Some(202), "cd-v0".into()), (209, None, "cd-a0".into())]
    );
    assert!(!table.drop_owner("ab"));
}

#[test]
fn the_same_ssrc_gets_another_source() {
    let mut table = SourceTable::default();
    assert!(table.map(MediaKind::Video, &[mapping(7, "ab-v0"), mapping(9, "cd-v0")]));
    assert!(table.map(MediaKind::Video, &[mapping(7, "ef-v0")]));
    assert_eq!(
        flat(&table),
        [(7, Some(8), "ef-v0".into()), (9, Some(10), "cd-v0".into())]
    );
    assert!(
        !table.map(MediaKind::Video, &[mapping(7, "ef-v0")]),
        "a repeated map changes nothing"
    );
}

#[test]
fn a_source_that_moves_to_another_ssrc_is_there_once() {
    let mut table = SourceTable::default();
    table.map(MediaKind::Video, &[mapping(7, "ab-v0"), mapping(9, "cd-v0")]);
    table.map(MediaKind::Video, &[mapping(9, "ab-v0")]);
    assert_eq!(flat(&table), [(9, Some(10), "ab-v0".into())]);
    table.map(MediaKind::Video, &[mapping(7, "cd-v0")]);
    assert_eq!(
        flat(&table),
        [(7, Some(8), "cd-v0".into()), (9, Some(10), "ab-v0".into())]
    );
}

#[test]
fn a_mapped_source_hides_the_signalled_one() {
    let mut table = SourceTable::default();
    table.add(&[person("ab", 100)]);
    table.map(MediaKind::Video, &[mapping(7, "ab-v0")]);
    assert_eq!(
        flat(&table),
        [(7, Some(8), "ab-v0".into()), (109, None, "ab-a0".into())]
    );
    table.map(
        MediaKind::Audio,
        &[SourceMapping {
            rtx: None,
            ..mapping(50, "ab-a0")
        }],
    );
    assert_eq!(flat(&table), [(7, Some(8), "ab-v0".into()), (50, None, "ab-a0".into())]);
    table.map(MediaKind::Audio, &[mapping(60, "jvb-a0")]);
    assert_eq!(table.streams().len(), 2, "the bridge's own sources are nobody's");
}

#[test]
fn a_new_session_forgets_the_old_one() {
    let mut table = SourceTable::default();
    table.add(&[person("ab", 100)]);
    table.map(MediaKind::Video, &[mapping(7, "ab-v0")]);
    table.reset(&[person("cd", 200)]);
    assert_eq!(
        flat(&table),
        [(200, Some(202), "cd-v0".into()), (209, None, "cd-a0".into())]
    );
}

#[test]
fn the_table_has_an_end() {
    let mut table = SourceTable::default();
    for owner in 0..400 {
        table.add(&[person(&format!("p{owner}"), 1 + owner * 10)]);
    }
    assert!(table.streams().len() <= MAX_SOURCES);
    let many: Vec<_> = (0..2000)
        .map(|n| mapping(1_000_000 + n * 2, &format!("m{n}-v0")))
        .collect();
    table.map(MediaKind::Video, &many);
    assert!(table.mapped.len() <= MAX_MAPPINGS);
}

#[test]
fn a_crowd_of_sources_becomes_a_plan_of_bounded_size() {
    let owner = "o".repeat(128);
    let sources = (1..=900).map(|ssrc| source(ssrc, MediaKind::Audio, Some(&"n".repeat(128))));
    let mut table = SourceTable::default();
    table.reset(&[OwnerSources {
        sources: sources.collect(),
        ..OwnerSources::of(&owner)
    }]);
    let streams = table.streams();
    assert_eq!(streams.len(), 500);
    assert!(serde_json::to_string(&streams).unwrap().len() < 256 << 10);
}
