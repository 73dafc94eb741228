//! EMQX 5: `acl.conf`, for its file authorizer with `no_match = deny` and `peer_cert_as_username = cn`.

use std::fmt::Write as _;

use fleet::contract::Tenant;

use super::rules::{self, Act, ENROLMENT_ANSWER, ENROLMENT_REQUEST, User};

/// The file for these users. `every_box`: all boxes of an organisation, whose names then need not be known.
#[must_use]
pub fn acl<'a>(users: impl IntoIterator<Item = &'a User>, every_box: Option<&Tenant>) -> String {
    let mut text = String::from("%% Written by roomctl; changes are lost when it writes again.\n");
    for user in users {
        for act in [Act::Publish, Act::Subscribe] {
            let word = match act {
                Act::Publish => "publish",
                Act::Subscribe => "subscribe",
            };
            let rules = user.rules().into_iter().filter(|rule| rule.act == act);
            let topics: Vec<String> = rules.map(|rule| format!("\"{}\"", rule.topics)).collect();
            if !topics.is_empty() {
                // Nothing can fail when text is written to text.
                let _ = writeln!(
                    text,
                    "{{allow, {{username, \"{}\"}}, {word}, [{}]}}.",
                    user.name(),
                    topics.join(", ")
                );
            }
        }
    }
    if let Some(tenant) = every_box {
        for rule in rules::every_box(tenant, "${username}") {
            let word = match rule.act {
                Act::Publish => "publish",
                Act::Subscribe => "subscribe",
            };
            let _ = writeln!(text, "{{allow, all, {word}, [\"{}\"]}}.", rule.topics);
        }
    }
    let of = |topic: &str| topic.replace("{serial}", "${username}");
    let _ = writeln!(text, "{{allow, all, publish, [\"{}\"]}}.", of(ENROLMENT_REQUEST));
    let _ = writeln!(text, "{{allow, all, subscribe, [\"{}\"]}}.", of(ENROLMENT_ANSWER));
    text.push_str("{deny, all}.\n");
    text
}
