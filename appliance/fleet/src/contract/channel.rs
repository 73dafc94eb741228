//! Topics: who says what where, and the rules of each.

use std::time::Duration;

use super::event::EventClass;
use super::names::{DeviceId, Tenant};
use super::state::StatePart;
use super::telemetry::TelemetryStream;

/// Begins every topic.
const ROOT: &str = "cr/v1";
/// Longest topic, bytes.
const MAX_TOPIC: usize = 256;
/// Longest name of a command, bytes.
const MAX_COMMAND: usize = 48;
const KIB: usize = 1024;

/// What a topic of a box is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Birth and will: [`super::Presence`].
    Online,
    /// [`super::Metadata`].
    Meta,
    /// [`super::State`].
    State(StatePart),
    /// [`super::Configuration`], signed.
    ConfigDesired,
    /// [`super::ConfigurationReport`].
    ConfigReported,
    /// [`super::Update`], signed.
    UpdateDesired,
    /// [`super::UpdateReport`].
    UpdateReported,
    /// [`super::Command`], also one that is not known.
    Command(String),
    /// [`super::Answer`].
    Answer(String),
    /// [`super::Event`].
    Event(EventClass),
    /// [`super::Telemetry`].
    Telemetry(TelemetryStream),
    /// [`super::Notice`], signed.
    Notice,
}

/// Who publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The box.
    Up,
    /// The server.
    Down,
}

/// What holds for a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Who publishes.
    pub direction: Direction,
    /// 0 or 1; 2 is never used.
    pub qos: u8,
    /// The broker keeps the last one.
    pub retain: bool,
    /// MQTT message expiry of what is published; none: it does not expire by itself, or its publisher chooses.
    pub expiry: Option<Duration>,
    /// Largest payload, bytes.
    pub max_bytes: usize,
}

/// Why a topic is none of the contract's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no topic of the contract")]
pub struct TopicError;

impl Channel {
    /// Its rules (`specs/fleet-mqtt.md §1`).
    #[must_use]
    pub const fn rules(&self) -> Rules {
        use Direction::{Down, Up};
        let (direction, qos, retain, expiry_s, kib) = match self {
            Channel::Online => (Up, 1, true, None, 1),
            Channel::Meta | Channel::State(_) | Channel::UpdateReported => (Up, 1, true, None, 8),
            Channel::ConfigDesired => (Down, 1, true, None, 32),
            Channel::ConfigReported => (Up, 1, true, None, 32),
            Channel::UpdateDesired => (Down, 1, true, None, 8),
            Channel::Command(_) => (Down, 1, false, Some(300), 16),
            Channel::Answer(_) => (Up, 1, false, Some(600), 16),
            Channel::Event(_) => (Up, 1, false, None, 8),
            Channel::Telemetry(_) => (Up, 0, false, Some(300), 4),
            Channel::Notice => (Down, 1, true, None, 4),
        };
        Rules {
            direction,
            qos,
            retain,
            expiry: match expiry_s {
                Some(seconds) => Some(Duration::from_secs(seconds)),
                None => None,
            },
            max_bytes: kib * KIB,
        }
    }

    /// The topic of a box.
    #[must_use]
    pub fn topic(&self, tenant: &Tenant, device: &DeviceId) -> String {
        let (family, name) = self.words();
        let mut topic = format!("{ROOT}/{tenant}/{device}/{family}");
        if let Some(name) = name {
            topic.push('/');
            topic.push_str(name);
        }
        topic
    }

    /// What the channels of one `seq` have in common.
    #[must_use]
    pub fn family(&self) -> &'static str {
        match self {
            Channel::ConfigDesired => "config/desired",
            Channel::ConfigReported => "config/reported",
            Channel::UpdateDesired => "update/desired",
            Channel::UpdateReported => "update/reported",
            other => other.words().0,
        }
    }

    fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Channel::Online => ("online", None),
            Channel::Meta => ("meta", None),
            Channel::State(part) => ("state", Some(part.as_str())),
            Channel::ConfigDesired => ("config", Some("desired")),
            Channel::ConfigReported => ("config", Some("reported")),
            Channel::UpdateDesired => ("update", Some("desired")),
            Channel::UpdateReported => ("update", Some("reported")),
            Channel::Command(name) => ("cmd", Some(name)),
            Channel::Answer(name) => ("res", Some(name)),
            Channel::Event(class) => ("evt", Some(class.as_str())),
            Channel::Telemetry(stream) => ("tele", Some(stream.as_str())),
            Channel::Notice => ("notice", None),
        }
    }

    /// Reads a topic.
    ///
    /// # Errors
    /// [`TopicError`].
    pub fn parse(topic: &str) -> Result<(Tenant, DeviceId, Self), TopicError> {
        if topic.len() > MAX_TOPIC {
            return Err(TopicError);
        }
        let rest = topic
            .strip_prefix(ROOT)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or(TopicError)?;
        let words: Vec<&str> = rest.split('/').collect();
        let (tenant, device, channel) = match words[..] {
            [tenant, device, family] => (tenant, device, Self::of(family, None)),
            [tenant, device, family, name] => (tenant, device, Self::of(family, Some(name))),
            _ => return Err(TopicError),
        };
        let tenant = tenant.try_into().map_err(|_| TopicError)?;
        let device = device.try_into().map_err(|_| TopicError)?;
        Ok((tenant, device, channel.ok_or(TopicError)?))
    }

    fn of(family: &str, name: Option<&str>) -> Option<Self> {
        let part = |name: &str| StatePart::ALL.into_iter().find(|part| part.as_str() == name);
        let class = |name: &str| EventClass::ALL.into_iter().find(|class| class.as_str() == name);
        let stream = |name: &str| TelemetryStream::ALL.into_iter().find(|stream| stream.as_str() == name);
        match (family, name) {
            ("online", None) => Some(Channel::Online),
            ("meta", None) => Some(Channel::Meta),
            ("notice", None) => Some(Channel::Notice),
            ("state", Some(name)) => part(name).map(Channel::State),
            ("config", Some("desired")) => Some(Channel::ConfigDesired),
            ("config", Some("reported")) => Some(Channel::ConfigReported),
            ("update", Some("desired")) => Some(Channel::UpdateDesired),
            ("update", Some("reported")) => Some(Channel::UpdateReported),
            ("cmd", Some(name)) => command(name).map(Channel::Command),
            ("res", Some(name)) => command(name).map(Channel::Answer),
            ("evt", Some(name)) => class(name).map(Channel::Event),
            ("tele", Some(name)) => stream(name).map(Channel::Telemetry),
            _ => None,
        }
    }

    /// The filters of a box: four of its own, and the notices for everybody.
    #[must_use]
    pub fn filters(tenant: &Tenant, device: &DeviceId) -> [String; 5] {
        let own = format!("{ROOT}/{tenant}/{device}");
        [
            format!("{own}/config/desired"),
            format!("{own}/update/desired"),
            format!("{own}/cmd/+"),
            format!("{own}/notice"),
            Self::notice_for_all(tenant),
        ]
    }

    /// Where the notices for everybody of a tenant are: [`super::Notice`], signed and retained.
    #[must_use]
    pub fn notice_for_all(tenant: &Tenant) -> String {
        format!("{ROOT}/{tenant}/all/notice")
    }
}

