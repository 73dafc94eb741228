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
    /// A moderator removed the box.
    Kicked,
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
    /// The token was refused (wrong signature, wrong audience ...).
    TokenRefused,
    /// The token is too old.
    TokenExpired,
    /// The token is for another room.
    TokenForAnotherRoom,
    /// The service wants an account and guests are not admitted.
    LoginRequired,
    /// The room was not opened by anybody within the waiting time.
    NotOpened,
    /// The room has a password and none was given.
    PasswordRequired,
    /// The password is wrong.
    PasswordWrong,
    /// The room has a waiting room, which this version cannot pass.
    LobbyRequired,
    /// The room wants a display name.
    DisplayNameRequired,
    /// The room is full.
    RoomFull,
    /// The service refused entry for another reason.
    EntryRefused,
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
