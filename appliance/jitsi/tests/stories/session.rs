//! Sessions with the bridge.

use jitsi::{Options, xml};
use media_protocol::{MediaKind, VideoCodec};
use room::conference::{ConferenceCommand, ConferenceEvent, Device, Sources};

use crate::script::*;

#[test]
fn the_offer_is_acknowledged_before_the_plan_and_answered_when_the_worker_has_described_itself() {
    let mut script = Script::joined();
    script.peer("cd34ef56", "Zoé", false);
    script.offer(SID, "b1");
    script.nothing_sent("session-accept");
    let plan = script.plan();
    assert_eq!(
        plan.layers
            .iter()
            .map(|layer| (layer.height, layer.enabled))
            .collect::<Vec<_>>(),
        [(180, true), (360, true), (720, true)]
    );
    assert_eq!(plan.offer.video.payload_types[0].number, 100);
    assert!(plan.streams.is_empty());
    script.describe(plan.id);
    let accept = script.sent("session-accept");
    let accept = xml::parse(&accept).unwrap();
    assert_eq!(accept.attr("to"), Some(FOCUS));
    let jingle = accept.get_child("jingle", "urn:xmpp:jingle:1").unwrap();
    assert_eq!(jingle.attr("sid"), Some(SID));
    assert_eq!(jingle.attr("responder"), Some("standup@muc.meet.example/ab12cd34"));
    let text = xml::to_text(&accept);
    for layer in &plan.layers {
        assert!(
            text.contains(&format!("ssrc='{}'", layer.ssrc)) && text.contains(&format!("ssrc='{}'", layer.rtx_ssrc))
        );
    }
    assert!(text.contains(&format!("ssrc='{}'", plan.offer.audio.ssrc)));
    script.describe(plan.id);
    script.nothing_sent("session-accept");
}

#[test]
fn what_we_send_is_decoded_by_everybody_also_by_who_comes_later() {
    let list = |codecs: &str| format!("<jitsi_participant_codecList>{codecs}</jitsi_participant_codecList>");
    let mut script = Script::joined_with(Options {
        video_codecs: vec![VideoCodec::H264, VideoCodec::Vp8],
        ..options()
    });
    script.peer_with("cd34ef56", "Zoé", false, &list("av1,vp8,h264"));
    script.peer("0102aabb", "Recorder", true);
    script.offer(SID, "b1");
    let plan = script.plan();
    assert_eq!(plan.offer.video.codec, VideoCodec::H264);
    script.describe(plan.id);
    script.accepted();
    script.nothing_sent("restart='true'");
    script.peer_with("ee00ee00", "Max", false, &list("vp9,vp8"));
    script.sent("restart='true'");
    script.saw(&ConferenceEvent::Session(None));
    script.offer("sid2", "b2");
    let plan = script.plan();
    assert_eq!(plan.offer.video.codec, VideoCodec::Vp8);
    let taken: Vec<u8> = plan
        .offer
        .video
        .payload_types
        .iter()
        .map(|payload| payload.number)
        .collect();
    assert_eq!(taken, [100, 107], "both can come");
    script.describe(plan.id);
    script.accepted();
    script.peer_with("ee00ee00", "Max", true, &list("vp9,vp8"));
    script.text(&unavailable("ee00ee00", "", ""));
    script.nothing_sent("restart='true'");
}

#[test]
fn visitors_decode_it_too() {
    let mut script = Script::joined_with(Options {
        video_codecs: vec![VideoCodec::H264, VideoCodec::Vp8],
        ..options()
    });
    let visitors = |codecs: &str| {
        format!(
            "<conference-properties xmlns='http://jitsi.org/protocol/focus'><property key='visitor-codecs' \
             value='{codecs}'/></conference-properties>"
        )
    };
    let (focus, stranger) = ("focus@auth.meet.example/focus", "guest@meet.example/x");
    script.focus_presence_with(focus, &visitors("vp8,h264"));
    script.offer(SID, "b1");
    let plan = script.plan();
    assert_eq!(plan.offer.video.codec, VideoCodec::H264);
    script.describe(plan.id);
    script.accepted();
    script.focus_presence_with(stranger, &visitors("vp8"));
    script.nothing_sent("restart='true'");
    script.focus_presence_with(focus, &visitors("vp8,vp9"));
    script.sent("restart='true'");
    script.offer("sid2", "b2");
    assert_eq!(script.plan().offer.video.codec, VideoCodec::Vp8);
}

