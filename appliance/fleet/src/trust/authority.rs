//! Whoever issues certificates: for signers, boxes, brokers, and for another authority.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKey, PKeyRef, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder, X509Ref};

use super::anchors::subject;
use crate::contract::{DeviceId, Grant, Serial, Site, Tenant};

/// From when until when a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// First moment.
    pub from: Timestamp,
    /// Last moment.
    pub until: Timestamp,
}

impl Validity {
    /// So many days from a moment on, and the hour before it, for clocks that are behind.
    #[must_use]
    pub fn days(now: Timestamp, days: i64) -> Self {
        let after = |hours: i64| now.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(now);
        Self {
            from: after(-1),
            until: after(24 * days),
        }
    }

    /// Without an end: until the last days of 9999 (RFC 5280 §4.1.2.5).
    #[must_use]
    pub fn endless(now: Timestamp) -> Self {
        Self {
            until: Timestamp::MAX,
            ..Self::days(now, 0)
        }
    }
}

/// A new P-256 key.
///
/// # Errors
/// The cryptographic library cannot.
pub fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

/// A key with a certificate that may issue others.
pub struct Authority {
    key: PKey<Private>,
    certificate: X509,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authority")
            .field(&subject(&self.certificate, Nid::COMMONNAME))
            .finish()
    }
}

/// What a certificate says.
struct Template<'a> {
    name: X509Name,
    validity: Validity,
    /// Certificates that it may have below it; none: it is no authority.
    below: Option<u32>,
    uses: &'a [Use],
    grants: &'a [Grant],
    hosts: &'a [&'a str],
}

/// What a certificate may be used for in TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Client,
    Server,
}

impl Authority {
    /// A root of a tenant, which is its own issuer and may grant everything.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn root(name: &str, tenant: &Tenant, validity: Validity) -> Result<Self, ErrorStack> {
        let grants = [Grant::everything(tenant.clone())];
        Self::of_its_own(&Template {
            name: named(&[(Nid::ORGANIZATIONNAME, tenant.as_str()), (Nid::COMMONNAME, name)])?,
            validity,
            below: Some(u32::MAX),
            uses: &[],
            grants: &grants,
            hosts: &[],
        })
    }

    fn of_its_own(template: &Template<'_>) -> Result<Self, ErrorStack> {
        let key = new_key()?;
        let certificate = issue(&key, None, &key, template)?;
        Ok(Self { key, certificate })
    }

    /// From what was kept.
    ///
    /// # Errors
    /// It cannot be read, or the key is not that of the certificate.
    pub fn from_pem(key: &[u8], certificate: &[u8]) -> Result<Self, ErrorStack> {
        let key = PKey::private_key_from_pem(key)?;
        let certificate = X509::from_pem(certificate)?;
        if certificate.public_key()?.public_eq(&key) {
            Ok(Self { key, certificate })
        } else {
            Err(ErrorStack::get())
        }
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &X509Ref {
        &self.certificate
    }

    /// Its key, to be kept: whoever has it is the authority.
    #[must_use]
    pub fn key(&self) -> &PKeyRef<Private> {
        &self.key
    }

    /// An authority of its own for those who connect to one listener of the broker. It can grant nothing.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn clients(name: &str, tenant: &Tenant, validity: Validity) -> Result<Self, ErrorStack> {
        Self::of_its_own(&Template {
            name: named(&[(Nid::ORGANIZATIONNAME, tenant.as_str()), (Nid::COMMONNAME, name)])?,
            validity,
            below: Some(0),
            uses: &[Use::Client],
            grants: &[],
            hosts: &[],
        })
    }

    /// The maker of boxes, who gives each a key with a certificate that never ends (IEEE 802.1AR §8.2).
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn maker(name: &str, now: Timestamp) -> Result<Self, ErrorStack> {
        Self::of_its_own(&Template {
            name: named(&[(Nid::COMMONNAME, name)])?,
            validity: Validity::endless(now),
            below: Some(0),
            uses: &[Use::Client],
            grants: &[],
            hosts: &[],
        })
    }

    /// A box as its maker delivers it: CN is its serial number.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn made<T: HasPublic>(&self, key: &PKeyRef<T>, serial: &Serial, now: Timestamp) -> Result<X509, ErrorStack> {
        self.client(
            key,
            named(&[(Nid::COMMONNAME, serial.as_str())])?,
            Validity::endless(now),
        )
    }

    /// An authority under this one that hands out these grants to others.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn delegate(&self, name: &str, grants: &[Grant], validity: Validity) -> Result<Self, ErrorStack> {
        let key = new_key()?;
        let certificate = self.issue(
            &key,
            &Template {
                name: named(&[(Nid::COMMONNAME, name)])?,
                validity,
                below: Some(0),
                uses: &[],
                grants,
                hosts: &[],
            },
        )?;
        Ok(Self { key, certificate })
    }

    /// Another root, signed by this one: whoever trusts this one can trust the other (RFC 4210 §4.4).
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn cross_sign(&self, root: &X509Ref, tenant: &Tenant, validity: Validity) -> Result<X509, ErrorStack> {
        let grants = [Grant::everything(tenant.clone())];
        self.issue(
            &*root.public_key()?,
            &Template {
                name: root.subject_name().to_owned()?,
                validity,
                below: Some(u32::MAX),
                uses: &[],
                grants: &grants,
                hosts: &[],
            },
        )
    }

    /// A signer of documents.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn signer<T: HasPublic>(
        &self,
        name: &str,
        key: &PKeyRef<T>,
        grants: &[Grant],
        validity: Validity,
    ) -> Result<X509, ErrorStack> {
        self.issue(
            key,
            &Template {
                name: named(&[(Nid::COMMONNAME, name)])?,
                validity,
                below: None,
                uses: &[],
                grants,
                hosts: &[],
            },
        )
    }

    /// A box: CN is its device id, O its tenant, OU its site.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn device<T: HasPublic>(
        &self,
        key: &PKeyRef<T>,
        tenant: &Tenant,
        site: &Site,
        device: &DeviceId,
        validity: Validity,
    ) -> Result<X509, ErrorStack> {
        let name = named(&[
            (Nid::ORGANIZATIONNAME, tenant.as_str()),
            (Nid::ORGANIZATIONALUNITNAME, site.as_str()),
            (Nid::COMMONNAME, device.as_str()),
        ])?;
        self.client(key, name, validity)
    }

    /// Somebody else who connects to the broker: an administrator, a service.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn user<T: HasPublic>(
        &self,
        key: &PKeyRef<T>,
        tenant: &Tenant,
        name: &str,
        validity: Validity,
    ) -> Result<X509, ErrorStack> {
        let name = named(&[(Nid::ORGANIZATIONNAME, tenant.as_str()), (Nid::COMMONNAME, name)])?;
        self.client(key, name, validity)
    }

    fn client<T: HasPublic>(&self, key: &PKeyRef<T>, name: X509Name, validity: Validity) -> Result<X509, ErrorStack> {
        self.issue(
            key,
            &Template {
                name,
                validity,
                below: None,
                uses: &[Use::Client],
                grants: &[],
                hosts: &[],
            },
        )
    }

    /// A broker. `hosts`: names or addresses.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn server<T: HasPublic>(
        &self,
        key: &PKeyRef<T>,
        hosts: &[&str],
        validity: Validity,
    ) -> Result<X509, ErrorStack> {
        self.issue(
            key,
            &Template {
                name: named(&[(Nid::COMMONNAME, hosts.first().copied().unwrap_or("broker"))])?,
                validity,
                below: None,
                uses: &[Use::Server],
                grants: &[],
                hosts,
            },
        )
    }

    fn issue<T: HasPublic>(&self, key: &PKeyRef<T>, template: &Template<'_>) -> Result<X509, ErrorStack> {
        issue(key, Some(&self.certificate), &self.key, template)
    }
}

