//! The units, users, rules and policies of the image (`systemd/`, `udev/`), each read by the program that reads it on the box.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use hardware_lab::stage::project;
use tempfile::TempDir;

/// Programs of the box, and those of the system that a unit names.
const PROGRAMS: [&str; 6] = ["roomd", "roomd-media", "rauc", "systemctl", "grep", "sh"];

fn systemd() -> PathBuf {
    project().join("systemd")
}

fn output(command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All that was said.
fn words(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|said| String::from_utf8_lossy(said).into_owned())
        .concat()
}

/// Names of the units.
fn units() -> Vec<String> {
    let endings = ["service", "socket", "path", "mount"];
    let mut names: Vec<String> = fs::read_dir(systemd())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|ending| endings.iter().any(|one| ending == *one))
        })
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 6, "{names:?}");
    names
}

/// A root with the units, what they lean on, and something at each place of a program.
fn root() -> TempDir {
    let root = TempDir::with_prefix("units").unwrap();
    let (units_folder, programs) = (root.path().join("usr/lib/systemd/system"), root.path().join("usr/bin"));
    fs::create_dir_all(&units_folder).unwrap();
    fs::create_dir_all(&programs).unwrap();
    fs::create_dir_all(root.path().join("etc")).unwrap();
    symlink("usr/bin", root.path().join("bin")).unwrap();
    for name in PROGRAMS {
        let program = programs.join(name);
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for entry in fs::read_dir("/usr/lib/systemd/system").unwrap().flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "target") {
            fs::copy(entry.path(), units_folder.join(entry.file_name())).unwrap();
        }
    }
    for name in units() {
        fs::copy(systemd().join(&name), units_folder.join(&name)).unwrap();
    }
    root
}

/// What `systemd-analyze verify` finds wrong.
fn verify(root: &Path) -> String {
    let mut command = Command::new("systemd-analyze");
    command.arg("verify").arg(format!("--root={}", root.display()));
    // A template is looked at as one of its instances.
    command.args(units().iter().map(|name| name.replace('@', "@1")));
    let output = output(&mut command);
    let said = words(&output);
    assert!(output.status.success() || !said.trim().is_empty());
    said
}

#[test]
fn systemd_understands_every_line_of_every_unit() {
    assert_eq!(verify(root().path()), "");
}

#[test]
fn a_misspelt_line_and_a_program_that_is_not_there_are_found() {
    let root = root();
    let unit = root.path().join("usr/lib/systemd/system/roomd.service");
    let text = fs::read_to_string(&unit).unwrap();
    fs::write(&unit, text.replace("NoNewPrivileges", "NoNewPrivilegs")).unwrap();
    assert!(verify(root.path()).contains("NoNewPrivilegs"));
    fs::write(&unit, &text).unwrap();
    fs::remove_file(root.path().join("usr/bin/roomd-media")).unwrap();
    assert!(verify(root.path()).contains("roomd-media"));
}

/// Exposure as `systemd-analyze security` counts it, in tenths: whether it is at most this.
fn is_safe(unit: &str, tenths: u32) -> bool {
    let mut command = Command::new("systemd-analyze");
    command
        .args(["security", "--offline=true", "--no-pager"])
        .arg(format!("--threshold={tenths}"))
        .arg(systemd().join(unit));
    let output = output(&mut command);
    let said = words(&output);
    println!("{}", said.lines().last().unwrap_or_default());
    assert!(said.contains("Overall exposure level"), "{said}");
    output.status.success()
}

#[test]
fn the_daemon_is_exposed_by_one_and_a_half_at_most_and_the_worker_by_two() {
    assert!(is_safe("roomd.service", 15));
    assert!(is_safe("roomd-media@.service", 20));
    assert!(is_safe("roomd-health.service", 15));
    assert!(is_safe("roomd-delivery.service", 15));
    assert!(!is_safe("roomd.service", 5), "the scale is in tenths");
}

