//! Authentication: guests and tokens both use ANONYMOUS (RFC 4505); a token is read by the server from the socket's
//! address (`specs/jitsi-client.md §1`). An account's login is in `login`.

use minidom::Element;

use crate::xml::{element, to_text};

/// RFC 6120 §6.
pub(super) const NS: &str = "urn:ietf:params:xml:ns:xmpp-sasl";

/// Why authentication was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An account is needed and guests are not admitted.
    #[error("an account or a token is required")]
    LoginRequired,
    /// The account's name or password is wrong, or the account is closed.
    #[error("the account was refused")]
    AccountRefused,
    /// The token is too old.
    #[error("the token has expired")]
    TokenExpired,
    /// The token is for another room.
    #[error("the token is for another room")]
    TokenForAnotherRoom,
    /// The token is refused for another reason, in the server's words.
    #[error("the token was refused: {0}")]
    TokenRefused(String),
    /// The service refuses for another reason.
    #[error("refused: {0}")]
    Other(String),
}

impl Refusal {
    /// Reads the `<failure/>` of a login with an account.
    pub(super) fn of_login(failure: &Element) -> Self {
        let condition = failure
            .children()
            .find(|child| child.name() != "text")
            .map(Element::name);
        match condition {
            Some("temporary-auth-failure" | "aborted") => Self::Other("the login failed for the moment".into()),
            _ => Self::AccountRefused,
        }
    }

    /// Reads `<failure/>`.
    pub(super) fn read(failure: &Element, has_token: bool) -> Self {
        let text = failure.get_child("text", NS).map(Element::text).unwrap_or_default();
        let condition = failure
            .children()
            .find(|child| child.name() != "text")
            .map(Element::name)
            .unwrap_or_default();
        Self::of_text(&text, condition, has_token)
    }

    /// The words are those of Jitsi's token module (`token/util.lib.lua`, `luajwtjitsi.lib.lua`).
    pub(crate) fn of_text(text: &str, condition: &str, has_token: bool) -> Self {
        let words: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        let lower = words.to_lowercase();
        if !has_token {
            let transient = matches!(condition, "temporary-auth-failure" | "aborted" | "malformed-request");
            return if transient {
                Self::Other(condition.to_owned())
            } else {
                Self::LoginRequired
            };
        }
        if lower.contains("by exp") || lower.contains("expired") {
            Self::TokenExpired
        } else if lower.contains("room") && (lower.contains("mismatch") || lower.contains("not allowed")) {
            Self::TokenForAnotherRoom
        } else {
            Self::TokenRefused(if words.is_empty() {
                condition.chars().take(64).collect()
            } else {
                words
            })
        }
    }
}

/// Whether the features offer a mechanism.
pub(super) fn offers(features: &Element, mechanism: &str) -> bool {
    features.get_child("mechanisms", NS).is_some_and(|list| {
        list.children()
            .any(|offered| offered.is("mechanism", NS) && offered.text().trim() == mechanism)
    })
}

/// RFC 4505 without trace information.
pub(super) fn anonymous() -> String {
    to_text(&element("auth", NS).attr("mechanism", "ANONYMOUS").build())
}

/// An empty answer to a challenge.
pub(super) fn empty_response() -> String {
    to_text(&element("response", NS).build())
}
