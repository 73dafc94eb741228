//! When an update may go on: not before its day, in its hours by the clock on the wall of the room, and after its deadline in
//! any case.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::contract::{Update, Window};
use crate::session::Now;

/// A clock that nobody has set is looked at again after this.
const UNSET_MS: u64 = 60_000;
/// What hangs on the time of day is looked at again after this: the clock may have been set.
const LONGEST_MS: u64 = 3_600_000;

/// What the time says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It may go on; until then, as [`Now::up_ms`], if that ends.
    Open(Option<u64>),
    /// Not now; to be asked again then.
    Shut(u64),
    /// The document names a time, and the box does not know what time it is; to be asked again then.
    NoClock(u64),
}

impl Gate {
    pub fn is_open(self) -> bool {
        matches!(self, Gate::Open(_))
    }

    /// When to ask again.
    pub fn again_ms(self) -> Option<u64> {
        match self {
            Gate::Open(until_ms) => until_ms,
            Gate::Shut(again_ms) | Gate::NoClock(again_ms) => Some(again_ms),
        }
    }
}

/// What the time says to this document.
pub fn gate(update: &Update, zone: &TimeZone, now: &Now) -> Gate {
    let Some(time) = now.time() else {
        let timed = update.window.is_some() || update.not_before.is_some();
        return if timed {
            Gate::NoClock(now.up_ms + UNSET_MS)
        } else {
            Gate::Open(None)
        };
    };
    if update.deadline.is_some_and(|deadline| deadline <= time) {
        return Gate::Open(None);
    }
    let hours = update.window.as_ref().and_then(Hours::read);
    let changes = [
        update.deadline,
        update.not_before,
        hours.and_then(|hours| hours.next_change(time, zone)),
    ];
    let next = changes.into_iter().flatten().filter(|change| *change > time).min();
    let again_ms = next.map(|next| {
        let left_ms = u64::try_from(time.duration_until(next).as_millis()).unwrap_or(0);
        now.up_ms + left_ms.clamp(1, LONGEST_MS)
    });
    let begun = update.not_before.is_none_or(|begin| begin <= time);
    if begun && hours.is_none_or(|hours| hours.holds(zone.to_datetime(time).time())) {
        Gate::Open(again_ms)
    } else {
        Gate::Shut(again_ms.unwrap_or(now.up_ms + LONGEST_MS))
    }
}

/// A [`Window`] as times of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: Time,
    to: Time,
}

impl Hours {
    /// None: these are no times of the day.
    pub fn read(window: &Window) -> Option<Self> {
        let [from, to] = window.0.each_ref().map(|text| Time::strptime("%H:%M", text).ok());
        Some(Self { from: from?, to: to? })
    }

    /// The clock on the wall shows a time within. From and to the same: all day.
    fn holds(self, wall: Time) -> bool {
        match self.from.cmp(&self.to) {
            std::cmp::Ordering::Less => self.from <= wall && wall < self.to,
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => self.from <= wall || wall < self.to,
        }
    }

