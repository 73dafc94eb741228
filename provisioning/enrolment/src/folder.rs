//! The folder with everything that certifies and signs in a fleet: `roomctl init` makes it, the service reads its part.
//!
//! | file | who needs it |
//! |---|---|
//! | `root.key` | nobody, until a signer or a root is to be made: it belongs into a safe |
//! | `root.pem`, `trust.json` | every box: whom it trusts |
//! | `next-root.key`, `next-root.pem` | as `root.key`, while one root follows another |
//! | `retired-root.key` | nobody: it is to be destroyed |
//! | `boxes.key`, `boxes.pem` | the service: it certifies boxes. The broker: the certificate |
//! | `makers.pem` | the service, and the broker's listener for boxes that nobody knows: the makers of boxes |
//! | `maker.key`, `maker.pem` | whoever assembles boxes |
//! | `people.key`, `people.pem` | whoever lets people and programs connect. The broker: the certificate |
//! | `broker.key`, `broker.pem` | the broker |
//! | `signers/NAME.key`, `.pem` | whoever signs what boxes obey: `operations`, `enrolment` |
//! | `people/NAME.key`, `.pem` | whoever connects: `administrator`, `enrolment` |

mod rotation;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleet::contract::{Grant, Serial, SignatureError, Signer, Tenant, TrustDocument};
use fleet::trust::{AnchorError, Anchors, Authority, Validity, new_key, write_private};
use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, PKeyRef, Private};
use openssl::x509::{X509, X509Ref};

/// What a root, and what hangs on it, lasts, days.
const ROOT_DAYS: i64 = 3_650;
/// Signers, brokers, people.
const DAYS: i64 = 730;

