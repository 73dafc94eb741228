//! Whether a request is from the box that it names, and an answer from somebody who may give boxes away.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::x509::{X509, X509Req};
use picky_asn1::bit_string::BitString;
use picky_asn1_x509::{
    AlgorithmIdentifier, CertificationRequest, CertificationRequestInfo, Name, SubjectPublicKeyInfo,
};

use super::anchors::{Anchors, common_name, subject};
use super::documents::grants;
use super::keys::KeyError;
use super::private_key::{PrivateKey, certifies};
use crate::contract::{
    EnrolmentAnswer, EnrolmentRequest, EnrolmentTopic, Issued, Message, Refusal, Serial, SignatureError, Tenant,
    UncheckedDocument, is_p256,
};
use crate::link::Endpoint;

/// Why a message of enrolment is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentError {
    /// Its signature does not hold, or not for this.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Refusal),
    /// The request for a certificate is none, or not signed by its own key.
    #[error("no request for a certificate of a P-256 key")]
    BadRequest,
    /// The certificate is not what was asked for.
    #[error("the certificate is not for this box and key: {0}")]
    OtherCertificate(&'static str),
}

/// A request for a certificate of this key (PKCS #10, RFC 2986), DER in base64.
///
/// # Errors
/// [`KeyError`].
pub fn certificate_request(key: &dyn PrivateKey, serial: &Serial) -> Result<String, KeyError> {
    let broken = |error: picky_asn1_der::Asn1DerError| KeyError::Holder(format!("no certificate request: {error}"));
    let public: SubjectPublicKeyInfo =
        picky_asn1_der::from_bytes(&key.public()?.public_key_to_der()?).map_err(broken)?;
    let wanted = CertificationRequestInfo::new(Name::new_common_name(serial.as_str()), public);
    let signature = key.sign(&picky_asn1_der::to_vec(&wanted).map_err(broken)?)?;
    let request = CertificationRequest {
        certification_request_info: wanted,
        signature_algorithm: AlgorithmIdentifier::new_ecdsa_with_sha256(),
        signature: BitString::with_bytes(signature).into(),
    };
    Ok(STANDARD.encode(picky_asn1_der::to_vec(&request).map_err(broken)?))
}

impl EnrolmentRequest {
    /// The key that shall be certified; whoever asks has it.
    ///
    /// # Errors
    /// [`EnrolmentError::BadRequest`].
    pub fn key(&self) -> Result<PKey<Public>, EnrolmentError> {
        let read = || {
            let request = X509Req::from_der(&STANDARD.decode(&self.csr).ok()?).ok()?;
            let key = request.public_key().ok()?;
            (is_p256(&*key) && request.verify(&key).unwrap_or(false)).then_some(key)
        };
        read().ok_or(EnrolmentError::BadRequest)
    }
}

impl Issued {
    /// The certificate and those above it.
    ///
    /// # Errors
    /// [`EnrolmentError::OtherCertificate`].
    pub fn certificates(&self) -> Result<Vec<X509>, EnrolmentError> {
        let one = |text: &String| X509::from_der(&STANDARD.decode(text).ok()?).ok();
        let chain: Option<Vec<X509>> = self.chain.iter().map(one).collect();
        chain
            .filter(|chain| (1..=4).contains(&chain.len()))
            .ok_or(EnrolmentError::OtherCertificate("it cannot be read"))
    }

    /// Whether it is what a box with this serial number asked for with this key.
    ///
    /// # Errors
    /// [`EnrolmentError::OtherCertificate`].
    pub fn fits(&self, serial: &Serial, key: &dyn PrivateKey) -> Result<(), EnrolmentError> {
        let chain = self.certificates()?;
        let own = &chain[0];
        let same_key = certifies(own, key).unwrap_or(false);
        let named = [
            (Nid::COMMONNAME, self.device.as_str()),
            (Nid::ORGANIZATIONNAME, self.tenant.as_str()),
            (Nid::ORGANIZATIONALUNITNAME, self.site.as_str()),
        ];
        match () {
            () if !same_key => Err(EnrolmentError::OtherCertificate("another key")),
            () if self.device != serial.device() => Err(EnrolmentError::OtherCertificate("another box")),
            () if named.iter().any(|(part, text)| subject(own, *part) != *text) => {
                Err(EnrolmentError::OtherCertificate("another name"))
            }
            () if self.endpoints.is_empty() => Err(EnrolmentError::OtherCertificate("no broker")),
            () if self.endpoints.iter().any(|broker| broker.parse::<Endpoint>().is_err()) => {
                Err(EnrolmentError::OtherCertificate("a broker that nobody can reach"))
            }
            () => Ok(()),
        }
    }
}

impl Anchors {
    /// Checks a request, with the makers of boxes as roots. Their certificates have no end, and boxes no clock: times are not
    /// looked at.
    ///
    /// # Errors
    /// [`EnrolmentError`].
    pub fn check_request(&self, serial: &Serial, text: &[u8]) -> Result<Message<EnrolmentRequest>, EnrolmentError> {
        let document = UncheckedDocument::read(text, EnrolmentTopic::MAX_BYTES)?;
        let maker = document.signer()?.to_owned();
        self.path(&maker, &document.chain[1..], None, None)?;
        let audience = document.audience.clone();
        let payload = document.payload()?;
        if audience != EnrolmentTopic::Request.of(serial) {
            return Err(SignatureError::Elsewhere.into());
        }
        if common_name(&maker) != serial.as_str() {
            return Err(SignatureError::OutOfScope.into());
        }
        Ok(Message::parse(&payload, EnrolmentTopic::MAX_BYTES)?)
    }

    /// Checks an answer: whoever signed it was granted `enrol` where the box shall stand, all the way from the root.
    ///
    /// # Errors
    /// [`EnrolmentError`].
    pub fn check_answer(
        &self,
        serial: &Serial,
        text: &[u8],
        now: Option<Timestamp>,
    ) -> Result<Message<EnrolmentAnswer>, EnrolmentError> {
        let document = UncheckedDocument::read(text, EnrolmentTopic::MAX_BYTES)?;
        let signer = document.signer()?.to_owned();
        let path = self.path(&signer, &document.chain[1..], None, now)?;
        let audience = document.audience.clone();
        let payload = document.payload()?;
        if audience != EnrolmentTopic::Answer.of(serial) {
            return Err(SignatureError::Elsewhere.into());
        }
        let message = Message::<EnrolmentAnswer>::parse(&payload, EnrolmentTopic::MAX_BYTES)?;
        let below_the_root = path.split_last().map_or(&path[..], |(_, below)| below);
        let allowed = |certificate: &X509| match &message.body.decision {
            crate::contract::Decision::Issued(issued) => grants(certificate)
                .iter()
                .any(|grant| grant.allows_enrolment(&issued.tenant, &issued.site)),
            _ => grants(certificate).iter().any(|grant| grant.is_for_enrolment()),
        };
        if below_the_root.is_empty() || !below_the_root.iter().all(allowed) {
            return Err(SignatureError::OutOfScope.into());
        }
        Ok(message)
    }

    /// What a box trusts once it was enrolled.
    ///
    /// # Errors
    /// As [`Anchors::follow`].
    pub fn after_enrolment(&self, issued: &Issued, now: Option<Timestamp>) -> Result<Anchors, super::RotationError> {
        let tenant: &Tenant = &issued.tenant;
        self.follow(&issued.trust, tenant, now)
    }
}
