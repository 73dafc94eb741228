//! What may be said to the USB room devices, one line each.

use std::str::FromStr;

use super::descriptors::Make;

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// `plug room|camera|microphone [channels=N] [rate=N] [serial=TEXT]`.
    Plug {
        /// Under which it is pulled again.
        name: String,
        /// What it is.
        make: Make,
    },
    /// `unplug NAME`.
    Unplug {
        /// As it was plugged in.
        name: String,
    },
    /// `shutter open|closed`: the lid before each camera.
    Shutter {
        /// Nothing is seen.
        closed: bool,
    },
    /// `stall on|off`: devices stay plugged in and deliver nothing.
    Stall {
        /// Nothing is delivered.
        stalled: bool,
    },
    /// `status`: what is plugged in, and what of it the host has switched on: `room(camera+microphone)`.
    Status,
}

impl FromStr for Order {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["plug", name, options @ ..] => Ok(Self::Plug {
                name: (*name).to_owned(),
                make: make(name, options)?,
            }),
            ["unplug", name] => Ok(Self::Unplug {
                name: (*name).to_owned(),
            }),
            ["shutter", "closed"] => Ok(Self::Shutter { closed: true }),
            ["shutter", "open"] => Ok(Self::Shutter { closed: false }),
            ["stall", "on"] => Ok(Self::Stall { stalled: true }),
            ["stall", "off"] => Ok(Self::Stall { stalled: false }),
            ["status"] => Ok(Self::Status),
            _ => Err(
                "say: plug room|camera|microphone [channels=N] [rate=N] [serial=TEXT], unplug NAME, shutter open|closed, \
                 stall on|off, status"
                    .into(),
            ),
        }
    }
}

fn make(name: &str, options: &[&str]) -> Result<Make, String> {
    let mut make = match name {
        "room" => Make::room(),
        "camera" => Make {
            channels: None,
            serial: "CAM-4711".into(),
            ..Make::room()
        },
        "microphone" => Make {
            camera: false,
            serial: "MIC-4711".into(),
            ..Make::room()
        },
        other => return Err(format!("there is no {other}: room, camera, microphone")),
    };
    for option in options {
        match option.split_once('=') {
            Some(("channels", number)) if make.channels.is_some() => {
                let number = number.parse().ok().filter(|number| (1..=8).contains(number));
                make.channels = Some(number.ok_or("channels are 1 to 8")?);
            }
            Some(("rate", number)) if make.camera => {
                let number = number.parse().ok().filter(|number| (1..=60).contains(number));
                make.rates = vec![number.ok_or("rates are 1 to 60")?];
            }
            Some(("serial", text)) if text.len() <= 32 && text.is_ascii() => make.serial = text.to_owned(),
            _ => return Err(format!("`{option}` is not understood")),
        }
    }
    Ok(make)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_with_two_channels_is_plugged_in_as_such() {
        let order: Order = "plug microphone channels=2 serial=X".parse().unwrap();
        let Order::Plug { name, make } = order else {
            panic!("{order:?}")
        };
        assert_eq!(
            (name.as_str(), make.camera, make.channels, make.serial.as_str()),
            ("microphone", false, Some(2), "X")
        );
    }

    #[test]
    fn what_is_not_understood_says_what_is() {
        for wrong in [
            "",
            "plug",
            "plug toaster",
            "plug camera channels=8",
            "plug room channels=9",
            "shutter",
            "stall maybe",
        ] {
            assert!(wrong.parse::<Order>().is_err(), "{wrong}");
        }
    }
}