fn named(parts: &[(Nid, &str)]) -> Result<X509Name, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    for (part, text) in parts {
        name.append_entry_by_nid(*part, text)?;
    }
    Ok(name.build())
}

/// RFC 5280. Without an issuer the certificate is its own.
fn issue<T: HasPublic>(
    key: &PKeyRef<T>,
    issuer: Option<&X509Ref>,
    issuer_key: &PKeyRef<Private>,
    template: &Template<'_>,
) -> Result<X509, ErrorStack> {
    let mut builder = X509Builder::new()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(126, MsbOption::ONE, false)?;
    let serial = serial.to_asn1_integer()?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(&template.name)?;
    builder.set_issuer_name(issuer.map_or(&template.name, |issuer| issuer.subject_name()))?;
    let (from, until) = (
        Asn1Time::from_unix(template.validity.from.as_second())?,
        Asn1Time::from_unix(template.validity.until.as_second())?,
    );
    builder.set_not_before(&from)?;
    builder.set_not_after(&until)?;
    builder.set_pubkey(key)?;
    let mut constraints = BasicConstraints::new();
    let mut usage = KeyUsage::new();
    match template.below {
        Some(below) => {
            constraints.critical().ca();
            if below != u32::MAX {
                constraints.pathlen(below);
            }
            usage.critical().key_cert_sign().crl_sign();
        }
        None => {
            constraints.critical();
            usage.critical().digital_signature();
        }
    }
    builder.append_extension(constraints.build()?)?;
    builder.append_extension(usage.build()?)?;
    if !template.uses.is_empty() {
        let mut extended = ExtendedKeyUsage::new();
        for used in template.uses {
            match used {
                Use::Client => extended.client_auth(),
                Use::Server => extended.server_auth(),
            };
        }
        builder.append_extension(extended.build()?)?;
    }
    let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(issuer, None))?;
    builder.append_extension(identifier)?;
    if issuer.is_some() {
        let identifier = AuthorityKeyIdentifier::new()
            .keyid(true)
            .build(&builder.x509v3_context(issuer, None))?;
        builder.append_extension(identifier)?;
    }
    if !template.grants.is_empty() || !template.hosts.is_empty() {
        let mut names = SubjectAlternativeName::new();
        for grant in template.grants {
            names.uri(&grant.to_string());
        }
        for host in template.hosts {
            match host.parse::<std::net::IpAddr>() {
                Ok(_) => names.ip(host),
                Err(_) => names.dns(host),
            };
        }
        let names = names.build(&builder.x509v3_context(issuer, None))?;
        builder.append_extension(names)?;
    }
    builder.sign(issuer_key, MessageDigest::sha256())?;
    Ok(builder.build())
}
