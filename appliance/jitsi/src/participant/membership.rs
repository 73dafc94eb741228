//! Who is in the room: ourselves, the focus, the others (`specs/jitsi-client.md §3`), and whom we obey (`§2`, trust).

use std::collections::BTreeMap;

use media_protocol::VideoCodec;
use minidom::Element;
use room::conference::{ConferenceEvent, Muted, Participant, ParticipantId};
use room::outcome::Outcome;

use super::context::Context;
use super::meeting::{Meeting, Phase};
use crate::jid;
use crate::muc::{FOCUS_NICK, MucPresence, Occupant, OwnPresence, Role, UnavailableCause};

/// Most occupants that are kept; a room with more is a webinar, whose crowd has no pictures anyway.
const MAX_OCCUPANTS: usize = 1000;
/// Ids of our own earlier stays that are remembered.
const MAX_PAST: usize = 16;

/// The focus's seat.
#[derive(Debug, Default, PartialEq, Eq)]
enum Focus {
    #[default]
    Absent,
    /// The one the conference request named.
    Genuine,
    /// Somebody sits there, but not the one that was named.
    Impostor,
}

/// The room's people.
#[derive(Default)]
pub(super) struct Membership {
    room: String,
    own: Option<OwnPresence>,
    trusted: Option<String>,
    focus: Focus,
    /// Its last word, of the genuine one.
    focus_says: Option<Occupant>,
    others: Vec<Occupant>,
    /// Our own ids of earlier stays: the server keeps a ghost until it has noticed the lost connection, which is nobody.
    past: Vec<String>,
    /// How good others say their connection is, 0 to 100.
    quality: BTreeMap<String, u8>,
    told: Option<Vec<Participant>>,
}

impl Membership {
    /// A new stay begins, under a new nick.
    pub fn enter(&mut self, room: String, presence: OwnPresence) {
        let old = self
            .own
            .take()
            .map(|own| own.id().to_owned())
            .filter(|old| old != presence.id());
        self.past.extend(old);
        self.past.drain(..self.past.len().saturating_sub(MAX_PAST));
        self.room = room;
        self.own = Some(presence);
        self.clear();
    }

    /// What we left behind in this room by earlier meetings.
    pub fn haunted_by(&mut self, ghosts: impl IntoIterator<Item = String>) {
        self.past.extend(ghosts);
    }

    /// Ids of ours that the room may still show when the meeting is over; `seen`: the newest is one of them.
    pub fn left_behind(&self, seen: bool) -> Vec<String> {
        let own = self.own.as_ref().filter(|_| seen).map(|own| own.id().to_owned());
        self.past.iter().cloned().chain(own).collect()
    }

    /// Forgets everybody: we are out.
    pub fn clear(&mut self) {
        self.others.clear();
        self.quality.clear();
        (self.focus, self.focus_says) = (Focus::Absent, None);
        self.told = None;
    }

    /// The stay goes on in another room, under the same nick.
    pub fn change_room(&mut self, room: String) {
        if let Some(own) = &mut self.own {
            own.occupant = format!("{room}/{}", own.id());
        }
        self.room = room;
        self.clear();
    }

    /// Takes another nick before the next try.
    pub fn rename(&mut self, nick: &str) {
        if let Some(own) = &mut self.own {
            own.occupant = format!("{}/{nick}", self.room);
        }
    }

    /// Whom the focus must be.
    pub fn trust(&mut self, focus_jid: Option<String>) {
        self.trusted = focus_jid;
    }

    /// Bare JID of the room.
    pub fn room(&self) -> &str {
        &self.room
    }

    pub fn own(&self) -> Option<&OwnPresence> {
        self.own.as_ref()
    }

    pub fn own_mut(&mut self) -> Option<&mut OwnPresence> {
        self.own.as_mut()
    }

    /// Our own id.
    pub fn me(&self) -> ParticipantId {
        ParticipantId(self.own.as_ref().map(|own| own.id().to_owned()).unwrap_or_default())
    }

    /// Where the focus sits.
    pub fn focus_seat(&self) -> String {
        format!("{}/{FOCUS_NICK}", self.room)
    }

    /// Whether a stanza comes from the focus that may command us.
    pub fn is_focus(&self, from: &str) -> bool {
        self.focus == Focus::Genuine && jid::bare(from) == self.room && jid::resource(from) == Some(FOCUS_NICK)
    }

    /// Whether this is an occupant of the room other than the focus's seat.
    pub fn is_occupant(&self, from: &str) -> bool {
        jid::bare(from) == self.room && jid::resource(from).is_some_and(|nick| nick != FOCUS_NICK)
    }

    /// Whether everybody here, and each visitor, decodes pictures of this codec, as far as they say.
    pub fn all_decode(&self, codec: VideoCodec) -> bool {
        let here = self.others.iter().filter(|other| !self.past.contains(&other.id));
        here.chain(&self.focus_says).all(|other| other.decodes(codec))
    }

    /// Whether anybody else is here.
    pub fn alone(&self) -> bool {
        self.others.iter().all(|other| self.past.contains(&other.id))
    }

    fn judge_focus(&self, occupant: &Occupant) -> Focus {
        let genuine = match &self.trusted {
            Some(trusted) => occupant.is_genuine_focus(trusted),
            // An old server names nobody: then only somebody the room's owner has seated.
            None => occupant.affiliation == "owner",
        };
        if genuine { Focus::Genuine } else { Focus::Impostor }
    }

    fn participants(&self) -> Vec<Participant> {
        self.others
            .iter()
            .filter(|other| !self.past.contains(&other.id))
            .map(|other| Participant {
                quality: self.quality.get(&other.id).copied(),
                ..other.participant()
            })
            .collect()
    }

