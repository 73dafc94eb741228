//! The plug of a simulated device: a file, which the open device holds open. Whoever takes the file away pulls it out.

use media_protocol::DeviceFault;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::fault;
use crate::mailbox::{Mailbox, Message, PipelineId};

/// A plug that is in.
#[derive(Debug)]
pub struct Plug {
    /// None: this device cannot be pulled out.
    file: Option<(PathBuf, File)>,
    id: PipelineId,
    mailbox: Mailbox,
}

impl Plug {
    /// Holds the plug of a device that is being opened.
    ///
    /// # Errors
    /// [`DeviceFault::NotFound`] when it is not in.
    pub fn of(path: Option<&Path>, id: PipelineId, mailbox: &Mailbox) -> Result<Self, DeviceFault> {
        let open = |path: &Path| {
            fault::accessible(path)?;
            let file = File::open(path).map_err(|_| DeviceFault::NotFound)?;
            Ok((path.to_owned(), file))
        };
        Ok(Self {
            file: path.map(open).transpose()?,
            id,
            mailbox: mailbox.clone(),
        })
    }

    /// Whether it is still in; that it is not is told once more each time.
    #[must_use]
    pub fn is_in(&self) -> bool {
        let is_in = self.file.as_ref().is_none_or(|(path, _)| path.exists());
        if !is_in {
            self.mailbox.post(Message::Failed(self.id, DeviceFault::NotFound));
        }
        is_in
    }
}
