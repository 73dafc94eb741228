//! What of the plan is opened, given what is plugged in. The plan alone says whether anything is.

use devices::{Codec, Kind, View};
use media_protocol::{
    AttachedDevices, CameraDevice, CameraPlan, DeviceFault, DeviceWish, DisplayDevice, LoudspeakerDevice,
    LoudspeakerPlan, MicrophoneDevice, MicrophonePlan,
};

use crate::capture::Wanted;
use crate::output::display_name;

/// What is plugged in, and what of it was in use last.
#[derive(Debug, Default)]
pub struct Attached {
    view: Option<View>,
    /// Those that were there when GStreamer was started.
    codecs: Vec<Codec>,
    camera: Option<String>,
    microphone: Option<String>,
}

impl Attached {
    /// Nobody has looked yet, but for the codecs that were there when GStreamer was started.
    #[must_use]
    pub fn after(codecs: Vec<Codec>) -> Self {
        Self {
            codecs,
            ..Self::default()
        }
    }

    /// Something was plugged in or pulled out.
    pub fn set(&mut self, view: View) {
        self.view = Some(view);
    }

    /// Codecs have come or gone since GStreamer was started, which has elements for those alone.
    #[must_use]
    pub fn has_other_codecs(&self) -> bool {
        let view = self.view.as_ref();
        view.is_some_and(|view| view.inventory.codecs != self.codecs)
    }

    /// Their names; none: nobody has looked yet.
    #[must_use]
    pub fn names(&self) -> Option<AttachedDevices> {
        let inventory = &self.view.as_ref()?.inventory;
        Some(AttachedDevices {
            cameras: inventory.cameras.iter().map(|camera| camera.name.clone()).collect(),
            microphones: inventory
                .microphones
                .iter()
                .map(|microphone| microphone.name.clone())
                .collect(),
            loudspeakers: inventory.speakers.iter().map(|speaker| speaker.name.clone()).collect(),
            displays: inventory.default_display().iter().map(display_name).collect(),
        })
    }

    /// The camera of the plan; none also while nobody has looked yet, which is no fault.
    pub fn camera(&mut self, plan: Option<&CameraPlan>) -> Option<Wanted> {
        let CameraDevice::Attached { wishes } = &plan?.device else {
            return plan.map(|plan| Wanted::Camera(plan.device.clone()));
        };
        let inventory = &self.view.as_ref()?.inventory;
        let Some(camera) = inventory.camera(wishes) else {
            return Some(Wanted::Missing(self.why(Kind::Camera, self.camera.as_ref())));
        };
        let wanted = Wanted::Camera(inventory.open_camera(camera));
        self.camera = Some(camera.id.clone());
        Some(wanted)
    }

    /// The microphone of the plan; as the camera.
    pub fn microphone(&mut self, plan: Option<&MicrophonePlan>) -> Option<Wanted> {
        let MicrophonePlan { device, channels, .. } = plan?;
        let MicrophoneDevice::Attached { wishes } = device else {
            return Some(Wanted::Microphone(device.clone(), channels.clone()));
        };
        let inventory = &self.view.as_ref()?.inventory;
        let Some(microphone) = inventory.microphone(wishes) else {
            return Some(Wanted::Missing(self.why(Kind::Microphone, self.microphone.as_ref())));
        };
        let wanted = Wanted::Microphone(inventory.open_microphone(microphone), channels.clone());
        self.microphone = Some(microphone.id.clone());
        Some(wanted)
    }

    /// The loudspeaker of the plan; [`LoudspeakerDevice::Attached`] stays where there is none.
    #[must_use]
    pub fn loudspeaker(&self, plan: Option<&LoudspeakerPlan>) -> Option<LoudspeakerPlan> {
        let mut plan = plan?.clone();
        let found = |wishes: &[DeviceWish]| {
            let inventory = &self.view.as_ref()?.inventory;
            Some(inventory.open_loudspeaker(inventory.loudspeaker(wishes, &plan.beside)?))
        };
        if let LoudspeakerDevice::Attached { wishes } = &plan.device {
            // Nobody has looked yet, which is no fault.
            self.view.as_ref()?;
            plan.device = found(wishes).unwrap_or_else(|| plan.device.clone());
        }
        Some(plan)
    }

    /// The display of the plan, if it is there; none also while nobody has looked yet.
    #[must_use]
    pub fn display(&self, wanted: Option<&DisplayDevice>) -> Option<DisplayDevice> {
        match wanted? {
            DisplayDevice::Attached => self.view.as_ref()?.inventory.default_display(),
            named => Some(named.clone()),
        }
    }

