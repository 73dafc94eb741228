//! Certificate authorities of the bench, and what they issue: P-256, a day.

use std::net::{IpAddr, Ipv4Addr};

use fleet::link::Identity;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};

use crate::Error;

/// An authority.
pub struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

fn key() -> Result<PKey<Private>, Error> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    Ok(PKey::from_ec_key(EcKey::generate(&group)?)?)
}

fn name(common: &str, organisation: &str) -> Result<X509Name, Error> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::ORGANIZATIONNAME, organisation)?;
    name.append_entry_by_nid(Nid::COMMONNAME, common)?;
    Ok(name.build())
}

fn certificate(subject: &X509Name, key: &PKey<Private>, days: (i64, i64)) -> Result<X509Builder, Error> {
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let serial = serial.to_asn1_integer()?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(subject)?;
    builder.set_pubkey(key)?;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs();
    let moment = |day: i64| Asn1Time::from_unix(i64::try_from(now).unwrap_or(0) + day * 86_400);
    let (begin, end) = (moment(days.0)?, moment(days.1)?);
    builder.set_not_before(&begin)?;
    builder.set_not_after(&end)?;
    Ok(builder)
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn new(common: &str) -> Result<Self, Error> {
        let key = key()?;
        let subject = name(common, "Hemicycle bench")?;
        let mut builder = certificate(&subject, &key, (-1, 1))?;
        builder.set_issuer_name(&subject)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self {
            certificate: builder.build(),
            key,
        })
    }

    /// What whoever believes it must know.
    #[must_use]
    pub fn certificate(&self) -> &X509 {
        &self.certificate
    }

    /// A certificate for a client.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn client(&self, common: &str, organisation: &str) -> Result<Identity, Error> {
        let key = key()?;
        let mut builder = certificate(&name(common, organisation)?, &key, (-1, 1))?;
        builder.append_extension(ExtendedKeyUsage::new().client_auth().build()?)?;
        self.issue(builder, key)
    }

    /// A certificate for a server, valid for these days from now.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn server(&self, host: &str, days: (i64, i64)) -> Result<Identity, Error> {
        let key = key()?;
        let mut builder = certificate(&name(host, "Hemicycle bench")?, &key, days)?;
        builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        let mut names = SubjectAlternativeName::new();
        names.dns(host).ip(&IpAddr::V4(Ipv4Addr::LOCALHOST).to_string());
        let names = names.build(&builder.x509v3_context(Some(&self.certificate), None))?;
        builder.append_extension(names)?;
        self.issue(builder, key)
    }

    fn issue(&self, mut builder: X509Builder, key: PKey<Private>) -> Result<Identity, Error> {
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(Identity {
            chain: vec![builder.build()],
            key,
        })
    }
}
