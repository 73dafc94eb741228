//! Certificate authorities of the bench, and what they issue: a day before and a day after now.

use fleet::contract::Tenant;
use fleet::link::Identity;
use fleet::trust::{Authority as Issuer, Validity, new_key};
use jiff::{SignedDuration, Timestamp};
use openssl::x509::X509Ref;

use crate::Error;
use crate::broker::etat;

/// An authority.
pub struct Authority(Issuer);

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

    /// A certificate for a client.
    ///
    /// # Errors
    /// OpenSSL's, or that is no organisation.
    pub fn client(&self, common: &str, organisation: &str) -> Result<Identity, Error> {
        let key = new_key()?;
        let certificate = self
            .0
            .user(&key, &Tenant::try_from(organisation)?, common, days((-1, 1))?)?;
        Ok(Identity {
            chain: vec![certificate],
            key,
        })
    }

    /// A certificate for a server, valid for these days from now.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn server(&self, host: &str, from_until: (i64, i64)) -> Result<Identity, Error> {
        let key = new_key()?;
        let certificate = self.0.server(&key, &[host, "127.0.0.1"], days(from_until)?)?;
        Ok(Identity {
            chain: vec![certificate],
            key,
        })
    }
}