#[test]
fn nothing_is_sent_before_the_focus_has_taken_what_we_announced() {
    let mut script = Script::joined();
    script.peer("cd34ef56", "Zoé", false);
    script.offer(SID, "b1");
    let plan = script.plan();
    assert!(!plan.send_audio && !plan.send_video, "nothing is announced");
    script.describe(plan.id);
    script.no_event(|event| matches!(event, ConferenceEvent::Session(_)));
    let id = script.sent_id("session-accept");
    let taken = |id: &str| format!("<iq xmlns='jabber:client' type='result' id='{id}' from='{FOCUS}'/>");
    script.text(&taken(&id));
    let plan = script.plan();
    assert!(plan.send_audio && plan.send_video);

    script.command(ConferenceCommand::SetSources(Sources {
        audio: true,
        video: false,
    }));
    let id = script.sent_id("source-remove");
    let plan = script.plan();
    assert!(
        plan.send_audio && !plan.send_video,
        "what is being withdrawn is sent no more"
    );
    script.text(&taken(&id));
    script.command(ConferenceCommand::SetSources(Sources {
        audio: true,
        video: true,
    }));
    let id = script.sent_id("source-add");
    script.no_event(|event| matches!(event, ConferenceEvent::Session(_)));
    script.text(&taken(&id));
    assert!(script.plan().send_video, "the bridge knows it");
}

#[test]
fn an_offer_that_cannot_be_used_is_refused_and_changes_nothing() {
    let mut script = Script::joined();
    let offer = session_initiate(SID, "b1", DATA, "").replace("name='VP8'", "name='VP9'");
    script.text(&offer);
    assert!(script.sent("id='offer'").contains("bad-request"));
    script.no_event(|event| matches!(event, ConferenceEvent::Session(_)));
}

#[test]
fn nobody_but_the_focus_that_was_named_is_obeyed() {
    let mut script = Script::joined();
    script.focus_presence("evil@meet.example/focus");
    script.text(&session_initiate(SID, "b1", DATA, ""));
    assert!(script.sent("id='offer'").contains("type='error'"));
    script.no_event(|event| matches!(event, ConferenceEvent::Session(_)));
    script.iq(
        FOCUS,
        "m1",
        "<mute xmlns='http://jitsi.org/jitmeet/audio' actor='standup@muc.meet.example/cd34ef56'>true</mute>",
    );
    assert!(script.sent("id='m1'").contains("type='error'"));
    script.no_event(|event| matches!(event, ConferenceEvent::MutedByModerator { .. }));
}

#[test]
fn a_direct_session_is_declined_and_the_one_with_the_bridge_stays() {
    let (mut script, _) = Script::in_session();
    let offer = session_initiate("p2p", "x", DATA, "")
        .replace(FOCUS, "standup@muc.meet.example/cd34ef56")
        .replace("id='offer'", "id='direct'");
    script.text(&offer);
    assert!(script.sent("id='direct'").contains("type='result'"));
    let decline = script.sent("session-terminate");
    assert!(decline.contains("<decline") && decline.contains("sid='p2p'") && decline.contains("cd34ef56"));
    script.no_event(|event| matches!(event, ConferenceEvent::Session(None)));
}

