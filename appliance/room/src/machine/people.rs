//! Who is in the meeting, by name, for the panel in the room.

use super::Room;
use crate::snapshot::{People, Person};

impl Room {
    /// Who is in the meeting, who waits to be let in, and what was written; in the order in which they raised their hand,
    /// the others after them.
    #[must_use]
    pub fn people(&self) -> People {
        let Some(meeting) = self.meeting.as_ref().filter(|_| self.in_meeting()) else {
            return People::default();
        };
        let mut others: Vec<_> = meeting.stage.people().iter().collect();
        others.sort_by_key(|person| person.raised_hand.unwrap_or(u64::MAX));
        let person = |person: &crate::conference::Participant| Person {
            id: person.id.clone(),
            name: person.name.clone(),
            hand_raised: person.raised_hand.is_some(),
            moderator: person.moderator,
            encrypted: person.encrypted,
            quality: person.quality,
        };
        People {
            participants: others.into_iter().map(person).collect(),
            knocking: meeting.talk.knocking.clone(),
            messages: meeting.talk.messages.iter().cloned().collect(),
        }
    }
}
