//! [`Enrolment`] with its surroundings: link, keys, disk and clock.

use std::sync::Arc;
use std::time::Duration;

use openssl::x509::X509;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{Enrolment, Input, Output, Purpose, Shown};
use crate::agent::Clockwork;
use crate::contract::{EnrolmentRequest, EnrolmentTopic, Id, Issued, Message, Serial, Signer};
use crate::link::{ContextError, Trust, context};
use crate::link::{Endpoint, Identity, Limits, Link, News, Opening, Publication, Session, Subscription, Target, Token};
use crate::trust::{Anchors, BoxIdentity, Identities, KeyUse, PrivateKey, certificate_request};

/// A box that wants to be in a fleet.
pub struct Applicant {
    /// Its serial number.
    pub serial: Serial,
    /// Model, as its maker calls it.
    pub model: String,
    /// Release that runs.
    pub fw: String,
    /// The maker's key.
    pub maker: Arc<dyn PrivateKey>,
    /// Its certificate and those up to the maker.
    pub maker_chain: Vec<X509>,
    /// The listener for boxes that nobody knows.
    pub endpoint: Endpoint,
    /// The roots that were installed with the box, or that it trusts by now.
    pub anchors: Anchors,
    /// What it keeps.
    pub identities: Identities,
    /// Starts of the box differ in it; 8 to 36 characters.
    pub boot: String,
}

/// What runs.
struct Run<'a> {
    applicant: &'a mut Applicant,
    clock: &'a mut dyn Clockwork,
    chance: StdRng,
    count: u64,
    link: Option<Link>,
}

impl Applicant {
    /// Asks until it is in. It blocks for as long as its keys take, so a TPM wants [`aside`](crate::aside()). `shown`: what the wall shows; `touched`: somebody in the room wants it now.
    pub async fn run(
        &mut self,
        purpose: Purpose,
        spread: Duration,
        clock: &mut dyn Clockwork,
        mut chance: StdRng,
        shown: &mpsc::UnboundedSender<Shown>,
        touched: &mut mpsc::UnboundedReceiver<()>,
    ) {
        let own = StdRng::seed_from_u64(chance.random());
        let mut enrolment = Enrolment::new(self.serial.clone(), purpose, spread, own, clock.now().up_ms);
        let mut run = Run {
            applicant: self,
            clock,
            chance,
            count: 0,
            link: None,
        };
        loop {
            while let Some(output) = enrolment.poll() {
                let input = match output {
                    Output::Show(what) => {
                        let _ = shown.send(what);
                        None
                    }
                    output => run.act(output),
                };
                if let Some(input) = input {
                    enrolment.handle(input, run.clock.now().up_ms);
                }
            }
            if enrolment.is_done() && run.link.is_none() {
                return;
            }
            let wait = enrolment
                .next_deadline()
                .map(|at_ms| at_ms.saturating_sub(run.clock.now().up_ms));
            let input = tokio::select! {
                news = next(&mut run.link) => run.heard(news),
                () = sleep(Duration::from_millis(wait.unwrap_or(60_000))) => Some(Input::Tick),
                Some(()) = touched.recv() => Some(Input::Touched),
            };
            if let Some(input) = input {
                enrolment.handle(input, run.clock.now().up_ms);
            }
        }
    }
}

