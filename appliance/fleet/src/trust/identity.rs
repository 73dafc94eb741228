//! What a box keeps of its enrolment: everything but the keys, in one file, so that it never holds half of it.

use std::fs;
use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use openssl::asn1::Asn1Time;
use serde::{Deserialize, Serialize};

use super::anchors::Anchors;
use super::documents::TrustedDocuments;
use super::enrolling::EnrolmentError;
use super::key_files::write_private;
use crate::contract::{Issued, TrustDocument};

/// Longest file that is read, bytes.
const MOST: u64 = 256 * 1024;

/// Who a box is in its fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoxIdentity {
    /// What the fleet gave it.
    pub issued: Issued,
    /// Begin of its certificate.
    pub from: Timestamp,
    /// Whom it trusts now; it may have followed other documents since.
    pub trust: TrustDocument,
}

impl BoxIdentity {
    /// From an answer that was checked; `anchors`: what the box trusts after it.
    ///
    /// # Errors
    /// The certificate cannot be read.
    pub fn new(issued: Issued, anchors: &Anchors) -> Result<Self, EnrolmentError> {
        let chain = issued.certificates()?;
        let broken = EnrolmentError::OtherCertificate("its times cannot be read");
        let epoch = Asn1Time::from_unix(0).map_err(|_| broken.clone())?;
        let age = epoch.diff(chain[0].not_before()).map_err(|_| broken.clone())?;
        let from =
            Timestamp::from_second(i64::from(age.days) * 86_400 + i64::from(age.secs)).map_err(|_| broken.clone())?;
        let trust = document(anchors)?;
        Ok(Self { issued, from, trust })
    }

    /// The same, trusting these roots.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn believing(self, anchors: &Anchors) -> Result<Self, EnrolmentError> {
        let trust = document(anchors)?;
        Ok(Self { trust, ..self })
    }

    /// When another certificate is due: at two thirds of its life, and up to a thirtieth later by `share` (0 to 1, of this box
    /// alone), so that boxes that were enrolled together do not come back together.
    #[must_use]
    pub fn renewal(&self, share: f64) -> Timestamp {
        let life = self.issued.expires.duration_since(self.from);
        let after =
            SignedDuration::from_secs_f64(life.as_secs_f64().max(0.0) * (2.0 / 3.0 + share.clamp(0.0, 1.0) / 30.0));
        self.from.checked_add(after).unwrap_or(self.issued.expires)
    }

    /// True when its certificate is over: only the maker's key helps then.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.issued.expires <= now
    }

    /// What it takes signed documents by.
    ///
    /// # Errors
    /// What was kept cannot be read.
    pub fn trusted(&self) -> Result<TrustedDocuments, EnrolmentError> {
        let unreadable = |_| EnrolmentError::OtherCertificate("what it trusts cannot be read");
        let (roots, _) = self
            .trust
            .certificates()
            .map_err(|_| EnrolmentError::OtherCertificate("what it trusts cannot be read"))?;
        Ok(TrustedDocuments {
            anchors: Anchors::new(roots).map_err(unreadable)?,
            tenant: self.issued.tenant.clone(),
            device: self.issued.device.clone(),
            site: self.issued.site.clone(),
        })
    }

    /// What was kept; none: the box was never enrolled.
    ///
    /// # Errors
    /// What the system says; `InvalidData`: the file is not what was written.
    pub fn load(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
            Ok(metadata) if metadata.len() > MOST => return Err(io::ErrorKind::InvalidData.into()),
            Ok(_) => {}
        }
        let read = serde_json::from_slice(&fs::read(path)?);
        read.map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Keeps it, all or nothing.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        write_private(path, &serde_json::to_vec_pretty(self)?)
    }
}

fn document(anchors: &Anchors) -> Result<TrustDocument, EnrolmentError> {
    TrustDocument::new(anchors.roots(), &[])
        .map_err(|_| EnrolmentError::OtherCertificate("what it trusts cannot be written"))
}
