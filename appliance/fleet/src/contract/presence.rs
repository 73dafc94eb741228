//! `online` and `meta`: that a box is there, and what it is.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::command::CommandName;
use super::envelope::Message;
use super::json::{self, Refusal};

/// Why a box connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnlineReason {
    /// It was switched on.
    Boot,
    /// The connection was lost.
    Reconnect,
    /// It came back with another release.
    Update,
}

/// Birth of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Online {
    /// Always true.
    pub online: bool,
    /// Counts connections of this box, on disk, one more for each CONNECT.
    pub sid: u64,
    /// Release that runs.
    pub fw: String,
    /// Why it connected.
    pub reason: OnlineReason,
}

/// Why a box is not connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OfflineReason {
    /// The broker says so: the will.
    Lost,
    /// It restarts.
    Reboot,
    /// It sleeps.
    Standby,
    /// It installs a release.
    Update,
}

/// End of a connection, said by the box or by its will, which knows no time. Whoever has seen an [`Online`] with a higher
/// `sid` passes it over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offline {
    /// Version of the contract.
    pub v: u32,
    /// Always false.
    pub online: bool,
    /// Of the connection that has ended.
    pub sid: u64,
    /// Why.
    pub reason: OfflineReason,
}

/// What stands under `online`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Presence {
    /// The box is there.
    Online(Message<Online>),
    /// It is not.
    Offline(Offline),
}

impl Presence {
    /// Reads a message of at most `max_bytes`.
    ///
    /// # Errors
    /// As [`super::parse`].
    pub fn parse(bytes: &[u8], max_bytes: usize) -> Result<Self, Refusal> {
        let value = json::value(bytes, max_bytes)?;
        if value.get("online").is_some_and(|online| online == false) {
            json::typed(&value).map(Presence::Offline)
        } else {
            Message::of(&value).map(Presence::Online)
        }
    }

    /// Takes the news about a box unless it is about an older connection than what is known.
    #[must_use]
    pub fn newer(self, known: Option<Presence>) -> Presence {
        match known {
            Some(known) if self.sid() < known.sid() => known,
            _ => self,
        }
    }

    /// Counts connections.
    #[must_use]
    pub fn sid(&self) -> u64 {
        match self {
            Presence::Online(message) => message.body.sid,
            Presence::Offline(offline) => offline.sid,
        }
    }
}

/// `meta`: what a box is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    /// Model, as its maker calls it.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// Release that runs.
    pub fw: String,
    /// Commands that it takes.
    pub commands: Vec<CommandName>,
    /// Schemas of the documents that it takes, as `cfg/1.4`.
    pub schemas: Vec<String>,
    /// End of its certificate.
    pub certificate_expires: Timestamp,
    /// Until then it gets updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_until: Option<Timestamp>,
    /// The key to which its secrets are sealed, a JWK that the key of its certificate has signed (compact JWS) for the topic of
    /// this document. None: it opens none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets_key: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(online: bool, sid: u64) -> Presence {
        let text = if online {
            format!(
                r#"{{"v":1,"id":"01KAN8Q6T4X5Z7B9C1D3F5G7H9","ts":"2026-11-21T19:35:56Z","clk":"sync","boot":"6f1c20d4",
                "up_ms":1,"seq":1,"online":true,"sid":{sid},"fw":"2.3.0","reason":"boot"}}"#
            )
        } else {
            format!(r#"{{"v":1,"online":false,"sid":{sid},"reason":"lost"}}"#)
        };
        Presence::parse(text.as_bytes(), 1024).unwrap()
    }

    #[test]
    fn the_late_will_of_an_older_connection_does_not_take_a_box_away() {
        let back = presence(true, 413);
        assert_eq!(presence(false, 412).newer(Some(back.clone())), back);
        let gone = presence(false, 413);
        assert_eq!(gone.clone().newer(Some(back.clone())), gone);
        assert_eq!(back.clone().newer(None), back);
    }
}
