//! The plan for the media worker, derived from what the room knows.

use media_protocol::{
    CameraPlan, CapturePurpose, DeviceFault, DisplayDevice, LoudspeakerPlan, MediaPlan, MicrophoneDevice,
    MicrophonePlan, OwnState, SessionPlan, Tile, WallPlan,
};

use super::Room;
use super::meeting::Meeting;
use crate::conference::Device;
use crate::snapshot::{Notice, OffReason};
use crate::state::State;
use crate::words::{self, DeviceWord};

/// Characters of a name that fit under a picture.
const NAME_LIMIT: usize = 100;

impl Room {
    /// The whole plan, with revision 0.
    pub(super) fn plan(&self) -> MediaPlan {
        let equipment = &self.options.equipment;
        let purpose = if self.is_testing() {
            CapturePurpose::SelfTest
        } else {
            CapturePurpose::Meeting
        };
        let camera = equipment.camera.clone().filter(|_| self.live(Device::Camera));
        let microphone = equipment.microphone.clone().filter(|_| self.live(Device::Microphone));
        let loudspeaker = equipment.loudspeaker.clone().filter(|_| self.in_meeting());
        MediaPlan {
            revision: 0,
            camera: camera.map(|device| CameraPlan {
                device,
                purpose,
                stand_in: words::no_picture(self.options.language, self.fault(Device::Camera)).into(),
            }),
            microphone: microphone.map(|device| MicrophonePlan {
                device,
                purpose,
                channels: equipment.microphone_channels.clone(),
            }),
            loudspeaker: loudspeaker.map(|device| LoudspeakerPlan {
                device,
                volume: self.options.volume,
                beside: match &equipment.microphone {
                    Some(MicrophoneDevice::Attached { wishes }) => wishes.clone(),
                    _ => Vec::new(),
                },
            }),
            wall: self.wall(),
            session: self.session(),
        }
    }

    /// The session as the conference describes it, narrowed by what the room wants.
    fn session(&self) -> Option<SessionPlan> {
        let meeting = self.meeting.as_ref().filter(|_| self.in_meeting())?;
        let mut session = SessionPlan::clone(meeting.session.as_ref()?);
        session.send_audio &= self.live(Device::Microphone);
        session.send_video &= self.live(Device::Camera);
        Some(session)
    }

    /// Where the wall is shown; none also while there is no screen.
    pub(super) fn display(&self) -> Option<DisplayDevice> {
        let display = self.options.equipment.display.clone()?;
        let attached = self.worker.attached.as_ref();
        let is_there =
            display != DisplayDevice::Attached || attached.is_none_or(|attached| !attached.displays.is_empty());
        is_there.then_some(display)
    }

    /// The wall. While idle it is only used to say how the last meeting ended; then the display is left alone.
    fn wall(&self) -> Option<WallPlan> {
        let display = self.display()?;
        let banner = self.banner();
        let Some(meeting) = &self.meeting else {
            let own = if self.is_testing() {
                self.own_state(String::new())
            } else {
                OwnState::default()
            };
            return banner.map(|text| WallPlan {
                display,
                tiles: Vec::new(),
                own,
                banner: Some(text),
                code: self.code(),
            });
        };
        let tiles = if self.in_meeting() {
            self.tiles(meeting)
        } else {
            Vec::new()
        };
        let own = self.own_state(meeting.name.clone());
        Some(WallPlan {
            display,
            tiles,
            own,
            banner,
            code: None,
        })
    }

    fn own_state(&self, name: String) -> OwnState {
        let language = self.options.language;
        OwnState {
            name,
            microphone: words::device_state(language, Device::Microphone, self.device_word(Device::Microphone)).into(),
            camera: words::device_state(language, Device::Camera, self.device_word(Device::Camera)).into(),
            marks: self.marks(),
        }
    }

