//! Whether a release is for this box: what its document says, and what the bundle itself says.

use semver::Version;
use serde::{Deserialize, Serialize};
use url::Url;

use super::hours::Hours;
use super::input::{BundleFacts, Facts};
use crate::contract::{Code, Update};

/// Characters of a sentence that goes into a report; others wrote some of them.
const LONGEST: usize = 300;

/// Why an update went no further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// In one word.
    pub code: Code,
    /// In a sentence; a JSON pointer first, where a field of the document is the cause.
    pub msg: String,
}

impl Cause {
    pub fn new(code: Code, msg: impl Into<String>) -> Self {
        let msg = msg.into().chars().take(LONGEST).collect();
        Self { code, msg }
    }
}

/// What a document asks of this box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing: this release runs. What was under way is withdrawn.
    Runs,
    /// To reach it.
    Wanted,
    /// What it must not do.
    Refused(Cause),
}

/// Of a document.
pub fn of_document(update: &Update, facts: &Facts) -> Judgement {
    if update.release == facts.release {
        return Judgement::Runs;
    }
    let refused = |code, msg: String| Judgement::Refused(Cause::new(code, msg));
    if let Some(cause) = downgrade(update.security_version, facts) {
        return Judgement::Refused(cause);
    }
    if let Some(least) = &update.min_from {
        match (Version::parse(&facts.release), Version::parse(least)) {
            (Ok(running), Ok(least)) if running >= least => {}
            (Ok(running), Ok(least)) => {
                let msg = format!("/min_from: {running} runs here, the way to this release begins at {least}");
                return refused(Code::Precondition, msg);
            }
            (running, _) => {
                let wrong = if running.is_err() { &facts.release } else { least };
                return refused(
                    Code::InvalidParams,
                    format!("/min_from: {wrong} is no version (semver.org)"),
                );
            }
        }
    }
    if update
        .window
        .as_ref()
        .is_some_and(|window| Hours::read(window).is_none())
    {
        let msg = "/window: two times of the day as 22:00".to_owned();
        return refused(Code::InvalidParams, msg);
    }
    if !Url::parse(&update.url).is_ok_and(|url| url.scheme() == "https") {
        return refused(Code::InvalidParams, "/url: not of HTTPS".to_owned());
    }
    Judgement::Wanted
}

/// Of a bundle whose signature holds. The error says whether it is the wrong bundle for the document, which may be another one
/// next time, or one that this box must not install.
pub fn of_bundle(bundle: &BundleFacts, update: &Update, facts: &Facts) -> Result<(), (Fault, Cause)> {
    let differs = |field: &str| {
        let msg = format!("/{field}: the bundle says otherwise");
        Err((Fault::Wrong, Cause::new(Code::InvalidParams, msg)))
    };
    if bundle.release != update.release {
        return differs("release");
    }
    if bundle.manifest_hash != update.manifest_hash {
        return differs("manifest_hash");
    }
    if let Some(cause) = downgrade(bundle.security_version, facts) {
        return Err((Fault::NotForThisBox, cause));
    }
    if bundle.security_version != update.security_version {
        return differs("security_version");
    }
    if !bundle.compatible {
        let cause = Cause::new(Code::UnsupportedOnHw, "the bundle was made for another kind of box");
        return Err((Fault::NotForThisBox, cause));
    }
    Ok(())
}

/// What is wrong with a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not the one of the document.
    Wrong,
    /// No box of this kind may install it, or none that is this far.
    NotForThisBox,
}

fn downgrade(offered: u32, facts: &Facts) -> Option<Cause> {
    let least = facts.security_version;
    (offered < least).then(|| {
        let msg = format!("/security_version: {offered} is below {least}, which this box has seen");
        Cause::new(Code::Precondition, msg)
    })
}
