//! Breakout rooms: the moderators send the box to another room of the same meeting, and back
//! (`specs/jitsi-client.md §7`). Nobody else can, and nowhere else.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use room::conference::ConferenceEvent;
use room::outcome::Outcome;

use super::context::Context;
use super::meeting::Meeting;
use crate::discovery::Component;
use crate::jid;
use crate::muc::{BreakoutRoom, BreakoutRooms};

/// Between two moves; what comes sooner is no moderator.
const INTERVAL: Duration = Duration::from_millis(100);

/// Where in the meeting we are.
#[derive(Debug, Default)]
pub(super) struct SideRooms {
    /// The side room we are in or on the way to; none: the main room.
    now: Option<String>,
    /// What the room was told.
    told: Option<String>,
    /// The rooms as the component last listed them.
    rooms: Vec<BreakoutRoom>,
    moved: Option<Instant>,
}

impl SideRooms {
    /// Bare JID of the room to be in, where `main` is the main room.
    pub fn room(&self, main: &str) -> String {
        self.now.clone().unwrap_or_else(|| main.to_owned())
    }

    /// We are in a side room, or on the way there.
    pub fn aside(&self) -> bool {
        self.now.is_some()
    }

    fn name(&self, room: &str) -> String {
        let known: BTreeMap<&str, &str> = self
            .rooms
            .iter()
            .filter_map(|room| Some((room.jid.as_str(), room.name.as_deref()?)))
            .collect();
        let node = jid::node(room).unwrap_or_default();
        known
            .get(room)
            .map_or_else(|| node.chars().take(8).collect(), |name| (*name).to_owned())
    }
}

impl Meeting {
    /// The component of breakout rooms says something.
    pub fn breakout_rooms(&mut self, message: &BreakoutRooms, cx: &mut Context) {
        match message {
            BreakoutRooms::Rooms(rooms) => self.side_rooms.rooms.clone_from(rooms),
            BreakoutRooms::MoveTo { room } => self.sent_to(room, cx),
        }
    }

    /// Bare JID of the main room.
    fn main_room(&self) -> Option<String> {
        let deployment = self.deployment.as_ref()?;
        Some(format!("{}@{}", self.url.room, deployment.muc))
    }

    /// We are to go to a room: a side room of this deployment, or the main room.
    fn sent_to(&mut self, room: &str, cx: &mut Context) {
        let components = self.components();
        let breakout = components.address(Component::BreakoutRooms);
        let node = jid::node(room).is_some_and(|node| !node.is_empty());
        let aside = breakout == Some(jid::domain(room)) && node && jid::resource(room).is_none();
        let listed = self
            .side_rooms
            .rooms
            .iter()
            .any(|known| known.main && known.jid == room);
        let main = self.main_room().is_some_and(|main| main.eq_ignore_ascii_case(room)) || listed;
        let hasty = |moved: Instant| cx.now.duration_since(moved) < INTERVAL;
        if !(aside || main) || !self.joined() || self.side_rooms.moved.is_some_and(hasty) {
            return tracing::warn!(aside, main, "a move to another room was passed over");
        }
        let target = Some(room.to_owned()).filter(|_| aside);
        if target == self.side_rooms.now {
            return;
        }
        self.go_to(target, cx);
    }

    /// Leaves the room that it is known we switch, and enters the other under the same nick.
    fn go_to(&mut self, target: Option<String>, cx: &mut Context) {
        let Some(main) = self.main_room() else { return };
        tracing::info!(aside = target.is_some(), "to another room of the meeting");
        self.side_rooms.moved = Some(cx.now);
        cx.event(ConferenceEvent::Moving);
        self.drop_session(cx);
        self.begin_rejoin(Outcome::ServiceGone, cx);
        if let Some(leave) = self.membership.own().map(|own| own.leave_for_another_room()) {
            self.send(&leave);
        }
        self.leave_hall(cx);
        self.side_rooms.now = target;
        let room = self.side_rooms.room(&main);
        self.membership.change_room(room);
        self.pending.clear();
        self.ask_focus(cx);
    }

    /// The side room does not take us, or is gone: back to the main room. False: we are not aside.
    pub fn back_to_main_room(&mut self, cx: &mut Context) -> bool {
        let aside = self.side_rooms.aside();
        if aside {
            self.go_to(None, cx);
        }
        aside
    }

    /// Tells the room which room of the meeting we have entered, if that has changed.
    pub fn tell_room(&mut self, cx: &mut Context) {
        if self.side_rooms.told != self.side_rooms.now {
            self.side_rooms.told.clone_from(&self.side_rooms.now);
            let name = self.side_rooms.now.as_deref().map(|room| self.side_rooms.name(room));
            cx.event(ConferenceEvent::InRoom(name));
        }
    }
}
