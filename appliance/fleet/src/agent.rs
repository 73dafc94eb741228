//! The session with its surroundings: link, store and clock. The same for a box and for a simulator of many.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::contract::Clock;
use crate::link::{self, Link, News, Reason, Target};
use crate::session::{Connect, Input, Now, Output, Publication, Receipt, Received, Record, Session, Token, Will};
use crate::trust::KeyUse;

/// A way into the fleet.
#[derive(Clone)]
pub struct Way {
    /// With which of its keys the box shows who it is.
    pub shows: KeyUse,
    /// The broker.
    pub target: Target,
}

/// The ways of a box, in the order in which they are tried. Others count from the next attempt on, which takes the first.
pub type Ways = watch::Receiver<Vec<Way>>;

/// Keeps the records of a session where they survive a power cut.
pub trait Keeper: Send + 'static {
    /// All of them or nothing. Returns when they are safe; may block.
    ///
    /// # Errors
    /// What the disk says.
    fn write(&mut self, records: &[Record]) -> io::Result<()>;
}

/// Where the time comes from.
pub trait Clockwork: Send {
    /// What time it is.
    fn now(&self) -> Now;
}

/// The clocks of the machine.
#[derive(Debug, Clone)]
pub struct SystemClock {
    born: Duration,
    /// The time of day is right, whoever set it.
    trusted: bool,
}

/// `systemd-timesyncd(8)`: here when the clock has been set from the network.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

impl SystemClock {
    /// Time begins now. `trusted`: the clock is set by somebody who leaves no [`SYNCHRONIZED`].
    #[must_use]
    pub fn new(trusted: bool) -> Self {
        Self {
            born: since_boot(),
            trusted,
        }
    }
}

impl Clockwork for SystemClock {
    fn now(&self) -> Now {
        let up = since_boot().saturating_sub(self.born);
        let set = self.trusted || std::path::Path::new(SYNCHRONIZED).exists();
        Now {
            up_ms: u64::try_from(up.as_millis()).unwrap_or(u64::MAX),
            wall: Some(Timestamp::now()),
            clock: if set { Clock::Sync } else { Clock::Unsync },
        }
    }
}

/// Counts while the machine sleeps.
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// The keeper back, and what became of the records.
type WriteEnd = (Box<dyn Keeper>, Token, io::Result<()>);

/// A session that runs.
pub struct Agent {
    session: Session,
    clock: Box<dyn Clockwork>,
    ways: Ways,
    /// Connection attempts with these ways: each takes the next one.
    attempts: usize,
    link: Option<Linked>,
    /// As whom the broker knows the box now.
    known: watch::Sender<Option<KeyUse>>,
    /// None while it writes.
    keeper: Option<Box<dyn Keeper>>,
    writing: Option<JoinHandle<WriteEnd>>,
    /// What the box has not taken yet.
    effects: VecDeque<Output>,
}

/// Of publications with QoS 0: nobody asks what became of them.
const UNASKED: link::Token = link::Token(u64::MAX);

/// The connection of the moment.
struct Linked {
    link: Link,
    shows: KeyUse,
    connected: bool,
    /// What the link has no room for yet.
    waiting: VecDeque<Order>,
    receipts: HashMap<Receipt, link::Receipt>,
    next_receipt: u64,
}

enum Order {
    Subscribe(Vec<String>),
    Publish(Publication),
    Acknowledge(Receipt),
    Disconnect,
}

impl Agent {
    /// A session that will reach its broker by these ways, in turn.
    #[must_use]
    pub fn new(session: Session, keeper: Box<dyn Keeper>, clock: Box<dyn Clockwork>, ways: Ways) -> Self {
        Self {
            session,
            clock,
            ways,
            attempts: 0,
            link: None,
            known: watch::Sender::new(None),
            keeper: Some(keeper),
            writing: None,
            effects: VecDeque::new(),
        }
    }

    /// As whom the broker knows the box; none while there is no connection.
    #[must_use]
    pub fn known(&self) -> watch::Receiver<Option<KeyUse>> {
        self.known.subscribe()
    }

