//! How good our connection is, said to the others every ten seconds (`specs/jitsi-client.md §7`).

use std::time::{Duration, Instant};

use media_protocol::Statistics;

use super::context::{Context, due};
use super::meeting::Meeting;
use crate::bridge::{Bitrate, EndpointStatistics, Outgoing, PacketLoss};

/// Between two words about it.
const INTERVAL: Duration = Duration::from_secs(10);

/// The worker's counters, and when the others are told.
#[derive(Debug, Default)]
pub(super) struct Quality {
    latest: Option<Box<Statistics>>,
    /// Packets lost and received when the others were told last.
    before: (u64, u64),
    due: Option<Instant>,
}

impl Quality {
    pub fn next_deadline(&self) -> Option<Instant> {
        self.due
    }

    /// A channel has opened: counters begin anew with their session.
    pub fn begin(&mut self, now: Instant) {
        *self = Self {
            due: Some(now + INTERVAL),
            ..Self::default()
        };
    }

    /// What is said, from the counters of the last interval; none while there are none.
    fn report(&mut self, region: Option<String>) -> Option<EndpointStatistics> {
        let statistics = self.latest.take()?;
        let lost = statistics
            .received
            .iter()
            .map(|stream| stream.lost.max(0).unsigned_abs())
            .sum::<u64>();
        let received = statistics.received.iter().map(|stream| stream.packets).sum::<u64>();
        let (lost_before, received_before) = std::mem::replace(&mut self.before, (lost, received));
        let loss = percent(
            lost.saturating_sub(lost_before),
            received.saturating_sub(received_before),
        );
        let bits = statistics.layers.iter().map(|layer| layer.bitrate).sum::<u64>();
        let sending = statistics.layers.iter().filter(|layer| layer.fps > 0.0);
        Some(EndpointStatistics {
            bitrate: Bitrate {
                upload: u32::try_from(bits / 1000).unwrap_or(u32::MAX),
                download: 0,
            },
            packet_loss: PacketLoss {
                total: loss,
                download: loss,
                upload: 0.0,
            },
            connection_quality: quality(loss),
            jvb_rtt: None,
            server_region: region,
            max_enabled_resolution: sending.map(|layer| layer.height).max(),
        })
    }
}

/// Lost of all, in per cent with one decimal.
fn percent(lost: u64, received: u64) -> f64 {
    let all = lost.saturating_add(received);
    if all == 0 {
        return 0.0;
    }
    (lost as f64 * 1000.0 / all as f64).round() / 10.0
}

/// lib-jitsi-meet's steps from loss to quality.
fn quality(loss: f64) -> f64 {
    match loss {
        _ if loss <= 2.0 => 100.0,
        _ if loss <= 4.0 => 70.0,
        _ if loss <= 6.0 => 50.0,
        _ if loss <= 8.0 => 30.0,
        _ if loss <= 12.0 => 10.0,
        _ => 0.0,
    }
}

impl Meeting {
    /// The worker's newest counters.
    pub fn statistics(&mut self, statistics: Box<Statistics>) {
        self.quality.latest = Some(statistics);
    }

    pub fn tick_quality(&mut self, cx: &mut Context) {
        if !due(&mut self.quality.due, cx.now) || !self.channel.is_open() {
            return;
        }
        self.quality.due = Some(cx.after(INTERVAL));
        let region = self.session.as_ref().and_then(|session| session.region());
        if let Some(report) = self.quality.report(region) {
            self.say(&Outgoing::EndpointStats(report), cx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_protocol::{LayerStatistics, ReceivedStatistics};

    fn statistics(lost: i64, packets: u64) -> Box<Statistics> {
        let layer = |height, fps| LayerStatistics {
            ssrc: height,
            height,
            fps,
            bitrate: 100_000,
            key_frames: 1,
        };
        Box::new(Statistics {
            layers: vec![layer(180, 30.0), layer(360, 30.0), layer(720, 0.0)],
            received: vec![ReceivedStatistics {
                ssrc: 1,
                fps: 30.0,
                height: 180,
                lost,
                packets,
            }],
            ..Statistics::default()
        })
    }

    #[test]
    fn loss_is_that_of_the_last_interval_and_decides_the_quality() {
        let mut measured = Quality::default();
        assert_eq!(measured.report(None), None, "nothing is invented");
        for (lost, packets, loss, quality) in [(0, 100, 0.0, 100.0), (10, 190, 10.0, 10.0), (10, 1190, 0.0, 100.0)] {
            measured.latest = Some(statistics(lost, packets));
            let report = measured.report(Some("eu".into())).unwrap();
            assert_eq!(
                (report.packet_loss.download, report.connection_quality),
                (loss, quality)
            );
            assert_eq!((report.bitrate.upload, report.max_enabled_resolution), (300, Some(360)));
        }
    }
}
