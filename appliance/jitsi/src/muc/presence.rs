//! Every presence that comes from a room, as one value.

use minidom::{Element, NSChoice};

use crate::stanza::limited;
use crate::{jid, ns};

use super::{JoinError, Occupant, clean_text};

/// A presence from the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MucPresence {
    /// Somebody is in the room, newly or with something changed.
    Available {
        /// Who.
        occupant: Box<Occupant>,
        /// Status 110: it is our own; the first one means joined.
        own: bool,
        /// Status 201: our join created the room.
        created: bool,
    },
    /// Somebody is gone; their sources go with them.
    Unavailable {
        /// Endpoint id.
        id: String,
        /// Status 110: it is us.
        own: bool,
        /// Why.
        cause: UnavailableCause,
    },
    /// We are not let in (or our presence was refused).
    Error(JoinError),
    /// Marked to be ignored, or not from an occupant.
    Ignored,
}

/// Why somebody is gone (XEP-0045 §15.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnavailableCause {
    /// Left, or lost its connection.
    Left,
    /// Status 307: kicked. We do not rejoin by ourselves.
    Kicked {
        /// Endpoint id of who did it, where the room says so.
        actor: Option<String>,
        /// Their words.
        reason: Option<String>,
    },
    /// Status 301: banned.
    Banned,
    /// Status 321 or 322: removed by a change of affiliation or because the room is members-only now.
    Removed,
    /// Status 332 or 333: the service stops or had a fault.
    ServiceEnded,
    /// Status 303: only the nick changes.
    NickChanged,
    /// The room was destroyed: the meeting is over, or goes on elsewhere.
    Destroyed {
        /// Room to go to, if any.
        alternate: Option<String>,
        /// Words, for example "The meeting has been terminated".
        reason: Option<String>,
    },
}

impl MucPresence {
    /// Reads a presence; `me` is our `room@muc/NICK`, taken for own where the server forgot status 110 in an error or
    /// an unavailable presence.
    pub fn parse(presence: &Element, me: &str) -> Self {
        let from = presence.attr("from").unwrap_or_default();
        if presence
            .children()
            .any(|child| child.name() == "ignore" && child.ns().starts_with(ns::JITMEET))
        {
            return Self::Ignored;
        }
        let statuses = statuses(presence);
        let own = statuses.contains(&110) || from == me;
        match presence.attr("type") {
            Some("error") => Self::Error(JoinError::parse(presence)),
            Some("unavailable") => match jid::resource(from) {
                Some(id) => Self::Unavailable {
                    id: limited(id, 64),
                    own,
                    cause: cause(presence, &statuses),
                },
                // the room itself says goodbye to us
                None if presence.has_child("x", ns::MUC_USER) => {
                    let id = jid::resource(me).unwrap_or_default().to_owned();
                    Self::Unavailable {
                        id,
                        own: true,
                        cause: cause(presence, &statuses),
                    }
                }
                None => Self::Ignored,
            },
            None => match Occupant::parse(presence) {
                Some(occupant) => {
                    let (own, created) = (own, statuses.contains(&201));
                    Self::Available {
                        occupant: Box::new(occupant),
                        own,
                        created,
                    }
                }
                None => Self::Ignored,
            },
            Some(_) => Self::Ignored,
        }
    }
}

fn statuses(presence: &Element) -> Vec<u16> {
    let Some(x) = presence.get_child("x", ns::MUC_USER) else {
        return Vec::new();
    };
    let statuses = x.children().filter(|child| child.is("status", ns::MUC_USER));
    statuses
        .filter_map(|status| status.attr("code")?.parse().ok())
        .take(16)
        .collect()
}

