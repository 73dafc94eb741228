//! The TPM itself, one visit for each thing it does.

use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Public as PublicHalf};
use tss_esapi::attributes::ObjectAttributesBuilder;
use tss_esapi::constants::response_code::Tss2ResponseCodeKind;
use tss_esapi::constants::tss::{TPM2_RH_NULL, TPM2_ST_HASHCHECK};
use tss_esapi::handles::KeyHandle;
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{
    Digest, EccPoint, EccScheme, HashScheme, HashcheckTicket, KeyDerivationFunctionScheme, Private, Public,
    PublicBuffer, PublicBuilder, PublicEccParameters, Signature, SignatureScheme, SymmetricDefinitionObject,
};
use tss_esapi::traits::{Marshall, UnMarshall};
use tss_esapi::tss2_esys::TPMT_TK_HASHCHECK;
use tss_esapi::{Context, Error, TctiNameConf};

use crate::error::TpmError;
use crate::file::Wrapped;

/// The kernel's resource manager: several programs can use the TPM by it, and it forgets what they leave.
pub const DEVICE: &str = "device:/dev/tpmrm0";

/// One visit at a time: a TPM does one thing after the other anyway, and a simulated one hears one visitor.
static VISIT: Mutex<()> = Mutex::new(());

/// Nobody visits a TPM while this is held; none: a visit takes longer than `patience`. A process is to be started under it:
/// tpm2-tss opens its way to the TPM without `O_CLOEXEC`, and what is started meanwhile would inherit it.
#[must_use]
pub fn between_visits(patience: Duration) -> Option<MutexGuard<'static, ()>> {
    let begun = Instant::now();
    loop {
        match VISIT.try_lock() {
            Ok(alone) => return Some(alone),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if begun.elapsed() >= patience => return None,
            Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(1)),
        }
    }
}

/// A TPM 2.0. Nothing of it is held between visits, so that it may be restarted at any time.
#[derive(Debug)]
pub struct Tpm {
    way: TctiNameConf,
    at: String,
}

impl Tpm {
    /// By its TCTI, as the tools of tpm2-tss name it: [`DEVICE`], `swtpm:host=127.0.0.1,port=2321`. It need not be there yet.
    ///
    /// # Errors
    /// [`TpmError::NoWay`].
    pub fn at(tcti: &str) -> Result<Self, TpmError> {
        let way = TctiNameConf::from_str(tcti).map_err(|_| TpmError::NoWay(tcti.to_owned()))?;
        Ok(Self {
            way,
            at: tcti.to_owned(),
        })
    }

    /// A new P-256 key that signs and never leaves this TPM.
    pub(crate) fn create(&self) -> Result<Wrapped, TpmError> {
        self.visit(|context, root| {
            let own = public(
                attributes().with_sign_encrypt(true),
                SymmetricDefinitionObject::Null,
                EccScheme::EcDsa(sha256()),
            )?;
            let made = context.create(root, own, None, None, None, None)?;
            Ok(Wrapped {
                public: PublicBuffer::try_from(made.out_public)?.marshall()?,
                private: made.out_private.value().to_vec(),
            })
        })?
        .map_err(refused("make a key"))
    }

    /// A signature of this SHA-256; none: this TPM does not know the key.
    pub(crate) fn sign(&self, wrapped: &Wrapped, hash: &[u8; 32]) -> Result<Option<EcdsaSig>, TpmError> {
        let signed = self.visit(|context, root| {
            let public = Public::try_from(PublicBuffer::unmarshall(&wrapped.public)?)?;
            let private = Private::try_from(wrapped.private.clone())?;
            let key = match context.load(root, private, public) {
                Err(error) if is_of_another(&error) => return Ok(None),
                key => key?,
            };
            let nothing_to_show = HashcheckTicket::try_from(TPMT_TK_HASHCHECK {
                tag: TPM2_ST_HASHCHECK,
                hierarchy: TPM2_RH_NULL,
                digest: Default::default(),
            })?;
            let scheme = SignatureScheme::EcDsa { hash_scheme: sha256() };
            let hash = Digest::try_from(hash.to_vec())?;
            context.sign(key, hash, scheme, nothing_to_show).map(Some)
        })?;
        match signed.map_err(refused("sign"))? {
            None => Ok(None),
            Some(Signature::EcDsa(signature)) => {
                let number = |half: &[u8]| BigNum::from_slice(half);
                let both = || {
                    let (r, s) = (signature.signature_r().value(), signature.signature_s().value());
                    EcdsaSig::from_private_components(number(r)?, number(s)?)
                };
                both().map(Some).map_err(|_: ErrorStack| TpmError::Strange)
            }
            Some(_) => Err(TpmError::Strange),
        }
    }

    /// Does something below the storage root key, which the TPM makes of its seed each time: the same one until it is cleared.
    fn visit<T>(
        &self,
        what: impl FnOnce(&mut Context, KeyHandle) -> Result<T, Error>,
    ) -> Result<Result<T, Error>, TpmError> {
        let _only = VISIT.lock().unwrap_or_else(PoisonError::into_inner);
        let mut context = Context::new(self.way.clone()).map_err(|why| TpmError::Away {
            at: self.at.clone(),
            why,
        })?;
        context.set_sessions((Some(AuthSession::Password), None, None));
        let template = public(
            attributes().with_restricted(true).with_decrypt(true),
            SymmetricDefinitionObject::AES_128_CFB,
            EccScheme::Null,
        );
        let root = template
            .and_then(|template| context.create_primary(Hierarchy::Owner, template, None, None, None, None))
            .map_err(refused("make its storage root key"))?;
        // What was loaded goes with the context.
        Ok(what(&mut context, root.key_handle))
    }
}

/// The public half of a key, read without the TPM; none: it is not of P-256.
pub(crate) fn public_half(wrapped: &Wrapped) -> Option<PKey<PublicHalf>> {
    let public = Public::try_from(PublicBuffer::unmarshall(&wrapped.public).ok()?).ok()?;
    let Public::Ecc { parameters, .. } = &public else {
        return None;
    };
    if parameters.ecc_curve() != EccCurve::NistP256 {
        return None;
    }
    let info = picky_asn1_x509::SubjectPublicKeyInfo::try_from(public).ok()?;
    PKey::public_key_from_der(&picky_asn1_der::to_vec(&info).ok()?).ok()
}

fn refused(what: &'static str) -> impl FnOnce(Error) -> TpmError {
    move |why| TpmError::Refused { what, why }
}

/// The wrapping does not hold: another seed is behind it.
fn is_of_another(error: &Error) -> bool {
    matches!(error, Error::Tss2Error(code) if code.kind() == Some(Tss2ResponseCodeKind::Integrity))
}

/// Of every key here: born in this TPM, bound to it; whoever may use the TPM may use it, and somebody who guesses at other
/// secrets of the TPM does not lock it.
fn attributes() -> ObjectAttributesBuilder {
    ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_user_with_auth(true)
        .with_no_da(true)
}

fn public(
    attributes: ObjectAttributesBuilder,
    symmetric: SymmetricDefinitionObject,
    scheme: EccScheme,
) -> Result<Public, Error> {
    PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::Ecc)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes.build()?)
        .with_ecc_parameters(PublicEccParameters::new(
            symmetric,
            scheme,
            EccCurve::NistP256,
            KeyDerivationFunctionScheme::Null,
        ))
        .with_ecc_unique_identifier(EccPoint::default())
        .build()
}

fn sha256() -> HashScheme {
    HashScheme::new(HashingAlgorithm::Sha256)
}
