//! Login with a user name and a password: SCRAM (RFC 5802, RFC 7677) and PLAIN (RFC 4616).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use minidom::Element;
use sasl::client::Mechanism;
use sasl::client::mechanisms::Scram;
use sasl::common::ChannelBinding;
use sasl::common::scram::{Sha1, Sha256};
use unicode_normalization::UnicodeNormalization;

use super::sasl::{NS, Refusal, offers};
use crate::xml::{element, to_text};

/// Rounds of PBKDF2 that a server may ask of us; Prosody asks 10,000. A hostile one could keep us busy for hours.
const ROUNDS: std::ops::RangeInclusive<u32> = 1..=500_000;
/// Longest challenge that is read.
const MAX_CHALLENGE: usize = 4096;

/// An account of a service.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The part before the `@`.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Account {
    /// Without either.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").finish_non_exhaustive()
    }
}

/// A login that has begun.
pub(super) struct Login {
    /// None: PLAIN, which has said everything at once.
    scram: Option<(Box<dyn Mechanism + Send>, String)>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("scram", &self.scram.is_some()).finish()
    }
}

/// The strongest mechanism the features offer for an account, and its `<auth/>`; none: there is none we know.
/// PLAIN shows the password to whoever reads the connection: that is nobody, because there is no connection without TLS
/// but on this machine itself ([`crate::url::RoomUrl`]).
pub(super) fn begin(features: &Element, account: &Account) -> Option<(Login, String)> {
    // SASLprep (RFC 4013) is NFKC for everything people type.
    let user: String = account.user.nfkc().collect();
    let password: String = account.password.nfkc().collect();
    let name = user.replace('=', "=3D").replace(',', "=2C");
    let scram: Option<Box<dyn Mechanism + Send>> = if offers(features, "SCRAM-SHA-256") {
        let made = Scram::<Sha256>::new(name, password.clone(), ChannelBinding::None);
        made.ok().map(|scram| Box::new(scram) as _)
    } else if offers(features, "SCRAM-SHA-1") {
        let made = Scram::<Sha1>::new(name, password.clone(), ChannelBinding::None);
        made.ok().map(|scram| Box::new(scram) as _)
    } else {
        None
    };
    if let Some(mut scram) = scram {
        let first = String::from_utf8(scram.initial()).ok()?;
        let nonce = first.rsplit_once(",r=")?.1.to_owned();
        let auth = auth(scram.name(), first.as_bytes());
        return Some((
            Login {
                scram: Some((scram, nonce)),
            },
            auth,
        ));
    }
    if offers(features, "PLAIN") {
        let message = format!("\0{user}\0{password}");
        return Some((Login { scram: None }, auth("PLAIN", message.as_bytes())));
    }
    None
}

