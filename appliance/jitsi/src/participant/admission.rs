//! At the door of the room: the join presence, and what is said to it (`specs/jitsi-client.md §3`).

use std::time::Duration;

use room::conference::{ConferenceEvent, JoinStep, Muted};
use room::outcome::Outcome;

use super::context::Context;
use super::entry::Entry;
use super::meeting::{Meeting, Phase};
use crate::conference_request::Ready;
use crate::muc::JoinError;

/// For the room to let us in or refuse: the server parks us until the focus is in.
const ENTERING: Duration = Duration::from_secs(20);
/// Before the room is tried again that the focus had not opened yet.
const CREATION: Duration = Duration::from_millis(500);
/// The name of a box that was given none, where the room wants one.
const NAME: &str = "Hemicycle";
/// Tries of each kind that may fail in a row.
const TRIES: u32 = 3;

impl Meeting {
    /// The conference exists: into the room.
    pub fn enter(&mut self, ready: Ready, cx: &mut Context) {
        self.entry.not_ready = 0;
        self.entry.session_invalid = 0;
        self.entry.waiting = None;
        if ready.session_id.is_some() {
            self.entry.session_id = ready.session_id;
        }
        let fallback = self
            .deployment
            .as_ref()
            .and_then(|deployment| deployment.focus_user.clone());
        self.membership.trust(ready.focus_jid.or(fallback));
        self.phase = Phase::Entering {
            deadline: cx.after(ENTERING),
        };
        self.moderation.begin();
        self.marks = Default::default();
        self.progress(JoinStep::Entering, cx);
        if self.rejoin.is_some() {
            // Whoever comes back, comes back dark; the room closes its devices when it hears that we are in.
            self.muted = Muted::BOTH;
        }
        if let Some(presence) = self.membership.own_mut() {
            presence.muted = self.muted;
            presence.raised_hand = None;
        }
        let password = self.request.password.clone();
        if let Some(join) = self.membership.own().map(|own| own.join(password.as_deref())) {
            self.send(&join);
            self.gone = false;
            self.remember(cx);
        }
    }

    /// The room has not let us in.
    pub fn join_refused(&mut self, error: JoinError, cx: &mut Context) {
        if !matches!(self.phase, Phase::Entering { .. }) {
            return;
        }
        tracing::info!(reason = reason_of(&error), "the room did not let us in");
        self.gone = true;
        self.phase = Phase::Requesting;
        match error {
            JoinError::PasswordRequired => {
                let wrong = self.request.password.take().is_some();
                self.phase = Phase::AwaitingPassword;
                cx.event(ConferenceEvent::PasswordRequired { wrong });
            }
            // `item-not-found`: the room exists and its owner, the focus, has not opened it yet (XEP-0045 §10.1.1).
            JoinError::RoomCreationRestricted if self.entry.creation < TRIES => self.try_again(cx),
            JoinError::Other(error) if error.condition == "item-not-found" && self.entry.creation < TRIES => {
                self.try_again(cx);
            }
            JoinError::NickConflict if self.entry.nick < TRIES => {
                self.entry.nick += 1;
                let nick = cx.hex(8);
                self.membership.rename(&nick);
                self.ask_focus(cx);
            }
            // A side room that does not take us is no reason to be in none.
            _ if self.back_to_main_room(cx) => {}
            JoinError::Lobby {
                lobby,
                waiting_for_host,
            } => self.knock(lobby, waiting_for_host, cx),
            JoinError::DisplayNameRequired if self.name_ourselves() => self.ask_focus(cx),
            JoinError::DisplayNameRequired => self.depart(Outcome::DisplayNameRequired, cx),
            JoinError::RoomFull => self.depart(Outcome::RoomFull, cx),
            JoinError::AuthenticationRequired => self.depart(Outcome::LoginRequired, cx),
            JoinError::NotAllowed { text } => {
                let outcome = match text.as_deref().map(str::to_lowercase) {
                    Some(text) if text.contains("token") && text.contains("mismatch") => Outcome::TokenForAnotherRoom,
                    Some(text) if text.contains("token") => Outcome::TokenRefused,
                    _ => Outcome::EntryRefused,
                };
                self.depart_explained(outcome, text, cx);
            }
            JoinError::VisitorPolicy(policy) => {
                tracing::info!(policy, "only visitors are admitted");
                self.depart(Outcome::VisitorOnly, cx);
            }
            JoinError::Banned => self.depart(Outcome::Banned, cx),
            JoinError::RoomCreationRestricted => self.depart(Outcome::CreationRestricted, cx),
            JoinError::Other(error) if error.condition == "item-not-found" => {
                self.depart(Outcome::CreationRestricted, cx);
            }
            JoinError::NickConflict => self.depart(Outcome::EntryRefused, cx),
            JoinError::Other(error) => self.depart_explained(Outcome::EntryRefused, error.text, cx),
        }
    }

