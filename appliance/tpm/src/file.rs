//! How a key in a TPM lies in a file: `TSS2 PRIVATE KEY` (`draft-bottomley-tpm2-keys`), as OpenSSL's engine and provider for TPMs
//! write and read it too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use picky_asn1::wrapper::{ExplicitContextTag0, ObjectIdentifierAsn1, OctetStringAsn1};
use picky_asn1_x509::oid::ObjectIdentifier;
use serde::{Deserialize, Serialize};

const BEGIN: &str = "-----BEGIN TSS2 PRIVATE KEY-----";
const END: &str = "-----END TSS2 PRIVATE KEY-----";
/// Characters of a line (RFC 7468 §2).
const LINE: usize = 64;
/// `id-loadablekey`: a key as TPM2_Load takes it.
const LOADABLE: &str = "2.23.133.10.1.3";
/// `TPM_RH_OWNER`: the parent is the owner's primary key by the standard template.
const OWNER: u32 = 0x4000_0001;

/// A key as the TPM hands it out: of no use without that TPM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// `TPM2B_PUBLIC`.
    pub public: Vec<u8>,
    /// What is in `TPM2B_PRIVATE`.
    pub private: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct TpmKey {
    kind: ObjectIdentifierAsn1,
    empty_authorisation: ExplicitContextTag0<bool>,
    parent: u32,
    public: OctetStringAsn1,
    private: OctetStringAsn1,
}

impl Wrapped {
    /// For a file; none: it cannot be written.
    pub fn to_pem(&self) -> Option<String> {
        let length = u16::try_from(self.private.len()).ok()?.to_be_bytes();
        let key = TpmKey {
            kind: loadable()?.into(),
            empty_authorisation: true.into(),
            parent: OWNER,
            public: self.public.clone().into(),
            private: [&length[..], &self.private].concat().into(),
        };
        let text = STANDARD.encode(picky_asn1_der::to_vec(&key).ok()?);
        let mut pem = format!("{BEGIN}\n");
        for line in text.as_bytes().chunks(LINE) {
            pem.push_str(std::str::from_utf8(line).ok()?);
            pem.push('\n');
        }
        pem.push_str(END);
        pem.push('\n');
        Some(pem)
    }

    /// From a file; none: it is of another kind, or damaged.
    pub fn from_pem(pem: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(pem).ok()?;
        let text = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
        let text: String = text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
        let key: TpmKey = picky_asn1_der::from_bytes(&STANDARD.decode(text).ok()?).ok()?;
        let (length, private) = key.private.0.split_first_chunk()?;
        let ours = key.kind.0 == loadable()? && key.empty_authorisation.0 && key.parent == OWNER;
        (ours && usize::from(u16::from_be_bytes(*length)) == private.len()).then(|| Self {
            public: key.public.0.clone(),
            private: private.to_vec(),
        })
    }
}

/// Whether a file is meant to hold a key in a TPM.
pub fn is_in_tpm(pem: &[u8]) -> bool {
    pem.starts_with(BEGIN.as_bytes())
}

fn loadable() -> Option<ObjectIdentifier> {
    ObjectIdentifier::try_from(LOADABLE).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_file_and_a_damaged_one_does_not() {
        let wrapped = Wrapped {
            public: (0..90).collect(),
            private: (0..126).collect(),
        };
        let pem = wrapped.to_pem().unwrap();
        assert!(is_in_tpm(pem.as_bytes()) && pem.lines().all(|line| line.len() <= 64));
        assert_eq!(Wrapped::from_pem(pem.as_bytes()), Some(wrapped));
        for end in 0..pem.trim_end().len() {
            assert_eq!(Wrapped::from_pem(&pem.as_bytes()[..end]), None, "{end} bytes of it");
        }
        assert_eq!(Wrapped::from_pem(b"-----BEGIN PRIVATE KEY-----"), None);
    }

    #[test]
    fn it_is_what_others_write() {
        // SEQUENCE, OID 2.23.133.10.1.3, [0] TRUE, INTEGER 0x40000001, and the two structures of the TPM.
        let wrapped = Wrapped {
            public: vec![0, 1, 7],
            private: vec![9, 9],
        };
        let pem = wrapped.to_pem().unwrap();
        let der = STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap();
        let expected = [
            0x30, 0x1E, 0x06, 0x06, 0x67, 0x81, 0x05, 0x0A, 0x01, 0x03, 0xA0, 0x03, 0x01, 0x01, 0xFF, 0x02, 0x04, 0x40,
            0x00, 0x00, 0x01, 0x04, 0x03, 0x00, 0x01, 0x07, 0x04, 0x04, 0x00, 0x02, 0x09, 0x09,
        ];
        assert_eq!(der, expected);
    }
}
