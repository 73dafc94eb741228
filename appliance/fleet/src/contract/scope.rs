//! What a signer may ask for: URIs among the alternative names of its certificate, `hemicycle://TENANT/SITE/VERB`. `*` stands
//! for every site, every verb or every command. No tenant is ever left open.

use std::fmt;
use std::str::FromStr;

use super::channel::Channel;
use super::command::CommandName;
use super::names::{DeviceId, Site, Tenant};

/// Begins a grant.
const SCHEME: &str = "hemicycle://";

/// What a signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `config/desired`.
    Configure,
    /// `update/desired`.
    Update,
    /// `notice` of a box.
    Notice,
    /// `notice` for the whole tenant: a signer of one site may not.
    NoticeAll,
    /// A command.
    Command(CommandName),
}

impl Verb {
    /// The only topic of a box on which a document with this signature counts.
    #[must_use]
    pub fn topic(self, tenant: &Tenant, device: &DeviceId) -> String {
        match self {
            Verb::NoticeAll => Channel::notice_for_all(tenant),
            verb => verb.channel().topic(tenant, device),
        }
    }

    /// Largest document inside the signature, bytes.
    #[must_use]
    pub fn max_bytes(self) -> usize {
        self.channel().rules().max_bytes
    }

    fn channel(self) -> Channel {
        match self {
            Verb::Configure => Channel::ConfigDesired,
            Verb::Update => Channel::UpdateDesired,
            Verb::Notice | Verb::NoticeAll => Channel::Notice,
            Verb::Command(name) => Channel::Command(name.as_str().into()),
        }
    }
}

/// A verb, or several, in a grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Verbs {
    All,
    Configure,
    Update,
    Notice,
    Enrol,
    AllCommands,
    /// Also one that this release does not know.
    Command(String),
}

/// Something that a signer may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grant {
    tenant: Tenant,
    /// None: all.
    site: Option<Site>,
    verbs: Verbs,
}

/// Why a text is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a grant is hemicycle://TENANT/SITE/VERB; SITE a name or *, VERB one of configure, update, notice, enrol, command:NAME, command:*, *"
)]
pub struct GrantError;

impl Grant {
    /// Everything that a tenant's boxes can be asked for.
    #[must_use]
    pub const fn everything(tenant: Tenant) -> Self {
        Self {
            tenant,
            site: None,
            verbs: Verbs::All,
        }
    }

    /// True when its holder may take boxes into some fleet.
    #[must_use]
    pub const fn is_for_enrolment(&self) -> bool {
        matches!(self.verbs, Verbs::All | Verbs::Enrol)
    }

    /// True when its holder may take boxes into the fleet at this site.
    #[must_use]
    pub fn allows_enrolment(&self, tenant: &Tenant, site: &Site) -> bool {
        let here = self.site.as_ref().is_none_or(|granted| granted == site);
        self.tenant == *tenant && here && self.is_for_enrolment()
    }

    /// True when it reaches a box at this site.
    #[must_use]
    pub fn allows(&self, tenant: &Tenant, site: &Site, verb: Verb) -> bool {
        let here = match &self.site {
            None => true,
            Some(granted) => granted == site && verb != Verb::NoticeAll,
        };
        let this = match (&self.verbs, verb) {
            (Verbs::All, _)
            | (Verbs::Configure, Verb::Configure)
            | (Verbs::Update, Verb::Update)
            | (Verbs::Notice, Verb::Notice | Verb::NoticeAll)
            | (Verbs::AllCommands, Verb::Command(_)) => true,
            (Verbs::Command(name), Verb::Command(command)) => name == command.as_str(),
            _ => false,
        };
        self.tenant == *tenant && here && this
    }
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let words: Vec<&str> = text.strip_prefix(SCHEME).ok_or(GrantError)?.split('/').collect();
        let [tenant, site, verb] = words[..] else {
            return Err(GrantError);
        };
        let command = |name: &str| {
            let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_');
            (1..=48).contains(&name.len()) && name.bytes().all(allowed)
        };
        let verbs = match verb.split_once(':') {
            None => match verb {
                "*" => Verbs::All,
                "configure" => Verbs::Configure,
                "update" => Verbs::Update,
                "notice" => Verbs::Notice,
                "enrol" => Verbs::Enrol,
                _ => return Err(GrantError),
            },
            Some(("command", "*")) => Verbs::AllCommands,
            Some(("command", name)) if command(name) => Verbs::Command(name.to_owned()),
            Some(_) => return Err(GrantError),
        };
        let site = match site {
            "*" => None,
            name => Some(name.try_into().map_err(|_| GrantError)?),
        };
        let tenant = tenant.try_into().map_err(|_| GrantError)?;
        Ok(Self { tenant, site, verbs })
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = self.site.as_ref().map_or("*", Site::as_str);
        write!(f, "{SCHEME}{}/{site}/", self.tenant)?;
        match &self.verbs {
            Verbs::All => f.write_str("*"),
            Verbs::Configure => f.write_str("configure"),
            Verbs::Update => f.write_str("update"),
            Verbs::Notice => f.write_str("notice"),
            Verbs::Enrol => f.write_str("enrol"),
            Verbs::AllCommands => f.write_str("command:*"),
            Verbs::Command(name) => write!(f, "command:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_read_as_it_is_written_and_nothing_else_is_one() {
        for text in [
            "hemicycle://etat/lyon/configure",
            "hemicycle://etat/*/update",
            "hemicycle://etat/lyon/notice",
            "hemicycle://etat/*/enrol",
            "hemicycle://etat/lyon/command:call.join",
            "hemicycle://etat/lyon/command:of.tomorrow",
            "hemicycle://etat/*/command:*",
            "hemicycle://etat/*/*",
        ] {
            assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "hemicycle://etat/lyon",
            "hemicycle://*/lyon/update",
            "hemicycle://etat//update",
            "hemicycle://etat/lyon/update/",
            "hemicycle://etat/lyon/reboot",
            "hemicycle://etat/lyon/command:",
            "hemicycle://etat/lyon/command:a,b",
            "https://etat/lyon/update",
            "hemicycle://etat/ly*/update",
        ] {
            assert_eq!(text.parse::<Grant>(), Err(GrantError), "{text}");
        }
    }

    #[test]
    fn whoever_may_speak_at_one_site_may_not_speak_to_everybody() {
        let tenant = Tenant::try_from("etat").unwrap();
        let lyon = Site::try_from("lyon").unwrap();
        let one: Grant = "hemicycle://etat/lyon/notice".parse().unwrap();
        let all: Grant = "hemicycle://etat/*/notice".parse().unwrap();
        assert!(one.allows(&tenant, &lyon, Verb::Notice));
        assert!(!one.allows(&tenant, &lyon, Verb::NoticeAll));
        assert!(all.allows(&tenant, &lyon, Verb::NoticeAll));
    }
}
