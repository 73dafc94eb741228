//! Tests of the SDP text.

use super::*;
use media_protocol::{Fingerprint, RemoteTransport, VideoCodec};

/// An offer as a Jitsi bridge makes it.
fn bridge_offer() -> SessionOffer {
    let opus = PayloadType {
        number: 111,
        encoding_name: "opus".into(),
        clock_rate: 48_000,
        channels: Some(2),
        parameters: vec![("minptime".into(), "10".into()), ("useinbandfec".into(), "1".into())],
        feedback: vec!["transport-cc".into()],
        rtx: None,
    };
    let vp8 = PayloadType {
        number: 100,
        encoding_name: "VP8".into(),
        clock_rate: 90_000,
        channels: None,
        parameters: vec![],
        feedback: vec![
            "ccm fir".into(),
            "nack".into(),
            "nack pli".into(),
            "transport-cc".into(),
        ],
        rtx: Some(96),
    };
    let candidate = Candidate {
        foundation: "1".into(),
        component: 1,
        protocol: "udp".into(),
        priority: 2_130_706_431,
        address: "192.0.2.7".parse().unwrap(),
        port: 10_000,
        kind: "host".into(),
    };
    let fingerprint = Fingerprint {
        hash: "sha-256".into(),
        value: "AB:CD".into(),
        setup: "actpass".into(),
    };
    SessionOffer {
        remote: RemoteTransport {
            ufrag: "f00d1".into(),
            pwd: "p4ssw0rdp4ssw0rdp4ssw0rd".into(),
            candidates: vec![candidate],
            fingerprints: vec![fingerprint],
            sctp_port: Some(5000),
        },
        ice_servers: vec![],
        network: media_protocol::NetworkSettings::default(),
        audio: AudioOffer {
            payload_types: vec![opus],
            audio_level_extension: Some(1),
            transport_cc_extension: Some(5),
            ssrc: 9001,
        },
        video: VideoOffer {
            payload_types: vec![vp8],
            transport_cc_extension: Some(5),
            abs_send_time_extension: Some(3),
            codec: VideoCodec::Vp8,
        },
    }
}

#[test]
fn a_bridge_offer_becomes_three_bundled_sections() {
    let sdp = offer(&bridge_offer()).unwrap();
    for line in [
        "a=group:BUNDLE audio video data",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "m=video 9 UDP/TLS/RTP/SAVPF 100 96",
        "a=rtcp-fb:100 nack pli",
        "a=rtpmap:96 rtx/90000",
        "a=fmtp:96 apt=100",
        "a=candidate:1 1 UDP 2130706431 192.0.2.7 10000 typ host",
        "a=setup:actpass",
        "a=sctp-port:5000",
    ] {
        assert!(sdp.lines().any(|found| found == line), "no line {line:?} in\n{sdp}");
    }
    assert!(!sdp.contains("a=ssrc"), "SSRCs are our own business");
    assert!(
        !sdp.contains("extmap:1 "),
        "the audio level is written without webrtcbin's knowledge"
    );
    assert!(
        !sdp.contains("extmap:3"),
        "an extension that we do not write is not accepted"
    );
}

#[test]
fn without_sctp_there_is_no_data_section() {
    let mut without = bridge_offer();
    without.remote.sctp_port = None;
    let sdp = offer(&without).unwrap();
    assert!(!sdp.contains("m=application"));
    assert!(sdp.contains("a=group:BUNDLE audio video\r\n"));
}

#[test]
fn candidates_that_webrtcbin_cannot_use_are_skipped() {
    let mut offered = bridge_offer();
    for (protocol, component) in [("ssltcp", 1), ("tcp", 1), ("udp", 2)] {
        let candidate = Candidate {
            protocol: protocol.into(),
            component,
            ..offered.remote.candidates[0].clone()
        };
        offered.remote.candidates.push(candidate);
    }
    assert_eq!(offer(&offered).unwrap().matches("a=candidate").count(), 1);
}

/// A change that an attacker might try.
type Attack = fn(&mut SessionOffer);

#[test]
fn no_value_of_the_other_side_can_write_a_line_of_its_own() {
    let attacks: [(&str, Attack); 9] = [
        ("ufrag", |offer| offer.remote.ufrag = "abcd\r\na=evil:1".into()),
        ("pwd", |offer| offer.remote.pwd.push('\n')),
        ("foundation", |offer| {
            offer.remote.candidates[0].foundation = "1\r\na=evil:1".into()
        }),
        ("candidate type", |offer| {
            offer.remote.candidates[0].kind = "host\r\na=evil:1".into()
        }),
        ("fingerprint", |offer| {
            offer.remote.fingerprints[0].value.push_str("\r\na=evil:1")
        }),
        ("setup", |offer| {
            offer.remote.fingerprints[0].setup = "actpass\r\na=evil:1".into()
        }),
        ("encoding", |offer| {
            offer.audio.payload_types[0].encoding_name = "opus\r\na=evil:1".into()
        }),
        ("parameter", |offer| {
            offer.audio.payload_types[0].parameters[0].1 = "10\r\na=evil:1".into()
        }),
        ("feedback", |offer| {
            offer.video.payload_types[0].feedback[0] = "nack\na=evil:1".into()
        }),
    ];
    for (what, attack) in attacks {
        let mut offered = bridge_offer();
        attack(&mut offered);
        assert!(matches!(offer(&offered), Err(SdpError::Value(_))), "{what} got through");
    }
}

#[test]
fn lists_and_numbers_have_limits() {
    let attacks: [Attack; 5] = [
        |offer| offer.remote.candidates = vec![offer.remote.candidates[0].clone(); MAX_CANDIDATES + 1],
        |offer| offer.video.payload_types = vec![offer.video.payload_types[0].clone(); MAX_LIST + 1],
        |offer| offer.video.payload_types[0].number = 128,
        |offer| offer.audio.transport_cc_extension = Some(15),
        |offer| offer.remote.fingerprints.clear(),
    ];
    for attack in attacks {
        let mut offered = bridge_offer();
        attack(&mut offered);
        assert!(offer(&offered).is_err());
    }
}

#[test]
fn our_ice_parameters_are_found_in_the_answer() {
    let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\na=ice-pwd:efgh\r\na=setup:active\r\n";
    let expected = Answer {
        ufrag: "abcd".into(),
        pwd: "efgh".into(),
        setup: "active".into(),
    };
    assert_eq!(read_answer(sdp), Ok(expected));
    assert_eq!(
        read_answer("v=0\r\n"),
        Err(SdpError::Missing("ICE user fragment in the answer"))
    );
}
