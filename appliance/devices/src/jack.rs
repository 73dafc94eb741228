//! Sockets of a sound card that know whether something is plugged into them
//! (the kernel's `Documentation/sound/designs/jack-controls.rst`).

use alsa::ctl::ElemIface;
use alsa::hctl::{Elem, HCtl};

use crate::mixer::Side;

/// Sockets of a card that is open, as far as they belong to one side of one of its devices.
#[derive(Debug)]
pub struct Jacks {
    /// Where their changes are heard.
    pub card: HCtl,
    side: Side,
    device: u32,
}

impl Jacks {
    /// Of a card, as `hw:Array`; `device` is the number of the PCM device.
    ///
    /// # Errors
    /// When there is no such card.
    pub fn open(card: &str, side: Side, device: u32) -> alsa::Result<Self> {
        let card = HCtl::new(card, true)?;
        card.load()?;
        Ok(Self { card, side, device })
    }

    /// There are such sockets, and nothing is plugged into any.
    pub fn are_empty(&self) -> bool {
        // One that cannot be read may well be in use.
        let is_full = |socket: Elem<'_>| socket.read().ok().and_then(|value| value.get_boolean(0)) != Some(false);
        let mut sockets = self.card.elem_iter().filter(|element| self.is_ours(element)).peekable();
        sockets.peek().is_some() && !sockets.any(is_full)
    }

    fn is_ours(&self, element: &Elem<'_>) -> bool {
        let Ok(id) = element.get_id() else { return false };
        let named = id.get_name().is_ok_and(|name| belongs(name, self.side, self.device));
        named && id.get_interface() == ElemIface::Card
    }
}

/// Whether a control is a socket of this side of this device: `HDMI/DP,pcm=3 Jack` names its device, `Mic Jack` and
/// `Front Headphone Jack` are those of the first.
fn belongs(name: &str, side: Side, device: u32) -> bool {
    let Some(socket) = name.strip_suffix(" Jack") else {
        return false;
    };
    if let Some((_, behind)) = socket.split_once("pcm=") {
        let number = behind.split(',').next().and_then(|number| number.parse().ok());
        return side == Side::Playback && number == Some(device);
    }
    let hears = socket.contains("Mic") || (socket.contains("Line") && !socket.contains("Line Out"));
    device == 0 && hears == (side == Side::Capture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_socket_belongs_to_one_side_of_one_device() {
        let table = [
            ("HDMI/DP,pcm=3 Jack", Some((Side::Playback, 3))),
            ("HDMI/DP,pcm=7,idx=1 Jack", Some((Side::Playback, 7))),
            ("Headphone Jack", Some((Side::Playback, 0))),
            ("Line Out Front Jack", Some((Side::Playback, 0))),
            ("Speaker Phantom Jack", Some((Side::Playback, 0))),
            ("Mic Jack", Some((Side::Capture, 0))),
            ("Dock Mic Jack", Some((Side::Capture, 0))),
            ("Line Jack", Some((Side::Capture, 0))),
            ("Master Playback Volume", None),
            ("Jack", None),
            ("HDMI/DP,pcm=x Jack", None),
        ];
        for (name, owner) in table {
            for side in [Side::Capture, Side::Playback] {
                for device in 0..9 {
                    assert_eq!(
                        belongs(name, side, device),
                        owner == Some((side, device)),
                        "{name} {side:?} {device}"
                    );
                }
            }
        }
    }
}
