//! Why the room did not let us in (`specs/jitsi-client.md §3`, the table of join errors).

use minidom::Element;

use crate::ns;
use crate::stanza::{StanzaError, limited};

/// One row of the table each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinError {
    /// A password is missing or wrong: ask, request the conference again, join with it.
    PasswordRequired,
    /// The room has a lobby.
    Lobby {
        /// Where to wait.
        lobby: Option<String>,
        /// It ends when the host comes.
        waiting_for_host: bool,
    },
    /// Join again with a name.
    DisplayNameRequired,
    /// The room is full.
    RoomFull,
    /// The focus has not opened the room (or closed it again): request and join again, three times at most.
    RoomCreationRestricted,
    /// A login is needed.
    AuthenticationRequired,
    /// A policy of the visitors component; the condition as sent. Stop.
    VisitorPolicy(String),
    /// Refused with words, for example a token for another room. Stop and show.
    NotAllowed {
        /// The server's words.
        text: Option<String>,
    },
    /// Somebody has our nick: take another.
    NickConflict,
    /// We are banned.
    Banned,
    /// Anything else. Stop and show.
    Other(StanzaError),
}

impl JoinError {
    /// Reads a presence of type `error`.
    pub fn parse(presence: &Element) -> Self {
        let error = StanzaError::parse(presence);
        let application = |name: &str, namespace: &str| {
            let inside = presence
                .get_child("error", ns::CLIENT)
                .and_then(|error| error.get_child(name, namespace));
            inside.or_else(|| presence.get_child(name, namespace))
        };
        if application("displayname-required", ns::JITMEET).is_some() {
            return Self::DisplayNameRequired;
        }
        match error.condition.as_str() {
            "not-authorized" => Self::PasswordRequired,
            "registration-required" => Self::lobby(presence),
            "service-unavailable" => Self::RoomFull,
            "conflict" => Self::NickConflict,
            "forbidden" => Self::Banned,
            "not-allowed" => {
                if application("room-does-not-exist", ns::JITMEET).is_some() || creation_restricted(&error) {
                    return Self::RoomCreationRestricted;
                }
                if application("authentication-required", ns::JITMEET).is_some() {
                    return Self::AuthenticationRequired;
                }
                let policies = ["no-main-participants", "promotion-not-allowed", "no-visitors-lobby"];
                match policies
                    .into_iter()
                    .find(|policy| application(policy, ns::VISITORS).is_some())
                {
                    Some(policy) => Self::VisitorPolicy(policy.to_owned()),
                    None => Self::NotAllowed { text: error.text },
                }
            }
            _ => Self::Other(error),
        }
    }

    fn lobby(presence: &Element) -> Self {
        let mut inside = presence
            .children()
            .chain(presence.children().flat_map(Element::children));
        let lobby = inside.find(|child| child.name() == "lobbyroom").map(Element::text);
        let mut inside = presence
            .children()
            .chain(presence.children().flat_map(Element::children));
        let waiting_for_host = inside.any(|child| child.name() == "waiting-for-host");
        let lobby = lobby.map(|jid| limited(jid.trim(), 1023)).filter(|jid| !jid.is_empty());
        Self::Lobby {
            lobby,
            waiting_for_host,
        }
    }
}

fn creation_restricted(error: &StanzaError) -> bool {
    error
        .text
        .as_deref()
        .is_some_and(|text| text.contains("Room creation is restricted"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    fn error(inside: &str, beside: &str) -> JoinError {
        let text = format!(
            "<presence xmlns='jabber:client' type='error' from='r@m/me'>{beside}<error type='cancel'>{inside}</error></presence>"
        );
        JoinError::parse(&parse(&text).unwrap())
    }

    fn condition(name: &str) -> String {
        format!("<{name} xmlns='{}'/>", ns::STANZAS)
    }

    fn words(text: &str) -> String {
        format!("<text xmlns='{}'>{text}</text>", ns::STANZAS)
    }

    #[test]
    fn each_row_of_the_table_has_its_own_outcome() {
        let not_allowed = condition("not-allowed");
        let rows = [
            (condition("not-authorized"), JoinError::PasswordRequired),
            (
                format!("<displayname-required xmlns='{}' lobby='true'/>", ns::JITMEET) + &condition("not-acceptable"),
                JoinError::DisplayNameRequired,
            ),
            (condition("service-unavailable"), JoinError::RoomFull),
            (
                not_allowed.clone() + &words("Room creation is restricted"),
                JoinError::RoomCreationRestricted,
            ),
            (
                not_allowed.clone() + &format!("<room-does-not-exist xmlns='{}'/>", ns::JITMEET),
                JoinError::RoomCreationRestricted,
            ),
            (
                not_allowed.clone() + &format!("<authentication-required xmlns='{}'/>", ns::JITMEET),
                JoinError::AuthenticationRequired,
            ),
            (
                not_allowed.clone() + &format!("<no-main-participants xmlns='{}'/>", ns::VISITORS),
                JoinError::VisitorPolicy("no-main-participants".into()),
            ),
            (
                not_allowed.clone() + &words("Room and token mismatched"),
                JoinError::NotAllowed {
                    text: Some("Room and token mismatched".into()),
                },
            ),
            (not_allowed, JoinError::NotAllowed { text: None }),
            (condition("conflict"), JoinError::NickConflict),
            (condition("forbidden"), JoinError::Banned),
        ];
        for (inside, outcome) in rows {
            assert_eq!(error(&inside, ""), outcome, "{inside}");
        }
        assert!(matches!(error(&condition("gone"), ""), JoinError::Other(error) if error.condition == "gone"));
    }

    #[test]
    fn the_lobby_is_found_inside_and_beside_the_error() {
        let required = condition("registration-required");
        let lobby = "<lobbyroom>r@lobby.meet.example</lobbyroom>";
        let outcome = |waiting_for_host| JoinError::Lobby {
            lobby: Some("r@lobby.meet.example".into()),
            waiting_for_host,
        };
        assert_eq!(error(&format!("{required}{lobby}"), ""), outcome(false));
        assert_eq!(error(&required, &format!("{lobby}<waiting-for-host/>")), outcome(true));
        assert_eq!(
            error(&required, ""),
            JoinError::Lobby {
                lobby: None,
                waiting_for_host: false
            }
        );
    }

    #[test]
    fn an_error_without_error_element_is_still_an_error() {
        let bare = parse("<presence xmlns='jabber:client' type='error'/>").unwrap();
        assert!(matches!(JoinError::parse(&bare), JoinError::Other(_)));
    }
}
