//! The first join of a box that was just switched on, in a conference of its own: GStreamer reads its registry anew, and no
//! worker of an earlier meeting runs.

use std::time::Duration;

use conference::{BrokenRule, Conference, Options};
use end_to_end::{Devices, Join, RoomBox};
use serde::Serialize;
use serde_json::Value;

/// How long that meeting lasts. A picture that is not there by then counts as not measured.
const MEETING: Duration = Duration::from_secs(4);
/// Bound for the whole of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Times of the first join. Null: it did not happen within 4 s of meeting.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cold {
    /// Join command to joined.
    pub join_ms: Option<u64>,
    /// session-initiate sent to the first picture decoded at the far side.
    pub far_first_frame_ms: Option<u64>,
    /// session-initiate received to the first far picture composed on the wall.
    pub wall_first_frame_ms: Option<u64>,
}

/// Joins once, measures, and leaves. With the rules that the box broke.
///
/// # Errors
/// A conference or a box that cannot be started.
pub async fn measure(
    options: Options,
    devices: &Devices,
) -> Result<(Cold, Vec<BrokenRule>), Box<dyn std::error::Error>> {
    let conference = Conference::start(options).await?;
    let registry = tempfile::tempdir()?;
    let path = registry.path().join("registry.bin").display().to_string();
    let mut room_box = RoomBox::join(
        &conference.room_url("hemicycle"),
        &Join {
            devices: devices.clone(),
            arguments: ["--name", "Salle 4", "--for", &format!("{}s", MEETING.as_secs())]
                .map(str::to_owned)
                .to_vec(),
            environment: vec![("GST_REGISTRY".to_owned(), path)],
            ..Join::default()
        },
    )?;
    let end = tokio::time::Instant::now() + PATIENCE;
    while room_box.wait(Duration::ZERO).is_none() && tokio::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let own = room_box.report().unwrap_or_default();
    let number = |name: &str| own.get(name).and_then(Value::as_u64);
    let (far, guest) = (conference.far_side(), conference.guest().unwrap_or_default());
    let far_first_frame = guest
        .initiate_ns
        .zip(far.first_frame_ns)
        .map(|(from, to)| to.saturating_sub(from) / 1_000_000);
    let cold = Cold {
        join_ms: number("join_ms"),
        far_first_frame_ms: far_first_frame,
        wall_first_frame_ms: number("wall_first_frame_ms"),
    };
    let broken = conference.verdict();
    conference.shutdown();
    Ok((cold, broken))
}
