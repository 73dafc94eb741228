//! While the broker is there.

use std::time::{Duration, Instant};

use fleet::contract::{Channel, DeviceId};
use fleet::link::Publication;
use jiff::Timestamp;

use super::{ConductError, Conductor, News};
use crate::author::Author;
use crate::claim::empty;
use crate::console::{Console, ConsoleError};
use crate::office::Office;
use crate::rollout::{Input, Rollout, State};

/// How often somebody looks what is wanted.
const LOOK: Duration = Duration::from_secs(1);
/// For boxes to say that they have stopped.
const GOODBYE: Duration = Duration::from_secs(10);

impl Conductor {
    /// Until there is nothing more to conduct.
    pub(super) async fn attend(
        &mut self,
        office: &Office,
        author: &mut Author,
        say: &mut impl FnMut(&Rollout, News<'_>),
    ) -> Result<State, ConductError> {
        self.outbox.clear();
        self.hear(Input::Listening);
        self.chair.check().await?;
        // A pause needs no broker.
        self.obey(say).await?;
        if self.is_to_be_saved() {
            self.save().await?;
        }
        self.tell(say);
        let mut console = self.connect(office).await?;
        let (mut looked, mut over) = (None::<Instant>, None);
        loop {
            // Before anything else: it may have been wanted while nobody conducted.
            if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
                self.obey(say).await?;
                looked = Some(Instant::now());
                say(self.engine.rollout(), News::Look);
            }
            let now = Timestamp::now();
            if self.engine.next_deadline().is_some_and(|then| then <= now) {
                self.hear(Input::Tick);
            }
            self.flush(&mut console, author).await?;
            self.tell(say);
            if !matches!(self.rollout().state, State::Running | State::Paused) {
                let since = *over.get_or_insert_with(Instant::now);
                if self.engine.is_settled() && (self.all_have_answered() || since.elapsed() >= GOODBYE) {
                    console.close().await;
                    return Ok(self.rollout().state.clone());
                }
            }
            match console.next(LOOK).await {
                Ok(heard) => self.listen(&heard.topic, &heard.payload),
                Err(ConsoleError::Silent) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// At the broker, with everything heard that it keeps.
    async fn connect(&mut self, office: &Office) -> Result<Console, ConductError> {
        let mut console = office.console(office.target()?).await?;
        let tenant = console.tenant().clone();
        console
            .hear(&["evt/crash", "evt/call"].map(|topic| format!("cr/v1/{tenant}/+/{topic}")))
            .await?;
        let topics = ["online", "meta", "update/desired", "update/reported"];
        let kept = console
            .kept(&topics.map(|topic| format!("cr/v1/{tenant}/+/{topic}")))
            .await?;
        // Which documents there are comes before what boxes make of them.
        let (documents, others): (Vec<_>, Vec<_>) = kept.iter().partition(|(topic, _)| topic.ends_with("/desired"));
        for (number, (topic, payload)) in documents.into_iter().chain(others).enumerate() {
            self.listen(topic, payload);
            // There are many, and each signature takes its time: the seat is kept meanwhile.
            if number % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
        self.hear(Input::AllHeard);
        Ok(console)
    }

    fn listen(&mut self, topic: &str, payload: &[u8]) {
        let site = |device: &DeviceId| Some(self.engine.member(device)?.site.as_str());
        if let Some(input) = self.listener.hear(site, topic, payload) {
            self.hear(input);
        }
    }

    /// Boxes from which it was taken back have said that they know.
    fn all_have_answered(&self) -> bool {
        let mut asked = self
            .rollout()
            .members
            .iter()
            .filter(|member| member.withdrawn && member.online);
        asked.all(|member| {
            let rev = member.order.as_ref().map_or(0, |order| order.rev);
            self.listener.answer(&member.device) >= rev
        })
    }

    /// First the registry, then the boxes.
    async fn flush(&mut self, console: &mut Console, author: &mut Author) -> Result<(), ConductError> {
        loop {
            if self.is_to_be_saved_now() {
                self.save().await?;
            }
            while let Some(device) = self.forgotten.last() {
                let topic = Channel::UpdateDesired.topic(console.tenant(), device);
                empty(console, std::iter::once(topic)).await?;
                self.forgotten.pop();
            }
            let Some((device, update)) = self.outbox.pop_front() else {
                return Ok(());
            };
            self.chair.check().await?;
            let (topic, rev) = (Channel::UpdateDesired.topic(console.tenant(), &device), update.rev);
            let message = author.stamp(*update);
            let signed = author.signed(&topic, &message)?;
            let mut publication = Publication::new(console.next_token(), topic, signed);
            publication.retain = true;
            match console.publish(publication).await {
                Ok(()) => self.hear(Input::Delivered { device, rev }),
                // One box is no reason to leave the others alone.
                Err(refused @ ConsoleError::Refused { .. }) => {
                    let said = refused.to_string();
                    self.hear(Input::Undelivered { device, rev, said });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What has happened, to people.
    fn tell(&mut self, say: &mut impl FnMut(&Rollout, News<'_>)) {
        while let Some(note) = self.notes.pop_front() {
            say(self.engine.rollout(), News::Note(&note));
        }
    }
}
