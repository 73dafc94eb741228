//! What comes as a sealed secret: as it is, or its parts, which the target encodes.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fleet::contract::{SealError, Secret};
use fleet::trust::SecretsKey;

/// Nobody has sealed anything for it.
static KEY: LazyLock<SecretsKey> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("sealed-secret-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    SecretsKey::of_folder(&folder).expect("a key")
});

libfuzzer_sys::fuzz_target!(|input: (bool, &[u8], [&[u8]; 3])| {
    let (assembled, header, parts) = input;
    let jwe = if assembled {
        let parts = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        format!("{}..{parts}", URL_SAFE_NO_PAD.encode(header))
    } else {
        String::from_utf8_lossy(header).into_owned()
    };
    match KEY.open(&Secret { jwe }) {
        Ok(_) => panic!("nobody has sealed this"),
        Err(error) => assert!(!matches!(error, SealError::Library(_)), "{error}"),
    }
});
