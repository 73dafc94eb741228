//! Certificate authorities of the bench, and what they issue: a day before and a day after now.

use std::sync::Arc;

use fleet::contract::Tenant;
use fleet::link::Identity;
use fleet::trust::{Authority as Issuer, Validity, new_key};
use jiff::{SignedDuration, Timestamp};
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Ref};

use crate::Error;
use crate::broker::etat;

/// An authority.
pub struct Authority(Issuer);

/// A certificate with its key, as files hold them.
pub struct Credentials {
    /// The certificate, alone.
    pub chain: Vec<X509>,
    /// Its key.
    pub key: PKey<Private>,
}

impl From<Credentials> for Identity {
    fn from(credentials: Credentials) -> Self {
        Self {
            chain: credentials.chain,
            key: Arc::new(credentials.key),
        }
    }
}

fn days((from, until): (i64, i64)) -> Result<Validity, Error> {
    let day = |number: i64| Timestamp::now().checked_add(SignedDuration::from_hours(24 * number));
    Ok(Validity {
        from: day(from)?,
        until: day(until)?,
    })
}

impl From<Issuer> for Authority {
    fn from(issuer: Issuer) -> Self {
        Self(issuer)
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn new(common: &str) -> Result<Self, Error> {
        Ok(Self(Issuer::root(common, &etat()?, days((-1, 1))?)?))
    }

    /// What whoever believes it must know.
    #[must_use]
    pub fn certificate(&self) -> &X509Ref {
        self.0.certificate()
    }

    /// A certificate for a client, to connect with.
    ///
    /// # Errors
    /// OpenSSL's, or that is no organisation.
    pub fn client(&self, common: &str, organisation: &str) -> Result<Identity, Error> {
        self.client_credentials(common, organisation).map(Identity::from)
    }

    /// A certificate for a client, to be written somewhere.
    ///
    /// # Errors
    /// OpenSSL's, or that is no organisation.
    pub fn client_credentials(&self, common: &str, organisation: &str) -> Result<Credentials, Error> {
        let key = new_key()?;
        let certificate = self
            .0
            .user(&key, &Tenant::try_from(organisation)?, common, days((-1, 1))?)?;
        Ok(Credentials {
            chain: vec![certificate],
            key,
        })
    }

    /// A certificate for a server, valid for these days from now.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn server(&self, host: &str, from_until: (i64, i64)) -> Result<Credentials, Error> {
        let key = new_key()?;
        let certificate = self.0.server(&key, &[host, "127.0.0.1"], days(from_until)?)?;
        Ok(Credentials {
            chain: vec![certificate],
            key,
        })
    }
}
