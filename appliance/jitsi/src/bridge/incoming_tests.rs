use super::*;
use serde_json::json;

fn read(json: Value) -> Result<Incoming, IncomingError> {
    Incoming::parse(&json.to_string())
}

#[test]
fn every_class_of_the_list_is_read() {
    let cases = [
        (
            json!({"colibriClass": "ServerHello"}),
            Incoming::ServerHello { version: None },
        ),
        (
            json!({"colibriClass": "ServerHello", "version": "2.3"}),
            Incoming::ServerHello {
                version: Some("2.3".into()),
            },
        ),
        (
            json!({"colibriClass": "SenderSourceConstraints", "sourceName": "ab-v0", "maxHeight": 360}),
            Incoming::SenderSourceConstraints {
                source: "ab-v0".into(),
                max_height: Some(360),
            },
        ),
        (
            json!({"colibriClass": "SenderSourceConstraints", "sourceName": "ab-v0", "maxHeight": 0}),
            Incoming::SenderSourceConstraints {
                source: "ab-v0".into(),
                max_height: Some(0),
            },
        ),
        (
            json!({"colibriClass": "SenderSourceConstraints", "sourceName": "ab-v0", "maxHeight": -1}),
            Incoming::SenderSourceConstraints {
                source: "ab-v0".into(),
                max_height: None,
            },
        ),
        (
            json!({"colibriClass": "DominantSpeakerEndpointChangeEvent", "dominantSpeakerEndpoint": "cd", "previousSpeakers": ["ef"], "silence": true}),
            Incoming::DominantSpeaker {
                endpoint: "cd".into(),
                silence: true,
            },
        ),
        (
            json!({"colibriClass": "ForwardedSources", "forwardedSources": ["cd-v0", "", 7]}),
            Incoming::ForwardedSources(vec!["cd-v0".into()]),
        ),
        (
            json!({"colibriClass": "ConnectionStats", "estimatedDownlinkBandwidth": 2_500_000}),
            Incoming::ConnectionStats {
                estimated_downlink: 2_500_000,
            },
        ),
        (
            json!({"colibriClass": "EndpointMessage", "from": "cd", "to": "", "msgPayload": {"type": "e2e-ping-request", "id": 1}}),
            Incoming::EndpointMessage {
                from: "cd".into(),
                payload: json!({"type": "e2e-ping-request", "id": 1}),
            },
        ),
        (
            json!({"colibriClass": "EndpointStats", "from": "cd", "connectionQuality": 87.6, "x": 1}),
            Incoming::EndpointStats {
                from: "cd".into(),
                quality: Some(88),
            },
        ),
        (
            json!({"colibriClass": "SyntheticSourceSendingChangeEvent", "sourceName": "x", "sending": true, "timestamp": 1}),
            Incoming::Ignored("SyntheticSourceSendingChangeEvent".into()),
        ),
        (
            json!({"colibriClass": "Tomorrow"}),
            Incoming::Ignored("Tomorrow".into()),
        ),
    ];
    for (json, expected) in cases {
        assert_eq!(read(json.clone()), Ok(expected), "{json}");
    }
}

#[test]
fn active_is_a_string_and_may_become_a_boolean() {
    for (active, expected) in [
        (json!("true"), true),
        (json!("false"), false),
        (json!(true), true),
        (json!(false), false),
    ] {
        let json = json!({"colibriClass": "EndpointConnectivityStatusChangeEvent", "endpoint": "cd", "active": active});
        assert_eq!(
            read(json),
            Ok(Incoming::EndpointConnectivity {
                endpoint: "cd".into(),
                active: expected
            })
        );
    }
    let odd = json!({"colibriClass": "EndpointConnectivityStatusChangeEvent", "endpoint": "cd", "active": 1});
    assert!(matches!(read(odd), Err(IncomingError::Field { field: "active", .. })));
}

#[test]
fn maps_name_source_owner_and_ssrcs() {
    let video = json!({"colibriClass": "VideoSourcesMap", "mappedSources": [
        {"source": "cd-v0", "owner": "cd", "ssrc": 1, "rtx": 2, "videoType": "CAMERA"},
        {"source": "cd-v1", "owner": null, "ssrc": 4_294_967_295_u64, "rtx": -1, "videoType": "DESKTOP", "mid": "v1"},
        {"source": "ef-v0", "owner": "ef", "ssrc": 0, "rtx": 5}, {"source": "", "ssrc": 3}, 7
    ]});
    let Ok(Incoming::VideoSourcesMap(video)) = read(video) else {
        panic!()
    };
    assert_eq!(
        video,
        [
            SourceMapping {
                source: "cd-v0".into(),
                owner: "cd".into(),
                ssrc: 1,
                rtx: Some(2),
                video_type: Some(VideoType::Camera)
            },
            SourceMapping {
                source: "cd-v1".into(),
                owner: "cd".into(),
                ssrc: u32::MAX,
                rtx: None,
                video_type: Some(VideoType::Desktop)
            },
        ]
    );
    let audio =
        json!({"colibriClass": "AudioSourcesMap", "mappedSources": [{"source": "cd-a0", "owner": "cd", "ssrc": 9}]});
    let expected = SourceMapping {
        source: "cd-a0".into(),
        owner: "cd".into(),
        ssrc: 9,
        rtx: None,
        video_type: None,
    };
    assert_eq!(read(audio), Ok(Incoming::AudioSourcesMap(vec![expected])));
}

#[test]
fn size_depth_and_lists_have_limits() {
    let large = format!("{{\"colibriClass\":\"{}\"}}", "x".repeat(MAX_MESSAGE_BYTES));
    assert!(matches!(Incoming::parse(&large), Err(IncomingError::TooLarge(_))));
    let deep = format!("{{\"colibriClass\":\"X\",\"y\":{}", "[".repeat(100_000));
    assert_eq!(Incoming::parse(&deep), Err(IncomingError::Malformed));
    let many: Vec<_> = (0..=MAX_ENTRIES).map(|n| format!("s{n}-v0")).collect();
    let many = json!({"colibriClass": "ForwardedSources", "forwardedSources": many});
    assert_eq!(read(many), Err(IncomingError::TooMany("ForwardedSources")));
    let long = json!({"colibriClass": "DominantSpeakerEndpointChangeEvent", "dominantSpeakerEndpoint": "x".repeat(MAX_NAME + 1)});
    assert!(matches!(read(long), Err(IncomingError::Field { .. })));
    let Ok(Incoming::Ignored(class)) = read(json!({"colibriClass": "x".repeat(5000)})) else {
        panic!()
    };
    assert_eq!(class.len(), 64);
}

#[test]
fn what_is_no_message_is_an_error_and_not_a_panic() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "{\"colibriClass\":7}",
        "{\"colibriClass\":\"ServerHello\"",
        "\u{0}",
    ] {
        assert_eq!(Incoming::parse(text), Err(IncomingError::Malformed), "{text:?}");
    }
    assert!(read(json!({"colibriClass": "SenderSourceConstraints", "sourceName": "a"})).is_err());
    assert!(read(json!({"colibriClass": "VideoSourcesMap"})).is_err());
}
