//! An examination: everything that a conference does to a client which behaves, one thing after the other, and then the
//! verdict. It changes nothing that a client of good conduct would not survive.

use std::time::Duration;

use crate::{BrokenRule, Conference, Impostor, Media, verdict};

/// For the client to come in and its media to flow.
const ARRIVES: Duration = Duration::from_secs(120);
/// What follows an act is looked at at most three seconds later.
const LOOKED_AT: Duration = Duration::from_secs(4);

/// What is done, in words, and how.
type Act = (&'static str, fn(&Conference));

const ACTS: &[Act] = &[
    ("a stale session and an unknown Jingle action", Conference::probe_errors),
    ("an invitation past the focus", Conference::invite_directly),
    ("a mute by a peer", |c| c.mute_by_impostor(Media::Audio, Impostor::Peer)),
    ("a request over the bridge channel", Conference::end_to_end_ping),
    ("a key frame wanted by PLI", |c| c.request_key_frame(0, false)),
    ("SSRCs exchanged in mid call", |c| c.remap_source(None)),
    ("the session moved to another bridge", Conference::move_session),
    ("nobody wants its picture", |c| c.sender_source_constraints(0)),
    ("its picture is wanted again", |c| c.sender_source_constraints(-1)),
    ("a mute by a moderator", |c| c.mute(Media::Audio)),
];

/// Waits for a client, does all that to it and tells each by `tell`. False when nobody came whose media flowed; the
/// verdict so far is told all the same.
pub async fn examine(conference: &Conference, tell: impl Fn(&str)) -> bool {
    tell("waiting for a client whose sound and picture arrive");
    let flows = |c: &Conference| {
        let far = c.far_side();
        far.audio_packets > 50 && far.layers.iter().any(|layer| layer.frames > 30)
    };
    if !conference.wait_until(ARRIVES, flows).await {
        return false;
    }
    for (what, act) in ACTS {
        tell(what);
        act(conference);
        tokio::time::sleep(LOOKED_AT).await;
    }
    true
}

/// The verdict group by group, as text: what was broken, and where nothing was.
pub fn summary(broken: &[BrokenRule]) -> String {
    let mut out = String::new();
    for group in verdict::GROUPS {
        let of_group: Vec<&BrokenRule> = broken
            .iter()
            .filter(|b| verdict::group(b.rule) == Some(group))
            .collect();
        let word = if of_group.is_empty() { "kept" } else { "BROKEN" };
        out.push_str(&format!("{word:<8}{group}\n"));
        for rule in of_group {
            out.push_str(&format!("        {}: {}\n", rule.rule, rule.detail));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule;

    #[test]
    fn the_summary_names_every_group_and_what_was_broken_in_it() {
        let broken = [BrokenRule {
            rule: rule::CAPS,
            detail: "other".into(),
        }];
        let text = summary(&broken);
        assert!(
            text.contains("kept    connect\n") && text.contains("BROKEN  join\n"),
            "{text}"
        );
        assert!(text.contains(&format!("{}: other", rule::CAPS)), "{text}");
        assert_eq!(text.matches("kept").count(), 8);
    }
}
