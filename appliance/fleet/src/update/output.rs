//! What comes out of an update.

use crate::contract::UpdateReport;

/// What shall happen outside, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Keep these bytes in place of the ones before, and give them to [`super::Updater::new`] at the next start. One after the
    /// other; each is answered by [`super::Input::Written`]. Tries again by itself: there is no other answer.
    Write(Vec<u8>),
    /// Download, on from what is on disk. Answered by [`super::Input::Received`] now and then, and by
    /// [`super::Input::Downloaded`] or [`super::Input::DownloadFailed`].
    Download {
        /// Where.
        url: String,
        /// Bytes.
        size: u64,
        /// Hexadecimal.
        sha256: String,
    },
    /// Stop downloading. What is on disk stays; nothing answers any more.
    StopDownload,
    /// Forget the bundle and what was installed of it: remove the file, and see that the slot that runs is the one that starts
    /// (`Mark("active", "booted")` of RAUC).
    Discard,
    /// Check the signature of the bundle, installing nothing. Answered by [`super::Input::Verified`].
    Verify,
    /// Write the bundle into the other slot; the box goes on starting from this one (`activate-installed=false` of RAUC).
    /// Answered by [`super::Input::Installed`].
    Install,
    /// Look whether the box works. Answered by [`super::Input::SelfTest`], in bounded time.
    SelfTest {
        /// All of it, short, lit and announced on the wall. Else only what opens no device: [`super::CheckName::Jitsi`].
        announce: bool,
    },
    /// See that the other slot starts next (`Mark("active", "other")`), say `update` to the fleet, reboot.
    Reboot,
    /// Ask the update server for a sign of life: the broker has given none. Answered by [`super::Input::Contact`], or not at all.
    Reach {
        /// Of the bundle; its head is enough.
        url: String,
    },
    /// The slot that runs is good: the boot loader stops counting, and the counter behind [`super::Facts::security_version`] may
    /// go up to that of the release. Comes again at each start until there is another document.
    MarkGood,
    /// The slot that runs is bad and the other one starts next (`Mark("bad", "booted")`): say `update` to the fleet, reboot.
    RollBack,
    /// The session: how far the update is ([`crate::session::Input::UpdateReport`]).
    Report(UpdateReport),
}
