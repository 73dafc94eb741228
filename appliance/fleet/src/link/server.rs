//! Whether a broker is who it must be.

use std::net::IpAddr;
use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509StoreContext};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, PeerIncompatible, SignatureScheme};

use super::tls::Trust;

/// OpenSSL's security level of certificates: keys and hashes of 112 bits and more, no SHA-1.
const LEVEL: i32 = 2;
/// Certificates that are looked at.
const MOST: usize = 8;

/// Whom we believe, as `rustls` asks for it.
#[derive(Debug)]
pub(super) struct Believed {
    authorities: Vec<X509>,
    clock_is_set: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Why a broker is not believed, in OpenSSL's words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Verdict(String);

fn refused(why: impl ToString) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Verdict(why.to_string())))))
}

impl Believed {
    /// `algorithms`: by which a broker may show that it has the key.
    pub fn new(trust: &Trust, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self {
            authorities: trust.authorities.clone(),
            clock_is_set: trust.clock_is_set,
            algorithms,
        }
    }

    fn parameters(&self, name: &ServerName<'_>) -> Result<X509VerifyParam, ErrorStack> {
        let mut parameters = X509VerifyParam::new()?;
        parameters.set_auth_level(LEVEL);
        parameters.set_purpose(X509PurposeId::SSL_SERVER)?;
        parameters.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        match name {
            ServerName::IpAddress(address) => parameters.set_ip(IpAddr::from(*address))?,
            name => parameters.set_host(&name.to_str())?,
        }
        if !self.clock_is_set {
            parameters.set_flags(X509VerifyFlags::NO_CHECK_TIME)?;
        }
        Ok(parameters)
    }

    /// Nothing when it is good, else why it is not.
    fn judge(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
    ) -> Result<Option<String>, ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for authority in &self.authorities {
            store.add_cert(authority.clone())?;
        }
        store.set_param(&*self.parameters(name)?)?;
        let store = store.build();
        let mut between = Stack::new()?;
        for other in others.iter().take(MOST) {
            between.push(X509::from_der(other)?)?;
        }
        let own = X509::from_der(own)?;
        X509StoreContext::new()?.init(&store, &own, &between, |context| {
            let good = context.verify_cert()?;
            Ok((!good).then(|| context.error().error_string().to_owned()))
        })
    }
}

impl ServerCertVerifier for Believed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.judge(end_entity, intermediates, server_name) {
            Ok(None) => Ok(ServerCertVerified::assertion()),
            Ok(Some(why)) => Err(refused(why)),
            Err(error) => Err(refused(error)),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Of the key alone: the certificate has been judged, and two judges may disagree.
        let key = X509::from_der(cert).and_then(|own| own.public_key()?.public_key_to_der());
        let key = SubjectPublicKeyInfoDer::from(key.map_err(refused)?);
        verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
