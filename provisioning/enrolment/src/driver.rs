//! The service at the broker: hears all requests, publishes the answers, and comes back when the connection is lost.

use std::time::Duration;

use fleet::contract::EnrolmentTopic;
use fleet::link::{Link, News, Opening, Publication, Session, Subscription, Target, Token};
use jiff::Timestamp;
use rand::RngExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::service::{Reply, Service, Unanswered};

/// Requests that wait; a box whose request is dropped asks again.
const WAITING: usize = 256;
/// The longest wait for the broker.
const LONGEST: Duration = Duration::from_secs(30);

/// A message of a box.
struct Request {
    topic: String,
    payload: Vec<u8>,
}

/// Serves until `stop` says so.
pub async fn run(service: Service, target: Target, client_id: &str, mut stop: oneshot::Receiver<()>) {
    let (requests, replies) = worker(service);
    let mut replies = replies;
    let mut failures = 0_u32;
    loop {
        let opening = Opening {
            client_id: client_id.to_owned(),
            will: None,
            session: Session::Fresh,
        };
        let mut link = Link::open(target.clone(), opening);
        tokio::select! {
            served = serve(&mut link, &requests, &mut replies) => {
                failures = if served { 0 } else { failures.saturating_add(1) };
            }
            _ = &mut stop => {
                let _ = link.orders().disconnect();
                while link.next().await.is_some() {}
                return;
            }
        }
        let window = Duration::from_millis(500 << failures.min(10)).min(LONGEST);
        let share = rand::rng().random_range(0.5..1.0);
        tokio::select! {
            () = sleep(window.mul_f64(share)) => {}
            _ = &mut stop => return,
        }
    }
}

/// Databases block; so the service has a thread of its own.
fn worker(mut service: Service) -> (mpsc::Sender<Request>, mpsc::Receiver<Reply>) {
    let (requests, mut taken) = mpsc::channel::<Request>(WAITING);
    let (given, replies) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        while let Some(request) = taken.blocking_recv() {
            match service.handle(&request.topic, &request.payload, Timestamp::now()) {
                Ok(reply) => {
                    if given.blocking_send(reply).is_err() {
                        return;
                    }
                }
                Err(Unanswered::TooSoon) => {}
                Err(error) => tracing::warn!(%error, topic = request.topic, "a request is not answered"),
            }
        }
    });
    (requests, replies)
}

/// One connection, until it is over. True when it stood.
async fn serve(link: &mut Link, requests: &mpsc::Sender<Request>, replies: &mut mpsc::Receiver<Reply>) -> bool {
    let mut stood = false;
    let mut tokens = 0;
    loop {
        tokio::select! {
            news = link.next() => match news {
                Some(News::Connected { .. }) => {
                    stood = true;
                    let _ = link.orders().subscribe(Subscription(vec![EnrolmentTopic::Request.filter()]));
                }
                Some(News::Subscribed { refused }) if !refused.is_empty() => {
                    tracing::error!(?refused, "the broker does not let the service hear boxes");
                }
                Some(News::Subscribed { .. }) => tracing::info!("boxes are heard"),
                Some(News::Received(received)) => {
                    if let Some(receipt) = received.receipt {
                        let _ = link.orders().acknowledge(receipt);
                    }
                    let request = Request { topic: received.topic, payload: received.payload.to_vec() };
                    if requests.try_send(request).is_err() {
                        tracing::warn!("too many requests: one is dropped");
                    }
                }
                Some(News::Refused(_, refused)) => tracing::warn!(?refused, "an answer did not get through"),
                Some(News::Disconnected(reason)) => {
                    tracing::warn!(?reason, "the broker is gone");
                    return stood;
                }
                None => return stood,
                Some(_) => {}
            },
            Some(reply) = replies.recv() => {
                tokens += 1;
                let publication = Publication::new(Token(tokens), reply.topic, reply.payload);
                if link.orders().publish(publication).is_err() {
                    tracing::warn!("too many answers wait: one is dropped");
                }
            }
        }
    }
}