#[test]
fn stale_sessions_and_unknown_actions_are_refused_once_each() {
    let (mut script, _) = Script::in_session();
    let before = script.log.len();
    script.iq(
        FOCUS,
        "j1",
        "<jingle xmlns='urn:xmpp:jingle:1' action='source-add' sid='old'/>",
    );
    assert!(script.sent("id='j1'").contains("unknown-session"));
    script.iq(
        FOCUS,
        "j2",
        &format!("<jingle xmlns='urn:xmpp:jingle:1' action='dance' sid='{SID}'/>"),
    );
    assert!(script.sent("id='j2'").contains("bad-request"));
    script.iq(
        FOCUS,
        "j3",
        &format!("<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='{SID}'/>"),
    );
    assert!(script.sent("id='j3'").contains("type='result'"));
    script.iq(FOCUS, "j4", "<nonsense xmlns='urn:x'/>");
    assert!(script.sent("id='j4'").contains("service-unavailable"));
    for id in ["j1", "j2", "j3", "j4"] {
        assert_eq!(
            script.log[before..]
                .iter()
                .filter(|text| text.contains(&format!("id='{id}'")))
                .count(),
            1
        );
    }
}

#[test]
fn an_ice_restart_in_place_is_declined_by_demanding_a_new_session_and_candidates_alone_are_not() {
    let (mut script, _) = Script::in_session();
    let transport = |generation: &str| {
        format!(
            "<jingle xmlns='urn:xmpp:jingle:1' action='transport-info' sid='{SID}'><content name='audio' \
             creator='initiator'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='new' pwd='newnew'{generation}/>\
             </content></jingle>"
        )
    };
    for (id, generation) in [("t0", ""), ("t1", " ice-generation='0'"), ("t2", " ice-generation='x'")] {
        script.iq(FOCUS, id, &transport(generation));
        assert!(script.sent(&format!("id='{id}'")).contains("type='result'"));
        script.nothing_sent("session-terminate");
    }
    script.iq(FOCUS, "t3", &transport(" ice-generation='1'"));
    assert!(script.sent("id='t3'").contains("type='result'"));
    assert!(script.sent("session-terminate").contains("restart='true'"));
    script.session("sid2", "b2");
    script.no_event(|event| matches!(event, ConferenceEvent::Reconnecting));
}

#[test]
fn sources_come_go_and_leave_with_their_owner() {
    let (mut script, _) = Script::in_session();
    let change = |action: &str, ssrc: u32| {
        format!(
            "<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='{SID}'><content name='video' creator='initiator'>\
             <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' \
             ssrc='{ssrc}' name='cd34ef56-v0' videoType='camera'><ssrc-info xmlns='http://jitsi.org/jitmeet' owner='cd34ef56'/>\
             </source></description></content></jingle>"
        )
    };
    script.iq(FOCUS, "a", &change("source-add", 77));
    let plan = script.plan();
    assert_eq!(
        (plan.streams[0].ssrc, plan.streams[0].source.as_str()),
        (77, "cd34ef56-v0")
    );
    script.iq(FOCUS, "r", &change("source-remove", 77));
    assert!(script.plan().streams.is_empty());
    script.iq(FOCUS, "a2", &change("source-add", 78));
    assert_eq!(script.plan().streams.len(), 1);
    script.text(&unavailable("cd34ef56", "", ""));
    assert!(script.plan().streams.is_empty());
    for id in ["'a'", "'r'", "'a2'"] {
        assert!(script.sent(&format!("id={id}")).contains("type='result'"));
    }
}

