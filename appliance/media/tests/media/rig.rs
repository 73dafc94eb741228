//! A worker in this process and what it reported.

use media::Worker;
use media_protocol::*;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bridge::{Bridge, LAYERS, SENDS, wait};

/// Real media on few cores: one test at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub struct Rig {
    pub worker: Worker,
    reports: Receiver<Envelope<FromWorker>>,
    pub told: Vec<FromWorker>,
    pub plan: MediaPlan,
}

impl Rig {
    pub fn start() -> Self {
        let (worker, reports) = Worker::start().unwrap();
        worker.send(Envelope {
            epoch: 1,
            message: ToWorker::Hello { version: VERSION },
        });
        Self {
            worker,
            reports,
            told: Vec::new(),
            plan: MediaPlan::default(),
        }
    }

    pub fn apply(&mut self) {
        self.plan.revision += 1;
        let message = ToWorker::Plan(Box::new(self.plan.clone()));
        self.worker.send(Envelope { epoch: 1, message });
        let revision = self.plan.revision;
        self.until("the plan applied", |told| {
            told.contains(&FromWorker::Applied { revision }).then_some(())
        });
    }

    pub fn take_in(&mut self) {
        while let Ok(envelope) = self.reports.try_recv() {
            assert_eq!(envelope.epoch, 1);
            self.told.push(envelope.message);
        }
    }

    pub fn until<T>(&mut self, what: &str, mut condition: impl FnMut(&[FromWorker]) -> Option<T>) -> T {
        wait(what, Duration::from_secs(20), || {
            self.take_in();
            condition(&self.told)
        })
    }

    pub fn session_event<T>(&mut self, what: &str, pick: impl Fn(&SessionEvent) -> Option<T>) -> T {
        self.until(what, |told| {
            told.iter().find_map(|report| match report {
                FromWorker::Session {
                    event: SessionEvent::Failed { reason },
                    ..
                } => panic!("session failed: {reason}"),
                FromWorker::Session { event, .. } => pick(event),
                _ => None,
            })
        })
    }

    pub fn capture(&mut self) -> CaptureState {
        self.until("a capture state", |told| {
            told.iter().rev().find_map(|report| match report {
                FromWorker::Capture(state) => Some(state.clone()),
                _ => None,
            })
        })
    }

    /// Simulated camera and microphone, for the meeting.
    pub fn simulate_capture(&mut self) {
        self.simulate(CapturePurpose::Meeting);
    }

    /// Simulated camera and microphone.
    pub fn simulate(&mut self, purpose: CapturePurpose) {
        self.plan.camera = Some(CameraPlan {
            device: CameraDevice::Simulated { plug: None },
            purpose,
            stand_in: "No picture".into(),
        });
        self.plan.microphone = Some(MicrophonePlan {
            device: MicrophoneDevice::Simulated { plug: None },
            purpose,
            channels: Vec::new(),
        });
    }

    /// Joins the bridge and waits until ICE and DTLS are up.
    pub fn connect(&mut self, bridge: &Bridge, id: u64) {
        let offer = bridge.offer();
        self.plan.session = Some(session(SessionId(id), offer.clone()));
        self.told.clear();
        self.apply();
        let local = self.session_event("our half", |event| match event {
            SessionEvent::LocalDescription(local) => Some(local.clone()),
            _ => None,
        });
        bridge.answer(&offer, &local);
        self.session_event("the connection", |event| {
            matches!(event, SessionEvent::Connected { .. }).then_some(())
        });
    }

    pub fn session(&mut self) -> &mut SessionPlan {
        self.plan.session.as_mut().unwrap()
    }
}

pub fn session(id: SessionId, offer: SessionOffer) -> SessionPlan {
    let layer = |(ssrc, rtx_ssrc, height): (u32, u32, u32)| LayerPlan {
        ssrc,
        rtx_ssrc,
        height,
        bitrate: if height == 720 { 1_500_000 } else { height * 1200 },
        enabled: true,
    };
    let layers = LAYERS.into_iter().map(layer).collect();
    SessionPlan {
        id,
        offer,
        layers,
        send_audio: true,
        send_video: true,
        streams: streams(["p1-v0", "p2-v0"]),
    }
}

/// The bridge's streams, the two pictures with these names.
pub fn streams(names: [&str; 2]) -> Vec<RemoteStream> {
    let stream = |ssrc, kind, source: &str| RemoteStream {
        ssrc,
        rtx_ssrc: None,
        kind,
        source: source.into(),
        owner: source.split('-').next().unwrap().into(),
        video_type: (kind == MediaKind::Video).then_some(VideoType::Camera),
    };
    let mut streams = vec![stream(SENDS.0, MediaKind::Audio, "p1-a0")];
    streams.extend(
        SENDS
            .1
            .iter()
            .zip(names)
            .map(|(ssrc, name)| stream(*ssrc, MediaKind::Video, name)),
    );
    streams
}

pub fn wall(sources: &[&str]) -> WallPlan {
    let tile = |source: &&str| Tile {
        id: (*source).to_owned(),
        name: format!("Owner of {source}"),
        source: Some((*source).to_owned()),
        audio_muted: false,
    };
    WallPlan {
        display: DisplayDevice::Simulated { snapshot: None },
        tiles: sources.iter().map(tile).collect(),
        own: OwnState::default(),
        banner: None,
        code: None,
    }
}

pub fn last_statistics(told: &[FromWorker]) -> Option<&Statistics> {
    told.iter().rev().find_map(|report| match report {
        FromWorker::Statistics(statistics) => Some(statistics),
        _ => None,
    })
}
