//! Broken clients of another make: the small client on str0m, wrong in its media, where a liar in the middle cannot
//! reach. The same rules must catch them.

use conference::rule;

use crate::support::Wrong;

/// One broken client.
pub struct SmallMutant {
    pub wrong: Wrong,
    pub name: &'static str,
    pub does: &'static str,
    pub rule: &'static str,
}

/// All of them.
pub fn all() -> Vec<SmallMutant> {
    use Wrong::*;
    [
        (
            SkipsConferenceRequest,
            "small-no-request",
            "joins without a conference request",
            rule::CONFERENCE_REQUEST_FIRST,
        ),
        (
            AnnouncesOtherCaps,
            "small-other-caps",
            "announces a caps hash that is not its own",
            rule::CAPS,
        ),
        (
            HasTwoSourcesWithOneSsrc,
            "small-one-ssrc-twice",
            "uses one SSRC for two sources",
            rule::SESSION_ACCEPT,
        ),
        (
            SignalsLowerCaseFingerprint,
            "small-lower-case",
            "signals its fingerprint in lower case",
            rule::FINGERPRINT,
        ),
        (
            HasRsaLikeSetup,
            "small-setup",
            "answers a setup that is no answer",
            rule::FINGERPRINT,
        ),
        (
            SignalsAnotherFingerprint,
            "small-foreign-fingerprint",
            "signals the fingerprint of another certificate",
            rule::DTLS,
        ),
        (
            OpensTwoChannels,
            "small-two-channels",
            "opens two data channels",
            rule::ONE_CHANNEL,
        ),
        (
            NamesChannelWrongly,
            "small-channel-name",
            "gives its data channel a name of its own",
            rule::ONE_CHANNEL,
        ),
        (
            SaysUnknownField,
            "small-unknown-field",
            "sends a message with an unknown field",
            rule::CHANNEL_STRICT,
        ),
        (
            ConstrainsNothing,
            "small-no-constraints",
            "never says what it wants to receive",
            rule::CHANNEL_OPENING,
        ),
        (
            SendsNoAudioLevel,
            "small-no-audio-level",
            "sends sound without its level",
            rule::AUDIO_LEVEL,
        ),
        (
            SendsOnStraySsrc,
            "small-stray-ssrc",
            "sends on an SSRC that it never declared",
            rule::DECLARED_SSRC,
        ),
        (
            SendsNoTemporalIndex,
            "small-no-temporal-index",
            "sends VP8 without the temporal layer index",
            rule::PICTURE_ID,
        ),
        (
            SwapsLayers,
            "small-swapped-layers",
            "lists its layers from high to low",
            rule::LAYER_ORDER,
        ),
        (
            IgnoresKeyFrameRequests,
            "small-no-key-frame",
            "answers no PLI",
            rule::KEY_FRAME,
        ),
        (
            IgnoresSenderConstraints,
            "small-sends-unwanted",
            "goes on sending a picture that nobody wants",
            rule::SENDER_CONSTRAINTS,
        ),
        (
            IgnoresMute,
            "small-ignores-mute",
            "acknowledges a moderator's mute and goes on",
            rule::MUTE_OBEYED,
        ),
        (
            ObeysImpostors,
            "small-obeys-anybody",
            "is muted by somebody who is not the focus",
            rule::MUTE_IMPOSTOR,
        ),
        (
            AnswersNoPing,
            "small-deaf-to-pings",
            "answers no e2e-ping-request",
            rule::PING_REPLY,
        ),
        (
            IgnoresMoves,
            "small-stays",
            "does not follow a moved session",
            rule::MOVE,
        ),
        (
            TakesInvitationsOfPeers,
            "small-any-invitation",
            "does not decline an invitation of a peer",
            rule::P2P_DECLINED,
        ),
        (
            SendsAfterLeaving,
            "small-sends-after-leaving",
            "goes on sending after its presence is gone",
            rule::LEAVE_ORDER,
        ),
    ]
    .into_iter()
    .map(|(wrong, name, does, rule)| SmallMutant {
        wrong,
        name,
        does,
        rule,
    })
    .collect()
}
