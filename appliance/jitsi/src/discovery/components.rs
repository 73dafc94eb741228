//! Which components a deployment has, and under which address each speaks (`specs/jitsi-client.md §1`).

use std::collections::BTreeMap;

use super::ServerInfo;

/// A component of the deployment, as its disco#info names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Component {
    /// Moderators decide who may speak or be seen.
    AvModeration,
    /// Side rooms.
    BreakoutRooms,
    /// Ends the meeting for everybody.
    EndConference,
    /// Waiting rooms; its address is the MUC service of the lobbies.
    Lobby,
    /// State of the room, relays among it.
    RoomMetadata,
    /// Who spoke how long.
    SpeakerStats,
    /// Seats for those who only watch.
    Visitors,
}

impl Component {
    /// Every component the box has a use for.
    pub const ALL: [Self; 7] = [
        Self::AvModeration,
        Self::BreakoutRooms,
        Self::EndConference,
        Self::Lobby,
        Self::RoomMetadata,
        Self::SpeakerStats,
        Self::Visitors,
    ];

    /// The `type` of its identity.
    #[must_use]
    pub const fn identity(self) -> &'static str {
        match self {
            Self::AvModeration => "av_moderation",
            Self::BreakoutRooms => "breakout_rooms",
            Self::EndConference => "end_conference",
            Self::Lobby => "lobbyrooms",
            Self::RoomMetadata => "room_metadata",
            Self::SpeakerStats => "speakerstats",
            Self::Visitors => "visitors",
        }
    }
}

/// The addresses of the components, as the server itself announced them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Components {
    addresses: BTreeMap<Component, String>,
}

impl Components {
    /// The components of a server's disco#info. An address is a bare domain; anything else is no component.
    #[must_use]
    pub fn of(info: &ServerInfo) -> Self {
        let known = Component::ALL.into_iter().filter_map(|component| {
            let address = info.components.get(component.identity())?;
            let domain = !address.is_empty() && !address.contains(['@', '/']);
            domain.then(|| (component, address.clone()))
        });
        Self {
            addresses: known.collect(),
        }
    }

    /// Where the component is, if the deployment has it.
    #[must_use]
    pub fn address(&self, component: Component) -> Option<&str> {
        self.addresses.get(&component).map(String::as_str)
    }

    /// Whether a stanza comes from this very component: only then what it says is heeded.
    #[must_use]
    pub fn is_component(&self, component: Component, from: &str) -> bool {
        self.address(component) == Some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(components: &[(&str, &str)]) -> ServerInfo {
        ServerInfo {
            components: components
                .iter()
                .map(|(kind, name)| ((*kind).to_owned(), (*name).to_owned()))
                .collect(),
            ..ServerInfo::default()
        }
    }

    #[test]
    fn only_the_announced_address_is_the_component() {
        let components = Components::of(&info(&[
            ("room_metadata", "metadata.meet.example"),
            ("av_moderation", "avmoderation.meet.example"),
        ]));
        for (component, from, is) in [
            (Component::RoomMetadata, "metadata.meet.example", true),
            (Component::RoomMetadata, "avmoderation.meet.example", false),
            (Component::RoomMetadata, "metadata.meet.example/x", false),
            (Component::RoomMetadata, "room@metadata.meet.example", false),
            (Component::RoomMetadata, "other.meet.example", false),
            (Component::AvModeration, "avmoderation.meet.example", true),
            (Component::BreakoutRooms, "", false),
        ] {
            assert_eq!(components.is_component(component, from), is, "{component:?} {from}");
        }
    }

    #[test]
    fn an_occupant_cannot_be_announced_as_a_component() {
        let components = Components::of(&info(&[
            ("room_metadata", "room@muc.meet.example/cd34ef56"),
            ("lobbyrooms", ""),
        ]));
        assert_eq!(components, Components::default());
    }
}
