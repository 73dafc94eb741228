//! What a trial has seen of an encoder, and what to think of it (`specs/camera.md` §1.5). Pure.

use std::mem::discriminant;

use serde::{Deserialize, Serialize};

use super::instance::H264;

/// Pictures of a trial.
pub const PICTURES: u32 = 45;
/// With this one a key frame is asked for.
pub const KEY_ASKED: u32 = 15;
/// With this one the rate is halved.
pub const RATE_HALVED: u32 = 25;
/// From this one on the rate is what was asked for.
const RATE_SETTLED: u32 = 30;

/// So many may be missing at the end.
const MISSING: u32 = 2;
/// A key frame comes so soon after it was asked for, pictures; it may be of the picture before, when that was not coded yet.
const KEY_WITHIN: u32 = 3;
/// Later than so many pictures is late; than so many, no encoder for a conversation.
const LATE: f64 = 2.0;
const TOO_LATE: f64 = 8.0;
/// The rate may be off by so much, percent.
const RATE_OFF: f64 = 30.0;
/// Worse than this, dB, is no picture of what was filmed.
const FAITHFUL: f64 = 28.0;
/// Baseline, with the second of its constraints.
const BASELINE: u8 = 66;

/// One coded picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coded {
    /// Which picture, from 0.
    pub picture: u32,
    /// How long after the picture, in pictures.
    pub late: f64,
    /// Bytes.
    pub bytes: u64,
    /// It can be decoded alone.
    pub idr: bool,
    /// It brings both parameter sets.
    pub parameter_sets: bool,
    /// `profile_idc` and the second of the constraints, where it brings them.
    pub profile: Option<(u8, bool)>,
    /// It refers to pictures that are shown later.
    pub bidirectional: bool,
    /// How much it is like what was filmed: PSNR of the luma, dB; none: it could not be decoded.
    pub psnr: Option<f64>,
}

/// What a trial has seen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Lines of its pictures.
    pub height: u32,
    /// What they are coded in, by GStreamer's word; none: nothing came.
    pub codec: Option<String>,
    /// Coded pictures, in the order in which they came.
    pub coded: Vec<Coded>,
    /// Pictures a second.
    pub pace: u32,
    /// bit/s, before it was halved.
    pub bitrate: u32,
    /// Microseconds of the processor for each picture, of all layers together.
    pub processor_us: u64,
    /// It ended with these words.
    pub error: Option<String>,
}

/// Why an encoder is not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum Refusal {
    /// It ended, or does not start.
    Fails {
        /// GStreamer's words.
        detail: String,
    },
    /// Its process died or did not end in time.
    Hangs,
    /// It was being tried when the machine went down.
    Fatal,
    /// No call can use what it makes.
    Codec {
        /// GStreamer's word for that.
        codec: String,
    },
    /// Pictures are missing.
    Loses {
        /// So many came.
        coded: u32,
    },
    /// What comes first cannot be decoded alone.
    NoBeginning,
    /// Not constrained baseline.
    Profile {
        /// `profile_idc`.
        idc: u8,
    },
    /// Pictures wait for later ones.
    LooksAhead,
    /// The picture is not what was filmed.
    Unfaithful,
    /// The rate is not what was asked for, from the beginning.
    Rate {
        /// Percent of it.
        percent: u64,
    },
    /// Pictures come too late for a conversation.
    TooLate,
}

impl Refusal {
    /// A machine that had too much else to do may look so, or hardware that somebody else held.
    #[must_use]
    pub fn may_be_the_machine(&self) -> bool {
        matches!(
            self,
            Self::Fails { .. } | Self::Hangs | Self::Loses { .. } | Self::TooLate
        )
    }
}

/// What has to be known of an encoder that is used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Flaw {
    /// It makes no key frame when asked: one comes by itself every two seconds.
    NoKeyOnRequest,
    /// Its rate is that of its beginning: another rate is another instance.
    RateOfBeginning,
    /// Pictures come two or more late.
    Late,
}

/// What to think of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "verdict")]
pub enum Verdict {
    /// It can be used.
    Passed {
        /// Not without these.
        flaws: Vec<Flaw>,
        /// Microseconds of the processor for each picture, of all layers together.
        processor_us: u64,
        /// Lines of the layers that it can be used for, the largest first.
        heights: Vec<u32>,
    },
    /// It cannot.
    Refused {
        /// The first reason that was found.
        refusal: Refusal,
    },
}

