//! A box that belongs to no fleet yet asks for its place, and says on the wall what is missing.

use std::path::Path;

use fleet::agent::SystemClock;
use fleet::aside;
use fleet::contract::Serial;
use fleet::enrolment::{Applicant, Purpose, Shown};
use fleet::trust::{Anchors, Identities, KeyUse};
use openssl::x509::X509;
use rand::SeedableRng;
use rand::rngs::StdRng;
use room::{Bulletin, Language, RemoteCommand, RoomCommand, words};
use tokio::sync::{mpsc, watch};

use super::boot;
use crate::Failure;
use crate::appliance::Request;
use crate::configuration::FleetConfiguration;

/// Certificate of the maker's key and those up to the maker, PEM.
pub const MAKER: &str = "maker.pem";
/// Whom the box believes as it is delivered, PEM.
pub const ROOT: &str = "root.pem";

/// What the box was delivered with.
///
/// # Errors
/// What is missing, and what to do.
pub fn applicant(configuration: &FleetConfiguration, mut identities: Identities) -> Result<Applicant, Failure> {
    let folder = &configuration.directory;
    let serial = configuration
        .serial
        .as_deref()
        .ok_or("[fleet] serial: write the serial number of this box")?;
    let door = configuration
        .enrolment
        .as_deref()
        .ok_or("[fleet] enrolment: write HOST:PORT of the enrolment service")?;
    let maker = identities.keys().open(KeyUse::Maker)?;
    Ok(Applicant {
        serial: Serial::try_from(serial)?,
        model: configuration.model.clone(),
        fw: env!("CARGO_PKG_VERSION").into(),
        maker: maker.ok_or_else(|| format!("{}: no maker.key; see roomctl deliver", folder.display()))?,
        maker_chain: X509::stack_from_pem(&read(folder, MAKER)?)?,
        endpoint: door.parse().map_err(|error| format!("[fleet] enrolment: {error}"))?,
        anchors: Anchors::from_pem(&read(folder, ROOT)?)?,
        identities,
        boot: boot(),
    })
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    let path = folder.join(name);
    std::fs::read(&path).map_err(|error| format!("{}: {error}; see roomctl deliver", path.display()))
}

/// Asks until the box is in; at once when somebody touches it.
pub async fn enrol(
    mut applicant: Applicant,
    configuration: &FleetConfiguration,
    mut clock: SystemClock,
    language: Language,
    requests: &mpsc::Sender<Request>,
    mut room_touched: watch::Receiver<()>,
) -> Result<Identities, Failure> {
    let (shown, mut to_show) = mpsc::unbounded_channel();
    let (touch, mut touched) = mpsc::unbounded_channel();
    let chance = StdRng::from_rng(&mut rand::rng());
    let spread = configuration.spread();
    let asking = aside(async move {
        applicant
            .run(Purpose::Enrol, spread, &mut clock, chance, &shown, &mut touched)
            .await;
        applicant.identities
    });
    tokio::pin!(asking);
    let identities = loop {
        tokio::select! {
            identities = &mut asking => break identities,
            Some(what) = to_show.recv() => show(&what, language, requests).await,
            Ok(()) = room_touched.changed() => {
                let _ = touch.send(());
            }
        }
    };
    show(&Shown::Nothing, language, requests).await;
    let identities = identities.ok_or("who asked for its place has died")?;
    tracing::info!("this box belongs to a fleet now");
    Ok(identities)
}

async fn show(what: &Shown, language: Language, requests: &mpsc::Sender<Request>) {
    let text = match what {
        Shown::Nothing => None,
        Shown::Claim { serial, code } => Some((words::unclaimed(language, serial.as_str()), Some(code.clone()))),
        Shown::Denied { serial, .. } => Some((words::unwanted(language, serial.as_str()), None)),
    };
    let bulletin = |(text, code)| Bulletin {
        text,
        emergency: false,
        code,
    };
    let bulletins = text.map(bulletin).into_iter().collect();
    let command = RoomCommand::Remote(RemoteCommand::ShowBulletins(bulletins));
    if requests.send(Request::Command(command)).await.is_err() {
        tracing::debug!("the box ends before it belongs to a fleet");
    }
}
