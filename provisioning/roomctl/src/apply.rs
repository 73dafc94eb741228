//! From a plan to the broker: revisions raised, documents signed, and nobody's work lost.
//!
//! A broker knows no "only if nobody was faster". But it puts all publications on a topic into one order that everybody hears:
//! of two documents with one revision the first one counts, and whoever was second puts the first one back.

mod beside;
mod kept;

use std::collections::BTreeMap;
use std::time::Duration;

use fleet::contract::{
    Apply, ApplyWhen, Channel, Code, Configuration, ConfigurationReport, ConfigurationStatus, DeviceId, Id, Message,
    Metadata, SecretName, Tenant, UncheckedDocument, Verb, fingerprint, max_signed_bytes, parse,
};
use fleet::link::Publication;
use fleet::trust::{Anchors, TrustedDocuments};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::author::{Author, AuthorError};
use crate::console::{Console, ConsoleError};
use crate::plan::{Plan, Room};

pub use beside::Beside;
pub use kept::{Kept, kept};

/// Of `cfg`.
pub const SCHEMA: &str = "cfg/1.0";
/// For our own publication to come back.
const PATIENCE: Duration = Duration::from_secs(30);

/// What becomes of a box.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It has no configuration.
    New,
    /// It gets another.
    Changed(Vec<Difference>),
    /// What stands on the broker is signed by nobody whom the box would believe; it is replaced.
    Forged,
    /// It is as it shall be.
    Same,
}

/// A field that changes.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Difference {
    /// JSON pointer into `cfg`; `/secrets/NAME` and `/exp` stand beside it.
    pub path: String,
    /// None: it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// None: it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What there is to do.
#[derive(Debug)]
pub struct Proposal {
    /// By box: what changes, and the revision to reach.
    pub changes: BTreeMap<DeviceId, (Change, u64)>,
    /// What stands beside the settings: as it is, unless [`Proposal::seal`] and [`Proposal::expire`] say otherwise.
    pub beside: BTreeMap<DeviceId, Beside>,
    /// What boxes say of themselves, where a secret is wanted.
    pub metas: BTreeMap<DeviceId, Metadata>,
    /// Boxes that have not shown a key yet, with the secrets that they do not get for that.
    pub waiting: BTreeMap<DeviceId, Vec<SecretName>>,
}

/// Somebody else was faster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Where.
    pub device: DeviceId,
    /// Who.
    pub by: String,
    /// With which revision.
    pub rev: u64,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Revisions that are on the broker now.
    pub published: BTreeMap<DeviceId, u64>,
    /// What was refused, because somebody else changed it meanwhile.
    pub conflicts: Vec<Conflict>,
    /// Boxes that will not believe our signature.
    pub disbelieved: Vec<DeviceId>,
}

/// Why nothing more was done.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The broker.
    #[error(transparent)]
    Console(#[from] ConsoleError),
    /// The signature.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// It is above the limit of the contract.
    #[error("{0}: the configuration has {1} bytes, too many")]
    TooLarge(DeviceId, usize),
}

/// The configuration in a signed document, whoever signed it: what a box makes of the signature is up to the box.
#[must_use]
pub fn read(payload: &[u8]) -> Option<Message<Configuration>> {
    let most = Channel::ConfigDesired.rules().max_bytes;
    let document = UncheckedDocument::read(payload, max_signed_bytes(most)).ok()?;
    Message::parse(document.unchecked(), most).ok()
}

/// The same, if a box there would believe it. What it would not believe counts for nothing: neither its content nor its
/// revision.
fn believed(
    anchors: &Anchors,
    tenant: &Tenant,
    device: &DeviceId,
    room: &Room,
    payload: &[u8],
) -> Option<Message<Configuration>> {
    let trusted = TrustedDocuments {
        anchors: anchors.clone(),
        tenant: tenant.clone(),
        device: device.clone(),
        site: room.site.clone(),
    };
    trusted.check(payload, Verb::Configure, Some(Timestamp::now())).ok()?;
    read(payload)
}

fn of(tenant: &Tenant, topic: &str) -> Option<DeviceId> {
    let (whose, device, _) = Channel::parse(topic).ok()?;
    (whose == *tenant).then_some(device)
}

