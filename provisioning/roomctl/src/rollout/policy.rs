//! How a rollout goes: its waves, its pauses, and when it stops (`specs/fleet-mqtt.md §1`, 6/7).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use fleet::contract::Window;
use serde::{Deserialize, Serialize};

/// How far a wave goes, of all boxes of the rollout; those of the waves before are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Wave {
    /// So many.
    Boxes(u32),
    /// So many in a hundred.
    Percent(u8),
}

impl Wave {
    /// Boxes that have begun when it is over.
    #[must_use]
    pub fn target(self, fleet: usize) -> usize {
        match self {
            Wave::Boxes(boxes) => usize::try_from(boxes).unwrap_or(usize::MAX).min(fleet),
            Wave::Percent(percent) => (fleet * usize::from(percent)).div_ceil(100).min(fleet),
        }
    }
}

impl FromStr for Wave {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text}: a wave is a number of boxes or 1% to 100%");
        match text.strip_suffix('%') {
            Some(percent) => match percent.trim().parse() {
                Ok(percent @ 1..=100) => Ok(Wave::Percent(percent)),
                _ => Err(wrong()),
            },
            None => match text.parse() {
                Ok(boxes @ 1..) => Ok(Wave::Boxes(boxes)),
                _ => Err(wrong()),
            },
        }
    }
}

impl TryFrom<String> for Wave {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Wave> for String {
    fn from(wave: Wave) -> Self {
        wave.to_string()
    }
}

impl fmt::Display for Wave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wave::Boxes(boxes) => write!(f, "{boxes}"),
            Wave::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// When it stops by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// From fewer harmed boxes nothing is concluded before so many have begun.
    pub after: u64,
    /// So many harmed boxes stop it.
    pub harmed: u64,
    /// When more have begun: this share of them, percent.
    pub percent: u64,
    /// Fewer stop it, too, when a release that harms so few boxes would hardly do that.
    pub tolerated: f64,
    /// What "hardly" is: the chance to stop a release that is no worse than [`Rule::tolerated`], at each look.
    pub level: f64,
    /// The same for a model that is harmed more than the others: all models together.
    pub model: f64,
    /// The same for crashes and failed calls: all comparisons together. There is a look for each of them, so it is small.
    pub trouble: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            after: 10,
            harmed: 3,
            percent: 2,
            tolerated: 0.005,
            level: 0.05,
            model: 0.01,
            trouble: 0.001,
        }
    }
}

/// What is laid down at the beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Each goes further than the one before; the last one to the end.
    pub waves: Vec<Wave>,
    /// From the last confirmation of a wave to the next wave.
    pub soak: Duration,
    /// In which boxes update, by the clock of the room; none: at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Time zone of the rooms, as `Europe/Paris`.
    pub zone: String,
    /// When it stops.
    #[serde(default)]
    pub rule: Rule,
}

impl Default for Policy {
    fn default() -> Self {
        use Wave::{Boxes, Percent};
        Self {
            waves: vec![Boxes(10), Percent(1), Percent(5), Percent(25), Percent(100)],
            soak: Duration::from_secs(86_400),
            window: None,
            zone: "UTC".into(),
            rule: Rule::default(),
        }
    }
}

impl Policy {
    /// Boxes that have begun when this wave is over. No wave is smaller than the one before, and the last one is everybody.
    #[must_use]
    pub fn target(&self, wave: usize, fleet: usize) -> usize {
        if wave + 1 >= self.waves.len() {
            return fleet;
        }
        let so_far = self.waves.iter().take(wave + 1);
        so_far.map(|wave| wave.target(fleet)).max().unwrap_or(fleet)
    }

    /// Boxes that may be between their old and their new release at one time: ten, or one in a hundred.
    #[must_use]
    pub fn at_one_time(fleet: usize) -> usize {
        fleet.div_ceil(100).max(10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_grow_from_ten_canaries_to_everybody() {
        let policy = Policy::default();
        let targets = |fleet| (0..5).map(|wave| policy.target(wave, fleet)).collect::<Vec<_>>();
        assert_eq!(targets(3_000), [10, 30, 150, 750, 3_000]);
        assert_eq!(targets(100), [10, 10, 10, 25, 100], "one in a hundred is less than ten");
        assert_eq!(targets(4), [4; 5]);
        assert_eq!((Policy::at_one_time(3_000), Policy::at_one_time(200)), (30, 10));
    }

    #[test]
    fn a_wave_is_read_as_it_is_written() {
        for text in ["10", "1%", "100%"] {
            assert_eq!(text.parse::<Wave>().unwrap().to_string(), text);
        }
        for bad in ["0", "0%", "101%", "-1", "", "%", "ten"] {
            assert!(bad.parse::<Wave>().is_err(), "{bad}");
        }
        let read: Policy = serde_json::from_str(&serde_json::to_string(&Policy::default()).unwrap()).unwrap();
        assert_eq!(read, Policy::default());
    }
}
