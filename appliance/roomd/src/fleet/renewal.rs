//! The next certificate, asked for at two thirds of the life of the one in use.

use std::sync::Arc;
use std::time::Duration;

use fleet::agent::{Clockwork, SystemClock};
use fleet::aside;
use fleet::enrolment::{Applicant, Purpose};
use fleet::trust::{BoxIdentity, DocumentVerifier, Identities};
use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::enrolling;
use crate::Failure;
use crate::configuration::FleetConfiguration;

/// How often the clock is looked at; it may be set meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// A certificate that no broker takes in this time gives way to another.
const UNPROVED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Waits until this certificate, which has yet to prove itself, has had its time.
pub async fn unproved(next: BoxIdentity, clock: SystemClock) {
    let end = next.from.checked_add(UNPROVED).unwrap_or(next.issued.expires);
    wait_for(end.min(next.issued.expires), &clock).await;
    tracing::warn!(expires = %next.issued.expires, "no broker takes the next certificate: another is asked for");
}

/// Waits until a certificate is due after this one, and asks until it is on disk.
/// `believed`: whom the box believes by then.
pub async fn renew(
    configuration: FleetConfiguration,
    clock: SystemClock,
    identity: BoxIdentity,
    believed: Arc<DocumentVerifier>,
) {
    let due = identity.renewal(rand::random());
    wait_for(due, &clock).await;
    tracing::info!(expires = %identity.issued.expires, "the certificate of this box is to be renewed");
    let asked = ask(&configuration, clock, &believed).await;
    if let Err(error) = asked {
        tracing::error!(error, expires = %identity.issued.expires, "the certificate of this box cannot be renewed");
        // Nothing here can change that; a restart tries again.
        std::future::pending::<()>().await;
    }
}

async fn wait_for(time: Timestamp, clock: &SystemClock) {
    while let Some(wait) = until(time, clock) {
        sleep(wait).await;
    }
}

/// How long until the clock is looked at again; none: it is due.
fn until(due: Timestamp, clock: &SystemClock) -> Option<Duration> {
    let Some(now) = clock.now().time() else {
        return Some(LOOK_EVERY);
    };
    let left = Duration::try_from(due.duration_since(now)).ok()?;
    (!left.is_zero()).then(|| left.min(LOOK_EVERY))
}

async fn ask(
    configuration: &FleetConfiguration,
    mut clock: SystemClock,
    believed: &DocumentVerifier,
) -> Result<(), String> {
    let mut applicant = applicant(configuration, believed).map_err(|error| error.to_string())?;
    let chance = StdRng::from_rng(&mut rand::rng());
    // Nobody in the room sees a renewal, or hurries it.
    let (shown, _) = mpsc::unbounded_channel();
    let (touch, mut touched) = mpsc::unbounded_channel();
    let spread = configuration.spread();
    let asking = aside(async move {
        applicant
            .run(Purpose::Renew, spread, &mut clock, chance, &shown, &mut touched)
            .await;
    });
    let asked = asking.await;
    drop(touch);
    asked.ok_or_else(|| "who asked for it has died".into())
}

fn applicant(configuration: &FleetConfiguration, believed: &DocumentVerifier) -> Result<Applicant, Failure> {
    let folder = &configuration.directory;
    let identities = Identities::new(folder, configuration.keys()?);
    let mut applicant = enrolling::applicant(configuration, identities)?;
    applicant.anchors = believed.anchors();
    Ok(applicant)
}