/// Compares a plan with what the broker keeps. From now on the console hears what others publish.
///
/// # Errors
/// [`ConsoleError`].
pub async fn compare(console: &mut Console, anchors: &Anchors, plan: &Plan) -> Result<Proposal, ConsoleError> {
    let tenant = console.tenant().clone();
    let secret = plan.rooms.values().any(|room| !room.secrets.is_empty());
    let topics = ["config/desired", "config/reported"]
        .into_iter()
        .chain(secret.then_some("meta"));
    let topics: Vec<String> = topics.map(|topic| format!("cr/v1/{tenant}/+/{topic}")).collect();
    let kept = console.kept(&topics).await?;
    let (mut desired, mut revs) = (BTreeMap::new(), BTreeMap::<DeviceId, u64>::new());
    let mut metas = BTreeMap::new();
    for (topic, payload) in &kept {
        let Some(device) = of(&tenant, topic) else { continue };
        let Some(room) = plan.rooms.get(&device) else { continue };
        let rev = if topic.ends_with("/desired") {
            let message = believed(anchors, &tenant, &device, room, payload);
            let rev = message.as_ref().map_or(0, |message| message.body.rev);
            desired.insert(device.clone(), message.map(|message| message.body));
            rev
        } else if topic.ends_with("/meta") {
            if let Ok(message) = Message::<Metadata>::parse(payload, Channel::Meta.rules().max_bytes) {
                metas.insert(device, message.body);
            }
            continue;
        } else {
            // A broker that came back from an old copy may keep less than the box has seen.
            let most = Channel::ConfigReported.rules().max_bytes;
            match parse::<ConfigurationReport>(payload, most) {
                Ok(report) => report.rev.max(report.applied_rev),
                Err(_) => continue,
            }
        };
        let highest = revs.entry(device).or_default();
        *highest = rev.max(*highest);
    }
    let there = desired
        .iter()
        .filter_map(|(device, there)| Some((device, there.as_ref()?)));
    let beside = there
        .map(|(device, there)| (device.clone(), Beside::of(there)))
        .collect();
    let changes = plan.rooms.iter().map(|(device, room)| {
        let highest = revs.get(device).copied().unwrap_or(0);
        let (change, rev) = match desired.get(device) {
            None => (Change::New, highest + 1),
            Some(None) => (Change::Forged, highest + 1),
            Some(Some(there)) if there.cfg == room.cfg && there.rev == highest => (Change::Same, highest),
            Some(Some(there)) => (Change::Changed(differences(&there.cfg, &room.cfg)), highest + 1),
        };
        (device.clone(), (change, rev))
    });
    Ok(Proposal {
        changes: changes.collect(),
        beside,
        metas,
        waiting: BTreeMap::new(),
    })
}

/// Publishes what is proposed. What somebody else has changed since is left as that one wants it.
///
/// # Errors
/// [`ApplyError`]; what was published before stays.
pub async fn publish(
    console: &mut Console,
    author: &mut Author,
    anchors: &Anchors,
    plan: &Plan,
    proposal: &Proposal,
    when: ApplyWhen,
) -> Result<Outcome, ApplyError> {
    let tenant = console.tenant().clone();
    let mut ours: BTreeMap<DeviceId, (u64, Id)> = BTreeMap::new();
    for (device, (change, rev)) in &proposal.changes {
        let Some(room) = plan.rooms.get(device).filter(|_| *change != Change::Same) else {
            continue;
        };
        let topic = Channel::ConfigDesired.topic(&tenant, device);
        let beside = proposal.beside.get(device).cloned().unwrap_or_default();
        let message = author.stamp(configuration(&author.name, *rev, when, &room.cfg, beside));
        let size = serde_json::to_vec(&message).map_or(usize::MAX, |bytes| bytes.len());
        if size > Channel::ConfigDesired.rules().max_bytes {
            return Err(ApplyError::TooLarge(device.clone(), size));
        }
        let signed = author.signed(&topic, &message)?;
        let mut publication = Publication::new(console.next_token(), topic, signed);
        publication.retain = true;
        console.send(publication).await?;
        ours.insert(device.clone(), (*rev, message.envelope.id));
    }
    decide(console, anchors, plan, ours).await
}