    /// When that can change next: the hands reach one of the two, or somebody moves them (summer time).
    fn next_change(self, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = zone.to_datetime(time).date();
        // More is not needed: it is asked again within the hour.
        let days = (0..=1).filter_map(|days| today.checked_add(days.days()).ok());
        let hands = days.flat_map(|day| [self.from, self.to].map(|hand| day.to_datetime(hand)));
        let hands = hands.flat_map(|hand| {
            // An hour that comes twice.
            let hand = zone.to_ambiguous_timestamp(hand);
            [hand.earlier().ok(), hand.later().ok()]
        });
        let moved = zone.following(time).next().map(|transition| transition.timestamp());
        hands.flatten().chain(moved).filter(|change| *change > time).min()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::contract::Clock;

    const PARIS: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    fn now(time: Timestamp) -> Now {
        Now {
            up_ms: 5_000,
            wall: Some(time),
            clock: Clock::Sync,
        }
    }

    fn update(window: Option<[&str; 2]>) -> Update {
        Update {
            rev: 1,
            release: "2.4.0".into(),
            url: "https://updates.example/x".into(),
            size: 1,
            sha256: String::new(),
            manifest_hash: String::new(),
            min_from: None,
            security_version: 1,
            not_before: None,
            window: window.map(|window| Window(window.map(str::to_owned))),
            deadline: None,
            wave: None,
            allow_in_call: false,
        }
    }

    fn minutes_open(window: [&str; 2], from: &str, hours: i64) -> Vec<String> {
        let zone = TimeZone::posix(PARIS).unwrap();
        let (update, begin): (_, Timestamp) = (update(Some(window)), from.parse().unwrap());
        let times = (0..hours * 60).map(|minute| begin + SignedDuration::from_mins(minute));
        let open = times.filter(|time| gate(&update, &zone, &now(*time)).is_open());
        open.map(|time| time.strftime("%H:%M").to_string()).collect()
    }

    #[test]
    fn a_window_over_midnight_is_that_of_the_room_and_not_of_greenwich() {
        let open = minutes_open(["22:00", "05:00"], "2026-11-21T12:00:00Z", 24);
        assert_eq!(open.len(), 7 * 60);
        assert_eq!((open[0].as_str(), open[419].as_str()), ("21:00", "03:59"), "in winter");
        let open = minutes_open(["22:00", "05:00"], "2026-07-21T12:00:00Z", 24);
        assert_eq!((open[0].as_str(), open[419].as_str()), ("20:00", "02:59"), "in summer");
        let open = minutes_open(["12:15", "12:45"], "2026-11-21T00:00:00Z", 24);
        assert_eq!((open[0].as_str(), open.len()), ("11:15", 30));
        assert_eq!(
            minutes_open(["03:00", "03:00"], "2026-11-21T00:00:00Z", 24).len(),
            1_440
        );
    }

    #[test]
    fn in_the_night_when_the_clocks_move_the_clock_on_the_wall_counts() {
        // 2026-03-29: 02:00 becomes 03:00.
        assert_eq!(minutes_open(["01:30", "03:30"], "2026-03-28T22:00:00Z", 12).len(), 60);
        assert!(minutes_open(["02:10", "02:50"], "2026-03-28T22:00:00Z", 12).is_empty());
        // 2026-10-25: 03:00 becomes 02:00, and comes again.
        assert_eq!(minutes_open(["01:30", "03:30"], "2026-10-24T22:00:00Z", 12).len(), 180);
        assert_eq!(minutes_open(["02:10", "02:50"], "2026-10-24T22:00:00Z", 12).len(), 80);
    }

    #[test]
    fn no_change_is_slept_through_not_even_when_the_clocks_move() {
        let zone = TimeZone::posix(PARIS).unwrap();
        let windows = [
            ["22:00", "05:00"],
            ["02:30", "03:30"],
            ["02:10", "02:50"],
            ["01:59", "02:00"],
        ];
        for begin in ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z", "2026-11-21T12:00:00Z"] {
            let begin: Timestamp = begin.parse().unwrap();
            for window in windows {
                let update = update(Some(window));
                let at = |minute: i64| gate(&update, &zone, &now(begin + SignedDuration::from_mins(minute)));
                let mut awake_at = 0;
                for minute in 0..48 * 60 {
                    if minute > 0 && at(minute).is_open() != at(minute - 1).is_open() {
                        assert_eq!(minute, awake_at, "{window:?} from {begin}");
                    }
                    if minute == awake_at {
                        let wait_ms = at(minute).again_ms().unwrap() - 5_000;
                        awake_at += i64::try_from(wait_ms / 60_000).unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn not_before_its_day_and_after_its_deadline_in_any_case() {
        let time: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let minute = SignedDuration::from_mins(1);
        let of = |update: &Update| gate(update, &TimeZone::UTC, &now(time));
        let early = Update {
            not_before: Some(time + minute),
            ..update(None)
        };
        assert_eq!(of(&early), Gate::Shut(65_000));
        let begun = Update {
            not_before: Some(time),
            ..update(None)
        };
        assert_eq!(of(&begun), Gate::Open(None));
        let late = Update {
            deadline: Some(time),
            not_before: Some(time + minute),
            ..update(Some(["22:00", "05:00"]))
        };
        assert_eq!(of(&late), Gate::Open(None), "neither hours nor day count any more");
        let soon = Update {
            deadline: Some(time + minute),
            ..update(Some(["22:00", "05:00"]))
        };
        assert_eq!(of(&soon), Gate::Shut(65_000));
    }

    #[test]
    fn without_a_clock_that_is_set_no_time_is_guessed() {
        let zone = TimeZone::UTC;
        let time = "2026-11-21T23:00:00Z".parse().unwrap();
        let unsure = [(Some(time), Clock::Unsync), (None, Clock::None)];
        for (wall, clock) in unsure {
            let now = Now {
                up_ms: 5_000,
                wall,
                clock,
            };
            assert_eq!(
                gate(&update(Some(["22:00", "05:00"])), &zone, &now),
                Gate::NoClock(65_000)
            );
            let begin = Update {
                not_before: Some(time),
                ..update(None)
            };
            assert_eq!(gate(&begin, &zone, &now), Gate::NoClock(65_000));
            assert_eq!(gate(&update(None), &zone, &now), Gate::Open(None), "it names no time");
        }
    }

    #[test]
    fn a_long_wait_looks_at_the_clock_again_each_hour() {
        let time: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let far = Update {
            not_before: Some(time + SignedDuration::from_hours(900)),
            ..update(None)
        };
        assert_eq!(gate(&far, &TimeZone::UTC, &now(time)), Gate::Shut(5_000 + 3_600_000));
    }

    #[test]
    fn what_is_no_time_of_the_day_is_no_window() {
        let read = |from: &str, to: &str| Hours::read(&Window([from.to_owned(), to.to_owned()]));
        assert!(read("22:00", "05:00").is_some());
        for (from, to) in [("24:00", "05:00"), ("22:00", "5 h"), ("", ""), ("22:60", "05:00")] {
            assert!(read(from, to).is_none(), "{from} {to}");
        }
    }
}
