//! When a token (JWT, RFC 7519) runs out. Nothing else of it is read, and its signature is the server's business.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Longest token that is looked into.
const MAX_BYTES: usize = 16 * 1024;

/// The claim `exp`, as time since 1970 (RFC 7519 §4.1.4); none: it has none, or is no token.
#[must_use]
pub fn expires(token: &str) -> Option<Duration> {
    let payload = token.split('.').nth(1).filter(|_| token.len() <= MAX_BYTES)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    let seconds = claims.get("exp")?.as_f64()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_read_and_everything_else_is_no_time() {
        let token = |payload: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        assert_eq!(
            expires(&token(r#"{"exp":1800000000,"room":"*"}"#)),
            Some(Duration::from_secs(1_800_000_000))
        );
        for payload in ["", "{}", r#"{"exp":"soon"}"#, r#"{"exp":-1}"#, r#"{"exp":1e300}"#, "["] {
            assert_eq!(expires(&token(payload)), None, "{payload}");
        }
        for text in ["", ".", "..", "a.b", "é.é.é"] {
            assert_eq!(expires(text), None, "{text}");
        }
    }
}
