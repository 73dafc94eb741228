//! What the broker keeps of each box.

use std::collections::BTreeMap;

use fleet::contract::{
    Channel, Configuration, ConfigurationReport, ConfigurationStatus, DeviceId, Message, Metadata, Presence, State,
    UpdateReport, parse,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::apply;
use crate::console::{Console, ConsoleError};

/// A box as the broker knows it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Whether it is there.
    pub presence: Option<Presence>,
    /// What it is.
    pub meta: Option<Message<Metadata>>,
    /// What it shall be.
    pub desired: Option<Message<Configuration>>,
    /// What it made of that.
    pub reported: Option<Message<ConfigurationReport>>,
    /// How far its update is.
    pub update: Option<Message<UpdateReport>>,
    /// What is true of it, by part.
    pub states: BTreeMap<&'static str, Message<State>>,
}

/// A line of `roomctl get`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Its name for people.
    pub room: String,
    /// Where it is.
    pub site: String,
    /// The box.
    #[serde(rename = "box")]
    pub device: String,
    /// Whether it is there.
    pub online: bool,
    /// Why not, or since when.
    pub since: String,
    /// Release.
    pub firmware: String,
    /// Revision in effect, and how it stands with the one that shall be.
    pub configuration: String,
}

impl Seen {
    /// True when it is connected.
    #[must_use]
    pub fn is_online(&self) -> bool {
        matches!(self.presence, Some(Presence::Online(_)))
    }

    /// When it said something for the last time, as far as the broker keeps it: a box that was well and said nothing new may have
    /// been there later.
    #[must_use]
    pub fn last_word(&self) -> Option<Timestamp> {
        let online = match &self.presence {
            Some(Presence::Online(message)) => Some(message.envelope.ts),
            _ => None,
        };
        let own = [
            online,
            self.meta.as_ref().map(|message| message.envelope.ts),
            self.reported.as_ref().map(|message| message.envelope.ts),
            self.update.as_ref().map(|message| message.envelope.ts),
        ];
        let states = self.states.values().map(|message| message.envelope.ts);
        own.into_iter().flatten().chain(states).max()
    }

    fn cfg(&self, pointer: &[&str]) -> Option<&str> {
        let (first, rest) = pointer.split_first()?;
        let value = self.desired.as_ref()?.body.cfg.get(*first)?;
        rest.iter().try_fold(value, |value, key| value.get(key))?.as_str()
    }

    /// Its name for people; empty when nobody has given it one.
    #[must_use]
    pub fn room(&self) -> &str {
        self.cfg(&["room", "name"]).unwrap_or_default()
    }

    /// Where it is; empty when nobody has said.
    #[must_use]
    pub fn site(&self) -> &str {
        self.cfg(&["site"]).unwrap_or_default()
    }

    /// How it stands with its configuration: `412 applied`, `411 of 412`, `none`.
    #[must_use]
    pub fn configuration(&self) -> String {
        let desired = self.desired.as_ref().map(|message| message.body.rev);
        match (desired, self.reported.as_ref().map(|message| &message.body)) {
            (None, None) => "none".into(),
            (Some(desired), None) => format!("- of {desired}"),
            (desired, Some(report)) => match desired {
                Some(desired) if report.rev < desired => format!("{} of {desired}", report.applied_rev),
                _ => format!("{} {}", report.rev, status(report.status)),
            },
        }
    }

    /// The line of `roomctl get`.
    #[must_use]
    pub fn line(&self, device: &DeviceId) -> Line {
        let since = match &self.presence {
            Some(Presence::Online(message)) => moment(message.envelope.ts),
            Some(Presence::Offline(offline)) => word(&offline.reason),
            None => "never".into(),
        };
        Line {
            room: self.room().into(),
            site: self.site().into(),
            device: device.to_string(),
            online: self.is_online(),
            since,
            firmware: self.meta.as_ref().map(|meta| meta.body.fw.clone()).unwrap_or_default(),
            configuration: self.configuration(),
        }
    }

