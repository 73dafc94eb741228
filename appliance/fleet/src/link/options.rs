//! Every option of `rumqttc`, set: its defaults are not ours.

use std::time::Duration;

use rumqttc::Transport;
use rumqttc::v5::MqttOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, LastWill, LastWillProperties};

use super::words::{Limits, Opening, Session, Will};

/// `rumqttc` panics below.
const LEAST_KEEP_ALIVE: Duration = Duration::from_secs(5);
/// `rumqttc` reserves a place for each packet id that it may use, and stops taking anything when all are taken: more than
/// we ever have on the way.
pub(super) const PACKET_IDS: u16 = 128;

/// Options for one connection through the socket of this name.
pub(super) fn of(opening: &Opening, limits: &Limits, socket: &str) -> MqttOptions {
    let mut options = MqttOptions::new(&opening.client_id, socket, 0);
    options.set_transport(Transport::Unix);
    options.set_keep_alive(limits.keep_alive.max(LEAST_KEEP_ALIVE));
    options.set_connection_timeout(limits.connect.as_secs().max(1));
    options.set_manual_acks(true);
    options.set_outgoing_inflight_upper_limit(PACKET_IDS);
    let (clean_start, expiry) = match opening.session {
        Session::Kept(expiry) => (false, seconds(expiry)),
        Session::Fresh => (true, 0),
    };
    options.set_clean_start(clean_start);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(expiry);
    properties.receive_maximum = Some(limits.receive_maximum);
    properties.max_packet_size = Some(limits.maximum_packet);
    properties.topic_alias_max = Some(0);
    options.set_connect_properties(properties);
    if let Some(will) = &opening.will {
        options.set_last_will(last_will(will));
    }
    options
}

fn last_will(will: &Will) -> LastWill {
    let properties = LastWillProperties {
        delay_interval: Some(seconds(will.delay)),
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    };
    LastWill::new(
        &will.topic,
        will.payload.to_vec(),
        QoS::AtLeastOnce,
        will.retain,
        Some(properties),
    )
}

/// Whole seconds, rounded up.
pub(super) fn seconds(duration: Duration) -> u32 {
    let up = u64::from(duration.subsec_nanos() > 0);
    u32::try_from(duration.as_secs().saturating_add(up)).unwrap_or(u32::MAX)
}