/// The values of a key in a unit, lines and words apart.
fn values(unit: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(systemd().join(unit)).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_daemon_has_the_tpm_and_no_other_device_and_the_worker_no_file_of_the_daemon() {
    assert_eq!(values("roomd.service", "DeviceAllow"), ["/dev/tpmrm0 rw"]);
    for unit in ["roomd.service", "roomd-media@.service"] {
        assert_eq!(values(unit, "DevicePolicy"), ["closed"], "{unit}");
        assert_eq!(values(unit, "CapabilityBoundingSet"), [""], "{unit}");
        assert_eq!(values(unit, "MemoryDenyWriteExecute"), ["yes"], "{unit}");
    }
    assert_eq!(values("roomd.service", "SupplementaryGroups"), [""; 0]);
    let hidden = values("roomd-media@.service", "InaccessiblePaths").join(" ");
    for folder in [
        "/var/lib/roomd",
        "/run/roomd",
        "/run/credentials",
        "/run/dbus",
        "/etc/roomd",
    ] {
        assert!(hidden.split(' ').any(|path| path == format!("-{folder}")), "{folder}");
    }
    let credentials = ["LoadCredential", "LoadCredentialEncrypted"];
    assert!(
        credentials
            .iter()
            .all(|key| values("roomd-media@.service", key).is_empty())
    );
    assert!(!values("roomd.service", "LoadCredentialEncrypted").is_empty());
}

#[test]
fn users_and_folders_are_made_with_the_numbers_of_the_image() {
    let root = root();
    let at_root = |program: &str, file: &str| {
        let mut command = Command::new(program);
        command.arg(format!("--root={}", root.path().display()));
        if program == "systemd-tmpfiles" {
            command.arg("--create");
        }
        let output = output(command.arg(systemd().join(file)));
        assert!(output.status.success(), "{program}: {}", words(&output));
    };
    at_root("systemd-sysusers", "sysusers.d/hemicycle.conf");
    let passwd = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    let mut users: Vec<&str> = passwd.lines().collect();
    users.sort_unstable();
    assert!(
        users[0].starts_with("roomd-media:x:802:802:") && users[1].starts_with("roomd:x:801:801:"),
        "{users:?}"
    );
    assert!(users.iter().all(|user| user.ends_with("/nologin")), "{users:?}");
    let groups = fs::read_to_string(root.path().join("etc/group")).unwrap();
    for name in ["audio", "render", "video"] {
        let group = groups.lines().find(|group| group.starts_with(&format!("{name}:")));
        assert!(
            group.is_some_and(|group| group.ends_with(":roomd-media")),
            "{name}: {groups}"
        );
    }
    // Whoever may not give files away cannot make these either.
    if rustix::process::geteuid().is_root() {
        at_root("systemd-tmpfiles", "tmpfiles.d/hemicycle.conf");
        let made = fs::metadata(root.path().join("var/lib/roomd/fleet")).unwrap();
        assert_eq!((made.uid(), made.gid(), made.mode() & 0o777), (801, 801, 0o700));
    }
}

#[test]
fn the_bus_takes_the_policy() {
    let folder = TempDir::with_prefix("bus").unwrap();
    let bus = |policy: &Path| {
        let configuration = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\" \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\"><busconfig><listen>unix:dir={}</listen>\
             <include>{}</include></busconfig>",
            folder.path().display(),
            policy.display()
        );
        let file = folder.path().join("bus.conf");
        fs::write(&file, configuration).unwrap();
        let mut command = Command::new("dbus-daemon");
        let output = output(command.arg(format!("--config-file={}", file.display())).args([
            "--fork",
            "--print-pid",
            "--print-address",
        ]));
        let said = words(&output);
        // It prints its address, then its number.
        if let Some(pid) = said
            .lines()
            .find_map(|line| line.parse().ok())
            .and_then(rustix::process::Pid::from_raw)
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        }
        (output.status.success(), said)
    };
    let policy = systemd().join("dbus-1/hemicycle.conf");
    let (good, said) = bus(&policy);
    assert!(good, "{said}");
    let broken = folder.path().join("broken.conf");
    fs::write(
        &broken,
        fs::read_to_string(&policy)
            .unwrap()
            .replace("<policy user", "<polcy user"),
    )
    .unwrap();
    assert!(!bus(&broken).0, "a misspelt policy is refused");
}

/// `udevadm` with `verify`, which Debian 12 has among its backports alone; unpacked beside the build, not installed.
fn udevadm() -> Command {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("udev");
    let program = folder.join("root/bin/udevadm");
    if !program.exists() {
        let script = r#"set -e
            rm -rf "$1" && mkdir -p "$1/lists/partial" "$1/cache/archives/partial" && cd "$1"
            site=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
              awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
            echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site bookworm-backports main" > list
            apt() {
              apt-get -qq -o Dir::Etc::SourceList="$1/list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$1/lists" \
                -o Dir::Cache="$1/cache" -o APT::Sandbox::User= -o Acquire::Retries=3 "$2" $3 $4
            }
            apt "$1" update
            apt "$1" download udev libsystemd-shared
            for package in *.deb; do dpkg-deb -x "$package" unpacked; done
            mv unpacked root"#;
        let mut command = Command::new("sh");
        let output = output(command.args(["-c", script, "sh"]).arg(&folder));
        assert!(
            output.status.success() && program.exists(),
            "a newer udevadm cannot be had from Debian's backports: {}",
            words(&output)
        );
    }
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", folder.join("root/usr/lib/x86_64-linux-gnu/systemd"));
    command
}

#[test]
fn udev_understands_every_rule() {
    let verify = |rules: &Path| {
        let output = output(udevadm().args(["verify", "--resolve-names=never"]).arg(rules));
        (output.status.success(), words(&output))
    };
    let rules = project().join("udev/70-roomd.rules");
    let (good, said) = verify(&rules);
    assert!(good && said.contains("Success: 1"), "{said}");
    let folder = TempDir::with_prefix("rules").unwrap();
    let broken = folder.path().join("70-roomd.rules");
    let text = fs::read_to_string(&rules).unwrap();
    assert!(text.contains("LABEL=\"roomd_end\""));
    fs::write(&broken, text.replace("LABEL=\"roomd_end\"", "")).unwrap();
    let (good, said) = verify(&broken);
    assert!(!good && said.contains("roomd_end"), "{said}");
}
