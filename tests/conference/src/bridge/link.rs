//! The wire between bridge and client: its width, loss and delay, each direction alone, from a seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the bridge to the client.
    ToClient,
    /// From the client to the bridge.
    FromClient,
}

/// What a datagram has in front of it on its way: the headers of UDP and IPv4, bytes.
const HEADERS: usize = 28;

/// What happens to datagrams of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Fault {
    /// bit/s that pass, headers included, in the order in which they came; none: whatever comes.
    pub rate: Option<u64>,
    /// What would wait longer than this for its turn is lost.
    pub queue: Duration,
    /// Fraction that is lost, 0 to 1.
    pub loss: f64,
    /// Delay of the rest.
    pub delay: Duration,
    /// A random part on top of the delay, at most this long.
    pub jitter: Duration,
}

/// One direction.
pub struct Wire {
    fault: Fault,
    rng: StdRng,
    waiting: BinaryHeap<Reverse<Waiting>>,
    count: u64,
    /// Until then it has enough to do.
    busy_until: Option<Instant>,
    /// Datagrams lost so far.
    pub lost: u64,
}

/// What becomes of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Passage<'a> {
    /// It goes on at once.
    Now(&'a [u8]),
    /// [`Wire::take`] gives it later.
    Later,
    /// It is gone.
    Lost,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: Instant,
    order: u64,
    peer: SocketAddr,
    datagram: Vec<u8>,
}

impl Wire {
    /// A perfect wire.
    pub fn new(seed: u64) -> Self {
        Self {
            fault: Fault::default(),
            rng: StdRng::seed_from_u64(seed),
            waiting: BinaryHeap::new(),
            count: 0,
            busy_until: None,
            lost: 0,
        }
    }

    /// A perfect wire on which everything takes this long.
    pub fn of_length(seed: u64, delay: Duration) -> Self {
        let mut wire = Self::new(seed);
        wire.fault.delay = delay;
        wire
    }

    /// Changes it.
    pub fn set(&mut self, fault: Fault) {
        self.fault = fault;
    }

    /// Nothing passes.
    pub fn is_cut(&self) -> bool {
        self.fault.loss >= 1.0
    }

    /// Nothing is lost now.
    pub fn is_perfect(&self) -> bool {
        self.fault.loss == 0.0 && self.fault.rate.is_none()
    }

    /// Puts a datagram in; it may go on at once, wait, or be lost.
    pub fn put<'a>(&mut self, now: Instant, peer: SocketAddr, datagram: &'a [u8]) -> Passage<'a> {
        // One draw per datagram, whatever the loss: the same seed loses the same datagrams.
        let draw: f64 = self.rng.random();
        if draw < self.fault.loss {
            self.lost += 1;
            return Passage::Lost;
        }
        let Some(through) = self.queue(now, datagram.len()) else {
            self.lost += 1;
            return Passage::Lost;
        };
        if through == now && self.fault.delay.is_zero() && self.fault.jitter.is_zero() && self.waiting.is_empty() {
            return Passage::Now(datagram);
        }
        let jitter = self.fault.jitter.mul_f64(self.rng.random());
        self.count += 1;
        self.waiting.push(Reverse(Waiting {
            due: through + self.fault.delay + jitter,
            order: self.count,
            peer,
            datagram: datagram.to_vec(),
        }));
        Passage::Later
    }

    /// When so many bytes are through; none: the queue is too long for them.
    fn queue(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let Some(rate) = self.fault.rate else { return Some(now) };
        let turn = self.busy_until.map_or(now, |busy| busy.max(now));
        if turn.duration_since(now) > self.fault.queue {
            return None;
        }
        let bits = (bytes + HEADERS) as f64 * 8.0;
        let through = turn + Duration::from_secs_f64(bits / rate.max(1) as f64);
        self.busy_until = Some(through);
        Some(through)
    }

    /// The next datagram whose delay is over.
    pub fn take(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        if self.waiting.peek().is_some_and(|Reverse(w)| w.due <= now) {
            return self.waiting.pop().map(|Reverse(w)| (w.peer, w.datagram));
        }
        None
    }

    /// When [`Wire::take`] gives something.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(w)| w.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(seed: u64) -> Vec<bool> {
        let mut wire = Wire::new(seed);
        wire.set(Fault {
            loss: 0.2,
            ..Fault::default()
        });
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        (0..1000)
            .map(|_| wire.put(Instant::now(), peer, &[0]) == Passage::Lost)
            .collect()
    }

    #[test]
    fn the_same_seed_loses_the_same_datagrams() {
        assert_eq!(losses(7), losses(7));
        assert_ne!(losses(7), losses(8));
        let lost = losses(7).iter().filter(|l| **l).count();
        assert!((150..250).contains(&lost), "{lost} of 1000 at 20 %");
    }

    #[test]
    fn a_narrow_wire_takes_its_time_and_what_would_wait_too_long_is_lost() {
        let mut wire = Wire::new(1);
        // A thousand bits with their headers, each 10 ms.
        wire.set(Fault {
            rate: Some(100_000),
            queue: Duration::from_millis(50),
            ..Fault::default()
        });
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let put = |wire: &mut Wire, ms, number: u8| wire.put(at(ms), peer, &[number; 97]) != Passage::Lost;
        let passed = (0..10).filter(|number| put(&mut wire, 0, *number)).count();
        assert_eq!((passed, wire.lost), (6, 4), "the sixth waits 50 ms for its turn");
        assert!(!wire.is_perfect());
        let through: Vec<usize> = [9, 10, 35, 60]
            .map(|ms| std::iter::from_fn(|| wire.take(at(ms))).count())
            .into();
        assert_eq!(through, [0, 1, 2, 3]);
        assert!(put(&mut wire, 200, 0), "it has had a rest");
        assert_eq!(wire.deadline(), Some(at(210)));
    }

    #[test]
    fn a_delay_keeps_the_order() {
        let mut wire = Wire::new(1);
        wire.set(Fault {
            delay: Duration::from_millis(50),
            ..Fault::default()
        });
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        let start = Instant::now();
        for i in 0..10u8 {
            assert_eq!(wire.put(start, peer, &[i]), Passage::Later);
        }
        assert!(wire.take(start + Duration::from_millis(49)).is_none());
        let after = start + Duration::from_millis(50);
        let order: Vec<u8> = std::iter::from_fn(|| wire.take(after)).map(|(_, d)| d[0]).collect();
        assert_eq!(order, (0..10).collect::<Vec<u8>>());
    }
}