    /// Lives until [`Output::Stopped`] was said, or the box is gone. `inputs` takes what the box says, `effects` gives what it
    /// shall do: neither what is for the link nor what is for the store.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>, effects: mpsc::Sender<Output>) {
        loop {
            while let Some(output) = self.session.poll() {
                self.carry_out(output);
            }
            if let Some(linked) = &mut self.link {
                linked.give();
            }
            let deadline = until(self.session.next_deadline(), self.clock.now());
            let input = tokio::select! {
                biased;
                written = finished(&mut self.writing) => self.written(written),
                news = next_news(&mut self.link) => self.news(news),
                permit = effects.reserve(), if !self.effects.is_empty() => {
                    let (Ok(permit), Some(effect)) = (permit, self.effects.pop_front()) else { return };
                    let last = matches!(effect, Output::Stopped);
                    permit.send(effect);
                    if last {
                        return;
                    }
                    continue;
                }
                input = inputs.recv() => match input {
                    Some(input) => Some(input),
                    None => return,
                },
                () = deadline => Some(Input::Tick),
            };
            if let Some(input) = input {
                self.session.handle(input, self.clock.now());
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Connect(connect) => self.connect(connect),
            Output::Subscribe(filters) => self.order(Order::Subscribe(filters)),
            Output::Publish(publication) => self.order(Order::Publish(publication)),
            Output::Acknowledge(receipt) => self.order(Order::Acknowledge(receipt)),
            Output::Disconnect => self.order(Order::Disconnect),
            Output::Write { token, records } => {
                let Some(mut keeper) = self.keeper.take() else {
                    tracing::error!("two writes at a time");
                    return;
                };
                self.writing = Some(tokio::task::spawn_blocking(move || {
                    let result = keeper.write(&records);
                    (keeper, token, result)
                }));
            }
            Output::Execute(_)
            | Output::Apply { .. }
            | Output::Restore(_)
            | Output::Update(_)
            | Output::ShowNotice(..)
            | Output::ClearNotice(_)
            | Output::Security { .. }
            | Output::Stopped => self.effects.push_back(output),
        }
    }

    fn order(&mut self, order: Order) {
        // Without a link it is too late; the session has been told.
        if let Some(linked) = &mut self.link {
            linked.waiting.push_back(order);
        }
    }

    fn connect(&mut self, connect: Connect) {
        if self.ways.has_changed().unwrap_or(false) {
            self.attempts = 0;
        }
        let ways = self.ways.borrow_and_update();
        let Some(Way { shows, target }) = ways.get(self.attempts % ways.len().max(1)).cloned() else {
            tracing::error!("no broker to connect to");
            return;
        };
        drop(ways);
        self.attempts += 1;
        tracing::info!(broker = %target.endpoint, key = ?shows, attempt = self.attempts, "connecting to the fleet");
        let opening = link::Opening {
            client_id: connect.client,
            will: Some(link::Will {
                topic: connect.will.topic,
                payload: connect.will.payload.into(),
                retain: true,
                delay: Will::DELAY,
            }),
            session: link::Session::Kept(Connect::SESSION_EXPIRY),
        };
        self.link = Some(Linked {
            link: Link::open(target, opening),
            shows,
            connected: false,
            waiting: VecDeque::new(),
            receipts: HashMap::new(),
            next_receipt: 0,
        });
    }

    fn written(&mut self, written: Option<WriteEnd>) -> Option<Input> {
        self.writing = None;
        let Some((keeper, token, result)) = written else {
            tracing::error!("the store of the fleet has died");
            return None;
        };
        self.keeper = Some(keeper);
        Some(match result {
            Ok(()) => Input::Written { token },
            Err(error) => {
                tracing::error!(%error, "the store of the fleet cannot be written");
                Input::WriteFailed { token }
            }
        })
    }

