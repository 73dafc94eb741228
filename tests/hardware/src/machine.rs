//! One run of QEMU: a machine whose processor is emulated, and whose power can be cut.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::image::Image;
use crate::wire::PORT;

/// The kernel's command line: nothing that watches for stalls, since an emulated processor on a busy machine stalls.
const COMMAND_LINE: &str = "console=ttyS0 rw quiet loglevel=4 nokaslr mitigations=off nosoftlockup nowatchdog \
     rcupdate.rcu_cpu_stall_suppress=1 random.trust_cpu=on net.ifnames=0 lab.address=10.0.2.15/24 lab.gateway=10.0.2.2";

/// The disk that outlives a cut of the power, as a box's data partition does.
pub const DATA: &str = "data.img";

/// The disks of two slots, each a boot partition and a root; they too outlive it. Files are called `NAME.img`, and so is the disk's
/// serial number without the ending.
pub const SLOTS: [&str; 4] = ["boot-a", "root-a", "boot-b", "root-b"];

/// A disk for all that a box has, empty at first; file and serial number as those of the slots.
pub const DISK: &str = "disk";

/// A USB stick, which is in the machine when there is such a file.
pub const STICK: &str = "stick.img";

/// The folder of the TPM's seeds.
pub const TPM: &str = "tpm";

/// Where QEMU finds it.
const TPM_SOCKET: &str = "tpm.socket";

/// Last lines of the console that an error shows.
const CONSOLE_LINES: usize = 15;

/// QEMU makes its sockets within this time.
const SOCKETS: Duration = Duration::from_secs(30);

/// Ticks a second in `/proc` (`USER_HZ`), the same on every x86 kernel.
pub const TICKS: f64 = 100.0;

/// A running machine; its power is cut when dropped, and when this process ends in whatever way.
#[derive(Debug)]
pub struct Machine {
    qemu: Child,
    tpm: Child,
    folder: PathBuf,
    /// When its power came.
    pub begun: Instant,
}

