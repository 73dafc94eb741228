//! The data partition of the image (`yocto/`): made at the first start from what the factory left of the disk, and opened for this box's
//! TPM alone. Definitions, units and options are the image's; systemd is Debian's.

use std::fs;
use std::time::Duration;

use hardware_lab::lab::Lab;
use hardware_lab::stage::{self, project};

use super::{Evidence, ensure, power, units, why};

const MOMENT: Duration = Duration::from_secs(120);

/// Files of the image, and where it has them.
const FILES: [(&str, &str); 4] = [
    ("60-data.conf", "usr/lib/repart.d"),
    (
        "20-hemicycle-data.conf",
        "usr/lib/systemd/system/systemd-repart.service.d",
    ),
    ("10-hemicycle-reboot.conf", "usr/lib/systemd/system/local-fs.target.d"),
    ("hemicycle-erase.service", "usr/lib/systemd/system"),
];

/// Where they lie.
const SOURCE: &str = "yocto/meta-hemicycle-distro/recipes-core/systemd/files";
/// What is written into `fstab` and `crypttab`.
const IMAGE: &str = "yocto/meta-hemicycle/recipes-core/images/hemicycle-image.inc";
/// The disk as it leaves the factory.
const LAYOUT: &str = "yocto/meta-hemicycle-bsp/files/wic/hemicycle-efi.wks.in";

/// In the guest `/var` is the laboratory's.
const PLACE: &str = "/mnt/var";

/// Of the disk that is to be a box's.
const DISK: &str = "/dev/disk/by-id/virtio-disk";

/// What stands in a slot stays there.
const SLOT: &str = "head -c 65536 /dev/disk/by-partlabel/root-a | sha256sum";

const SEEN: &str = "set -e
findmnt --noheadings --output SOURCE,FSTYPE,OPTIONS /mnt/var
cryptsetup luksUUID /dev/disk/by-partlabel/data
cryptsetup luksDump /dev/disk/by-partlabel/data | grep -E 'systemd-tpm2|tpm2-(hash-)?pcrs'
df --output=size --block-size=1M /mnt/var | tail -1";

/// As after a change of what Secure Boot trusts.
const OTHER_TRUST: &str = "set -e
systemctl stop mnt-var.mount systemd-cryptsetup@data
tpm2_pcrextend 7:sha256=0000000000000000000000000000000000000000000000000000000000000001
if systemctl start systemd-cryptsetup@data; then echo opened; else echo refused; fi
[ ! -e /dev/mapper/data ]";

/// Made, kept over a cut of the power, refused to other trust and to another TPM, and there again with its own.
pub fn partition(lab: &mut Lab) -> Evidence {
    let told = deliver(lab).and_then(|()| tell(lab));
    lab.no_stick().map_err(why)?;
    lab.stage_again().map_err(why)?;
    lab.cut_power(&[]).map_err(why)?;
    lab.until(units::WELL, MOMENT).map_err(why)?;
    told
}

fn tell(lab: &mut Lab) -> Evidence {
    let slot = said(lab, SLOT)?;
    lab.cut_power(&[]).map_err(why)?;
    lab.until("mountpoint -q /mnt/var", MOMENT).map_err(why)?;
    let first = said(lab, SEEN)?;
    for wanted in [
        "/dev/mapper/data",
        "ext4",
        "nosuid,nodev,noexec,noatime",
        "systemd-tpm2",
    ] {
        ensure(first.contains(wanted), || format!("no {wanted}: {first}"))?;
    }
    let size = first.lines().last().and_then(|line| line.trim().parse::<u32>().ok());
    ensure(size.is_some_and(|megabytes| megabytes > 2_000), || {
        format!("not what is left of the disk: {first}")
    })?;
    ensure(said(lab, SLOT)? == slot, || "a slot was written to".into())?;
    said(lab, "echo kept > /mnt/var/kept && sync")?;

    lab.cut_power(&[]).map_err(why)?;
    lab.until("grep -qx kept /mnt/var/kept", MOMENT).map_err(why)?;
    let second = said(lab, SEEN)?;
    ensure(second == first, || format!("first {first}\nthen {second}"))?;
    let refused = said(lab, OTHER_TRUST)?;
    ensure(refused.lines().last() == Some("refused"), || refused.clone())?;

    let own = lab.tpm().with_extension("own");
    let io = |error: std::io::Error| error.to_string();
    lab.machine.cut();
    fs::rename(lab.tpm(), &own).map_err(io)?;
    let took = restarts_by_itself(lab)?;

    // The stick that has it made anew does nothing while it opens.
    fs::remove_dir_all(lab.tpm()).map_err(io)?;
    fs::rename(&own, lab.tpm()).map_err(io)?;
    lab.stick("HEMI-ERASE").map_err(why)?;
    lab.cut_power(&[]).map_err(why)?;
    lab.until("grep -qx kept /mnt/var/kept", MOMENT).map_err(why)?;

    lab.machine.cut();
    fs::remove_dir_all(lab.tpm()).map_err(io)?;
    let erased = restarts_by_itself(lab)?;
    lab.cut_power(&[]).map_err(why)?;
    lab.until("mountpoint -q /mnt/var", MOMENT).map_err(why)?;
    let left = said(lab, "ls /mnt/var")?;
    ensure(left.trim() == "lost+found", || format!("on what was made anew: {left}"))?;
    ensure(said(lab, SLOT)? == slot, || "a slot was written to".into())?;
    let lines: Vec<&str> = first.lines().map(str::trim).collect();
    Ok(format!(
        "{}; there after a cut of the power; refused when PCR 7 is another; another TPM: restarts after {took:.0} s; its own: there \
         again; another TPM and the stick that says so: made anew after {erased:.0} s",
        lines.join("; ")
    ))
}

