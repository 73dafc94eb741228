//! Mosquitto 2: `mosquitto.conf` and its ACL files.
//!
//! Three listeners, each with an authority and a list of its own, so that nobody can use the certificate of one door at another:
//! for boxes, whose client id is taken from the certificate; for boxes that have none yet; and for people and programs, who may
//! be there several times at once and choose their client ids.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fleet::contract::Tenant;

use super::rules::{self, Act, ENROLMENT_ANSWER, ENROLMENT_REQUEST, User};

/// Name of the list of the boxes' listener, inside the folder of the configuration.
pub const BOXES: &str = "boxes.acl";
/// Of the listener for boxes without a certificate.
pub const CLAIMS: &str = "claims.acl";
/// Of the listener for people and programs.
pub const STAFF: &str = "staff.acl";

/// A listener.
#[derive(Debug, Clone)]
pub struct Listener {
    /// TCP port.
    pub port: u16,
    /// Address to bind; none: all.
    pub address: Option<String>,
    /// File with the authority of those who may come, PEM.
    pub authority: PathBuf,
}

/// A broker.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Folder of the lists.
    pub folder: PathBuf,
    /// Where it keeps its database.
    pub data: PathBuf,
    /// Its certificate with those up to the authority, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// For boxes.
    pub boxes: Listener,
    /// For boxes without a certificate of the organisation.
    pub claims: Option<Listener>,
    /// For people and programs.
    pub staff: Listener,
    /// Whom it runs as when started by root; none: Debian's own user.
    pub user: Option<String>,
}

/// Largest packet, bytes (`specs/fleet-mqtt.md §1`, Session).
const MAXIMUM_PACKET: u32 = 131_072;
/// How often it saves, seconds: boxes say again what they said in the ten minutes before it was killed.
const SAVE_EVERY: u32 = 60;
/// What waits for somebody who is away: an hour of events of some hundred boxes.
const QUEUED: u32 = 100_000;

impl Broker {
    /// Its `mosquitto.conf`.
    #[must_use]
    pub fn configuration(&self) -> String {
        let mut text = String::from("# Written by roomctl; changes are lost when it writes again.\n");
        let mut line = |words: &str| {
            text.push_str(words);
            text.push('\n');
        };
        line("per_listener_settings true");
        if let Some(user) = &self.user {
            line(&format!("user {user}"));
        }
        line("persistence true");
        line(&format!("persistence_location {}/", self.data.display()));
        line(&format!("autosave_interval {SAVE_EVERY}"));
        // Retained documents stay when whoever published them has left.
        line("check_retain_source false");
        line(&format!("max_packet_size {MAXIMUM_PACKET}"));
        line(&format!("max_queued_messages {QUEUED}"));
        line("persistent_client_expiration 90d");
        line("connection_messages false");
        // An answer in milliseconds instead of 40: what Mosquitto writes is small.
        line("set_tcp_nodelay true");
        self.listener(&mut text, &self.boxes, BOXES, true);
        if let Some(claims) = &self.claims {
            self.listener(&mut text, claims, CLAIMS, true);
        }
        self.listener(&mut text, &self.staff, STAFF, false);
        text
    }

    fn listener(&self, text: &mut String, listener: &Listener, list: &str, named: bool) {
        let address = listener.address.as_deref().unwrap_or_default();
        let certificate = self.certificate.display();
        // Nothing can fail when text is written to text.
        let _ = write!(
            text,
            "\nlistener {} {address}\n\
             allow_anonymous false\n\
             cafile {}\n\
             certfile {certificate}\n\
             keyfile {}\n\
             tls_version tlsv1.3\n\
             require_certificate true\n\
             use_identity_as_username true\n\
             use_username_as_clientid {named}\n\
             acl_file {}\n",
            listener.port,
            listener.authority.display(),
            self.key.display(),
            self.folder.join(list).display(),
        );
    }
}

/// The list of these users, for [`BOXES`] or [`STAFF`]. Mosquitto reads it again on SIGHUP; who is connected keeps what it had
/// until it reconnects.
#[must_use]
pub fn list<'a>(users: impl IntoIterator<Item = &'a User>) -> String {
    let mut text = String::from("# Written by roomctl; changes are lost when it writes again.\n");
    for user in users {
        let _ = write!(text, "\nuser {}\n", user.name());
        for rule in user.rules() {
            let act = match rule.act {
                Act::Publish => "write",
                Act::Subscribe => "read",
            };
            let _ = writeln!(text, "topic {act} {}", rule.topics);
        }
    }
    text
}

/// The list for [`BOXES`] when the authority of that listener certifies boxes of this organisation alone: it holds for every box
/// that has a certificate, and never changes.
#[must_use]
pub fn every_box(tenant: &Tenant) -> String {
    let mut text = String::from("# Written by roomctl; changes are lost when it writes again.\n");
    for rule in rules::every_box(tenant, "%u") {
        let act = match rule.act {
            Act::Publish => "write",
            Act::Subscribe => "read",
        };
        let _ = writeln!(text, "pattern {act} {}", rule.topics);
    }
    text
}

/// The list for [`CLAIMS`]: the common name of a claim certificate is the serial number.
#[must_use]
pub fn claims() -> String {
    let of = |topic: &str| topic.replace("{serial}", "%u");
    format!(
        "pattern write {}\npattern read {}\n",
        of(ENROLMENT_REQUEST),
        of(ENROLMENT_ANSWER)
    )
}

/// Where a list of that name is.
#[must_use]
pub fn path(folder: &Path, list: &str) -> PathBuf {
    folder.join(list)
}