/// Hears who was first for each box.
async fn decide(
    console: &mut Console,
    anchors: &Anchors,
    plan: &Plan,
    ours: BTreeMap<DeviceId, (u64, Id)>,
) -> Result<Outcome, ApplyError> {
    let tenant = console.tenant().clone();
    let mut outcome = Outcome::default();
    // Boxes for which somebody else was first, with what that one published.
    let mut lost = BTreeMap::new();
    let mut open = ours;
    let mut others = Vec::new();
    while !open.is_empty() {
        let heard = console.next(PATIENCE).await?;
        let Some(device) = of(&tenant, &heard.topic).filter(|_| heard.topic.ends_with("/config/desired")) else {
            others.push(heard);
            continue;
        };
        let (Some((rev, id)), Some(room)) = (open.get(&device), plan.rooms.get(&device)) else {
            continue;
        };
        let Some(message) = believed(anchors, &tenant, &device, room, &heard.payload) else {
            // Ours, but not with a signature that counts there: it is on the broker, the box refuses it.
            if read(&heard.payload).is_some_and(|message| message.envelope.id == *id) {
                outcome.disbelieved.push(device.clone());
                open.remove(&device);
            }
            continue;
        };
        if message.envelope.id != *id {
            if message.body.rev >= *rev && !lost.contains_key(&device) {
                lost.insert(device, (message, heard.payload));
            }
            continue;
        }
        // Everything that came before ours has been heard.
        open.remove(&device);
        match lost.get(&device) {
            None => {
                outcome.published.insert(device, message.body.rev);
            }
            Some((theirs, payload)) => {
                let mut back = Publication::new(console.next_token(), heard.topic, payload.clone());
                back.retain = true;
                console.publish(back).await?;
                outcome.conflicts.push(Conflict {
                    device,
                    by: theirs.body.issued_by.clone(),
                    rev: theirs.body.rev,
                });
            }
        }
    }
    console.put_back(others);
    Ok(outcome)
}

fn configuration(author: &str, rev: u64, when: ApplyWhen, cfg: &Map<String, Value>, beside: Beside) -> Configuration {
    let mut configuration = Configuration {
        schema: SCHEMA.into(),
        rev,
        sha256: String::new(),
        issued_by: author.to_owned(),
        exp: beside.exp,
        apply: Apply { when, deadline: None },
        cfg: cfg.clone(),
        secrets: beside.secrets,
    };
    configuration.sha256 = configuration.fingerprint();
    configuration
}

/// What a box says of a revision.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is in effect.
    Applied,
    /// It is not.
    Refused(ConfigurationStatus, Vec<(String, Code, String)>),
}

/// Waits until every box has said what it made of its revision, or the time is over: boxes that are off say nothing.
///
/// # Errors
/// [`ConsoleError`], but not for silence.
pub async fn wait(
    console: &mut Console,
    published: &BTreeMap<DeviceId, u64>,
    patience: Duration,
) -> Result<BTreeMap<DeviceId, Verdict>, ConsoleError> {
    let tenant = console.tenant().clone();
    let until = tokio::time::Instant::now() + patience;
    let mut verdicts = BTreeMap::new();
    // Those that were faster than we subscribed: the console hears reports since `compare`.
    while verdicts.len() < published.len() {
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        let heard = match console.next(left).await {
            Err(ConsoleError::Silent) => break,
            heard => heard?,
        };
        let Some(device) = of(&tenant, &heard.topic).filter(|_| heard.topic.ends_with("/config/reported")) else {
            continue;
        };
        let report = parse::<ConfigurationReport>(&heard.payload, Channel::ConfigReported.rules().max_bytes);
        let (Some(rev), Ok(report)) = (published.get(&device), report) else {
            continue;
        };
        if report.rev < *rev {
            continue;
        }
        match report.status {
            ConfigurationStatus::Applied => verdicts.insert(device, Verdict::Applied),
            ConfigurationStatus::Pending => None,
            status => {
                let errors = report
                    .errors
                    .into_iter()
                    .map(|error| (error.path, error.code, error.msg));
                verdicts.insert(device, Verdict::Refused(status, errors.collect()))
            }
        };
    }
    Ok(verdicts)
}

/// Field by field.
#[must_use]
pub fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Difference> {
    let mut all = Vec::new();
    differ(String::new(), before, after, &mut all);
    all
}

fn differ(path: String, before: &Map<String, Value>, after: &Map<String, Value>, all: &mut Vec<Difference>) {
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        match (before.get(key), after.get(key)) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => differ(path, before, after, all),
            (before, after) if before == after => {}
            (before, after) => all.push(Difference {
                path,
                before: before.cloned(),
                after: after.cloned(),
            }),
        }
    }
}

/// What a plan comes down to, to see whether two are the same.
#[must_use]
pub fn fingerprint_of(plan: &Plan) -> String {
    let all: BTreeMap<&str, &Map<String, Value>> = plan
        .rooms
        .iter()
        .map(|(device, room)| (device.as_str(), &room.cfg))
        .collect();
    fingerprint(&all)
}
