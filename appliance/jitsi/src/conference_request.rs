//! The conference request to the focus by IQ or HTTP, and every answer to it (`specs/jitsi-client.md §2`).

use minidom::Element;
use serde_json::{Value, json};

use crate::stanza::{StanzaError, iq_set, limited};
use crate::{jid, ns, xml};

/// Longest identifier (session id, vnode, JID) taken from a reply, in characters.
const MAX_IDENTIFIER: usize = 1023;
/// Longest answer by HTTP that is read, in bytes.
const MAX_BODY: usize = 64 << 10;

/// Asks the focus for a conference. Sent before every join attempt, never with `visitors-version`: the box is never a
/// receive-only visitor.
#[derive(Clone, PartialEq, Eq)]
pub struct ConferenceRequest {
    /// The focus component, for example `focus.meet.example`.
    pub focus: String,
    /// The room's bare JID.
    pub room: String,
    /// Stable for the box, 32 hexadecimal digits; session ids are bound to it.
    pub machine_uid: String,
    /// From an earlier [`Reply`], if any.
    pub session_id: Option<String>,
    /// JWT, if the deployment wants it here.
    pub token: Option<String>,
}

impl std::fmt::Debug for ConferenceRequest {
    /// Without room and token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConferenceRequest")
            .field("focus", &self.focus)
            .finish_non_exhaustive()
    }
}

impl ConferenceRequest {
    /// The IQ.
    pub fn to_iq(&self, id: &str) -> Element {
        let property = xml::element("property", ns::FOCUS)
            .attr("name", "rtcstatsEnabled")
            .attr("value", "false");
        let conference = xml::element("conference", ns::FOCUS)
            .attr("room", self.room.as_str())
            .attr("machine-uid", self.machine_uid.as_str())
            .attr_if("session-id", self.session_id.as_deref())
            .attr_if("token", self.token.as_deref())
            .child(property);
        iq_set(&self.focus, id, conference)
    }

    /// The same for HTTP. The token is not in it: it travels in the header `Authorization`.
    pub fn to_json(&self) -> String {
        let mut request = json!({
            "room": self.room,
            "machineUid": self.machine_uid,
            "properties": { "rtcstatsEnabled": "false" },
        });
        if let Some(session_id) = &self.session_id {
            request["sessionId"] = json!(session_id);
        }
        request.to_string()
    }
}

/// What the focus answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The conference exists: join.
    Ready(Ready),
    /// Not yet, or the focus is not connected. Ask again after 1, 2, 4 ... at most 120 s.
    NotReady {
        /// To send with the next request, if given.
        session_id: Option<String>,
    },
    /// The room does not exist and guests may not create it: log in, or wait and ask again.
    NotAuthorized,
    /// Forget the session id and ask again.
    SessionInvalid,
    /// The reservation system refused.
    ReservationError {
        /// Its code, if it is a number.
        code: Option<i32>,
        /// Its words, at most 300 characters.
        text: Option<String>,
    },
    /// The event has not started; ask again later.
    NotLive,
    /// The focus sends us to a visitor node although no visitor version was sent.
    VisitorNode {
        /// Its name.
        vnode: String,
        /// The focus user to trust there.
        focus_jid: Option<String>,
    },
    /// Any other error, or no readable answer at all.
    Refused(StanzaError),
}

/// A conference that can be joined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ready {
    /// Bare JID of the focus user; only it may signal Jingle and mutes. Absent on old servers.
    pub focus_jid: Option<String>,
    /// To send with later requests.
    pub session_id: Option<String>,
    /// Who we are logged in as, if at all.
    pub identity: Option<String>,
    /// Property `authentication`: the deployment has logins.
    pub authentication: bool,
}

impl Reply {
    /// Reads the answering IQ, of type `result` or `error`.
    pub fn parse(iq: &Element) -> Self {
        if iq.attr("type") != Some("result") {
            return Self::error(iq);
        }
        let Some(conference) = iq.get_child("conference", ns::FOCUS) else {
            return Self::Refused(StanzaError::default());
        };
        let attribute = |name: &str| identifier(conference.attr(name));
        let property = |name: &str| {
            let mut found = conference.children().filter(|child| child.is("property", ns::FOCUS));
            found
                .find(|child| child.attr("name") == Some(name))
                .and_then(|child| child.attr("value"))
        };
        let session_id = attribute("session-id");
        let focus_jid = attribute("focusjid").map(|jid| jid::bare(&jid).to_owned());
        if let Some(vnode) = attribute("vnode") {
            return Self::VisitorNode { vnode, focus_jid };
        }
        if property("live").is_some_and(|live| live.eq_ignore_ascii_case("false")) {
            return Self::NotLive;
        }
        if conference.attr("ready").is_none_or(|ready| !is_true(ready)) {
            return Self::NotReady { session_id };
        }
        Self::Ready(Ready {
            focus_jid,
            session_id,
            identity: attribute("identity"),
            authentication: property("authentication").is_some_and(is_true),
        })
    }

