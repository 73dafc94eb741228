//! Broken clients made of the real box and a liar in front of it.

use conference::rule;

use crate::spoil::{Frame, Frames, Spoiling, Way, between, without};

/// What is done once the box is in its meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing; it leaves.
    Nothing,
    /// Somebody in the room switches the microphone off.
    SwitchOff,
    /// A moderator mutes.
    Mute,
    /// A peer mutes, which it may not.
    MuteByImpostor,
    /// A peer asks for an answer over the bridge channel.
    Ping,
    /// Nobody wants its picture.
    WantNothing,
    /// Its session moves.
    Move,
    /// Stale and unknown Jingle.
    Probe,
    /// A peer invites it past the focus.
    InviteDirectly,
    /// It is muted by AV moderation, and then allowed to unmute.
    Allow,
    /// It is sent to a breakout room.
    SendAside,
    /// It is put out.
    Kick,
}

/// One broken client.
pub struct BoxMutant {
    pub name: &'static str,
    pub does: &'static str,
    pub rule: &'static str,
    pub act: Act,
    /// The bridge channel is a WebSocket, so that the liar can read it.
    pub channel: bool,
    pub spoiling: Spoiling,
}

impl BoxMutant {
    fn when(mut self, act: Act) -> Self {
        self.act = act;
        self
    }

    fn on_the_channel(mut self) -> Self {
        self.channel = true;
        self
    }
}

fn mutant(name: &'static str, does: &'static str, rule: &'static str, frames: Frames) -> BoxMutant {
    BoxMutant {
        name,
        does,
        rule,
        act: Act::Nothing,
        channel: false,
        spoiling: Spoiling {
            frames,
            ..Spoiling::default()
        },
    }
}

fn url(name: &'static str, does: &'static str, rule: &'static str, url: fn(&str) -> String) -> BoxMutant {
    let mut mutant = mutant(name, does, rule, |frame, _| frame.pass());
    mutant.spoiling.url = url;
    mutant
}

const FOCUS: &str = "http://jitsi.org/protocol/focus";
const JOIN: &str = "<x xmlns='http://jabber.org/protocol/muc'";
const SOURCE_INFO: &str = "<SourceInfo>";

/// All of them, group by group.
pub fn all() -> Vec<BoxMutant> {
    let mut all = connect();
    all.extend(conference_request());
    all.extend(join());
    all.extend(jingle());
    all.extend(transport());
    all.extend(channel());
    all.extend(control());
    all.extend(churn());
    all.extend(leave());
    all
}

fn connect() -> Vec<BoxMutant> {
    let mut silent = mutant(
        "no-subprotocol",
        "offers no WebSocket sub-protocol",
        rule::SUBPROTOCOL,
        |frame, _| frame.pass(),
    );
    silent.spoiling.subprotocol = false;
    vec![
        silent,
        url("no-room", "connects without room=", rule::ROOM_PARAMETER, |target| {
            target.replace("room=", "salle=")
        }),
        url(
            "shouts-room",
            "connects with room= in capitals",
            rule::ROOM_PARAMETER,
            |target| target.replace("room=hemicycle", "room=HEMICYCLE"),
        ),
        url(
            "empty-token",
            "sends token= although it has none",
            rule::TOKEN_PARAMETER,
            |target| format!("{target}&token="),
        ),
        mutant("no-open", "speaks before <open/>", rule::OPEN_FIRST, |frame, memory| {
            if frame.said(&["<open "]) && memory.count == 0 {
                memory.count = 1;
                return frame.with("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>");
            }
            frame.pass()
        }),
        mutant(
            "no-stream-management",
            "never enables stream management",
            rule::STREAM_MANAGEMENT,
            |frame, _| {
                // Nor does it ask for a count then, at which the server would end the stream.
                if frame.said(&["xmlns='urn:xmpp:sm:3'"]) {
                    return vec![];
                }
                frame.pass()
            },
        ),
        mutant(
            "counts-wrongly",
            "answers <r/> with a count far too high",
            rule::STREAM_MANAGEMENT,
            |frame, _| {
                if frame.said(&["<a xmlns='urn:xmpp:sm:3'"]) {
                    return frame.with("<a xmlns='urn:xmpp:sm:3' h='4000'/>");
                }
                frame.pass()
            },
        ),
        mutant(
            "two-in-one-frame",
            "puts two stanzas into one frame",
            rule::FRAMING,
            |frame, memory| {
                if frame.said(&[FOCUS]) && memory.count == 0 {
                    memory.count = 1;
                    let text = format!("{}<presence xmlns='jabber:client'/>", frame.text);
                    return frame.with(text);
                }
                frame.pass()
            },
        ),
    ]
}

