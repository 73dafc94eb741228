//! The box in its fleet: what the fleet asks is done by the real room, what happens in the room is told to the fleet.
//!
//! The room works without any of this: nothing here is waited for, and nothing here can open a device.
//!
//! | file | what stands in it |
//! |---|---|
//! | `enrolling` | the way into it |
//! | `member` | the loop between session and room |
//! | `orders` | commands, carried out |
//! | `apply` | settings, applied |
//! | `states` | the room, told |

mod apply;
mod enrolling;
mod member;
mod orders;
mod states;

pub use apply::Own;
pub use member::Surroundings;

use std::sync::Arc;

use fleet::agent::{Agent, Clockwork, SystemClock};
use fleet::contract::{Clock, Metadata, OnlineReason, Order};
use fleet::link::{Endpoint, Identity, Limits, Target, Trust};
use fleet::session::{Session, Settings};
use fleet::store::Store;
use fleet::trust::{DocumentVerifier, Identities, SoftwareKeys, Usable};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;

use crate::Failure;
use crate::configuration::FleetConfiguration;
use member::{Believed, Member};

/// Name of the store's file.
const STORE: &str = "fleet.redb";
/// Port of a broker, where none is written.
const PORT: u16 = 8883;

/// Starts the fleet side of the box; it lives as long as the appliance takes requests. A box that belongs to no fleet asks for
/// its place first.
///
/// # Errors
/// When the files of the fleet cannot be used, with what to do.
pub fn start(configuration: &FleetConfiguration, surroundings: Surroundings) -> Result<(), Failure> {
    let folder = &configuration.directory;
    let mut identities = Identities::new(folder, Box::new(SoftwareKeys::new(folder)?));
    let clock = SystemClock::new(configuration.clock_is_trusted);
    let configuration = configuration.clone();
    if let Some(usable) = identities.current()?.filter(|usable| !is_over(usable, &clock)) {
        return join(configuration, surroundings, identities, usable, clock);
    }
    let applicant = enrolling::applicant(&configuration, identities)?;
    tokio::spawn(async move {
        let language = surroundings.own.room.language;
        let identities = enrolling::enrol(
            applicant,
            &configuration,
            clock.clone(),
            language,
            &surroundings.requests,
        );
        let identities = identities.await;
        if let Err(error) = join_anew(configuration, surroundings, identities, clock) {
            tracing::error!(%error, "this box cannot join its fleet");
        }
    });
    Ok(())
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
) -> Result<(), Failure> {
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
) -> Result<(), Failure> {
    let folder = &configuration.directory;
    let now = clock.now();
    let targets = targets(&usable, now.clock == Clock::Sync)?;
    let identity = usable.identity;
    let (store, stored) =
        Store::open(&folder.join(STORE)).map_err(|error| format!("{}: {error}", folder.join(STORE).display()))?;
    let verifier = Arc::new(DocumentVerifier::new(identity.trusted()?));
    let settings = Settings {
        tenant: identity.issued.tenant.clone(),
        device: identity.issued.device.clone(),
        boot: boot(),
        reason: OnlineReason::Boot,
        metadata: Metadata {
            model: configuration.model.clone(),
            serial: configuration
                .serial
                .clone()
                .unwrap_or_else(|| identity.issued.device.to_string()),
            fw: env!("CARGO_PKG_VERSION").into(),
            commands: Order::COMMANDS.to_vec(),
            schemas: vec!["cfg/1.0".into()],
            certificate_expires: identity.issued.expires,
            support_until: None,
        },
        spread: configuration.spread(),
    };
    let chance = StdRng::from_rng(&mut rand::rng());
    let session = Session::new(settings, verifier.clone(), chance, stored, now);
    let kept = session.configuration().cloned();
    let agent = Agent::new(session, Box::new(store), Box::new(clock.clone()), targets);
    let (inputs, said) = mpsc::channel(64);
    let (effects, asked) = mpsc::channel(64);
    let agent = tokio::spawn(agent.run(said, effects));
    let believed = Believed {
        verifier,
        identity,
        identities,
    };
    let member = Member::new(configuration, clock, surroundings, believed, inputs)?;
    tokio::spawn(async move {
        member.live(asked, kept).await;
        agent.abort();
    });
    Ok(())
}

fn targets(usable: &Usable, clock_is_set: bool) -> Result<Vec<Target>, Failure> {
    let identity = &usable.identity;
    let ours = Identity {
        chain: usable.chain.clone(),
        key: usable.key.clone(),
    };
    let trust = Trust {
        authorities: identity.trusted()?.anchors.roots().to_vec(),
        clock_is_set,
    };
    let tls = fleet::link::context(&ours, &trust)?;
    let target = |broker: &String| {
        let endpoint = endpoint(broker).ok_or_else(|| format!("{broker} is no broker: HOST or HOST:PORT"))?;
        Ok(Target {
            endpoint,
            tls: tls.clone(),
            limits: Limits::default(),
        })
    };
    identity.issued.endpoints.iter().map(target).collect()
}

/// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`.
fn endpoint(text: &str) -> Option<Endpoint> {
    let url: url::Url = format!("mqtts://{text}").parse().ok()?;
    let plain = url.path().is_empty() && url.query().is_none() && url.username().is_empty();
    Some(Endpoint {
        host: url.host_str().filter(|_| plain)?.to_owned(),
        port: url.port().unwrap_or(PORT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_host_and_perhaps_a_port() {
        let read = |text| endpoint(text).map(|endpoint| endpoint.to_string());
        assert_eq!(read("broker.example"), Some("broker.example:8883".into()));
        assert_eq!(read("broker.example:443"), Some("broker.example:443".into()));
        assert_eq!(read("[::1]:1"), Some("[::1]:1".into()));
        for wrong in ["", "mqtts://broker", "a/b", "user@host", "host:99999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
