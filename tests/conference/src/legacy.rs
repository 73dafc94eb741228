//! Clients of the turn of 2021/22: what the conference does otherwise for them, and what it does not ask of them.
//!
//! That code knows source names in Jingle and presence, but the bridge channel of its time still spoke of endpoints: one
//! camera each. SSRC rewriting, codec lists and several streams of one participant came later. It sends pictures again a
//! moment before it says so, and stumbles over two wishes of the bridge in quick succession: so it is told how much is
//! wanted of it, never that nothing is (`bridge::messages`). A client is treated so when its presence says [`ERA`]; rules
//! that existed then are judged as for everybody.

use minidom::Element;
use serde_json::{Map, Value, json};

use crate::options::Options;

/// The presence child by which a client asks for this, and its text.
pub const ERA: (&str, &str) = ("jitsi_participant_era", "2021");

/// Features that came later: they are not missed.
pub const LATER_FEATURES: &[&str] = &[
    "http://jitsi.org/source-name",
    "http://jitsi.org/receive-multiple-video-streams",
];

/// Whether a presence is that of such a client. Codec lists came later: it is not asked for one.
pub fn shown_by(presence: &Element) -> bool {
    presence.children().any(|c| c.name() == ERA.0 && c.text() == ERA.1)
}

/// How what arrives from such a client is looked at. It is a browser: it passes over a request for a key frame that comes
/// within 300 ms of the last one, and its receivers ask again. Nobody looks at its pictures here.
pub fn options(options: &Options) -> Options {
    Options {
        decode: false,
        judge_key_frames: false,
        ..options.clone()
    }
}

/// A channel message of such a client as one would say it today; what it did not know in its time is left as it is.
pub fn from_client(text: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else {
        return text.to_owned();
    };
    if fields.get("colibriClass").and_then(Value::as_str) != Some("ReceiverVideoConstraints") {
        return text.to_owned();
    }
    for (then, now) in [
        ("onStageEndpoints", "onStageSources"),
        ("selectedEndpoints", "selectedSources"),
    ] {
        if let Some(Value::Array(endpoints)) = fields.remove(then) {
            let sources = endpoints.iter().filter_map(Value::as_str).map(camera_of);
            fields.insert(now.into(), sources.collect());
        }
    }
    if let Some(Value::Object(constraints)) = fields.remove("constraints") {
        let by_source: Map<String, Value> = constraints.into_iter().map(|(e, c)| (camera_of(&e), c)).collect();
        fields.insert("constraints".into(), by_source.into());
    }
    Value::Object(fields).to_string()
}

/// A channel message to such a client as the bridge said it in its time.
pub fn to_client(text: &str) -> String {
    let Ok(message) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    match message.get("colibriClass").and_then(Value::as_str) {
        Some("SenderSourceConstraints") => {
            // Without limit was the largest picture there was.
            let height = match message.get("maxHeight").and_then(Value::as_i64) {
                Some(height) if height >= 0 => height,
                _ => 2160,
            };
            json!({"colibriClass": "SenderVideoConstraints", "videoConstraints": {"idealHeight": height}}).to_string()
        }
        Some("ForwardedSources") => {
            let sources = message.get("forwardedSources").and_then(Value::as_array);
            let endpoints: Vec<&str> = sources
                .into_iter()
                .flatten()
                .filter_map(|s| s.as_str()?.split('-').next())
                .collect();
            json!({"colibriClass": "LastNEndpointsChangeEvent", "lastNEndpoints": endpoints}).to_string()
        }
        _ => text.to_owned(),
    }
}

fn camera_of(endpoint: &str) -> String {
    format!("{endpoint}-v0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::channel;

    #[test]
    fn only_the_presence_that_says_so_is_one() {
        let presence = |child: &str| crate::xml::parse(&format!("<presence xmlns='jabber:client'>{child}</presence>"));
        assert!(shown_by(
            &presence("<jitsi_participant_era>2021</jitsi_participant_era>").unwrap()
        ));
        assert!(!shown_by(
            &presence("<jitsi_participant_era>2026</jitsi_participant_era>").unwrap()
        ));
        assert!(!shown_by(&presence("<nick>2021</nick>").unwrap()));
    }

    #[test]
    fn constraints_of_endpoints_become_constraints_of_their_cameras() {
        let then = r#"{"colibriClass":"ReceiverVideoConstraints","lastN":2,"onStageEndpoints":["ab"],"selectedEndpoints":[],
            "defaultConstraints":{"maxHeight":180},"constraints":{"ab":{"maxHeight":720}}}"#;
        assert!(channel::read(then).is_err(), "today's bridge drops it");
        let channel::ClientMessage::ReceiverVideoConstraints {
            on_stage, by_source, ..
        } = channel::read(&from_client(then)).unwrap()
        else {
            panic!("another message");
        };
        assert_eq!(on_stage.unwrap(), ["ab-v0"]);
        assert_eq!(by_source.unwrap().into_keys().collect::<Vec<_>>(), ["ab-v0"]);
    }

    #[test]
    fn what_was_wrong_then_is_still_wrong() {
        for text in [r#"{"colibriClass":"Coffee"}"#, r#"{"lastN":1}"#, "{"] {
            assert!(channel::read(&from_client(text)).is_err(), "{text}");
        }
        let unknown = r#"{"colibriClass":"ReceiverVideoConstraints","lastN":1,"sugar":2}"#;
        assert!(channel::read(&from_client(unknown)).is_err());
    }

    #[test]
    fn the_bridge_speaks_of_endpoints() {
        let told = to_client(&channel::write::sender_source_constraints("ab-v0", 360));
        assert_eq!(
            told,
            r#"{"colibriClass":"SenderVideoConstraints","videoConstraints":{"idealHeight":360}}"#
        );
        let told = to_client(&channel::write::forwarded_sources(&["ab-v0".into(), "cd-v0".into()]));
        assert_eq!(
            told,
            r#"{"colibriClass":"LastNEndpointsChangeEvent","lastNEndpoints":["ab","cd"]}"#
        );
    }
}
