//! What the box finds against what the kernel has.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::{Evidence, ensure, plug, why};
use hardware_lab::lab::Lab;

const MOMENT: Duration = Duration::from_secs(120);

/// Two cameras that the kernel plays, and a loopback card.
const LOAD: &str = "set -e
modprobe vivid n_devs=2 node_types=0x1,0x1 input_types=0x00,0x00 num_inputs=1,1 multiplanar=1,1
modprobe snd-aloop index=10 id=Loop pcm_substreams=1
udevadm settle";

const UNLOAD: &str = "modprobe -r vivid && modprobe -r snd-aloop && udevadm settle";

/// Nodes that capture pictures, by the kernel's own answer to VIDIOC_QUERYCAP.
const CAMERAS: &str = "for node in /dev/video*; do
  v4l2-ctl --device $node --info 2> /dev/null | sed '1,/Device Caps/d' | grep -q 'Video Capture' && echo $node; done; true";

/// Devices that capture sound: `CARD DEVICE`, by ALSA's own list.
const MICROPHONES: &str =
    "arecord --list-devices | sed -n 's/^card [0-9]*: \\([^ ]*\\) .*device \\([0-9]*\\):.*/\\1 \\2/p'";
const SPEAKERS: &str = "aplay --list-devices | sed -n 's/^card [0-9]*: \\([^ ]*\\) .*device \\([0-9]*\\):.*/\\1 \\2/p'";

/// `roomd check --json` names exactly the devices that the kernel has.
pub fn matches(lab: &mut Lab) -> Evidence {
    lab.guest.must(LOAD, MOMENT).map_err(why)?;
    plug::plug(lab, "room")?;
    let compared = compare(lab);
    plug::unplug(lab, "room")?;
    lab.guest.must(UNLOAD, MOMENT).map_err(why)?;
    compared
}

fn compare(lab: &Lab) -> Evidence {
    let check = lab
        .guest
        .run("roomd check --json 2> /dev/null", MOMENT)
        .map_err(why)?
        .output;
    let check: Value = serde_json::from_str(&check).map_err(|error| format!("roomd check --json: {error}: {check}"))?;
    let found = |list: &str, field: &str| -> BTreeSet<String> {
        let list = check.pointer(&format!("/devices/{list}")).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(|one| one[field].as_str().map(str::to_owned))
            .collect()
    };
    let kernels = |script: &str| -> Result<BTreeSet<String>, String> {
        Ok(lab
            .guest
            .must(script, MOMENT)
            .map_err(why)?
            .lines()
            .map(str::to_owned)
            .collect())
    };
    let alsa = |script: &str| -> Result<BTreeSet<String>, String> {
        let named = |line: &String| {
            line.split_once(' ')
                .map(|(card, device)| format!("plughw:CARD={card},DEV={device}"))
        };
        Ok(kernels(script)?.iter().filter_map(named).collect())
    };
    let mut seen = Vec::new();
    for (what, found, kernels, least) in [
        ("cameras", found("cameras", "node"), kernels(CAMERAS)?, 3),
        ("microphones", found("microphones", "device"), alsa(MICROPHONES)?, 3),
        ("speakers", found("speakers", "device"), alsa(SPEAKERS)?, 2),
    ] {
        ensure(found == kernels, || {
            format!("{what}: the box found {found:?}, the kernel has {kernels:?}")
        })?;
        ensure(kernels.len() >= least, || {
            format!("{what}: the kernel has {kernels:?}, wanted {least} at least")
        })?;
        seen.push(format!("{} {what}", found.len()));
    }
    let array = check.pointer("/devices/microphones").and_then(Value::as_array);
    let eight = array
        .into_iter()
        .flatten()
        .any(|one| one["usb"] == "1d6b:0043" && one["channels"] == serde_json::json!([8]));
    ensure(eight, || {
        format!("the array does not show its eight channels: {array:?}")
    })?;
    let elements = check.pointer("/media/elements").and_then(Value::as_array);
    let missing: Vec<&Value> = elements
        .into_iter()
        .flatten()
        .filter(|one| one["present"] == false)
        .collect();
    ensure(check["ready"] == true, || format!("not ready, missing: {missing:?}"))?;
    Ok(format!("{}; ready", seen.join(", ")))
}
