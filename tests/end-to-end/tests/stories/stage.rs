//! What every story stands on: a conference, a box in it, and patience.

use std::{path::PathBuf, time::Duration};

use conference::{Conference, Options, Participant};
use end_to_end::{Devices, Join, Place, RoomBox, wait_for};

/// Far longer than anything takes on a busy machine; only a failure waits so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The room of every story.
pub const ROOM: &str = "hemicycle";

/// A conference, and a box that is in it.
pub struct Stage {
    pub conference: Conference,
    pub room_box: RoomBox,
}

/// Options with media cached between runs, and with patience: how fast the box is, benches and the demo measure.
pub fn options() -> Options {
    Options {
        patience: 10,
        media_cache: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("media"),
        ..Options::default()
    }
}

/// Starts a conference.
pub fn conference(options: Options) -> Conference {
    Conference::start_blocking(options).expect("the conference starts")
}

/// Joins with `roomd join` and the given further arguments.
pub fn join(conference: &Conference, arguments: &[&str]) -> RoomBox {
    let arguments = arguments.iter().map(ToString::to_string).collect();
    let join = Join {
        arguments,
        ..Join::default()
    };
    RoomBox::join(&conference.room_url(ROOM), &join).expect("roomd starts")
}

/// The same, once the far side sees the box.
pub fn join_and_be_seen(conference: &Conference) -> RoomBox {
    let room_box = join(conference, &[]);
    let seen = || conference.far_side().first_frame_ns.is_some();
    assert!(wait_for(PATIENCE, seen), "{}", room_box.words());
    room_box
}

/// True when this machine makes no namespaces.
pub fn skipped() -> bool {
    let reason = end_to_end::closed_network::missing();
    if let Some(reason) = &reason {
        eprintln!("skipped: {reason}");
    }
    reason.is_some()
}

impl Stage {
    /// In a meeting, and everything flows both ways.
    pub fn settled() -> Self {
        let stage = Self::in_meeting(options());
        stage.wall_fills();
        stage.all_layers_flow();
        stage
    }

    /// A daemon in the conference, its picture already seen by the far side.
    pub fn in_meeting(options: Options) -> Self {
        Self::with_devices(options, &Devices::default())
    }

    /// The same with chosen devices.
    pub fn with_devices(options: Options, devices: &Devices) -> Self {
        let conference = conference(options);
        let room_box = RoomBox::daemon(devices).expect("roomd runs");
        let stage = Self { conference, room_box };
        stage.join(false);
        stage.wait("the far side sees the box", |stage| {
            stage.conference.far_side().first_frame_ns.is_some()
        });
        stage
    }

    /// Tells the daemon to join.
    pub fn join(&self, muted: bool) {
        let url = self.conference.room_url(ROOM);
        self.tell(&format!(r#"{{"command":"join","url":"{url}","muted":{muted}}}"#));
    }

    /// A command that is accepted.
    pub fn tell(&self, line: &str) {
        let answer = self.room_box.ask(line).expect("the control socket answers");
        assert_eq!(answer, "accepted", "{line}");
    }

    /// Waits for a condition, and says which one never came.
    pub fn wait(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let came = wait_for(PATIENCE, || condition(self));
        assert!(
            came,
            "waited in vain until {what}; state {}; far side {:?}; broken {:?}; words: {}",
            self.room_box.state(""),
            self.conference.far_side(),
            self.conference.verdict(),
            self.room_box.words()
        );
    }

    /// The box as the server sees it, which may hear of it a moment later than the box itself.
    pub fn guest(&self) -> Participant {
        wait_for(PATIENCE, || self.conference.guest().is_some());
        self.conference.guest().expect("the box was in the room")
    }

    /// Waits until every peer of [`options`] is seen.
    pub fn wall_fills(&self) {
        self.wait("all peers are on the wall", |stage| {
            stage.room_box.state("/pictures") == 3
        });
    }

    /// A daemon in this place joins, sees everybody and is seen in each layer.
    pub fn settled_in(place: &Place, conference: Conference) -> Self {
        let room_box = RoomBox::daemon_in(place, &Devices::default()).expect("roomd runs");
        let stage = Self { conference, room_box };
        stage.join(false);
        stage.wall_fills();
        stage.all_layers_flow();
        stage
    }

    /// Frames of all layers that reached the far side.
    pub fn far_frames(&self) -> u64 {
        self.conference.far_side().layers.iter().map(|layer| layer.frames).sum()
    }

    /// Waits until every layer flows: whatever the bridge asks at the beginning has been asked.
    pub fn all_layers_flow(&self) {
        self.wait("three layers flow", |stage| {
            let layers = stage.conference.far_side().layers;
            layers.iter().filter(|layer| layer.frames > 30).count() == 3
        });
    }

    /// No sound of the box arrives any more; how many packets have. On a busy machine those on the way take their time.
    pub fn falls_silent(&self) -> u64 {
        let arrived = || self.conference.far_side().audio_packets;
        let told = arrived();
        self.wait("no sound arrives any more", |_| {
            let before = arrived();
            std::thread::sleep(Duration::from_millis(800));
            arrived() == before
        });
        let stopped = arrived();
        assert!(
            stopped <= told + 30,
            "60 ms of sound are on the way, on a busy machine 600: {told}, {stopped}"
        );
        stopped
    }

    /// Both devices close, and stay closed. That they are off is decided with the entry into a room; that they are closed is
    /// the worker's word, a moment later.
    pub fn is_dark(&self) {
        let open = || ["/camera/open", "/microphone/open"].map(|device| self.room_box.state(device) == true);
        self.wait("the devices are closed", |_| open() == [false, false]);
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(open(), [false, false], "nobody opened them again");
    }

    /// Leaves, and checks that no rule was broken from first to last.
    pub fn leave_and_judge(self) {
        self.tell(r#"{"command":"leave"}"#);
        self.wait("the presence is gone", |stage| stage.guest().gone_ns.is_some());
        self.wait("the box is idle", |stage| stage.room_box.state("/state") == "idle");
        assert_eq!(self.conference.verdict(), [], "{}", self.room_box.words());
    }
}
