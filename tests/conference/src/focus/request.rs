//! The conference request (`specs/jitsi-client.md §2`), and its scripted refusals.

use minidom::Element;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::room::Room;
use super::{Asked, Focus};
use crate::verdict::rule;
use crate::xml::escape;
use crate::xmpp::{bare, ns};

/// A scripted answer to a conference request; when none is left, requests succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConferenceReply {
    /// `ready='false'`: repeat later.
    NotReady,
    /// The room does not exist and guests may not create it.
    NotAuthorized,
    /// The session-id is stale.
    SessionInvalid,
    /// A reservation system says no, with its code.
    ReservationError(u32),
    /// The event has not started: property `live` is false.
    NotLive,
    /// A visitor's seat, although nobody asked for one.
    VisitorNode,
    /// The focus is not connected (yet).
    Unavailable,
    /// No answer at all.
    Silence,
}

/// Who waits for a room.
pub enum Requester {
    /// By IQ.
    Iq {
        /// Who asked.
        from: String,
        /// Whom.
        to: String,
        /// Of the IQ.
        id: String,
    },
    /// By HTTP: status and body go there.
    Http(oneshot::Sender<(u16, String)>),
}

impl Focus {
    pub(super) fn conference_request(&mut self, stanza: &Element) {
        if stanza.name() != "iq" || !matches!(stanza.attr("type"), Some("set" | "get")) {
            return;
        }
        let requester = Requester::Iq {
            from: stanza.attr("from").unwrap_or_default().into(),
            to: stanza.attr("to").unwrap_or_default().into(),
            id: stanza.attr("id").unwrap_or_default().into(),
        };
        let Some(conference) = stanza.get_child("conference", ns::FOCUS) else {
            self.refuse(
                requester,
                "cancel",
                "<feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>",
            );
            return;
        };
        let room = conference.attr("room").unwrap_or_default().to_owned();
        let visitor = conference
            .children()
            .any(|p| p.attr("name") == Some("visitors-version"));
        let user = bare(stanza.attr("from").unwrap_or_default()).to_owned();
        self.check_request(
            &room,
            conference.attr("machine-uid").unwrap_or_default(),
            &user,
            visitor,
        );
        self.answer_request(room, requester);
    }

    /// A conference request by HTTP.
    pub(super) fn http_request(&mut self, body: &str, bearer: Option<&str>, reply: oneshot::Sender<(u16, String)>) {
        let Ok(json) = serde_json::from_str::<Value>(body) else {
            let _ = reply.send((400, "{}".into()));
            return;
        };
        let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let visitor = json.pointer("/properties/visitors-version").is_some();
        let (room, uid) = (text("room"), text("machineUid"));
        self.check_request(&room, &uid, &format!("http {uid}"), visitor);
        if self.around.options.token_secret.is_some() && bearer.is_none() {
            let _ = reply.send((403, "{}".into()));
            return;
        }
        self.answer_request(room, Requester::Http(reply));
    }

    fn answer_request(&mut self, room: String, requester: Requester) {
        let side = room.ends_with(&format!("@{}", self.around.hosts.breakout()));
        if !side && !room.ends_with(&format!("@{}", self.around.hosts.muc())) {
            // jicofo does not answer requests for a MUC that it cannot enter.
            return;
        }
        match self.scripted.pop_front() {
            Some(ConferenceReply::Silence) => {
                self.unanswered.push(requester);
                return;
            }
            Some(ConferenceReply::NotReady) => return self.reply(requester, &room, false, &[], None),
            Some(ConferenceReply::NotLive) => return self.reply(requester, &room, true, &[("live", "false")], None),
            Some(ConferenceReply::VisitorNode) => return self.reply(requester, &room, true, &[], Some("v1")),
            Some(ConferenceReply::Unavailable) => {
                let error = format!("<service-unavailable xmlns='{}'/>", ns::STANZAS);
                return self.refuse(requester, "cancel", &error);
            }
            Some(ConferenceReply::NotAuthorized) => {
                let error = "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>not authorized user domain</text>";
                return self.refuse(requester, "cancel", error);
            }
            Some(ConferenceReply::SessionInvalid) => {
                let error = format!(
                    "<not-acceptable xmlns='{}'/><session-invalid xmlns='{}'/>",
                    ns::STANZAS,
                    ns::FOCUS
                );
                return self.refuse(requester, "modify", &error);
            }
            Some(ConferenceReply::ReservationError(code)) => {
                let error = format!(
                    "<service-unavailable xmlns='{}'/><text xmlns='{}'>no such reservation</text>\
                     <reservation-error xmlns='{}' error-code='{code}'/>",
                    ns::STANZAS,
                    ns::STANZAS,
                    ns::FOCUS
                );
                return self.refuse(requester, "cancel", &error);
            }
            None => {}
        }
        if self.rooms.get(&room).is_some_and(|r| r.ready) {
            self.reply(requester, &room, true, &[], None);
            return;
        }
        self.enter(&room);
        if let Some(room) = self.rooms.get_mut(&room) {
            room.waiting.push(requester);
        }
    }

