use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// A USB webcam as Debian 12 describes its picture node.
fn webcam() -> Entry {
    Entry {
        sysname: "video0".into(),
        node: Some("/dev/video0".into()),
        properties: map(&[
            (
                "DEVLINKS",
                "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:2:1.0-video-index0 /dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_8F2A11DF-video-index0",
            ),
            ("ID_V4L_CAPABILITIES", ":capture:"),
            ("ID_V4L_PRODUCT", "HD Pro Webcam C920"),
            ("ID_VENDOR_ID", "046d"),
            ("ID_MODEL_ID", "082d"),
            ("ID_SERIAL_SHORT", "8F2A11DF"),
            ("ID_PATH", "pci-0000:00:14.0-usb-0:2:1.0"),
        ]),
        attributes: map(&[("index", "0"), ("name", "HD Pro Webcam C920"), (USB_SPEED, "480")]),
        parent: None,
    }
}

fn pcm_entry(sysname: &str, card: Entry) -> Entry {
    Entry {
        sysname: sysname.into(),
        node: Some(format!("/dev/snd/{sysname}").into()),
        parent: Some(Box::new(card)),
        ..Entry::default()
    }
}

fn speakerphone() -> Entry {
    Entry {
        sysname: "card1".into(),
        properties: map(&[
            ("ID_VENDOR_ID", "0b0e"),
            ("ID_MODEL_ID", "0412"),
            ("ID_MODEL", "Jabra_SPEAK_410_USB"),
            ("ID_SERIAL_SHORT", "501AA5D89CCBx010900"),
        ]),
        attributes: map(&[("id", "USB")]),
        ..Entry::default()
    }
}

#[test]
fn a_webcam_is_known_by_its_serial_and_opened_by_a_link_that_survives_a_reboot() {
    let camera = camera(&webcam()).unwrap();
    assert_eq!((camera.id.as_str(), camera.speed), ("046d:082d:8F2A11DF", Some(480)));
    assert_eq!(
        camera.path.to_str().unwrap(),
        "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_8F2A11DF-video-index0"
    );
    assert_eq!(camera.name, "HD Pro Webcam C920");
    assert_eq!(camera.usb.as_deref(), Some("046d:082d"));
}

#[test]
fn two_cameras_with_the_vendors_dummy_serial_are_told_apart_by_their_sockets() {
    let mut entry = webcam();
    entry.properties.insert("ID_SERIAL_SHORT".into(), "SN0001".into());
    let camera = camera(&entry).unwrap();
    assert_eq!(camera.id, "046d:082d@pci-0000:00:14.0-usb-0:2:1.0");
    assert_eq!(camera.serial, None);
    assert!(camera.path.starts_with("/dev/v4l/by-path"), "{}", camera.path.display());
}

#[test]
fn cameras_of_one_platform_device_are_told_apart_though_they_share_its_path_and_its_link() {
    let vivid = |number: u32| {
        let entry = Entry {
            sysname: format!("video{number}"),
            node: Some(format!("/dev/video{number}").into()),
            properties: map(&[
                ("DEVLINKS", "/dev/v4l/by-path/platform-vivid.0-video-index0"),
                ("ID_V4L_CAPABILITIES", ":capture:"),
                ("ID_V4L_PRODUCT", "vivid"),
                ("ID_PATH", "platform-vivid.0"),
            ]),
            attributes: map(&[("index", "0"), ("name", &format!("vivid-00{number}-vid-cap"))]),
            parent: None,
        };
        camera(&entry).unwrap()
    };
    let (first, second) = (vivid(0), vivid(1));
    assert_eq!(
        (first.id.as_str(), second.id.as_str()),
        ("platform:vivid-000", "platform:vivid-001")
    );
    assert_eq!((first.path, second.path), ("/dev/video0".into(), "/dev/video1".into()));
    let mut liar = webcam();
    liar.attributes.insert("name".into(), "vivid-000-vid-cap".into());
    assert_eq!(
        camera(&liar).unwrap().id,
        "046d:082d:8F2A11DF",
        "a USB device cannot take its place"
    );
}

#[test]
fn metadata_codec_and_radio_nodes_are_no_cameras() {
    for (capabilities, index) in [(":", "1"), ("", "1"), (":capture:video_output:", "0"), (":radio:", "0")] {
        let mut entry = webcam();
        entry
            .properties
            .insert("ID_V4L_CAPABILITIES".into(), capabilities.into());
        entry.attributes.insert("index".into(), index.into());
        assert_eq!(camera(&entry), None, "{capabilities}");
    }
    let radio = Entry {
        sysname: "radio0".into(),
        ..webcam()
    };
    assert_eq!(camera(&radio), None);
}

