//! Hands, names, messages, recordings, quality: what people do beside being seen and heard.

use std::time::Duration;

use media_protocol::{LayerStatistics, Statistics};
use room::conference::{ConferenceCommand, ConferenceEvent, Participant, ParticipantId, Recording};

use crate::script::*;

fn people(script: &mut Script) -> Vec<Participant> {
    script.event(|event| match event {
        ConferenceEvent::Participants(people) => Some(people.clone()),
        _ => None,
    })
}

fn presence(nick: &str, inside: &str) -> String {
    format!(
        "<presence xmlns='jabber:client' from='{ROOM}/{nick}'>{inside}<x xmlns='http://jabber.org/protocol/muc#user'>\
         <item affiliation='none' role='participant' jid='focus@auth.meet.example/focus'/></x></presence>"
    )
}

#[test]
fn our_hand_carries_the_time_of_day_and_no_other_child_is_lost() {
    let mut script = Script::joined_with(jitsi::Options {
        epoch_ms: 1_795_298_000_000,
        ..options()
    });
    script.seconds(5);
    script.command(ConferenceCommand::RaiseHand(true));
    let up = script.sent("raisedHand");
    assert!(
        up.contains("<jitsi_participant_raisedHand>1795298005000</jitsi_participant_raisedHand>"),
        "{up}"
    );
    assert!(up.contains("SourceInfo") && up.contains("</nick>"), "{up}");
    script.command(ConferenceCommand::RaiseHand(false));
    let down = script.sent("SourceInfo");
    assert!(
        down.contains("<jitsi_participant_raisedHand>0</jitsi_participant_raisedHand>"),
        "a web client keeps a hand that merely vanished: {down}"
    );
}

#[test]
fn hands_names_and_encryption_of_others_reach_the_room() {
    let mut script = Script::joined();
    script.events.clear();
    script.text(&presence(
        "cd34ef56",
        "<nick xmlns='http://jabber.org/protocol/nick'>Zoé</nick><jitsi_participant_raisedHand>17</jitsi_participant_raisedHand>\
         <jitsi_participant_e2ee.enabled>true</jitsi_participant_e2ee.enabled>",
    ));
    let person = people(&mut script).remove(0);
    assert_eq!((person.raised_hand, person.encrypted), (Some(17), true));
    script.text(&presence(
        "cd34ef56",
        "<nick xmlns='http://jabber.org/protocol/nick'>Zoé Martin</nick><jitsi_participant_raisedHand>0</jitsi_participant_raisedHand>",
    ));
    let person = people(&mut script).remove(0);
    assert_eq!((person.raised_hand, person.name.as_deref()), (None, Some("Zoé Martin")));
}

#[test]
fn a_new_name_of_ours_is_told_and_kept() {
    let mut script = Script::joined();
    script.command(ConferenceCommand::SetName("Salle <5>".into()));
    assert!(script.sent("SourceInfo").contains(">Salle &lt;5&gt;</nick>"));
}

#[test]
fn messages_are_passed_on_and_our_own_history_and_floods_are_not() {
    let (mut script, _) = Script::in_session();
    let message = |from: &str, kind: &str, inside: &str| {
        format!("<message xmlns='jabber:client' type='{kind}' from='{ROOM}/{from}'>{inside}</message>")
    };
    script.events.clear();
    script.text(&message("cd34ef56", "groupchat", "<body>bonjour</body>"));
    let read = script.event(|event| match event {
        ConferenceEvent::Message(message) => Some(message.clone()),
        _ => None,
    });
    assert_eq!(
        (
            read.from.0.as_str(),
            read.name.as_deref(),
            read.text.as_str(),
            read.private
        ),
        ("cd34ef56", Some("Zoé"), "bonjour", false)
    );
    script.text(&message("cd34ef56", "chat", "<body>entre nous</body>"));
    script.event(|event| matches!(event, ConferenceEvent::Message(message) if message.private).then_some(()));
    script.text(&message(ME, "groupchat", "<body>bonjour</body>"));
    script.text(&message(
        "cd34ef56",
        "groupchat",
        "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>",
    ));
    script.text(
        "<message xmlns='jabber:client' type='groupchat' from='other@muc.meet.example/x'><body>x</body></message>",
    );
    script.no_event(|event| matches!(event, ConferenceEvent::Message(_)));
    script.seconds(2);
    for _ in 0..1000 {
        script.text(&message("cd34ef56", "groupchat", "<body>flood</body>"));
    }
    let passed = script
        .events
        .iter()
        .filter(|event| matches!(event, ConferenceEvent::Message(_)));
    assert_eq!(passed.count(), 10);
}

#[test]
fn what_we_write_goes_to_all_or_to_somebody_who_is_there() {
    let (mut script, _) = Script::in_session();
    let say = |to: Option<&str>| ConferenceCommand::Say {
        to: to.map(|to| ParticipantId(to.into())),
        text: "oui".into(),
    };
    script.command(say(None));
    assert!(script.sent("<body>oui</body>").contains("type='groupchat'"));
    script.command(say(Some("cd34ef56")));
    let private = script.sent("<body>oui</body>");
    assert!(
        private.contains("type='chat'") && private.contains(&format!("{ROOM}/cd34ef56")),
        "{private}"
    );
    script.command(say(Some("gone0000")));
    script.nothing_sent("<body>");
}