impl Verdict {
    /// The same, whatever was measured: passed with these flaws for these layers, or refused for this reason.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Passed { flaws, heights, .. },
                Self::Passed {
                    flaws: others,
                    heights: other_heights,
                    ..
                },
            ) => (flaws, heights) == (others, other_heights),
            (Self::Refused { refusal }, Self::Refused { refusal: other }) => {
                discriminant(refusal) == discriminant(other)
            }
            _ => false,
        }
    }
}

/// Judges what was seen of its layers, the largest first. It can be used for those that pass; where none does, the reason is the first's.
#[must_use]
pub fn judge(layers: &[Seen]) -> Verdict {
    let (mut passed, mut refusals) = (Vec::new(), Vec::new());
    for seen in layers {
        match refusal(seen) {
            Some(refusal) => refusals.push(refusal),
            None => passed.push(seen),
        }
    }
    let Some(first) = passed.first() else {
        let refusal = refusals.into_iter().next().unwrap_or(Refusal::Hangs);
        return Verdict::Refused { refusal };
    };
    let mut flaws: Vec<Flaw> = passed.iter().copied().flat_map(flaws).collect();
    flaws.sort_unstable();
    flaws.dedup();
    Verdict::Passed {
        flaws,
        processor_us: first.processor_us,
        heights: passed.iter().map(|seen| seen.height).collect(),
    }
}

fn refusal(seen: &Seen) -> Option<Refusal> {
    if let Some(detail) = &seen.error {
        return Some(Refusal::Fails { detail: detail.clone() });
    }
    if let Some(codec) = seen.codec.clone().filter(|codec| codec != H264) {
        return Some(Refusal::Codec { codec });
    }
    let coded = u32::try_from(seen.coded.len()).unwrap_or(u32::MAX);
    if coded + MISSING < PICTURES {
        return Some(Refusal::Loses { coded });
    }
    let begins = |first: &&Coded| first.idr && first.parameter_sets;
    let Some(first) = seen.coded.first().filter(begins) else {
        return Some(Refusal::NoBeginning);
    };
    let in_order = seen.coded.is_sorted_by_key(|coded| coded.picture);
    if !in_order || seen.coded.iter().any(|coded| coded.bidirectional) {
        return Some(Refusal::LooksAhead);
    }
    match first.profile {
        Some((BASELINE, true)) => {}
        Some((idc, _)) => return Some(Refusal::Profile { idc }),
        None => return Some(Refusal::NoBeginning),
    }
    if !faithful(&seen.coded) {
        return Some(Refusal::Unfaithful);
    }
    if percentile(&seen.coded, 95) > TOO_LATE {
        return Some(Refusal::TooLate);
    }
    // One that keeps to neither rate keeps to none.
    let percent = rate_percent(seen, 0..RATE_HALVED, seen.bitrate);
    let settled = rate_percent(seen, RATE_SETTLED..PICTURES, seen.bitrate / 2);
    (is_off(percent) && is_off(settled)).then_some(Refusal::Rate {
        percent: percent as u64,
    })
}

fn flaws(seen: &Seen) -> Vec<Flaw> {
    let answered = seen
        .coded
        .iter()
        .any(|coded| coded.idr && (KEY_ASKED - 1..=KEY_ASKED + KEY_WITHIN).contains(&coded.picture));
    let followed = !is_off(rate_percent(seen, RATE_SETTLED..PICTURES, seen.bitrate / 2));
    let in_time = percentile(&seen.coded, 95) <= LATE;
    let table = [
        (answered, Flaw::NoKeyOnRequest),
        (followed, Flaw::RateOfBeginning),
        (in_time, Flaw::Late),
    ];
    table
        .into_iter()
        .filter(|(good, _)| !good)
        .map(|(_, flaw)| flaw)
        .collect()
}

/// Every picture was decoded, and on the whole they are like what was filmed.
fn faithful(coded: &[Coded]) -> bool {
    let decoded: Option<Vec<f64>> = coded.iter().map(|coded| coded.psnr).collect();
    decoded.is_some_and(|psnr| psnr.iter().sum::<f64>() / psnr.len().max(1) as f64 >= FAITHFUL)
}