fn cause(presence: &Element, statuses: &[u16]) -> UnavailableCause {
    let x = presence.get_child("x", ns::MUC_USER);
    let words = |parent: Option<&Element>| {
        let reason = parent.and_then(|parent| parent.get_child("reason", NSChoice::Any));
        reason
            .map(|reason| clean_text(&reason.text(), 300))
            .filter(|reason| !reason.is_empty())
    };
    if let Some(destroy) = x.and_then(|x| x.get_child("destroy", ns::MUC_USER)) {
        let alternate = destroy
            .attr("jid")
            .filter(|jid| !jid.is_empty())
            .map(|jid| limited(jid, 1023));
        return UnavailableCause::Destroyed {
            alternate,
            reason: words(Some(destroy)),
        };
    }
    let item = x.and_then(|x| x.get_child("item", ns::MUC_USER));
    if statuses.contains(&307) {
        let actor = item
            .and_then(|item| item.get_child("actor", ns::MUC_USER))
            .and_then(|actor| actor.attr("nick"));
        return UnavailableCause::Kicked {
            actor: actor.map(|nick| limited(nick, 64)),
            reason: words(item),
        };
    }
    let has = |codes: &[u16]| codes.iter().any(|code| statuses.contains(code));
    match () {
        () if has(&[301]) => UnavailableCause::Banned,
        () if has(&[321, 322]) => UnavailableCause::Removed,
        () if has(&[332, 333]) => UnavailableCause::ServiceEnded,
        () if has(&[303]) => UnavailableCause::NickChanged,
        () => UnavailableCause::Left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    const ME: &str = "r@m/ab12cd34";

    fn presence(attributes: &str, x: &str, beside: &str) -> MucPresence {
        let text = format!(
            "<presence xmlns='jabber:client' {attributes}>{beside}<x xmlns='{}'>{x}</x></presence>",
            ns::MUC_USER
        );
        MucPresence::parse(&parse(&text).unwrap(), ME)
    }

    #[test]
    fn status_110_is_the_proof_of_having_joined() {
        let joined = presence(
            "from='r@m/ab12cd34'",
            "<item role='participant'/><status code='110'/><status code='201'/>",
            "",
        );
        assert!(matches!(
            joined,
            MucPresence::Available {
                own: true,
                created: true,
                ..
            }
        ));
        let other = presence("from='r@m/cd34'", "<item role='participant'/>", "");
        assert!(matches!(
            other,
            MucPresence::Available {
                own: false,
                created: false,
                ..
            }
        ));
    }

    #[test]
    fn a_kick_says_who_and_why() {
        let kicked = presence(
            "from='r@m/ab12cd34' type='unavailable'",
            "<item role='none'><actor nick='cd34'/><reason>bye</reason></item><status code='110'/><status code='307'/>",
            "",
        );
        let cause = UnavailableCause::Kicked {
            actor: Some("cd34".into()),
            reason: Some("bye".into()),
        };
        assert_eq!(
            kicked,
            MucPresence::Unavailable {
                id: "ab12cd34".into(),
                own: true,
                cause
            }
        );
    }

    #[test]
    fn a_destroyed_room_names_the_next_one_or_ends() {
        for (attribute, alternate) in [(" jid='next@m'", Some("next@m".to_owned())), ("", None)] {
            let gone = presence(
                "from='r@m/ab12cd34' type='unavailable'",
                &format!(
                    "<item role='none'/><destroy{attribute}><reason>The meeting has been terminated</reason></destroy>"
                ),
                "",
            );
            let cause = UnavailableCause::Destroyed {
                alternate,
                reason: Some("The meeting has been terminated".into()),
            };
            assert_eq!(
                gone,
                MucPresence::Unavailable {
                    id: "ab12cd34".into(),
                    own: true,
                    cause
                }
            );
        }
    }

    #[test]
    fn others_leave_and_ignored_ones_are_not_gone() {
        let left = presence("from='r@m/cd34' type='unavailable'", "<item role='none'/>", "");
        assert_eq!(
            left,
            MucPresence::Unavailable {
                id: "cd34".into(),
                own: false,
                cause: UnavailableCause::Left
            }
        );
        let ignored = presence(
            "from='r@m/cd34' type='unavailable'",
            "",
            "<ignore xmlns='http://jitsi.org/jitmeet/'/>",
        );
        assert_eq!(ignored, MucPresence::Ignored);
        let old = presence(
            "from='r@m/cd34' type='unavailable'",
            "",
            "<ignore xmlns='http://jitsi.org/jitmeet'/>",
        );
        assert_eq!(old, MucPresence::Ignored);
    }

    #[test]
    fn all_other_causes_are_told_apart() {
        for (code, cause) in [
            (301, UnavailableCause::Banned),
            (303, UnavailableCause::NickChanged),
            (321, UnavailableCause::Removed),
            (322, UnavailableCause::Removed),
            (332, UnavailableCause::ServiceEnded),
            (333, UnavailableCause::ServiceEnded),
        ] {
            let gone = presence(
                "from='r@m/cd34' type='unavailable'",
                &format!("<status code='{code}'/>"),
                "",
            );
            assert_eq!(
                gone,
                MucPresence::Unavailable {
                    id: "cd34".into(),
                    own: false,
                    cause
                }
            );
        }
    }
}
