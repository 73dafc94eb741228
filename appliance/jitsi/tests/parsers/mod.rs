//! Every parser of this crate that reads stanzas or bridge messages, on one input. The tests and the fuzz targets share it.

use jitsi::bridge::Incoming;
use jitsi::conference_request::Reply;
use jitsi::discovery::{OwnFeatures, ServerInfo, ice_servers, ice_servers_from_json, pushed};
use jitsi::jingle::{JingleIq, LocalStreams, Offer, SourceTable, Termination, parse_source_change};
use jitsi::muc::{JsonMessage, MucPresence, MuteRequest, clean_name, parse_source_info, room_message};
use jitsi::stanza::StanzaError;
use jitsi::xml;
use media_protocol::{MediaKind, VideoCodec};

/// XML: what is read and written again is the same tree.
pub fn xml_document(text: &str) {
    if let Ok(tree) = xml::parse(text) {
        let written = xml::to_text(&tree);
        match xml::parse(&written) {
            Ok(again) => assert!(again == tree, "written otherwise than read"),
            Err(error) => assert!(written.len() > xml::MAX_BYTES, "{error}: {written}"),
        }
    }
}

/// Every parser of a stanza.
pub fn stanza(text: &str) {
    let Ok(stanza) = xml::parse(text) else { return };
    let _ = StanzaError::parse(&stanza);
    let _ = Reply::parse(&stanza);
    let _ = MuteRequest::parse(&stanza);
    let _ = JsonMessage::parse(&stanza);
    let _ = room_message(&stanza, "room@muc.meet.example");
    let _ = pushed(&stanza, "meet.example");
    let _ = OwnFeatures::default().answer(&stanza);
    let _ = ServerInfo::parse_iq(&stanza);
    if let MucPresence::Available { occupant, .. } = MucPresence::parse(&stanza, "room@muc.meet.example/ab12cd34") {
        let shown = occupant.participant();
        assert!(
            shown
                .name
                .is_none_or(|name| name.chars().count() <= 100 && !name.chars().any(char::is_control))
        );
        assert!(
            occupant
                .sources
                .iter()
                .all(|source| source.name.starts_with(occupant.id.as_str()))
        );
    }
    for child in stanza.children() {
        let _ = ServerInfo::parse(child);
        assert!(ice_servers(child).len() <= 16);
    }
    offer(&stanza);
}

/// An offer, and what is made of it.
fn offer(stanza: &minidom::Element) {
    let Some(iq) = JingleIq::parse(stanza) else { return };
    let _ = Termination::parse(iq.jingle);
    if let Ok(change) = parse_source_change(iq.jingle) {
        let mut table = SourceTable::default();
        table.add(&change);
        let streams = table.streams();
        assert!(streams.iter().all(|stream| stream.ssrc != 0 && stream.owner != "jvb"));
        assert!(streams.windows(2).all(|pair| pair[0].ssrc < pair[1].ssrc));
        table.remove(&change);
        assert!(table.streams().is_empty(), "what was added can be removed");
    }
    let Ok(offer) = Offer::parse(&iq) else { return };
    assert!(
        offer
            .transport
            .candidates
            .iter()
            .all(|candidate| candidate.protocol == "udp" && candidate.port != 0)
    );
    let mut chance = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1);
    let local = LocalStreams::generate("ab12cd34", 3, |_| false, &mut chance);
    let _ = offer.session_offer(&local, Vec::new(), &[VideoCodec::Vp8, VideoCodec::H264]);
}

/// A bridge message.
pub fn bridge_message(text: &str) {
    match Incoming::parse(text) {
        Ok(Incoming::VideoSourcesMap(mappings)) => {
            let mut table = SourceTable::default();
            table.map(MediaKind::Video, &mappings);
            let mut sources: Vec<_> = table.streams().into_iter().map(|stream| stream.source).collect();
            let count = sources.len();
            sources.sort();
            sources.dedup();
            assert_eq!(sources.len(), count, "a source has one SSRC");
        }
        Ok(Incoming::Ignored(class)) => assert!(class.chars().count() <= 64),
        _ => {}
    }
}

/// The JSON documents inside stanzas.
pub fn json_inside(text: &str) {
    let _ = JsonMessage::parse_text(text);
    if let Some(sources) = parse_source_info(text, "ab12cd34") {
        assert!(sources.len() <= 20 && sources.iter().all(|source| source.name.starts_with("ab12cd34-")));
    }
    if let Ok(json) = serde_json::from_str(text) {
        assert!(ice_servers_from_json(&json).len() <= 16);
    }
    assert!(clean_name(text).is_none_or(|name| name.chars().count() <= 100));
    let jingle =
        xml::element("jingle", jitsi::ns::JINGLE).child(xml::element("json-message", jitsi::ns::JITMEET).text(text));
    if let Ok(change) = parse_source_change(&jingle.build()) {
        assert!(change.iter().map(|entry| entry.sources.len()).sum::<usize>() <= 1000);
    }
}

/// An answer to the conference request by HTTP.
pub fn conference_by_http(status: u16, body: &str) {
    if let Reply::Ready(ready) = Reply::parse_http(status, body) {
        assert!((200..300).contains(&status));
        assert!(ready.session_id.is_none_or(|id| id.chars().count() <= 1023));
        assert!(ready.focus_jid.is_none_or(|jid| !jid.contains('/')));
    }
}

/// All of them.
#[allow(dead_code, reason = "the fuzz targets call them one by one")]
pub fn all(text: &str) {
    xml_document(text);
    stanza(text);
    bridge_message(text);
    json_inside(text);
    for status in [200, 400] {
        conference_by_http(status, text);
    }
}
