//! Who gets one of the few decoders. Pure: it is told the time.

use std::collections::HashSet;

/// Silence in ns after which a stream gives its decoder to one that is heard. Longer than the pauses between the packets
/// of discontinuous transmission (400 ms, RFC 7587 §3.1.3).
const SILENT_NS: u64 = 2_000_000_000;

/// A stream that the plan wants decoded.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Its SSRC.
    pub ssrc: u32,
    /// Has a decoder now.
    pub decoding: bool,
    /// `CLOCK_MONOTONIC` ns of its last buffer.
    pub last_ns: u64,
}

/// The SSRCs that get a decoder, at most `slots`: whoever has one keeps it while it is heard; the one that has been silent
/// longest gives way first.
pub fn choose(mut candidates: Vec<Candidate>, slots: usize, now_ns: u64) -> HashSet<u32> {
    candidates.sort_by_key(|candidate| {
        let silent_ns = now_ns.saturating_sub(candidate.last_ns);
        let silent = silent_ns >= SILENT_NS;
        let rank = if silent { silent_ns } else { 0 };
        (silent, !candidate.decoding, rank, candidate.ssrc)
    });
    candidates
        .into_iter()
        .take(slots)
        .map(|candidate| candidate.ssrc)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 100_000_000_000;

    fn stream(ssrc: u32, decoding: bool, silent_ms: u64) -> Candidate {
        Candidate {
            ssrc,
            decoding,
            last_ns: NOW - silent_ms * 1_000_000,
        }
    }

    #[test]
    fn never_more_than_the_slots_whatever_the_order_of_the_ssrcs() {
        let mut decoding: HashSet<u32> = HashSet::new();
        for ssrc in (1..=50).rev() {
            let known = (ssrc..=50).map(|ssrc| stream(ssrc, decoding.contains(&ssrc), 20));
            decoding = choose(known.collect(), 16, NOW);
            assert!(decoding.len() <= 16);
        }
        assert_eq!(decoding, (35..=50).collect(), "who is heard keeps its decoder");
    }

    #[test]
    fn a_new_speaker_takes_the_place_of_the_one_silent_longest() {
        let crowd = vec![
            stream(1, true, 20),
            stream(2, true, 9_000),
            stream(3, true, 5_000),
            stream(900, false, 20),
        ];
        assert_eq!(choose(crowd, 3, NOW), HashSet::from([1, 3, 900]));
    }

    #[test]
    fn nobody_loses_a_decoder_to_a_silent_stream_or_while_there_is_room() {
        let crowd = vec![stream(5, true, 60_000), stream(1, false, 3_000)];
        assert_eq!(choose(crowd.clone(), 1, NOW), HashSet::from([5]));
        assert_eq!(choose(crowd, 2, NOW), HashSet::from([1, 5]));
    }
}