    /// Somebody has said how good their connection is.
    pub fn set_quality(&mut self, id: &str, quality: u8) {
        if self.is_here(id) {
            self.quality.insert(id.to_owned(), quality);
        }
    }

    /// Whether somebody of this id is in the room.
    pub fn is_here(&self, id: &str) -> bool {
        self.others.iter().any(|other| other.id == id)
    }

    /// The name of somebody in the room.
    pub fn name_of(&self, id: &str) -> Option<String> {
        self.others.iter().find(|other| other.id == id)?.name.clone()
    }
}

impl Meeting {
    /// A presence has arrived.
    pub fn presence(&mut self, presence: &Element, cx: &mut Context) {
        if self.lobby_presence(presence, cx) || self.hall_presence(presence, cx) {
            return;
        }
        let from = presence.attr("from").unwrap_or_default();
        let Some(own) = &self.membership.own else { return };
        if !jid::bare(from).eq_ignore_ascii_case(&self.membership.room) {
            return;
        }
        match MucPresence::parse(presence, &own.occupant) {
            MucPresence::Available {
                own: true, occupant, ..
            } => {
                if matches!(self.phase, Phase::Entering { .. }) {
                    self.entered(cx);
                }
                self.set_moderator(occupant.role == Role::Moderator, cx);
            }
            MucPresence::Available { occupant, .. } if occupant.is_focus() => {
                self.membership.focus = self.membership.judge_focus(&occupant);
                if self.membership.focus == Focus::Impostor {
                    tracing::warn!("the seat of the focus is taken by somebody else, who is not obeyed");
                } else {
                    self.recording_status(presence, cx);
                    self.membership.focus_says = Some(*occupant);
                    self.follow_codecs(cx);
                }
            }
            MucPresence::Available { occupant, .. } => {
                self.transcription_status(&occupant.id, presence, cx);
                self.occupant(*occupant, cx);
            }
            MucPresence::Unavailable { own: true, cause, .. } => self.put_out(cause, cx),
            MucPresence::Unavailable { id, .. } if id == FOCUS_NICK => {
                let genuine = std::mem::take(&mut self.membership.focus) == Focus::Genuine;
                if genuine && self.joined() {
                    tracing::warn!("the focus has left the room");
                    self.leave_and_rejoin(Outcome::ServiceGone, cx);
                }
            }
            MucPresence::Unavailable { id, .. } => self.occupant_gone(&id, cx),
            MucPresence::Error(error) => self.join_refused(error, cx),
            MucPresence::Ignored => {}
        }
    }

    fn occupant(&mut self, occupant: Occupant, cx: &mut Context) {
        let others = &mut self.membership.others;
        match others.iter().position(|other| other.id == occupant.id) {
            Some(known) => others[known] = occupant,
            None if others.len() < MAX_OCCUPANTS => others.push(occupant),
            None => return,
        }
        self.tell_participants(cx);
        self.follow_codecs(cx);
    }

    fn occupant_gone(&mut self, id: &str, cx: &mut Context) {
        self.membership.others.retain(|other| other.id != id);
        self.membership.past.retain(|past| past != id);
        self.membership.quality.remove(id);
        self.marks.forget(id);
        self.tell_recording(cx);
        // The focus announces no source-remove for those who leave.
        if let Some(session) = &mut self.session {
            session.table.drop_owner(id);
        }
        self.tell_participants(cx);
        self.tell_session(cx);
    }

    /// Tells the room who is here, if that has changed.
    pub fn tell_participants(&mut self, cx: &mut Context) {
        if !self.joined() {
            return;
        }
        let participants = self.membership.participants();
        if self.membership.told.as_ref() != Some(&participants) {
            self.membership.told = Some(participants.clone());
            cx.event(ConferenceEvent::Participants(participants));
        }
    }

    /// We are out of the room, by whoever's will.
    fn put_out(&mut self, cause: UnavailableCause, cx: &mut Context) {
        self.gone = true;
        if self.departure_confirmed(cx) || !self.joined() {
            return;
        }
        tracing::info!(cause = cause_of(&cause), "put out of the room");
        match cause {
            UnavailableCause::Kicked { .. } | UnavailableCause::Removed => self.depart_outside(Outcome::Kicked, cx),
            UnavailableCause::Banned => self.depart_outside(Outcome::Banned, cx),
            UnavailableCause::Destroyed { .. } if self.back_to_main_room(cx) => {}
            UnavailableCause::Destroyed { .. } => self.depart_outside(Outcome::MeetingEnded, cx),
            UnavailableCause::Left | UnavailableCause::ServiceEnded | UnavailableCause::NickChanged => {
                self.leave_and_rejoin(Outcome::ServiceGone, cx);
            }
        }
    }

    /// Publishes the mute state.
    pub fn set_muted(&mut self, muted: Muted, cx: &mut Context) {
        let video_changed = self.muted.video != muted.video;
        let before = std::mem::replace(&mut self.muted, muted);
        let changed = before != muted;
        let Some(own) = &mut self.membership.own else { return };
        own.muted = muted;
        let in_room = matches!(self.phase, Phase::Joined);
        if in_room && changed {
            let update = own.update();
            self.send(&update);
        }
        self.lift_mutes(before, muted, cx);
        if in_room && video_changed {
            self.tell_video_type(cx);
        }
    }
}

fn cause_of(cause: &UnavailableCause) -> &'static str {
    match cause {
        UnavailableCause::Left => "left",
        UnavailableCause::Kicked { .. } => "kicked",
        UnavailableCause::Banned => "banned",
        UnavailableCause::Removed => "removed",
        UnavailableCause::ServiceEnded => "service ended",
        UnavailableCause::NickChanged => "nick changed",
        UnavailableCause::Destroyed { .. } => "destroyed",
    }
}
