//! Which publication an acknowledgement is for, and how many may be on their way.
//!
//! `rumqttc` takes publications in order and says which packet id each got when it writes it, also when an id was still taken
//! and the publication had to wait. So the first one that was handed over without an id is the one that gets the next.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::words::Token;

/// Publications with QoS 1 that are on their way, and those with QoS 0 that are not written yet.
#[derive(Debug)]
pub(super) struct Window {
    limit: usize,
    handed: VecDeque<(Token, Instant)>,
    written: HashMap<u16, (Token, Instant)>,
    unacknowledged: VecDeque<Token>,
}

impl Window {
    /// With room for so many with QoS 1.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            handed: VecDeque::new(),
            written: HashMap::new(),
            unacknowledged: VecDeque::new(),
        }
    }

    /// The broker takes no more than this at a time. One place stays free: `rumqttc` stops reading requests when all are taken.
    pub fn narrow(&mut self, receive_maximum: u16) {
        self.limit = self.limit.min(usize::from(receive_maximum).saturating_sub(1).max(1));
    }

    /// Whether one more with QoS 1 may go.
    pub fn has_room(&self) -> bool {
        self.handed.len() + self.written.len() < self.limit
    }

    /// Whether anything was given to `rumqttc` that it has not written, or the broker has not acknowledged.
    pub fn is_busy(&self) -> bool {
        !(self.handed.is_empty() && self.written.is_empty() && self.unacknowledged.is_empty())
    }

    /// One with QoS 1 was given to `rumqttc`.
    pub fn hand_over(&mut self, token: Token, now: Instant) {
        self.handed.push_back((token, now));
    }

    /// One with QoS 0 was given to `rumqttc`.
    pub fn hand_over_unacknowledged(&mut self, token: Token) {
        self.unacknowledged.push_back(token);
    }

    /// `rumqttc` has written a publication with this packet id; 0: with QoS 0. The token of that one, whose way ends here.
    pub fn wrote(&mut self, packet_id: u16) -> Option<Token> {
        if packet_id == 0 {
            return self.unacknowledged.pop_front();
        }
        if let Some(entry) = self.handed.pop_front() {
            self.written.insert(packet_id, entry);
        }
        None
    }

    /// The broker has acknowledged this packet id.
    pub fn acknowledged(&mut self, packet_id: u16) -> Option<Token> {
        self.written.remove(&packet_id).map(|(token, _)| token)
    }

    /// When the oldest has waited this long.
    pub fn overdue(&self, patience: Duration) -> Option<Instant> {
        let oldest = self.written.values().chain(&self.handed).map(|(_, since)| *since).min();
        oldest.map(|since| since + patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_acknowledgement_finds_its_publication_whatever_the_order() {
        let mut window = Window::new(3);
        let now = Instant::now();
        for token in 1..=3 {
            assert!(window.has_room());
            window.hand_over(Token(token), now);
        }
        assert!(!window.has_room());
        for packet_id in [7, 8, 9] {
            assert_eq!(window.wrote(packet_id), None);
        }
        assert_eq!(window.acknowledged(9), Some(Token(3)));
        assert_eq!(window.acknowledged(9), None, "twice");
        assert_eq!(window.acknowledged(7), Some(Token(1)));
        assert!(window.has_room());
        assert_eq!(window.acknowledged(8), Some(Token(2)));
        assert_eq!(window.overdue(Duration::from_secs(1)), None);
    }

    #[test]
    fn one_that_waits_for_its_packet_id_does_not_mix_up_the_others() {
        let mut window = Window::new(16);
        let now = Instant::now();
        window.hand_over(Token(1), now);
        window.wrote(1);
        window.hand_over(Token(2), now);
        // `rumqttc` gave it id 1 again and waits: it writes it only after the acknowledgement of the first.
        assert_eq!(window.acknowledged(1), Some(Token(1)));
        window.wrote(1);
        assert_eq!(window.acknowledged(1), Some(Token(2)));
    }

    #[test]
    fn what_needs_no_acknowledgement_takes_no_room() {
        let mut window = Window::new(1);
        window.hand_over(Token(1), Instant::now());
        window.hand_over_unacknowledged(Token(2));
        assert_eq!(window.wrote(0), Some(Token(2)));
        assert_eq!(window.wrote(1), None);
        assert_eq!(window.acknowledged(1), Some(Token(1)));
    }

    #[test]
    fn a_broker_that_takes_little_is_given_little() {
        let mut window = Window::new(16);
        window.narrow(20);
        assert_eq!(window.limit, 16);
        window.narrow(4);
        assert_eq!(window.limit, 3);
        window.narrow(0);
        assert_eq!(window.limit, 1);
    }

    #[test]
    fn the_oldest_decides_how_long_is_too_long() {
        let mut window = Window::new(16);
        let begin = Instant::now();
        window.hand_over(Token(1), begin);
        window.wrote(1);
        window.hand_over(Token(2), begin + Duration::from_secs(5));
        let patience = Duration::from_secs(60);
        assert_eq!(window.overdue(patience), Some(begin + patience));
        window.acknowledged(1);
        assert_eq!(
            window.overdue(patience),
            Some(begin + Duration::from_secs(5) + patience)
        );
    }
}
