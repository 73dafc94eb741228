//! A [`Link`] that is waited for: for stories, where nothing else happens meanwhile.

use std::time::Duration;

use fleet::link::{
    Limits, Link, News, Opening, Publication, Reason, Received, Refused, Session, Subscription, Target, Token, Will,
};
use tokio::time::timeout;

use crate::Error;
use crate::broker::{Broker, Door};

/// For anything to happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A connection and its counter.
pub struct Client {
    link: Link,
    tokens: u64,
    /// The broker remembered us.
    pub session_present: bool,
    /// What came while something else was waited for.
    pub inbox: Vec<Received>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Why not.
    pub async fn connect(target: Target, opening: Opening) -> Result<Self, Reason> {
        let mut link = Link::open(target, opening);
        match timeout(PATIENCE, link.next()).await {
            Ok(Some(News::Connected { session_present })) => Ok(Self {
                link,
                tokens: 0,
                session_present,
                inbox: Vec::new(),
            }),
            Ok(Some(News::Disconnected(reason))) => Err(reason),
            other => Err(Reason::Protocol(format!("{other:?}"))),
        }
    }

    /// A person or a program, by the door for those, with no session.
    ///
    /// # Errors
    /// Why not.
    pub async fn staff(broker: &Broker, name: &str) -> Result<Self, Error> {
        let identity = broker.authority(Door::Staff).client(name, "etat")?;
        let target = broker.target(Door::Staff, &identity, Limits::default())?;
        Ok(Self::connect(target, fresh(name)).await?)
    }

    /// The way in and the news, for whoever waits by itself.
    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Next token.
    pub fn token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    /// The next news of any kind.
    ///
    /// # Errors
    /// None came.
    pub async fn next(&mut self) -> Result<News, Error> {
        let news = timeout(PATIENCE, self.link.next()).await.map_err(|_| "nothing came")?;
        Ok(news.ok_or("the connection is over")?)
    }

    /// Subscribes; the filters that are refused.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn subscribe(&mut self, filters: &[&str]) -> Result<Vec<String>, Error> {
        let filters = filters.iter().map(ToString::to_string).collect();
        self.link.orders().subscribe(Subscription(filters))?;
        loop {
            match self.next().await? {
                News::Subscribed { refused } => return Ok(refused),
                News::Received(message) => self.inbox.push(message),
                News::Disconnected(reason) => return Err(reason.into()),
                _ => {}
            }
        }
    }

    /// Publishes and waits for what the broker says.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn publish(&mut self, publication: Publication) -> Result<Result<(), Refused>, Error> {
        let own = publication.token;
        self.link.orders().publish(publication)?;
        loop {
            match self.next().await? {
                News::Acknowledged(token) | News::Unheard(token) if token == own => return Ok(Ok(())),
                News::Refused(token, refused) if token == own => return Ok(Err(refused)),
                News::Received(message) => self.inbox.push(message),
                News::Disconnected(reason) => return Err(reason.into()),
                _ => {}
            }
        }
    }

    /// A plain message.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn say(&mut self, topic: &str, payload: &str) -> Result<Result<(), Refused>, Error> {
        let publication = Publication::new(self.token(), topic, payload.to_owned());
        self.publish(publication).await
    }

    /// The same, kept by the broker.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn keep(&mut self, topic: &str, payload: &str) -> Result<Result<(), Refused>, Error> {
        let mut publication = Publication::new(self.token(), topic, payload.to_owned());
        publication.retain = true;
        self.publish(publication).await
    }

    /// The next message, acknowledged.
    ///
    /// # Errors
    /// None came.
    pub async fn hear(&mut self) -> Result<Received, Error> {
        let mut message = self.hear_without_receipt().await?;
        if let Some(receipt) = message.receipt.take() {
            self.link.orders().acknowledge(receipt)?;
        }
        Ok(message)
    }

    /// The next message, as if its hearer died before it was safe.
    ///
    /// # Errors
    /// None came.
    pub async fn hear_without_receipt(&mut self) -> Result<Received, Error> {
        if !self.inbox.is_empty() {
            return Ok(self.inbox.remove(0));
        }
        loop {
            match self.next().await? {
                News::Received(message) => return Ok(message),
                News::Disconnected(reason) => return Err(reason.into()),
                _ => {}
            }
        }
    }

    /// How it ends.
    ///
    /// # Errors
    /// It does not.
    pub async fn end(&mut self) -> Result<Reason, Error> {
        loop {
            if let News::Disconnected(reason) = self.next().await? {
                return Ok(reason);
            }
        }
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// The connection ended otherwise.
    pub async fn goodbye(mut self) -> Result<Reason, Error> {
        self.link.orders().disconnect()?;
        self.end().await
    }
}

/// With a session of an hour, as a box.
#[must_use]
pub fn kept(client_id: &str, will: Option<Will>) -> Opening {
    Opening {
        client_id: client_id.into(),
        will,
        session: Session::Kept(Duration::from_secs(3_600)),
    }
}

/// Without a session.
#[must_use]
pub fn fresh(client_id: &str) -> Opening {
    Opening {
        client_id: client_id.into(),
        will: None,
        session: Session::Fresh,
    }
}