#[test]
fn the_bridge_maps_sources_onto_its_own_streams() {
    let (mut script, id) = Script::in_session();
    script.bridge_says(id, r#"{"colibriClass":"VideoSourcesMap","mappedSources":[{"source":"cd34ef56-v0","owner":"cd34ef56","ssrc":500,"rtx":501,"videoType":"CAMERA"}]}"#);
    let plan = script.plan();
    assert_eq!(
        (plan.streams[0].ssrc, plan.streams[0].rtx_ssrc, plan.streams[0].kind),
        (500, Some(501), MediaKind::Video)
    );
    script.bridge_says(id, r#"{"colibriClass":"AudioSourcesMap","mappedSources":[{"source":"cd34ef56-a0","owner":"cd34ef56","ssrc":600}]}"#);
    assert_eq!(script.plan().streams.len(), 2);
    // The same slot shows somebody else.
    script.bridge_says(id, r#"{"colibriClass":"VideoSourcesMap","mappedSources":[{"source":"ee-v0","owner":"ee","ssrc":500,"rtx":501,"videoType":"CAMERA"}]}"#);
    let plan = script.plan();
    assert!(
        plan.streams
            .iter()
            .any(|stream| stream.ssrc == 500 && stream.source == "ee-v0")
    );
}

#[test]
fn the_plan_keeps_its_offer_under_one_session_id() {
    let (mut script, id) = Script::in_session();
    script.bridge_says(
        id,
        r#"{"colibriClass":"SenderSourceConstraints","sourceName":"ab12cd34-v0","maxHeight":360}"#,
    );
    let first = script.plan();
    script.text(
        "<message xmlns='jabber:client' from='metadata.meet.example'><json-message xmlns='http://jitsi.org/jitmeet'>\
         {\"type\":\"room_metadata\",\"metadata\":{\"services\":[{\"type\":\"turns\",\"transport\":\"tcp\",\"host\":\"turn.example\",\"port\":\"443\",\"username\":\"u\",\"password\":\"p\"}]}}\
         </json-message></message>",
    );
    script.bridge_says(
        id,
        r#"{"colibriClass":"SenderSourceConstraints","sourceName":"ab12cd34-v0","maxHeight":720}"#,
    );
    let second = script.plan();
    assert_eq!((first.id, &first.offer), (second.id, &second.offer));
    // The next session has the relay.
    script.iq(FOCUS, "t", &format!("<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='{SID}'><reason><success/><text>moving</text></reason></jingle>"));
    script.offer("sid2", "b2");
    let third = script.plan();
    assert!(third.id > second.id);
    assert_eq!(third.offer.ice_servers[0].uri, "turns:turn.example:443?transport=tcp");
}

#[test]
fn layers_follow_what_the_bridge_wants_of_our_camera_alone() {
    let (mut script, id) = Script::in_session();
    let say = |height: i32, source: &str| {
        format!(r#"{{"colibriClass":"SenderSourceConstraints","sourceName":"{source}","maxHeight":{height}}}"#)
    };
    script.bridge_says(id, &say(0, "ab12cd34-v0"));
    let plan = script.plan();
    assert!(!plan.send_video && plan.layers.iter().all(|layer| !layer.enabled));
    script.bridge_says(id, &say(180, "ab12cd34-v0"));
    assert_eq!(script.plan().layers.iter().filter(|layer| layer.enabled).count(), 1);
    script.bridge_says(id, &say(-1, "ab12cd34-v0"));
    assert_eq!(script.plan().layers.iter().filter(|layer| layer.enabled).count(), 3);
    script.bridge_says(id, &say(0, "cd34ef56-v0"));
    script.no_event(|event| matches!(event, ConferenceEvent::Session(_)));
}

#[test]
fn an_offer_that_wants_us_muted_mutes_us_once() {
    let mut script = Script::joined();
    let muted = "<startmuted xmlns='http://jitsi.org/jitmeet/start-muted' audio='true' video='false'/>";
    script.text(&session_initiate(SID, "b1", DATA, muted));
    script.saw(&ConferenceEvent::MutedByModerator {
        device: Device::Microphone,
        actor: None,
    });
    script.no_event(|event| matches!(event, ConferenceEvent::MutedByModerator { .. }));
    script.text(&session_initiate("sid2", "b2", DATA, muted));
    script.no_event(|event| matches!(event, ConferenceEvent::MutedByModerator { .. }));
}

#[test]
fn start_muted_is_heeded_wherever_it_is_said_and_once_for_each_device() {
    let mut script = Script::joined();
    let metadata = |start: &str| {
        format!(
            "<message xmlns='jabber:client' from='metadata.meet.example'><json-message xmlns='http://jitsi.org/jitmeet'>\
             {{\"type\":\"room_metadata\",\"metadata\":{{\"startMuted\":{start}}}}}</json-message></message>"
        )
    };
    script.text(&metadata("{}"));
    script.text(&metadata("{\"video\":true}"));
    script.saw(&ConferenceEvent::MutedByModerator {
        device: Device::Camera,
        actor: None,
    });
    script.text(&session_initiate(
        SID,
        "b1",
        DATA,
        "<startmuted xmlns='http://jitsi.org/jitmeet/start-muted' audio='true' video='true'/>",
    ));
    script.saw(&ConferenceEvent::MutedByModerator {
        device: Device::Microphone,
        actor: None,
    });
    script.text(&metadata("{\"audio\":true,\"video\":true}"));
    script.no_event(|event| matches!(event, ConferenceEvent::MutedByModerator { .. }));
}

#[test]
fn facts_about_another_session_are_passed_over() {
    let (mut script, id) = Script::in_session();
    let other = media_protocol::SessionId(id.0 + 1);
    script.command(ConferenceCommand::Media(
        other,
        media_protocol::SessionEvent::Failed { reason: "x".into() },
    ));
    script.nothing_sent("session-terminate");
}

#[test]
fn a_camera_that_is_not_there_is_not_announced_and_its_source_comes_and_goes_with_it() {
    let sound_only = Sources {
        video: false,
        ..Sources::BOTH
    };
    let mut script = Script::new();
    script.join(room::conference::JoinRequest {
        sources: sound_only,
        ..request(URL)
    });
    script.config(CONFIG);
    script.authenticate();
    script.focus_is_ready();
    script.let_in();
    let joined = script.log.iter().rfind(|text| text.contains("codecList")).unwrap();
    assert!(
        joined.contains("ab12cd34-a0") && !joined.contains("ab12cd34-v0"),
        "{joined}"
    );
    script.peer("cd34ef56", "Zoé", false);
    script.offer(SID, "b1");
    let plan = script.plan();
    script.describe(plan.id);
    let accept = script.sent("session-accept");
    let announces = |text: &str, ssrc: u32| text.contains(&format!("ssrc='{ssrc}'"));
    let camera = |text: &str| {
        let layers = &plan.layers;
        layers
            .iter()
            .all(|layer| announces(text, layer.ssrc) && announces(text, layer.rtx_ssrc))
    };
    assert!(announces(&accept, plan.offer.audio.ssrc));
    assert!(!plan.layers.iter().any(|layer| announces(&accept, layer.ssrc)));

    // Plugged in before the focus has taken our answer: it waits for that.
    script.command(ConferenceCommand::SetSources(Sources::BOTH));
    script.nothing_sent("source-add");
    assert!(script.sent("codecList").contains("ab12cd34-v0"));
    script.focus_answers_iq(&accept, None);
    let add = script.sent("source-add");
    assert!(camera(&add) && add.contains("semantics='SIM'") && add.contains("name='ab12cd34-v0'"));
    assert!(!announces(&add, plan.offer.audio.ssrc), "only what is new");

    // Pulled out, and both changed at once while the answer is on its way: one change at a time.
    script.command(ConferenceCommand::SetSources(Sources::NONE));
    script.command(ConferenceCommand::SetSources(sound_only));
    script.nothing_sent("source-remove");
    script.focus_answers_iq(&add, None);
    let remove = script.sent("source-remove");
    let body = |iq: &str| iq.split_once("<jingle").map(|(_, body)| body.to_owned());
    assert_eq!(
        body(&remove),
        body(&add.replace("source-add", "source-remove")),
        "withdrawn exactly as announced"
    );
    script.focus_answers_iq(&remove, None);
    script.nothing_sent("action='source-");
}

#[test]
fn a_change_of_our_sources_that_is_refused_leads_to_a_new_session_with_all_of_them() {
    let (mut script, _) = Script::in_session();
    script.command(ConferenceCommand::SetSources(Sources {
        audio: false,
        ..Sources::BOTH
    }));
    let remove = script.sent("source-remove");
    let error = "<error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    script.focus_answers_iq(&remove, Some(error));
    assert!(script.sent("session-terminate").contains("restart='true'"));
    script.event(|event| matches!(event, ConferenceEvent::Session(None)).then_some(()));
}
