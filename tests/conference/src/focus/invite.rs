//! The stanzas of the focus towards a participant, shaped as jicofo's (`specs/jitsi-client.md §4`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::caps::Features;
use super::sources::{Media, Sources};
use crate::bridge::Transport;
use crate::xml::escape;
use crate::xmpp::ns;

/// How the offer is varied.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Sources as compact JSON where the client can read it, else XML.
    pub json_sources: bool,
    /// A content `data` with an SCTP map.
    pub data: bool,
    /// URL of a colibri WebSocket.
    pub web_socket: Option<String>,
    /// Host-name, IPv6, TCP and generation-1 candidates, and elements nobody knows.
    pub weird: bool,
    /// Region of the bridge.
    pub region: Option<String>,
    /// Begin with the microphone off.
    pub start_audio_muted: bool,
    /// Begin with the camera off.
    pub start_video_muted: bool,
}

/// One invitation.
pub struct Invitation<'a> {
    /// `room@muc`.
    pub room: &'a str,
    /// The nick of the invited.
    pub nick: &'a str,
    /// Jingle session.
    pub sid: &'a str,
    /// Bridge session.
    pub bridge_session: &'a str,
    /// IQ id.
    pub id: &'a str,
    /// Where the bridge is.
    pub transport: &'a Transport,
    /// What the client can do.
    pub features: &'a Features,
    /// The sources of the others by owner.
    pub sources: &'a BTreeMap<String, Sources>,
    /// How the offer is varied.
    pub shape: &'a Shape,
}

/// Payload types that are offered, the numbers of jicofo's defaults.
pub const OFFERED_AUDIO: &[u8] = &[111, 126];
/// Payload types that are offered, the numbers of jicofo's defaults.
pub const OFFERED_VIDEO: &[u8] = &[41, 42, 100, 96, 107, 99, 101, 97];

