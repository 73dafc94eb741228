//! Tokens as the deployments use them: JWT with HS256 (RFC 7519), room in the claim `room`.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::json;

/// A token for `room` that expires in so many seconds (negative: it has).
pub fn sign(secret: &str, room: &str, seconds: i64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs() as i64;
    let claims = json!({"aud": "jitsi", "iss": "conference", "sub": "*", "room": room, "exp": now + seconds});
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(hmac(secret, &text)))
}

fn hmac(secret: &str, text: &str) -> Vec<u8> {
    let sign = || -> Result<Vec<u8>, openssl::error::ErrorStack> {
        let key = PKey::hmac(secret.as_bytes())?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
        signer.sign_oneshot_to_vec(text.as_bytes())
    };
    sign().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts_and_depends_on_the_secret() {
        let one = sign("a", "salle", 60);
        assert_eq!(one.split('.').count(), 3);
        assert_eq!(
            hmac("key", "The quick brown fox jumps over the lazy dog")[..4],
            [0xf7, 0xbc, 0x83, 0xf4]
        );
        assert_ne!(one.rsplit('.').next(), sign("b", "salle", 60).rsplit('.').next());
    }
}
