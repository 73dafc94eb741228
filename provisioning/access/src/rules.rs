//! The table.

use fleet::contract::{Channel, DeviceId, Tenant};
use serde::Serialize;

/// What a rule allows. Everything else is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// To publish on these topics.
    Publish,
    /// To hear these topics.
    Subscribe,
}

/// What is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// What.
    pub act: Act,
    /// Where, with MQTT's wildcards.
    pub topics: String,
}

/// A name that means nothing in the files of any broker: letters, digits and `@ . _ -`, up to 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffName(String);

impl TryFrom<&str> for StaffName {
    type Error = &'static str;

    fn try_from(name: &str) -> Result<Self, Self::Error> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._-".contains(&byte);
        if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
            Ok(Self(name.to_owned()))
        } else {
            Err("a name has 1 to 64 letters, digits, @, dots, underscores and hyphens")
        }
    }
}

/// Somebody with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// A room box.
    Box {
        /// Its organisation.
        tenant: Tenant,
        /// Common name of its certificate.
        device: DeviceId,
    },
    /// A person, or a program that acts for one.
    Administrator {
        /// The organisation.
        tenant: Tenant,
        /// Common name of the certificate.
        name: StaffName,
    },
    /// A program that reads what boxes say and never speaks.
    Reader {
        /// The organisation.
        tenant: Tenant,
        /// Common name of the certificate.
        name: StaffName,
    },
    /// The enrolment service.
    Enrolment {
        /// Common name of the certificate.
        name: StaffName,
    },
}

/// A box without a certificate of its own organisation publishes here, with its serial number for `{serial}`.
pub const ENROLMENT_REQUEST: &str = "cr/v1/enrol/{serial}/req";
/// And hears its answer here.
pub const ENROLMENT_ANSWER: &str = "cr/v1/enrol/{serial}/res";

/// Where a program of an administrator hears itself: behind everything that the broker had for it before. No box has so short
/// a name.
#[must_use]
pub fn staff_mark(tenant: &Tenant, client_id: &str) -> String {
    format!("cr/v1/{tenant}/staff/{client_id}")
}

/// The rules of all boxes of an organisation, with what the broker puts in place of the user's name.
#[must_use]
pub fn every_box(tenant: &Tenant, name: &str) -> Vec<Rule> {
    /// No box has it: those of a serial number have another beginning.
    const SOMEBODY: &str = "some-box-that-has-a-name";
    let Ok(device) = DeviceId::try_from(SOMEBODY) else {
        return Vec::new();
    };
    let somebody = User::Box {
        tenant: tenant.clone(),
        device,
    };
    let rules = somebody.rules().into_iter();
    rules
        .map(|rule| Rule {
            topics: rule.topics.replace(SOMEBODY, name),
            ..rule
        })
        .collect()
}

fn publish(topics: impl Into<String>) -> Rule {
    Rule {
        act: Act::Publish,
        topics: topics.into(),
    }
}

fn subscribe(topics: impl Into<String>) -> Rule {
    Rule {
        act: Act::Subscribe,
        topics: topics.into(),
    }
}

