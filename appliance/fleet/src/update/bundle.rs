//! From the first byte of a bundle to the other slot.

use rand::RngExt;

use super::hours::Gate;
use super::input::{BundleFacts, DownloadFault};
use super::judgement::{Fault, of_bundle};
use super::kept::Stage;
use super::pace::ms;
use super::{Doing, Output, Shut, Then, Updater};
use crate::contract::{Code, Phase};

impl Updater {
    /// For its time. Boxes that wait for the same hour begin spread.
    pub(super) fn wait(&mut self, shut: Shut, begin_ms: Option<u64>) -> Option<u64> {
        let now_ms = self.now.up_ms;
        let gate = self.gate();
        if !gate.is_open() {
            self.doing = waiting(gate);
            return gate.again_ms();
        }
        let begin_ms = match (shut, begin_ms) {
            (Shut::No, _) => now_ms,
            (_, Some(begin_ms)) => begin_ms,
            (_, None) => {
                let left_ms = gate
                    .again_ms()
                    .map_or(u64::MAX, |until_ms| until_ms.saturating_sub(now_ms));
                let most_ms = ms(self.pace.spread).min(left_ms / 4);
                now_ms.saturating_add(self.chance.random_range(0..=most_ms))
            }
        };
        if begin_ms > now_ms {
            self.doing = Doing::Waiting {
                shut,
                begin_ms: Some(begin_ms),
            };
            return Some(gate.again_ms().map_or(begin_ms, |until_ms| until_ms.min(begin_ms)));
        }
        self.begin_download(0);
        None
    }

    fn begin_download(&mut self, bytes: u64) {
        if let Some(kept) = &self.kept {
            let (url, sha256) = (kept.update.url.clone(), kept.update.sha256.clone());
            let size = kept.update.size;
            self.outputs.push_back(Output::Download { url, size, sha256 });
            self.doing = Doing::Downloading { bytes, pause_ms: None };
        }
    }

    /// Goes on while it is its time.
    pub(super) fn download(&mut self, bytes: u64, pause_ms: Option<u64>) -> Option<u64> {
        let gate = self.gate();
        if !gate.is_open() {
            if pause_ms.is_none() {
                self.outputs.push_back(Output::StopDownload);
            }
            self.doing = waiting(gate);
            return None;
        }
        match pause_ms {
            Some(pause_ms) if pause_ms <= self.now.up_ms => {
                self.begin_download(bytes);
                None
            }
            _ => pause_ms.into_iter().chain(gate.again_ms()).min(),
        }
    }

    pub(super) fn received(&mut self, received: u64) {
        if let Doing::Downloading { bytes, pause_ms: None } = &mut self.doing {
            *bytes = received;
            self.patience.received(received);
        }
    }

    /// Of the bundle.
    pub(super) fn percent(&self, bytes: u64) -> u8 {
        let size = self.kept.as_ref().map_or(0, |kept| kept.update.size);
        let percent = u128::from(bytes) * 100 / u128::from(size.max(1));
        u8::try_from(percent.min(100)).unwrap_or(100)
    }

    pub(super) fn downloaded(&mut self) {
        if matches!(self.doing, Doing::Downloading { pause_ms: None, .. }) {
            self.doing = Doing::Verifying;
            self.outputs.push_back(Output::Verify);
        }
    }

    pub(super) fn download_failed(&mut self, fault: DownloadFault) {
        let Doing::Downloading { bytes, pause_ms: None } = self.doing else {
            return;
        };
        match fault {
            DownloadFault::Final { status } => {
                self.fail(
                    Code::Precondition,
                    format!("/url: the update server says {status}"),
                    true,
                );
            }
            DownloadFault::Passing { retry_after_ms } => {
                match self.patience.failed(retry_after_ms, self.now.up_ms, &mut self.chance) {
                    Some(pause_ms) => {
                        let pause_ms = Some(pause_ms);
                        self.doing = Doing::Downloading { bytes, pause_ms };
                    }
                    None => self.fail(Code::Timeout, "the update server gave nothing for 24 hours", false),
                }
            }
            DownloadFault::WrongSize => self.fail(Code::InvalidParams, "/size: the bundle has another", false),
            DownloadFault::WrongHash => self.fail(Code::InvalidParams, "/sha256: the bundle has another", false),
            DownloadFault::NoSpace => self.fail(Code::StorageFull, "the disk has no room for the bundle", false),
        }
    }

    pub(super) fn verified(&mut self, result: Result<BundleFacts, String>) {
        if self.doing != Doing::Verifying {
            return;
        }
        let Some(kept) = &self.kept else { return };
        let judged = match result {
            Ok(bundle) => of_bundle(&bundle, &kept.update, &self.facts),
            Err(error) => return self.fail(Code::BadSignature, format!("the bundle is refused: {error}"), false),
        };
        let gate = self.gate();
        match judged {
            Ok(()) if gate.is_open() => self.keep(Stage::Installing, Then::Install),
            Ok(()) => self.doing = waiting(gate),
            Err((Fault::Wrong, cause)) => self.fail(cause.code, cause.msg, false),
            Err((Fault::NotForThisBox, cause)) => self.over(Phase::Refused, cause, true),
        }
    }

    pub(super) fn installing(&mut self, now_percent: u8) {
        if let Doing::Installing { percent } = &mut self.doing {
            *percent = now_percent.min(100);
        }
    }

    pub(super) fn installed(&mut self, result: Result<(), String>) {
        if !matches!(self.doing, Doing::Installing { .. }) {
            return;
        }
        match (result, self.next.take()) {
            (Ok(()), None) => self.keep(Stage::Installed, Then::AskRoom),
            (Ok(()), Some(next)) => {
                if let Some(kept) = &mut self.kept {
                    kept.stage = Stage::Installed;
                }
                self.replace(next);
            }
            (Err(error), next) => {
                self.next = next;
                self.fail(Code::Internal, format!("the installation failed: {error}"), false);
            }
        }
    }
}

/// For a gate that is shut.
fn waiting(gate: Gate) -> Doing {
    let shut = match gate {
        Gate::NoClock(_) => Shut::Clock,
        Gate::Shut(_) | Gate::Open(_) => Shut::Hours,
    };
    Doing::Waiting { shut, begin_ms: None }
}
