//! USB room devices in the guest: plugged in, pulled out, spoken with.

use std::time::Duration;

use super::why;
use hardware_lab::lab::Lab;

const MOMENT: Duration = Duration::from_secs(120);

/// Starts the emulated devices, unless they are there.
const SERVE: &str = "/usr/lib/hemicycle-lab/usb-room";

/// The camera's link by its serial number.
pub const CAMERA: &str = "/dev/v4l/by-id/usb-Hemicycle_Room_Camera*-video-index0";

/// The array's card, by the vendor in the kernel's table; its word is for rules to choose. A shell's words for its number.
pub const ARRAY: &str = "$(grep -ls ^1d6b: /proc/asound/card*/usbid | tr -cd 0-9)";

/// Plugs in what `order` says (`room`, `microphone channels=2`); the kernel and udev are done with it when this returns.
pub fn plug(lab: &Lab, order: &str) -> Result<(), String> {
    lab.guest.must(SERVE, MOMENT).map_err(why)?;
    say(lab, &format!("plug {order}"))?;
    let camera = format!("ls {CAMERA}");
    let array = "grep -qs ^1d6b: /proc/asound/card*/usbid";
    let there = match order.split(' ').next() {
        Some("camera") => camera,
        Some("microphone") => array.to_owned(),
        _ => format!("{camera} && {array}"),
    };
    lab.until(&format!("{there} && udevadm settle"), MOMENT).map_err(why)?;
    Ok(())
}

/// Pulls it out; its nodes are gone when this returns.
pub fn unplug(lab: &Lab, name: &str) -> Result<(), String> {
    say(lab, &format!("unplug {name}"))?;
    let gone = format!("! ls {CAMERA} 2> /dev/null && ! grep -qs ^1d6b: /proc/asound/card*/usbid && udevadm settle");
    lab.until(&gone, MOMENT).map_err(why)?;
    Ok(())
}

/// Pulls it out; the kernel may still be at it when this returns.
pub fn pull(lab: &Lab, name: &str) -> Result<(), String> {
    say(lab, &format!("unplug {name}"))
}

/// Whether any device has been switched on, as the devices themselves see it.
pub fn lit(lab: &Lab) -> Result<bool, String> {
    let said = lab.guest.must("hardware-guest say status", MOMENT).map_err(why)?;
    Ok(["camera", "microphone"]
        .iter()
        .any(|light| said.contains(&format!("({light}")) || said.contains(&format!("+{light}"))))
}

/// One order to the devices.
pub fn say(lab: &Lab, order: &str) -> Result<(), String> {
    lab.guest
        .must(&format!("hardware-guest say {order}"), MOMENT)
        .map_err(why)?;
    Ok(())
}
