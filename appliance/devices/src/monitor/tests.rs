use super::*;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

const PATIENCE: Duration = Duration::from_secs(20);

fn start(bus: Bus) -> (Monitor, Receiver<View>) {
    let (told, views) = channel();
    let monitor = Monitor::start(bus, move |view| drop(told.send(view))).unwrap();
    (monitor, views)
}

fn plug_in(folder: &std::path::Path, name: &str) {
    let text = format!(
        r#"{{"cameras":[{{"id":"{name}","name":"{name}","path":"","node":"","usb":null,"serial":null}}],
            "microphones":[{{"id":"{name}/0","name":"{name}","device":"","usb":null}}]}}"#
    );
    let half = folder.join(".half");
    std::fs::write(&half, text).unwrap();
    std::fs::rename(half, folder.join(name)).unwrap();
}

fn cameras(view: &View) -> Vec<&str> {
    view.inventory.cameras.iter().map(|camera| camera.id.as_str()).collect()
}

#[test]
fn a_file_in_the_folder_is_a_device_until_it_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    plug_in(folder.path(), "a");
    let (_monitor, views) = start(Bus::Folder(folder.path().into()));
    let view = views.recv_timeout(PATIENCE).unwrap();
    assert_eq!(cameras(&view), ["a"]);
    let camera = &view.inventory.cameras[0];
    let plug = folder.path().join("a");
    assert_eq!(
        view.inventory.open_camera(camera),
        media_protocol::CameraDevice::Simulated {
            plug: Some(plug.clone())
        }
    );
    assert_eq!(view.inventory.microphones[0].device, plug.to_str().unwrap());
    std::fs::write(folder.path().join("nonsense"), "{").unwrap();
    plug_in(folder.path(), "b");
    assert_eq!(cameras(&views.recv_timeout(PATIENCE).unwrap()), ["a", "b"]);
    std::fs::remove_file(plug).unwrap();
    assert_eq!(cameras(&views.recv_timeout(PATIENCE).unwrap()), ["b"]);
}

#[test]
fn a_codec_that_comes_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (_monitor, views) = start(Bus::Folder(folder.path().into()));
    std::fs::write(
        folder.path().join("codec"),
        r#"{"codecs":[{"id":"a","name":"a","node":""}]}"#,
    )
    .unwrap();
    let mut told = std::iter::from_fn(|| views.recv_timeout(PATIENCE).ok());
    assert!(told.any(|view| view.inventory.codecs.iter().any(|codec| codec.id == "a")));
}

#[test]
fn this_machine_is_watched_and_the_watch_ends_when_it_is_dropped() {
    for _ in 0..3 {
        let (monitor, views) = start(Bus::Machine);
        drop(monitor);
        assert!(views.try_iter().count() <= 1);
        // The teller went with its thread.
        assert_eq!(views.try_recv().err(), Some(TryRecvError::Disconnected));
    }
}