    /// Ends a try with the service's own words about it, which people in the room may read.
    pub fn depart_explained(&mut self, outcome: Outcome, text: Option<String>, cx: &mut Context) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            cx.event(ConferenceEvent::Explained(text));
        }
        self.depart(outcome, cx);
    }

    /// A box without a name takes one; false: it has one, and that was not enough.
    fn name_ourselves(&mut self) -> bool {
        let nameless = self.request.name.trim().is_empty();
        if nameless {
            self.request.name = NAME.to_owned();
            if let Some(own) = self.membership.own_mut() {
                own.name = NAME.to_owned();
            }
        }
        nameless
    }

    fn try_again(&mut self, cx: &mut Context) {
        self.entry.creation += 1;
        self.phase = Phase::AskingAgain {
            at: cx.now + cx.jitter(CREATION),
        };
    }

    /// A person has typed the password.
    pub fn password(&mut self, password: String, cx: &mut Context) {
        if matches!(self.phase, Phase::AwaitingPassword) {
            self.request.password = Some(password);
            self.ask_focus(cx);
        }
    }

    /// We are in.
    pub fn entered(&mut self, cx: &mut Context) {
        self.phase = Phase::Joined;
        self.leave_lobby();
        self.entry = Entry {
            session_id: self.entry.session_id.take(),
            ..Entry::default()
        };
        // Whoever comes back opens no camera by itself.
        self.joined_at = self.rejoin.is_none().then_some(cx.now);
        self.rejoin = None;
        self.wish = None;
        // The others first, as the server tells them: nobody believes for a moment that the room is empty.
        self.tell_participants(cx);
        self.tell_permissions(None, cx);
        cx.event(ConferenceEvent::Joined {
            me: self.membership.me(),
        });
        self.marks.enter();
        self.tell_recording(cx);
        self.tell_room(cx);
    }

    /// The room has not answered in time.
    pub fn room_is_silent(&mut self, cx: &mut Context) {
        if self.back_to_main_room(cx) {
            return;
        }
        self.entry.silent += 1;
        if self.entry.silent < TRIES || self.rejoin.is_some() {
            self.ask_focus(cx);
        } else {
            self.depart(Outcome::ServiceGone, cx);
        }
    }
}

fn reason_of(error: &JoinError) -> &'static str {
    match error {
        JoinError::PasswordRequired => "password",
        JoinError::Lobby { .. } => "lobby",
        JoinError::DisplayNameRequired => "display name",
        JoinError::RoomFull => "full",
        JoinError::RoomCreationRestricted => "not created",
        JoinError::AuthenticationRequired => "login",
        JoinError::VisitorPolicy(_) => "visitor policy",
        JoinError::NotAllowed { .. } => "not allowed",
        JoinError::NickConflict => "nick",
        JoinError::Banned => "banned",
        JoinError::Other(_) => "other",
    }
}
