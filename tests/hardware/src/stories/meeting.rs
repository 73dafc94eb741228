//! A meeting with devices that the kernel made. The conference runs on this machine, the box in the guest, whose time is slower:
//! what a client must do within a time is judged by the end-to-end tests, not here.

use std::time::{Duration, Instant};

use conference::{Conference, Options, Participant};
use hardware_lab::lab::Lab;
use hardware_lab::stage;

use super::{Evidence, ensure, plug, room_box};

/// For what takes a real box seconds.
const BOUND: Duration = Duration::from_secs(240);

/// One meeting: the conference, the box in it.
pub struct Meeting<'lab> {
    lab: &'lab Lab,
    /// It goes on when the box is gone.
    pub conference: Conference,
}

/// Camera and array are seen and heard at the far side, and closed when the box has left.
pub fn seen_and_heard(lab: &mut Lab) -> Evidence {
    told(lab, &["room rate=5"], |meeting| {
        meeting.join()?;
        let (pictures, sounds) = (meeting.pictures(), meeting.sounds());
        meeting.leave()?;
        Ok(format!(
            "{pictures} pictures and {sounds} packets of sound by then; left, and no device is switched on"
        ))
    })
}

/// The cable of camera and array is pulled and put back: the box stays in, and both come back by themselves.
pub fn pulled_and_back(lab: &mut Lab) -> Evidence {
    told(lab, &["room rate=5"], |meeting| {
        meeting.join()?;
        let sessions = meeting.guest().map(|guest| guest.sessions);
        plug::unplug(meeting.lab, "room")?;
        std::thread::sleep(AWAY);
        let away = meeting.guest().filter(|guest| guest.gone_ns.is_none());
        let away = away.ok_or("the box has left the meeting with its devices")?;
        plug::plug(meeting.lab, "room rate=5")?;
        let begun = Instant::now();
        let (pictures, sounds) = (meeting.pictures(), meeting.sounds());
        meeting.wait("pictures and sound are back", |meeting| {
            meeting.pictures() > pictures + 5 && meeting.sounds() > sounds + 20
        })?;
        let back = begun.elapsed().as_secs_f64();
        ensure(meeting.guest().map(|guest| guest.sessions) == sessions, || {
            "another session was needed".into()
        })?;
        meeting.leave()?;
        Ok(format!(
            "{:.0} s without (camera said to be off: {}), never left; {back:.1} s after the plug both flow again",
            AWAY.as_secs_f64(),
            away.video_muted
        ))
    })
}

/// How long the devices are away.
const AWAY: Duration = Duration::from_secs(8);

/// Plugs devices in, starts the box, tells, and puts everything away again.
fn told(lab: &Lab, devices: &[&str], tell: impl FnOnce(&Meeting) -> Evidence) -> Evidence {
    for device in devices {
        plug::plug(lab, device)?;
    }
    let result =
        begin(lab).and_then(|meeting| tell(&meeting).map_err(|reason| format!("{reason}\n{}", room_box::words(lab))));
    let mut put_away = room_box::stop(lab);
    for device in devices {
        let name = device.split(' ').next().unwrap_or(device);
        put_away = put_away.and(plug::say(lab, &format!("unplug {name}")));
    }
    result.and_then(|seen| put_away.map(|()| seen))
}

/// A conference on this machine that the guest can reach, and the box ready for it.
pub fn begin(lab: &Lab) -> Result<Meeting<'_>, String> {
    let options = Options {
        peers: 1,
        wanted_height: 180,
        judge_key_frames: false,
        media_cache: stage::project().join("target/lab/media"),
        ..Options::default()
    };
    let conference = Conference::start_blocking(options).map_err(|error| error.to_string())?;
    room_box::route(lab)?;
    room_box::start(lab)?;
    Ok(Meeting { lab, conference })
}

impl Meeting<'_> {
    /// The box joins, with everything on.
    pub fn join(&self) -> Result<(), String> {
        let url = self.conference.room_url("hemicycle");
        room_box::ask(self.lab, &format!(r#"{{"command":"join","url":"{url}"}}"#))?;
        self.wait("the box is in", |meeting| meeting.guest().is_some())?;
        for device in ["camera", "microphone"] {
            room_box::ask(self.lab, &format!(r#"{{"command":"{device}","on":true}}"#))?;
        }
        self.wait("pictures and sound arrive", |meeting| {
            meeting.pictures() > 10 && meeting.sounds() > 20
        })?;
        ensure(plug::lit(self.lab)?, || {
            "pictures arrive of a camera that is switched off".into()
        })
    }

    /// The box leaves; then no device is switched on, as the devices themselves see it.
    fn leave(&self) -> Result<(), String> {
        room_box::ask(self.lab, r#"{"command":"leave"}"#)?;
        self.wait("the presence is gone", |meeting| {
            meeting.guest().is_some_and(|guest| guest.gone_ns.is_some())
        })?;
        ensure(!plug::lit(self.lab)?, || {
            "the presence is gone, and a device is still switched on".into()
        })
    }

    fn guest(&self) -> Option<Participant> {
        self.conference.guest()
    }

    fn pictures(&self) -> u64 {
        self.conference.far_side().layers.iter().map(|layer| layer.frames).sum()
    }

    fn sounds(&self) -> u64 {
        self.conference.far_side().audio_packets
    }

    fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<(), String> {
        let deadline = Instant::now() + BOUND;
        while !holds(self) {
            if Instant::now() > deadline {
                return Err(format!(
                    "not within {} s: {what} ({} pictures, {} packets of sound)",
                    BOUND.as_secs(),
                    self.pictures(),
                    self.sounds()
                ));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}
