//! What is said over the virtual serial port between the lab and its agent in the guest: one JSON document a line.

use serde::{Deserialize, Serialize};

/// The port's name, as `/sys/class/virtio-ports/*/name` has it in the guest.
pub const PORT: &str = "lab";

/// The most output that is kept of one job, bytes.
pub const OUTPUT_LIMIT: usize = 1 << 20;

/// To the guest: run this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Number of the job, chosen by the lab.
    pub job: u32,
    /// For `sh`; runs as root.
    pub script: String,
    /// Seconds until it is killed with everything it started.
    pub limit: u64,
}

/// From the guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Word {
    /// The agent runs; jobs are taken from now on.
    Here {
        /// Seconds since the kernel started.
        uptime: f64,
    },
    /// A job has ended.
    Done {
        /// Its number.
        job: u32,
        /// Exit code; 124 when it was killed at its limit, 127 when it could not be started.
        code: i32,
        /// Standard output and standard error as they came, damaged characters replaced.
        output: String,
    },
}
