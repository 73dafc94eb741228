//! Who the box is, whom it believes, and the ways to its brokers that follow from both.

use std::sync::Arc;

use fleet::agent::{Agent, Clockwork, SystemClock, Way};
use fleet::contract::{Clock, Code, Configuration, ConfigurationError, TrustDocument};
use fleet::trust::{BoxIdentity, DocumentVerifier, Identities, IdentityError, KeyUse, TrustedDocuments};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{renewal, ways};
use crate::Failure;
use crate::configuration::FleetConfiguration;

/// The credentials of a box in its fleet.
pub struct Credentials {
    configuration: FleetConfiguration,
    clock: SystemClock,
    verifier: Arc<DocumentVerifier>,
    identities: Identities,
    ways: watch::Sender<Vec<Way>>,
    known: watch::Receiver<Option<KeyUse>>,
    renewals: JoinSet<()>,
}

/// What became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The next certificate is there: it is to be shown.
    Renewed,
    /// The broker has taken the next certificate.
    Proved,
}

impl Credentials {
    /// Of a box that has enrolled.
    ///
    /// # Errors
    /// What of the files of the fleet cannot be used.
    pub fn new(
        configuration: FleetConfiguration,
        clock: SystemClock,
        verifier: Arc<DocumentVerifier>,
        identities: Identities,
    ) -> Result<Self, Failure> {
        let mut credentials = Self {
            configuration,
            clock,
            verifier,
            identities,
            ways: watch::Sender::default(),
            known: watch::Sender::default().subscribe(),
            renewals: JoinSet::new(),
        };
        credentials.open_ways()?;
        Ok(credentials)
    }

    /// For the agent.
    pub fn ways(&self) -> watch::Receiver<Vec<Way>> {
        self.ways.subscribe()
    }

    /// Watches how the broker takes them, from now on.
    pub fn watch(&mut self, agent: &Agent, identity: &BoxIdentity) {
        self.known = agent.known();
        self.ask_in_time(identity);
    }

    /// Unless there is one that has yet to prove itself.
    fn ask_in_time(&mut self, identity: &BoxIdentity) {
        if !self.ways.borrow().iter().any(|way| way.shows == KeyUse::Next) {
            let (configuration, clock) = (self.configuration.clone(), self.clock.clone());
            let believed = self.verifier.clone();
            self.renewals
                .spawn(renewal::renew(configuration, clock, identity.clone(), believed));
        }
    }

    /// What the next connection shows, and whom it believes.
    ///
    /// # Errors
    /// What of the files of the fleet cannot be used.
    pub fn open_ways(&mut self) -> Result<(), Failure> {
        let clock_is_set = self.clock.now().clock == Clock::Sync;
        let ways = ways::ways(&mut self.identities, &self.verifier.anchors(), clock_is_set)?;
        self.ways.send_replace(ways);
        Ok(())
    }

    /// Waits for the next change. Cancel safe.
    pub async fn changed(&mut self) -> Change {
        loop {
            tokio::select! {
                Some(ended) = self.renewals.join_next() => match ended {
                    Ok(()) => return Change::Renewed,
                    Err(error) => tracing::error!(%error, "the renewal has died"),
                },
                changed = self.known.changed() => {
                    if changed.is_err() {
                        // The agent has ended; so does the box.
                        std::future::pending::<()>().await;
                    }
                    if *self.known.borrow_and_update() == Some(KeyUse::Next) {
                        return Change::Proved;
                    }
                }
            }
        }
    }

    /// The broker has taken the next certificate: from now on it is the one in use. Until when it holds.
    ///
    /// # Errors
    /// What of the files of the fleet cannot be used.
    pub fn settle(&mut self) -> Result<Timestamp, Failure> {
        let next = self.identities.upcoming()?.ok_or("there is no next certificate")?;
        let identity = next.identity;
        if let Err(error) = self.verifier.follow(&identity.issued.trust, &self.clock.now()) {
            tracing::warn!(%error, "the roots that came with the certificate are not followed");
        }
        let anchors = self.verifier.anchors();
        self.identities.settle()?;
        self.identities.believe(&anchors)?;
        let trusted = identity.trusted()?;
        self.verifier.replace(TrustedDocuments { anchors, ..trusted });
        self.open_ways()?;
        self.ask_in_time(&identity);
        Ok(identity.issued.expires)
    }

    /// Believes whom the configuration says, from now on and after a restart.
    ///
    /// # Errors
    /// Why it does not.
    pub fn follow(&mut self, configuration: &Configuration) -> Result<(), Vec<ConfigurationError>> {
        let Some(document) = configuration.cfg.get("trust") else {
            return Ok(());
        };
        let wrong = |code, msg: String| {
            vec![ConfigurationError {
                path: "/trust".into(),
                code,
                msg,
                allowed: Vec::new(),
            }]
        };
        let document =
            TrustDocument::deserialize(document).map_err(|error| wrong(Code::InvalidParams, error.to_string()))?;
        let anchors = self
            .verifier
            .follow(&document, &self.clock.now())
            .map_err(|error| wrong(Code::BadSignature, error.to_string()))?;
        self.identities
            .believe(&anchors)
            .map_err(|error| wrong(Code::StorageFull, error.to_string()))?;
        self.open_ways()
            .map_err(|error| wrong(Code::Internal, error.to_string()))
    }

    /// As it was delivered: the maker's key stays, so that the box can be claimed again.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn forget(&mut self) -> Result<(), IdentityError> {
        self.renewals.abort_all();
        self.identities.forget()
    }
}
