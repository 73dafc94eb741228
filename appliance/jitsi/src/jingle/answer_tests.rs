//! The focus's validation of a session-accept, written down once more and applied to ours
//! (`specs/jitsi-client.md §4`, fatal validation).

use std::collections::{BTreeMap, BTreeSet};

use media_protocol::{Fingerprint, LocalDescription, VideoCodec};
use minidom::Element;
use rand::SeedableRng;

use room::conference::Sources;

use super::super::{JingleIq, LocalStreams, Offer, sample};
use super::*;
use crate::xml;

const ME: &str = "room@muc.meet.example/ab12cd34";

fn accept(offer_text: &str, layers: usize, setup: &str) -> Element {
    let iq = xml::parse(offer_text).unwrap();
    let offer = Offer::parse(&JingleIq::parse(&iq).unwrap()).unwrap();
    let mut chance = rand::rngs::StdRng::seed_from_u64(3);
    let local = LocalStreams::generate("ab12cd34", layers, |_| false, &mut chance);
    let accepted = offer.session_offer(&local, Vec::new(), &[VideoCodec::Vp8]).unwrap();
    let description = LocalDescription {
        ufrag: "ours".into(),
        pwd: "secret".into(),
        fingerprint: Fingerprint {
            hash: "sha-256".into(),
            value: "ab:cd".into(),
            setup: setup.into(),
        },
    };
    let jingle = session_accept(&offer, &accepted, &local, Sources::BOTH, &description, ME);
    xml::parse(&xml::to_text(&jingle)).unwrap() // what really goes out
}

fn content<'a>(jingle: &'a Element, name: &str) -> &'a Element {
    jingle
        .children()
        .find(|child| child.is("content", ns::JINGLE) && child.attr("name") == Some(name))
        .unwrap()
}

/// Panics where the focus would answer `bad-request`.
fn validate(jingle: &Element) {
    let mut seen = BTreeSet::new();
    let mut msids: BTreeMap<String, String> = BTreeMap::new();
    for name in ["audio", "video"] {
        let description = content(jingle, name).get_child("description", ns::RTP).unwrap();
        assert_eq!(description.attr("media"), Some(name));
        let mut declared: BTreeMap<u64, (String, String)> = BTreeMap::new();
        let mut groups = 0;
        for child in description.children().filter(|child| child.is("source", ns::SSMA)) {
            let ssrc: u64 = child.attr("ssrc").unwrap().parse().unwrap();
            assert!((1..=u64::from(u32::MAX)).contains(&ssrc));
            assert!(seen.insert(ssrc), "SSRCs are unique");
            let msid = child
                .children()
                .find(|child| child.attr("name") == Some("msid"))
                .unwrap()
                .attr("value")
                .unwrap();
            let source = child.attr("name").unwrap();
            assert!(
                msids
                    .insert(source.into(), msid.into())
                    .is_none_or(|other| other == msid),
                "one msid per source"
            );
            declared.insert(ssrc, (source.into(), msid.into()));
        }
        for group in description.children().filter(|child| child.is("ssrc-group", ns::SSMA)) {
            groups += 1;
            let ssrcs: Vec<u64> = group
                .children()
                .map(|source| source.attr("ssrc").unwrap().parse().unwrap())
                .collect();
            assert!(
                ssrcs.iter().all(|ssrc| declared.contains_key(ssrc)),
                "group SSRCs are declared"
            );
            let distinct: BTreeSet<_> = ssrcs.iter().map(|ssrc| &declared[ssrc]).collect();
            assert_eq!(distinct.len(), 1, "one name and msid inside a group");
            match group.attr("semantics").unwrap() {
                "FID" => assert_eq!(ssrcs.len(), 2),
                "SIM" => assert!(ssrcs.len() > 1),
                other => panic!("{other}"),
            }
        }
        assert!(groups <= 20);
    }
    assert!(seen.len() <= 20);
}

#[test]
fn the_validation_takes_what_a_real_focus_took() {
    let recorded = include_str!("../../tests/golden/recorded/c2s-iq-set-jingle-session-accept.xml");
    validate(xml::parse(recorded).unwrap().get_child("jingle", ns::JINGLE).unwrap());
}

