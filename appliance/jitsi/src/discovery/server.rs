//! The server's disco#info, asked for or pushed.

use std::collections::BTreeMap;

use media_protocol::IceServer;
use minidom::Element;

use crate::stanza::{iq_get, limited};
use crate::{ns, xml};

/// Most identities and features read of one answer.
const MAX_ITEMS: usize = 500;
/// Longest value kept, in characters.
const MAX_VALUE: usize = 255;

/// Asks `to` for its disco#info.
pub fn disco_info_query(to: &str, id: &str) -> Element {
    iq_get(to, id, xml::element("query", ns::DISCO_INFO))
}

/// What a server (or a room) says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerInfo {
    /// Address by component type: `av_moderation`, `lobbyrooms`, `room_metadata`, `speakerstats` ...
    pub components: BTreeMap<String, String>,
    /// Name of the shard; another one means another bridge world.
    pub shard: Option<String>,
    /// Where the server is.
    pub region: Option<String>,
    /// Release of the deployment.
    pub release: Option<String>,
    /// Feature variables.
    pub features: Vec<String>,
    /// Fields of data forms (`muc#roominfo_meetingId` ...), first value each.
    pub fields: BTreeMap<String, String>,
}

impl ServerInfo {
    /// Reads a disco#info `<query/>`.
    pub fn parse(query: &Element) -> Self {
        let mut info = Self::default();
        for child in query.children().take(MAX_ITEMS) {
            if child.is("identity", ns::DISCO_INFO) {
                info.identity(child);
            } else if child.is("feature", ns::DISCO_INFO) {
                info.features
                    .extend(child.attr("var").map(|var| limited(var, MAX_VALUE)));
            } else if child.is("x", ns::DATA_FORMS) {
                for field in child
                    .children()
                    .filter(|field| field.is("field", ns::DATA_FORMS))
                    .take(MAX_ITEMS)
                {
                    let value = field
                        .get_child("value", ns::DATA_FORMS)
                        .map(Element::text)
                        .unwrap_or_default();
                    if let Some(var) = field.attr("var") {
                        info.fields.insert(limited(var, MAX_VALUE), limited(&value, MAX_VALUE));
                    }
                }
            }
        }
        info
    }

    /// Reads the answer to [`disco_info_query`]; none if it is an error or something else.
    pub fn parse_iq(iq: &Element) -> Option<Self> {
        iq.get_child("query", ns::DISCO_INFO)
            .filter(|_| iq.attr("type") == Some("result"))
            .map(Self::parse)
    }

    /// Room only: a password is needed.
    pub fn password_protected(&self) -> bool {
        self.features.iter().any(|feature| feature == "muc_passwordprotected")
    }

    /// Room only: the lobby is on.
    pub fn members_only(&self) -> bool {
        self.features.iter().any(|feature| feature == "muc_membersonly")
    }

    fn identity(&mut self, identity: &Element) {
        let (category, kind) = (identity.attr("category"), identity.attr("type"));
        let Some(name) = identity
            .attr("name")
            .filter(|name| !name.is_empty())
            .map(|name| limited(name, MAX_VALUE))
        else {
            return;
        };
        match (category, kind) {
            (Some("component"), Some(kind)) => {
                self.components.insert(limited(kind, MAX_VALUE), name);
            }
            (Some("server"), Some("shard")) | (Some("shard"), _) => self.shard = Some(name),
            (Some("server"), Some("region")) | (Some("region"), _) => self.region = Some(name),
            (Some("server"), Some("release")) | (Some("release"), _) => self.release = Some(name),
            _ => {}
        }
    }
}

/// What newer servers push right after the session is bound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pushed {
    /// The server's disco#info.
    pub info: Option<ServerInfo>,
    /// STUN and TURN servers.
    pub ice_servers: Vec<IceServer>,
}

/// Reads the message that newer servers push; none if it is another message. Only the server itself may push:
/// `domain` is the XMPP domain of our session.
pub fn pushed(message: &Element, domain: &str) -> Option<Pushed> {
    if message.name() != "message" || message.attr("from") != Some(domain) {
        return None;
    }
    let query = message.get_child("query", ns::DISCO_INFO);
    let services = message.children().find(|child| child.name() == "services");
    if query.is_none() && services.is_none() {
        return None;
    }
    Some(Pushed {
        info: query.map(ServerInfo::parse),
        ice_servers: services.map(super::ice_servers).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUSHED: &str = "<message xmlns='jabber:client' from='meet.example' to='ab@meet.example/x'>\
        <query xmlns='http://jabber.org/protocol/disco#info'>\
        <identity category='component' type='speakerstats' name='speakerstats.meet.example'/>\
        <identity category='component' type='lobbyrooms' name='lobby.meet.example'/>\
        <identity category='server' type='region' name='eu'/><identity category='server' type='shard' name='s1'/>\
        <feature var='urn:xmpp:ping'/></query>\
        <services xmlns='urn:xmpp:extdisco:2'><service type='stun' host='turn.example' port='3478'/></services></message>";

    #[test]
    fn components_and_region_come_from_the_pushed_message() {
        let pushed = pushed(&xml::parse(PUSHED).unwrap(), "meet.example").unwrap();
        let info = pushed.info.unwrap();
        assert_eq!(info.components["lobbyrooms"], "lobby.meet.example");
        assert_eq!(
            (info.region.as_deref(), info.shard.as_deref()),
            (Some("eu"), Some("s1"))
        );
        assert_eq!(pushed.ice_servers[0].uri, "stun:turn.example:3478");
    }

    #[test]
    fn only_the_server_itself_may_push() {
        let forged = PUSHED.replace("from='meet.example'", "from='room@muc.meet.example/evil'");
        assert_eq!(pushed(&xml::parse(&forged).unwrap(), "meet.example"), None);
    }

    #[test]
    fn a_room_tells_its_password_and_meeting_id() {
        let room = "<iq xmlns='jabber:client' type='result'><query xmlns='http://jabber.org/protocol/disco#info'>\
            <identity category='conference' type='text'/><feature var='muc_passwordprotected'/>\
            <x xmlns='jabber:x:data' type='result'><field var='muc#roominfo_meetingId'><value>m-1</value></field></x></query></iq>";
        let info = ServerInfo::parse_iq(&xml::parse(room).unwrap()).unwrap();
        assert!(info.password_protected() && !info.members_only());
        assert_eq!(info.fields["muc#roominfo_meetingId"], "m-1");
    }
}
