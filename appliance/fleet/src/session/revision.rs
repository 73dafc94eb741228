//! Signed documents carry a revision that only grows: what is new, what is known, what is a replay.

use serde::{Deserialize, Serialize};

use crate::contract::Code;

/// The last document of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// It grows.
    pub rev: u64,
    /// Of the content.
    pub fingerprint: String,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Never seen.
    New,
    /// The one that is known.
    Known,
    /// The revision that is known with another content, or an older one: [`Code::RevConflict`], [`Code::StaleRev`].
    Refused(Code),
}

/// Holds a document up against the last one.
pub fn judge(last: Option<&Revision>, rev: u64, fingerprint: &str) -> Judgement {
    match last {
        Some(last) if rev < last.rev => Judgement::Refused(Code::StaleRev),
        Some(last) if rev == last.rev && fingerprint == last.fingerprint => Judgement::Known,
        Some(last) if rev == last.rev => Judgement::Refused(Code::RevConflict),
        _ => Judgement::New,
    }
}

/// The name of a refusal as an event.
pub const fn event(code: Code) -> &'static str {
    match code {
        Code::StaleRev => "stale_rev",
        Code::RevConflict => "rev_conflict",
        Code::BadSignature => "bad_signature",
        Code::NotAuthorised => "not_authorised",
        Code::TooLarge => "too_large",
        Code::BadJson => "bad_json",
        Code::BadVersion => "bad_version",
        Code::RateLimited => "rate_limited",
        Code::InvalidParams => "invalid_params",
        _ => "refused",
    }
}
