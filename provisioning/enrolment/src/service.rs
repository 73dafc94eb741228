//! From a box's request to the answer. It speaks to the registry and to nobody else.

use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fleet::contract::{
    Clock, Decision, DenialReason, EnrolmentAnswer, EnrolmentRequest, EnrolmentTopic, Envelope, Issued, Message,
    Serial, Signer, TrustDocument, key_id,
};
use fleet::session::Now;
use fleet::trust::{Anchors, Authority, Validity};
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::registry::{BoxRecord, BoxState, Enrolled, Registry, RegistryError};

/// A box that nobody has claimed may come back then, seconds.
const RETRY_S: u32 = 60;
/// Of one box, so many requests are answered within [`WINDOW`].
const BURST: u32 = 5;
/// After it the box may ask as often again.
const WINDOW: SignedDuration = SignedDuration::from_secs(10);
/// Boxes that are remembered for that.
const REMEMBERED: usize = 100_000;

/// What boxes are given besides their certificate.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Brokers as `HOST:PORT`.
    pub endpoints: Vec<String>,
    /// Whom they shall trust.
    pub trust: TrustDocument,
    /// How long a certificate holds.
    pub days: i64,
}

/// Who the service is.
pub struct Powers {
    /// Makers of boxes.
    pub makers: Anchors,
    /// Certifies boxes.
    pub boxes: Authority,
    /// Signs answers.
    pub signer: Signer,
}

/// The service.
pub struct Service {
    powers: Powers,
    offer: Offer,
    registry: Registry,
    chance: StdRng,
    boot: String,
    born: Timestamp,
    count: u64,
    /// When a window of a box began, and the requests in it.
    answered: HashMap<Serial, (Timestamp, u32)>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

/// What is published for a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
}

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// It is not from a box.
    #[error("{0}")]
    Forged(String),
    /// It came too soon after the one before.
    #[error("too many requests")]
    TooSoon,
    /// The service cannot.
    #[error("{0}")]
    Failed(String),
}

impl Service {
    /// With a registry.
    #[must_use]
    pub fn new(powers: Powers, offer: Offer, registry: Registry, mut chance: StdRng, now: Timestamp) -> Self {
        Self {
            powers,
            offer,
            registry,
            boot: format!("{:016x}", chance.random::<u64>()),
            chance,
            born: now,
            count: 0,
            answered: HashMap::new(),
        }
    }

    /// The registry.
    pub fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Answers what was published on a topic.
    ///
    /// # Errors
    /// [`Unanswered`]: the box tries again by itself.
    pub fn handle(&mut self, topic: &str, payload: &[u8], now: Timestamp) -> Result<Reply, Unanswered> {
        let forged = |error: &dyn fmt::Display| Unanswered::Forged(error.to_string());
        let Ok((serial, EnrolmentTopic::Request)) = EnrolmentTopic::parse(topic) else {
            return Err(Unanswered::Forged("another topic".into()));
        };
        let request = self.powers.makers.check_request(&serial, payload);
        let request = request.map_err(|error| forged(&error))?;
        self.is_not_too_soon(&serial, now)?;
        let decision = self.decide(&serial, &request.body, now);
        let decision = decision.map_err(|error| Unanswered::Failed(error.to_string()))?;
        tracing::info!(%serial, decision = word(&decision), "enrolment");
        let answer = EnrolmentAnswer {
            re: request.envelope.id,
            nonce: request.body.nonce,
            decision,
        };
        let message = Message {
            envelope: self.envelope(now),
            body: answer,
        };
        let failed = |error: &dyn fmt::Display| Unanswered::Failed(error.to_string());
        let text = serde_json::to_vec(&message).map_err(|error| failed(&error))?;
        let topic = EnrolmentTopic::Answer.of(&serial);
        let signed = self.powers.signer.sign(&topic, &text).map_err(|error| failed(&error))?;
        Ok(Reply {
            topic,
            payload: signed.into_bytes(),
        })
    }

    fn is_not_too_soon(&mut self, serial: &Serial, now: Timestamp) -> Result<(), Unanswered> {
        if self.answered.len() >= REMEMBERED {
            self.answered.clear();
        }
        let (begun, count) = self.answered.entry(serial.clone()).or_insert((now, 0));
        if now < *begun || now.duration_since(*begun) >= WINDOW {
            (*begun, *count) = (now, 0);
        }
        *count += 1;
        if *count > BURST {
            return Err(Unanswered::TooSoon);
        }
        Ok(())
    }

    fn decide(
        &mut self,
        serial: &Serial,
        request: &EnrolmentRequest,
        now: Timestamp,
    ) -> Result<Decision, Box<dyn std::error::Error>> {
        let denied = |reason| Ok(Decision::Denied { reason });
        let pending = Ok(Decision::Pending { retry_after_s: RETRY_S });
        let Ok(key) = request.key() else {
            return denied(DenialReason::BadRequest);
        };
        let Some(known) = self.registry.find(serial)? else {
            self.registry.seen(serial, &request.model, now)?;
            return pending;
        };
        match known.state {
            BoxState::Replaced => return denied(DenialReason::Replaced),
            BoxState::Blocked => return denied(DenialReason::Blocked),
            BoxState::Claimed | BoxState::Enrolled => {}
        }
        let issued = self.issue(&known, &key, now)?;
        let enrolled = Enrolled {
            key_id: key_id(&*key)?,
            expires: issued.expires,
            model: request.model.clone(),
        };
        match self.registry.enrolled(serial, &enrolled, now) {
            Ok(()) => Ok(Decision::Issued(Box::new(issued))),
            // Somebody gave its place away in this very moment.
            Err(RegistryError::Unknown(_)) => pending,
            Err(error) => Err(error.into()),
        }
    }

    fn issue(
        &self,
        known: &BoxRecord,
        key: &openssl::pkey::PKeyRef<openssl::pkey::Public>,
        now: Timestamp,
    ) -> Result<Issued, openssl::error::ErrorStack> {
        let validity = Validity::days(now, self.offer.days);
        let device = known.serial.device();
        let boxes = &self.powers.boxes;
        let certificate = boxes.device(key, &known.tenant, &known.site, &device, validity)?;
        Ok(Issued {
            tenant: known.tenant.clone(),
            site: known.site.clone(),
            device,
            chain: vec![STANDARD.encode(certificate.to_der()?)],
            expires: validity.until,
            endpoints: self.offer.endpoints.clone(),
            trust: self.offer.trust.clone(),
        })
    }

    fn envelope(&mut self, now: Timestamp) -> Envelope {
        self.count += 1;
        let up_ms = now.duration_since(self.born).as_millis();
        let now = Now {
            up_ms: u64::try_from(up_ms).unwrap_or(0),
            wall: Some(now),
            clock: Clock::Sync,
        };
        now.envelope(&mut self.chance, &self.boot, self.count)
    }
}

const fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Pending { .. } => "pending",
        Decision::Issued(_) => "issued",
        Decision::Denied { .. } => "denied",
    }
}