fn conference_request() -> Vec<BoxMutant> {
    vec![
        mutant(
            "no-request",
            "joins without a conference request",
            rule::CONFERENCE_REQUEST_FIRST,
            |frame, _| {
                if frame.said(&["<conference ", FOCUS]) {
                    let answer = format!(
                        "<iq xmlns='jabber:client' type='result' id='{}' from='{}'><conference xmlns='{FOCUS}' \
                         ready='true' focusjid='focus@auth.meet.local'/></iq>",
                        frame.attribute("id"),
                        frame.attribute("to")
                    );
                    return vec![Frame::to_client(answer)];
                }
                frame.pass()
            },
        ),
        mutant(
            "no-machine-uid",
            "asks without a machine-uid",
            rule::CONFERENCE_REQUEST_SHAPE,
            |frame, _| {
                if frame.said(&["<conference ", FOCUS]) {
                    return frame.replaced("machine-uid=", "engine-uid=");
                }
                frame.pass()
            },
        ),
        mutant(
            "wants-to-be-a-visitor",
            "asks with visitors-version",
            rule::CONFERENCE_REQUEST_SHAPE,
            |frame, _| {
                if frame.said(&["</conference>", FOCUS]) {
                    return frame.replaced(
                        "</conference>",
                        "<property name='visitors-version' value='1'/></conference>",
                    );
                }
                frame.pass()
            },
        ),
    ]
}

fn join() -> Vec<BoxMutant> {
    vec![
        mutant(
            "own-nick",
            "joins under a nick of its own making",
            rule::NICK,
            |frame, _| {
                if frame.said(&[JOIN]) {
                    let nick = frame.attribute("to").rsplit('/').next().unwrap_or_default().to_owned();
                    return frame.replaced(&format!("/{nick}'"), "/probe123'");
                }
                frame.pass()
            },
        ),
        mutant(
            "foreign-sources",
            "shows a source of somebody else in SourceInfo",
            rule::SOURCE_INFO,
            |frame, _| {
                if frame.said(&["<presence", SOURCE_INFO]) {
                    let own = between(&frame.text, SOURCE_INFO, "</SourceInfo>").to_owned();
                    return frame.replaced(&own, "{\"ffffffff-a0\":{\"muted\":true}}");
                }
                frame.pass()
            },
        ),
        mutant("no-codec-list", "names no codecs", rule::CODEC_LIST, |frame, _| {
            if frame.said(&["<presence", "codecList"]) {
                let text = without(
                    &frame.text,
                    "<jitsi_participant_codecList>",
                    "</jitsi_participant_codecList>",
                );
                return frame.with(text);
            }
            frame.pass()
        }),
        mutant(
            "other-caps",
            "announces a caps hash that is not its own",
            rule::CAPS,
            |frame, memory| {
                const OTHER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
                if frame.said(&["<presence", " ver='"]) {
                    let ver = between(&frame.text, " ver='", "'").to_owned();
                    memory.kept = vec![ver.clone()];
                    return frame.replaced(&ver, OTHER);
                }
                // It answers all the same when it is asked under that hash.
                match memory.kept.first() {
                    Some(ver) if frame.heard(&["disco#info", OTHER]) => frame.replaced(OTHER, ver),
                    Some(ver) if frame.said(&["disco#info", ver]) => frame.replaced(ver, OTHER),
                    _ => frame.pass(),
                }
            },
        ),
        mutant(
            "no-sctp-feature",
            "answers disco#info without what a bridge participant needs",
            rule::FEATURES,
            |frame, _| {
                if frame.said(&["disco#info", "dtls-sctp:1"]) {
                    return frame.replaced("urn:xmpp:jingle:transports:dtls-sctp:1", "urn:example:nothing");
                }
                frame.pass()
            },
        ),
        mutant(
            "forgets-its-name",
            "leaves its name out of a later presence",
            rule::PRESENCE_WHOLE,
            |frame, _| {
                if frame.said(&["<presence", "/nick'", SOURCE_INFO]) && !frame.text.contains(JOIN) {
                    let text = without(&frame.text, "<nick ", "</nick>");
                    return frame.with(text);
                }
                frame.pass()
            },
        )
        .when(Act::SwitchOff),
    ]
}

