//! The broker as an administrator sees it: what it keeps, and what happens.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use access::rules::staff_mark;
use bytes::Bytes;
use fleet::contract::Tenant;
use fleet::link::{
    Link, News, Opening, Publication, QueueFull, Reason, Received, Refused, Session, Subscription, Target, Token,
};
use tokio::time::{Instant, timeout_at};
use ulid::Ulid;

/// For the broker to answer anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// What goes wrong between us and the broker.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The connection ended or did not come to be.
    #[error("the broker: {0}")]
    Broker(#[from] Reason),
    /// Nothing came.
    #[error("the broker does not answer")]
    Silent,
    /// Not allowed, or too large.
    #[error("the broker refuses {topic}: {refused:?}")]
    Refused {
        /// Where.
        topic: String,
        /// Why.
        refused: Refused,
    },
    /// Not allowed.
    #[error("the broker lets us not hear {0}")]
    NotHeard(String),
}

/// A connection of an administrator.
pub struct Console {
    link: Link,
    tenant: Tenant,
    client_id: String,
    tokens: u64,
    /// Came while something else was waited for.
    inbox: VecDeque<Received>,
    acknowledged: BTreeMap<Token, Option<Refused>>,
}

impl Console {
    /// Connects. Everybody may be there several times.
    ///
    /// # Errors
    /// [`ConsoleError`].
    pub async fn open(target: Target, tenant: &Tenant) -> Result<Self, ConsoleError> {
        let client_id = format!("roomctl-{}", Ulid::generate());
        let opening = Opening {
            client_id: client_id.clone(),
            will: None,
            session: Session::Fresh,
        };
        let mut console = Self {
            link: Link::open(target, opening),
            tenant: tenant.clone(),
            client_id,
            tokens: 0,
            inbox: VecDeque::new(),
            acknowledged: BTreeMap::new(),
        };
        match console.news(Instant::now() + PATIENCE * 3).await? {
            News::Connected { .. } => Ok(console),
            _ => Err(ConsoleError::Silent),
        }
    }

    /// Whose boxes these are.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    async fn news(&mut self, until: Instant) -> Result<News, ConsoleError> {
        match timeout_at(until, self.link.next()).await {
            Ok(Some(News::Disconnected(reason))) => Err(reason.into()),
            Ok(Some(news)) => Ok(news),
            Ok(None) => Err(Reason::Closed.into()),
            Err(_) => Err(ConsoleError::Silent),
        }
    }

    /// Takes in whatever comes; the filters that were refused when it was the answer to a subscription.
    async fn take(&mut self, until: Instant) -> Result<Option<Vec<String>>, ConsoleError> {
        match self.news(until).await? {
            News::Received(mut message) => {
                if let Some(receipt) = message.receipt.take() {
                    // One that finds no room comes again; then it is heard twice.
                    let _ = self.link.orders().acknowledge(receipt);
                }
                self.inbox.push_back(message);
            }
            News::Acknowledged(token) | News::Unheard(token) => {
                self.acknowledged.insert(token, None);
            }
            News::Refused(token, refused) => {
                self.acknowledged.insert(token, Some(refused));
            }
            News::Subscribed { refused } => return Ok(Some(refused)),
            News::Connected { .. } | News::Disconnected(_) => {}
        }
        Ok(None)
    }

    /// Hears these from now on, and what the broker keeps of them.
    ///
    /// # Errors
    /// [`ConsoleError`].
    pub async fn hear(&mut self, filters: &[String]) -> Result<(), ConsoleError> {
        let until = Instant::now() + PATIENCE;
        // Nothing else waits: there is room.
        let _ = self.link.orders().subscribe(Subscription(filters.to_vec()));
        loop {
            if let Some(refused) = self.take(until).await? {
                return refused
                    .into_iter()
                    .next()
                    .map_or(Ok(()), |filter| Err(ConsoleError::NotHeard(filter)));
            }
        }
    }

    /// What the broker keeps under these filters, by topic. They stay heard.
    ///
    /// Our own mark comes after everything that the broker had for us when we subscribed.
    ///
    /// # Errors
    /// [`ConsoleError`].
    pub async fn kept(&mut self, filters: &[String]) -> Result<BTreeMap<String, Bytes>, ConsoleError> {
        let mark = staff_mark(&self.tenant, &self.client_id);
        self.hear(&[filters, std::slice::from_ref(&mark)].concat()).await?;
        let word = Ulid::generate().to_string();
        let token = self.next_token();
        self.publish(Publication::new(token, mark.clone(), word.clone()))
            .await?;
        let mut kept = BTreeMap::new();
        let mut others = VecDeque::new();
        loop {
            let message = self.next(PATIENCE).await?;
            if message.topic == mark && message.payload == word {
                self.inbox.extend(others);
                return Ok(kept);
            }
            if message.retain {
                kept.insert(message.topic, message.payload);
            } else {
                others.push_back(message);
            }
        }
    }

    /// The next message, in the order in which the broker sends them.
    ///
    /// # Errors
    /// [`ConsoleError::Silent`] after this time.
    pub async fn next(&mut self, patience: Duration) -> Result<Received, ConsoleError> {
        let until = Instant::now() + patience;
        loop {
            if let Some(message) = self.inbox.pop_front() {
                return Ok(message);
            }
            self.take(until).await?;
        }
    }

    /// What was not for whoever heard it, to be heard again, in this order.
    pub fn put_back(&mut self, messages: Vec<Received>) {
        for message in messages.into_iter().rev() {
            self.inbox.push_front(message);
        }
    }

    /// For [`Publication::new`].
    pub fn next_token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    /// Publishes without waiting for the broker: [`Console::settle`] does.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn send(&mut self, publication: Publication) -> Result<(), ConsoleError> {
        while let Err(QueueFull) = self.link.orders().publish(publication.clone()) {
            self.take(Instant::now() + PATIENCE).await?;
        }
        Ok(())
    }

    /// Waits until the broker has this.
    ///
    /// # Errors
    /// It refuses, or the connection ended.
    pub async fn settle(&mut self, token: Token, topic: &str) -> Result<(), ConsoleError> {
        loop {
            match self.acknowledged.remove(&token) {
                Some(None) => return Ok(()),
                Some(Some(refused)) => {
                    return Err(ConsoleError::Refused {
                        topic: topic.to_owned(),
                        refused,
                    });
                }
                None => {
                    self.take(Instant::now() + PATIENCE).await?;
                }
            }
        }
    }

    /// Publishes and waits until the broker has it.
    ///
    /// # Errors
    /// It refuses, or the connection ended.
    pub async fn publish(&mut self, publication: Publication) -> Result<(), ConsoleError> {
        let (token, topic) = (publication.token, publication.topic.clone());
        self.send(publication).await?;
        self.settle(token, &topic).await
    }

    /// Leaves.
    pub async fn close(mut self) {
        if self.link.orders().disconnect().is_ok() {
            while let Some(news) = self.link.next().await {
                if let News::Disconnected(_) = news {
                    break;
                }
            }
        }
    }
}
