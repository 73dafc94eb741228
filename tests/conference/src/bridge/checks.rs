//! Rules of §5 and §6 that are seen on the wire or when time has passed.

use std::time::{Duration, Instant};

use super::BridgeEvent;
use super::channel::write;
use super::core::Core;
use super::endpoint::{H264, OPUS, VP8};
use super::rtp::ClearHeader;
use crate::focus::sources::Media;
use crate::verdict::rule;

/// JVB: inactive after so long without a packet.
const INACTIVE: Duration = Duration::from_secs(8);
/// JVB: expired after so long.
const EXPIRED: Duration = Duration::from_secs(60);
/// After a source is constrained to 0 its packets stop within this.
const STOPS: Duration = Duration::from_millis(1000);
/// After a mute its packets stop within this.
const MUTES: Duration = Duration::from_millis(1500);
/// From the answer to the connection.
const CONNECTS: Duration = Duration::from_secs(10);
/// The same for a session that ends before that.
const GIVEN_UP: Duration = Duration::from_secs(4);
/// From the opening of the channel to what must be said on it.
const OPENING: Duration = Duration::from_secs(2);

impl Core {
    /// The clear part of a packet from a client, of a datagram of so many bytes.
    pub(super) fn clear_packet(&mut self, now: Instant, id: &str, header: &ClearHeader, bytes: usize) {
        let verdict = &self.around.verdict;
        let Some(endpoint) = self.endpoints.get(id) else { return };
        if let Some(far) = self.far.get_mut(id) {
            far.clear(header, bytes);
        }
        let Some((media, main)) = endpoint.declared.get(&header.ssrc).copied() else {
            // Before its answer is here nothing is known of a client. What it sent before it withdrew a source may still
            // be on the way, and what is lost of that may be asked for again.
            let withdrawn = endpoint.withdrawn.get(&header.ssrc);
            let on_the_way = withdrawn.is_some_and(|at| now.duration_since(*at) < verdict.within(STOPS));
            if endpoint.accepted.is_some() && !on_the_way {
                let declared: Vec<u32> = endpoint.declared.keys().copied().collect();
                let (ssrc, kind) = (header.ssrc, header.payload_type);
                let what = match withdrawn {
                    Some(at) => format!(
                        "SSRC {ssrc} with payload type {kind}, {:?} after it was withdrawn",
                        now.duration_since(*at)
                    ),
                    None => format!("SSRC {ssrc} with payload type {kind}; declared are {declared:?}"),
                };
                verdict.broken(rule::DECLARED_SSRC, what);
            }
            return;
        };
        let repair = main != header.ssrc;
        if media == Media::Audio && header.payload_type == OPUS && !header.extensions.contains(&1) {
            verdict.broken(
                rule::AUDIO_LEVEL,
                format!("packet {} of {}", header.sequence, header.ssrc),
            );
        }
        if endpoint.tcc
            && !repair
            && matches!(header.payload_type, OPUS | VP8 | H264)
            && !header.extensions.contains(&5)
        {
            verdict.broken(
                rule::TRANSPORT_CC,
                format!("{} packet {} of {}", media.word(), header.sequence, header.ssrc),
            );
        }
        if let Some(since) = endpoint.force_muted.get(&media)
            && now.duration_since(*since) > verdict.within(MUTES)
        {
            verdict.broken(
                rule::MUTE_OBEYED,
                format!(
                    "{} packets {:?} after the mute",
                    media.word(),
                    now.duration_since(*since)
                ),
            );
        }
        if media == Media::Video
            && let Some(source) = endpoint.sources.sources.iter().find(|s| s.ssrc == main)
            && let Some((0, since)) = endpoint.wanted.get(&source.name)
            && now.duration_since(*since) > verdict.within(STOPS)
        {
            verdict.broken(
                rule::SENDER_CONSTRAINTS,
                format!("{} still sends on {main}", source.name),
            );
        }
    }

