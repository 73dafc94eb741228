//! The Debian packages that the project needs, why, and how the missing ones get onto the machine.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::process::{Command, Stdio};

/// A Debian package and the reason it is here.
pub struct Package {
    /// Its name in Debian 12.
    pub name: &'static str,
    /// What needs it.
    pub why: &'static str,
    /// It is not needed where this program is found, wherever it came from.
    pub unless: Option<&'static str>,
}

const fn package(name: &'static str, why: &'static str) -> Package {
    Package {
        name,
        why,
        unless: None,
    }
}

/// A package that may not go with what brought the program of the same name onto the machine.
const fn program(name: &'static str, why: &'static str) -> Package {
    Package {
        name,
        why,
        unless: Some(name),
    }
}

/// Everything that building, testing and the demo need beyond git and a Rust toolchain.
pub const TABLE: &[Package] = &[
    package("gcc", "the linker, and the C of the peers' TLS library"),
    package("g++", "the C++ part of the fuzzer's runtime"),
    package("libc6-dev", "the C headers"),
    package("pkg-config", "finds the libraries below"),
    package("libgstreamer1.0-dev", "GStreamer: the media worker"),
    package(
        "libgstreamer-plugins-base1.0-dev",
        "GStreamer app, video, rtp and sdp libraries",
    ),
    package("libgstreamer-plugins-bad1.0-dev", "GStreamer webrtc library"),
    package("libssl-dev", "TLS, and certificates of the stand-ins"),
    package(
        "libtss2-dev",
        "keys of the box in its TPM 2.0; with it the ways to a real one and to swtpm",
    ),
    package("libudev-dev", "discovery of cameras and screens"),
    package("libasound2-dev", "discovery of microphones and loudspeakers"),
    package(
        "ca-certificates",
        "the authorities that public conference servers are checked against",
    ),
    package(
        "gstreamer1.0-plugins-base",
        "opus, converters, compositor, test sources",
    ),
    package("gstreamer1.0-plugins-good", "vp8, rtp, v4l2src, WebM, png"),
    package("gstreamer1.0-plugins-bad", "webrtcbin, dtls, srtp, kmssink"),
    package(
        "gstreamer1.0-plugins-ugly",
        "x264enc: H.264 towards others, where no encoder is built in",
    ),
    package("gstreamer1.0-libav", "avdec_h264: H.264 from others"),
    package("gstreamer1.0-nice", "ICE for webrtcbin"),
    package("gstreamer1.0-alsa", "microphone and loudspeaker"),
    package("gstreamer1.0-x", "the wall picture in a window, with text on it"),
    package("gstreamer1.0-tools", "gst-launch-1.0: makes the recorded film"),
    package("fonts-dejavu-core", "names under the pictures"),
    package("prosody", "the XMPP server of the conference in a box"),
    package("chromium", "the web client in the meeting"),
    program("npm", "brings the web client's library"),
    package("mosquitto", "the MQTT broker of the fleet"),
    package("postgresql", "the other database of the enrolment registry"),
    package("swtpm", "a TPM 2.0 in software: the keys of a box in its TPM"),
    package("dbus-daemon", "the system's bus of a machine that is updated"),
    package(
        "systemd",
        "reads the units of the image, and counts how exposed they are",
    ),
    package("qemu-system-x86", "the machine with real kernel devices"),
    program("mmdebstrap", "makes that machine's disk"),
    program("busybox-static", "the first program of that machine"),
    program("kmod", "which modules of its kernel need which"),
    package("e2fsprogs", "writes its disk"),
    package("dosfstools", "makes the stick that a box is delivered with"),
    package("mtools", "writes that stick"),
    package("rauc", "releases of the image: packed, read, refused"),
    package("squashfs-tools", "what a release is packed with"),
    package("erofs-utils", "the root of a slot"),
    package("cryptsetup-bin", "veritysetup: the root that is checked block by block"),
    package("python3-venv", "the lint and the parser of the image's layers"),
    package("coturn", "the TURN server of the closed networks"),
    package("iproute2", "the closed networks: namespaces, addresses, routes"),
    package("nftables", "the closed networks: no UDP"),
    package("pocketsphinx-testdata", "recorded speech (LibriVox, public domain)"),
];

/// The names among `wanted` that the output of `dpkg-query` does not show as installed.
///
/// One line per package: name, a tab, the status abbreviation, whose second letter is `i` for installed.
pub fn missing<'a>(wanted: impl IntoIterator<Item = &'a str>, dpkg_output: &str) -> Vec<&'a str> {
    let installed: BTreeSet<&str> = dpkg_output
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(_, status)| status.as_bytes().get(1) == Some(&b'i'))
        .map(|(name, _)| name)
        .collect();
    wanted.into_iter().filter(|name| !installed.contains(name)).collect()
}

