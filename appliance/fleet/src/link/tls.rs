//! TLS 1.3 with both certificates: ours, and one that our own authority gave to the broker.

use std::net::IpAddr;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{Ssl, SslContext, SslMethod, SslMode, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};

/// The protocol's name in ALPN, so that port 443 can be shared.
const ALPN: &[u8] = b"\x04mqtt";

/// Who we are.
#[derive(Clone)]
pub struct Identity {
    /// Our certificate first, then those between it and the authority.
    pub chain: Vec<X509>,
    /// Its key, or a handle of one that lives elsewhere: OpenSSL's providers make no difference between them.
    pub key: PKey<Private>,
}

/// Whom we believe.
#[derive(Clone)]
pub struct Trust {
    /// Our own authorities and nobody else: the system's are never read.
    pub authorities: Vec<X509>,
    /// Without a clock nobody can tell whether a certificate has run out, and a box must not wait for one to get it.
    pub clock_is_set: bool,
}

/// What every connection of an identity shares.
///
/// # Errors
/// Key and certificate do not belong together, or OpenSSL cannot be set up.
pub fn context(identity: &Identity, trust: &Trust) -> Result<SslContext, ErrorStack> {
    // Not `SslConnector`: that one loads the system's authorities.
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_min_proto_version(Some(SslVersion::TLS1_3))?;
    context.set_mode(SslMode::RELEASE_BUFFERS | SslMode::AUTO_RETRY | SslMode::ENABLE_PARTIAL_WRITE);
    context.set_alpn_protos(ALPN)?;
    context.set_verify(SslVerifyMode::PEER);
    let mut store = X509StoreBuilder::new()?;
    for authority in &trust.authorities {
        store.add_cert(authority.clone())?;
    }
    context.set_cert_store(store.build());
    let mut certificates = identity.chain.iter();
    if let Some(own) = certificates.next() {
        context.set_certificate(own)?;
    }
    for between in certificates {
        context.add_extra_chain_cert(between.clone())?;
    }
    context.set_private_key(&identity.key)?;
    context.check_private_key()?;
    if !trust.clock_is_set {
        context.verify_param_mut().set_flags(X509VerifyFlags::NO_CHECK_TIME)?;
    }
    Ok(context.build())
}

/// One connection to this host.
pub(super) fn for_host(context: &SslContext, host: &str) -> Result<Ssl, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    if address.is_none() {
        ssl.set_hostname(host)?;
    }
    let check = ssl.param_mut();
    check.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
    match address {
        Some(address) => check.set_ip(address)?,
        None => check.set_host(host)?,
    }
    Ok(ssl)
}
