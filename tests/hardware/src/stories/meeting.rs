//! A meeting with devices that the kernel made. The conference runs on this machine, the box in the guest, whose time is slower:
//! what a client must do within a time is judged by the end-to-end tests, not here.

use std::time::{Duration, Instant};

use conference::{Conference, Options, Participant};
use hardware_lab::lab::Lab;
use hardware_lab::stage;

use serde_json::Value;

use super::{Evidence, codec, ensure, exposure, plug, room_box, why};

const MOMENT: Duration = Duration::from_secs(120);
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
        let ports = exposure::ports_in_a_meeting(meeting.lab)?;
        meeting.leave()?;
        Ok(format!(
            "{pictures} pictures and {sounds} packets of sound by then; {ports} UDP ports of the worker and no other; left, and no \
             device is switched on"
        ))
    })
}

/// The cable of camera and array is pulled and put back: the box stays in, and both come back by themselves.
pub fn pulled_and_back(lab: &mut Lab) -> Evidence {
    told(lab, &["room rate=5"], |meeting| {
        meeting.join()?;
        let sessions = meeting.guest().map(|guest| guest.sessions);
        meeting.is_set_up()?;
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
        meeting.is_set_up()?;
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

/// A camera that stays in its socket and gives nothing any more is said and a sentence is sent in its place; it is back when it gives again.
pub fn stalled(lab: &mut Lab) -> Evidence {
    told(lab, &["room rate=5"], |meeting| {
        meeting.join()?;
        let begun = meeting.clock()?;
        plug::say(meeting.lab, "stall on")?;
        meeting.fault("camera", "silent")?;
        let said = meeting.clock()? - begun;
        meeting.more_pictures("a sentence is sent in its place")?;
        plug::say(meeting.lab, "stall off")?;
        meeting.fault("camera", "")?;
        meeting.more_pictures("its pictures are back")?;
        meeting.leave()?;
        Ok(format!(
            "said after {said:.1} s by the guest's clock, and no longer when it gave pictures again; never left"
        ))
    })
}

/// The lid before the camera, and the switch of the array: whoever moves them reads in the room that it is so, and the meeting goes on.
pub fn shut_by_hand(lab: &mut Lab) -> Evidence {
    told(lab, &["room rate=5"], |meeting| {
        meeting.join()?;
        let switch = |word: &str| {
            let script = format!("amixer -q -c {} sset Mic {word}", plug::ARRAY);
            meeting.lab.guest.must(&script, MOMENT).map(drop).map_err(why)
        };
        plug::say(meeting.lab, "shutter closed")?;
        meeting.fault("camera", "shut")?;
        meeting.more_pictures("the sentence is sent in its place")?;
        plug::say(meeting.lab, "shutter open")?;
        meeting.fault("camera", "")?;
        let muted = |meeting: &Meeting| meeting.guest().is_some_and(|guest| guest.audio_muted);
        switch("nocap")?;
        meeting.fault("microphone", "shut")?;
        meeting.wait("others see that it is muted", muted)?;
        switch("cap")?;
        meeting.fault("microphone", "")?;
        meeting.wait("others see that it is not", |meeting| !muted(meeting))?;
        meeting.leave()?;
        Ok("each said while it is shut and no longer; a sentence goes out in place of the picture, and others see a muted microphone".into())
    })
}

/// The plug of the loudspeaker is pulled out of its socket: whoever hears nothing reads why.
pub fn empty_socket(lab: &mut Lab) -> Evidence {
    lab.guest.must(SOCKETS, MOMENT).map_err(why)?;
    // Another one than those that were pulled before: who breaks off three times in five minutes is called unstable, rightly.
    let told = told(lab, &["room rate=5 serial=socket"], |meeting| {
        meeting.join()?;
        let socket = |word: &str| {
            let set = |device: u8| {
                format!("amixer -q -c Loopback cset \"iface=CARD,name='HDMI/DP,pcm={device} Jack'\" {word}")
            };
            let script = format!("{} && {}", set(0), set(1));
            meeting.lab.guest.must(&script, MOMENT).map(drop).map_err(why)
        };
        meeting.says("/notice/playbackFailed/fault", "")?;
        socket("off")?;
        meeting.says("/notice/playbackFailed/fault", "notFound")?;
        socket("on")?;
        meeting.says("/notice/playbackFailed/fault", "")?;
        meeting.leave()?;
        Ok("said while the socket is empty and no longer".into())
    });
    lab.until("modprobe -r snd-aloop", MOMENT).map_err(why)?;
    told
}

/// A sound card with sockets that know whether something is plugged in, as those of a board. They are the kernel's controls, added to
/// its loopback card by hand.
const SOCKETS: &str = "set -e
modprobe snd-aloop
{
  echo 'state.Loopback {'
  for device in 0 1; do
    echo \"control.20$device { iface CARD name 'HDMI/DP,pcm=$device Jack' value true\"
    echo \"comment { access 'read write user' type BOOLEAN count 1 } }\"
  done
  echo '}'
} > /run/sockets.state
alsactl --file /run/sockets.state restore Loopback || true
[ $(amixer -c Loopback controls | grep -c Jack) = 2 ]";

/// An array of two channels where the room is set up for eight: it is heard with those it has, and the room and the fleet know.
pub fn too_few_channels(lab: &mut Lab) -> Evidence {
    lab.guest.must(EIGHT_CHANNELS, MOMENT).map_err(why)?;
    let told = with_two_channels(lab);
    lab.guest.must(ANY_CHANNELS, MOMENT).map_err(why)?;
    told
}

const EIGHT_CHANNELS: &str = "sed -i '1i microphone_channels = [1, 2, 3, 4, 5, 6, 7, 8]' /etc/roomd/roomd.toml
systemctl restart roomd";
const ANY_CHANNELS: &str = "sed -i '/^microphone_channels/d' /etc/roomd/roomd.toml; systemctl restart roomd";

fn with_two_channels(lab: &Lab) -> Evidence {
    told(lab, &["camera rate=5", "microphone channels=2"], |meeting| {
        // Somebody has turned it down, and the box opens it as it should be.
        let volume = format!("amixer -q -c {} sset Mic 0%", plug::ARRAY);
        meeting.lab.guest.must(&volume, MOMENT).map_err(why)?;
        meeting.join()?;
        meeting.fault("microphone", "tooFewChannels")?;
        let volume = format!(
            "amixer -c {} sget Mic | grep -o '[0-9-]*\\.[0-9]*dB' | sort -u",
            plug::ARRAY
        );
        let volume = meeting.lab.guest.must(&volume, MOMENT).map_err(why)?;
        ensure(volume.trim() == "0.00dB", || format!("the array stands at {volume}"))?;
        meeting.leave()?;
        Ok("named as what it is and heard all the same; its volume was put right".into())
    })
}

/// The network is away for half a minute by the conference's clock, while the server still keeps the stream: the box comes back by
/// itself, as nobody else, and is seen and heard again.
pub fn without_network(lab: &mut Lab) -> Evidence {
    told(lab, &["room rate=5"], |meeting| {
        meeting.join()?;
        meeting.lab.guest.must(NETWORK_AWAY, MOMENT).map_err(why)?;
        std::thread::sleep(OFF_THE_NETWORK);
        let (pictures, sounds) = (meeting.pictures(), meeting.sounds());
        meeting.lab.guest.must(NETWORK_BACK, MOMENT).map_err(why)?;
        let begun = Instant::now();
        meeting.wait("pictures and sound are back", |meeting| {
            meeting.pictures() > pictures + 5 && meeting.sounds() > sounds + 20
        })?;
        let back = begun.elapsed().as_secs_f64();
        meeting.leave()?;
        Ok(format!("{back:.1} s after the network both flow again"))
    })
}

const OFF_THE_NETWORK: Duration = Duration::from_secs(30);
const NETWORK_AWAY: &str = "nft 'table ip away {
  chain output { type filter hook postrouting priority 200; oifname eth0 drop; }
  chain input { type filter hook input priority -200; iifname eth0 drop; }
}'";
const NETWORK_BACK: &str = "nft delete table ip away";

/// A network that loses, delays and shuffles.
pub fn bad_network(lab: &mut Lab) -> Evidence {
    told(lab, &["room rate=5"], |meeting| {
        meeting.join()?;
        let bad = "modprobe sch_netem && tc qdisc add dev eth0 root netem delay 60ms 20ms loss 5% reorder 5%";
        meeting.lab.guest.must(bad, MOMENT).map_err(why)?;
        let (pictures, sounds) = (meeting.pictures(), meeting.sounds());
        let flow = meeting.wait("pictures and sound go on", |meeting| {
            meeting.pictures() > pictures + 50 && meeting.sounds() > sounds + 500
        });
        let shaped = "tc -s qdisc show dev eth0 | grep -o 'dropped [0-9]*'; tc qdisc del dev eth0 root";
        let shaped = meeting.lab.guest.must(shaped, MOMENT).map_err(why)?;
        flow?;
        let dropped: u64 = shaped
            .split_whitespace()
            .filter_map(|word| word.parse::<u64>().ok())
            .sum();
        ensure(dropped > 10, || format!("the network was not bad: {shaped}"))?;
        meeting.leave()?;
        Ok(format!(
            "50 pictures and 500 packets of sound later, {dropped} packets lost on the way, still in"
        ))
    })
}

/// Times that a cable is pulled in one meeting: the camera's, the array's, and in its turn an encoder comes and goes.
const PULLS: usize = 100;
/// What both programs hold is compared from here on: by then everything has been built once.
const SETTLED: usize = 10;

/// A hundred pulled cables in one meeting leave nothing behind.
pub fn a_hundred_cables(lab: &mut Lab) -> Evidence {
    told(lab, &["camera rate=5", "microphone"], |meeting| {
        meeting.join()?;
        let before = meeting.guest().map(|guest| (guest.sessions, guest.gone_ns));
        let mut held = Vec::new();
        for pull in 0..PULLS {
            match pull % 3 {
                0 => meeting.swap("camera", &format!("camera rate=5 serial={pull}"))?,
                1 => meeting.swap("microphone", &format!("microphone serial={pull}"))?,
                _ => codec::load(meeting.lab).and_then(|()| codec::unload(meeting.lab))?,
            }
            let (pictures, sounds) = (meeting.pictures(), meeting.sounds());
            meeting.wait("it is seen and heard again", |meeting| {
                meeting.pictures() > pictures && meeting.sounds() > sounds + 2
            })?;
            held.push(meeting.held()?);
        }
        let after = meeting.guest().map(|guest| (guest.sessions, guest.gone_ns));
        ensure(before == after, || format!("{before:?} became {after:?}"))?;
        let (early, late) = (held[SETTLED], held[PULLS - 1]);
        let holds_more = early.iter().zip(&late).any(|(early, late)| late.is_more_than(early));
        ensure(!holds_more, || format!("something is left behind: {held:?}"))?;
        meeting.leave()?;
        Ok(format!(
            "{PULLS} pulls in one session; after {SETTLED} {early:?}, at the end {late:?}"
        ))
    })
}

/// What a program holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    descriptors: u64,
    threads: u64,
    /// Memory that is its own, KiB.
    kib: u64,
}

impl Held {
    /// More than chance makes of the same.
    fn is_more_than(&self, earlier: &Self) -> bool {
        self.descriptors > earlier.descriptors + 2
            || self.threads > earlier.threads + 2
            || self.kib > earlier.kib + earlier.kib / 10
    }
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
        self.enter()?;
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

    /// The box joins with nothing on; what others see as its name.
    pub fn name(&self) -> Result<String, String> {
        self.enter()?;
        Ok(self.guest().map(|guest| guest.name).unwrap_or_default())
    }

    fn enter(&self) -> Result<(), String> {
        let url = self.conference.room_url("hemicycle");
        room_box::ask(self.lab, &format!(r#"{{"command":"join","url":"{url}"}}"#))?;
        self.wait("the box is in", |meeting| meeting.guest().is_some())
    }

    /// The box leaves; then no device is switched on, as the devices themselves see it.
    fn leave(&self) -> Result<(), String> {
        room_box::ask(self.lab, r#"{"command":"leave"}"#)?;
        self.wait("the presence is gone", |meeting| {
            meeting.guest().is_some_and(|guest| guest.gone_ns.is_some())
        })?;
        ensure(!plug::lit(self.lab)?, || {
            "the presence is gone, and a device is still switched on".into()
        })?;
        let open = "ls -l /proc/$(pidof roomd-media | cut -d' ' -f1)/fd | grep -E '/dev/(video|snd/pcm)' || true";
        let open = self.lab.guest.must(open, MOMENT).map_err(why)?;
        ensure(open.trim().is_empty(), || {
            format!("switched off and still open: {open}")
        })
    }

    /// Waits until some more pictures have arrived.
    fn more_pictures(&self, what: &str) -> Result<(), String> {
        let pictures = self.pictures();
        self.wait(what, |meeting| meeting.pictures() > pictures + 5)
    }

    /// Seconds, as the guest counts them.
    fn clock(&self) -> Result<f64, String> {
        let said = self.lab.guest.must("date +%s.%N", MOMENT).map_err(why)?;
        said.trim().parse().map_err(|_| format!("no time: {said}"))
    }

    /// The camera, which begins with 60 Hz each time it is plugged in, stands at the mains of the country.
    fn is_set_up(&self) -> Result<(), String> {
        let script = "v4l2-ctl --device /dev/room-camera --get-ctrl power_line_frequency";
        self.lab.until(&format!("{script} | grep ': 1'"), MOMENT).map_err(why)?;
        Ok(())
    }

    /// A device is pulled out and another one put in; the room says both. One that breaks off three times in five minutes would be called
    /// unstable, rightly.
    fn swap(&self, device: &str, another: &str) -> Result<(), String> {
        plug::pull(self.lab, device)?;
        self.fault(device, "notFound")?;
        plug::plug(self.lab, another)?;
        self.fault(device, "")
    }

    /// Waits until the room says this of a device; nothing: that all is well with it.
    fn fault(&self, device: &str, word: &str) -> Result<(), String> {
        self.says(&format!("/{device}/fault/fault"), word)
    }

    /// Waits until the state of the room says this word at this place; nothing: no word.
    fn says(&self, place: &str, word: &str) -> Result<(), String> {
        let deadline = Instant::now() + BOUND;
        let pointer = format!("/state{place}");
        loop {
            let answer = room_box::ask(self.lab, r#"{"command":"state"}"#)?;
            let said = answer.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
            if said == word {
                return Ok(());
            }
            ensure(Instant::now() < deadline, || {
                format!("not said at {place}: `{word}`, but: {answer}")
            })?;
        }
    }

    /// What worker and daemon hold now.
    fn held(&self) -> Result<[Held; 2], String> {
        Ok([self.held_by("roomd-media")?, self.held_by("roomd")?])
    }

    fn held_by(&self, program: &str) -> Result<Held, String> {
        let script = format!(
            "pid=$(pidof {program} | cut -d' ' -f1)
            ls /proc/$pid/fd | wc -l; ls /proc/$pid/task | wc -l; awk '/^RssAnon/ {{ print $2 }}' /proc/$pid/status"
        );
        let said = self.lab.guest.must(&script, MOMENT).map_err(why)?;
        let figures: Vec<u64> = said.lines().filter_map(|line| line.trim().parse().ok()).collect();
        let [descriptors, threads, kib] = figures[..] else {
            return Err(format!("no figures of {program}: {said}"));
        };
        Ok(Held {
            descriptors,
            threads,
            kib,
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
