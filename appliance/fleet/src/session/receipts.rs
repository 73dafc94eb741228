//! PUBACKs go out in the order in which the messages came (MQTT 5, 4.6): one that waits for the disk holds back the next.

use std::collections::VecDeque;

use super::context::Context;
use super::output::Output;
use super::settings::Receipt;

/// Messages of this connection whose PUBACK has not gone out.
#[derive(Debug, Default)]
pub struct Receipts {
    waiting: VecDeque<(Receipt, bool)>,
}

impl Receipts {
    /// A message has come.
    pub fn received(&mut self, receipt: Receipt) {
        self.waiting.push_back((receipt, false));
    }

    /// It may be acknowledged.
    pub fn settled(&mut self, receipt: Receipt, cx: &mut Context) {
        if let Some(entry) = self.waiting.iter_mut().find(|(waiting, _)| *waiting == receipt) {
            entry.1 = true;
        }
        while let Some((receipt, true)) = self.waiting.front().copied() {
            self.waiting.pop_front();
            cx.output(Output::Acknowledge(receipt));
        }
    }

    /// The connection is over: the broker sends again what it has no PUBACK for.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }
}
