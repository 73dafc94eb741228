//! The DTLS certificate of one session: fresh, self-signed, ECDSA P-256, because the bridge asks for ECDSA and refuses
//! the RSA one that GStreamer makes (`specs/media-engine.md §3.7`, `specs/jitsi-client.md §5`).

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::{X509, X509NameBuilder};

/// A key with its certificate.
pub struct Certificate {
    /// PKCS#8 key and certificate, the shape that `dtlssrtpdec`'s `pem` wants.
    pub pem: String,
    /// SHA-256 over the certificate's DER, upper-case hexadecimal with colons (RFC 8122 §5).
    pub fingerprint: String,
}

impl Certificate {
    /// Makes a new key and certificate, valid from yesterday for thirty days: a box with a slow clock joins too.
    ///
    /// # Errors
    /// OpenSSL's error stack, for example when there is no entropy.
    pub fn generate() -> Result<Self, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let mut serial = BigNum::new()?;
        serial.rand(64, MsbOption::MAYBE_ZERO, false)?;
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_text("CN", "hemicycle")?;
        let name = name.build();
        let yesterday = Asn1Time::from_unix(seconds_since_1970() - 86_400)?;
        let next_month = Asn1Time::days_from_now(30)?;
        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        let serial = serial.to_asn1_integer()?;
        builder.set_serial_number(&serial)?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        builder.set_not_before(&yesterday)?;
        builder.set_not_after(&next_month)?;
        builder.set_pubkey(&key)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let certificate = builder.build();
        let mut pem = key.private_key_to_pem_pkcs8()?;
        pem.extend(certificate.to_pem()?);
        let fingerprint = colon_hex(&certificate.digest(MessageDigest::sha256())?);
        Ok(Self {
            pem: String::from_utf8_lossy(&pem).into_owned(),
            fingerprint,
        })
    }
}

/// The fingerprint of the other side's certificate, given as PEM, in the named hash function (RFC 8122 names).
/// None when the PEM or the hash function is not understood.
#[must_use]
pub fn fingerprint_of_pem(pem: &str, hash: &str) -> Option<String> {
    let digest = match hash.to_ascii_lowercase().as_str() {
        "sha-256" => MessageDigest::sha256(),
        "sha-384" => MessageDigest::sha384(),
        "sha-512" => MessageDigest::sha512(),
        _ => return None,
    };
    let certificate = X509::from_pem(pem.as_bytes()).ok()?;
    Some(colon_hex(&certificate.digest(digest).ok()?))
}

fn colon_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>()
        .join(":")
}

fn seconds_since_1970() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sessions_never_share_a_certificate() {
        assert_ne!(
            Certificate::generate().unwrap().fingerprint,
            Certificate::generate().unwrap().fingerprint
        );
    }

    #[test]
    fn the_signalled_fingerprint_is_that_of_the_certificate_and_not_of_the_key() {
        let made = Certificate::generate().unwrap();
        let certificate = X509::from_pem(made.pem.as_bytes()).unwrap();
        assert_eq!(certificate.public_key().unwrap().id(), openssl::pkey::Id::EC);
        let only_certificate = String::from_utf8(certificate.to_pem().unwrap()).unwrap();
        assert_eq!(
            fingerprint_of_pem(&only_certificate, "SHA-256"),
            Some(made.fingerprint.clone())
        );
        assert_eq!(made.fingerprint.len(), 32 * 3 - 1);
        assert_eq!(made.fingerprint, made.fingerprint.to_uppercase());
        assert_eq!(fingerprint_of_pem(&only_certificate, "md5"), None);
    }
}
