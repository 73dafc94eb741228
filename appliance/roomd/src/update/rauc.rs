//! RAUC over D-Bus (`de.pengutronix.rauc.Installer`, RAUC 1.13 and later): bundles are looked at and written by it, slots chosen
//! by it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use fleet::update::BundleFacts;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use zbus::{OwnedVariant, Variant};

/// RAUC may be busy so long with what it did before.
const BUSY: Duration = Duration::from_secs(1_800);
/// How often it is asked whether it still is.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A bundle is written in this time; slow storage, half a gigabyte.
const WRITTEN: Duration = Duration::from_secs(3_600);
/// Everything that RAUC answers from memory, and looking at a bundle.
const ANSWERED: Duration = Duration::from_secs(60);

#[zbus::proxy(
    interface = "de.pengutronix.rauc.Installer",
    default_service = "de.pengutronix.rauc",
    default_path = "/"
)]
trait Installer {
    fn install_bundle(&self, source: &str, args: HashMap<&str, Variant<'_>>) -> zbus::Result<()>;
    fn inspect_bundle(
        &self,
        source: &str,
        args: HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<HashMap<String, OwnedVariant>>;
    fn mark(&self, state: &str, slot_identifier: &str) -> zbus::Result<(String, String)>;
    #[zbus(signal)]
    fn completed(&self, result: i32) -> zbus::Result<()>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn operation(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn last_error(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn progress(&self) -> zbus::Result<(i32, String, i32)>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn compatible(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn boot_slot(&self) -> zbus::Result<String>;
}

/// What a slot is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The slot that runs is good.
    BootedGood,
    /// The slot that runs is bad: the other one starts next.
    BootedBad,
    /// The slot that runs starts next.
    BootedActive,
    /// The other slot starts next.
    OtherActive,
}

/// RAUC's service.
#[derive(Debug, Clone)]
pub struct Rauc(InstallerProxy<'static>);

impl Rauc {
    /// On this bus; none: on the system's.
    ///
    /// # Errors
    /// There is no bus, or no RAUC on it.
    pub async fn connect(bus: Option<&str>) -> zbus::Result<Self> {
        let builder = match bus {
            Some(address) => zbus::connection::Builder::address(address),
            None => zbus::connection::Builder::system(),
        };
        let bus = builder.method_timeout(ANSWERED).build().await?;
        let rauc = Self(InstallerProxy::new(&bus).await?);
        rauc.slot().await?;
        Ok(rauc)
    }

    /// The slot that runs, as the boot loader calls it.
    ///
    /// # Errors
    /// RAUC does not say.
    pub async fn slot(&self) -> zbus::Result<String> {
        self.0.boot_slot().await
    }

    /// What a bundle says of itself, under a signature that holds.
    ///
    /// # Errors
    /// What RAUC says, or what of it is missing.
    pub async fn inspect(&self, bundle: &Path) -> Result<BundleFacts, String> {
        self.until_idle().await?;
        let info = self.0.inspect_bundle(&bundle.to_string_lossy(), HashMap::new()).await;
        let info = info.map_err(said)?;
        let own = self.0.compatible().await.map_err(said)?;
        let get = |path: &[&str]| {
            let (first, rest) = path.split_first()?;
            let value: &Variant<'_> = info.get(*first)?;
            let found = rest.iter().try_fold(value, |value, key| entry(value, key))?;
            text(found)
        };
        let missing = |what: &str| format!("the bundle says nothing of its {what}");
        let security_version = get(&["meta", "hemicycle", "security-version"]);
        Ok(BundleFacts {
            release: get(&["update", "version"]).ok_or_else(|| missing("version"))?,
            manifest_hash: get(&["manifest-hash"]).ok_or_else(|| missing("manifest"))?,
            security_version: security_version
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| missing("security version"))?,
            compatible: get(&["update", "compatible"]).is_some_and(|text| text == own),
        })
    }

    /// Writes a bundle into the other slot. `told` hears how far it is, percent.
    ///
    /// # Errors
    /// What RAUC says.
    pub async fn install(&self, bundle: &Path, told: mpsc::Sender<u8>) -> Result<(), String> {
        self.until_idle().await?;
        let mut ends = self.0.receive_completed().await.map_err(said)?;
        let mut steps = self.0.receive_progress_changed().await;
        let mut owners = self.0.inner().receive_owner_changed().await.map_err(said)?;
        let source = bundle.to_string_lossy();
        let started = self.0.install_bundle(&source, HashMap::new());
        started.await.map_err(said)?;
        let end = async {
            loop {
                tokio::select! {
                    biased;
                    end = ends.next() => {
                        let end = end.ok_or("RAUC is gone")?;
                        return end.args().map(|args| *args.result()).map_err(said);
                    }
                    // The first word may be its owner of now.
                    Some(None) = owners.next() => return Err("RAUC has died".to_owned()),
                    Some(step) = steps.next() => {
                        if let Ok((percent, ..)) = step.get().await {
                            let percent = u8::try_from(percent.clamp(0, 100)).unwrap_or(0);
                            // Who does not listen any more has a newer release.
                            let _ = told.send(percent).await;
                        }
                    }
                }
            }
        };
        match timeout(WRITTEN, end)
            .await
            .map_err(|_| "RAUC has not ended in an hour")??
        {
            0 => Ok(()),
            code => {
                let error = self.0.last_error().await.unwrap_or_default();
                Err(format!("RAUC ended with {code}: {error}"))
            }
        }
    }

    /// It may still be busy with what an earlier start of the box had asked for.
    async fn until_idle(&self) -> Result<(), String> {
        let idle = async {
            while self.0.operation().await? != "idle" {
                sleep(LOOK_EVERY).await;
            }
            Ok::<(), zbus::Error>(())
        };
        timeout(BUSY, idle).await.map_err(|_| "RAUC is busy")?.map_err(said)
    }

    /// Marks a slot.
    ///
    /// # Errors
    /// What RAUC says.
    pub async fn mark(&self, mark: Mark) -> Result<(), String> {
        let (state, slot) = match mark {
            Mark::BootedGood => ("good", "booted"),
            Mark::BootedBad => ("bad", "booted"),
            Mark::BootedActive => ("active", "booted"),
            Mark::OtherActive => ("active", "other"),
        };
        let (slot, message) = self.0.mark(state, slot).await.map_err(said)?;
        tracing::info!(slot, message, "RAUC");
        Ok(())
    }
}

fn said(error: zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(_, Some(message), _) => message,
        error => error.to_string(),
    }
}

/// RAUC wraps dictionaries twice.
fn bare<'a>(mut value: &'a Variant<'a>) -> &'a Variant<'a> {
    while let Variant::Variant(inner) = value {
        value = inner;
    }
    value
}

fn entry<'a>(value: &'a Variant<'a>, key: &str) -> Option<&'a Variant<'a>> {
    let Variant::Dict(dict) = bare(value) else { return None };
    let mut found = dict.iter().filter(|(name, _)| text(name).as_deref() == Some(key));
    found.next().map(|(_, value)| value)
}

fn text(value: &Variant<'_>) -> Option<String> {
    match bare(value) {
        Variant::Str(text) => Some(text.to_string()),
        _ => None,
    }
}
