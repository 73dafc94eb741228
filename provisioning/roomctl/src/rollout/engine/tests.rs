//! One clause each, with a handful of boxes; a whole fleet lives in `tests/rollout`.

mod ends;
mod taking_over;
mod waves;

use fleet::contract::{Phase, Update, UpdateReport};

use super::*;
use crate::rollout::{Image, Policy};

const NEW: &str = "2.4.0";
const OLD: &str = "2.3.0";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn monday() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn device(number: usize) -> DeviceId {
    format!("box-{number:05}").as_str().try_into().unwrap()
}

fn image() -> Image {
    Image {
        release: NEW.into(),
        url: "https://updates.example/x".into(),
        size: 1,
        sha256: "ab".repeat(32),
        manifest_hash: "cd".into(),
        security_version: 1,
        min_from: None,
    }
}

struct Bench {
    engine: Engine,
    now: Timestamp,
    published: Vec<(DeviceId, Update)>,
    notes: Vec<Note>,
}

impl Bench {
    /// So many boxes of three models at five sites, all there.
    fn of(boxes: usize, policy: Policy) -> Self {
        let mut bench = Self::taking_over(Self::rollout(boxes, policy), monday());
        for number in 0..boxes {
            bench.presence(number, true);
            let release = OLD.into();
            let device = device(number);
            bench.handle(Input::Running { device, release });
        }
        bench.handle(Input::AllHeard);
        bench
    }

    fn rollout(boxes: usize, policy: Policy) -> Rollout {
        let model = |number: usize| ["One", "One", "One", "Two", "Three"][number % 5];
        let members = (0..boxes).map(|number| {
            let site = format!("site-{}", number % 7);
            Member::new(device(number), model(number).into(), site, 0, monday())
        });
        Rollout::new(image(), policy, members.collect(), monday())
    }

    /// With a rollout as it stands in the registry; nothing is heard yet.
    fn taking_over(rollout: Rollout, now: Timestamp) -> Self {
        Self {
            engine: Engine::new(rollout, TimeZone::UTC, now),
            now,
            published: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The next conductor, with what the last one saved, after so many minutes. What the broker keeps is not heard yet.
    fn taken_over(&self, minutes: i64) -> Self {
        let saved = serde_json::to_string(self.engine.rollout()).unwrap();
        let later = self.now + SignedDuration::from_mins(minutes);
        Self::taking_over(serde_json::from_str(&saved).unwrap(), later)
    }

    fn handle(&mut self, input: Input) {
        self.engine.handle(input, self.now);
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Publish { device, update } => self.published.push((device, *update)),
                Output::Say(note) => self.notes.push(note),
            }
        }
    }

    fn presence(&mut self, number: usize, online: bool) {
        let device = device(number);
        self.handle(Input::Presence {
            device,
            online,
            clean: false,
        });
    }

    /// Ticks until then.
    fn pass(&mut self, minutes: i64) {
        let end = self.now + SignedDuration::from_mins(minutes);
        while let Some(next) = self.engine.next_deadline().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.handle(Input::Tick);
        }
        self.now = end;
    }

    /// What the box was told last.
    fn told(&self, device: &DeviceId) -> Option<&Update> {
        let of_it = self.published.iter().rev().find(|(to, _)| to == device);
        of_it.map(|(_, update)| update)
    }

    /// Of those that were told and not told otherwise since.
    fn on_their_way(&self) -> Vec<DeviceId> {
        let members = self.engine.rollout().members.iter();
        members
            .filter(|member| member.is_on_its_way())
            .map(|member| member.device.clone())
            .collect()
    }

    fn says(&mut self, device: &DeviceId, phase: Phase) {
        let rev = self.told(device).unwrap().rev;
        self.says_of(device, rev, phase);
    }

    fn says_of(&mut self, device: &DeviceId, rev: u64, phase: Phase) {
        let running = if phase == Phase::Confirmed { NEW } else { OLD };
        let report = UpdateReport {
            rev,
            phase,
            running: running.into(),
            slot: "rootfs.0".into(),
            progress: None,
            code: None,
            msg: Some("because".into()),
        };
        let device = device.clone();
        self.handle(Input::Report { device, report });
    }

    /// The broker has everything that was published.
    fn all_delivered(&mut self) {
        for (device, update) in self.published.clone() {
            let rev = update.rev;
            self.handle(Input::Delivered { device, rev });
        }
    }

    fn member(&self, device: &DeviceId) -> &Member {
        self.engine.member(device).unwrap()
    }

    fn all_confirm(&mut self) {
        for device in self.on_their_way() {
            self.says(&device, Phase::Confirmed);
        }
    }
}

fn at_once() -> Policy {
    Policy {
        soak: std::time::Duration::ZERO,
        ..Policy::default()
    }
}
