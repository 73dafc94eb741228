//! A log that is read while the box comes and goes.

use super::*;
use fleet::contract::{Offline, Online, OnlineReason, VERSION};

const LOG: Channel = Channel::Telemetry(TelemetryStream::Log);

fn message<T>(body: T) -> Message<T> {
    Author::new("alice", None).stamp(body)
}

fn online(sid: u64) -> Presence {
    Presence::Online(message(Online {
        online: true,
        sid,
        fw: "1.0.0".into(),
        reason: OnlineReason::Boot,
    }))
}

fn bytes(document: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(document).unwrap()
}

fn line(second: u32, level: &str) -> String {
    format!("2026-11-22T08:30:{second:02}.000000Z {level:>5} roomd: x")
}

fn told(lines: &[String]) -> Vec<u8> {
    bytes(&message(Telemetry {
        lines: lines.to_vec(),
        ..Telemetry::default()
    }))
}

/// With a question under way.
fn asking(follow: bool, now: Instant) -> (Reader, Id) {
    let wanted = Wanted {
        since: Duration::from_secs(600),
        level: LogLevel::Warn,
        follow,
    };
    let mut reader = Reader::new(wanted, Some(online(7)), now);
    let params = reader.question(now).unwrap();
    let seconds = if follow { 120 } else { 0 };
    let expected = json!({"seconds": seconds, "since_s": 600, "level": "warn"});
    assert_eq!(Value::Object(params), expected);
    let id = Id(ulid::Ulid::generate());
    reader.asked = Some((id, now + PATIENCE));
    (reader, id)
}

fn answer(re: Id, lines: &[String], left_out: u64) -> Vec<u8> {
    let Value::Object(result) = json!({"lines": lines, "left_out": left_out}) else {
        panic!()
    };
    bytes(&message(Answer {
        re,
        status: AnswerStatus::Done,
        code: Code::Ok,
        msg: String::new(),
        path: None,
        retry_after_ms: 0,
        progress: None,
        result,
        replay: false,
    }))
}

fn answers() -> Channel {
    Channel::Answer("logs.tail".into())
}

#[test]
fn the_lines_that_are_there_are_said_and_that_is_the_end() {
    let now = Instant::now();
    let (mut reader, id) = asking(false, now);
    let other = Id(ulid::Ulid::generate());
    let lines = [line(1, "WARN"), line(2, "ERROR")];
    assert_eq!(reader.hear(&answers(), &answer(other, &lines, 0), now), (vec![], None));
    let (heard, end) = reader.hear(&answers(), &answer(id, &lines, 3), now);
    let [first, second] = lines.map(Heard::Line);
    assert_eq!((heard, end), (vec![Heard::LeftOut(3), first, second], Some(End::Told)));
}

#[test]
fn each_line_is_said_once_and_what_others_want_is_not() {
    let now = Instant::now();
    let (mut reader, id) = asking(true, now);
    let (_, end) = reader.hear(&answers(), &answer(id, &[line(1, "WARN")], 0), now);
    assert_eq!(end, None);
    let lines = [line(1, "WARN"), line(2, "INFO"), line(3, "WARN")];
    let (heard, _) = reader.hear(&LOG, &told(&lines), now);
    assert_eq!(heard, [Heard::Line(line(3, "WARN"))]);
}

#[test]
fn a_box_that_restarts_is_asked_again_for_what_was_missed() {
    let now = Instant::now();
    let (mut reader, id) = asking(true, now);
    reader.hear(&answers(), &answer(id, &[], 0), now);
    let gone = bytes(&Offline {
        v: VERSION,
        online: false,
        sid: 7,
        reason: OfflineReason::Lost,
    });
    let (heard, _) = reader.hear(&Channel::Online, &gone, now + Duration::from_secs(60));
    assert_eq!(heard, [Heard::Away(OfflineReason::Lost)]);
    let later = now + Duration::from_secs(95);
    assert_eq!(reader.question(later), None, "nobody is asked who is not there");
    let (heard, _) = reader.hear(&Channel::Online, &bytes(&online(8)), later);
    assert_eq!(heard, [Heard::Back]);
    // The will of the connection before comes late.
    assert_eq!(reader.hear(&Channel::Online, &gone, later).0, []);
    assert_eq!(reader.question(later).unwrap()["since_s"], 96);
}

#[test]
fn a_box_is_asked_again_before_it_stops_sending() {
    let now = Instant::now();
    let (mut reader, id) = asking(true, now);
    reader.hear(&answers(), &answer(id, &[], 0), now);
    let renewal = reader.deadline(now);
    assert!(renewal < now + TIME && reader.question(now).is_none());
    assert_eq!(reader.question(renewal).unwrap()["since_s"], 0);
}

#[test]
fn silence_is_an_error_only_when_there_was_no_answer_at_all() {
    let now = Instant::now();
    let (mut reader, id) = asking(true, now);
    assert!(!reader.is_told_nothing(now) && reader.is_told_nothing(now + PATIENCE));
    reader.hear(&answers(), &answer(id, &[], 0), now);
    assert!(!reader.is_told_nothing(now + PATIENCE));
}