impl Invitation<'_> {
    /// The whole IQ, from the focus to the participant.
    pub fn stanza(&self, from: &str) -> String {
        let mut contents = String::new();
        let mut group = String::new();
        let application = format!(
            "<description xmlns='{}' media='application'><rtcp-mux/></description>",
            ns::RTP
        );
        for (wanted, name, description) in [
            (self.features.audio, "audio", self.audio()),
            (self.features.video, "video", self.video()),
            (self.has_data(), "data", application),
        ] {
            if !wanted {
                continue;
            }
            let sctp = if name == "data" {
                format!(
                    "<sctpmap xmlns='{}' number='5000' protocol='webrtc-datachannel' streams='1024'/>",
                    ns::SCTP
                )
            } else {
                String::new()
            };
            contents.push_str(&format!(
                "<content creator='initiator' name='{name}' senders='both'>{description}{}</content>",
                self.transport(&sctp)
            ));
            group.push_str(&format!("<content name='{name}'/>"));
        }
        let weird = if self.shape.weird {
            "<experiment xmlns='urn:example:nobody-knows'><nested attribute='1'>text</nested></experiment>"
        } else {
            ""
        };
        let muted = if self.shape.start_audio_muted || self.shape.start_video_muted {
            format!(
                "<startmuted xmlns='http://jitsi.org/jitmeet/start-muted' audio='{}' video='{}'/>",
                self.shape.start_audio_muted, self.shape.start_video_muted
            )
        } else {
            String::new()
        };
        format!(
            "<iq from='{from}' to='{room}/{nick}' type='set' id='{id}'>\
             <jingle xmlns='{jingle}' action='session-initiate' initiator='{from}' sid='{sid}'>{contents}\
             <group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'>{group}</group>\
             <bridge-session xmlns='{focus}' id='{bridge}'{region}/>{muted}{weird}{json}\
             <traceparent xmlns='jitsi:opentelemetry' trace_id='00000000000000000000000000000000' parent_id='0000000000000000' trace_flags='00'/>\
             </jingle></iq>",
            room = escape(self.room),
            nick = escape(self.nick),
            id = self.id,
            jingle = ns::JINGLE,
            focus = ns::FOCUS,
            sid = self.sid,
            bridge = self.bridge_session,
            region = self
                .shape
                .region
                .as_deref()
                .map(|r| format!(" region='{}'", escape(r)))
                .unwrap_or_default(),
            json = self.json(),
        )
    }

    fn json(&self) -> String {
        if !self.in_json() {
            return String::new();
        }
        format!(
            "<json-message xmlns='{}'>{}</json-message>",
            ns::JITMEET,
            escape(&json_of(self.sources))
        )
    }

    /// jicofo writes the content `data` only where it writes sources as JSON.
    fn has_data(&self) -> bool {
        self.features.sctp && self.features.json_sources && self.shape.data
    }

    fn in_json(&self) -> bool {
        self.shape.json_sources && self.features.json_sources
    }

    fn sources(&self, media: Media) -> String {
        if self.in_json() {
            return String::new();
        }
        self.sources.iter().map(|(owner, s)| s.to_xml(media, owner)).collect()
    }

    fn audio(&self) -> String {
        let tcc = if self.features.tcc {
            feedback("transport-cc", None)
        } else {
            String::new()
        };
        let tcc_extension = if self.features.tcc {
            extension(5, TCC)
        } else {
            String::new()
        };
        format!(
            "<description xmlns='{rtp}' maxptime='60' media='audio'>\
             <payload-type channels='2' clockrate='48000' id='111' name='opus'>\
             <parameter name='minptime' value='10'/><parameter name='useinbandfec' value='1'/>{tcc}</payload-type>\
             <payload-type clockrate='8000' id='126' name='telephone-event'/>{level}{tcc_extension}\
             {MIXED}<rtcp-mux/>{sources}</description>",
            rtp = ns::RTP,
            sources = self.sources(Media::Audio),
            level = extension(1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
        )
    }

    fn video(&self) -> String {
        let mut out = format!("<description xmlns='{}' media='video'>", ns::RTP);
        let three = || feedback("ccm", Some("fir")) + &feedback("nack", None) + &feedback("nack", Some("pli"));
        // jicofo puts all of the fmtp line into one parameter.
        let h264 =
            "<parameter name='profile-level-id' value='42e01f;level-asymmetry-allowed=1;packetization-mode=1;'/>";
        for (name, number, parameters) in [("AV1", 41, ""), ("VP8", 100, ""), ("H264", 107, h264), ("VP9", 101, "")] {
            let estimate = if self.features.tcc { "transport-cc" } else { "goog-remb" };
            out.push_str(&format!(
                "<payload-type clockrate='90000' id='{number}' name='{name}'>{}{}{parameters}</payload-type>",
                three(),
                feedback(estimate, None),
            ));
        }
        if self.features.rtx {
            for (rtx, number, feedbacks) in [
                (42, 41, three()),
                (96, 100, three()),
                (97, 101, three()),
                (99, 107, String::new()),
            ] {
                out.push_str(&format!(
                    "<payload-type clockrate='90000' id='{rtx}' name='rtx'><parameter name='apt' value='{number}'/>{feedbacks}</payload-type>"
                ));
            }
        }
        out.push_str(&extension(
            11,
            "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
        ));
        out.push_str(&extension(
            3,
            "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        ));
        if self.features.tcc {
            out.push_str(&extension(5, TCC));
        }
        out.push_str(MIXED);
        out.push_str("<rtcp-mux/>");
        out.push_str(&self.sources(Media::Video));
        out.push_str("</description>");
        out
    }

    fn transport(&self, sctp: &str) -> String {
        let t = self.transport;
        let mut candidates = String::new();
        if self.shape.weird {
            // What real bridges and proxies have been seen to offer: none of these may spoil the literal one.
            candidates += "<candidate component='1' foundation='9' generation='0' id='w1' ip='bridge.invalid' port='10000' priority='1' protocol='udp' type='host' network='0'/>";
            candidates += "<candidate component='1' foundation='9' generation='0' id='w2' ip='::1' port='9' priority='1' protocol='udp' type='host' network='0'/>";
            candidates += "<candidate component='1' foundation='9' generation='0' id='w3' ip='127.0.0.1' port='9' priority='1' protocol='ssltcp' type='host' network='0'/>";
        }
        for (i, candidate) in t.candidates.iter().enumerate() {
            candidates += &format!(
                "<candidate component='1' foundation='{f}' generation='0' id='{id}{i}' ip='{ip}' network='0' port='{port}' priority='2130706431' protocol='udp' type='host'/>",
                f = i + 1,
                id = self.sid,
                ip = candidate.ip(),
                port = candidate.port(),
            );
        }
        let web_socket = self
            .shape
            .web_socket
            .as_deref()
            .map(|url| format!("<web-socket xmlns='{}' url='{}'/>", ns::COLIBRI_TRANSPORT, escape(url)))
            .unwrap_or_default();
        format!(
            "<transport xmlns='{ice}' pwd='{pwd}' ufrag='{ufrag}'>{web_socket}<rtcp-mux/>\
             <fingerprint xmlns='{dtls}' hash='sha-256' required='false' cryptex='false' setup='actpass'>{fingerprint}</fingerprint>\
             {sctp}{candidates}</transport>",
            ice = ns::ICE_UDP,
            dtls = ns::DTLS,
            pwd = escape(&t.pwd),
            ufrag = escape(&t.ufrag),
            fingerprint = t.fingerprint,
        )
    }
}

const MIXED: &str = "<extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/>";
const TCC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

fn feedback(kind: &str, subtype: Option<&str>) -> String {
    let subtype = subtype.map(|s| format!(" subtype='{s}'")).unwrap_or_default();
    format!("<rtcp-fb xmlns='{}'{subtype} type='{kind}'/>", ns::RTCP_FB)
}

fn extension(id: u8, uri: &str) -> String {
    format!("<rtp-hdrext xmlns='{}' id='{id}' uri='{uri}'/>", ns::HDREXT)
}

/// The compact JSON of several owners.
pub fn json_of(sources: &BTreeMap<String, Sources>) -> String {
    let owners: Map<String, Value> = sources.iter().map(|(owner, s)| (owner.clone(), s.to_json())).collect();
    let mut root = Map::new();
    root.insert("sources".into(), Value::Object(owners));
    Value::Object(root).to_string()
}

/// A source-add or source-remove.
pub fn source_change(
    action: &str,
    (from, room, nick): (&str, &str, &str),
    (id, sid): (&str, &str),
    sources: &BTreeMap<String, Sources>,
    json: bool,
) -> String {
    let body = if json {
        format!(
            "<json-message xmlns='{}'>{}</json-message>",
            ns::JITMEET,
            escape(&json_of(sources))
        )
    } else {
        let mut body = String::new();
        for media in [Media::Audio, Media::Video] {
            let inner: String = sources.iter().map(|(owner, s)| s.to_xml(media, owner)).collect();
            if !inner.is_empty() {
                body += &format!(
                    "<content name='{word}'><description xmlns='{}' media='{word}'>{inner}</description></content>",
                    ns::RTP,
                    word = media.word()
                );
            }
        }
        body
    };
    format!(
        "<iq from='{from}' to='{room}/{nick}' type='set' id='{id}'><jingle xmlns='{}' action='{action}' sid='{sid}'>{body}</jingle></iq>",
        ns::JINGLE
    )
}

/// A session-terminate.
pub fn terminate((from, room, nick): (&str, &str, &str), (id, sid): (&str, &str), reason: &str, text: &str) -> String {
    format!(
        "<iq from='{from}' to='{room}/{nick}' type='set' id='{id}'><jingle xmlns='{}' action='session-terminate' sid='{sid}'><reason><{reason}/><text>{}</text></reason></jingle></iq>",
        ns::JINGLE,
        escape(text)
    )
}