/// The encoder of the kernel's own codec, as Debian 12 describes it.
fn encoder() -> Entry {
    Entry {
        sysname: "video4".into(),
        node: Some("/dev/video4".into()),
        properties: map(&[("ID_V4L_CAPABILITIES", ":"), ("ID_PATH", "platform-vicodec.0")]),
        attributes: map(&[("index", "0"), ("name", "stateful-encoder")]),
        parent: None,
    }
}

#[test]
fn what_pictures_go_through_is_a_codec_and_a_camera_s_second_node_is_not() {
    let found = codec(&encoder()).unwrap();
    assert_eq!(
        (found.id.as_str(), found.name.as_str(), found.node.to_str()),
        ("platform-vicodec.0", "stateful-encoder", Some("/dev/video4"))
    );
    let with = |key: &str, value: &str| {
        let mut entry = encoder();
        match key {
            "index" => entry.attributes.insert(key.into(), value.into()),
            _ => entry.properties.insert(key.into(), value.into()),
        };
        codec(&entry)
    };
    assert_eq!(with("index", "2").unwrap().id, "platform-vicodec.0#2");
    assert!(with("ID_V4L_CAPABILITIES", ":capture:video_output:").is_some());
    for other in [":capture:", ":video_output:", ":radio:", ""] {
        assert_eq!(with("ID_V4L_CAPABILITIES", other), None, "{other}");
    }
    let mut second = webcam();
    second.properties.insert("ID_V4L_CAPABILITIES".into(), ":".into());
    assert_eq!(codec(&second), None);
    let radio = Entry {
        sysname: "radio0".into(),
        ..encoder()
    };
    assert_eq!(codec(&radio), None);
}

#[test]
fn without_udevs_probe_the_first_node_counts_as_a_camera() {
    let mut entry = webcam();
    entry.properties.clear();
    let found = camera(&entry).unwrap();
    assert_eq!(
        (found.id.as_str(), found.path.to_str()),
        ("video0", Some("/dev/video0"))
    );
    entry.attributes.insert("index".into(), "1".into());
    assert_eq!(camera(&entry), None);
}

#[test]
fn a_speakerphone_is_a_microphone_and_a_loudspeaker_named_by_the_cards_word() {
    let microphone = microphone(&pcm_entry("pcmC1D0c", speakerphone())).unwrap();
    assert_eq!(microphone.device, "plughw:CARD=USB,DEV=0");
    assert_eq!(microphone.name, "Jabra SPEAK 410 USB");
    assert_eq!(microphone.id, "0b0e:0412:501AA5D89CCBx010900/0");
    let speaker = speaker(&pcm_entry("pcmC1D3p", speakerphone())).unwrap();
    assert_eq!(speaker.device, "plughw:CARD=USB,DEV=3");
}

#[test]
fn directions_controls_and_modems_are_not_mixed_up() {
    assert_eq!(microphone(&pcm_entry("pcmC1D0p", speakerphone())), None);
    assert_eq!(speaker(&pcm_entry("pcmC1D0c", speakerphone())), None);
    for sysname in ["controlC1", "card1", "timer", "pcmC1", "pcmC1Dxc", "pcmCD", "hwC0D0"] {
        let entry = pcm_entry(sysname, speakerphone());
        assert_eq!((microphone(&entry), speaker(&entry)), (None, None), "{sysname}");
    }
    let mut modem = pcm_entry("pcmC0D6c", speakerphone());
    modem.attributes.insert("pcm_class".into(), "modem".into());
    assert_eq!(microphone(&modem), None);
}

#[test]
fn a_connected_screen_has_a_mode_and_an_id_and_a_free_socket_has_none() {
    let mut entry = Entry {
        sysname: "card0-HDMI-A-1".into(),
        attributes: map(&[
            ("status", "connected"),
            ("connector_id", "77"),
            ("modes", "3840x2160\n1920x1080\n"),
        ]),
        ..Entry::default()
    };
    let screen = display(&entry).unwrap();
    assert_eq!(
        (screen.name.as_str(), screen.connected, screen.connector),
        ("HDMI-A-1", true, Some(77))
    );
    assert_eq!(screen.mode.as_deref(), Some("3840x2160"));
    entry.attributes.insert("status".into(), "disconnected".into());
    assert_eq!(display(&entry).unwrap().mode, None);
    for sysname in ["card0", "renderD128", "version", "controlD64"] {
        assert_eq!(
            display(&Entry {
                sysname: sysname.into(),
                ..entry.clone()
            }),
            None
        );
    }
}

#[test]
fn what_a_device_writes_about_itself_cannot_spoil_a_terminal() {
    let mut entry = webcam();
    entry
        .properties
        .insert("ID_V4L_PRODUCT".into(), format!("Evil\u{1b}[2J\n{}", "x".repeat(5000)));
    let name = camera(&entry).unwrap().name;
    assert!(
        name.chars().count() <= NAME_LIMIT && !name.chars().any(char::is_control),
        "{name}"
    );
}
