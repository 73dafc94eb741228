//! What we say to the bridge.

use serde::Serialize;
use serde_json::Value;

use super::ReceiverConstraints;

/// A message to the bridge, with exactly the fields its strict parser knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "colibriClass")]
pub enum Outgoing {
    /// First message on SCTP; the bridge answers `ServerHello`.
    ClientHello {},
    /// Which pictures we want. Before the first one there is no video at all.
    ReceiverVideoConstraints(ReceiverConstraints),
    /// What a source of ours shows; one for each at every opening of the channel, and `none` while muted.
    #[serde(rename = "SourceVideoTypeMessage", rename_all = "camelCase")]
    SourceVideoType {
        /// For example `ab12cd34-v0`.
        source_name: String,
        /// What it shows.
        video_type: SourceVideoType,
    },
    /// To another participant, or to all with an empty `to`.
    #[serde(rename_all = "camelCase")]
    EndpointMessage {
        /// Endpoint id, or empty.
        to: String,
        /// The payload.
        msg_payload: Value,
    },
    /// Our connection's quality, about every 10 s.
    EndpointStats(EndpointStatistics),
}

/// What a source of ours shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceVideoType {
    /// A camera.
    Camera,
    /// A shared screen.
    Desktop,
    /// A shared screen with moving pictures.
    DesktopHighFps,
    /// Nothing: the source is muted.
    None,
}

/// Our connection's quality.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatistics {
    /// kbit/s.
    pub bitrate: Bitrate,
    /// Per cent.
    pub packet_loss: PacketLoss,
    /// 0 (worst) to 100.
    pub connection_quality: f64,
    /// ms to the bridge.
    #[serde(rename = "jvbRTT", skip_serializing_if = "Option::is_none")]
    pub jvb_rtt: Option<u32>,
    /// Region of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_region: Option<String>,
    /// Height of the highest layer we send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_enabled_resolution: Option<u32>,
}

/// kbit/s each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Bitrate {
    /// Sent.
    pub upload: u32,
    /// Received.
    pub download: u32,
}

/// Per cent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct PacketLoss {
    /// Both ways.
    pub total: f64,
    /// Received.
    pub download: f64,
    /// Sent.
    pub upload: f64,
}

impl Outgoing {
    /// The text frame.
    pub fn to_text(&self) -> String {
        // only a map with keys that are not strings could fail; there is none
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The answer to an `e2e-ping-request`.
    pub fn ping_response(to: &str, id: &Value) -> Self {
        let msg_payload = serde_json::json!({"type": "e2e-ping-response", "id": id});
        Self::EndpointMessage {
            to: to.to_owned(),
            msg_payload,
        }
    }
}

#[cfg(test)]
#[path = "outgoing_tests.rs"]
mod tests;
