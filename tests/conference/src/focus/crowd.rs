//! A crowd: real occupants of the room, who come and go, with sources in their presence and no media. They are users of
//! one component that does not listen, so that a hundred of them cost one connection and little else.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Focus;
use crate::xml::escape;
use crate::xmpp::{Component, bare, ns};

/// How fast the first of them come in.
const ARRIVE: Duration = Duration::from_millis(20);

/// The crowd of a room; it leaves when this is dropped.
pub struct Crowd(#[allow(dead_code)] oneshot::Sender<()>);

/// Whether a real JID belongs to somebody of the crowd.
pub(super) fn is_of_the_crowd(jid: &str) -> bool {
    bare(jid).contains("@crowd.")
}

impl Focus {
    /// Brings `count` occupants in; then, so many times a second, the one who is there longest leaves and another comes.
    pub(super) fn crowd(&self, room: &str, count: usize, churn_per_second: u32) -> Crowd {
        let (leave, left) = oneshot::channel();
        let (address, secret, room) = (self.around.component, self.around.secret.clone(), escape(room));
        let host = self.around.hosts.crowd();
        tokio::spawn(async move {
            match Component::connect_deaf(address, &host, &secret).await {
                Ok(component) => {
                    let people = People {
                        component,
                        room,
                        host,
                        present: VecDeque::new(),
                        next: 0,
                    };
                    people.run(count, churn_per_second, left).await;
                }
                Err(error) => tracing::error!(%error, "the crowd does not come"),
            }
        });
        Crowd(leave)
    }
}

struct People {
    component: Component,
    room: String,
    host: String,
    present: VecDeque<u32>,
    next: u32,
}

impl People {
    async fn run(mut self, count: usize, churn_per_second: u32, mut left: oneshot::Receiver<()>) {
        let mut arrivals = tokio::time::interval(ARRIVE);
        let every = Duration::from_secs(1) / churn_per_second.max(1);
        let mut churn = tokio::time::interval(every);
        loop {
            tokio::select! {
                _ = arrivals.tick(), if self.present.len() < count => self.comes(),
                _ = churn.tick(), if churn_per_second > 0 && self.present.len() >= count => {
                    self.goes();
                    self.comes();
                }
                _ = &mut left => break,
            }
        }
        while !self.present.is_empty() {
            self.goes();
        }
    }

    fn comes(&mut self) {
        self.next += 1;
        let (room, host, number) = (&self.room, &self.host, self.next);
        let nick = nick(number);
        let info = format!("{{\"{nick}-a0\":{{\"muted\":true}},\"{nick}-v0\":{{\"muted\":true}}}}");
        self.component.send(format!(
            "<presence from='crowd-{number}@{host}/x' to='{room}/{nick}'><x xmlns='{}'/>\
             <c xmlns='{}' hash='sha-1' node='https://jitsi.org/jitsi-meet' ver='cvjWXufsg4xT62Ec2mlATkFZ9lk='/>\
             <nick xmlns='http://jabber.org/protocol/nick'>Crowd {number}</nick><stats-id>Crowd-{number}</stats-id>\
             <jitsi_participant_codecList>vp8,h264</jitsi_participant_codecList><SourceInfo>{}</SourceInfo></presence>",
            ns::MUC,
            ns::CAPS,
            escape(&info)
        ));
        self.present.push_back(number);
    }

    fn goes(&mut self) {
        let (room, host) = (&self.room, &self.host);
        if let Some(number) = self.present.pop_front() {
            self.component.send(format!(
                "<presence from='crowd-{number}@{host}/x' to='{room}/{}' type='unavailable'/>",
                nick(number)
            ));
        }
    }
}

fn nick(number: u32) -> String {
    format!("c{number:07x}")
}
