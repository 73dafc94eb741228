//! What an organisation has: roots, an administrator who may sign, certificates for boxes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::User;
use enrolment::folder::Folder;
use fleet::contract::{Grant, Signer, Site, Tenant};
use fleet::link::Limits;
use fleet::trust::{Anchors, Authority, Validity, new_key};
use jiff::Timestamp;
use openssl::x509::X509Ref;
use roomctl::author::Author;
use roomctl::console::Console;
use roomctl::init::{Plan, Ports, init};
use roomctl::secrets::Marks;
use tempfile::TempDir;

use crate::Error;
use crate::broker::{Broker, Door, free_ports, own_user};

/// An organisation on the bench.
pub struct Office {
    /// Its name.
    pub tenant: Tenant,
    _files: Option<TempDir>,
    /// What `roomctl init` makes.
    pub folder: Folder,
    /// As it was told.
    pub plan: Plan,
    root: Authority,
    /// Where its boxes stand.
    pub site: Site,
}

impl Office {
    /// Of this tenant, with a root of its own.
    ///
    /// # Errors
    /// What `roomctl init` says.
    pub fn new(tenant: &Tenant) -> Result<Self, Error> {
        let files = tempfile::tempdir()?;
        let office = Self::in_folder(tenant, &files.path().join("office"))?;
        Ok(Self {
            _files: Some(files),
            ..office
        })
    }

    /// The same in a folder that stays.
    ///
    /// # Errors
    /// As [`Office::new`].
    pub fn in_folder(tenant: &Tenant, folder: &Path) -> Result<Self, Error> {
        let [boxes, claims, staff] = free_ports()?;
        let plan = Plan {
            tenant: tenant.clone(),
            folder: folder.to_owned(),
            host: "localhost".into(),
            also: vec!["127.0.0.1".into()],
            ports: Ports { boxes, claims, staff },
            listen: Some("127.0.0.1".into()),
            broker_user: Some(own_user()?),
            name: "alice".into(),
        };
        init(&plan, Timestamp::now())?;
        let folder = Folder::new(folder);
        Ok(Self {
            tenant: tenant.clone(),
            root: folder.authority("root")?,
            folder,
            plan,
            _files: None,
            site: Site::try_from("lyon")?,
        })
    }

    /// Whom boxes have to believe.
    #[must_use]
    pub fn root(&self) -> &X509Ref {
        self.root.certificate()
    }

    /// Somebody who may sign what these grants say, as `hemicycle://etat/*/*`.
    ///
    /// # Errors
    /// OpenSSL's, or that is no grant.
    pub fn author(&self, name: &str, grants: &[&str]) -> Result<Author, Error> {
        let key = new_key()?;
        let grants: Vec<Grant> = grants.iter().map(|grant| grant.parse()).collect::<Result<_, _>>()?;
        let certificate = self
            .root
            .signer(name, &key, &grants, Validity::days(Timestamp::now(), 30))?;
        Ok(Author::new(name, Some(Signer::new(Arc::new(key), &[certificate])?)))
    }

    /// An administrator who may sign everything.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn administrator(&self, name: &str) -> Result<Author, Error> {
        self.author(name, &[&format!("hemicycle://{}/*/*", self.tenant)])
    }

    /// Its roots.
    ///
    /// # Errors
    /// None that the root does not have.
    pub fn anchors(&self) -> Result<Anchors, Error> {
        Ok(Anchors::new(vec![self.root.certificate().to_owned()])?)
    }

    /// A user of the broker who may do what administrators may.
    ///
    /// # Errors
    /// That is no name.
    pub fn user(&self, name: &str) -> Result<User, Error> {
        Ok(User::Administrator {
            tenant: self.tenant.clone(),
            name: name.try_into()?,
        })
    }

    /// What that user has at hand: `roomctl.toml` and what it names, in a folder.
    ///
    /// # Errors
    /// OpenSSL's; files.
    pub fn write(&self, broker: &Broker, name: &str, folder: &Path) -> Result<PathBuf, Error> {
        let at = |file: &str| folder.join(file);
        let identity = broker
            .authority(Door::Staff)
            .client_credentials(name, self.tenant.as_str())?;
        let key = new_key()?;
        let grants = [Grant::everything(self.tenant.clone())];
        let signer = self
            .root
            .signer(name, &key, &grants, Validity::days(Timestamp::now(), 30))?;
        for (file, text) in [
            ("servers.pem", broker.servers().certificate().to_pem()?),
            ("own.pem", identity.chain.first().ok_or("no certificate")?.to_pem()?),
            ("own.key", identity.key.private_key_to_pem_pkcs8()?),
            ("roots.pem", self.root.certificate().to_pem()?),
            ("signer.pem", signer.to_pem()?),
            ("signer.key", key.private_key_to_pem_pkcs8()?),
            ("boxes.pem", broker.authority(Door::Boxes).certificate().to_pem()?),
            ("marks.secret", Marks::new()?.to_text().into_bytes()),
        ] {
            fs::write(at(file), text)?;
        }
        let text = format!(
            "tenant = \"{}\"\nname = \"{name}\"\nbroker = \"localhost:{}\"\nbroker_authority = \"servers.pem\"\n\
             certificate = \"own.pem\"\nkey = \"own.key\"\nroots = \"roots.pem\"\nsigner = \"signer.pem\"\n\
             signer_key = \"signer.key\"\nboxes = \"boxes.pem\"\nmarks = \"marks.secret\"\n",
            self.tenant,
            broker.port(Door::Staff)
        );
        fs::write(at("roomctl.toml"), text)?;
        Ok(at("roomctl.toml"))
    }

    /// A console of that user.
    ///
    /// # Errors
    /// The broker does not let it in.
    pub async fn console(&self, broker: &Broker, name: &str) -> Result<Console, Error> {
        let identity = broker.authority(Door::Staff).client(name, self.tenant.as_str())?;
        let target = broker.target(Door::Staff, &identity, Limits::default())?;
        Ok(Console::open(target, &self.tenant).await?)
    }
}
