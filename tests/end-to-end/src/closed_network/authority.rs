//! A private certificate authority.

use std::net::IpAddr;
use std::path::PathBuf;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};

/// An authority that nobody knows but who is told, with its files in a folder of its own.
pub struct Authority {
    folder: tempfile::TempDir,
    key: PKey<Private>,
    certificate: X509,
}

/// Files of a server's certificate.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Certificate, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM (PKCS #8).
    pub key: PathBuf,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// No folder, or what OpenSSL says.
    pub fn new() -> std::io::Result<Self> {
        let key = new_key()?;
        let mut builder = begin("A private authority", &key)?;
        builder.set_issuer_name(name("A private authority")?.as_ref())?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let certificate = builder.build();
        let folder = tempfile::TempDir::with_prefix("authority")?;
        std::fs::write(folder.path().join("ca.pem"), certificate.to_pem()?)?;
        Ok(Self {
            folder,
            key,
            certificate,
        })
    }

    /// The file a box is given.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for this address.
    ///
    /// # Errors
    /// What OpenSSL or the file system says.
    pub fn identity(&self, address: IpAddr) -> std::io::Result<Identity> {
        let key = new_key()?;
        let mut builder = begin("A server", &key)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        let names = SubjectAlternativeName::new()
            .ip(&address.to_string())
            .build(&builder.x509v3_context(Some(&self.certificate), None))?;
        builder.append_extension(names)?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        let path = |name: &str| self.folder.path().join(format!("{address}.{name}").replace(':', "-"));
        let identity = Identity {
            certificate: path("certificate.pem"),
            key: path("key.pem"),
        };
        std::fs::write(&identity.certificate, builder.build().to_pem()?)?;
        std::fs::write(&identity.key, key.private_key_to_pem_pkcs8()?)?;
        Ok(identity)
    }
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn name(common: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509NameBuilder::new()?;
    builder.append_entry_by_nid(Nid::COMMONNAME, common)?;
    Ok(builder.build())
}

fn begin(common: &str, key: &PKey<Private>) -> Result<X509Builder, ErrorStack> {
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(64, MsbOption::ONE, false)?;
    builder.set_serial_number(serial.to_asn1_integer()?.as_ref())?;
    builder.set_subject_name(name(common)?.as_ref())?;
    builder.set_pubkey(key)?;
    builder.set_not_before(Asn1Time::days_from_now(0)?.as_ref())?;
    builder.set_not_after(Asn1Time::days_from_now(2)?.as_ref())?;
    Ok(builder)
}
