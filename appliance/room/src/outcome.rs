//! How a meeting or a try to join ended: one name for each outcome a person can meet. The sentences stand in `words`.

use serde::{Deserialize, Serialize};

/// One named outcome. The word is [`Outcome::code`], the exit code of `roomd join` is [`Outcome::exit_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The box left because somebody in the room (or the time given) said so.
    Left,
    /// A moderator ended the meeting for everybody.
    MeetingEnded,
    /// Nobody else was there (any more), so that the box left too.
    NobodyLeft,
    /// A moderator removed the box.
    Kicked,
    /// A moderator banned the box: it may not come back.
    Banned,
    /// Not an address of a room.
    WrongUrl,
    /// The host's name is unknown or nothing answers there.
    HostUnreachable,
    /// The host's certificate is not trusted.
    CertificateRefused,
    /// Something answers, but it is no conference service the box understands.
    NotAConference,
    /// The service refused the signalling connection.
    ConnectionRefused,
    /// The proxy of the network cannot be reached.
    ProxyUnreachable,
    /// The proxy of the network wants a user name and a password, or others.
    ProxyCredentials,
    /// The proxy of the network does not let the box through to the service.
    ProxyRefused,
    /// The token was refused (wrong signature, wrong audience ...).
    TokenRefused,
    /// The token is too old.
    TokenExpired,
    /// The token is for another room.
    TokenForAnotherRoom,
    /// The service refuses the box's user name or password.
    AccountRefused,
    /// The service wants an account and guests are not admitted.
    LoginRequired,
    /// The service does not open the room for guests.
    CreationRestricted,
    /// The service has no reservation for the room at this time.
    ReservationRefused,
    /// The room was not opened by anybody within the waiting time.
    NotOpened,
    /// The room has a password and none was given.
    PasswordRequired,
    /// The password is wrong.
    PasswordWrong,
    /// The room admits its members only and has no lobby.
    MembersOnly,
    /// The room wants a display name.
    DisplayNameRequired,
    /// The room is full.
    RoomFull,
    /// The service refused entry for another reason.
    EntryRefused,
    /// A moderator declined to let the box in from the lobby.
    LobbyDenied,
    /// Nobody let the box in from the lobby within the waiting time.
    NotAdmitted,
    /// The room would take the box as a visitor only, who has no camera and no microphone.
    VisitorOnly,
    /// The connection was lost and could not be rebuilt.
    ConnectionLost,
    /// Signalling works but no media passes (ports blocked?).
    MediaBlocked,
    /// The service's coordinator went away and did not return.
    ServiceGone,
    /// The other side broke the protocol.
    ProtocolError,
    /// The box's own media worker cannot be started.
    MediaWorkerFailed,
}

impl Outcome {
    /// Every outcome there is.
    pub const ALL: [Outcome; 35] = [
        Outcome::Left,
        Outcome::MeetingEnded,
        Outcome::NobodyLeft,
        Outcome::Kicked,
        Outcome::Banned,
        Outcome::WrongUrl,
        Outcome::HostUnreachable,
        Outcome::CertificateRefused,
        Outcome::NotAConference,
        Outcome::ConnectionRefused,
        Outcome::ProxyUnreachable,
        Outcome::ProxyCredentials,
        Outcome::ProxyRefused,
        Outcome::TokenRefused,
        Outcome::TokenExpired,
        Outcome::TokenForAnotherRoom,
        Outcome::AccountRefused,
        Outcome::LoginRequired,
        Outcome::CreationRestricted,
        Outcome::ReservationRefused,
        Outcome::NotOpened,
        Outcome::PasswordRequired,
        Outcome::PasswordWrong,
        Outcome::MembersOnly,
        Outcome::DisplayNameRequired,
        Outcome::RoomFull,
        Outcome::EntryRefused,
        Outcome::LobbyDenied,
        Outcome::NotAdmitted,
        Outcome::VisitorOnly,
        Outcome::ConnectionLost,
        Outcome::MediaBlocked,
        Outcome::ServiceGone,
        Outcome::ProtocolError,
        Outcome::MediaWorkerFailed,
    ];

