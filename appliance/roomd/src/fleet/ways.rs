//! The ways of a box to its brokers.

use fleet::agent::Way;
use fleet::link::{Endpoint, Identity, Limits, Target, Trust, context};
use fleet::trust::{Anchors, Identities, KeyUse};

use crate::Failure;

/// Port of a broker, where none is written.
const PORT: u16 = 8883;

/// With the certificate that has yet to prove itself first, then with the one in use: one that no broker takes shuts nobody
/// out.
///
/// # Errors
/// What of the files of the fleet cannot be used.
pub fn ways(identities: &mut Identities, anchors: &Anchors, clock_is_set: bool) -> Result<Vec<Way>, Failure> {
    let trust = Trust {
        authorities: anchors.roots().to_vec(),
        clock_is_set,
    };
    let found = [
        (KeyUse::Next, identities.upcoming()?),
        (KeyUse::Device, identities.current()?),
    ];
    let mut ways = Vec::new();
    for (shows, usable) in found {
        let Some(usable) = usable else { continue };
        let ours = Identity {
            chain: usable.chain,
            key: usable.key,
        };
        let tls = context(&ours, &trust)?;
        for broker in &usable.identity.issued.endpoints {
            let endpoint = endpoint(broker).ok_or_else(|| format!("{broker} is no broker: HOST or HOST:PORT"))?;
            let target = Target {
                endpoint,
                tls: tls.clone(),
                limits: Limits::default(),
            };
            ways.push(Way { shows, target });
        }
    }
    Ok(ways)
}

/// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`.
pub fn endpoint(text: &str) -> Option<Endpoint> {
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
