//! The box in its fleet: what the fleet asks is done by the real room, what happens in the room is told to the fleet.
//!
//! The room works without any of this: nothing here is waited for, and nothing here opens a device but the self-test of an
//! update, in a room that nobody needs, with a word on the wall.
//!
//! | file | what stands in it |
//! |---|---|
//! | `enrolling` | the way into it |
//! | `credentials` | who the box is, whom it believes |
//! | `renewal` | the next certificate |
//! | `ways` | to the brokers |
//! | `member` | the loop between session and room |
//! | `orders` | commands, carried out |
//! | `log` | the log, followed from afar |
//! | `upload` | files that leave the box |
//! | `apply` | settings, applied |
//! | `secrets` | what the fleet tells this box alone |
//! | `updates` | the update of the machine |
//! | `states` | the room, told |

mod apply;
mod credentials;
mod enrolling;
mod log;
mod member;
mod orders;
mod renewal;
mod secrets;
mod states;
mod updates;
mod upload;
mod ways;

pub use apply::Own;
pub use enrolling::{MAKER, ROOT};
pub use member::Surroundings;

use std::sync::Arc;

use fleet::agent::{Agent, Clockwork, SystemClock};
use fleet::contract::{Metadata, OnlineReason, Order};
use fleet::session::{Session, Settings};
use fleet::store::Store;
use fleet::trust::{DocumentVerifier, Identities, SecretsKey, Usable};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::Failure;
use crate::configuration::FleetConfiguration;
use crate::update::Release;
use crate::way_out;
use credentials::Credentials;
use member::Member;
use updates::Updates;

/// Name of the store's file.
const STORE: &str = "fleet.redb";

/// Whether somebody has said whose box this is.
pub fn is_delivered(configuration: &FleetConfiguration) -> bool {
    configuration.directory.join(MAKER).exists()
}

/// Starts the fleet side of the box; it lives as long as the appliance takes requests, and then says goodbye. A box that
/// belongs to no fleet asks for its place first.
///
/// # Errors
/// When the files of the fleet cannot be used, with what to do.
pub fn start(configuration: &FleetConfiguration, surroundings: Surroundings) -> Result<JoinHandle<()>, Failure> {
    let folder = &configuration.directory;
    let mut identities = Identities::new(folder, configuration.keys()?);
    let clock = SystemClock::new(configuration.clock_is_trusted);
    let configuration = configuration.clone();
    if let Some(usable) = identities.current()?.filter(|usable| !is_over(usable, &clock)) {
        return join(configuration, surroundings, identities, usable, clock);
    }
    let applicant = enrolling::applicant(&configuration, identities)?;
    Ok(tokio::spawn(async move {
        let language = surroundings.own.room.language;
        let requests = surroundings.requests.clone();
        let identities = enrolling::enrol(
            applicant,
            &configuration,
            clock.clone(),
            language,
            &requests,
            surroundings.touched.clone(),
        );
        let identities = tokio::select! {
            identities = identities => identities,
            () = requests.closed() => return,
        };
        let joined = identities.and_then(|identities| join_anew(configuration, surroundings, identities, clock));
        let member = joined.map_err(|error| tracing::error!(%error, "this box cannot join its fleet"));
        if let Ok(member) = member
            && let Err(error) = member.await
        {
            tracing::error!(%error, "the fleet side of this box has died");
        }
    }))
}

/// With which key the box opens its secrets, as it says so itself. None: it cannot say it, and gets none.
fn said(secrets: &SecretsKey, usable: &Usable) -> Option<String> {
    let statement = secrets.statement(usable);
    let statement = statement.inspect_err(|error| tracing::error!(%error, "nobody can seal secrets for this box"));
    statement.ok()
}

/// A name for this start.
fn boot() -> String {
    uuid::Uuid::from_u128(rand::random()).simple().to_string()
}

/// True when only the maker's key helps; as far as the clock can tell.
fn is_over(usable: &Usable, clock: &SystemClock) -> bool {
    clock.now().time().is_some_and(|now| usable.identity.is_over(now))
}

/// With what was issued a moment ago: what was in use before is over.
fn join_anew(
    configuration: FleetConfiguration,
    surroundings: Surroundings,
    mut identities: Identities,
    clock: SystemClock,
) -> Result<JoinHandle<()>, Failure> {
    if identities.upcoming()?.is_some() {
        identities.settle()?;
    }
    let usable = identities.current()?.ok_or("there is no certificate")?;
    join(configuration, surroundings, identities, usable, clock)
}

fn join(
    configuration: FleetConfiguration,
    surroundings: Surroundings,
    identities: Identities,
    usable: Usable,
    clock: SystemClock,
) -> Result<JoinHandle<()>, Failure> {
    let folder = &configuration.directory;
    let now = clock.now();
    let identity = usable.identity.clone();
    let (store, stored) =
        Store::open(&folder.join(STORE)).map_err(|error| format!("{}: {error}", folder.join(STORE).display()))?;
    let verifier = Arc::new(DocumentVerifier::new(identity.trusted()?));
    let release = Release::of_image(&configuration.os_release);
    let secrets = SecretsKey::of_folder(folder)?;
    let metadata = Metadata {
        model: configuration.model.clone(),
        serial: configuration
            .serial
            .clone()
            .unwrap_or_else(|| identity.issued.device.to_string()),
        fw: release.version.clone(),
        commands: Order::COMMANDS.to_vec(),
        schemas: vec!["cfg/1.0".into()],
        certificate_expires: identity.issued.expires,
        support_until: None,
        secrets_key: said(&secrets, &usable),
    };
    let settings = Settings {
        tenant: identity.issued.tenant.clone(),
        device: identity.issued.device.clone(),
        boot: boot(),
        reason: OnlineReason::Boot,
        metadata: metadata.clone(),
        spread: configuration.spread(),
    };
    let chance = StdRng::from_rng(&mut rand::rng());
    let session = Session::new(settings, verifier.clone(), chance, stored, now);
    let kept = session.configuration().cloned();
    let mut credentials = Credentials::new(configuration.clone(), clock.clone(), verifier, identities, secrets)?;
    let agent = Agent::new(session, Box::new(store), Box::new(clock.clone()), credentials.ways());
    credentials.watch(&agent)?;
    let known = agent.known();
    let (inputs, said) = mpsc::channel(64);
    let (effects, asked) = mpsc::channel(64);
    let agent = tokio::spawn(agent.run(said, effects));
    let http = way_out::client(&surroundings.own.participation.network)?;
    let updates = Updates::start(&configuration, release, clock, http, known);
    let member = Member::new(configuration, metadata, surroundings, credentials, updates, inputs)?;
    Ok(tokio::spawn(async move {
        member.live(asked, kept).await;
        agent.abort();
    }))
}
