//! When a box is usually there: rooms are switched off at night, and that is no harm.

use fleet::contract::Window;
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Hours of a working day, and of a day at the week's end.
const HOURS: usize = 48;
/// A count is a hexadecimal digit.
const MOST: u8 = 15;
/// What an hour counts in which nobody has looked yet: next to nothing, for a room may well be dark then.
const UNKNOWN: f64 = 0.1;
/// An hour in which it is there so rarely is one in which it is not there.
const NEVER: f64 = 0.1;
/// Nobody is missed in an hour in which they are there so rarely.
const RARELY: f64 = 0.25;
/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Minutes that an update takes, for the most part.
const NEEDED: u16 = 45;
/// Longest window of its own, hours.
const OWN_HOURS: usize = 4;

/// A moment on the clock of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    weekend: bool,
    hour: usize,
    minute: u16,
}

impl Hour {
    /// That moment there.
    #[must_use]
    pub fn of(moment: Timestamp, zone: &TimeZone) -> Self {
        let there = moment.to_zoned(zone.clone());
        Self {
            weekend: matches!(there.weekday(), Weekday::Saturday | Weekday::Sunday),
            hour: usize::try_from(there.hour()).unwrap_or(0),
            minute: u16::try_from(there.minute()).unwrap_or(0),
        }
    }

    const fn bin(self) -> usize {
        self.hour + if self.weekend { 24 } else { 0 }
    }

    /// It lies in the window, and what begins now is through before its end.
    #[must_use]
    pub fn may_begin_in(self, window: &Window) -> bool {
        let Some((from, to)) = minutes(window) else {
            return false;
        };
        let now = u16::try_from(self.hour).unwrap_or(0) * 60 + self.minute;
        let since = |from: u16, to: u16| (to + DAY - from) % DAY;
        let length = since(from, to);
        since(from, now) < length - NEEDED.min(length / 2)
    }
}

/// Minutes since midnight of its beginning and its end; none: that is no window.
#[must_use]
pub fn minutes(window: &Window) -> Option<(u16, u16)> {
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let two = |part: &str| (part.len() == 2).then(|| part.parse::<u16>().ok()).flatten();
        let (hour, minute) = (two(hour)?, two(minute)?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    Some((minute(&window.0[0])?, minute(&window.0[1])?))
}

/// The usual hours of a box: how often somebody looked in each hour, and how often it was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Habit {
    seen: [u8; HOURS],
    there: [u8; HOURS],
}

impl Default for Habit {
    fn default() -> Self {
        Self {
            seen: [0; HOURS],
            there: [0; HOURS],
        }
    }
}

impl From<Habit> for String {
    fn from(habit: Habit) -> Self {
        let digits = habit.seen.iter().chain(&habit.there);
        digits
            .map(|count| char::from_digit(u32::from(*count), 16).unwrap_or('f'))
            .collect()
    }
}

impl TryFrom<String> for Habit {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let digits = digits
            .filter(|digits| digits.len() == 2 * HOURS)
            .ok_or("no usual hours")?;
        let mut habit = Self::default();
        habit.seen.copy_from_slice(&digits[..HOURS]);
        habit.there.copy_from_slice(&digits[HOURS..]);
        Ok(habit)
    }
}

impl Habit {
    /// Somebody looked. What is long ago fades.
    pub fn sample(&mut self, hour: Hour, there: bool) {
        let bin = hour.bin();
        if self.seen[bin] == MOST {
            self.seen[bin] /= 2;
            self.there[bin] /= 2;
        }
        self.seen[bin] += 1;
        self.there[bin] += u8::from(there);
    }

    /// How likely it is there in that hour; not at all when it mostly was not.
    #[must_use]
    pub fn likely(&self, hour: Hour) -> f64 {
        let (bin, chance) = (hour.bin(), self.chance(hour.bin()));
        if self.seen[bin] > 0 && chance < RARELY {
            0.0
        } else {
            chance
        }
    }

    fn chance(&self, bin: usize) -> f64 {
        (f64::from(self.there[bin]) + UNKNOWN) / (f64::from(self.seen[bin]) + 1.0)
    }

    /// Of a silence, the hours in which it would have been there.
    #[must_use]
    pub fn missed(&self, since: Timestamp, now: Timestamp, zone: &TimeZone) -> f64 {
        let mut missed = 0.0;
        let mut at = since.as_second();
        while at < now.as_second() {
            // To the end of the hour; zones lie at quarters of an hour.
            let end = (at - at.rem_euclid(900) + 900).min(now.as_second());
            let moment = Timestamp::from_second(at).unwrap_or(now);
            missed += self.likely(Hour::of(moment, zone)) * (end - at) as f64 / 3_600.0;
            // Nobody asks for more.
            if missed > 100.0 {
                break;
            }
            at = end;
        }
        missed
    }

