//! Who is on the wall, and who is large.
//!
//! The rules, in order: the screen shared last takes the stage; else the dominant speaker who has held the word for a
//! moment; else, before anybody has spoken, the first with a camera that is on. Who leaves the stage swaps places with
//! who takes it, so that the others stay where people look for them; who speaks without a place gets one, and the last
//! one gives theirs up.

use std::time::{Duration, Instant};

use crate::conference::{Participant, ParticipantId, ReceiveWish};

/// Height in pixels asked for the stage.
const STAGE_HEIGHT: u32 = 720;
/// Height in pixels asked for everybody else.
const SMALL_HEIGHT: u32 = 180;

/// One place on the wall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub participant: &'a Participant,
    /// Shows the shared screen, not the camera.
    pub screen: bool,
}

impl Place<'_> {
    pub fn source(&self) -> Option<&str> {
        if self.participant.encrypted {
            return None;
        }
        let source = if self.screen {
            &self.participant.desktop
        } else {
            &self.participant.camera
        };
        source.as_deref()
    }
}

#[derive(Debug, Default)]
pub(super) struct Stage {
    /// The others; the order is the order of places, the first is the one on stage (or beside a screen).
    people: Vec<Participant>,
    /// Owners of shared screens, the one shared last first.
    screens: Vec<ParticipantId>,
    /// Somebody has spoken: the first place is theirs until somebody else speaks.
    spoken: bool,
    /// Who speaks, and since when.
    dominant: Option<(ParticipantId, Instant)>,
}

impl Stage {
    pub fn people(&self) -> &[Participant] {
        &self.people
    }

    /// Takes the list of all the others; who stays keeps the place.
    pub fn set_participants(&mut self, mut now_there: Vec<Participant>) {
        let first = self.people.first().map(|person| person.id.clone());
        let mut people = Vec::with_capacity(now_there.len());
        for known in &self.people {
            if let Some(index) = now_there.iter().position(|person| person.id == known.id) {
                people.push(now_there.remove(index));
            }
        }
        people.append(&mut now_there);
        self.people = people;
        self.spoken &= first.is_some() && self.people.first().map(|person| &person.id) == first.as_ref();

        let people = &self.people;
        self.screens
            .retain(|id| people.iter().any(|person| person.id == *id && person.desktop.is_some()));
        for person in people.iter().filter(|person| person.desktop.is_some()) {
            if !self.screens.contains(&person.id) {
                self.screens.insert(0, person.id.clone());
            }
        }
        if !self.spoken
            && let Some(index) = self.people.iter().position(|person| person.camera.is_some())
        {
            self.people.swap(0, index);
        }
    }

    pub fn set_dominant(&mut self, speaker: Option<ParticipantId>, now: Instant) {
        let same = self.dominant.as_ref().map(|(id, _)| id) == speaker.as_ref();
        if !same {
            self.dominant = speaker.map(|id| (id, now));
        }
    }

    /// The speaker who waits for the stage and when they get it.
    pub fn change_at(&self, hold: Duration) -> Option<Instant> {
        let (id, since) = self.dominant.as_ref()?;
        let index = self.people.iter().position(|person| person.id == *id)?;
        match (index, self.spoken) {
            (0, true) => None,
            (_, true) => Some(*since + hold),
            (_, false) => Some(*since),
        }
    }

    /// Gives the stage to who has held the word long enough; `limit` places are to be seen.
    pub fn settle(&mut self, now: Instant, hold: Duration, limit: usize) {
        if self.change_at(hold).is_none_or(|at| at > now) {
            return;
        }
        let Some((id, _)) = &self.dominant else { return };
        let visible = limit.saturating_sub(self.screens.len());
        if let Some(index) = self.people.iter().position(|person| person.id == *id) {
            if index < visible {
                self.people.swap(0, index);
            } else {
                let speaker = self.people.remove(index);
                self.people.insert(0, speaker);
            }
            self.spoken = true;
        }
    }

    /// The places on the wall, the stage first, at most `limit`.
    pub fn places(&self, limit: usize) -> Vec<Place<'_>> {
        let screens = self
            .screens
            .iter()
            .filter_map(|id| self.people.iter().find(|person| person.id == *id));
        let screens = screens.map(|participant| Place {
            participant,
            screen: true,
        });
        let people = self.people.iter().map(|participant| Place {
            participant,
            screen: false,
        });
        screens.chain(people).take(limit).collect()
    }

    /// Which pictures are wanted for these places. A stage without a picture is no reason to ask for none.
    pub fn wish(&self, limit: usize) -> ReceiveWish {
        let places = self.places(limit);
        let mut sources = places.iter().map(|place| place.source().map(str::to_owned));
        let stage = sources.next().flatten().map(|source| (source, STAGE_HEIGHT));
        ReceiveWish {
            stage,
            others: sources.flatten().map(|source| (source, SMALL_HEIGHT)).collect(),
        }
    }
}