    /// Reads an answer by HTTP.
    pub fn parse_http(status: u16, body: &str) -> Self {
        let refused = |condition: &str| {
            Self::Refused(StanzaError {
                condition: condition.to_owned(),
                ..StanzaError::default()
            })
        };
        if body.len() > MAX_BODY {
            return refused("too large");
        }
        match status {
            200..=299 => match serde_json::from_str(body) {
                Ok(Value::Object(conference)) => Self::of_json(&conference),
                _ => refused("not readable"),
            },
            401 | 403 => Self::NotAuthorized,
            400 if body.contains("invalid-session") => Self::SessionInvalid,
            502..=504 => Self::NotReady { session_id: None },
            _ => refused(&format!("HTTP status {status}")),
        }
    }

    fn of_json(conference: &serde_json::Map<String, Value>) -> Self {
        let text = |name: &str| identifier(conference.get(name).and_then(Value::as_str));
        let property = |name: &str| match conference.get("properties")?.get(name)? {
            Value::Bool(value) => Some(*value),
            Value::String(value) => Some(is_true(value)),
            _ => None,
        };
        let session_id = text("sessionId");
        let focus_jid = text("focusJid").map(|jid| jid::bare(&jid).to_owned());
        if let Some(vnode) = text("vnode") {
            return Self::VisitorNode { vnode, focus_jid };
        }
        if property("live") == Some(false) {
            return Self::NotLive;
        }
        if conference.get("ready").and_then(Value::as_bool) != Some(true) {
            return Self::NotReady { session_id };
        }
        Self::Ready(Ready {
            focus_jid,
            session_id,
            identity: text("identity"),
            authentication: property("authentication").unwrap_or(false),
        })
    }

    fn error(iq: &Element) -> Self {
        let error = StanzaError::parse(iq);
        let focus_condition = |name: &str| {
            iq.get_child("error", ns::CLIENT)
                .and_then(|error| error.get_child(name, ns::FOCUS))
        };
        if let Some(reservation) = focus_condition("reservation-error") {
            let code = reservation.attr("error-code").and_then(|code| code.parse().ok());
            return Self::ReservationError { code, text: error.text };
        }
        if focus_condition("session-invalid").is_some() || error.condition == "not-acceptable" {
            return Self::SessionInvalid;
        }
        match error.condition.as_str() {
            "not-authorized" => Self::NotAuthorized,
            // the focus component is there, the focus itself is not (yet)
            "service-unavailable" | "recipient-unavailable" => Self::NotReady { session_id: None },
            _ => Self::Refused(error),
        }
    }
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value == "1"
}