    fn check_request(&mut self, room: &str, uid: &str, user: &str, visitor: bool) {
        let verdict = &self.around.verdict;
        let services = [self.around.hosts.muc(), self.around.hosts.breakout()];
        if !services.iter().any(|service| room.ends_with(&format!("@{service}"))) || room.starts_with('@') {
            verdict.broken(rule::CONFERENCE_REQUEST_SHAPE, format!("room='{room}'"));
        }
        if uid.is_empty() {
            verdict.broken(rule::CONFERENCE_REQUEST_SHAPE, "no machine-uid");
        }
        let known = self
            .machine_uids
            .entry(user.to_owned())
            .or_insert_with(|| uid.to_owned());
        if known != uid {
            verdict.broken(
                rule::CONFERENCE_REQUEST_SHAPE,
                "machine-uid changes from one request to the next",
            );
        }
        if visitor {
            verdict.broken(
                rule::CONFERENCE_REQUEST_SHAPE,
                "visitors-version would make the box a visitor",
            );
        }
    }

    /// Enters a room, unless it is in or on its way.
    pub(super) fn enter(&mut self, room: &str) {
        if self.rooms.contains_key(room) {
            return;
        }
        let password = self.around.options.password.clone();
        self.rooms.insert(room.to_owned(), Room::new(room, password));
        let from = self.jid();
        self.occupant.send(format!(
            "<presence from='{from}' to='{room}/focus'><x xmlns='{}'/><nick xmlns='http://jabber.org/protocol/nick'>focus</nick>\
             <versions xmlns='http://jitsi.org/jitmeet'><component name='focus'>stand-in</component></versions>\
             <conference-properties xmlns='{}'><property key='support-terminate-restart' value='true'/>\
             <property key='bridge-count' value='1'/></conference-properties></presence>",
            ns::MUC,
            ns::FOCUS,
            room = escape(room),
        ));
    }

    /// The focus is in: configure the room. Answers wait for the result.
    pub(super) fn configure(&mut self, room: &str) {
        let password = self
            .rooms
            .get(room)
            .and_then(|r| r.password.clone())
            .unwrap_or_default();
        let id = self.new_id();
        let from = self.jid();
        let field = |var: &str, value: &str| format!("<field var='{var}'><value>{}</value></field>", escape(value));
        self.occupant.send(format!(
            "<iq from='{from}' to='{room}' type='set' id='{id}'><query xmlns='{}'><x xmlns='{}' type='submit'>{}{}{}{}</x></query></iq>",
            ns::MUC_OWNER,
            ns::DATA,
            field("FORM_TYPE", "http://jabber.org/protocol/muc#roomconfig"),
            field("muc#roomconfig_whois", "anyone"),
            field("muc#roomconfig_passwordprotectedroom", if password.is_empty() { "0" } else { "1" }),
            field("muc#roomconfig_roomsecret", &password),
            room = escape(room),
        ));
        self.remember(id, room, "", Asked::Configure);
    }

    /// The room is configured: answer who waits, and let the peers in.
    pub(super) fn room_ready(&mut self, room: &str) {
        if self.rooms.get(room).is_none_or(|room| room.ready) || self.prepare_door(room) {
            return;
        }
        let Some(entry) = self.rooms.get_mut(room) else { return };
        entry.ready = true;
        let waiting = std::mem::take(&mut entry.waiting);
        for requester in waiting {
            self.reply(requester, room, true, &[], None);
        }
        for _ in 0..self.around.options.peers {
            self.add_peer(room, None, None);
        }
    }

    fn reply(&self, requester: Requester, room: &str, ready: bool, properties: &[(&str, &str)], vnode: Option<&str>) {
        let jid = self.around.hosts.focus_user();
        let (from, to, id) = match requester {
            Requester::Iq { from, to, id } => (from, to, id),
            Requester::Http(reply) => {
                let mut body = json!({
                    "ready": ready, "focusJid": jid, "room": room,
                    "properties": { "authentication": "false", "visitors-supported": "false" },
                });
                for (name, value) in properties {
                    body["properties"][*name] = json!(value);
                }
                if let Some(vnode) = vnode {
                    body["vnode"] = json!(vnode);
                }
                let _ = reply.send((200, body.to_string()));
                return;
            }
        };
        let properties: String = properties
            .iter()
            .map(|(name, value)| format!("<property name='{name}' value='{value}'/>"))
            .collect();
        let vnode = vnode.map(|vnode| format!(" vnode='{vnode}'")).unwrap_or_default();
        self.request.send(format!(
            "<iq type='result' id='{id}' from='{to}' to='{from}'><conference xmlns='{ns}' ready='{ready}' focusjid='{jid}' room='{room}'{vnode}>\
             <property name='authentication' value='false'/><property name='visitors-supported' value='false'/>{properties}\
             </conference></iq>",
            id = escape(&id),
            to = escape(&to),
            from = escape(&from),
            ns = ns::FOCUS,
            room = escape(room),
        ));
    }

    fn refuse(&self, requester: Requester, kind: &str, error: &str) {
        let (from, to, id) = match requester {
            Requester::Iq { from, to, id } => (from, to, id),
            Requester::Http(reply) => {
                let answer = match error {
                    error if error.contains("not-authorized") => (403, "{}".to_owned()),
                    error if error.contains("session-invalid") => (400, r#"{"error":"invalid-session"}"#.to_owned()),
                    error if error.contains("service-unavailable") => (503, "{}".to_owned()),
                    _ => (400, "{}".to_owned()),
                };
                let _ = reply.send(answer);
                return;
            }
        };
        self.request.send(format!(
            "<iq type='error' id='{}' from='{}' to='{}'><error type='{kind}'>{error}</error></iq>",
            escape(&id),
            escape(&to),
            escape(&from),
        ));
    }
}
