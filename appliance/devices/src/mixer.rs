//! What a sound card is set to each time it is opened: a card that was plugged in again has forgotten it, and one of the board
//! begins silent.

use std::io::PipeReader;
use std::os::fd::AsRawFd;

use alsa::mixer::{MilliBel, Mixer, Selem, SelemChannelId};
use alsa::poll::{self, Descriptors, Flags, pollfd};
use alsa::{Ctl, Round};

use crate::jack::Jacks;
use crate::watcher::Watcher;

/// Which half of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What it hears.
    Capture,
    /// What it plays.
    Playback,
}

/// Why a card that is open neither hears nor is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Somebody has switched it off on the card itself.
    SwitchedOff,
    /// Nothing is plugged into its sockets.
    Unplugged,
}

/// Loudness at which a card changes nothing: what is louder or quieter is for the room to say.
const UNCHANGED: MilliBel = MilliBel(0);

/// Keeps the controls of a card that is open: sets them, and hears of its switch and its sockets. A thread; dropping it ends it.
#[derive(Debug)]
pub struct Keeper(#[expect(dead_code, reason = "it lives as long as this")] Watcher);

impl Keeper {
    /// Tells why this side is silent, or that it is not any more, soon and at each change, where the card has a switch or sockets
    /// that it knows of. `device` is an ALSA name with `CARD=` in it; others have no card.
    ///
    /// # Errors
    /// When there is no pipe or thread to be had.
    pub fn start(device: &str, side: Side, tell: impl Fn(Option<Silence>) + Send + 'static) -> std::io::Result<Self> {
        let place = place(device).map(|(card, number)| (format!("hw:{card}"), number));
        let watch = move |stopped: &PipeReader| {
            let Some((card, number)) = place else { return };
            if let Err(error) = keep(&card, number, side, stopped, &tell) {
                tracing::warn!(card, %error, "the mixer of the card cannot be had");
            }
        };
        Watcher::start("mixer", watch).map(Self)
    }
}

/// The card's word and the number of its device: `Array` and 0 of `plughw:CARD=Array,DEV=0`.
fn place(device: &str) -> Option<(&str, u32)> {
    let (_, words) = device.split_once(':')?;
    let word = |name: &str| words.split(',').find_map(|word| word.strip_prefix(name));
    Some((
        word("CARD=")?,
        word("DEV=").and_then(|number| number.parse().ok()).unwrap_or(0),
    ))
}

fn keep(card: &str, device: u32, side: Side, stopped: &PipeReader, tell: &dyn Fn(Option<Silence>)) -> alsa::Result<()> {
    let usb = Ctl::new(card, true)?.card_info()?.get_components()?.starts_with("USB");
    let mixer = Mixer::new(card, true)?;
    let jacks = Jacks::open(card, side, device)?;
    elements(&mixer, side).for_each(|element| apply(&element, side, usb));
    let mut told = None;
    loop {
        let silence = if is_off(&mixer, side) {
            Some(Silence::SwitchedOff)
        } else {
            jacks.are_empty().then_some(Silence::Unplugged)
        };
        if silence != told {
            told = silence;
            tell(silence);
        }
        if !changed(&mixer, &jacks, stopped)? {
            return Ok(());
        }
        mixer.handle_events()?;
        jacks.card.handle_events()?;
    }
}

/// What a side has, without what would be heard of the other side in it.
fn elements(mixer: &Mixer, side: Side) -> impl Iterator<Item = Selem<'_>> {
    mixer.iter().filter_map(Selem::new).filter(move |element| {
        let id = element.get_id();
        id.get_name().is_ok_and(|name| !is_of_the_other_side(name, side))
    })
}

/// A card can play its microphone in its loudspeaker, which howls, and record what it plays, which everybody hears twice.
fn is_of_the_other_side(name: &str, side: Side) -> bool {
    let name = name.to_lowercase();
    let others: &[&str] = match side {
        Side::Playback => &["mic", "microphone", "loopback", "sidetone", "capture"],
        Side::Capture => &["mix", "loopback", "sidetone"],
    };
    name.split([' ', '-']).any(|word| others.contains(&word)) || (side == Side::Playback && name == "line")
}

