use super::*;

fn camera(text: &str) -> CameraDevice {
    match text.parse::<CameraWish>() {
        Ok(CameraWish::Device(device)) => device,
        other => panic!("{text}: {other:?}"),
    }
}

fn microphone(text: &str) -> MicrophoneDevice {
    match text.parse::<MicrophoneWish>() {
        Ok(MicrophoneWish::Device(device)) => device,
        other => panic!("{text}: {other:?}"),
    }
}

fn loudspeaker(text: &str) -> LoudspeakerDevice {
    match text.parse::<LoudspeakerWish>() {
        Ok(LoudspeakerWish::Device(device)) => device,
        other => panic!("{text}: {other:?}"),
    }
}

fn display(text: &str) -> DisplayDevice {
    match text.parse::<DisplayWish>() {
        Ok(DisplayWish::Device(device)) => device,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_camera_is_written_as_a_word_a_film_or_a_node() {
    assert_eq!(camera("simulated"), CameraDevice::Simulated { plug: None });
    assert_eq!(
        camera("/dev/video2"),
        CameraDevice::V4l2 {
            path: "/dev/video2".into()
        }
    );
    assert_eq!(
        camera("/dev/v4l/by-id/usb-x"),
        CameraDevice::V4l2 {
            path: "/dev/v4l/by-id/usb-x".into()
        }
    );
    for text in ["file:/films/room.webm", "/films/room.webm"] {
        assert_eq!(
            camera(text),
            CameraDevice::File {
                path: "/films/room.webm".into()
            }
        );
    }
    assert_eq!(camera("auto"), CameraDevice::Attached { wishes: Vec::new() });
    assert_eq!(
        camera("simulated:/t/plug"),
        CameraDevice::Simulated {
            plug: Some("/t/plug".into())
        }
    );
    assert_eq!(" none ".parse(), Ok(CameraWish::None));
}

#[test]
fn a_film_named_from_here_is_found_by_a_worker_that_runs_elsewhere() {
    let CameraDevice::File { path } = camera("room.webm") else {
        panic!()
    };
    assert!(path.is_absolute() && path.ends_with("room.webm"), "{}", path.display());
    let CameraDevice::File { path } = camera("file:room") else {
        panic!()
    };
    assert!(path.is_absolute() && path.ends_with("room"));
}

#[test]
fn a_microphone_is_written_as_a_word_a_recording_or_an_alsa_name() {
    assert_eq!(microphone("simulated"), MicrophoneDevice::Simulated { plug: None });
    for (text, device) in [
        ("alsa:hw:1,0", "hw:1,0"),
        ("alsa:default", "default"),
        ("plughw:CARD=USB,DEV=0", "plughw:CARD=USB,DEV=0"),
    ] {
        assert_eq!(microphone(text), MicrophoneDevice::Alsa { device: device.into() });
    }
    assert_eq!(
        microphone("file:/s/speech.wav"),
        MicrophoneDevice::File {
            path: "/s/speech.wav".into()
        }
    );
    assert_eq!(microphone("auto"), MicrophoneDevice::Attached { wishes: Vec::new() });
    assert_eq!("none".parse(), Ok(MicrophoneWish::None));
}

#[test]
fn a_loudspeaker_and_a_display_can_write_files_for_tests() {
    assert_eq!(loudspeaker("simulated"), LoudspeakerDevice::Simulated { record: None });
    assert_eq!(
        loudspeaker("simulated:/t/heard.wav"),
        LoudspeakerDevice::Simulated {
            record: Some("/t/heard.wav".into())
        }
    );
    assert_eq!(
        loudspeaker("alsa:default"),
        LoudspeakerDevice::Alsa {
            device: "default".into()
        }
    );
    assert_eq!(display("simulated"), DisplayDevice::Simulated { snapshot: None });
    assert_eq!(
        display("simulated:/t/wall.jpg"),
        DisplayDevice::Simulated {
            snapshot: Some("/t/wall.jpg".into())
        }
    );
    assert_eq!(display("auto"), DisplayDevice::Attached);
    assert_eq!(display("kms"), DisplayDevice::Kms { connector: None });
    assert_eq!(display("kms:77"), DisplayDevice::Kms { connector: Some(77) });
    assert_eq!(display("window"), DisplayDevice::Window);
}

#[test]
fn a_word_that_names_nothing_is_answered_with_what_to_write() {
    let camera = "webcam".parse::<CameraWish>().unwrap_err();
    assert_eq!(
        camera.to_string(),
        format!("`webcam` names no camera: write {CAMERA_WORDS}")
    );
    for text in ["", "auto:1", "speech", "name:a, speech"] {
        assert!(
            matches!(text.parse::<MicrophoneWish>(), Err(WishError::Unknown { .. })),
            "{text}"
        );
    }
    for text in ["kms:x", "kms:-1", "kms:1.5", "screen", "window:1"] {
        assert!(
            matches!(text.parse::<DisplayWish>(), Err(WishError::Unknown { .. })),
            "{text}"
        );
    }
    for text in ["/dev/snd/pcmC0D0p", "speaker", ""] {
        assert!(
            matches!(text.parse::<LoudspeakerWish>(), Err(WishError::Unknown { .. })),
            "{text}"
        );
    }
    assert!(matches!(
        "file:".parse::<CameraWish>(),
        Err(WishError::Incomplete { .. })
    ));
    assert!(matches!(
        "alsa: ".parse::<MicrophoneWish>(),
        Err(WishError::Incomplete { .. })
    ));
}

#[test]
fn a_missing_film_is_noticed_before_the_meeting() {
    let directory = tempfile::tempdir().unwrap();
    let film = directory.path().join("room.webm");
    let wish = || CameraWish::Device(CameraDevice::File { path: film.clone() });
    let error = wish().resolve().unwrap_err();
    assert!(
        matches!(&error, WishError::Unreadable { path, .. } if *path == film),
        "{error}"
    );
    std::fs::write(&film, "film").unwrap();
    assert_eq!(wish().resolve(), Ok(Some(CameraDevice::File { path: film.clone() })));
    let folder = CameraWish::Device(CameraDevice::File {
        path: directory.path().into(),
    });
    assert!(folder.resolve().is_err());
}

#[test]
fn a_snapshot_into_a_directory_that_is_not_there_is_noticed_before_the_meeting() {
    let directory = tempfile::tempdir().unwrap();
    let wish = |path: PathBuf| DisplayWish::Device(DisplayDevice::Simulated { snapshot: Some(path) });
    assert!(wish(directory.path().join("wall.jpg")).resolve().is_ok());
    assert!(matches!(
        wish(directory.path().join("no/wall.jpg")).resolve(),
        Err(WishError::NoDirectory { .. })
    ));
}

#[test]
fn none_takes_none() {
    assert_eq!(CameraWish::None.resolve(), Ok(None));
    assert_eq!(DisplayWish::None.resolve(), Ok(None));
}

#[test]
fn wishes_are_written_in_their_order_and_one_without_words_is_none() {
    let wishes = vec![
        DeviceWish::Id("2e7e:0600:A1B2C3".into()),
        DeviceWish::Vendor("046d".into()),
        DeviceWish::Name("wide angle".into()),
    ];
    let text = "id:2e7e:0600:A1B2C3, vendor:046d,name: wide angle";
    assert_eq!(camera(text), CameraDevice::Attached { wishes: wishes.clone() });
    assert_eq!(loudspeaker(text), LoudspeakerDevice::Attached { wishes });
    assert!(matches!("id:".parse::<CameraWish>(), Err(WishError::Incomplete { .. })));
    assert!(matches!(
        "vendor:a,name".parse::<CameraWish>(),
        Err(WishError::Incomplete { .. })
    ));
    assert!(matches!(
        "vendor:a,".parse::<CameraWish>(),
        Err(WishError::Unknown { .. })
    ));
    let many = vec!["name:x"; 1000].join(",");
    assert!(matches!(camera(&many), CameraDevice::Attached { wishes } if wishes.len() == MOST_WISHES));
}
