//! What happens in the world, event by event.

use fleet::contract::Phase;
use rand::RngExt;
use roomctl::rollout::{Input, Trouble};

use crate::room::{Act, Fate, Work};
use crate::world::{DAY, Event, HOUR, SECOND, World};

impl World {
    pub fn happen(&mut self, event: Event) {
        let (ms, epoch) = (self.ms, self.epoch);
        match event {
            Event::Engine => {
                if self.engine_at == Some(ms) {
                    self.engine_at = None;
                    self.tell(Input::Tick);
                }
            }
            Event::Power { room, on } => self.power(room, on),
            Event::Booted { room, start } => {
                if self.rooms[room].start == start && self.rooms[room].powered && !self.rooms[room].dead {
                    self.rooms[room].online = true;
                    self.connect(room);
                    let acts = self.rooms[room].boot(ms, epoch);
                    self.act(room, acts);
                    let acts = self.rooms[room].take(ms, epoch);
                    self.act(room, acts);
                }
            }
            Event::Lost { room, start } => {
                if self.rooms[room].start == start && !self.rooms[room].online && self.rooms[room].believed {
                    self.rooms[room].believed = false;
                    self.say_presence(room, false);
                }
            }
            Event::Line { room, up } => {
                let (powered, online) = (self.rooms[room].powered, self.rooms[room].online);
                if up && powered && !online && !self.rooms[room].dead {
                    self.rooms[room].online = true;
                    self.connect(room);
                    let acts = self.rooms[room].take(ms, epoch);
                    self.act(room, acts);
                } else if !up {
                    let start = self.rooms[room].start;
                    self.rooms[room].online = false;
                    if online {
                        self.at(ms + 30 * SECOND, Event::Lost { room, start });
                    }
                    let back = self.chance.random_range(10 * SECOND..300 * SECOND);
                    self.at(ms + back, Event::Line { room, up: true });
                    let next = self.chance.random_range(DAY..3 * DAY);
                    self.at(ms + next, Event::Line { room, up: false });
                }
            }
            Event::Delivered { room } => {
                if self.rooms[room].online {
                    let acts = self.rooms[room].take(ms, epoch);
                    self.act(room, acts);
                }
            }
            Event::Ready {
                room,
                start,
                download,
                work,
            } => {
                let current = self.rooms[room].start == start;
                if current && (work != Work::Download || self.rooms[room].download == download) {
                    let acts = self.rooms[room].finish(work, ms, epoch);
                    self.act(room, acts);
                }
            }
            Event::Alarm { room, start } => {
                if self.rooms[room].start == start && self.rooms[room].alarm.is_some_and(|alarm| alarm <= ms) {
                    let acts = self.rooms[room].tick(ms, epoch);
                    self.act(room, acts);
                }
            }
            Event::Meeting { room, begins } => {
                let (wait, next) = if begins {
                    (self.chance.random_range(HOUR / 4..2 * HOUR), false)
                } else {
                    (self.chance.random_range(4 * HOUR..DAY), true)
                };
                if self.rooms[room].powered {
                    let acts = self.rooms[room].meeting(begins, ms, epoch);
                    self.act(room, acts);
                }
                self.at(ms + wait, Event::Meeting { room, begins: next });
            }
            Event::Crash { room, again } => self.trouble(room, Trouble::Crash, again),
            Event::FailedCall { room, again } => self.trouble(room, Trouble::FailedCall, again),
        }
    }

    /// Processes die on one box in 500 a day, a meeting fails on one in 50, whatever runs; `again` are those.
    fn trouble(&mut self, room: usize, trouble: Trouble, again: bool) {
        let (often, next): (u64, fn(usize, bool) -> Event) = match trouble {
            Trouble::Crash => (500, |room, again| Event::Crash { room, again }),
            Trouble::FailedCall => (50, |room, again| Event::FailedCall { room, again }),
        };
        let happens = !again || self.chance.random_ratio(1, u32::try_from(often).unwrap());
        if self.rooms[room].online && happens {
            let device = self.rooms[room].device.clone();
            let at = self.now();
            self.tell(Input::Trouble { device, trouble, at });
        }
        let pause = if again {
            self.chance.random_range(DAY / 2..3 * DAY / 2)
        } else {
            HOUR / 6
        };
        self.at(self.ms + pause, next(room, again));
    }

