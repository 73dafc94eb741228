//! Who the box is, whom it believes, and the ways to its brokers that follow from both.

use std::sync::Arc;
use std::time::Duration;

use fleet::agent::{Agent, Clockwork, SystemClock, Way};
use fleet::contract::{Clock, Code, Configuration, ConfigurationError, TrustDocument};
use fleet::trust::{DocumentVerifier, Identities, IdentityError, KeyUse, SecretsKey, TrustedDocuments};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::secrets::Secrets;
use super::{renewal, said, ways};
use crate::Failure;
use crate::configuration::FleetConfiguration;

/// How often it is seen whether the clock is set.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The credentials of a box in its fleet.
pub struct Credentials {
    configuration: FleetConfiguration,
    clock: SystemClock,
    verifier: Arc<DocumentVerifier>,
    identities: Identities,
    secrets: SecretsKey,
    ways: watch::Sender<Vec<Way>>,
    known: watch::Receiver<Option<KeyUse>>,
    /// The clock was set when the ways were opened: until then they do not look at times.
    clock_was_set: bool,
    /// What comes next of the certificate, when it is time.
    renewal: JoinSet<Change>,
}

/// What became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The next certificate is there: it is to be shown.
    Renewed,
    /// The broker has taken the next certificate.
    Proved,
    /// No broker has taken it, for a long time.
    Unproved,
    /// The clock is set.
    ClockSet,
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
        secrets: SecretsKey,
    ) -> Result<Self, Failure> {
        let mut credentials = Self {
            configuration,
            clock,
            verifier,
            identities,
            secrets,
            ways: watch::Sender::default(),
            known: watch::Sender::default().subscribe(),
            clock_was_set: false,
            renewal: JoinSet::new(),
        };
        credentials.open_ways()?;
        Ok(credentials)
    }

    /// For the agent.
    pub fn ways(&self) -> watch::Receiver<Vec<Way>> {
        self.ways.subscribe()
    }

    /// Watches how the broker takes them, from now on.
    ///
    /// # Errors
    /// What of the files of the fleet cannot be used.
    pub fn watch(&mut self, agent: &Agent) -> Result<(), Failure> {
        self.known = agent.known();
        self.look_ahead()
    }

    /// The next certificate is asked for in time, and has its time to prove itself.
    fn look_ahead(&mut self) -> Result<(), Failure> {
        self.renewal.abort_all();
        let clock = self.clock.clone();
        // One that cannot be read is never shown, and gives way to another.
        let upcoming = self.identities.upcoming().ok().flatten();
        if let Some(next) = upcoming {
            self.renewal.spawn(async move {
                renewal::unproved(next.identity, clock).await;
                Change::Unproved
            });
        } else if let Some(current) = self.identities.current()? {
            let (configuration, believed) = (self.configuration.clone(), self.verifier.clone());
            self.renewal.spawn(async move {
                renewal::renew(configuration, clock, current.identity, believed).await;
                Change::Renewed
            });
        }
        Ok(())
    }

    /// What has changed is followed. Says what the fleet is to know: until when the certificate in use holds.
    ///
    /// # Errors
    /// What of the files of the fleet cannot be used.
    pub fn follow_change(&mut self, change: Change) -> Result<Option<Timestamp>, Failure> {
        let mut settled = None;
        match change {
            Change::Proved => settled = Some(self.settle()?),
            Change::Unproved => self.identities.discard_next()?,
            Change::Renewed | Change::ClockSet => {}
        }
        self.open_ways()?;
        if change != Change::ClockSet {
            self.look_ahead()?;
        }
        Ok(settled)
    }

    /// What the next connection shows, and whom it believes.
    fn open_ways(&mut self) -> Result<(), Failure> {
        self.clock_was_set = self.clock_is_set();
        let ways = ways::ways(&mut self.identities, &self.verifier.anchors(), self.clock_was_set)?;
        self.ways.send_replace(ways);
        Ok(())
    }

    /// Waits for the next change. Cancel safe.
    pub async fn changed(&mut self) -> Change {
        loop {
            if !self.clock_was_set && self.clock_is_set() {
                return Change::ClockSet;
            }
            tokio::select! {
                Some(ended) = self.renewal.join_next() => match ended {
                    Ok(change) => return change,
                    Err(error) if error.is_cancelled() => {}
                    Err(error) => tracing::error!(%error, "the renewal has died"),
                },
                () = sleep(LOOK_EVERY), if !self.clock_was_set => {}
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

    fn clock_is_set(&self) -> bool {
        self.clock.now().clock == Clock::Sync
    }

    /// The broker has taken the next certificate: from now on it is the one in use. Until when it holds.
    fn settle(&mut self) -> Result<Timestamp, Failure> {
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

    /// With which key the box opens its secrets, signed by the key of the certificate in use.
    pub fn secrets_key(&mut self) -> Option<String> {
        let usable = self.identities.current().ok().flatten()?;
        said(&self.secrets, &usable)
    }

    /// What a configuration tells this box alone.
    ///
    /// # Errors
    /// What cannot be opened, each with a JSON pointer beside `cfg`.
    pub fn open(&self, configuration: &Configuration) -> Result<Secrets, Vec<ConfigurationError>> {
        Secrets::open(configuration, &self.secrets)
    }

    /// As it was delivered: the maker's key stays, so that the box can be claimed again.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn forget(&mut self) -> Result<(), IdentityError> {
        self.renewal.abort_all();
        self.identities.forget()
    }
}
