//! RAUC itself: slots are files, the boot loader is a script (`bootloader=custom`), bundles are signed with keys made here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509NameBuilder};
use tokio::runtime::Runtime;

use super::{Bundle, COMPATIBLE, Error, Signer, read};

/// RAUC's service.
pub struct Rauc {
    program: PathBuf,
    folder: PathBuf,
    address: String,
    service: Option<Child>,
}

const BOOT: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
case $1 in
get-primary) cat primary ;;
set-primary) echo "$2" > primary; echo good > "state.$2" ;;
get-state) cat "state.$2" 2> /dev/null || echo good ;;
set-state) echo "$3" > "state.$2"; echo "$3 $2" >> marks ;;
get-current) cat booted ;;
*) exit 1 ;;
esac
"#;

impl Rauc {
    pub fn start(program: &Path, folder: &Path, address: &str, runtime: &Runtime) -> Result<Self, Error> {
        use std::os::unix::fs::PermissionsExt;
        let boot = folder.join("boot");
        fs::write(&boot, BOOT)?;
        fs::set_permissions(&boot, fs::Permissions::from_mode(0o755))?;
        fs::create_dir_all(folder.join("mnt"))?;
        for name in ["ours", "stranger"] {
            authority(folder, name)?;
        }
        let here = folder.display();
        let configuration = format!(
            "[system]\ncompatible={COMPATIBLE}\nbootloader=custom\nbundle-formats=plain verity\nstatusfile={here}/status\n\
             activate-installed=false\nmountprefix={here}/mnt\n[keyring]\npath={here}/ours.pem\n[handlers]\n\
             bootloader-custom-backend={here}/boot\n[slot.rootfs.0]\ndevice={here}/slot.A\ntype=raw\nbootname=A\n\
             [slot.rootfs.1]\ndevice={here}/slot.B\ntype=raw\nbootname=B\n"
        );
        fs::write(folder.join("system.conf"), configuration)?;
        let mut rauc = Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            address: address.to_owned(),
            service: None,
        };
        rauc.start_again(runtime)?;
        Ok(rauc)
    }

    /// After a reboot.
    pub fn start_again(&mut self, runtime: &Runtime) -> Result<(), Error> {
        self.end();
        let mut command = Command::new(&self.program);
        command
            .arg(format!("--conf={}", self.folder.join("system.conf").display()))
            .arg(format!("--override-boot-slot={}", read(&self.folder, "booted")))
            .arg("service")
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.address)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        self.service = Some(command.spawn()?);
        let there = async {
            let bus = zbus::connection::Builder::address(self.address.as_str())
                .build()
                .await?;
            let names = zbus::fdo::DBusProxy::new(&bus).await?;
            for _ in 0..200 {
                if names.name_has_owner("de.pengutronix.rauc".try_into()?).await? {
                    return Ok(true);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok::<bool, Error>(false)
        };
        if runtime.block_on(there)? {
            return Ok(());
        }
        Err("RAUC does not come".into())
    }

    fn end(&mut self) {
        if let Some(mut service) = self.service.take() {
            // Both fail only when it has ended already.
            let _killed = service.kill();
            let _reaped = service.wait();
        }
    }

    pub fn bundle(&self, release: &str, security_version: u32, image: &[u8], signer: Signer) -> Result<Bundle, Error> {
        let content = tempfile::tempdir_in(&self.folder)?;
        fs::write(content.path().join("rootfs.img"), image)?;
        // Verity needs the kernel's device mapper.
        let format = if Path::new("/dev/mapper/control").exists() {
            "verity"
        } else {
            "plain"
        };
        let manifest = format!(
            "[update]\ncompatible={COMPATIBLE}\nversion={release}\n[bundle]\nformat={format}\n[image.rootfs]\n\
             filename=rootfs.img\n[meta.hemicycle]\nsecurity-version={security_version}\n"
        );
        fs::write(content.path().join("manifest.raucm"), manifest)?;
        let (file, who) = (
            self.folder.join("made.raucb"),
            if signer == Signer::Ours { "ours" } else { "stranger" },
        );
        let _none_yet = fs::remove_file(&file);
        let of = |kind: &str| self.folder.join(format!("{who}.{kind}")).display().to_string();
        let made = Command::new(&self.program)
            .arg("bundle")
            .arg(format!("--cert={}", of("pem")))
            .arg(format!("--key={}", of("key")))
            .args([content.path(), &file])
            .output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into());
        }
        let info = Command::new(&self.program)
            .args(["info", "--no-verify", "--output-format=shell"])
            .arg(&file)
            .output()?;
        let info = String::from_utf8_lossy(&info.stdout).into_owned();
        let mut lines = info.lines().filter_map(|line| line.split_once('='));
        let hash = lines.find(|(key, _)| *key == "RAUC_MF_HASH");
        let (_, hash) = hash.ok_or_else(|| format!("no hash of the manifest: {info}"))?;
        Ok(Bundle {
            bytes: fs::read(&file)?,
            manifest_hash: hash.trim_matches('\'').to_owned(),
        })
    }
}

impl Drop for Rauc {
    fn drop(&mut self) {
        self.end();
    }
}

/// A certificate that signs for itself, and its key.
fn authority(folder: &Path, name: &str) -> Result<(), Error> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let mut subject = X509NameBuilder::new()?;
    subject.append_entry_by_text("CN", name)?;
    let subject = subject.build();
    let mut certificate = X509::builder()?;
    certificate.set_version(2)?;
    certificate.set_subject_name(&subject)?;
    certificate.set_issuer_name(&subject)?;
    certificate.set_pubkey(&key)?;
    certificate.set_not_before(Asn1Time::days_from_now(0)?.as_ref())?;
    certificate.set_not_after(Asn1Time::days_from_now(30)?.as_ref())?;
    certificate.sign(&key, MessageDigest::sha256())?;
    fs::write(folder.join(format!("{name}.pem")), certificate.build().to_pem()?)?;
    fs::write(folder.join(format!("{name}.key")), key.private_key_to_pem_pkcs8()?)?;
    Ok(())
}