/// What is wrong with the folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// There is a fleet already; nothing was touched.
    #[error("{0} is there already: nothing was touched")]
    Exists(PathBuf),
    /// A file is not what it should be.
    #[error("{path}: {message}")]
    Broken {
        /// Which.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// The cryptographic library cannot.
    #[error("cryptography: {0}")]
    Library(#[from] ErrorStack),
}

/// A folder.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Of that name.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// A file in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes everything for a new fleet. `hosts`: names and addresses of the broker.
    ///
    /// # Errors
    /// [`FolderError::Exists`] when there is one; others when it cannot be written.
    pub fn create(&self, tenant: &Tenant, hosts: &[&str], now: Timestamp) -> Result<(), FolderError> {
        let root_path = self.path("root.pem");
        if root_path.exists() || self.path("root.key").exists() {
            return Err(FolderError::Exists(root_path));
        }
        for folder in ["", "signers", "people"] {
            use std::os::unix::fs::DirBuilderExt;
            let path = self.path(folder);
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.map_err(|error| FolderError::Io { path, error })?;
        }
        let long = Validity::days(now, ROOT_DAYS);
        let short = Validity::days(now, DAYS);
        let root = Authority::root(&format!("{tenant} fleet root"), tenant, long)?;
        self.keep("root", root.key(), &[root.certificate()])?;
        let trust = TrustDocument::new(&[root.certificate().to_owned()], &[])?;
        let trust = serde_json::to_vec_pretty(&trust).unwrap_or_default();
        self.write("trust.json", &trust)?;

        let boxes = Authority::clients(&format!("{tenant} boxes"), tenant, long)?;
        self.keep("boxes", boxes.key(), &[boxes.certificate()])?;
        let people = Authority::clients(&format!("{tenant} people"), tenant, long)?;
        self.keep("people", people.key(), &[people.certificate()])?;
        let maker = Authority::maker(&format!("{tenant} workshop"), now)?;
        self.keep("maker", maker.key(), &[maker.certificate()])?;
        self.write("makers.pem", &maker.certificate().to_pem()?)?;

        let key = new_key()?;
        let broker = root.server(&key, hosts, short)?;
        self.keep("broker", &key, &[&broker])?;
        for name in ["administrator", "enrolment"] {
            let key = new_key()?;
            let certificate = people.user(&key, tenant, name, short)?;
            self.keep(&format!("people/{name}"), &key, &[&certificate])?;
        }
        let everywhere = |verb: &str| format!("hemicycle://{tenant}/*/{verb}").parse::<Grant>().ok();
        let operations = ["configure", "update", "notice", "command:*"];
        self.signer(&root, "operations", &operations.map(everywhere), short)?;
        self.signer(&root, "enrolment", &[everywhere("enrol")], short)
    }

    fn signer(
        &self,
        root: &Authority,
        name: &str,
        grants: &[Option<Grant>],
        validity: Validity,
    ) -> Result<(), FolderError> {
        let grants: Vec<Grant> = grants.iter().flatten().cloned().collect();
        let key = new_key()?;
        let certificate = root.signer(name, &key, &grants, validity)?;
        self.keep(&format!("signers/{name}"), &key, &[&certificate])
    }

    /// Another signer, with these grants.
    ///
    /// # Errors
    /// The root's key is not here, or the signer is already.
    pub fn add_signer(&self, name: &str, grants: &[Grant], now: Timestamp) -> Result<(), FolderError> {
        let path = self.path(&format!("signers/{name}.key"));
        if path.exists() {
            return Err(FolderError::Exists(path));
        }
        let root = self.authority("root")?;
        let grants: Vec<Option<Grant>> = grants.iter().cloned().map(Some).collect();
        self.signer(&root, name, &grants, Validity::days(now, DAYS))
    }

    /// What a box is delivered with, into a folder of its own: the maker's key and certificate, and whom it trusts. Whoever
    /// assembles boxes does that once for each; the key is born where this runs.
    ///
    /// # Errors
    /// The maker's key is not here, or the folder has a box's key already.
    pub fn deliver(&self, serial: &Serial, to: &Folder, now: Timestamp) -> Result<(), FolderError> {
        let path = to.path("maker.key");
        if path.exists() {
            return Err(FolderError::Exists(path));
        }
        let folder = to.0.clone();
        fs::create_dir_all(&folder).map_err(|error| FolderError::Io { path: folder, error })?;
        let maker = self.authority("maker")?;
        let key = new_key()?;
        let certificate = maker.made(&key, serial, now)?;
        to.keep("maker", &key, &[&certificate])?;
        to.write("root.pem", &self.read("root.pem")?)
    }

    fn keep(&self, name: &str, key: &PKeyRef<Private>, chain: &[&X509Ref]) -> Result<(), FolderError> {
        let pem: Result<Vec<Vec<u8>>, ErrorStack> = chain.iter().map(|certificate| certificate.to_pem()).collect();
        self.write(&format!("{name}.key"), &key.private_key_to_pem_pkcs8()?)?;
        self.write(&format!("{name}.pem"), &pem?.concat())
    }

    /// Writes a file that only the owner can read.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        let path = self.path(name);
        write_private(&path, content).map_err(|error| FolderError::Io { path, error })
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, FolderError> {
        let path = self.path(name);
        fs::read(&path).map_err(|error| FolderError::Io { path, error })
    }

    fn broken(&self, name: &str, message: impl ToString) -> FolderError {
        FolderError::Broken {
            path: self.path(name),
            message: message.to_string(),
        }
    }

    /// An authority: `root`, `boxes`, `people`, `maker`.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn authority(&self, name: &str) -> Result<Authority, FolderError> {
        let (key, certificate) = (self.read(&format!("{name}.key"))?, self.read(&format!("{name}.pem"))?);
        Authority::from_pem(&key, &certificate).map_err(|error| self.broken(&format!("{name}.pem"), error))
    }

    /// A signer.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn signing(&self, name: &str) -> Result<Signer, FolderError> {
        let (key, chain) = self.identity(&format!("signers/{name}"))?;
        let broken = |error: SignatureError| self.broken(&format!("signers/{name}.pem"), error);
        Signer::new(Arc::new(key), &chain).map_err(broken)
    }

    /// A key with its certificates: `people/administrator`, `broker`.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn identity(&self, name: &str) -> Result<(PKey<Private>, Vec<X509>), FolderError> {
        let file = |ending: &str| format!("{name}.{ending}");
        let key = PKey::private_key_from_pem(&self.read(&file("key"))?);
        let chain = X509::stack_from_pem(&self.read(&file("pem"))?);
        Ok((
            key.map_err(|error| self.broken(&file("key"), error))?,
            chain.map_err(|error| self.broken(&file("pem"), error))?,
        ))
    }

    /// Roots: `root.pem`, `makers.pem`.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn anchors(&self, name: &str) -> Result<Anchors, FolderError> {
        Anchors::from_pem(&self.read(name)?).map_err(|error: AnchorError| self.broken(name, error))
    }

    /// What boxes shall trust.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn trust(&self) -> Result<TrustDocument, FolderError> {
        let read = serde_json::from_slice(&self.read("trust.json")?);
        read.map_err(|error| self.broken("trust.json", error))
    }
}
