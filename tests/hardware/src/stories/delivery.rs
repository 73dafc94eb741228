//! A box out of the factory is nobody's until somebody plugs in what `roomctl deliver` wrote (docs/boards.md, "Delivery").

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hardware_lab::lab::Lab;
use hardware_lab::stage::{self, project};
use tempfile::TempDir;

use super::room_box::CONTROL;
use super::{Evidence, ensure, room_box, units, why};

const MOMENT: Duration = Duration::from_secs(120);

/// Boxes on the stick.
const SERIALS: [&str; 2] = ["HC24-000001", "HC24-000002"];

/// Where the image has what is a box's alone.
const FOLDERS: &str = "yocto/meta-hemicycle-distro/recipes-core/systemd/files/20-hemicycle-var.conf";

/// What is a box's alone, and where its stick is.
const SEEN: &str = "set -e
systemd-creds decrypt --name=box.toml /var/lib/credstore.encrypted/box.toml - | grep serial
stat -c '%U %a' /var/lib/roomd/fleet/maker.key
if mountpoint -q /run/delivery; then echo mounted; fi
mount -o ro /dev/sda /mnt
(cd /mnt; ls -d */maker.key 2> /dev/null || true)
umount /mnt";

const REPLUG: &str = "set -e
stick=$(dirname $(grep -l 'QEMU USB HARDDRIVE' /sys/bus/usb/devices/*/product))
echo 0 > $stick/authorized; udevadm settle
echo 1 > $stick/authorized; udevadm settle
tries=0; until [ -b /dev/sda ]; do sleep 0.2; tries=$((tries + 1)); [ $tries -lt 100 ]; done; udevadm settle";

const WORDS: &str = "lsblk --output NAME,TRAN,FSTYPE,LABEL; udevadm info /dev/sda | grep -E 'ID_(BUS|FS)|SYSTEMD'
ls -l /var/lib/credstore.encrypted /var/lib/roomd/fleet
systemctl --no-pager status roomd-delivery run-delivery.mount
journalctl --no-pager -o cat -n 30 -u roomd-delivery -u run-delivery.mount";

/// As out of the factory.
const FORGET: &str = "systemctl stop roomd-delivery run-delivery.mount
rm -rf /var/lib/roomd/fleet/* /var/lib/credstore.encrypted/*; systemctl restart roomd";

const DELIVERED: &str = "test -e /var/lib/credstore.encrypted/box.toml && ! systemctl is-active roomd-delivery";

/// Two boxes take what is for them, one after the other, each once; a third is told that there is nothing left.
pub fn by_stick(lab: &mut Lab) -> Evidence {
    let told = write_stick(lab).and_then(|()| tell(lab));
    let told = told.map_err(|reason| format!("{reason}\n{}", words(lab)));
    lab.no_stick().map_err(why)?;
    lab.guest.must(FORGET, MOMENT).map_err(why)?;
    lab.stage_again().map_err(why)?;
    lab.cut_power(&[]).map_err(why)?;
    lab.until(units::WELL, MOMENT).map_err(why)?;
    told
}

fn tell(lab: &mut Lab) -> Evidence {
    let before = on_the_wall(lab)?;
    ensure(before.contains("propri"), || {
        format!("out of the factory the wall says {before:?}")
    })?;
    let mut seen = Vec::new();
    lab.cut_power(&[]).map_err(why)?;
    lab.until(DELIVERED, MOMENT).map_err(why)?;
    seen.push(is(lab, SERIALS[0], &SERIALS[1..])?);

    // It is somebody's: the stick may come back as often as it likes.
    lab.guest.must(REPLUG, MOMENT).map_err(why)?;
    is(lab, SERIALS[0], &SERIALS[1..])?;

    lab.guest.must(FORGET, MOMENT).map_err(why)?;
    lab.until(units::WELL, MOMENT).map_err(why)?;
    lab.guest.must(REPLUG, MOMENT).map_err(why)?;
    lab.until(DELIVERED, MOMENT).map_err(why)?;
    seen.push(is(lab, SERIALS[1], &[])?);

    lab.guest.must(FORGET, MOMENT).map_err(why)?;
    lab.until(units::WELL, MOMENT).map_err(why)?;
    lab.guest.must(REPLUG, MOMENT).map_err(why)?;
    lab.until("systemctl is-failed roomd-delivery", MOMENT).map_err(why)?;
    let refused = on_the_wall(lab)?;
    ensure(refused.contains("déjà servi"), || {
        format!("the third reads {refused:?}")
    })?;
    Ok(format!("{}; a third box says: {refused}", seen.join("; ")))
}

/// The box is this one by now, and these are left on the stick.
fn is(lab: &Lab, serial: &str, left: &[&str]) -> Evidence {
    // The daemon begins anew with what it was given.
    let shows = format!(r#"hardware-guest ask {CONTROL} '{{"command":"state"}}' | grep -q {serial}"#);
    lab.until(&shows, MOMENT).map_err(why)?;
    let seen = lab.guest.must(SEEN, MOMENT).map_err(why)?;
    let left: String = left.iter().map(|serial| format!("{serial}/maker.key\n")).collect();
    let wanted = format!("serial = \"{serial}\"\nroomd 600\n{left}");
    ensure(seen == wanted, || format!("wanted {wanted:?}, seen {seen:?}"))?;
    let wall = on_the_wall(lab)?;
    Ok(format!("{wall:?}, its key taken off the stick"))
}

/// The last words of those who have to do with it, for whoever looks for a reason.
fn words(lab: &Lab) -> String {
    let words = lab.guest.run(WORDS, MOMENT);
    words.map(|answer| answer.output).unwrap_or_default()
}

fn on_the_wall(lab: &Lab) -> Result<String, String> {
    let state = room_box::ask(lab, r#"{"command":"state"}"#)?;
    let text = state.pointer("/state/bulletins/0/text").and_then(|text| text.as_str());
    Ok(text.unwrap_or_default().to_owned())
}

/// As a person does it in the factory; it is in the machine from the next power on.
fn write_stick(lab: &Lab) -> Result<(), String> {
    let io = |error: std::io::Error| error.to_string();
    let desk = TempDir::with_prefix("factory").map_err(io)?;
    let list: String = SERIALS.iter().map(|serial| format!("{serial},lyon\n")).collect();
    fs::write(desk.path().join("boxes.csv"), format!("serial,site\n{list}")).map_err(io)?;
    let roomctl = stage::program("roomctl").map_err(why)?;
    let typed = |words: &[&str]| {
        let mut command = Command::new(&roomctl);
        stage::run(command.args(words).current_dir(desk.path()).stdout(Stdio::null())).map_err(why)
    };
    typed(&["init", "etat", "--broker", "broker.example", "--name", "factory"])?;
    typed(&["deliver", "-f", "boxes.csv", "--to", "stick"])?;
    let mut copy = Command::new("mcopy");
    copy.args(["-s", "-i"]).arg(lab.stick("HEMICYCLE").map_err(why)?);
    let folders = SERIALS.map(|serial| desk.path().join("stick").join(serial));
    stage::run(copy.args(folders).arg("::")).map_err(why)?;
    let folders = fs::read(project().join(FOLDERS)).map_err(io)?;
    let place = Path::new("over/usr/lib/tmpfiles.d/20-hemicycle-var.conf");
    stage::write(&lab.share().join(place), &folders).map_err(why)
}
