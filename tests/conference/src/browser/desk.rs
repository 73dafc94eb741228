//! Where the page puts its reports and finds its orders.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::bundle::Bundle;

/// How far the browser is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The page is on its way.
    #[default]
    Loading,
    /// XMPP is up.
    Connected,
    /// It is in the room.
    Joined,
    /// It has left, and its stream is closed.
    Left,
}

/// What the browser says of itself.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub struct BrowserReport {
    /// Endpoint id.
    pub id: Option<String>,
    /// How far it is.
    pub stage: Stage,
    /// What went wrong, with where.
    pub problems: Vec<String>,
    /// Pictures painted so far: the counter in its frame code.
    pub shown: u64,
    /// The others in the room.
    pub others: Vec<Seen>,
}

/// Another participant, as the browser sees it.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub struct Seen {
    /// Endpoint id.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Shown as muted.
    pub audio_muted: bool,
    /// Shown as muted.
    pub video_muted: bool,
    /// Height of the last picture, 0 before the first.
    pub height: u32,
    /// The frame counter that was read last.
    pub counter: Option<u64>,
    /// The loudest tone at the last moments, Hz; none in silence.
    pub tones: Vec<Option<f64>>,
}

impl BrowserReport {
    /// One of the others.
    pub fn other(&self, id: &str) -> Option<&Seen> {
        self.others.iter().find(|o| o.id == id)
    }
}

impl Seen {
    /// How many of the last moments had this tone, to 15 Hz.
    pub fn heard(&self, hz: f64) -> usize {
        self.tones.iter().flatten().filter(|t| (*t - hz).abs() < 15.0).count()
    }
}

#[derive(Default)]
struct Papers {
    bundle: Option<Bundle>,
    report: BrowserReport,
    orders: Vec<String>,
}

/// One browser's desk, shared by the front and whoever drives the browser.
#[derive(Clone, Default)]
pub struct Desk(Arc<Mutex<Papers>>);

impl Desk {
    fn papers(&self) -> MutexGuard<'_, Papers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new browser is on its way; it will load these scripts.
    pub fn open(&self, bundle: Bundle) {
        *self.papers() = Papers {
            bundle: Some(bundle),
            ..Papers::default()
        };
    }

    /// The scripts.
    pub fn bundle(&self) -> Option<Bundle> {
        self.papers().bundle.clone()
    }

    /// Takes a report, gives the orders since the last one.
    pub fn exchange(&self, report: BrowserReport) -> Vec<String> {
        let mut papers = self.papers();
        papers.report = report;
        std::mem::take(&mut papers.orders)
    }

    /// An order for the next exchange.
    pub fn tell(&self, order: String) {
        self.papers().orders.push(order);
    }

    /// The last report.
    pub fn report(&self) -> BrowserReport {
        self.papers().report.clone()
    }
}