    /// Everything, for `roomctl describe`.
    #[must_use]
    pub fn document(&self, device: &DeviceId) -> Value {
        let mut all = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                all.insert(name.into(), value);
            }
        };
        put("box", Some(device.as_str().into()));
        put("room", Some(self.room().into()));
        put("site", Some(self.site().into()));
        put(
            "online",
            self.presence.as_ref().map(|message| serde_json::json!(message)),
        );
        put(
            "meta",
            self.meta.as_ref().map(|message| serde_json::json!(message.body)),
        );
        put(
            "config_desired",
            self.desired.as_ref().map(|message| serde_json::json!(message.body)),
        );
        put(
            "config_reported",
            self.reported.as_ref().map(|message| serde_json::json!(message.body)),
        );
        put(
            "update_reported",
            self.update.as_ref().map(|message| serde_json::json!(message.body)),
        );
        let states: Map<String, Value> = self
            .states
            .iter()
            .map(|(part, message)| ((*part).to_owned(), Value::Object(message.body.state.clone())))
            .collect();
        put("state", Some(Value::Object(states)));
        Value::Object(all)
    }
}

/// `2026-11-22 08:40`, UTC.
#[must_use]
pub fn moment(ts: Timestamp) -> String {
    ts.strftime("%Y-%m-%d %H:%M").to_string()
}

/// As it stands in JSON.
#[must_use]
pub fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(ToOwned::to_owned))
        .unwrap_or_default()
}

fn status(status: ConfigurationStatus) -> String {
    word(&status)
}

/// What the broker keeps of all boxes. The console hears it from now on.
///
/// # Errors
/// [`ConsoleError`].
pub async fn look(console: &mut Console) -> Result<BTreeMap<DeviceId, Seen>, ConsoleError> {
    let tenant = console.tenant().clone();
    let topics = [
        "online",
        "meta",
        "state/+",
        "config/desired",
        "config/reported",
        "update/reported",
    ];
    let kept = console
        .kept(&topics.map(|topic| format!("cr/v1/{tenant}/+/{topic}")))
        .await?;
    let mut all = BTreeMap::new();
    for (topic, payload) in &kept {
        if let Ok((whose, device, channel)) = Channel::parse(topic)
            && whose == tenant
        {
            note(all.entry(device).or_default(), &channel, payload);
        }
    }
    Ok(all)
}

/// What cannot be read is as if it were not there.
fn note(seen: &mut Seen, channel: &Channel, payload: &[u8]) {
    let most = channel.rules().max_bytes;
    match channel {
        Channel::Online => seen.presence = Presence::parse(payload, most).ok(),
        Channel::Meta => seen.meta = Message::parse(payload, most).ok(),
        Channel::ConfigDesired => seen.desired = apply::read(payload),
        Channel::ConfigReported => seen.reported = Message::parse(payload, most).ok(),
        Channel::UpdateReported => seen.update = Message::parse(payload, most).ok(),
        Channel::State(part) => {
            if let Ok(state) = parse::<Value>(payload, most).and_then(|_| Message::parse(payload, most)) {
                seen.states.insert(part.as_str(), state);
            }
        }
        _ => {}
    }
}

/// Which boxes are meant.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Boxes, or names of rooms.
    pub names: Vec<String>,
    /// All of a site.
    pub site: Option<String>,
    /// All.
    pub all: bool,
}

impl Selection {
    /// Them. A name that fits nothing comes back as an error.
    ///
    /// # Errors
    /// The names that fit nothing.
    pub fn of(&self, all: &BTreeMap<DeviceId, Seen>) -> Result<Vec<DeviceId>, Vec<String>> {
        let mut chosen = Vec::new();
        let mut unknown = Vec::new();
        for name in &self.names {
            let before = chosen.len();
            let fits = |(device, seen): &(&DeviceId, &Seen)| device.as_str() == name || seen.room() == name;
            chosen.extend(all.iter().filter(fits).map(|(device, _)| device.clone()));
            if chosen.len() == before {
                unknown.push(name.clone());
            }
        }
        if self.all || self.site.is_some() {
            let here = |seen: &Seen| self.site.as_deref().is_none_or(|site| seen.site() == site);
            chosen.extend(
                all.iter()
                    .filter(|(_, seen)| here(seen))
                    .map(|(device, _)| device.clone()),
            );
        }
        chosen.sort();
        chosen.dedup();
        if unknown.is_empty() { Ok(chosen) } else { Err(unknown) }
    }
}