    fn power(&mut self, room: usize, on: bool) {
        let ms = self.ms;
        let start = self.rooms[room].start;
        if on {
            self.rooms[room].powered = true;
            let boot = self.chance.random_range(40..90) * SECOND;
            self.at(ms + boot, Event::Booted { room, start });
        } else {
            self.rooms[room].powered = false;
            self.go_dark(room);
        }
        if let Some((_, begins)) = self.rooms[room].dark
            && !on
        {
            // From an evening to the next morning, and to the next evening.
            let hour_of_day = (ms / HOUR + 14) % 24;
            let until = (24 + begins - hour_of_day) % 24;
            self.at(ms + until * HOUR, Event::Power { room, on: true });
            let jitter = self.chance.random_range(0..HOUR);
            self.at(ms - ms % HOUR + DAY + jitter, Event::Power { room, on: false });
        }
    }

    /// It is off, or starts again: the broker says so after thirty seconds.
    fn go_dark(&mut self, room: usize) {
        self.rooms[room].stop();
        let start = self.rooms[room].start;
        self.at(self.ms + 30 * SECOND, Event::Lost { room, start });
    }

    fn connect(&mut self, room: usize) {
        self.rooms[room].believed = true;
        self.say_presence(room, true);
        let device = self.rooms[room].device.clone();
        let release = self.rooms[room].running.to_owned();
        self.tell(Input::Running { device, release });
        if let Some(report) = self.rooms[room].report.clone() {
            let device = self.rooms[room].device.clone();
            self.tell(Input::Report { device, report });
        }
    }

    fn say_presence(&mut self, room: usize, online: bool) {
        let device = self.rooms[room].device.clone();
        self.tell(Input::Presence {
            device,
            online,
            clean: false,
        });
    }

    fn act(&mut self, room: usize, acts: Vec<Act>) {
        let ms = self.ms;
        for act in acts {
            let start = self.rooms[room].start;
            match act {
                Act::Begin(work, seconds) => {
                    let download = self.rooms[room].download;
                    let event = Event::Ready {
                        room,
                        start,
                        download,
                        work,
                    };
                    self.at(ms + seconds * SECOND, event);
                }
                Act::Stop => self.rooms[room].download += 1,
                Act::Report(report) => {
                    self.witness(room, report.phase);
                    if self.rooms[room].online {
                        let device = self.rooms[room].device.clone();
                        self.tell(Input::Report { device, report });
                    }
                }
                Act::Restart => {
                    let online = self.rooms[room].online;
                    self.go_dark(room);
                    if online && self.rooms[room].believed {
                        // It says goodbye.
                        self.rooms[room].believed = false;
                        self.say_presence(room, false);
                    }
                    if self.rooms[room].dead {
                        self.harmed.insert(room);
                        self.in_trial.remove(&room);
                    }
                    let start = self.rooms[room].start;
                    self.at(ms + 60 * SECOND, Event::Booted { room, start });
                }
            }
        }
        if let Some(alarm) = self.rooms[room].alarm {
            let start = self.rooms[room].start;
            self.at(alarm.max(ms), Event::Alarm { room, start });
        }
    }

    /// What is true, whatever the engine makes of it.
    fn witness(&mut self, room: usize, phase: Phase) {
        match phase {
            Phase::Trial => {
                self.in_trial.insert(room);
                self.most_in_trial = self.most_in_trial.max(self.in_trial.len());
            }
            Phase::Failed | Phase::RolledBack => {
                self.in_trial.remove(&room);
                self.harmed.insert(room);
            }
            Phase::Confirmed => {
                let first = self.in_trial.remove(&room);
                let late = self.ms + 20 * 60 * SECOND;
                match self.rooms[room].fate {
                    Fate::Crashes if first => {
                        self.harmed.insert(room);
                        self.at(late, Event::Crash { room, again: false });
                    }
                    Fate::LosesCalls if first => {
                        self.harmed.insert(room);
                        self.at(late, Event::FailedCall { room, again: false });
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}
