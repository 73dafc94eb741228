//! What an administrator has at hand: `roomctl.toml`, written by `roomctl init`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleet::contract::{Signer, Tenant, TrustDocument};
use fleet::link::{Endpoint, Identity, Limits, Target, Trust, context};
use fleet::trust::Anchors;
use openssl::pkey::PKey;
use openssl::x509::X509;
use serde::Deserialize;

use crate::author::Author;
use crate::console::{Console, ConsoleError};
use crate::secrets::{Marks, Sealing};

/// The file. Paths in it begin where it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tenant: Tenant,
    name: String,
    broker: String,
    enrolment: Option<String>,
    broker_authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    roots: PathBuf,
    signer: Option<PathBuf>,
    signer_key: Option<PathBuf>,
    boxes: Option<PathBuf>,
    marks: Option<PathBuf>,
    trust: Option<PathBuf>,
}

/// An administrator's office.
pub struct Office {
    folder: PathBuf,
    file: File,
}

/// Why it cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// A file is not there or cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// It says something else than it should.
    #[error("{0}: {1}")]
    Content(PathBuf, String),
}

impl Office {
    /// Reads `roomctl.toml`.
    ///
    /// # Errors
    /// [`OfficeError`].
    pub fn open(path: &Path) -> Result<Self, OfficeError> {
        let text = fs::read_to_string(path).map_err(|error| OfficeError::File(path.into(), error))?;
        let file = toml::from_str(&text).map_err(|error| OfficeError::Content(path.into(), error.to_string()))?;
        Ok(Self {
            folder: path.parent().unwrap_or(Path::new("")).into(),
            file,
        })
    }

    /// Whose boxes these are.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.file.tenant
    }

    /// `HOST:PORT` where boxes that nobody knows yet are heard.
    #[must_use]
    pub fn enrolment(&self) -> Option<&str> {
        self.file.enrolment.as_deref()
    }

    fn read<T>(&self, path: &Path, parse: impl FnOnce(&[u8]) -> Option<T>, what: &str) -> Result<T, OfficeError> {
        let path = self.folder.join(path);
        let text = fs::read(&path).map_err(|error| OfficeError::File(path.clone(), error))?;
        parse(&text).ok_or_else(|| OfficeError::Content(path, format!("no {what}")))
    }

    fn certificates(&self, path: &Path) -> Result<Vec<X509>, OfficeError> {
        let stack = |text: &[u8]| X509::stack_from_pem(text).ok().filter(|all| !all.is_empty());
        self.read(path, stack, "certificates in PEM")
    }

    /// Roots of signers.
    ///
    /// # Errors
    /// [`OfficeError`].
    pub fn anchors(&self) -> Result<Anchors, OfficeError> {
        self.read(
            &self.file.roots,
            |text| Anchors::from_pem(text).ok(),
            "roots of signers",
        )
    }

    /// What boxes shall trust, once one root has followed another; before that they have what they were delivered with.
    ///
    /// # Errors
    /// [`OfficeError`].
    pub fn trust(&self) -> Result<Option<TrustDocument>, OfficeError> {
        let Some(path) = &self.file.trust else { return Ok(None) };
        let read = |text: &[u8]| serde_json::from_slice::<TrustDocument>(text).ok();
        let document = self.read(path, read, "roots of boxes")?;
        Ok(Some(document).filter(|document| !document.crossed.is_empty()))
    }

    /// Where this is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        if self.folder == Path::new("") {
            Path::new(".")
        } else {
            &self.folder
        }
    }

    /// With what secrets are sealed; none: this office cannot.
    ///
    /// # Errors
    /// [`OfficeError`].
    pub fn sealing(&self) -> Result<Option<Sealing>, OfficeError> {
        let (Some(boxes), Some(marks)) = (&self.file.boxes, &self.file.marks) else {
            return Ok(None);
        };
        let certifiers = self.read(boxes, |text| Anchors::from_pem(text).ok(), "authority of boxes")?;
        let marks = self.read(marks, Marks::parse, "32 bytes in hexadecimal")?;
        Ok(Some(Sealing { certifiers, marks }))
    }

    /// Whoever works here, with the key where there is one.
    ///
    /// # Errors
    /// [`OfficeError`].
    pub fn author(&self) -> Result<Author, OfficeError> {
        let signer = match (&self.file.signer, &self.file.signer_key) {
            (Some(chain), Some(key)) => {
                let path = self.folder.join(key);
                let key = self.read(key, |text| PKey::private_key_from_pem(text).ok(), "private key")?;
                let signer = Signer::new(Arc::new(key), &self.certificates(chain)?);
                Some(signer.map_err(|error| OfficeError::Content(path, error.to_string()))?)
            }
            _ => None,
        };
        Ok(Author::new(self.file.name.clone(), signer))
    }

    /// The broker, with our certificate.
    ///
    /// # Errors
    /// [`OfficeError`].
    pub fn target(&self) -> Result<Target, OfficeError> {
        self.target_under(self.certificates(&self.file.broker_authority)?)
    }

    /// The same, taking a broker under these roots alone.
    ///
    /// # Errors
    /// [`OfficeError`].
    pub fn target_under(&self, authorities: Vec<X509>) -> Result<Target, OfficeError> {
        let wrong = |message: String| OfficeError::Content(self.folder.join("roomctl.toml"), message);
        let (host, port) = self
            .file
            .broker
            .rsplit_once(':')
            .ok_or_else(|| wrong("broker is HOST:PORT".into()))?;
        let identity = Identity {
            chain: self.certificates(&self.file.certificate)?,
            key: Arc::new(self.read(
                &self.file.key,
                |text| PKey::private_key_from_pem(text).ok(),
                "private key",
            )?),
        };
        let trust = Trust {
            authorities,
            clock_is_set: true,
        };
        Ok(Target {
            endpoint: Endpoint {
                host: host.into(),
                port: port.parse().map_err(|_| wrong("broker is HOST:PORT".into()))?,
            },
            tls: context(&identity, &trust).map_err(|error| wrong(error.to_string()))?,
            limits: Limits::default(),
        })
    }

    /// A console at that broker.
    ///
    /// # Errors
    /// [`ConsoleError`].
    pub async fn console(&self, target: Target) -> Result<Console, ConsoleError> {
        Console::open(target, &self.file.tenant).await
    }
}