#[test]
fn the_answer_stands_the_fatal_validation_with_any_number_of_layers() {
    for layers in 0..=3 {
        validate(&accept(sample::OFFER, layers, "active"));
    }
}

#[test]
fn simulcast_is_low_to_high_with_one_fid_per_layer() {
    let jingle = accept(sample::OFFER, 3, "active");
    let description = content(&jingle, "video").get_child("description", ns::RTP).unwrap();
    let ssrcs = |element: &Element| -> Vec<String> {
        element
            .children()
            .map(|child| child.attr("ssrc").unwrap().to_owned())
            .collect()
    };
    let groups: Vec<_> = description
        .children()
        .filter(|child| child.is("ssrc-group", ns::SSMA))
        .collect();
    let declared: Vec<_> = description
        .children()
        .filter(|child| child.is("source", ns::SSMA))
        .map(|child| child.attr("ssrc").unwrap().to_owned())
        .collect();
    assert_eq!(groups[0].attr("semantics"), Some("SIM"));
    assert_eq!(ssrcs(groups[0]), declared[..3]);
    for layer in 0..3 {
        assert_eq!(groups[layer + 1].attr("semantics"), Some("FID"));
        assert_eq!(
            ssrcs(groups[layer + 1]),
            [declared[layer].clone(), declared[layer + 3].clone()]
        );
    }
}

#[test]
fn every_content_is_answered_and_named_as_offered() {
    let jingle = accept(sample::OFFER, 3, "active");
    let attributes = ["action", "sid", "initiator", "responder"].map(|name| jingle.attr(name).unwrap());
    assert_eq!(attributes, ["session-accept", "S1", "room@muc.meet.example/focus", ME]);
    for name in ["audio", "video", "data"] {
        let transport = content(&jingle, name).get_child("transport", ns::ICE_UDP).unwrap();
        assert_eq!(
            (transport.attr("ufrag"), transport.attr("pwd")),
            (Some("ours"), Some("secret"))
        );
        assert!(transport.has_child("rtcp-mux", ns::ICE_UDP));
        let fingerprint = transport.get_child("fingerprint", ns::DTLS).unwrap();
        assert_eq!(
            (fingerprint.text().as_str(), fingerprint.attr("setup")),
            ("AB:CD", Some("active"))
        );
        assert!(!transport.has_child("candidate", ns::ICE_UDP));
        assert_eq!(transport.has_child("sctpmap", ns::DTLS_SCTP), name == "data");
    }
    let last_n = content(&jingle, "video")
        .get_child("initial-last-n", ns::COLIBRI2)
        .unwrap();
    assert_eq!(last_n.attr("value"), Some("0"));
    assert!(!content(&jingle, "audio").has_child("initial-last-n", ns::COLIBRI2));
}

#[test]
fn payload_types_are_a_subset_of_the_offer_with_their_numbers() {
    let jingle = accept(sample::OFFER, 3, "active");
    let numbers = |name: &str| -> Vec<String> {
        let description = content(&jingle, name).get_child("description", ns::RTP).unwrap();
        let payloads = description.children().filter(|child| child.is("payload-type", ns::RTP));
        payloads
            .map(|payload| format!("{} {}", payload.attr("id").unwrap(), payload.attr("name").unwrap()))
            .collect()
    };
    assert_eq!(
        (numbers("audio"), numbers("video")),
        (vec!["111 opus".into()], vec!["100 VP8".into(), "96 rtx".into()])
    );
}

#[test]
fn without_data_no_data_is_answered_and_passive_stays_passive() {
    let jingle = accept(&sample::OFFER.replace("number='5000'", ""), 3, "passive");
    assert!(!jingle.children().any(|child| child.attr("name") == Some("data")));
    let transport = content(&jingle, "audio").get_child("transport", ns::ICE_UDP).unwrap();
    assert_eq!(
        transport.get_child("fingerprint", ns::DTLS).unwrap().attr("setup"),
        Some("passive")
    );
}

#[test]
fn nothing_is_promised_that_the_media_worker_does_not_do() {
    let offer = sample::OFFER.replace("transport-cc", "goog-remb");
    assert!(offer.contains("goog-remb") && offer.contains("abs-send-time"));
    let text = xml::to_text(&accept(&offer, 3, "active"));
    assert!(!text.contains("goog-remb") && !text.contains("abs-send-time"), "{text}");
}