    /// Why there is none of a kind, of which this one was in use last.
    fn why(&self, kind: Kind, last: Option<&String>) -> DeviceFault {
        let unstable = self.view.as_ref().is_some_and(|view| {
            let mut broken = view.unstable.iter().filter(|(broken, _)| *broken == kind);
            broken.any(|(_, id)| last.is_none_or(|last| last == id))
        });
        match unstable {
            true => DeviceFault::Unstable,
            false => DeviceFault::NotFound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use devices::{Discovery, Simulated};
    use media_protocol::CapturePurpose;

    fn plan(device: CameraDevice) -> CameraPlan {
        CameraPlan {
            device,
            purpose: CapturePurpose::Meeting,
            stand_in: String::new(),
        }
    }

    #[test]
    fn without_a_plan_nothing_is_wanted_whatever_is_plugged_in() {
        let mut attached = Attached::default();
        attached.set(View {
            inventory: Simulated::meeting_room().inventory(),
            ..View::default()
        });
        assert_eq!((attached.camera(None), attached.microphone(None)), (None, None));
        assert_eq!(attached.loudspeaker(None), None);
    }

    #[test]
    fn a_camera_that_is_gone_is_missing_and_one_that_broke_off_too_often_is_called_so() {
        let mut attached = Attached::default();
        let any = plan(CameraDevice::Attached { wishes: Vec::new() });
        assert_eq!(attached.camera(Some(&any)), None, "nobody has looked yet");
        let inventory = Simulated::meeting_room().inventory();
        let id = inventory.cameras[0].id.clone();
        attached.set(View {
            inventory,
            ..View::default()
        });
        assert!(matches!(
            attached.camera(Some(&any)),
            Some(Wanted::Camera(CameraDevice::V4l2 { .. }))
        ));
        attached.set(View::default());
        assert_eq!(
            attached.camera(Some(&any)),
            Some(Wanted::Missing(DeviceFault::NotFound))
        );
        let mut gone = View::default();
        gone.unstable.insert((Kind::Camera, "another".into()));
        attached.set(gone.clone());
        assert_eq!(
            attached.camera(Some(&any)),
            Some(Wanted::Missing(DeviceFault::NotFound))
        );
        gone.unstable.insert((Kind::Camera, id));
        attached.set(gone);
        assert_eq!(
            attached.camera(Some(&any)),
            Some(Wanted::Missing(DeviceFault::Unstable))
        );
    }

    #[test]
    fn codecs_that_come_or_go_are_others_until_all_is_as_it_was() {
        let with = |ids: &[&str]| {
            let mut view = View::default();
            let codec = |id: &&str| Codec {
                id: (*id).into(),
                name: "encoder".into(),
                node: "/dev/video4".into(),
            };
            view.inventory.codecs = ids.iter().map(codec).collect();
            view
        };
        let mut attached = Attached::after(with(&["a"]).inventory.codecs);
        assert!(!attached.has_other_codecs(), "nobody has looked yet");
        for (there, others) in [(&["a"][..], false), (&["a", "b"], true), (&["a"], false), (&[], true)] {
            attached.set(with(there));
            assert_eq!(attached.has_other_codecs(), others, "{there:?}");
        }
    }

    #[test]
    fn a_screen_is_taken_whenever_it_is_switched_on() {
        let mut attached = Attached::default();
        let wanted = Some(&DisplayDevice::Attached);
        assert_eq!(attached.display(wanted), None, "nobody has looked yet");
        let mut room = Simulated::meeting_room().inventory();
        let screens = std::mem::take(&mut room.displays);
        let view = |displays| View {
            inventory: devices::Inventory {
                displays,
                ..room.clone()
            },
            ..View::default()
        };
        attached.set(view(Vec::new()));
        assert_eq!(attached.display(wanted), None);
        assert!(attached.names().unwrap().displays.is_empty());
        attached.set(view(screens));
        let connector = Some(84);
        assert_eq!(attached.display(wanted), Some(DisplayDevice::Kms { connector }));
        assert_eq!(attached.names().unwrap().displays, ["kms connector 84"]);
        assert_eq!(attached.display(None), None);
    }

    #[test]
    fn a_device_that_is_named_is_taken_at_its_word() {
        let mut attached = Attached::default();
        let named = CameraDevice::V4l2 {
            path: "/dev/video7".into(),
        };
        assert_eq!(attached.camera(Some(&plan(named.clone()))), Some(Wanted::Camera(named)));
    }
}