/// Switched on, and as loud as it is. The switch of a USB card is left alone: it may be a button under somebody's hand, and
/// nobody else switches a microphone on.
fn apply(element: &Selem<'_>, side: Side, usb: bool) {
    let (has_switch, has_volume, (least, most)) = match side {
        Side::Capture => (
            element.has_capture_switch(),
            element.has_capture_volume(),
            element.get_capture_db_range(),
        ),
        Side::Playback => (
            element.has_playback_switch(),
            element.has_playback_volume(),
            element.get_playback_db_range(),
        ),
    };
    let mut done = Ok(());
    if has_switch && !usb {
        done = match side {
            Side::Capture => element.set_capture_switch_all(1),
            Side::Playback => element.set_playback_switch_all(1),
        };
    }
    if has_volume && (least..=most).contains(&UNCHANGED) {
        done = done.and_then(|()| match side {
            Side::Capture => element.set_capture_db_all(UNCHANGED, Round::Floor),
            Side::Playback => element.set_playback_db_all(UNCHANGED, Round::Floor),
        });
    }
    if let Err(error) = done {
        tracing::warn!(element = ?element.get_id().get_name(), %error, "the card does not obey");
    }
}

/// There are switches, and all of them are off.
fn is_off(mixer: &Mixer, side: Side) -> bool {
    let on = |element: &Selem<'_>| {
        let (has, value) = match side {
            Side::Capture => (
                element.has_capture_switch(),
                element.get_capture_switch(SelemChannelId::mono()),
            ),
            Side::Playback => (
                element.has_playback_switch(),
                element.get_playback_switch(SelemChannelId::mono()),
            ),
        };
        has.then(|| value != Ok(0))
    };
    let mut switches = elements(mixer, side).filter_map(|element| on(&element)).peekable();
    switches.peek().is_some() && !switches.any(|on| on)
}

/// Waits for a change; false: it shall end, or the card was pulled out.
fn changed(mixer: &Mixer, jacks: &Jacks, stopped: &PipeReader) -> alsa::Result<bool> {
    let ended = pollfd {
        fd: stopped.as_raw_fd(),
        events: Flags::IN.bits(),
        revents: 0,
    };
    let mut watched = vec![ended];
    watched.extend(mixer.get()?);
    watched.extend(jacks.card.get()?);
    // A signal is no reason to stop.
    let _ = poll::poll(&mut watched, -1);
    let mut heard = watched.iter().map(|one| Flags::from_bits_truncate(one.revents));
    let ended = heard.next().is_none_or(|flags| !flags.is_empty());
    let gone = heard.any(|flags| flags.intersects(Flags::ERR | Flags::HUP | Flags::NVAL));
    Ok(!ended && !gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_with_a_card_in_it_has_a_mixer() {
        assert_eq!(place("plughw:CARD=Array,DEV=3"), Some(("Array", 3)));
        assert_eq!(place("hw:DEV=1,CARD=2"), Some(("2", 1)));
        assert_eq!(place("hw:CARD=2"), Some(("2", 0)));
        assert_eq!(place("hw:2"), None);
        assert_eq!(place("default"), None);
    }

    #[test]
    fn what_would_be_heard_of_the_other_side_is_left_as_it_is() {
        for name in [
            "Mic",
            "Front Mic",
            "Internal Mic Boost",
            "Loopback Mixing",
            "Line",
            "Sidetone",
        ] {
            assert!(is_of_the_other_side(name, Side::Playback), "{name}");
        }
        for name in [
            "Master",
            "PCM",
            "Speaker",
            "Headset",
            "Line Out",
            "IEC958",
            "HDMI Dynamic Range",
        ] {
            assert!(!is_of_the_other_side(name, Side::Playback), "{name}");
        }
        for name in ["Mix", "Stereo Mix", "Loopback"] {
            assert!(is_of_the_other_side(name, Side::Capture), "{name}");
        }
        for name in ["Capture", "Mic", "Internal Mic Boost", "Line", "Digital"] {
            assert!(!is_of_the_other_side(name, Side::Capture), "{name}");
        }
    }

    #[test]
    fn a_card_that_is_not_there_says_nothing_and_holds_nobody_up() {
        let (told, heard) = std::sync::mpsc::channel();
        let keeper = Keeper::start("plughw:CARD=nobody,DEV=0", Side::Capture, move |silence| {
            let _ = told.send(silence);
        })
        .unwrap();
        drop(keeper);
        assert_eq!(
            heard.try_recv().err(),
            Some(std::sync::mpsc::TryRecvError::Disconnected)
        );
    }
}
