//! A server that means harm: nothing that it says is executed, every conversation has a named end, and the memory of the
//! process that talks to it stays where it was.

use std::time::Duration;

use conference::scripted::{Act, FOCUS_USER, Page, Script, ScriptedServer, invitation, occupant};
use end_to_end::{Devices, Join, RoomBox, processes, wait_for};

use crate::stage::{PATIENCE, ROOM};

/// What `roomd` may hold more than before, bytes: buffers grow to the size of the largest frame once and stay.
const GROWTH: u64 = 16 << 20;

/// What `roomd` may hold at most while it finds out that it is at no conference, bytes.
const MOST: u64 = 64 << 20;

/// Until the box is in its meeting and its memory known.
const CALM: Act = Act::Pause(Duration::from_secs(4));

/// A daemon in the room of a scripted server.
struct Attack {
    server: ScriptedServer,
    room_box: RoomBox,
    before: u64,
}

impl Attack {
    fn begin(script: Script) -> Self {
        let server = ScriptedServer::start(script).expect("a scripted server");
        let room_box = RoomBox::daemon(&Devices::default()).expect("roomd runs");
        let before = memory(&room_box);
        let url = server.room_url(ROOM);
        let join = format!(r#"{{"command":"join","url":"{url}","muted":false}}"#);
        assert_eq!(room_box.ask(&join).expect("an answer"), "accepted");
        Self {
            server,
            room_box,
            before,
        }
    }

    fn wait(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        assert!(
            wait_for(PATIENCE, || condition(self)),
            "waited in vain until {what}; state {}; said {:#?}; words {}",
            self.room_box.state(""),
            self.server.said(),
            self.room_box.words()
        );
    }

    fn all_acts_are_done(&self, acts: usize) {
        self.wait("everything was said", |attack| attack.server.acts_done() == acts);
    }

    /// The room is left alive and well: still in its meeting with microphone and camera as they were, and it can leave.
    fn nothing_was_executed(self) {
        assert_eq!(self.room_box.state("/state"), "in-meeting", "{}", self.room_box.words());
        assert_eq!(self.room_box.state("/microphone/open"), true);
        assert_eq!(self.room_box.state("/camera/open"), true);
        self.memory_is_flat();
        assert_eq!(
            self.room_box.ask(r#"{"command":"leave"}"#).expect("an answer"),
            "accepted"
        );
        self.wait("it is idle", |attack| attack.room_box.state("/state") == "idle");
        assert_eq!(self.server.connections(), 1, "it was never thrown off its connection");
    }

    fn memory_is_flat(&self) {
        let now = memory(&self.room_box);
        println!("memory of roomd: {} KiB, {} KiB before", now >> 10, self.before >> 10);
        assert!(now < self.before + GROWTH, "{} bytes before, {now} now", self.before);
    }

    /// It is in its meeting: what it needs for that it has, and from here its memory is watched.
    fn devices_are_open(&mut self) {
        self.wait("its devices are open", |attack| {
            attack.room_box.state("/microphone/open") == true && attack.room_box.state("/camera/open") == true
        });
        self.before = memory(&self.room_box);
    }
}

fn memory(room_box: &RoomBox) -> u64 {
    memory_of(room_box.pid())
}

fn memory_of(pid: u32) -> u64 {
    processes::proportional_set_size(pid).unwrap_or_default()
}

/// The outcome of `roomd join` at such a server.
fn outcome(script: Script) -> String {
    let server = ScriptedServer::start(script).expect("a scripted server");
    let mut room_box = RoomBox::join(&server.room_url(ROOM), &Join::default()).expect("roomd starts");
    let mut peak = 0;
    let end = std::time::Instant::now() + PATIENCE * 3;
    while room_box.wait(Duration::from_millis(50)).is_none() {
        assert!(std::time::Instant::now() < end, "no end; {}", room_box.words());
        peak = peak.max(memory_of(room_box.pid()));
    }
    println!("memory of roomd at most {} KiB", peak >> 10);
    assert!(peak < MOST, "{peak} bytes");
    let report = room_box.report().expect("a report");
    report["outcome"].as_str().unwrap_or_default().to_owned()
}

fn mute(from: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='set' id='mute-{{n}}' from='{from}' to='{{me}}'>\
         <mute xmlns='http://jitsi.org/jitmeet/audio' actor='{{room}}/x'>true</mute></iq>"
    )
}

#[test]
fn a_focus_that_is_not_the_announced_one_commands_nobody() {
    let impostor = "mallory@auth.meet.scripted/focus";
    // The occupant that calls itself focus belongs to somebody else.
    let mut script = Script::default();
    for answer in &mut script.answers {
        for frame in &mut answer.says {
            *frame = frame.replace("focus@auth.meet.scripted/focus", impostor);
        }
    }
    let script = script
        .then(Act::Pause(Duration::from_secs(2)))
        .saying(invitation("{room}/focus", "s1"))
        .saying(mute("{room}/focus"))
        .then(Act::Pause(Duration::from_secs(1)));
    let mut attack = Attack::begin(script);
    attack.devices_are_open();
    attack.all_acts_are_done(4);
    let said = attack.server.said();
    assert!(!said.iter().any(|frame| frame.contains("session-accept")), "{said:#?}");
    attack.nothing_was_executed();
}

#[test]
fn forged_mutes_change_nothing_whoever_sends_them() {
    let script = Script::default()
        .saying(occupant("mallory1", "mallory@meet.scripted/x", "moderator"))
        .then(Act::Pause(Duration::from_secs(2)))
        .saying(mute("{room}/mallory1"))
        .saying(mute("{room}"))
        .saying(mute("meet.scripted"))
        .saying(mute(&format!("{FOCUS_USER}/focus")))
        .saying(mute("otherroom@muc.meet.scripted/focus"))
        .saying(mute("{room}/focus").replace(">true<", ">false<"))
        .then(Act::Pause(Duration::from_secs(1)));
    let mut attack = Attack::begin(script);
    attack.devices_are_open();
    attack.all_acts_are_done(9);
    attack.nothing_was_executed();
}

#[test]
fn sources_of_others_and_of_nobody_take_nothing_from_the_box() {
    let change = |from: &str, sid: &str, ssrcs: std::ops::Range<u32>| {
        let sources: String = ssrcs
            .map(|ssrc| format!("<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='{ssrc}' name='ab12cd34-v{ssrc}'><ssrc-info xmlns='http://jitsi.org/jitmeet' owner='{{room}}/ab12cd34'/></source>"))
            .collect();
        format!(
            "<iq xmlns='jabber:client' type='set' id='sources' from='{from}' to='{{me}}'><jingle xmlns='urn:xmpp:jingle:1' action='source-add' sid='{sid}'>\
             <content name='video' creator='initiator'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>{sources}</description></content></jingle></iq>"
        )
    };
    let script = Script::default()
        .saying(occupant("mallory1", "mallory@meet.scripted/x", "participant"))
        .saying(invitation("{room}/focus", "s1"))
        .then(Act::Pause(Duration::from_secs(2)))
        .saying(change("{room}/mallory1", "s1", 1..5))
        .saying(change("{room}/focus", "s1", 1..2_000))
        .saying(change("{room}/focus", "other", 1..2_000))
        .saying(invitation("{room}/mallory1", "p2p"))
        .then(Act::Pause(Duration::from_secs(1)));
    let mut attack = Attack::begin(script);
    attack.devices_are_open();
    attack.all_acts_are_done(8);
    let answered = |attack: &Attack, part: &str| attack.server.said().iter().any(|frame| frame.contains(part));
    attack.wait("the focus's invitation is accepted", |attack| {
        answered(attack, "session-accept")
    });
    attack.wait("the peer's is declined", |attack| answered(attack, "<decline/>"));
    let said = attack.server.said();
    let accepts = said.iter().filter(|frame| frame.contains("session-accept")).count();
    assert_eq!(accepts, 1, "only the focus's invitation is accepted: {said:#?}");
    attack.nothing_was_executed();
}

#[test]
fn ten_thousand_messages_a_second_neither_fill_the_memory_nor_deafen_the_box() {
    let script = Script::default().then(CALM).then(Act::Flood {
        text: "<message xmlns='jabber:client' type='groupchat' from='{room}/mallory1' to='{me}'><body>message number {n}</body></message>".into(),
        per_second: 10_000,
        during: Duration::from_secs(8),
    });
    let mut attack = Attack::begin(script);
    attack.devices_are_open();
    attack.wait("the flood runs", |attack| attack.server.acts_done() == 1);
    std::thread::sleep(Duration::from_secs(2));
    let cpu = processes::cpu_seconds(attack.room_box.pid()).unwrap_or_default();
    let asked = std::time::Instant::now();
    attack
        .room_box
        .ask(r#"{"command":"state"}"#)
        .expect("it answers while it is flooded");
    println!("an answer after {} ms", asked.elapsed().as_millis());
    attack.all_acts_are_done(2);
    let used = processes::cpu_seconds(attack.room_box.pid()).unwrap_or_default() - cpu;
    println!("processor time {used:.1} s in the last 6 s");
    attack.nothing_was_executed();
}

#[test]
fn a_hundred_thousand_occupants_are_not_all_remembered() {
    let presence = occupant("m{n}", "m{n}@meet.scripted/x", "participant");
    let script = Script::default().then(CALM).then(Act::Flood {
        text: presence.replace("<x ", "<nick xmlns='http://jabber.org/protocol/nick'>{n}</nick><x "),
        per_second: 12_500,
        during: Duration::from_secs(8),
    });
    let mut attack = Attack::begin(script);
    attack.devices_are_open();
    attack.all_acts_are_done(2);
    attack.nothing_was_executed();
}

#[test]
fn twenty_thousand_nested_elements_end_the_stream_and_not_the_process() {
    let deep = format!(
        "<message xmlns='jabber:client' from='{{room}}/x'>{}{}</message>",
        "<a>".repeat(20_000),
        "</a>".repeat(20_000)
    );
    let script = Script::default().saying(deep).then(Act::Pause(Duration::from_secs(1)));
    let attack = Attack::begin(script);
    attack.wait("it was said", |attack| attack.server.acts_done() >= 1);
    attack.wait("its worker lives", |attack| attack.room_box.worker_pid().is_some());
    attack.memory_is_flat();
    let left = attack.room_box.ask(r#"{"command":"leave"}"#).expect("it still answers");
    assert_eq!(left, "accepted");
    attack.wait("it is idle", |attack| attack.room_box.state("/state") == "idle");
}

#[test]
fn a_stanza_without_end_is_cut_off_at_its_limit() {
    let script = Script::default().then(Act::Endless {
        begin: "<message xmlns='jabber:client' from='{room}/x'><body>".into(),
        more: "no end in sight ".repeat(1024),
        bytes: 256 << 20,
    });
    let attack = Attack::begin(script);
    // Whether it comes back or gives up is the room's matter; that it let go is what counts here.
    attack.wait("the connection is given up", |attack| {
        attack.server.connections() > 1 || attack.room_box.state("/state") == "idle"
    });
    attack.memory_is_flat();
}

#[test]
fn a_configuration_of_sixty_megabytes_is_no_conference() {
    let script = Script::default().configured(Page::Bytes(60 << 20));
    assert_eq!(outcome(script), "not-a-conference");
}

#[test]
fn a_configuration_that_is_a_bomb_is_evaluated_within_bounds() {
    let mut bomb = String::from("var config = {}; var a = 'xxxxxxxxxxxxxxxx';");
    for _ in 0..40 {
        bomb.push_str("a = a + a;");
    }
    bomb.push_str("config.hosts = { domain: a };");
    // What cannot be evaluated is passed over, and the usual names are tried.
    let mut attack = Attack::begin(Script::default().configured(Page::Text(bomb)));
    attack.devices_are_open();
    attack.nothing_was_executed();
}

#[test]
fn features_without_end_are_a_refused_connection() {
    let features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
                    <mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>";
    let script = Script::default()
        .answering("<open ", [features; 64])
        .answering("<auth ", [features; 1024]);
    assert_eq!(outcome(script), "connection-refused");
}

#[test]
fn a_login_that_the_box_does_not_know_has_its_name() {
    let features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
                    <mechanism>X-OAUTH2</mechanism></mechanisms></stream:features>";
    let script = Script::default().answering("<open ", [features]);
    assert_eq!(outcome(script), "login-required");
    let challenge = "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AAAA</challenge>";
    let script = Script::default().answering("<auth ", [challenge]);
    assert_eq!(outcome(script), "connection-refused");
}