fn jingle() -> Vec<BoxMutant> {
    vec![
        mutant("answers-twice", "answers each IQ twice", rule::IQ_ONCE, |frame, _| {
            if frame.said(&["<iq ", "type='result'"]) {
                return vec![frame.clone(), frame];
            }
            frame.pass()
        }),
        mutant("never-answers", "answers no IQ", rule::IQ_ONCE, |frame, _| {
            if frame.said(&["<iq ", "type='result'"]) && !frame.text.contains("disco#info") {
                return vec![];
            }
            frame.pass()
        }),
        mutant(
            "own-payload-type",
            "answers with a payload type that was not offered",
            rule::PAYLOAD_TYPES,
            |frame, _| accept(frame, |text| text.replace(" id='111'", " id='77'")),
        ),
        mutant(
            "no-msid",
            "groups sources that have no msid",
            rule::SESSION_ACCEPT,
            |frame, _| accept(frame, |text| text.replace("name='msid'", "name='label'")),
        ),
        mutant(
            "small-fingerprint",
            "signals its fingerprint in lower case",
            rule::FINGERPRINT,
            |frame, _| {
                accept(frame, |text| {
                    let found = fingerprint(text);
                    text.replace(&found, &found.to_lowercase())
                })
            },
        ),
        mutant(
            "undecided-setup",
            "answers setup='actpass'",
            rule::FINGERPRINT,
            |frame, _| accept(frame, |text| text.replace("setup='active'", "setup='actpass'")),
        ),
        mutant(
            "error-becomes-result",
            "answers a stale session and an unknown action with a result",
            rule::IQ_ONCE,
            |frame, _| {
                if frame.said(&["<iq ", "type='error'"]) {
                    let (id, to) = (frame.attribute("id"), frame.attribute("to"));
                    return frame.with(format!("<iq xmlns='jabber:client' type='result' id='{id}' to='{to}'/>"));
                }
                frame.pass()
            },
        )
        .when(Act::Probe),
    ]
}

fn accept(frame: Frame, change: fn(&str) -> String) -> Vec<Frame> {
    if frame.said(&["session-accept"]) {
        let text = change(&frame.text);
        return frame.with(text);
    }
    frame.pass()
}

fn fingerprint(text: &str) -> String {
    between(between(text, "<fingerprint ", "/fingerprint>"), ">", "<").to_owned()
}

fn transport() -> Vec<BoxMutant> {
    vec![
        mutant(
            "foreign-fingerprint",
            "signals the fingerprint of another certificate",
            rule::DTLS,
            |frame, _| {
                accept(frame, |text| {
                    let found = fingerprint(text);
                    let foreign = if found.starts_with("00") { "11" } else { "00" };
                    text.replace(&found, &format!("{foreign}{}", &found[2..]))
                })
            },
        ),
        mutant(
            "foreign-ice-password",
            "signals an ICE password that is not its own",
            rule::ICE,
            |frame, _| {
                accept(frame, |text| {
                    let found = between(text, " pwd='", "'").to_owned();
                    text.replace(&found, &found.chars().rev().collect::<String>())
                })
            },
        ),
    ]
}