/// A name that a command may have.
fn command(name: &str) -> Option<String> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_');
    Some(name.to_owned()).filter(|name| (1..=MAX_COMMAND).contains(&name.len()) && name.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::CommandName;

    fn all() -> Vec<Channel> {
        let mut all = vec![
            Channel::Online,
            Channel::Meta,
            Channel::ConfigDesired,
            Channel::ConfigReported,
            Channel::UpdateDesired,
            Channel::UpdateReported,
            Channel::Notice,
            Channel::Command("of.tomorrow".into()),
        ];
        all.extend(StatePart::ALL.map(Channel::State));
        all.extend(EventClass::ALL.map(Channel::Event));
        all.extend(TelemetryStream::ALL.map(Channel::Telemetry));
        for name in CommandName::ALL {
            all.extend([
                Channel::Command(name.as_str().into()),
                Channel::Answer(name.as_str().into()),
            ]);
        }
        all
    }

    #[test]
    fn every_topic_is_read_as_it_was_written() {
        let (tenant, device) = ("etat".try_into().unwrap(), "lyon-412".try_into().unwrap());
        for channel in all() {
            let topic = channel.topic(&tenant, &device);
            assert!(topic.matches('/').count() <= 7 && topic.len() <= MAX_TOPIC, "{topic}");
            assert_eq!(
                Channel::parse(&topic),
                Ok((tenant.clone(), device.clone(), channel)),
                "{topic}"
            );
        }
    }

    #[test]
    fn what_is_no_topic_of_a_box_is_refused() {
        for topic in [
            "",
            "cr/v1",
            "cr/v1/etat/lyon-412",
            "cr/v2/etat/lyon-412/online",
            "cr/v1/etat/lyon-412/online/x",
            "cr/v1/etat/lyon-412/state",
            "cr/v1/etat/lyon-412/state/other",
            "cr/v1/etat/lyon-412/cmd/",
            "cr/v1/etat/lyon-412/cmd/+",
            "cr/v1/etat/lyon-412/cmd/a/b",
            "cr/v1/etat/all/notice",
            "cr/v1/ETAT/lyon-412/online",
            "/cr/v1/etat/lyon-412/online",
        ] {
            assert_eq!(Channel::parse(topic), Err(TopicError), "{topic}");
        }
        let long = format!("cr/v1/etat/lyon-412/cmd/{}", "x".repeat(MAX_COMMAND + 1));
        assert_eq!(Channel::parse(&long), Err(TopicError));
    }

    #[test]
    fn no_command_is_ever_retained_and_nothing_is_sent_with_qos_2() {
        for channel in all() {
            let rules = channel.rules();
            assert!(rules.qos <= 1, "{channel:?}");
            assert!(rules.max_bytes <= 32 * KIB, "{channel:?}");
            if let Channel::Command(_) | Channel::Answer(_) = channel {
                assert!(!rules.retain && rules.expiry.is_some(), "{channel:?}");
            }
        }
    }

    #[test]
    fn a_box_hears_what_goes_down_to_it_and_nothing_else() {
        let (tenant, device): (Tenant, DeviceId) = ("etat".try_into().unwrap(), "lyon-412".try_into().unwrap());
        let filters = Channel::filters(&tenant, &device);
        let heard = |topic: &str| {
            filters.iter().any(|filter| {
                let (filter, topic): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
                filter.len() == topic.len() && filter.iter().zip(&topic).all(|(f, t)| *f == "+" || f == t)
            })
        };
        for channel in all() {
            let down = channel.rules().direction == Direction::Down;
            assert_eq!(heard(&channel.topic(&tenant, &device)), down, "{channel:?}");
            let other = "paris-07x".try_into().unwrap();
            assert!(!heard(&channel.topic(&tenant, &other)), "of another box: {channel:?}");
        }
        assert!(heard("cr/v1/etat/all/notice"));
    }
}
