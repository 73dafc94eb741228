//! One connection from CONNECT to its end, in tasks of its own.

use std::collections::VecDeque;
use std::future::pending;
use std::time::Instant;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    Filter, Packet, PubAck, PubAckReason, Publish, PublishProperties, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::sleep_until;

use super::pipe::{self, Door};
use super::reason::Reason;
use super::window::Window;
use super::words::{Limits, News, Opening, Publication, Receipt, Received, Refused, Subscription, Target, Token};
use super::{options, socket};

/// Orders that wait for this connection, given and taken.
const ORDERS: usize = 1_024;
/// Requests that wait inside `rumqttc`.
const REQUESTS: usize = 64;
/// News that wait for the caller.
const NEWS: usize = 64;
/// News beyond which nothing more is read.
const BACKLOG: usize = 64;
/// Bytes of a PUBLISH beside topic, payload and the texts of its properties.
const OVERHEAD: usize = 64;

/// What the connection shall do.
#[derive(Debug)]
enum Order {
    Subscribe(Subscription),
    Publish(Publication),
    Acknowledge(Receipt),
    Disconnect,
}

/// There are too many orders already: the broker, or the way to it, is slower than the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many orders wait")]
pub struct QueueFull;

/// The way in. Nothing waits here, so that whoever hears the news can also give orders. Orders to a connection that has ended
/// are dropped: its last news says so.
#[derive(Debug, Clone)]
pub struct Orders(mpsc::Sender<Order>);

impl Orders {
    fn give(&self, order: Order) -> Result<(), QueueFull> {
        match self.0.try_send(order) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(QueueFull),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    /// Answered by [`News::Subscribed`].
    ///
    /// # Errors
    /// [`QueueFull`].
    pub fn subscribe(&self, subscription: Subscription) -> Result<(), QueueFull> {
        self.give(Order::Subscribe(subscription))
    }

    /// Answered by [`News::Acknowledged`], [`News::Unheard`] or [`News::Refused`], unless the connection ends before.
    ///
    /// # Errors
    /// [`QueueFull`].
    pub fn publish(&self, publication: Publication) -> Result<(), QueueFull> {
        self.give(Order::Publish(publication))
    }

    /// What was received is safe.
    ///
    /// # Errors
    /// [`QueueFull`].
    pub fn acknowledge(&self, receipt: Receipt) -> Result<(), QueueFull> {
        self.give(Order::Acknowledge(receipt))
    }

    /// Says goodbye once everything before is written. The will is not published.
    ///
    /// # Errors
    /// [`QueueFull`].
    pub fn disconnect(&self) -> Result<(), QueueFull> {
        self.give(Order::Disconnect)
    }
}

/// A connection. To drop it cuts it: the broker publishes the will.
#[derive(Debug)]
pub struct Link {
    orders: Orders,
    news: mpsc::Receiver<News>,
}

impl Link {
    /// Connects, once. The first news is [`News::Connected`] or [`News::Disconnected`].
    #[must_use]
    pub fn open(target: Target, opening: Opening) -> Self {
        let (orders, taken) = mpsc::channel(ORDERS);
        let (heard, news) = mpsc::channel(NEWS);
        tokio::spawn(async move {
            let reason = tokio::select! {
                reason = live(&target, &opening, taken, &heard) => reason,
                () = heard.closed() => return,
            };
            let _ = heard.send(News::Disconnected(reason)).await;
        });
        Self {
            orders: Orders(orders),
            news,
        }
    }

