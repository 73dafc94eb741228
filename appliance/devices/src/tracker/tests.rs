//! Stories of plugging and unplugging.

use super::*;
use crate::Camera;

fn camera(id: &str) -> Camera {
    Camera {
        id: id.into(),
        name: id.into(),
        path: "/dev/video0".into(),
        node: "/dev/video0".into(),
        usb: None,
        serial: None,
        speed: None,
    }
}

/// A machine with cameras, and a clock.
struct Machine {
    tracker: Tracker,
    cameras: Vec<Camera>,
    now: Instant,
    looks: usize,
}

impl Machine {
    /// Just switched on.
    fn with(ids: &[&str]) -> Self {
        let now = Instant::now();
        let mut machine = Self {
            tracker: Tracker::new(now),
            cameras: ids.iter().map(|id| camera(id)).collect(),
            now,
            looks: 0,
        };
        machine.pass(Duration::ZERO);
        machine
    }

    fn feed(&mut self, input: Input) {
        for output in self.tracker.handle(input, self.now) {
            if output == Output::Enumerate {
                self.looks += 1;
                let inventory = Inventory {
                    cameras: self.cameras.clone(),
                    ..Inventory::default()
                };
                self.feed(Input::Enumerated(Box::new(inventory)));
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.tracker.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.feed(Input::Timer);
        }
        self.now = end;
    }

    fn pull(&mut self, id: &str) {
        self.cameras.retain(|camera| camera.id != id);
        self.feed(Input::Removed);
    }

    fn put_in(&mut self, id: &str) {
        self.cameras.push(camera(id));
        self.feed(Input::Added);
    }

    fn usable(&self) -> Vec<&str> {
        let cameras = self.tracker.shown.inventory.cameras.iter();
        cameras.map(|camera| camera.id.as_str()).collect()
    }

    fn is_unstable(&self, id: &str) -> bool {
        self.tracker.shown.unstable.contains(&(Kind::Camera, id.into()))
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_plugged_in_at_the_start_can_be_used_at_once() {
    assert_eq!(Machine::with(&["a", "b"]).usable(), ["a", "b"]);
}

#[test]
fn a_pulled_camera_is_missed_at_once_and_had_again_well_within_three_seconds() {
    let mut machine = Machine::with(&["a"]);
    machine.pull("a");
    machine.pass(PROMPT);
    assert!(machine.usable().is_empty() && !machine.is_unstable("a"));
    machine.pass(60 * SECOND);
    machine.put_in("a");
    machine.pass(QUIET);
    assert_eq!(machine.usable(), ["a"]);
}

#[test]
fn the_many_nodes_of_one_device_are_one_look_and_a_flurry_without_end_is_looked_at_all_the_same() {
    let mut machine = Machine::with(&[]);
    machine.looks = 0;
    machine.cameras.push(camera("a"));
    for _ in 0..8 {
        machine.feed(Input::Added);
        machine.pass(Duration::from_millis(30));
    }
    assert_eq!(machine.looks, 0, "it is still coming");
    machine.pass(QUIET);
    assert_eq!((machine.looks, machine.usable()), (1, vec!["a"]));
    for _ in 0..40 {
        machine.feed(Input::Added);
        machine.pass(Duration::from_millis(50));
    }
    assert!((2..=4).contains(&machine.looks), "{}", machine.looks);
}

#[test]
fn a_removal_in_a_flurry_is_seen_at_once_and_what_comes_behind_it_too() {
    let mut machine = Machine::with(&["a"]);
    machine.pull("a");
    machine.feed(Input::Added);
    machine.pass(PROMPT);
    assert!(machine.usable().is_empty());
    machine.cameras.push(camera("b"));
    machine.pass(QUIET);
    assert_eq!(machine.usable(), ["b"]);
}

#[test]
fn words_that_were_lost_on_the_way_cost_nothing() {
    let mut machine = Machine::with(&["a"]);
    machine.cameras = vec![camera("b")];
    machine.pass(10 * SECOND);
    assert_eq!(machine.usable(), ["a"], "nobody said anything");
    machine.feed(Input::Overflow);
    machine.pass(PROMPT);
    assert_eq!(machine.usable(), ["b"]);
}

#[test]
fn a_cable_that_breaks_off_again_and_again_is_said_and_waited_for_until_it_holds() {
    let mut machine = Machine::with(&["a", "b"]);
    for _ in 0..LOSSES {
        assert!(!machine.is_unstable("a"));
        machine.pull("a");
        machine.pass(SECOND);
        machine.put_in("a");
        machine.pass(SECOND);
    }
    assert!(machine.is_unstable("a") && !machine.is_unstable("b"));
    assert_eq!(machine.usable(), ["b"], "it has not stayed yet");
    machine.pull("a");
    machine.pass(SECOND);
    machine.put_in("a");
    machine.pass(QUIET + STEADY - Duration::from_millis(1));
    assert_eq!(machine.usable(), ["b"], "the wait begins anew");
    machine.pass(Duration::from_millis(1));
    assert_eq!(machine.usable(), ["b", "a"], "within three seconds of its return");
    machine.pass(WINDOW);
    assert!(!machine.is_unstable("a"), "it holds");
}

#[test]
fn losses_that_lie_far_apart_make_no_camera_unstable() {
    let mut machine = Machine::with(&["a"]);
    for _ in 0..20 {
        machine.pull("a");
        machine.pass(WINDOW / 2);
        machine.put_in("a");
        machine.pass(SECOND);
        assert!(!machine.is_unstable("a"));
    }
}

#[test]
fn a_device_that_takes_another_name_with_each_breath_fills_no_memory() {
    let mut machine = Machine::with(&[]);
    for breath in 0..1000 {
        let id = format!("a{breath}");
        machine.put_in(&id);
        machine.pass(QUIET);
        machine.pull(&id);
        machine.pass(PROMPT);
    }
    assert!(machine.tracker.known.len() <= REMEMBERED);
    machine.cameras = (0..1000).map(|index| camera(&format!("b{index}"))).collect();
    machine.feed(Input::Added);
    machine.pass(QUIET);
    assert_eq!(machine.usable().len(), MOST);
}
