//! `roomctl rollout start`.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use enrolment::registry::{RolloutHead, RolloutRecord, Wish};
use fleet::contract::{Channel, DeviceId, Site, Verb};
use fleet::trust::TrustedDocuments;
use jiff::Timestamp;
use roomctl::author::Author;
use roomctl::office::Office;
use roomctl::rollout::conductor::{self, Conductor, written};
use roomctl::rollout::{Image, Member, Policy, Rollout, Wave, zone};
use roomctl::view::Seen;
use roomctl::words::Words;
use serde::Deserialize;
use ulid::Ulid;

use super::{archive, close, conduct, failed};
use crate::arguments::Arguments;
use crate::arguments::rollout::Start;
use crate::commands::{choose, enter};
use crate::failure::Failure;

pub async fn run(arguments: &Arguments, order: &Start, words: Words) -> Result<(), Failure> {
    let image = order.image().map_err(|error| Failure::Wrong(error.to_string()))?;
    let policy = Policy {
        waves: order.waves.clone(),
        soak: order.soak,
        window: order.window.clone(),
        zone: order.zone.clone().unwrap_or_else(zone::here),
        ..Policy::default()
    };
    if policy.waves.last() != Some(&Wave::Percent(100)) {
        return Err(Failure::Wrong(words.everybody_at_last()));
    }
    zone::named(&policy.zone).map_err(Failure::Wrong)?;
    let archive = archive(arguments)?;
    let (office, mut console) = enter(arguments).await?;
    let (all, devices) = choose(&mut console, &order.chosen, false, words).await?;
    console.close().await;
    if devices.is_empty() {
        return Err(Failure::Wrong(words.no_boxes()));
    }
    let mut author = office.author()?;
    believed(&office, &mut author, &image, &all, &devices, words)?;
    let id = name(&image);
    let now = Timestamp::now();
    let members = devices.iter().map(|device| member(&id, device, all.get(device), now));
    let rollout = Rollout::new(image, policy, members.collect(), now);
    let seat = conductor::seat(&author.name);
    let record = RolloutRecord {
        document: written(&id, &rollout).map_err(|error| failed(error, words))?,
        head: RolloutHead {
            id: id.clone(),
            tenant: office.tenant().clone(),
            revision: 1,
            over: false,
            wish: Wish::Run,
            wish_by: author.name.clone(),
            started_by: author.name.clone(),
            seat: Some(seat.clone()),
        },
    };
    let ours: BTreeSet<DeviceId> = devices.into_iter().collect();
    let boxes = ours.len();
    let begun = archive.with(move |registry| registry.begin_rollout(&record, |other| shares(other, &ours)));
    begun.await.map_err(|error| failed(error, words))?;
    eprintln!("{}", words.rollout_begun(&id, boxes));
    let conductor = Conductor::take(archive, &id, seat)
        .await
        .map_err(|error| failed(error, words))?;
    close(conduct(arguments, &office, conductor, words).await?)
}

/// The release, and four characters: short enough to be typed.
fn name(image: &Image) -> String {
    let lot = Ulid::generate().to_string().to_lowercase();
    format!("{}-{}", image.release, &lot[lot.len() - 4..])
}

fn member(id: &str, device: &DeviceId, seen: Option<&Seen>, now: Timestamp) -> Member {
    let model = seen
        .and_then(|seen| seen.meta.as_ref())
        .map(|meta| meta.body.model.clone());
    let site = seen.map(|seen| seen.site().to_owned());
    let mut lot = DefaultHasher::new();
    (id, device.as_str()).hash(&mut lot);
    let lot = u32::try_from(lot.finish() >> 32).unwrap_or(0);
    Member::new(
        device.clone(),
        model.unwrap_or_default(),
        site.unwrap_or_default(),
        lot,
        now,
    )
}

/// A rollout, as far as is needed to see whose boxes it has. One that cannot be read has them all.
fn shares(other: &RolloutRecord, ours: &BTreeSet<DeviceId>) -> bool {
    #[derive(Deserialize)]
    struct Who {
        device: DeviceId,
    }
    #[derive(Deserialize)]
    struct Boxes {
        members: Vec<Who>,
    }
    match serde_json::from_str::<Boxes>(&other.document) {
        Ok(boxes) => boxes.members.iter().any(|member| ours.contains(&member.device)),
        Err(_) => true,
    }
}

/// Boxes would believe our signature: one of each site is asked for, in thought.
fn believed(
    office: &Office,
    author: &mut Author,
    image: &Image,
    all: &BTreeMap<DeviceId, Seen>,
    devices: &[DeviceId],
    words: Words,
) -> Result<(), Failure> {
    let anchors = office.anchors()?;
    let mut sites = BTreeSet::new();
    for device in devices {
        let site = all.get(device).map(Seen::site).unwrap_or_default();
        // One that nobody has configured believes what its certificate says; nobody knows that here.
        let Ok(place) = Site::try_from(site) else { continue };
        if !sites.insert(site) {
            continue;
        }
        let topic = Channel::UpdateDesired.topic(office.tenant(), device);
        let document = author.stamp(image.update(1, None, String::new()));
        let signed = author.signed(&topic, &document)?;
        let trusted = TrustedDocuments {
            anchors: anchors.clone(),
            tenant: office.tenant().clone(),
            device: device.clone(),
            site: place,
        };
        if trusted
            .check(signed.as_bytes(), Verb::Update, Some(Timestamp::now()))
            .is_err()
        {
            eprintln!("roomctl: {}", words.not_for_updates(device.as_str()));
            return Err(Failure::Refused);
        }
    }
    Ok(())
}