#[test]
fn recordings_are_believed_of_the_genuine_focus_alone() {
    let mut script = Script::joined();
    script.events.clear();
    let status = |status: &str, mode: &str, session: &str| {
        format!(
            "<jibri-recording-status xmlns='http://jitsi.org/protocol/jibri' status='{status}' recording_mode='{mode}' session_id='{session}'/>"
        )
    };
    script.text(&presence("cd34ef56", &status("on", "file", "s")));
    script.no_event(|event| matches!(event, ConferenceEvent::Recording(_)));
    let told = |script: &mut Script, inside: &str| {
        script.text(&presence("focus", inside));
        script.event(|event| match event {
            ConferenceEvent::Recording(recording) => Some(*recording),
            _ => None,
        })
    };
    let file = Recording {
        recorded: true,
        ..Recording::default()
    };
    assert_eq!(told(&mut script, &status("on", "file", "s1")), file);
    let both = Recording {
        broadcast: true,
        ..file
    };
    assert_eq!(told(&mut script, &status("on", "stream", "s2")), both);
    let stream = Recording {
        recorded: false,
        ..both
    };
    assert_eq!(told(&mut script, &status("off", "file", "s1")), stream);
    script.text(&presence("focus", &status("pending", "file", "s3")));
    script.no_event(|event| matches!(event, ConferenceEvent::Recording(_)));
}

#[test]
fn transcription_is_told_by_the_metadata_or_by_whoever_writes() {
    let mut script = Script::joined();
    let transcribed = |script: &mut Script| {
        script.event(|event| match event {
            ConferenceEvent::Recording(recording) => Some(recording.transcribed),
            _ => None,
        })
    };
    let metadata =
        |on: bool| format!(r#"{{"type":"room_metadata","metadata":{{"recording":{{"isTranscribingEnabled":{on}}}}}}}"#);
    script.component("metadata.meet.example", &metadata(true));
    assert!(transcribed(&mut script));
    script.component("metadata.meet.example", &metadata(false));
    assert!(!transcribed(&mut script));
    script.text(&presence(
        "cd34ef56",
        "<transcription-status xmlns='http://jitsi.org/protocol/jigasi' status='ON'/>",
    ));
    assert!(transcribed(&mut script));
    script.text(&unavailable("cd34ef56", "", ""));
    assert!(!transcribed(&mut script));
}

#[test]
fn the_quality_of_our_connection_is_told_every_ten_seconds_and_that_of_others_kept() {
    let (mut script, id) = Script::in_session();
    script.take_bridge_messages();
    script.seconds(11);
    let said = |script: &mut Script| {
        let messages = script.take_bridge_messages();
        let mut statistics = messages
            .into_iter()
            .filter(|message| message["colibriClass"] == "EndpointStats");
        statistics.next_back()
    };
    assert_eq!(said(&mut script), None, "nothing is invented");
    for _ in 0..3 {
        // Somebody is heard of, so that the stream is not taken for dead.
        script.peer("cd34ef56", "Zoé", false);
        script.command(ConferenceCommand::Statistics(Box::new(Statistics {
            layers: vec![LayerStatistics {
                ssrc: 1,
                height: 360,
                fps: 30.0,
                bitrate: 500_000,
                key_frames: 1,
            }],
            ..Statistics::default()
        })));
        script.advance(Duration::from_secs(10));
        let said = said(&mut script).expect("a word every ten seconds");
        assert_eq!(
            (&said["bitrate"]["upload"], &said["connectionQuality"]),
            (&500.into(), &100.0.into())
        );
        assert_eq!(said["maxEnabledResolution"], 360);
    }
    script.events.clear();
    script.bridge_says(
        id,
        r#"{"colibriClass":"EndpointStats","from":"cd34ef56","connectionQuality":42.4,"bitrate":{"upload":1}}"#,
    );
    assert_eq!(people(&mut script)[0].quality, Some(42));
    script.bridge_says(
        id,
        r#"{"colibriClass":"EndpointStats","from":"nobody00","connectionQuality":1}"#,
    );
    script.no_event(|event| matches!(event, ConferenceEvent::Participants(_)));
}

#[test]
fn unknown_messages_of_others_are_passed_over() {
    let (mut script, id) = Script::in_session();
    script.events.clear();
    for text in [
        r#"{"colibriClass":"EndpointMessage","from":"cd34ef56","msgPayload":{"name":"endpoint-reaction","reactions":["clap"],"timestamp":1}}"#,
        r#"{"colibriClass":"EndpointMessage","from":"cd34ef56","msgPayload":"x"}"#,
        r#"{"colibriClass":"FutureMessage","x":{}}"#,
        "{",
    ] {
        script.bridge_says(id, text);
    }
    assert!(script.events.is_empty(), "{:?}", script.events);
}
