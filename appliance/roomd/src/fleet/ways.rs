//! The ways of a box to its brokers.

use fleet::agent::Way;
use fleet::link::{Endpoint, Identity, Limits, Target, Trust, context};
use fleet::trust::{Anchors, Identities, KeyUse, Usable};

use crate::Failure;

/// With the certificate that has yet to prove itself first, then with the one in use: one that no broker takes, or that cannot
/// be used at all, shuts nobody out.
///
/// # Errors
/// The certificate in use cannot be used.
pub fn ways(identities: &mut Identities, anchors: &Anchors, clock_is_set: bool) -> Result<Vec<Way>, Failure> {
    let trust = Trust {
        authorities: anchors.roots().to_vec(),
        clock_is_set,
    };
    let upcoming = identities.upcoming().map_err(Failure::from);
    let next = upcoming.and_then(|usable| with(KeyUse::Next, usable, &trust));
    let mut ways = next.unwrap_or_else(|error| {
        tracing::error!(error, "the next certificate cannot be used");
        Vec::new()
    });
    ways.extend(with(KeyUse::Device, identities.current()?, &trust)?);
    Ok(ways)
}

fn with(shows: KeyUse, usable: Option<Usable>, trust: &Trust) -> Result<Vec<Way>, Failure> {
    let Some(usable) = usable else { return Ok(Vec::new()) };
    let ours = Identity {
        chain: usable.chain,
        key: usable.key,
    };
    let tls = context(&ours, trust)?;
    let endpoints = usable
        .identity
        .issued
        .endpoints
        .iter()
        .map(|broker| broker.parse::<Endpoint>());
    let readable = endpoints.filter_map(|endpoint| {
        endpoint
            .inspect_err(|error| tracing::error!(%error, "a broker of the fleet is passed over"))
            .ok()
    });
    let way = |endpoint| Way {
        shows,
        target: Target {
            endpoint,
            tls: tls.clone(),
            limits: Limits::default(),
        },
    };
    Ok(readable.map(way).collect())
}
