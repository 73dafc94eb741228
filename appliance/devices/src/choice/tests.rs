use super::*;
use crate::{Discovery, Simulated};

fn alsa(card: &str) -> String {
    format!("plughw:CARD={card},DEV=0")
}

fn camera(id: &str, name: &str, usb: Option<&str>) -> Camera {
    Camera {
        id: id.into(),
        name: name.into(),
        path: format!("/dev/{id}").into(),
        node: format!("/dev/{id}").into(),
        usb: usb.map(str::to_owned),
        serial: None,
        speed: None,
    }
}

fn id(text: &str) -> DeviceWish {
    DeviceWish::Id(text.into())
}

#[test]
fn a_meeting_room_takes_its_room_camera_its_speakerphone_both_ways_and_the_connected_screen() {
    let room = Simulated::meeting_room().inventory();
    let camera = room.camera(&[]).unwrap();
    assert!(camera.path.starts_with("/dev/v4l/by-id"));
    assert_eq!(
        room.open_camera(camera),
        CameraDevice::V4l2 {
            path: camera.path.clone()
        }
    );
    assert_eq!(room.microphone(&[]).unwrap().device, alsa("USB"));
    assert_eq!(room.loudspeaker(&[], &[]).unwrap().device, alsa("USB"));
    assert_eq!(room.default_display(), Some(DisplayDevice::Kms { connector: Some(84) }));
}

#[test]
fn without_the_speakerphone_the_cameras_microphone_and_the_screens_sound_are_taken() {
    let mut room = Simulated::meeting_room().inventory();
    room.microphones.retain(|microphone| microphone.device != alsa("USB"));
    room.speakers.retain(|speaker| speaker.device != alsa("USB"));
    assert_eq!(room.microphone(&[]).unwrap().device, alsa("Camera"));
    assert_eq!(room.loudspeaker(&[], &[]).unwrap().device, "plughw:CARD=PCH,DEV=3");
}

#[test]
fn wishes_go_before_everything_in_their_order_and_one_that_nobody_fulfils_hinders_nothing() {
    let room = Inventory {
        cameras: vec![
            camera("046d:082d:8F2A", "HD Pro Webcam C920", Some("046d:082d")),
            camera("2e7e:0600:A1B2", "Wide Room Camera 120", Some("2e7e:0600")),
            camera("platform:vivid-001", "vivid", None),
        ],
        ..Inventory::default()
    };
    let taken = |wishes: &[DeviceWish]| room.camera(wishes).unwrap().id.as_str();
    let vendor = |text: &str| DeviceWish::Vendor(text.into());
    let name = |text: &str| DeviceWish::Name(text.into());
    assert_eq!(taken(&[]), "2e7e:0600:A1B2");
    assert_eq!(taken(&[id("046d:082d:8F2A")]), "046d:082d:8F2A");
    assert_eq!(taken(&[vendor("046D")]), "046d:082d:8F2A");
    assert_eq!(taken(&[vendor("046d:9999"), name("VIVID")]), "platform:vivid-001");
    assert_eq!(taken(&[name("vivid"), vendor("046d")]), "platform:vivid-001");
    assert_eq!(taken(&[id("1234:5678:9"), vendor("46d")]), "2e7e:0600:A1B2");
}

#[test]
fn of_known_cameras_the_widest_is_taken_and_a_name_counts_where_nothing_is_known() {
    let room = |cameras: &[(&str, &str)]| Inventory {
        cameras: cameras
            .iter()
            .map(|&(usb, name)| camera(usb, name, Some(usb)))
            .collect(),
        ..Inventory::default()
    };
    let taken = |cameras: &[(&str, &str)]| room(cameras).camera(&[]).unwrap().id.clone();
    let (meetup, brio, c920) = (
        ("046d:0866", "MeetUp"),
        ("046d:085e", "Brio"),
        ("046d:082d", "Room 120"),
    );
    assert_eq!(taken(&[brio, meetup, c920]), meetup.0);
    assert_eq!(taken(&[c920, brio]), brio.0, "whatever it calls itself");
    assert_eq!(taken(&[c920, ("1234:0001", "Wide Room Camera")]), "1234:0001");
    assert_eq!(
        taken(&[("1234:0001", "Webcam"), c920]),
        c920.0,
        "something is known of it"
    );
}

#[test]
fn a_microphone_is_wished_for_without_the_number_within_its_card() {
    let room = Simulated::meeting_room().inventory();
    let wish = [id("2e7e:0600:A1B2C3")];
    assert_eq!(room.microphone(&wish).unwrap().device, alsa("Camera"));
    let wish = [DeviceWish::Name("hdmi".into())];
    assert_eq!(room.loudspeaker(&wish, &[]).unwrap().device, "plughw:CARD=PCH,DEV=3");
}

#[test]
fn the_loudspeaker_is_that_of_the_microphone_that_is_wished_for() {
    let mut room = Simulated::meeting_room().inventory();
    let mut second = room.microphones[2].clone();
    (second.id, second.usb) = ("1234:0001:7/0".into(), Some("1234:0001".into()));
    room.microphones.push(second);
    let mut second = room.speakers[2].clone();
    (second.id, second.usb, second.device) = ("1234:0001:7/0".into(), Some("1234:0001".into()), "second".into());
    room.speakers.push(second);
    let taken =
        |wishes: &[DeviceWish], microphone: &[DeviceWish]| room.loudspeaker(wishes, microphone).unwrap().device.clone();
    assert_eq!(taken(&[], &[id("1234:0001:7")]), "second");
    assert_eq!(taken(&[], &[id("0b0e:0412:501A")]), alsa("USB"));
    assert_eq!(
        taken(&[id("0b0e:0412:501A")], &[id("1234:0001:7")]),
        alsa("USB"),
        "what is wished goes before"
    );
}

#[test]
fn of_several_capture_nodes_the_first_is_taken_and_of_like_cameras_the_same_each_time() {
    let mut room = Inventory {
        cameras: vec![
            camera("a#2", "wide", None),
            camera("c", "x", None),
            camera("b", "x", None),
        ],
        ..Inventory::default()
    };
    assert_eq!(room.camera(&[]).unwrap().id, "b");
    room.cameras.swap(1, 2);
    assert_eq!(room.camera(&[]).unwrap().id, "b");
    room.cameras.truncate(1);
    assert_eq!(room.camera(&[id("a")]).unwrap().id, "a#2");
}

#[test]
fn a_developers_desktop_gets_a_window() {
    let mut room = Simulated::meeting_room().inventory();
    room.desktop_session = true;
    assert_eq!(room.default_display(), Some(DisplayDevice::Window));
}

#[test]
fn an_empty_machine_gives_no_device_and_no_error() {
    let nothing = Simulated::default().inventory();
    assert_eq!(nothing.camera(&[id("a")]), None);
    assert_eq!(nothing.microphone(&[]), None);
    assert_eq!(nothing.loudspeaker(&[], &[]), None);
    assert_eq!(nothing.default_display(), None);
}

#[test]
fn an_inventory_survives_json() {
    let room = Simulated::meeting_room().inventory();
    let text = serde_json::to_string(&room).unwrap();
    assert_eq!(serde_json::from_str::<Inventory>(&text).unwrap(), room);
}