fn channel() -> Vec<BoxMutant> {
    vec![
        mutant(
            "unknown-field",
            "sends a message with a field that the bridge does not know",
            rule::CHANNEL_STRICT,
            |frame, _| {
                if frame.said(&["\"ReceiverVideoConstraints\""]) {
                    return frame.replaced("{\"colibriClass\"", "{\"selectedEndpoints\":[],\"colibriClass\"");
                }
                frame.pass()
            },
        )
        .on_the_channel(),
        mutant(
            "no-constraints",
            "never says what it wants to receive",
            rule::CHANNEL_OPENING,
            |frame, _| {
                if frame.said(&["\"ReceiverVideoConstraints\""]) {
                    return vec![];
                }
                frame.pass()
            },
        )
        .on_the_channel(),
        mutant(
            "no-video-type",
            "never says what its source shows",
            rule::CHANNEL_OPENING,
            |frame, _| {
                if frame.said(&["\"SourceVideoTypeMessage\""]) {
                    return vec![];
                }
                frame.pass()
            },
        )
        .on_the_channel(),
        mutant(
            "sends-unwanted",
            "goes on sending a picture that nobody wants",
            rule::SENDER_CONSTRAINTS,
            |frame, _| {
                if frame.heard(&["\"SenderSourceConstraints\"", "\"maxHeight\":0"]) {
                    return vec![];
                }
                frame.pass()
            },
        )
        .on_the_channel()
        .when(Act::WantNothing),
        mutant(
            "high-layer-first",
            "lists its layers from high to low",
            rule::LAYER_ORDER,
            |frame, _| {
                accept(frame, |text| {
                    let group = between(text, "semantics='SIM'", "</ssrc-group>");
                    let inside = group.split_once('>').map_or("", |(_, inside)| inside);
                    let sources: Vec<&str> = inside.split_inclusive("/>").collect();
                    let turned: String = sources.into_iter().rev().collect();
                    text.replace(inside, &turned)
                })
            },
        ),
    ]
}