/// Asks dpkg which packages of the table are missing.
pub fn missing_here() -> Result<Vec<&'static str>, String> {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package}\\t${db:Status-Abbrev}\\n"])
        .args(TABLE.iter().map(|package| package.name))
        .stderr(Stdio::null())
        .output()
        .map_err(|error| {
            format!(
                "dpkg-query cannot be run ({error}). This is made for Debian 12; elsewhere install what `cargo lab \
                 packages` lists and repeat with --no-install"
            )
        })?;
    let wanted = TABLE.iter().filter(|package| !package.unless.is_some_and(found));
    Ok(missing(
        wanted.map(|package| package.name),
        &String::from_utf8_lossy(&output.stdout),
    ))
}

/// Whether a program is found on the path.
fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Installs what is missing. Does nothing, and needs no network, when nothing is.
pub fn install() -> Result<(), String> {
    let missing = missing_here()?;
    if missing.is_empty() {
        println!("packages: all {} are installed", TABLE.len());
        return Ok(());
    }
    println!(
        "packages: {} of {} are missing and will be installed:",
        missing.len(),
        TABLE.len()
    );
    for package in TABLE.iter().filter(|package| missing.contains(&package.name)) {
        println!("  {:34} {}", package.name, package.why);
    }
    let by_hand = format!("apt-get install --no-install-recommends {}", missing.join(" "));
    let failed = |reason: &str| format!("{reason}. By hand, as root: apt-get update && {by_hand}");
    let root = as_root().map_err(|reason| failed(&reason))?;
    // An old list names versions that the mirror no longer has; a failed update may still leave a usable one.
    if !run(&root, &["apt-get", "update", "--quiet"]) {
        println!("packages: the package lists could not be renewed; trying with those that are here");
    }
    let mut command = vec!["apt-get", "install", "--yes", "--quiet", "--no-install-recommends"];
    command.extend(&missing);
    if !run(&root, &command) {
        return Err(failed("the packages could not be installed"));
    }
    for service in ["prosody", "mosquitto", "postgresql"] {
        if missing.contains(&service) && std::path::Path::new("/run/systemd/system").exists() {
            println!("packages: the system's own {service} service is switched off again; the tests start their own");
            run(&root, &["systemctl", "disable", "--now", service]);
        }
    }
    match missing_here()?.as_slice() {
        [] => Ok(()),
        still => Err(failed(&format!(
            "still missing after the installation: {}",
            still.join(" ")
        ))),
    }
}

/// The words in front of a command that needs root.
fn as_root() -> Result<Vec<&'static str>, String> {
    let id = Command::new("id")
        .arg("-u")
        .output()
        .map_err(|error| format!("`id -u` cannot be run: {error}"))?;
    if id.stdout.trim_ascii() == b"0" {
        return Ok(Vec::new());
    }
    let found = Command::new("sudo")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match found {
        Ok(_) if std::io::stdin().is_terminal() => Ok(vec!["sudo"]),
        Ok(_) => Ok(vec!["sudo", "--non-interactive"]),
        Err(_) => Err("installing packages needs root, and there is no sudo".into()),
    }
}

fn run(root: &[&str], command: &[&str]) -> bool {
    let words: Vec<&str> = root.iter().chain(command).copied().collect();
    println!("+ {}", words.join(" "));
    let Some((program, arguments)) = words.split_first() else {
        return false;
    };
    Command::new(program)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .is_ok_and(|status| status.success())
}

/// Prints the table, all of it or what this machine lacks.
pub fn print(only_missing: bool) -> Result<(), String> {
    let lacking = if only_missing { missing_here()? } else { Vec::new() };
    for package in TABLE
        .iter()
        .filter(|package| !only_missing || lacking.contains(&package.name))
    {
        println!("{:34} {}", package.name, package.why);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_counts_only_when_it_is_installed() {
        let output = "gcc\tii \nprosody\trc \nespeak-ng\tun \nhalf\tiU \nheld\thi \n";
        assert_eq!(
            missing(["gcc", "prosody", "espeak-ng", "half", "held", "never-heard"], output),
            ["prosody", "espeak-ng", "half", "never-heard"]
        );
    }

    #[test]
    fn an_empty_answer_means_that_everything_is_missing() {
        assert_eq!(missing(["gcc", "g++"], ""), ["gcc", "g++"]);
    }

    #[test]
    fn no_package_stands_twice_and_each_has_a_reason() {
        let names: BTreeSet<&str> = TABLE.iter().map(|package| package.name).collect();
        assert_eq!(names.len(), TABLE.len());
        assert!(TABLE.iter().all(|package| !package.why.is_empty()));
    }
}