/// Never, while there is no connection.
async fn next(link: &mut Option<Link>) -> Option<News> {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

impl Run<'_> {
    fn act(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Prepare { nonce } => Some(match self.prepare(nonce) {
                Ok((id, request)) => Input::Prepared { id, request },
                Err(error) => {
                    tracing::error!(%error, "no request can be made");
                    Input::PrepareFailed
                }
            }),
            Output::Connect => match self.target() {
                Ok(target) => {
                    let client_id = self.applicant.serial.to_string();
                    let opening = Opening {
                        client_id,
                        will: None,
                        session: Session::Fresh,
                    };
                    self.link = Some(Link::open(target, opening));
                    None
                }
                Err(error) => {
                    tracing::error!(%error, "no connection can be made");
                    Some(Input::Disconnected)
                }
            },
            Output::Subscribe => {
                let topic = EnrolmentTopic::Answer.of(&self.applicant.serial);
                self.with_link(|link| link.orders().subscribe(Subscription(vec![topic])).is_ok())
            }
            Output::Publish(request) => {
                let topic = EnrolmentTopic::Request.of(&self.applicant.serial);
                self.with_link(|link| {
                    link.orders()
                        .publish(Publication::new(Token(1), topic, request))
                        .is_ok()
                })
            }
            Output::Disconnect => self.with_link(|link| link.orders().disconnect().is_ok()),
            Output::Adopt(issued) => Some(Input::Adopted(match self.adopt(*issued) {
                Ok(()) => true,
                Err(error) => {
                    tracing::error!(%error, "the certificate is not taken");
                    false
                }
            })),
            Output::Show(_) => None,
        }
    }

    /// A connection that takes no order is as good as lost.
    fn with_link(&mut self, order: impl FnOnce(&Link) -> bool) -> Option<Input> {
        if self.link.as_ref().is_some_and(order) {
            None
        } else {
            self.link = None;
            Some(Input::Disconnected)
        }
    }

    fn target(&self) -> Result<Target, ContextError> {
        let of = &self.applicant;
        let identity = Identity {
            chain: of.maker_chain.clone(),
            key: of.maker.clone(),
        };
        let trust = Trust {
            authorities: of.anchors.roots().to_vec(),
            clock_is_set: self.clock.now().time().is_some(),
        };
        Ok(Target {
            endpoint: of.endpoint.clone(),
            tls: context(&identity, &trust)?,
            limits: Limits::default(),
        })
    }

    fn prepare(&mut self, nonce: String) -> Result<(Id, Vec<u8>), Box<dyn std::error::Error>> {
        let now = self.clock.now();
        self.count += 1;
        let envelope = now.envelope(&mut self.chance, &self.applicant.boot, self.count);
        let id = envelope.id;
        let of = &mut *self.applicant;
        // A key that waits for its certificate is used again: each request would cost one otherwise.
        let key = match of.identities.keys().open(KeyUse::Next)? {
            Some(key) if of.identities.upcoming()?.is_none() => key,
            _ => of.identities.keys().create(KeyUse::Next)?,
        };
        let message = Message {
            envelope,
            body: EnrolmentRequest {
                nonce,
                csr: certificate_request(&key, &of.serial)?,
                model: of.model.clone(),
                fw: of.fw.clone(),
            },
        };
        let signer = Signer::new(of.maker.clone(), &of.maker_chain)?;
        let topic = EnrolmentTopic::Request.of(&of.serial);
        Ok((id, signer.sign(&topic, &serde_json::to_vec(&message)?)?.into_bytes()))
    }

    fn adopt(&mut self, issued: Issued) -> Result<(), Box<dyn std::error::Error>> {
        let now = self.clock.now().time();
        let of = &mut *self.applicant;
        let key = of.identities.keys().open(KeyUse::Next)?.ok_or("its key is gone")?;
        issued.fits(&of.serial, &key)?;
        let anchors = of.anchors.after_enrolment(&issued, now)?;
        of.identities.adopt(&BoxIdentity::new(issued, &anchors)?)?;
        of.anchors = anchors;
        Ok(())
    }

    fn heard(&mut self, news: Option<News>) -> Option<Input> {
        match news {
            Some(News::Connected { .. }) => Some(Input::Connected),
            Some(News::Subscribed { refused }) if refused.is_empty() => Some(Input::Subscribed),
            Some(News::Subscribed { .. }) => {
                tracing::warn!("the broker lets the box hear no answer");
                self.with_link(|link| link.orders().disconnect().is_ok())
            }
            Some(News::Received(received)) => {
                if let Some(receipt) = received.receipt {
                    self.with_link(|link| link.orders().acknowledge(receipt).is_ok());
                }
                let of = &self.applicant;
                let now = self.clock.now().time();
                match of.anchors.check_answer(&of.serial, &received.payload, now) {
                    Ok(message) => Some(Input::Answered(message.body)),
                    Err(error) => {
                        tracing::warn!(%error, "an answer is not taken");
                        None
                    }
                }
            }
            Some(News::Disconnected(reason)) => {
                tracing::debug!(?reason, "the connection is over");
                self.link = None;
                Some(Input::Disconnected)
            }
            None => {
                self.link = None;
                Some(Input::Disconnected)
            }
            Some(News::Unheard(_)) => Some(Input::Unheard),
            Some(News::Acknowledged(_) | News::Refused(..)) => None,
        }
    }
}