/// Seconds until a start has ended by itself.
fn restarts_by_itself(lab: &mut Lab) -> Result<f64, String> {
    lab.start_again().map_err(why)?;
    let took = power::until_it_restarts(lab);
    lab.machine.cut();
    took.map_err(|reason| format!("with another TPM {reason}"))
}

/// From the next start on the guest has what the image has, and a disk as it leaves the factory.
fn deliver(lab: &Lab) -> Result<(), String> {
    let text = |path: &str| fs::read_to_string(project().join(path)).map_err(|error| format!("{path}: {error}"));
    let over = lab.share().join("over");
    let write = |path: &str, text: &str| stage::write(&over.join(path), text.as_bytes()).map_err(why);
    for (name, folder) in FILES {
        write(&format!("{folder}/{name}"), &text(&format!("{SOURCE}/{name}"))?)?;
    }
    let service = text(&format!("{SOURCE}/20-hemicycle-data.conf"))?;
    let command = service
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart="))
        .next_back();
    let command = command.ok_or("no command in 20-hemicycle-data.conf")?;
    // The guest's root is not on the disk that is looked at here.
    let unit = r"dev-disk-by\x2did-virtio\x2ddisk.device";
    let there = format!("[Unit]\nRequires={unit}\nAfter={unit}\n[Service]\nExecStart=\nExecStart={command} {DISK}\n");
    write("usr/lib/systemd/system/systemd-repart.service.d/30-lab.conf", &there)?;
    let erase = text(&format!("{SOURCE}/hemicycle-erase.service"))?;
    let commands = erase.lines().filter(|line| line.starts_with("ExecStart="));
    let on_disk = |line: &str| match line.contains("/systemd-repart ") {
        true => format!("{line} {DISK}\n"),
        false => format!("{line}\n"),
    };
    let commands: String = commands.map(on_disk).collect();
    let there = format!("[Service]\nExecStart=\n{commands}");
    write("usr/lib/systemd/system/hemicycle-erase.service.d/30-lab.conf", &there)?;
    let image = text(IMAGE)?;
    let line = |beginning: &str| {
        let quoted = image.split('\'').find(|text| text.starts_with(beginning));
        quoted.ok_or_else(|| format!("{IMAGE} has no line {beginning}…"))
    };
    let mount = line("/dev/mapper/data ")?.replace("${localstatedir}", PLACE);
    let fstab = format!("/dev/vda / ext4 defaults,noatime 0 0\n{mount}\n");
    write("etc/fstab", &fstab)?;
    write("etc/crypttab", &format!("{}\n", line("data /dev/disk/")?))?;

    let layout = text(LAYOUT)?;
    let mut factory = String::from("set -e; rm -rf /run/factory; mkdir /run/factory\n");
    for (number, part) in layout.lines().filter(|line| line.starts_with("part ")).enumerate() {
        let value = |name: &str| {
            let value = part.split_whitespace().skip_while(|word| *word != name).nth(1);
            value.ok_or_else(|| format!("{LAYOUT}: no {name}: {part}"))
        };
        let (name, kind, size) = (value("--part-name")?, value("--part-type")?, value("--fixed-size")?);
        factory += &format!(
            "printf '[Partition]\\nType={kind}\\nLabel={name}\\nSizeMinBytes={size}\\nSizeMaxBytes={size}\\n' \
             > /run/factory/{number}.conf\n"
        );
    }
    factory += &format!(
        "systemd-repart --empty=require --dry-run=no --definitions=/run/factory {DISK}
        udevadm settle
        head -c 65536 /dev/urandom > /dev/disk/by-partlabel/root-a
        sync"
    );
    lab.guest.must(&factory, MOMENT).map_err(why)?;
    Ok(())
}

fn said(lab: &Lab, script: &str) -> Result<String, String> {
    lab.guest.must(script, MOMENT).map_err(why)
}