impl Login {
    /// Answers a challenge.
    pub(super) fn answer(&mut self, challenge: &Element) -> Result<String, Refusal> {
        let wrong = |what: &str| Err(Refusal::Other(format!("the login failed: {what}")));
        let Some((scram, nonce)) = &mut self.scram else {
            return wrong("a challenge that nobody expects");
        };
        let text = challenge.text();
        let Some(message) = Some(text.trim())
            .filter(|text| text.len() <= MAX_CHALLENGE)
            .and_then(|text| BASE64.decode(text).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
        else {
            return wrong("an unreadable challenge");
        };
        let field = |name: &str| message.split(',').find_map(|part| part.strip_prefix(name));
        // RFC 5802 §5.1: the server's nonce begins with ours, and an extension we do not know is refused.
        let ours = field("r=").is_some_and(|server| server.starts_with(nonce.as_str()) && server.len() > nonce.len());
        let rounds = field("i=").and_then(|rounds| rounds.parse::<u32>().ok());
        if !ours || message.starts_with("m=") || !rounds.is_some_and(|rounds| ROUNDS.contains(&rounds)) {
            return wrong("a challenge that is not for us");
        }
        match scram.response(message.as_bytes()) {
            Ok(response) => {
                let response = element("response", NS).text(BASE64.encode(response));
                Ok(to_text(&response.build()))
            }
            Err(error) => wrong(&error.to_string()),
        }
    }

    /// `<success/>`: with SCRAM the server proves that it knows the account too.
    pub(super) fn finish(&mut self, success: &Element) -> Result<(), Refusal> {
        let Some((scram, _)) = &mut self.scram else {
            return Ok(());
        };
        let proof = BASE64.decode(success.text().trim()).unwrap_or_default();
        scram
            .success(&proof)
            .map_err(|error| Refusal::Other(format!("the server does not know the account: {error}")))
    }
}

fn auth(mechanism: &str, message: &[u8]) -> String {
    let auth = element("auth", NS).attr("mechanism", mechanism);
    to_text(&auth.text(BASE64.encode(message)).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    fn features(mechanisms: &[&str]) -> Element {
        let list: String = mechanisms
            .iter()
            .map(|name| format!("<mechanism>{name}</mechanism>"))
            .collect();
        parse(&format!(
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='{NS}'>{list}</mechanisms>\
             </stream:features>"
        ))
        .unwrap()
    }

    fn account() -> Account {
        Account {
            user: "salle=4".into(),
            password: "sésame".into(),
        }
    }

    fn decoded(frame: &str) -> String {
        String::from_utf8(BASE64.decode(parse(frame).unwrap().text()).unwrap()).unwrap()
    }

    #[test]
    fn the_strongest_mechanism_is_taken() {
        for (offered, taken) in [
            (&["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"][..], Some("SCRAM-SHA-256")),
            (&["PLAIN", "SCRAM-SHA-1"], Some("SCRAM-SHA-1")),
            (&["PLAIN", "ANONYMOUS"], Some("PLAIN")),
            (&["SCRAM-SHA-1-PLUS", "ANONYMOUS"], None),
        ] {
            let begun = begin(&features(offered), &account());
            let mechanism = begun.map(|(_, auth)| parse(&auth).unwrap().attr("mechanism").unwrap().to_owned());
            assert_eq!(mechanism.as_deref(), taken, "{offered:?}");
        }
        let (_, auth) = begin(&features(&["PLAIN"]), &account()).unwrap();
        assert_eq!(decoded(&auth), "\0salle=4\0sésame");
    }

    #[test]
    fn a_challenge_that_is_forged_or_costs_too_much_is_refused() {
        let challenge = |text: &str| element("challenge", NS).text(BASE64.encode(text)).build();
        for (extra, rounds, good) in [
            ("abc", "4096", true),
            ("", "4096", false),
            ("abc", "4000000000", false),
            ("abc", "0", false),
            ("abc", "many", false),
        ] {
            let (mut login, auth) = begin(&features(&["SCRAM-SHA-1"]), &account()).unwrap();
            let first = decoded(&auth);
            assert!(first.starts_with("n,,n=salle=3D4,r="), "{first}");
            let nonce = first.rsplit_once(",r=").unwrap().1;
            let message = format!("r={nonce}{extra},s=c2FsdA==,i={rounds}");
            assert_eq!(login.answer(&challenge(&message)).is_ok(), good, "{message}");
        }
        for text in ["r=stranger,s=c2FsdA==,i=4096", "m=x,r=stranger", "", "=,=,"] {
            let (mut login, _) = begin(&features(&["SCRAM-SHA-1"]), &account()).unwrap();
            assert!(login.answer(&challenge(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_that_cannot_prove_itself_is_no_success() {
        let (mut login, auth) = begin(&features(&["SCRAM-SHA-256"]), &account()).unwrap();
        let nonce = decoded(&auth).rsplit_once(",r=").unwrap().1.to_owned();
        let message = format!("r={nonce}xyz,s=c2FsdA==,i=1");
        login
            .answer(&element("challenge", NS).text(BASE64.encode(message)).build())
            .unwrap();
        for proof in ["", "dj1mb3JnZWQ="] {
            let success = element("success", NS).text(proof).build();
            assert!(login.finish(&success).is_err());
        }
    }
}