impl Machine {
    /// Gives power. `share` is what the guest sees as `/lab`; sockets, console and the disk [`DATA`] lie in `folder`. What the guest
    /// writes elsewhere is gone with the machine.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub fn start(image: &Image, share: &Path, folder: &Path) -> Result<Self> {
        let file = |name: &str| image.folder.join(name);
        let tpm = tpm(folder)?;
        let socket = folder.join("port");
        let log = File::create(folder.join("qemu.log")).map_err(Error::io("qemu.log"))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "qemu-system-x86_64", "-name", "hemicycle-lab"]);
        // Time in the guest is counted by instructions, one a nanosecond: a machine that is busy makes the guest slow as a
        // whole, with its clocks and watchdogs, and no time-out of it strikes for that reason.
        command.args(["-M", "q35", "-accel", "tcg,thread=single,tb-size=512", "-smp", "1"]);
        command.args(["-icount", "shift=0,sleep=on"]);
        command.args(["-cpu", "max", "-m", "2048"]);
        command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        command
            .arg("-serial")
            .arg(format!("file:{}", folder.join("console").display()));
        command
            .arg("-kernel")
            .arg(file("vmlinuz"))
            .arg("-initrd")
            .arg(file("initrd.gz"));
        command.args(["-append", COMMAND_LINE]);
        let disk = file("root.img");
        command.arg("-drive").arg(format!(
            "if=none,id=root,file={},format=raw,snapshot=on,cache=unsafe",
            disk.display()
        ));
        command.args(["-device", "virtio-blk-pci,drive=root"]);
        command.arg("-drive").arg(format!(
            "if=none,id=data,file={},format=raw,cache=writethrough",
            folder.join(DATA).display()
        ));
        command.args(["-device", "virtio-blk-pci,drive=data"]);
        for name in SLOTS.into_iter().chain([DISK]) {
            command.arg("-drive").arg(format!(
                "if=none,id={name},file={},format=raw,cache=writethrough",
                folder.join(name).with_extension("img").display()
            ));
            let device = format!("virtio-blk-pci,drive={name},serial={name}");
            command.args(["-device", &device]);
        }
        let stick = folder.join(STICK);
        if stick.exists() {
            let drive = format!(
                "if=none,id=stick,file={},format=raw,cache=writethrough",
                stick.display()
            );
            command.args(["-drive", &drive]);
            command.args(["-device", "qemu-xhci", "-device", "usb-storage,drive=stick"]);
        }
        command
            .arg("-fsdev")
            .arg(format!("local,id=lab,path={},security_model=none", share.display()));
        command.args([
            "-device",
            "virtio-9p-pci,fsdev=lab,mount_tag=lab",
            "-device",
            "virtio-rng-pci",
        ]);
        command.args(["-device", "virtio-serial-pci"]);
        command
            .arg("-chardev")
            .arg(format!("socket,id=port,path={},server=on,wait=off", socket.display()));
        command
            .arg("-device")
            .arg(format!("virtserialport,chardev=port,name={PORT}"));
        command
            .arg("-chardev")
            .arg(format!("socket,id=tpm,path={}", folder.join(TPM_SOCKET).display()));
        command.args([
            "-tpmdev",
            "emulator,id=tpm,chardev=tpm",
            "-device",
            "tpm-tis,tpmdev=tpm",
        ]);
        command.args(["-device", "i6300esb", "-action", "watchdog=reset"]);
        // The guest reaches this machine's loopback as 10.0.2.2, and nothing reaches the guest.
        command.args(["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let qemu = command.spawn().map_err(Error::io("setpriv qemu-system-x86_64"))?;
        Ok(Self {
            qemu,
            tpm,
            folder: folder.to_owned(),
            begun: Instant::now(),
        })
    }

    /// The lab's end of the virtual serial port.
    ///
    /// # Errors
    /// When QEMU ended instead, with its words.
    pub fn port(&mut self) -> Result<UnixStream> {
        let socket = self.folder.join("port");
        let deadline = Instant::now() + SOCKETS;
        loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => return Ok(stream),
                Err(error) if Instant::now() > deadline || !self.runs() => {
                    let words = std::fs::read_to_string(self.folder.join("qemu.log")).unwrap_or_default();
                    return Err(Error::io(format!("QEMU's socket ({})", words.trim()))(error));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Whether QEMU runs: the guest has not switched itself off.
    pub fn runs(&mut self) -> bool {
        matches!(self.qemu.try_wait(), Ok(None))
    }

    /// Processor seconds that QEMU has used, all of it: the guest's programs, its kernel, and the emulation.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.qemu.id())).unwrap_or_default();
        // After the name in brackets come state and numbers; user and system time are fields 14 and 15 of `proc(5)`.
        let after = stat.rsplit(')').next().unwrap_or_default();
        let ticks: u64 = after
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        ticks as f64 / TICKS
    }

    /// Lets it go on for so many more of these seconds, or until it ends; `limit` by this machine's clock.
    pub fn work(&mut self, seconds: f64, limit: Duration) {
        let until = self.cpu_seconds() + seconds;
        let deadline = Instant::now() + limit;
        while self.runs() && self.cpu_seconds() < until && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The end of the console, for whoever looks for a reason.
    pub fn console(&self) -> String {
        let console = std::fs::read(self.folder.join("console")).unwrap_or_default();
        let text = String::from_utf8_lossy(&console);
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        lines[lines.len().saturating_sub(CONSOLE_LINES)..].join("\n")
    }

    /// Cuts the power.
    pub fn cut(&mut self) {
        // Both fail only when it has ended already.
        for process in [&mut self.qemu, &mut self.tpm] {
            let _killed = process.kill();
            let _reaped = process.wait();
        }
    }
}

/// A TPM 2.0 in software. As one on a board it keeps its seeds while the power is cut.
fn tpm(folder: &Path) -> Result<Child> {
    let (state, socket) = (folder.join(TPM), folder.join(TPM_SOCKET));
    std::fs::create_dir_all(&state).map_err(Error::io("a folder for the TPM"))?;
    // Of the power before this one, perhaps.
    let _gone = std::fs::remove_file(&socket);
    let tpm = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "swtpm", "socket", "--tpm2", "--terminate"])
        .arg("--tpmstate")
        .arg(format!("dir={}", state.display()))
        .arg("--ctrl")
        .arg(format!("type=unixio,path={}", socket.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::io("setpriv swtpm"))?;
    let deadline = Instant::now() + SOCKETS;
    while !socket.exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(tpm)
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.cut();
    }
}
