//! What RAUC 1.13 answers, as it was seen: dictionaries wrapped twice, `Progress` and `Completed` after `InstallBundle` has
//! returned, a slot that is written and not activated.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openssl::sha::sha256;
use serde::{Deserialize, Serialize};
use zbus::object_server::SignalEmitter;
use zbus::{OwnedVariant, Variant};
use zbus::{fdo, interface};

use super::{Bundle, COMPATIBLE, Error, MARKS, Signer, read};

/// First line of its bundles.
#[derive(Serialize, Deserialize)]
struct Manifest {
    compatible: String,
    version: String,
    security_version: String,
    ours: bool,
}

/// A bundle in its format: the manifest, then the image.
pub fn bundle(release: &str, security_version: u32, image: &[u8], signer: Signer) -> Bundle {
    let manifest = Manifest {
        compatible: COMPATIBLE.into(),
        version: release.into(),
        security_version: security_version.to_string(),
        ours: signer == Signer::Ours,
    };
    let mut bytes = serde_json::to_vec(&manifest).unwrap_or_default();
    let manifest_hash = hexadecimal(&bytes);
    bytes.push(b'\n');
    bytes.extend(image);
    Bundle { bytes, manifest_hash }
}

/// Begins to answer.
///
/// # Errors
/// The bus refuses.
pub async fn start(folder: &Path, address: &str) -> Result<zbus::Connection, Error> {
    let installer = Installer {
        folder: folder.to_owned(),
        doing: Arc::new(Mutex::new(Doing {
            operation: "idle",
            last_error: String::new(),
            progress: (0, String::new(), 0),
        })),
    };
    let builder = zbus::connection::Builder::address(address);
    let connection = builder
        .serve_at("/", installer)
        .name("de.pengutronix.rauc")
        .build()
        .await?;
    Ok(connection)
}

#[derive(Clone)]
struct Installer {
    folder: PathBuf,
    doing: Arc<Mutex<Doing>>,
}

/// What it does, and how far it is.
struct Doing {
    operation: &'static str,
    last_error: String,
    progress: (i32, String, i32),
}

impl Installer {
    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, source: &str) -> Result<(Manifest, String, Vec<u8>), String> {
        let bundle = fs::read(source).map_err(|error| format!("Failed to open bundle for reading: {error}"))?;
        let end = bundle
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or("Invalid bundle format")?;
        let (head, image) = bundle.split_at(end);
        let manifest: Manifest = serde_json::from_slice(head).map_err(|_| "Invalid bundle format")?;
        if !manifest.ours {
            return Err("signature verification failed: self-signed certificate".into());
        }
        Ok((manifest, hexadecimal(head), image.get(1..).unwrap_or_default().to_vec()))
    }

    fn booted(&self) -> String {
        read(&self.folder, "booted")
    }

    fn slot(&self, identifier: &str) -> fdo::Result<String> {
        let booted = self.booted();
        let other = if booted == "A" { "B" } else { "A" };
        match identifier {
            "booted" => Ok(booted),
            "other" => Ok(other.into()),
            _ => Err(fdo::Error::Failed("No slot found".into())),
        }
    }

    fn write(&self, source: &str) -> Result<(), String> {
        let (manifest, _, image) = self.open(source)?;
        if manifest.compatible != COMPATIBLE {
            return Err("Compatible mismatch".into());
        }
        let other = self.slot("other").map_err(|error| error.to_string())?;
        fs::write(self.folder.join(format!("slot.{other}")), image).map_err(|error| error.to_string())
    }
}

#[interface(name = "de.pengutronix.rauc.Installer")]
impl Installer {
    async fn install_bundle(
        &self,
        source: String,
        _args: HashMap<String, OwnedVariant>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<()> {
        if std::mem::replace(&mut self.doing().operation, "installing") != "idle" {
            return Err(fdo::Error::Failed("Already processing a different method".into()));
        }
        self.operation_changed(&emitter).await?;
        let (installer, emitter) = (self.clone(), emitter.to_owned());
        // The work goes on after the answer.
        tokio::spawn(async move {
            if let Err(error) = installer.install(&source, &emitter).await {
                eprintln!("the stand-in for RAUC: {error}");
            }
        });
        Ok(())
    }

    fn inspect_bundle(
        &self,
        source: &str,
        _args: HashMap<String, OwnedVariant>,
    ) -> fdo::Result<HashMap<String, OwnedVariant>> {
        let (manifest, hash, _) = self.open(source).map_err(fdo::Error::Failed)?;
        let text = |text: &str| Variant::from(text.to_owned());
        let update = HashMap::from([
            ("version".to_owned(), text(&manifest.version)),
            ("compatible".to_owned(), text(&manifest.compatible)),
        ]);
        let own = HashMap::from([("security-version".to_owned(), manifest.security_version)]);
        let meta = HashMap::from([("hemicycle".to_owned(), own)]);
        let twice = |value: Variant<'static>| OwnedVariant::try_from(Variant::Variant(Box::new(value)));
        let failed = |error: zbus::Error| fdo::Error::Failed(error.to_string());
        Ok(HashMap::from([
            ("manifest-hash".to_owned(), text(&hash).try_into().map_err(failed)?),
            ("update".to_owned(), twice(update.into()).map_err(failed)?),
            ("meta".to_owned(), twice(meta.into()).map_err(failed)?),
        ]))
    }

    fn mark(&self, state: &str, slot_identifier: &str) -> fdo::Result<(String, String)> {
        let slot = self.slot(slot_identifier)?;
        let failed = |error: std::io::Error| fdo::Error::Failed(error.to_string());
        match state {
            "active" => {
                fs::write(self.folder.join("primary"), &slot).map_err(failed)?;
                fs::write(self.folder.join(format!("state.{slot}")), "good").map_err(failed)?;
            }
            "good" | "bad" => {
                fs::write(self.folder.join(format!("state.{slot}")), state).map_err(failed)?;
                let mut marks = read(&self.folder, MARKS);
                marks.push_str(&format!("\n{state} {slot}"));
                fs::write(self.folder.join(MARKS), marks).map_err(failed)?;
            }
            _ => return Err(fdo::Error::Failed("Invalid state".into())),
        }
        Ok((slot, format!("marked as {state}")))
    }

    #[zbus(signal)]
    async fn completed(emitter: &SignalEmitter<'_>, result: i32) -> zbus::Result<()>;

    #[zbus(property)]
    fn operation(&self) -> String {
        self.doing().operation.into()
    }

    #[zbus(property)]
    fn last_error(&self) -> String {
        self.doing().last_error.clone()
    }

    #[zbus(property)]
    fn progress(&self) -> (i32, String, i32) {
        self.doing().progress.clone()
    }

    #[zbus(property)]
    fn compatible(&self) -> String {
        COMPATIBLE.into()
    }

    #[zbus(property)]
    fn boot_slot(&self) -> String {
        self.booted()
    }
}

impl Installer {
    async fn install(&self, source: &str, emitter: &SignalEmitter<'_>) -> zbus::Result<()> {
        for percent in [0, 20, 60, 100] {
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.doing().progress = (percent, "Installing".into(), 1);
            self.progress_changed(emitter).await?;
        }
        let written = self.write(source);
        self.doing().last_error = written.clone().err().unwrap_or_default();
        Self::completed(emitter, i32::from(written.is_err())).await?;
        self.doing().operation = "idle";
        self.operation_changed(emitter).await
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