    fn tiles(&self, meeting: &Meeting) -> Vec<Tile> {
        let language = self.options.language;
        let places = meeting.stage.places(self.options.tiles);
        let tile = |place: &super::stage::Place<'_>| {
            let id = &place.participant.id.0;
            let name = place
                .participant
                .name
                .as_deref()
                .map(str::trim)
                .filter(|name| !name.is_empty());
            let name: String = name
                .unwrap_or(words::unnamed(language))
                .chars()
                .take(NAME_LIMIT)
                .collect();
            Tile {
                id: if place.screen {
                    format!("{id}/screen")
                } else {
                    id.clone()
                },
                name: match place.participant {
                    _ if place.screen => words::screen_of(language, &name),
                    person if person.encrypted => words::encrypted(language, &name),
                    person if person.raised_hand.is_some() => words::hand_of(language, &name),
                    _ => name,
                },
                source: place.source().map(str::to_owned),
                audio_muted: place.participant.audio_muted,
            }
        };
        places.iter().map(tile).collect()
    }

    /// What is said of a device on the wall. It follows the fact: "on" exactly when it is open.
    pub(super) fn device_word(&self, device: Device) -> DeviceWord {
        let switch = self.switch(device);
        if switch.open() {
            return match self.fault(device) {
                Some(DeviceFault::Shut) => DeviceWord::Shut,
                _ => DeviceWord::On,
            };
        }
        match switch.off_because() {
            _ if !self.has(device) => DeviceWord::Absent,
            Some(OffReason::Moderator) => DeviceWord::OffByModerator,
            Some(OffReason::Outside) => DeviceWord::OffFromOutside,
            Some(OffReason::NoMeeting | OffReason::InRoom | OffReason::Rejoined) => DeviceWord::Off,
            None if !self.may_capture() => DeviceWord::Off,
            None => match switch.fault() {
                Some(DeviceFault::NotFound | DeviceFault::Unstable) => DeviceWord::Unplugged,
                Some(_) => DeviceWord::Faulty,
                None => DeviceWord::Starting,
            },
        }
    }

    /// The line over everything, if there is something to say.
    fn banner(&self) -> Option<String> {
        let said = self.urgent_line().or_else(|| self.own_line());
        said.or_else(|| self.bulletin(false))
    }

    /// The code of what the banner says.
    fn code(&self) -> Option<String> {
        let covered = self.urgent_line().is_some() || self.own_line().is_some();
        self.first_bulletin(false)
            .filter(|_| !covered)
            .and_then(|bulletin| bulletin.code.clone())
    }

    /// What the room itself has to say.
    fn own_line(&self) -> Option<String> {
        let language = self.options.language;
        let text = |words: words::Words| Some(words.line());
        let meeting = self.meeting.as_ref();
        match self.state {
            State::Leaving => text(words::leaving(language)),
            State::Reconnecting if meeting.is_some_and(|meeting| meeting.talk.moving) => text(words::moving(language)),
            State::Reconnecting => text(words::reconnecting(language)),
            State::Waiting => match meeting.and_then(|meeting| meeting.waiting_for) {
                Some(waiting) => text(words::waiting(language, waiting)),
                None => text(words::joining(language)),
            },
            State::Joining => text(match meeting.and_then(|meeting| meeting.step) {
                Some(step) => words::join_step(language, step),
                None => words::joining(language),
            }),
            State::InMeeting => self.meeting_banner(),
            State::Idle => match (self.current_notice(), self.outcome) {
                (Some(notice), _) => text(words::notice(language, &notice)),
                (None, Some(outcome)) if self.farewell_until.is_some() => {
                    let line = words::outcome(language, outcome).line();
                    let said = self
                        .explanation
                        .as_deref()
                        .map(|said| words::service_says(language, said));
                    Some([Some(line), said].into_iter().flatten().collect::<Vec<_>>().join(" "))
                }
                (None, _) => None,
            },
        }
    }

    /// In a meeting: what people have to know now, else the last message, else what lasts.
    fn meeting_banner(&self) -> Option<String> {
        let notice = self.current_notice();
        let line = |notice: Notice| words::notice(self.options.language, &notice).line();
        match (notice, self.message_line()) {
            (Some(Notice::Alone | Notice::Knocking), Some(message)) | (None, Some(message)) => Some(message),
            (notice, _) => notice.map(line),
        }
    }
}