fn control() -> Vec<BoxMutant> {
    vec![
        mutant(
            "ignores-moderators",
            "acknowledges a moderator's mute and goes on",
            rule::MUTE_OBEYED,
            |frame, _| {
                if frame.heard(&["http://jitsi.org/jitmeet/audio", "<mute "]) {
                    return vec![frame.result()];
                }
                frame.pass()
            },
        )
        .when(Act::Mute),
        mutant(
            "takes-permission-for-an-order",
            "shows itself unmuted as soon as a moderator allows it",
            rule::MODERATION,
            |frame, memory| {
                if frame.said(&["<presence", "SourceInfo"]) {
                    memory.kept = vec![frame.text.clone()];
                }
                if frame.heard(&["av_moderation", "approved"])
                    && let Some(last) = memory.kept.pop()
                {
                    let on = last.replace(r#"-a0":{"muted":true"#, r#"-a0":{"muted":false"#);
                    return vec![frame, Frame::to_server(on)];
                }
                frame.pass()
            },
        )
        .when(Act::Allow),
        mutant(
            "stays-where-it-is",
            "does not hear that it is sent to a breakout room",
            rule::BREAKOUT,
            |frame, _| {
                if frame.heard(&["breakout_rooms", "move-to-room"]) {
                    return Vec::new();
                }
                frame.pass()
            },
        )
        .when(Act::SendAside),
        mutant(
            "obeys-anybody",
            "is muted by somebody who is not the focus",
            rule::MUTE_IMPOSTOR,
            |frame, _| {
                let from = frame.attribute("from");
                if frame.heard(&["http://jitsi.org/jitmeet/audio", "<mute "]) && !from.ends_with("/focus") {
                    let room = from.split('/').next().unwrap_or_default().to_owned();
                    return frame.replaced(&from, &format!("{room}/focus"));
                }
                frame.pass()
            },
        )
        .when(Act::MuteByImpostor),
        mutant(
            "deaf-to-pings",
            "answers no e2e-ping-request",
            rule::PING_REPLY,
            |frame, _| {
                if frame.heard(&["e2e-ping-request"]) {
                    return vec![];
                }
                frame.pass()
            },
        )
        .on_the_channel()
        .when(Act::Ping),
        mutant(
            "comes-back",
            "joins again after it was put out",
            rule::KICKED_STAYS_OUT,
            |frame, memory| {
                if frame.said(&["<conference ", FOCUS]) || frame.said(&[JOIN]) {
                    memory.kept.push(frame.text.clone());
                } else if frame.heard(&["<presence", "unavailable", "code='307'"])
                    || frame.heard(&["<presence", "unavailable", "code=\"307\""])
                {
                    return std::mem::take(&mut memory.kept)
                        .into_iter()
                        .map(Frame::to_server)
                        .collect();
                }
                frame.pass()
            },
        )
        .when(Act::Kick),
    ]
}

fn churn() -> Vec<BoxMutant> {
    vec![
        mutant(
            "stays-where-it-was",
            "acknowledges the invitation after a move and does not follow",
            rule::MOVE,
            |frame, memory| {
                if frame.heard(&["session-initiate"]) && frame.attribute("from").ends_with("/focus") {
                    memory.count += 1;
                    if memory.count > 1 {
                        return vec![frame.result()];
                    }
                }
                frame.pass()
            },
        )
        .when(Act::Move),
        mutant(
            "restarts-another-bridge",
            "asks for a new session and names a bridge session that is not its own",
            rule::RESTART_LIMIT,
            |frame, memory| {
                if frame.said(&["session-accept"]) && memory.count == 0 {
                    memory.count = 1;
                    let to = frame.attribute("to");
                    let sid = between(&frame.text, " sid='", "'").to_owned();
                    let restart = format!(
                        "<iq xmlns='jabber:client' type='set' id='restart' to='{to}'><jingle xmlns='urn:xmpp:jingle:1' \
                         action='session-terminate' sid='{sid}'><reason><connectivity-error/></reason>\
                         <bridge-session xmlns='{FOCUS}' id='nonsense' restart='true'/></jingle></iq>"
                    );
                    return vec![frame, Frame::to_server(restart)];
                }
                frame.pass()
            },
        ),
        mutant(
            "takes-any-invitation",
            "does not decline an invitation of a peer",
            rule::P2P_DECLINED,
            |frame, _| {
                if frame.heard(&["session-initiate"]) && !frame.attribute("from").ends_with("/focus") {
                    return vec![frame.result()];
                }
                frame.pass()
            },
        )
        .when(Act::InviteDirectly),
    ]
}

fn leave() -> Vec<BoxMutant> {
    vec![
        mutant(
            "no-goodbye",
            "closes the stream while still in the room",
            rule::LEAVE_ORDER,
            |frame, _| {
                if frame.said(&["<presence", "type='unavailable'"]) {
                    return vec![];
                }
                frame.pass()
            },
        ),
        mutant(
            "no-close",
            "drops the socket without <close/>",
            rule::LEAVE_ORDER,
            |frame, _| {
                if frame.said(&["<close "]) {
                    return vec![Frame::to_client("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")];
                }
                frame.pass()
            },
        ),
        mutant(
            "speaks-after-close",
            "says goodbye to the room after <close/>",
            rule::LEAVE_ORDER,
            |frame, _| {
                if frame.said(&["<presence", "type='unavailable'"]) {
                    let close = Frame::to_server("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
                    return vec![close, frame];
                }
                frame.pass()
            },
        ),
        mutant(
            "sends-after-leaving",
            "goes on sending after its presence is gone",
            rule::LEAVE_ORDER,
            |frame, memory| {
                let update = frame.said(&["<presence", "-a0\":{\"muted\":true", "-v0\":{\"muted\":false"]);
                if update && memory.count == 0 {
                    memory.count = 1;
                    let to = frame.attribute("to");
                    let gone = format!("<presence xmlns='jabber:client' type='unavailable' to='{to}'/>");
                    return frame.with(gone);
                }
                // The box shall not learn that it is out.
                if memory.count == 1 && frame.way == Way::ToClient && frame.text.contains("unavailable") {
                    return vec![];
                }
                frame.pass()
            },
        )
        .when(Act::SwitchOff),
    ]
}