fn identifier(value: Option<&str>) -> Option<String> {
    value
        .filter(|value| !value.is_empty())
        .map(|value| limited(value, MAX_IDENTIFIER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(kind: &str, inside: &str) -> Reply {
        let text = format!("<iq xmlns='jabber:client' type='{kind}' from='focus.meet.example' id='q'>{inside}</iq>");
        Reply::parse(&xml::parse(&text).unwrap())
    }

    fn refusal(inside: &str) -> Reply {
        reply("error", &format!("<error type='cancel'>{inside}</error>"))
    }

    #[test]
    fn the_request_has_a_stable_machine_uid_and_never_a_visitors_version() {
        let request = ConferenceRequest {
            focus: "focus.meet.example".into(),
            room: "room@muc.meet.example".into(),
            machine_uid: "0123456789abcdef0123456789abcdef".into(),
            session_id: None,
            token: None,
        };
        assert_eq!(
            xml::to_text(&request.to_iq("q1")),
            "<iq xmlns='jabber:client' id='q1' to='focus.meet.example' type='set'>\
             <conference xmlns='http://jitsi.org/protocol/focus' machine-uid='0123456789abcdef0123456789abcdef' \
             room='room@muc.meet.example'><property name='rtcstatsEnabled' value='false'/></conference></iq>"
        );
        let with = ConferenceRequest {
            session_id: Some("S".into()),
            token: Some("J".into()),
            ..request
        };
        let iq = with.to_iq("q2");
        let conference = iq.get_child("conference", ns::FOCUS).unwrap();
        assert_eq!(
            (conference.attr("session-id"), conference.attr("token")),
            (Some("S"), Some("J"))
        );
        assert!(!format!("{with:?}").contains('J'));
    }

    #[test]
    fn ready_keeps_the_focus_to_trust() {
        let ready = reply(
            "result",
            "<conference xmlns='http://jitsi.org/protocol/focus' ready='true' focusjid='focus@auth.meet.example/x' \
             session-id='S' identity='me'><property name='authentication' value='true'/></conference>",
        );
        assert_eq!(
            ready,
            Reply::Ready(Ready {
                focus_jid: Some("focus@auth.meet.example".into()),
                session_id: Some("S".into()),
                identity: Some("me".into()),
                authentication: true,
            })
        );
    }

    #[test]
    fn each_row_of_the_table_has_its_own_outcome() {
        let result = |attributes: &str, inside: &str| {
            reply(
                "result",
                &format!("<conference xmlns='{}' {attributes}>{inside}</conference>", ns::FOCUS),
            )
        };
        assert_eq!(
            result("ready='false' session-id='S'", ""),
            Reply::NotReady {
                session_id: Some("S".into())
            }
        );
        assert_eq!(
            result("ready='true'", "<property name='live' value='false'/>"),
            Reply::NotLive
        );
        assert_eq!(
            result("ready='true' vnode='v1' focusjid='f@a'", ""),
            Reply::VisitorNode {
                vnode: "v1".into(),
                focus_jid: Some("f@a".into())
            }
        );
        assert_eq!(
            refusal(&format!("<not-authorized xmlns='{}'/>", ns::STANZAS)),
            Reply::NotAuthorized
        );
        assert_eq!(
            refusal(&format!("<not-acceptable xmlns='{}'/>", ns::STANZAS)),
            Reply::SessionInvalid
        );
        assert_eq!(
            refusal(&format!("<session-invalid xmlns='{}'/>", ns::FOCUS)),
            Reply::SessionInvalid
        );
        let reservation = format!(
            "<reservation-error xmlns='{}' error-code='404'/><text xmlns='{}'>not\u{202e} booked</text>",
            ns::FOCUS,
            ns::STANZAS
        );
        assert_eq!(
            refusal(&reservation),
            Reply::ReservationError {
                code: Some(404),
                text: Some("not booked".into())
            }
        );
        let other = refusal(&format!("<internal-server-error xmlns='{}'/>", ns::STANZAS));
        assert!(matches!(other, Reply::Refused(error) if error.condition == "internal-server-error"));
    }

    #[test]
    fn by_http_the_request_is_json_without_the_token() {
        let request = ConferenceRequest {
            focus: "focus.meet.example".into(),
            room: "room@muc.meet.example".into(),
            machine_uid: "00ff".into(),
            session_id: Some("S".into()),
            token: Some("secret.jwt".into()),
        };
        let json: Value = serde_json::from_str(&request.to_json()).unwrap();
        assert_eq!(
            json,
            json!({"room": "room@muc.meet.example", "machineUid": "00ff", "sessionId": "S",
                   "properties": {"rtcstatsEnabled": "false"}})
        );
    }

    #[test]
    fn by_http_each_row_of_the_table_has_the_same_outcome() {
        let ready = r#"{"ready":true,"focusJid":"focus@auth.meet.example/x","sessionId":"S","identity":"me",
            "properties":{"authentication":"true"}}"#;
        for (status, body, reply) in [
            (
                200,
                ready,
                Reply::Ready(Ready {
                    focus_jid: Some("focus@auth.meet.example".into()),
                    session_id: Some("S".into()),
                    identity: Some("me".into()),
                    authentication: true,
                }),
            ),
            (
                200,
                r#"{"ready":false,"sessionId":"S"}"#,
                Reply::NotReady {
                    session_id: Some("S".into()),
                },
            ),
            (200, r#"{"ready":true,"properties":{"live":"false"}}"#, Reply::NotLive),
            (200, r#"{"ready":true,"properties":{"live":false}}"#, Reply::NotLive),
            (
                200,
                r#"{"ready":true,"vnode":"v1","focusJid":"f@a"}"#,
                Reply::VisitorNode {
                    vnode: "v1".into(),
                    focus_jid: Some("f@a".into()),
                },
            ),
            (200, r#"{"ready":"yes"}"#, Reply::NotReady { session_id: None }),
            (403, "", Reply::NotAuthorized),
            (401, "", Reply::NotAuthorized),
            (400, r#"{"error":"invalid-session"}"#, Reply::SessionInvalid),
            (503, "", Reply::NotReady { session_id: None }),
        ] {
            assert_eq!(Reply::parse_http(status, body), reply, "{status} {body}");
        }
        let long = format!(r#"{{"ready":true,"x":"{}"}}"#, "x".repeat(MAX_BODY));
        for (status, body) in [
            (200, ""),
            (200, "[]"),
            (200, "<html>"),
            (200, long.as_str()),
            (400, "bad request"),
            (404, ""),
            (500, ""),
        ] {
            assert!(matches!(Reply::parse_http(status, body), Reply::Refused(_)), "{status}");
        }
    }

    #[test]
    fn a_result_without_a_conference_is_refused_not_trusted() {
        assert!(matches!(reply("result", ""), Reply::Refused(_)));
        assert!(matches!(reply("error", ""), Reply::Refused(_)));
    }
}