    /// The word for logs, reports and MQTT, in kebab-case. Never changes once released.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Outcome::Left => "left",
            Outcome::MeetingEnded => "meeting-ended",
            Outcome::NobodyLeft => "nobody-left",
            Outcome::Kicked => "kicked",
            Outcome::Banned => "banned",
            Outcome::WrongUrl => "wrong-url",
            Outcome::HostUnreachable => "host-unreachable",
            Outcome::CertificateRefused => "certificate-refused",
            Outcome::NotAConference => "not-a-conference",
            Outcome::ConnectionRefused => "connection-refused",
            Outcome::ProxyUnreachable => "proxy-unreachable",
            Outcome::ProxyCredentials => "proxy-credentials",
            Outcome::ProxyRefused => "proxy-refused",
            Outcome::TokenRefused => "token-refused",
            Outcome::TokenExpired => "token-expired",
            Outcome::TokenForAnotherRoom => "token-for-another-room",
            Outcome::AccountRefused => "account-refused",
            Outcome::LoginRequired => "login-required",
            Outcome::CreationRestricted => "creation-restricted",
            Outcome::ReservationRefused => "reservation-refused",
            Outcome::NotOpened => "not-opened",
            Outcome::PasswordRequired => "password-required",
            Outcome::PasswordWrong => "password-wrong",
            Outcome::MembersOnly => "members-only",
            Outcome::DisplayNameRequired => "display-name-required",
            Outcome::RoomFull => "room-full",
            Outcome::EntryRefused => "entry-refused",
            Outcome::LobbyDenied => "lobby-denied",
            Outcome::NotAdmitted => "not-admitted",
            Outcome::VisitorOnly => "visitor-only",
            Outcome::ConnectionLost => "connection-lost",
            Outcome::MediaBlocked => "media-blocked",
            Outcome::ServiceGone => "service-gone",
            Outcome::ProtocolError => "protocol-error",
            Outcome::MediaWorkerFailed => "media-worker-failed",
        }
    }

    /// The exit code of `roomd join`. 0: the meeting took place and ended in order. 1 is kept for errors outside a
    /// meeting and 2 for a wrong command line. The tens group the rest: 10 put out, 20 address and service, 30 token,
    /// account and reservation, 40 the door of the room, 50 lost on the way, 60 the box itself. Never changes once released.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Outcome::Left | Outcome::MeetingEnded | Outcome::NobodyLeft => 0,
            Outcome::Kicked => 10,
            Outcome::Banned => 11,
            Outcome::WrongUrl => 20,
            Outcome::HostUnreachable => 21,
            Outcome::CertificateRefused => 22,
            Outcome::NotAConference => 23,
            Outcome::ConnectionRefused => 24,
            Outcome::ProxyUnreachable => 25,
            Outcome::ProxyCredentials => 26,
            Outcome::ProxyRefused => 27,
            Outcome::TokenRefused => 30,
            Outcome::TokenExpired => 31,
            Outcome::TokenForAnotherRoom => 32,
            Outcome::LoginRequired => 33,
            Outcome::AccountRefused => 36,
            Outcome::CreationRestricted => 34,
            Outcome::ReservationRefused => 35,
            Outcome::NotOpened => 40,
            Outcome::PasswordRequired => 41,
            Outcome::PasswordWrong => 42,
            Outcome::MembersOnly => 43,
            Outcome::DisplayNameRequired => 44,
            Outcome::RoomFull => 45,
            Outcome::EntryRefused => 46,
            Outcome::LobbyDenied => 47,
            Outcome::NotAdmitted => 48,
            Outcome::VisitorOnly => 49,
            Outcome::ConnectionLost => 50,
            Outcome::MediaBlocked => 51,
            Outcome::ServiceGone => 52,
            Outcome::ProtocolError => 53,
            Outcome::MediaWorkerFailed => 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The schema lists the variants as the compiler sees them, with serde's names.
    fn variants_of_the_schema() -> BTreeSet<String> {
        fn collect(value: &serde_json::Value, names: &mut BTreeSet<String>) {
            match value {
                serde_json::Value::Object(map) => {
                    for (key, value) in map {
                        match (key.as_str(), value) {
                            ("const", serde_json::Value::String(name)) => drop(names.insert(name.clone())),
                            ("enum", serde_json::Value::Array(list)) => {
                                names.extend(list.iter().filter_map(|name| name.as_str().map(str::to_owned)));
                            }
                            (_, value) => collect(value, names),
                        }
                    }
                }
                serde_json::Value::Array(list) => list.iter().for_each(|value| collect(value, names)),
                _ => {}
            }
        }
        let schema = serde_json::to_value(schemars::schema_for!(Outcome)).unwrap();
        let mut names = BTreeSet::new();
        collect(&schema, &mut names);
        names
    }

    #[test]
    fn all_lists_every_outcome_once_and_codes_are_the_names_in_json() {
        let codes: BTreeSet<String> = Outcome::ALL.iter().map(|outcome| outcome.code().to_owned()).collect();
        assert_eq!(codes.len(), Outcome::ALL.len());
        assert_eq!(codes, variants_of_the_schema());
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.code());
        }
    }

    #[test]
    fn exit_codes_tell_outcomes_apart_and_leave_1_and_2_to_the_command_line() {
        let mut seen = BTreeSet::new();
        for outcome in Outcome::ALL {
            let code = outcome.exit_code();
            match outcome {
                Outcome::Left | Outcome::MeetingEnded | Outcome::NobodyLeft => assert_eq!(code, 0),
                _ => assert!((10..126).contains(&code) && seen.insert(code), "{outcome:?} {code}"),
            }
        }
    }
}