    fn news(&mut self, news: Option<News>) -> Option<Input> {
        let linked = self.link.as_mut()?;
        match news.unwrap_or(News::Disconnected(Reason::Closed)) {
            News::Connected { session_present } => {
                linked.connected = true;
                self.known.send_replace(Some(linked.shows));
                tracing::info!(session_present, "connected to the fleet");
                Some(Input::Connected { session_present })
            }
            News::Subscribed { refused } => {
                if !refused.is_empty() {
                    tracing::warn!(?refused, "the broker refuses filters");
                }
                Some(Input::Subscribed {
                    granted: refused.is_empty(),
                })
            }
            News::Received(message) => Some(Input::Received(linked.received(message))),
            News::Acknowledged(UNASKED) | News::Unheard(UNASKED) | News::Refused(UNASKED, _) => None,
            News::Acknowledged(token) | News::Unheard(token) => Some(Input::Acknowledged { token: Token(token.0) }),
            News::Refused(token, refused) => {
                // It would be refused again; what it said is lost to this broker.
                tracing::error!(?refused, "the broker refuses a message");
                Some(Input::Acknowledged { token: Token(token.0) })
            }
            News::Disconnected(reason) => {
                let connected = linked.connected;
                self.link = None;
                self.known.send_replace(None);
                tracing::info!(%reason, "not connected to the fleet");
                Some(match reason {
                    _ if connected => Input::Disconnected,
                    reason => Input::ConnectFailed {
                        busy: matches!(reason, Reason::Busy(_)),
                    },
                })
            }
        }
    }
}

impl Linked {
    /// Gives the link as much as it takes.
    fn give(&mut self) {
        while let Some(order) = self.waiting.pop_front() {
            if let Err(order) = self.try_give(order) {
                self.waiting.push_front(order);
                return;
            }
        }
    }

    fn try_give(&mut self, order: Order) -> Result<(), Order> {
        let orders = self.link.orders();
        let taken = match &order {
            Order::Subscribe(filters) => orders.subscribe(link::Subscription(filters.clone())),
            Order::Publish(publication) => orders.publish(publish(publication)),
            // What came with QoS 0 has none.
            Order::Acknowledge(receipt) => match self.receipts.get(receipt) {
                Some(given) => orders.acknowledge(*given).inspect(|()| {
                    self.receipts.remove(receipt);
                }),
                None => Ok(()),
            },
            Order::Disconnect => orders.disconnect(),
        };
        taken.map_err(|_| order)
    }

    fn received(&mut self, message: link::Received) -> Received {
        let receipt = Receipt(self.next_receipt);
        self.next_receipt += 1;
        if let Some(given) = message.receipt {
            self.receipts.insert(receipt, given);
        }
        Received {
            receipt,
            topic: message.topic,
            payload: message.payload.into(),
            retain: message.retain,
            expiry: message.expiry,
            correlation: message.correlation.map(Into::into),
            response_topic: message.response_topic,
        }
    }
}

fn publish(publication: &Publication) -> link::Publication {
    link::Publication {
        token: publication.token.map_or(UNASKED, |token| link::Token(token.0)),
        topic: publication.topic.clone(),
        payload: publication.payload.clone().into(),
        acknowledged: publication.token.is_some(),
        retain: publication.retain,
        expiry: publication.expiry,
        response_topic: None,
        correlation: publication.correlation.clone().map(Into::into),
    }
}

/// The deadline of the session; never without one.
async fn until(deadline: Option<u64>, now: Now) {
    match deadline {
        Some(at) => tokio::time::sleep(Duration::from_millis(at.saturating_sub(now.up_ms))).await,
        None => std::future::pending().await,
    }
}

/// The link's next word; never while there is none.
async fn next_news(link: &mut Option<Linked>) -> Option<News> {
    match link {
        Some(linked) => linked.link.next().await,
        None => std::future::pending().await,
    }
}

/// The end of the write that runs; never while none does.
async fn finished<T>(writing: &mut Option<JoinHandle<T>>) -> Option<T> {
    match writing {
        Some(handle) => handle.await.ok(),
        None => std::future::pending().await,
    }
}
