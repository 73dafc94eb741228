//! The kernel's own encoder. It makes nothing that a call could use, so that all the box may do with it is find it, try it and say why
//! not.

use std::fs;
use std::time::Duration;

use hardware_lab::lab::Lab;
use serde_json::Value;

use super::{Evidence, ensure, room_box, units, why};

const MOMENT: Duration = Duration::from_secs(120);

/// The modules lie in the share; what they need is in the image, for `vivid` needs it too.
const LOAD: &str = "modprobe -a videobuf2-v4l2 videobuf2-vmalloc && \
    insmod /lab/codec/v4l2-mem2mem.ko && insmod /lab/codec/vicodec.ko && udevadm settle";
const UNLOAD: &str = "rmmod vicodec v4l2_mem2mem && udevadm settle";

/// Nodes that pictures go through, by the kernel's own answer to VIDIOC_QUERYCAP.
const NODES: &str = "for node in /dev/video*; do
  v4l2-ctl --device $node --info 2> /dev/null | grep -q 'Video Memory-to-Memory' && echo $node; done; true";

/// The guest believes what its image knows of GStreamer's plugins, which saves it a minute; a box looks again.
const LOOK: &str = "mkdir -p /run/systemd/system/roomd-media@.service.d
printf '[Service]\\nEnvironment=GST_REGISTRY_UPDATE=yes\\n' > /run/systemd/system/roomd-media@.service.d/look.conf
systemctl daemon-reload && systemctl restart roomd";
const BELIEVE: &str =
    "rm -r /run/systemd/system/roomd-media@.service.d && systemctl daemon-reload && systemctl restart roomd";

/// What `roomd check` says, with a look at the plugins of its own.
const CHECK: &str = "cp /var/cache/roomd-media/registry.bin /run/registry.bin
GST_REGISTRY_UPDATE=yes GST_REGISTRY_1_0=/run/registry.bin roomd check --json 2> /dev/null";

/// Small and slow enough for a kernel that works in an emulator.
const TRIAL: &str = r#"GST_REGISTRY_UPDATE=yes GST_REGISTRY_1_0=/run/registry.bin roomd-media --trial \
    '{"encoder":"v4l2fwhtenc","path":"system","pace":3,"layers":[{"width":640,"height":360,"bitrate":1000000}]}'"#;

/// The device is there when this returns.
pub fn load(lab: &Lab) -> Result<(), String> {
    let share = lab.share().join("codec");
    if !share.is_dir() {
        let codec = lab.image.codec().map_err(why)?;
        let copy = || {
            fs::create_dir_all(&share)?;
            for name in ["v4l2-mem2mem.ko", "vicodec.ko"] {
                fs::copy(codec.join(name), share.join(name))?;
            }
            Ok(())
        };
        copy().map_err(|error: std::io::Error| format!("{}: {error}", share.display()))?;
    }
    lab.guest.must(LOAD, MOMENT).map_err(why)?;
    Ok(())
}

/// The device is gone when this returns.
pub fn unload(lab: &Lab) -> Result<(), String> {
    lab.until(UNLOAD, MOMENT).map_err(why)?;
    Ok(())
}

/// It comes while the box is idle: found, tried by the worker, refused by name. It goes, and nobody knows of it any more.
pub fn comes_and_goes(lab: &mut Lab) -> Evidence {
    lab.guest.must(LOOK, MOMENT).map_err(why)?;
    room_box::start(lab)?;
    let told = load(lab)
        .and_then(|()| is_tried(lab))
        .map_err(|reason| format!("{reason}\n{}", room_box::words(lab)));
    let gone = unload(lab).and_then(|()| is_forgotten(lab));
    lab.guest.must(BELIEVE, MOMENT).map_err(why)?;
    room_box::start(lab)?;
    let told = told?;
    gone.map(|()| told)
}

fn is_tried(lab: &Lab) -> Evidence {
    let words = "journalctl --no-pager -o cat -u 'roomd-media@*' | grep 'tried encoder=\"v4l2fwhtenc\".*video/x-fwht' | tail -1";
    let words = lab.until(&format!("{words} | grep ."), MOMENT).map_err(why)?;
    let check = check(lab)?;
    let found = nodes(&check);
    let kernels = lab.guest.must(NODES, MOMENT).map_err(why)?;
    let kernels: Vec<&str> = kernels.lines().collect();
    ensure(!kernels.is_empty() && found == kernels, || {
        format!("the box found {found:?}, the kernel has {kernels:?}")
    })?;
    let trial = trial(&check).ok_or_else(|| format!("not tried: {}", check["media"]))?;
    let refusal = serde_json::json!({ "reason": "codec", "codec": "video/x-fwht" });
    ensure(trial["refusal"] == refusal, || {
        format!("not refused for its codec: {trial}")
    })?;
    let seen = lab.guest.must(TRIAL, MOMENT).map_err(why)?;
    let seen: Value = serde_json::from_str(&seen).map_err(|error| format!("{error}: {seen}"))?;
    let coded = seen[0]["coded"].as_array().map_or(0, Vec::len);
    ensure(coded >= 43, || format!("of 45 pictures {coded} were coded: {seen}"))?;
    Ok(format!(
        "{} nodes found; {coded} of 45 pictures through the kernel's encoder; the worker says: {}",
        found.len(),
        words.trim()
    ))
}

/// The worker after it knows none.
fn is_forgotten(lab: &Lab) -> Result<(), String> {
    lab.until(units::WELL, MOMENT).map_err(why)?;
    let check = check(lab)?;
    ensure(nodes(&check).is_empty() && trial(&check).is_none(), || {
        format!("what is gone is still known: {check}")
    })?;
    let begun = "journalctl --no-pager -o cat -u 'roomd-media@*' | grep -c 'the worker begins anew'";
    lab.until(&format!("[ $({begun}) -ge 2 ]"), MOMENT).map_err(why)?;
    Ok(())
}

fn check(lab: &Lab) -> Result<Value, String> {
    let said = lab.guest.run(CHECK, MOMENT).map_err(why)?.output;
    serde_json::from_str(&said).map_err(|error| format!("roomd check --json: {error}: {said}"))
}

fn nodes(check: &Value) -> Vec<&str> {
    let codecs = check.pointer("/devices/codecs").and_then(Value::as_array);
    codecs
        .into_iter()
        .flatten()
        .filter_map(|codec| codec["node"].as_str())
        .collect()
}

fn trial(check: &Value) -> Option<&Value> {
    let trials = check.pointer("/media/trials")?.as_array()?;
    trials.iter().find(|trial| trial["encoder"] == "v4l2fwhtenc")
}
