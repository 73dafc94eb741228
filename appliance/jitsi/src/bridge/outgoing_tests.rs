//! The bridge's strict parser, modelled: unknown fields, duplicate keys and unknown classes drop the whole message.

use room::conference::ReceiveWish;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "colibriClass", deny_unknown_fields)]
enum Strict {
    ClientHello {},
    #[serde(rename_all = "camelCase")]
    ReceiverVideoConstraints {
        last_n: Option<i32>,
        selected_sources: Option<Vec<String>>,
        on_stage_sources: Option<Vec<String>>,
        default_constraints: Option<Constraints>,
        constraints: Option<BTreeMap<String, Constraints>>,
        assumed_bandwidth_bps: Option<i64>,
    },
    #[serde(rename_all = "camelCase")]
    SourceVideoTypeMessage {
        source_name: String,
        video_type: StrictVideoType,
        endpoint_id: Option<String>,
    },
    #[serde(rename_all = "camelCase")]
    EndpointMessage {
        to: String,
        msg_payload: Value,
    },
    #[serde(rename_all = "camelCase")]
    EndpointStats {
        bitrate: Value,
        packet_loss: Value,
        connection_quality: f64,
        #[serde(rename = "jvbRTT")]
        jvb_rtt: Option<u32>,
        server_region: Option<String>,
        max_enabled_resolution: Option<u32>,
    },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Constraints {
    max_height: i32,
    max_frame_rate: Option<f64>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum StrictVideoType {
    Camera,
    Desktop,
    DesktopHighFps,
    None,
}

fn strict(message: &Outgoing) -> Strict {
    let text = message.to_text();
    let keys = text.matches("colibriClass").count();
    assert_eq!(keys, 1, "no duplicate key: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_strict_parser_is_strict() {
    for text in [
        r#"{"colibriClass":"ReceiverVideoConstraints","selectedEndpoints":[]}"#,
        r#"{"colibriClass":"PinnedEndpointChangedEvent"}"#,
        r#"{"colibriClass":"ClientHello","x":1}"#,
    ] {
        assert!(serde_json::from_str::<Strict>(text).is_err(), "{text}");
    }
}

#[test]
fn the_strict_parser_takes_what_a_real_bridge_took() {
    for text in [
        include_str!("../../tests/golden/recorded/bridge-client-EndpointMessage-endpoint-reaction.json"),
        include_str!("../../tests/golden/recorded/bridge-client-ClientHello.json"),
        include_str!("../../tests/golden/recorded/bridge-client-EndpointMessage-x.json"),
        include_str!("../../tests/golden/recorded/bridge-client-EndpointStats.json"),
        include_str!("../../tests/golden/recorded/bridge-client-ReceiverVideoConstraints.json"),
        include_str!("../../tests/golden/recorded/bridge-client-SourceVideoTypeMessage.json"),
        include_str!("../../tests/golden/recorded/colibriws-client-EndpointStats.json"),
        include_str!("../../tests/golden/recorded/colibriws-client-ReceiverVideoConstraints.json"),
        include_str!("../../tests/golden/recorded/colibriws-client-SourceVideoTypeMessage.json"),
    ] {
        serde_json::from_str::<Strict>(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
}

#[test]
fn the_strict_parser_takes_all_we_say() {
    assert_eq!(strict(&Outgoing::ClientHello {}), Strict::ClientHello {});
    let wish = ReceiveWish {
        stage: Some(("aa-v0".into(), 1080)),
        others: vec![("bb-v0".into(), 180)],
    };
    let constraints = Outgoing::ReceiverVideoConstraints((&wish).into());
    assert_eq!(
        constraints.to_text(),
        r#"{"colibriClass":"ReceiverVideoConstraints","lastN":2,"selectedSources":["bb-v0"],"onStageSources":["aa-v0"],"defaultConstraints":{"maxHeight":0},"constraints":{"aa-v0":{"maxHeight":1080},"bb-v0":{"maxHeight":180}}}"#
    );
    assert!(matches!(
        strict(&constraints),
        Strict::ReceiverVideoConstraints { last_n: Some(2), .. }
    ));
    for (ours, theirs) in [
        (SourceVideoType::Camera, StrictVideoType::Camera),
        (SourceVideoType::Desktop, StrictVideoType::Desktop),
        (SourceVideoType::DesktopHighFps, StrictVideoType::DesktopHighFps),
        (SourceVideoType::None, StrictVideoType::None),
    ] {
        let message = Outgoing::SourceVideoType {
            source_name: "ab-v0".into(),
            video_type: ours,
        };
        let expected = Strict::SourceVideoTypeMessage {
            source_name: "ab-v0".into(),
            video_type: theirs,
            endpoint_id: None,
        };
        assert_eq!(strict(&message), expected);
    }
    strict(&Outgoing::EndpointStats(EndpointStatistics::default()));
    strict(&Outgoing::EndpointStats(EndpointStatistics {
        jvb_rtt: Some(7),
        server_region: Some("eu".into()),
        max_enabled_resolution: Some(720),
        ..EndpointStatistics::default()
    }));
}

#[test]
fn a_ping_is_answered_with_its_own_id() {
    let answer = Outgoing::ping_response("cd34", &json!(7));
    let expected =
        json!({"colibriClass": "EndpointMessage", "to": "cd34", "msgPayload": {"type": "e2e-ping-response", "id": 7}});
    assert_eq!(serde_json::from_str::<Value>(&answer.to_text()).unwrap(), expected);
}