impl User {
    /// As the broker calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            User::Box { device, .. } => device.as_str(),
            User::Administrator { name, .. } | User::Reader { name, .. } | User::Enrolment { name } => &name.0,
        }
    }

    /// What it may do.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        match self {
            User::Box { tenant, device } => {
                let own = format!("cr/v1/{tenant}/{device}");
                let said = [
                    "online",
                    "meta",
                    "state/#",
                    "config/reported",
                    "update/reported",
                    "res/#",
                    "evt/#",
                    "tele/#",
                ];
                let mut rules: Vec<Rule> = said.iter().map(|topic| publish(format!("{own}/{topic}"))).collect();
                rules.extend(Channel::filters(tenant, device).into_iter().map(subscribe));
                rules
            }
            User::Administrator { tenant, .. } => {
                let boxes = format!("cr/v1/{tenant}/+");
                let asked = ["config/desired", "update/desired", "cmd/+", "notice"];
                // What a box has left behind is taken away when it is forgotten. A box does not believe what stands there.
                let left = ["online", "meta", "state/+", "config/reported", "update/reported"];
                let topics = asked
                    .iter()
                    .chain(&left)
                    .map(|topic| publish(format!("{boxes}/{topic}")));
                let mark = publish(staff_mark(tenant, "+"));
                topics.chain([mark, subscribe(format!("cr/v1/{tenant}/#"))]).collect()
            }
            User::Reader { tenant, .. } => vec![subscribe(format!("cr/v1/{tenant}/#"))],
            User::Enrolment { .. } => vec![
                subscribe(ENROLMENT_REQUEST.replace("{serial}", "+")),
                publish(ENROLMENT_ANSWER.replace("{serial}", "+")),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use fleet::contract::{Direction, EventClass, StatePart, TelemetryStream};

    use super::*;

    /// As MQTT 5 §4.7 says.
    fn matches(filter: &str, topic: &str) -> bool {
        let (filter, topic): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
        let begins = filter.iter().zip(&topic).all(|(f, t)| *f == "#" || *f == "+" || f == t);
        begins && (filter.len() == topic.len() || filter.last() == Some(&"#") && filter.len() <= topic.len() + 1)
    }

    fn may(user: &User, act: Act, topic: &str) -> bool {
        user.rules()
            .iter()
            .any(|rule| rule.act == act && matches(&rule.topics, topic))
    }

    fn channels() -> Vec<Channel> {
        let mut all = vec![
            Channel::Online,
            Channel::Meta,
            Channel::ConfigDesired,
            Channel::ConfigReported,
            Channel::UpdateDesired,
            Channel::UpdateReported,
            Channel::Notice,
            Channel::Command("av.mute".into()),
            Channel::Answer("av.mute".into()),
        ];
        all.extend(StatePart::ALL.map(Channel::State));
        all.extend(EventClass::ALL.map(Channel::Event));
        all.extend(TelemetryStream::ALL.map(Channel::Telemetry));
        all
    }

    #[test]
    fn a_box_says_what_goes_up_and_hears_what_goes_down_and_only_its_own() {
        let tenant: Tenant = "etat".try_into().unwrap();
        let device: DeviceId = "lyon-412".try_into().unwrap();
        let user = User::Box {
            tenant: tenant.clone(),
            device: device.clone(),
        };
        for channel in channels() {
            let up = channel.rules().direction == Direction::Up;
            let own = channel.topic(&tenant, &device);
            assert_eq!(may(&user, Act::Publish, &own), up, "{own}");
            assert_eq!(may(&user, Act::Subscribe, &own), !up, "{own}");
            for other in [
                channel.topic(&tenant, &"paris-07x".try_into().unwrap()),
                channel.topic(&"ville".try_into().unwrap(), &device),
            ] {
                assert!(
                    !may(&user, Act::Publish, &other) && !may(&user, Act::Subscribe, &other),
                    "{other}"
                );
            }
        }
        assert!(may(&user, Act::Subscribe, "cr/v1/etat/all/notice"));
        assert!(!may(&user, Act::Publish, "cr/v1/etat/all/notice"));
    }

    #[test]
    fn a_name_cannot_write_rules_of_its_own() {
        for bad in ["", "a b", "alice\nuser bob", "x\"", "#", "+", &"x".repeat(65)] {
            assert!(StaffName::try_from(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_administrator_says_what_goes_down_in_one_organisation() {
        let user = User::Administrator {
            tenant: "etat".try_into().unwrap(),
            name: "alice@etat".try_into().unwrap(),
        };
        for channel in channels() {
            let (mine, other) = ("etat".try_into().unwrap(), "ville".try_into().unwrap());
            let device = "lyon-412".try_into().unwrap();
            let topic = channel.topic(&mine, &device);
            let down = channel.rules().direction == Direction::Down;
            // To take away what is retained is to publish nothing there.
            assert_eq!(
                may(&user, Act::Publish, &topic),
                down || channel.rules().retain,
                "{topic}"
            );
            assert!(may(&user, Act::Subscribe, &topic), "{topic}");
            let topic = channel.topic(&other, &device);
            assert!(
                !may(&user, Act::Publish, &topic) && !may(&user, Act::Subscribe, &topic),
                "{topic}"
            );
        }
        assert!(may(&user, Act::Publish, "cr/v1/etat/all/notice"));
    }
}