    /// Somebody looked in each hour of this window, and it was never there.
    #[must_use]
    pub fn is_never_there_in(&self, window: &Window) -> bool {
        let Some((from, to)) = minutes(window) else {
            return false;
        };
        let (first, last) = (usize::from(from / 60), usize::from(to.saturating_sub(1) / 60));
        let hours = if first <= last { last - first } else { last + 24 - first };
        let mut within = (0..=hours).map(|offset| (first + offset) % 24);
        within.all(|hour| self.seen[hour] > 0 && self.chance(hour) < NEVER)
    }

    /// The window in which it shall update: this one, or its own when it is never there in this one. None: nobody knows an
    /// hour in which it is there.
    #[must_use]
    pub fn window(&self, wanted: &Window) -> Option<Window> {
        if !self.is_never_there_in(wanted) {
            return Some(wanted.clone());
        }
        let usual = |hour: &usize| self.chance(*hour) >= 0.5;
        // Somewhere in its last hour it goes off.
        let last = (0..24).rev().find(usual)?;
        let first = (last.saturating_sub(OWN_HOURS)..=last).find(usual).unwrap_or(last);
        let end = last.max(first + 1) % 24;
        Some(Window([format!("{first:02}:00"), format!("{end:02}:00")]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night() -> Window {
        Window(["22:00".into(), "05:00".into()])
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// There from 7 to 19 on working days, watched for so many days from a Monday on.
    fn office(days: i64) -> Habit {
        let mut habit = Habit::default();
        for hour in 0..days * 24 {
            let moment = at("2026-11-23T00:30:00Z") + jiff::SignedDuration::from_hours(hour);
            let there = Hour::of(moment, &TimeZone::UTC);
            habit.sample(there, !there.weekend && (7..19).contains(&there.hour));
        }
        habit
    }

    #[test]
    fn a_window_reaches_over_midnight() {
        let may = |text: &str| Hour::of(at(text), &TimeZone::UTC).may_begin_in(&night());
        assert!(may("2026-11-23T22:00:00Z") && may("2026-11-24T00:00:00Z") && may("2026-11-24T04:14:59Z"));
        assert!(!may("2026-11-23T21:59:00Z") && !may("2026-11-24T05:00:00Z"));
        assert!(!may("2026-11-24T04:15:00Z"), "it would not come to an end");
        let short = Window(["12:00".into(), "12:30".into()]);
        let may = |text: &str| Hour::of(at(text), &TimeZone::UTC).may_begin_in(&short);
        assert!(may("2026-11-24T12:14:00Z") && !may("2026-11-24T12:15:00Z"));
        for bad in ["24:00", "1:00", "01:60", "aa:bb", ""] {
            assert_eq!(minutes(&Window([bad.into(), "05:00".into()])), None, "{bad}");
        }
    }

    #[test]
    fn a_night_in_which_it_is_always_off_is_no_silence_and_a_morning_without_it_is() {
        let habit = office(5);
        let missed = |from: &str, to: &str| habit.missed(at(from), at(to), &TimeZone::UTC);
        assert!(missed("2026-11-30T19:00:00Z", "2026-12-01T07:00:00Z") < 0.5);
        assert!(missed("2026-12-01T08:00:00Z", "2026-12-01T09:30:00Z") > 1.0);
        // One that nobody knows yet has the benefit of the doubt for ten hours.
        let unknown = Habit::default();
        let missed = |hours: i64| {
            let from = at("2026-12-01T08:00:00Z");
            unknown.missed(from, from + jiff::SignedDuration::from_hours(hours), &TimeZone::UTC)
        };
        assert!(missed(9) < 1.0 && missed(11) > 1.0);
    }

    #[test]
    fn a_box_that_is_never_on_in_the_window_gets_the_last_hours_in_which_it_is() {
        let own = Window(["14:00".into(), "18:00".into()]);
        assert_eq!(office(3).window(&night()), Some(own));
        assert_eq!(Habit::default().window(&night()), Some(night()), "not known yet");
        let mut never = Habit::default();
        for hour in 0..24 {
            let moment = at("2026-11-23T00:30:00Z") + jiff::SignedDuration::from_hours(hour);
            never.sample(Hour::of(moment, &TimeZone::UTC), false);
        }
        assert_eq!(never.window(&night()), None, "never there at all");
    }

    #[test]
    fn usual_hours_are_kept_as_text_and_fade() {
        let habit = office(40);
        let text = String::from(habit.clone());
        assert_eq!(text.len(), 96);
        assert_eq!(Habit::try_from(text).unwrap(), habit);
        assert!(Habit::try_from("xyz".to_owned()).is_err());
        let mut moved = habit;
        let evening = Hour::of(at("2026-12-01T21:30:00Z"), &TimeZone::UTC);
        assert!(moved.likely(evening) < 0.05);
        (0..40).for_each(|_| moved.sample(evening, true));
        assert!(moved.likely(evening) > 0.8, "it has another habit now");
    }
}
