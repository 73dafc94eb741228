//! What comes as a signed document: as it is, or its three parts, which the target encodes.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fleet::contract::{Code, Verb};
use fleet::trust::{Anchors, Authority, TrustedDocuments, Validity};
use jiff::Timestamp;

/// Nobody has signed anything under it.
static NOBODY: LazyLock<TrustedDocuments> = LazyLock::new(|| {
    let tenant = "etat".try_into().expect("a name");
    let root = Authority::root("nobody", &tenant, Validity::days(Timestamp::UNIX_EPOCH, 40_000)).expect("a root");
    TrustedDocuments {
        anchors: Anchors::new(vec![root.certificate().to_owned()]).expect("one root"),
        device: "lyon-412".try_into().expect("a name"),
        site: "lyon".try_into().expect("a name"),
        tenant,
    }
});

libfuzzer_sys::fuzz_target!(|input: (bool, &[u8], &[u8], &[u8])| {
    let (assembled, header, payload, rest) = input;
    let text = if assembled {
        let parts = [header, payload, rest].map(|part| URL_SAFE_NO_PAD.encode(part));
        parts.join(".").into_bytes()
    } else {
        rest.to_vec()
    };
    match NOBODY.check(&text, Verb::Configure, Some(Timestamp::UNIX_EPOCH)) {
        Ok(_) => panic!("nobody has signed this"),
        Err(error) => assert!(error.code() != Code::Internal, "{error}"),
    }
});