    /// Every 50 ms.
    pub(super) fn tick(&mut self, now: Instant) {
        self.departed
            .retain(|(_, _, until)| now < *until + Duration::from_secs(5));
        let stopped = self
            .endpoints
            .values_mut()
            .filter_map(|e| e.forget_stopped(now).then_some(()))
            .count();
        if stopped > 0 {
            self.reallocate_all(now);
        }
        let ids: Vec<String> = self.endpoints.keys().cloned().collect();
        for id in ids {
            self.check_connection(now, &id);
            self.check_opening(now, &id);
            self.check_activity(now, &id);
            if self
                .endpoints
                .get(&id)
                .is_some_and(|e| e.demand_due.is_some_and(|due| due <= now))
            {
                self.demand(now, &id);
            }
            let wanted = self.far.get_mut(&id).map(|far| far.tick(now)).unwrap_or_default();
            for ssrc in wanted {
                self.ask_ssrc(now, &id, ssrc, false);
            }
            let repeated = self
                .far
                .get_mut(&id)
                .map(|far| far.repeated_requests(now))
                .unwrap_or_default();
            for ssrc in repeated {
                self.repeat_request(now, &id, ssrc);
            }
        }
        let opening = self.around.verdict.within(OPENING);
        let late: Vec<_> = self
            .pings
            .extract_if(.., |(_, _, at)| now.duration_since(*at) > opening)
            .collect();
        for (endpoint, ping, _) in late {
            self.around
                .verdict
                .broken(rule::PING_REPLY, format!("{endpoint} does not answer ping {ping}"));
        }
        self.rotate_speaker(now);
    }

    /// Tells a sender which height the others want of each source that shows something.
    fn demand(&mut self, now: Instant, id: &str) {
        let height = self.around.options.wanted_height;
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        endpoint.demand_due = None;
        let mut names = endpoint.sources.names(Media::Video);
        names.retain(|n| endpoint.video_types.get(n).is_none_or(|t| t != "none"));
        for name in names {
            self.constrain_sender(now, id, Some(&name), height);
        }
    }

    fn rotate_speaker(&mut self, now: Instant) {
        let every = self.around.options.dominant_every_s;
        if every == 0 || now < self.next_speaker || self.peers.is_empty() {
            return;
        }
        self.next_speaker = now + Duration::from_secs(every);
        // The peer that has been silent longest.
        let next = self
            .speakers
            .iter()
            .rev()
            .find(|s| self.peers.iter().any(|p| p.info.nick == **s))
            .cloned();
        if let Some(next) = next {
            self.dominant(now, &next);
        }
    }

    fn check_connection(&mut self, now: Instant, id: &str) {
        self.never_connected(now, id, self.around.verdict.within(CONNECTS));
    }

    /// Writes down, once, that an endpoint is not connected although its answer is `within` old.
    fn never_connected(&mut self, now: Instant, id: &str, within: Duration) {
        let perfect = self.to_client.is_perfect() && self.from_client.is_perfect();
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        let late = endpoint.accepted.is_some_and(|at| now.duration_since(at) > within);
        if !late || endpoint.connected.is_some() || endpoint.failed || self.silent.contains(id) || !perfect {
            return;
        }
        endpoint.failed = true;
        let (broken, seen) = match (endpoint.ice_done, endpoint.remote) {
            (true, _) => (rule::DTLS, "ICE is done, DTLS did not finish"),
            (false, Some(_)) => (rule::ICE, "packets came, ICE did not finish"),
            (false, None) => (rule::ICE, "no packet came"),
        };
        self.around
            .verdict
            .broken(broken, format!("not connected after {within:?}: {seen}"));
    }

    /// A session ends: one that had time to connect and did not is noticed, also when the client gave it up.
    pub(super) fn given_up(&mut self, now: Instant, id: &str) {
        self.never_connected(now, id, self.around.verdict.within(GIVEN_UP));
    }

    fn check_opening(&mut self, now: Instant, id: &str) {
        let opening = self.around.verdict.within(OPENING);
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        if endpoint.opening_checked || endpoint.opened.is_none_or(|at| now.duration_since(at) < opening) {
            return;
        }
        endpoint.opening_checked = true;
        let mut missing: Vec<String> = Vec::new();
        if endpoint.constraints.is_none() {
            missing.push("ReceiverVideoConstraints".into());
        }
        for name in endpoint.sources.names(Media::Video) {
            if !endpoint.video_types.contains_key(&name) {
                missing.push(format!("SourceVideoTypeMessage of {name}"));
            }
        }
        if !missing.is_empty() {
            self.around
                .verdict
                .broken(rule::CHANNEL_OPENING, format!("missing after {opening:?}: {missing:?}"));
        }
    }

    fn check_activity(&mut self, now: Instant, id: &str) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        if endpoint.accepted.is_none() {
            return;
        }
        let idle = now.duration_since(endpoint.last_packet);
        let active = idle < INACTIVE;
        let room = endpoint.room.clone();
        if active != endpoint.active {
            endpoint.active = active;
            let text = write::connectivity(id, active);
            let others: Vec<String> = self
                .endpoints
                .values()
                .filter(|e| e.id != id && e.room == room)
                .map(|e| e.id.clone())
                .collect();
            for other in others {
                self.tell(now, &other, &text);
            }
        }
        if idle > EXPIRED {
            self.endpoints.remove(id);
            let _ = self.events.send(BridgeEvent::Expired { endpoint: id.into() });
        }
    }
}