/// What these pictures take of this rate, percent.
fn rate_percent(seen: &Seen, pictures: std::ops::Range<u32>, bitrate: u32) -> f64 {
    let of = |coded: &&Coded| pictures.contains(&coded.picture);
    let bytes: u64 = seen.coded.iter().filter(of).map(|coded| coded.bytes).sum();
    let seconds = f64::from(pictures.end - pictures.start) / f64::from(seen.pace.max(1));
    bytes as f64 * 8.0 / seconds / f64::from(bitrate.max(1)) * 100.0
}

fn is_off(percent: f64) -> bool {
    (percent.round() - 100.0).abs() > RATE_OFF
}

/// Of how late pictures come, in pictures.
fn percentile(coded: &[Coded], percent: usize) -> f64 {
    let mut late: Vec<f64> = coded.iter().map(|coded| coded.late).collect();
    late.sort_by(f64::total_cmp);
    late.get((late.len().saturating_sub(1)) * percent / 100)
        .copied()
        .unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an encoder without any flaw does: 1.5 Mbit/s, then half of it.
    fn good() -> Seen {
        let coded = |picture: u32| {
            let key = picture == 0 || picture == KEY_ASKED + 1;
            let rate = if picture < RATE_HALVED { 1_500_000 } else { 750_000 };
            Coded {
                picture,
                late: 0.4,
                bytes: rate / 30 / 8,
                idr: key,
                parameter_sets: key,
                profile: key.then_some((66, true)),
                bidirectional: false,
                psnr: Some(34.0),
            }
        };
        Seen {
            height: 720,
            codec: Some(H264.into()),
            coded: (0..PICTURES).map(coded).collect(),
            pace: 30,
            bitrate: 1_500_000,
            processor_us: 900,
            error: None,
        }
    }

    fn with(change: impl FnOnce(&mut Seen)) -> Verdict {
        let mut seen = good();
        change(&mut seen);
        judge(&[seen])
    }

    fn passed(flaws: &[Flaw]) -> Verdict {
        Verdict::Passed {
            flaws: flaws.to_vec(),
            processor_us: 900,
            heights: vec![720],
        }
    }

    fn refused(refusal: Refusal) -> Verdict {
        Verdict::Refused { refusal }
    }

    #[test]
    fn one_that_does_everything_passes() {
        assert_eq!(with(|_| ()), passed(&[]));
        assert_eq!(
            with(|seen| seen.coded.truncate(43)),
            passed(&[]),
            "two may be on their way"
        );
    }

    #[test]
    fn one_that_cannot_be_used_is_refused_by_its_name() {
        let fails = || Refusal::Fails {
            detail: "STREAMON -3".into(),
        };
        assert_eq!(with(|seen| seen.error = Some("STREAMON -3".into())), refused(fails()));
        let other = |seen: &mut Seen| {
            seen.codec = Some("video/x-fwht".into());
            seen.coded.truncate(20);
        };
        let codec = "video/x-fwht".into();
        assert_eq!(with(other), refused(Refusal::Codec { codec }));
        assert_eq!(
            with(|seen| seen.coded.truncate(42)),
            refused(Refusal::Loses { coded: 42 })
        );
        assert_eq!(with(|seen| seen.coded.clear()), refused(Refusal::Loses { coded: 0 }));
        let nothing = |seen: &mut Seen| (seen.codec, seen.coded) = (None, Vec::new());
        assert_eq!(with(nothing), refused(Refusal::Loses { coded: 0 }));
        assert_eq!(with(|seen| seen.coded[0].idr = false), refused(Refusal::NoBeginning));
        assert_eq!(
            with(|seen| seen.coded[0].parameter_sets = false),
            refused(Refusal::NoBeginning)
        );
        assert_eq!(
            with(|seen| seen.coded[0].profile = Some((100, true))),
            refused(Refusal::Profile { idc: 100 })
        );
        assert_eq!(
            with(|seen| seen.coded[0].profile = Some((66, false))),
            refused(Refusal::Profile { idc: 66 })
        );
        assert_eq!(
            with(|seen| seen.coded[7].bidirectional = true),
            refused(Refusal::LooksAhead)
        );
        assert_eq!(with(|seen| seen.coded.swap(7, 8)), refused(Refusal::LooksAhead));
        assert_eq!(with(|seen| seen.coded[7].psnr = None), refused(Refusal::Unfaithful));
        let grey = |seen: &mut Seen| seen.coded.iter_mut().for_each(|coded| coded.psnr = Some(27.9));
        assert_eq!(with(grey), refused(Refusal::Unfaithful));
        let slow = |seen: &mut Seen| seen.coded.iter_mut().for_each(|coded| coded.late = 8.1);
        assert_eq!(with(slow), refused(Refusal::TooLate));
        // An encoder of constant quality (Q3), or one that overshoots (Q8).
        let large = |seen: &mut Seen| seen.coded.iter_mut().for_each(|coded| coded.bytes = 12_500);
        assert_eq!(with(large), refused(Refusal::Rate { percent: 200 }));
    }

    #[test]
    fn one_with_a_flaw_passes_and_the_flaw_is_known() {
        let deaf = |seen: &mut Seen| seen.coded[16].idr = false;
        assert_eq!(with(deaf), passed(&[Flaw::NoKeyOnRequest]));
        let soon = |seen: &mut Seen| {
            seen.coded[16].idr = false;
            seen.coded[13].idr = true;
        };
        assert_eq!(
            with(soon),
            passed(&[Flaw::NoKeyOnRequest]),
            "one that was not asked for"
        );
        for picture in [14, 18] {
            let in_time = |seen: &mut Seen| {
                seen.coded[16].idr = false;
                seen.coded[picture].idr = true;
            };
            assert_eq!(with(in_time), passed(&[]), "{picture}");
        }
        let stubborn = |seen: &mut Seen| seen.coded.iter_mut().for_each(|coded| coded.bytes = 6_250);
        assert_eq!(with(stubborn), passed(&[Flaw::RateOfBeginning]));
        let late = |seen: &mut Seen| seen.coded.iter_mut().for_each(|coded| coded.late = 2.1);
        assert_eq!(with(late), passed(&[Flaw::Late]));
        let once = |seen: &mut Seen| seen.coded[9].late = 7.0;
        assert_eq!(with(once), passed(&[]), "one of twenty may be late");
    }

    #[test]
    fn one_is_used_for_the_layers_that_pass_and_has_the_flaws_of_all_of_them() {
        let at = |height: u32, change: fn(&mut Seen)| {
            let mut seen = Seen { height, ..good() };
            change(&mut seen);
            seen
        };
        let fails = |seen: &mut Seen| seen.error = Some("no memory".into());
        let deaf = |seen: &mut Seen| seen.coded[16].idr = false;
        let late = |seen: &mut Seen| seen.coded.iter_mut().for_each(|coded| coded.late = 3.0);
        let passed = |flaws: &[Flaw], heights: &[u32]| Verdict::Passed {
            flaws: flaws.to_vec(),
            processor_us: 900,
            heights: heights.to_vec(),
        };
        let verdict = judge(&[at(720, late), at(360, deaf), at(180, fails)]);
        let both = passed(&[Flaw::NoKeyOnRequest, Flaw::Late], &[720, 360]);
        assert_eq!(verdict, both);
        assert_eq!(judge(&[at(720, fails), at(180, |_| ())]), passed(&[], &[180]));
        assert!(!both.is_like(&passed(&[Flaw::NoKeyOnRequest, Flaw::Late], &[720])));
        let refusal = Refusal::Fails {
            detail: "no memory".into(),
        };
        let garbage = |seen: &mut Seen| seen.coded[7].psnr = None;
        assert_eq!(judge(&[at(720, fails), at(180, garbage)]), refused(refusal));
        assert_eq!(judge(&[]), refused(Refusal::Hangs));
    }

    #[test]
    fn the_rate_may_be_off_by_thirty_percent() {
        let rate = |percent: u64| {
            with(move |seen| {
                let settled = seen.coded.iter_mut().skip(30);
                settled.for_each(|coded| coded.bytes = 3_125 * percent / 100);
            })
        };
        assert_eq!(rate(130), passed(&[]));
        assert_eq!(rate(70), passed(&[]));
        assert_eq!(rate(131), passed(&[Flaw::RateOfBeginning]));
        assert_eq!(rate(69), passed(&[Flaw::RateOfBeginning]));
    }
}
