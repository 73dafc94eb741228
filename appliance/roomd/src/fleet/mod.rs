//! The box in its fleet: what the fleet asks is done by the real room, what happens in the room is told to the fleet.
//!
//! The room works without any of this: nothing here is waited for, and nothing here can open a device.
//!
//! | file | what stands in it |
//! |---|---|
//! | `member` | the loop between session and room |
//! | `orders` | commands, carried out |
//! | `apply` | settings, applied |
//! | `states` | the room, told |

mod apply;
mod member;
mod orders;
mod states;

pub use apply::Own;
pub use member::Surroundings;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fleet::agent::{Agent, Clockwork, SystemClock};
use fleet::contract::{Clock, Metadata, OnlineReason, Order};
use fleet::link::{Endpoint, Identity, Limits, Target, Trust};
use fleet::session::{Session, Settings};
use fleet::store::Store;
use fleet::trust::{BoxIdentity, DocumentVerifier, KeyStore, KeyUse, SoftwareKeys};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;

use crate::Failure;
use crate::configuration::FleetConfiguration;
use member::{Believed, Member};

/// What enrolment left.
const IDENTITY: &str = "identity.json";
/// Folder of the keys.
const KEYS: &str = "keys";
/// Name of the store's file.
const STORE: &str = "fleet.redb";
/// Port of a broker, where none is written.
const PORT: u16 = 8883;

/// Starts the fleet side of the box; it lives as long as the appliance takes requests.
///
/// # Errors
/// When the files of the fleet cannot be used, with what to do.
pub fn start(configuration: &FleetConfiguration, surroundings: Surroundings) -> Result<(), Failure> {
    let folder = &configuration.directory;
    let clock = SystemClock::new(configuration.clock_is_trusted);
    let now = clock.now();
    let Some(identity) = BoxIdentity::load(&folder.join(IDENTITY))? else {
        tracing::warn!("this box belongs to no fleet yet");
        return Ok(());
    };
    let targets = targets(folder, &identity, now.clock == Clock::Sync)?;
    let (store, stored) =
        Store::open(&folder.join(STORE)).map_err(|error| format!("{}: {error}", folder.join(STORE).display()))?;
    let verifier = Arc::new(DocumentVerifier::new(identity.trusted()?));
    let settings = Settings {
        tenant: identity.issued.tenant.clone(),
        device: identity.issued.device.clone(),
        boot: uuid::Uuid::from_u128(rand::random()).simple().to_string(),
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
        spread: configuration
            .reconnect_spread_s
            .map_or(Settings::SPREAD, |seconds| Duration::from_secs(seconds.into())),
    };
    let chance = StdRng::from_rng(&mut rand::rng());
    let session = Session::new(settings, verifier.clone(), chance, stored, now);
    let kept = session.configuration().cloned();
    let agent = Agent::new(session, Box::new(store), Box::new(clock), targets);
    let (inputs, said) = mpsc::channel(64);
    let (effects, asked) = mpsc::channel(64);
    let agent = tokio::spawn(agent.run(said, effects));
    let member = Member::new(
        configuration.clone(),
        surroundings,
        Believed { verifier, identity },
        inputs,
    )?;
    tokio::spawn(async move {
        member.live(asked, kept).await;
        agent.abort();
    });
    Ok(())
}

fn targets(folder: &Path, identity: &BoxIdentity, clock_is_set: bool) -> Result<Vec<Target>, Failure> {
    let key = SoftwareKeys::new(&folder.join(KEYS))?.open(KeyUse::Device)?;
    let ours = Identity {
        chain: identity.issued.certificates()?,
        key: key.ok_or("the key of this box in its fleet is gone; enrol it again")?,
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