    /// The way in; it can be cloned.
    #[must_use]
    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    /// What happens next; none after [`News::Disconnected`]. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }
}

async fn live(target: &Target, opening: &Opening, orders: mpsc::Receiver<Order>, news: &mpsc::Sender<News>) -> Reason {
    let remote = match socket::connect(target).await {
        Ok(remote) => remote,
        Err(reason) => return reason,
    };
    let door = match Door::open() {
        Ok(door) => door,
        Err(error) => return Reason::Unreachable(error.to_string()),
    };
    let options = options::of(opening, &target.limits, door.name());
    let (client, events) = AsyncClient::new(options, REQUESTS);
    let (told, heard) = mpsc::channel(1);
    // Both end when the other does, and `rumqttc` when nobody hears it any more.
    let poll = Ended(tokio::spawn(poll(events, told)));
    let limits = target.limits.clone();
    let pipe = Ended(tokio::spawn(async move {
        match door.admit().await {
            Ok(local) => pipe::carry(remote, local, &limits).await,
            Err(error) => Some(Reason::Cut(error.to_string())),
        }
    }));
    let connection = Connection::new(client, &target.limits);
    connection.run(orders, heard, poll, pipe, news).await
}

/// A task that ends with whoever holds it.
struct Ended<T>(JoinHandle<T>);

impl<T> Ended<T> {
    async fn join(&mut self) -> Result<T, JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for Ended<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Polls, and does nothing else. What was understood before an error is still told.
async fn poll(mut events: EventLoop, told: mpsc::Sender<Event>) -> Option<ConnectionError> {
    loop {
        match events.poll().await {
            Ok(event) => {
                let goodbye = matches!(event, Event::Outgoing(Outgoing::Disconnect));
                if told.send(event).await.is_err() || goodbye {
                    return None;
                }
            }
            Err(error) => {
                while let Some(event) = events.state.events.pop_front() {
                    if told.send(event).await.is_err() {
                        break;
                    }
                }
                return Some(error);
            }
        }
    }
}

struct Connection {
    client: AsyncClient,
    limits: Limits,
    window: Window,
    /// Acknowledgements first: they never wait for room.
    receipts: VecDeque<Receipt>,
    queue: VecDeque<Order>,
    news: VecDeque<News>,
    /// Filters of subscriptions without answer.
    subscribing: VecDeque<Vec<String>>,
    maximum_packet: usize,
    connected: bool,
}

impl Connection {
    fn new(client: AsyncClient, limits: &Limits) -> Self {
        Self {
            client,
            window: Window::new(usize::from(limits.receive_maximum)),
            limits: limits.clone(),
            receipts: VecDeque::new(),
            queue: VecDeque::new(),
            news: VecDeque::new(),
            subscribing: VecDeque::new(),
            maximum_packet: limits.maximum_packet as usize,
            connected: false,
        }
    }

    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut heard: mpsc::Receiver<Event>,
        mut poll: Ended<Option<ConnectionError>>,
        mut pipe: Ended<Option<Reason>>,
        news: &mpsc::Sender<News>,
    ) -> Reason {
        loop {
            let overdue = self.window.overdue(self.limits.acknowledgement);
            let late = async {
                match overdue {
                    Some(at) => sleep_until(at.into()).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                permit = news.reserve(), if !self.news.is_empty() => {
                    if let (Ok(permit), Some(first)) = (permit, self.news.pop_front()) {
                        permit.send(first);
                    }
                }
                event = heard.recv(), if self.news.len() < BACKLOG => match event {
                    Some(event) => self.heard(event),
                    None => break,
                },
                order = orders.recv(), if self.queue.len() < ORDERS => match order {
                    Some(Order::Acknowledge(receipt)) => self.receipts.push_back(receipt),
                    Some(order) => self.queue.push_back(order),
                    // Dropped together with the receiver of the news, which ends this task.
                    None => pending().await,
                },
                () = late => return Reason::Unacknowledged,
            }
            self.give();
        }
        let reason = match poll.join().await {
            Ok(None) => Reason::Closed,
            Ok(Some(error)) => Reason::of(&error),
            Err(error) => {
                tracing::error!(%error, "the MQTT library failed");
                Reason::Protocol("the library failed".into())
            }
        };
        // The pipe ends with it, writes what is left, and may know better why.
        let reason = match (pipe.join().await, reason) {
            (Ok(Some(better)), Reason::Cut(_)) => better,
            (_, reason) => reason,
        };
        for last in self.news {
            let _ = news.send(last).await;
        }
        reason
    }

    /// Gives `rumqttc` what it can take.
    fn give(&mut self) {
        while let Some(receipt) = self.receipts.front() {
            let acknowledged = Publish {
                qos: QoS::AtLeastOnce,
                pkid: receipt.0,
                ..Publish::default()
            };
            if self.client.try_ack(&acknowledged).is_err() {
                return;
            }
            self.receipts.pop_front();
        }
        while self.connected && self.give_order().is_some() {}
    }

    /// The next order; none when it has to wait.
    fn give_order(&mut self) -> Option<()> {
        match self.queue.front()? {
            Order::Subscribe(Subscription(filters)) => {
                let with_options = filters.iter().map(|path| Filter {
                    preserve_retain: true,
                    ..Filter::new(path, QoS::AtLeastOnce)
                });
                self.client.try_subscribe_many(with_options).ok()?;
                self.subscribing.push_back(filters.clone());
            }
            Order::Publish(publication) => {
                let token = publication.token;
                if size(publication) > self.maximum_packet {
                    self.news.push_back(News::Refused(token, Refused::TooLarge));
                } else if publication.acknowledged {
                    if !self.window.has_room() {
                        return None;
                    }
                    self.publish(QoS::AtLeastOnce)?;
                    self.window.hand_over(token, Instant::now());
                } else {
                    self.publish(QoS::AtMostOnce)?;
                    self.window.hand_over_unacknowledged(token);
                }
            }
            Order::Disconnect => {
                if self.window.is_busy() {
                    return None;
                }
                self.client.try_disconnect().ok()?;
            }
            Order::Acknowledge(_) => {}
        }
        self.queue.pop_front();
        Some(())
    }

    /// The publication at the front.
    fn publish(&self, qos: QoS) -> Option<()> {
        let Some(Order::Publish(publication)) = self.queue.front() else {
            return None;
        };
        let properties = PublishProperties {
            message_expiry_interval: publication.expiry.map(options::seconds),
            response_topic: publication.response_topic.clone(),
            correlation_data: publication.correlation.clone(),
            ..PublishProperties::default()
        };
        self.client
            .try_publish_with_properties(
                &publication.topic,
                qos,
                publication.retain,
                publication.payload.clone(),
                properties,
            )
            .ok()
    }

    fn heard(&mut self, event: Event) {
        match event {
            Event::Incoming(Packet::ConnAck(answer)) => {
                if let Some(properties) = &answer.properties {
                    if let Some(most) = properties.receive_max {
                        self.window.narrow(most);
                    }
                    if let Some(most) = properties.max_packet_size {
                        self.maximum_packet = self.maximum_packet.min(most as usize);
                    }
                }
                self.connected = true;
                self.news.push_back(News::Connected {
                    session_present: answer.session_present,
                });
            }
            Event::Incoming(Packet::Publish(publish)) => self.received(publish),
            Event::Incoming(Packet::PubAck(PubAck { pkid, reason, .. })) => {
                if let Some(token) = self.window.acknowledged(pkid) {
                    self.news.push_back(outcome(token, reason));
                }
            }
            Event::Incoming(Packet::SubAck(answer)) => {
                let filters = self.subscribing.pop_front().unwrap_or_default();
                let granted = |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
                let refused = filters.into_iter().enumerate();
                let refused = refused.filter(|(at, _)| !answer.return_codes.get(*at).is_some_and(granted));
                self.news.push_back(News::Subscribed {
                    refused: refused.map(|(_, filter)| filter).collect(),
                });
            }
            Event::Outgoing(Outgoing::Publish(packet_id)) => {
                if let Some(token) = self.window.wrote(packet_id) {
                    self.news.push_back(News::Acknowledged(token));
                }
            }
            _ => {}
        }
    }

    fn received(&mut self, publish: Publish) {
        let receipt = match publish.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => Some(Receipt(publish.pkid)),
            // We ask for no more than 1, and no broker may send more than that.
            QoS::ExactlyOnce => return,
        };
        let Ok(topic) = String::from_utf8(publish.topic.to_vec()) else {
            return;
        };
        let properties = publish.properties.unwrap_or_default();
        self.news.push_back(News::Received(Received {
            topic,
            payload: publish.payload,
            retain: publish.retain,
            duplicate: publish.dup,
            expiry: properties
                .message_expiry_interval
                .map(|left| std::time::Duration::from_secs(left.into())),
            response_topic: properties.response_topic,
            correlation: properties.correlation_data,
            receipt,
        }));
    }
}

fn outcome(token: Token, reason: PubAckReason) -> News {
    let code = match reason {
        PubAckReason::Success => return News::Acknowledged(token),
        PubAckReason::NoMatchingSubscribers => return News::Unheard(token),
        PubAckReason::UnspecifiedError => 0x80,
        PubAckReason::ImplementationSpecificError => 0x83,
        PubAckReason::NotAuthorized => 0x87,
        PubAckReason::TopicNameInvalid => 0x90,
        PubAckReason::PacketIdentifierInUse => 0x91,
        PubAckReason::QuotaExceeded => 0x97,
        PubAckReason::PayloadFormatInvalid => 0x99,
    };
    News::Refused(token, Refused::ByBroker(code))
}

/// Bytes of its packet, at most.
fn size(publication: &Publication) -> usize {
    let text = publication.response_topic.as_ref().map_or(0, String::len);
    let correlation = publication.correlation.as_ref().map_or(0, bytes::Bytes::len);
    publication.topic.len() + publication.payload.len() + text + correlation + OVERHEAD
}
