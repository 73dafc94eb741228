//! Commands: on disk before they are executed, executed at most once, always answered.

mod allowance;
mod answers;
mod judge;
mod memory;

use std::sync::Arc;

use serde_json::{Map, Value};
use ulid::Ulid;

use allowance::Allowance;
use answers::{Answers, MAX_CORRELATION, Origin, answer};
use judge::{Incoming, Permitted};
pub use memory::{FLOOR, PREFIX};
use memory::{Memory, OnDisk};

use super::context::Context;
use super::events::Events;
use super::input::{Received, Reply};
use super::output::{Execution, Output};
use super::publishing::Publishing;
use super::receipts::Receipts;
use super::revision;
use super::security::Security;
use super::settings::{Receipt, Verifier};
use super::writer::Then;
use crate::contract::{Answer, AnswerStatus, Clock, Code, Command, CommandName, EventClass, Id, Message, Refusal};

/// Taken in a minute.
const IN_A_MINUTE: usize = 30;
/// Refused with an answer in a minute; whatever comes beyond is only counted.
const REFUSED_IN_A_MINUTE: usize = 30;
/// Executed at one time.
const AT_ONCE: usize = 4;
/// One that the box says nothing of for so long has failed.
const SILENCE_MS: u64 = 900_000;
/// Between two words on how far it is.
const PROGRESS_MS: u64 = 1_000;
/// The last answer is worth nothing after that.
const ANSWER_MS: u64 = 600_000;

/// Commands of a box.
pub struct Commands {
    verifier: Arc<dyn Verifier>,
    memory: Memory,
    answers: Answers,
    taken: Allowance,
    refused: Allowance,
    /// Accepted, on their way to disk.
    accepted: Vec<Execution>,
}

impl Commands {
    pub fn new(verifier: Arc<dyn Verifier>) -> Self {
        Self {
            verifier,
            memory: Memory::default(),
            answers: Answers::default(),
            taken: Allowance::new(IN_A_MINUTE),
            refused: Allowance::new(REFUSED_IN_A_MINUTE),
            accepted: Vec::new(),
        }
    }

    /// What was on disk at the start.
    pub fn recover(&mut self, key: &str, value: &[u8], cx: &Context) {
        match key {
            FLOOR => self.memory.recover_floor(value),
            key => self.memory.recover(key, value, cx),
        }
    }

    /// After all of it: nobody knows how far the unfinished ones came, and the last answers that did not arrive are due.
    pub fn recovered(&mut self, cx: &mut Context) {
        let unsent: Vec<_> = self.memory.unsent().map(|entry| entry.on_disk.clone()).collect();
        for on_disk in unsent {
            // By the time of its end: it may have run for long.
            let end = on_disk.end.as_ref();
            let end = end.and_then(|end| Message::<Answer>::parse(end.as_bytes(), end.len()).ok());
            let ended = end
                .map(|end| end.envelope)
                .filter(|envelope| envelope.clk == Clock::Sync);
            let old = ended.map(|envelope| envelope.ts).zip(cx.now.time());
            let worthless = old.is_some_and(|(then, now)| now.duration_since(then).as_millis() > i128::from(ANSWER_MS));
            if let Some(end) = on_disk.end.filter(|_| !worthless) {
                let until_ms = cx.now.up_ms + ANSWER_MS;
                self.answers
                    .say_the_end(on_disk.id, on_disk.origin, end.into_bytes(), until_ms, true);
            }
        }
        let unfinished: Vec<Id> = self.memory.unfinished().map(|entry| entry.on_disk.id).collect();
        for id in unfinished {
            self.end(id, Reply::failed(Code::Interrupted, "the box restarted meanwhile"), cx);
        }
    }

    /// A message on `cmd/{name}`.
    pub fn received(
        &mut self,
        name: String,
        received: &Received,
        receipts: &mut Receipts,
        security: &mut Security,
        events: &mut Events,
        cx: &mut Context,
    ) {
        if received.retain {
            security.refused("retained_command", Code::BadJson);
            return receipts.settled(received.receipt, cx);
        }
        let origin = Origin::of(name, received, cx);
        if let Err(retry_ms) = self.taken.take(cx.now.up_ms) {
            receipts.settled(received.receipt, cx);
            if self.refused.take(cx.now.up_ms).is_err() {
                return security.refused("command_flood", Code::RateLimited);
            }
            let incoming = judge::read(received, &origin.name, &self.verifier);
            let re = incoming.map_or_else(|(id, _)| id, |incoming| Some(incoming.id));
            let refusal = judge::refusal(Code::RateLimited, "", "30 commands in a minute");
            let retry_ms = Some(retry_ms);
            return self.refuse(&origin, Refused { re, refusal, retry_ms }, security, cx);
        }
        let refused = match self.accept(&origin, received, cx) {
            Ok(accepted) => {
                if let Some(execution) = accepted {
                    audit(&execution, events, cx);
                    self.accepted.push(execution);
                } else {
                    receipts.settled(received.receipt, cx);
                }
                return;
            }
            Err(refused) => refused,
        };
        receipts.settled(received.receipt, cx);
        self.refuse(&origin, refused, security, cx);
    }

    fn refuse(&mut self, origin: &Origin, refused: Refused, security: &mut Security, cx: &mut Context) {
        let Refused { re, refusal, retry_ms } = refused;
        if let code @ (Code::BadSignature | Code::NotAuthorised) = refusal.code {
            security.refused(revision::event(code), code);
        }
        if re.is_none() && origin.correlation.is_none() {
            return security.refused("unreadable_command", refusal.code);
        }
        let reply = Reply {
            retry_after_ms: retry_ms.unwrap_or(0),
            path: Some(refusal.pointer).filter(|pointer| !pointer.is_empty()),
            ..Reply::rejected(refusal.code, refusal.message)
        };
        // Nobody has that id; the correlation data tells what is meant.
        let re = re.unwrap_or(Id(Ulid::from_parts(0, 0)));
        self.say(origin, answer(re, reply), cx);
    }

    /// Takes a command to disk, or answers a known one with nothing to execute.
    fn accept(&mut self, origin: &Origin, received: &Received, cx: &mut Context) -> Result<Option<Execution>, Refused> {
        let incoming = judge::read(received, &origin.name, &self.verifier);
        let incoming = incoming.map_err(|(re, refusal)| Refused::new(re, refusal))?;
        let re = Some(incoming.id);
        if self.is_known(&incoming, origin, cx)? {
            return Ok(None);
        }
        if origin
            .correlation
            .as_ref()
            .is_some_and(|data| data.len() > MAX_CORRELATION)
        {
            let refusal = judge::refusal(Code::TooLarge, "", "correlation data of at most 1024 bytes");
            return Err(Refused::new(re, refusal));
        }
        let permitted = judge::judge(&incoming, received, &self.memory, &self.verifier, cx)
            .map_err(|refusal| Refused::new(re, refusal))?;
        if self.memory.unfinished().count() >= AT_ONCE {
            let refusal = judge::refusal(Code::RateLimited, "", "4 commands at one time");
            let retry_ms = Some(PROGRESS_MS);
            return Err(Refused { re, refusal, retry_ms });
        }
        Ok(Some(self.keep(incoming, permitted, origin, received.receipt, cx)))
    }

    fn keep(
        &mut self,
        incoming: Incoming,
        permitted: Permitted,
        origin: &Origin,
        receipt: Receipt,
        cx: &mut Context,
    ) -> Execution {
        let on_disk = OnDisk {
            id: incoming.id,
            fingerprint: incoming.fingerprint,
            origin: origin.clone(),
            exp: permitted.exp,
            accepted: cx.now.time(),
            end: None,
            sent: false,
        };
        let records = self.memory.accept(on_disk, receipt, cx);
        cx.writer.write(records, Then::Command(incoming.id));
        Execution {
            id: incoming.id,
            name: permitted.name,
            order: permitted.order,
            command: incoming.command,
            signer: permitted.signer,
            dangerous: permitted.dangerous,
        }
    }

    /// True when it was here before: it is answered again, not executed.
    fn is_known(&mut self, incoming: &Incoming, origin: &Origin, cx: &mut Context) -> Result<bool, Refused> {
        let Some(entry) = self.memory.get(&incoming.id) else {
            return Ok(false);
        };
        if entry.on_disk.fingerprint != incoming.fingerprint {
            let refusal = judge::refusal(Code::DuplicateConflict, "/id", "the same id with another content");
            return Err(Refused::new(Some(incoming.id), refusal));
        }
        let end = entry.on_disk.end.as_deref().filter(|_| entry.ended);
        let end = end.and_then(|end| Message::<Answer>::parse(end.as_bytes(), end.len()).ok());
        let known = match end {
            Some(end) => end.body,
            None => answer(incoming.id, Reply::running(None, "")),
        };
        self.say(origin, Answer { replay: true, ..known }, cx);
        Ok(true)
    }

    fn say(&mut self, origin: &Origin, answer: Answer, cx: &mut Context) {
        if cx.connected {
            let payload = origin.message(answer, cx);
            self.answers.say(origin.clone(), payload);
        }
    }

    /// It is on disk: now it may be executed.
    pub fn written(&mut self, id: Id, receipts: &mut Receipts, cx: &mut Context) {
        let position = self.accepted.iter().position(|execution| execution.id == id);
        let Some(entry) = self.memory.get_mut(&id) else { return };
        if let Some(receipt) = entry.receipt.take() {
            receipts.settled(receipt, cx);
        }
        let Some(position) = position else { return };
        entry.executing = true;
        entry.word_ms = cx.now.up_ms;
        let origin = entry.on_disk.origin.clone();
        let accepted = Reply {
            status: AnswerStatus::Accepted,
            ..Reply::running(None, "")
        };
        self.say(&origin, answer(id, accepted), cx);
        cx.output(Output::Execute(self.accepted.remove(position)));
    }

    /// True for `state.publish`: all that was reported goes out again.
    pub fn is_publish_state(&self, id: Id) -> bool {
        let mut accepted = self.accepted.iter();
        accepted.any(|execution| execution.id == id && execution.name == CommandName::StatePublish)
    }

    /// It could not be written: it is not executed.
    pub fn not_written(&mut self, id: Id, receipts: &mut Receipts, cx: &mut Context) {
        self.accepted.retain(|execution| execution.id != id);
        let Some(entry) = self.memory.get_mut(&id) else { return };
        let (origin, receipt) = (entry.on_disk.origin.clone(), entry.receipt.take());
        self.memory.give_up(&id);
        if let Some(receipt) = receipt {
            receipts.settled(receipt, cx);
        }
        let reply = Reply::rejected(Code::StorageFull, "it could not be written down");
        self.say(&origin, answer(id, reply), cx);
    }

    /// The word of the box.
    pub fn answered(&mut self, id: Id, reply: Reply, cx: &mut Context) {
        let now_ms = cx.now.up_ms;
        let Some(entry) = self.memory.get_mut(&id) else { return };
        if !entry.executing || entry.on_disk.end.is_some() {
            return;
        }
        entry.word_ms = now_ms;
        if let AnswerStatus::Done | AnswerStatus::Failed | AnswerStatus::Rejected = reply.status {
            return self.end(id, reply, cx);
        }
        if entry.progress_ms.is_none_or(|said| said + PROGRESS_MS <= now_ms) {
            entry.progress_ms = Some(now_ms);
            let origin = entry.on_disk.origin.clone();
            self.say(&origin, answer(id, reply), cx);
        }
    }

    fn end(&mut self, id: Id, reply: Reply, cx: &mut Context) {
        let Some(entry) = self.memory.get(&id) else { return };
        let payload = entry.on_disk.origin.message(answer(id, reply), cx);
        let end = String::from_utf8_lossy(&payload).into_owned();
        let record = self.memory.end(&id, end, cx.now.up_ms);
        cx.writer.write(record, Then::Final(id));
    }

    /// Its last answer is on disk: now it may be said.
    pub fn end_written(&mut self, id: Id, cx: &Context) {
        let Some(entry) = self.memory.get_mut(&id) else { return };
        entry.ended = true;
        if let Some(end) = &entry.on_disk.end {
            let (origin, payload) = (entry.on_disk.origin.clone(), end.clone().into_bytes());
            let until_ms = entry.word_ms + ANSWER_MS;
            self.answers.say_the_end(id, origin, payload, until_ms, !cx.connected);
        }
    }

    /// The last answer has arrived.
    pub fn acknowledged(&mut self, id: Id, cx: &mut Context) {
        if let Some(entry) = self.memory.get_mut(&id) {
            entry.on_disk.sent = true;
            cx.writer.write_lazily(entry.record(), cx.now.up_ms);
        }
    }

    /// The broker listens again.
    pub fn connected(&mut self, cx: &Context) {
        self.answers.drop_old(cx.now.up_ms);
    }

    /// The connection is over, and with it last answers that were on their way.
    pub fn interrupted(&mut self, on_the_way: &[Id]) {
        self.answers.interrupted();
        for id in on_the_way {
            let Some(entry) = self.memory.get(id) else { continue };
            if let Some(end) = entry.on_disk.end.clone() {
                let (origin, until_ms) = (entry.on_disk.origin.clone(), entry.word_ms + ANSWER_MS);
                self.answers.say_the_end(*id, origin, end.into_bytes(), until_ms, true);
            }
        }
    }

    /// Gives up what the box says nothing of.
    pub fn tick(&mut self, cx: &mut Context) {
        let silent = |word_ms: u64| word_ms + SILENCE_MS <= cx.now.up_ms;
        let given_up: Vec<Id> = self
            .memory
            .unfinished()
            .filter(|entry| entry.executing && silent(entry.word_ms))
            .map(|entry| entry.on_disk.id)
            .collect();
        for id in given_up {
            self.end(id, Reply::failed(Code::Timeout, "nothing was heard of it"), cx);
        }
    }

    /// The next answer to go.
    pub fn publish(&mut self, late: bool, publishing: &mut Publishing, cx: &mut Context) -> bool {
        self.answers.publish(late, publishing, cx)
    }

    /// True while an answer waits to be sent.
    pub fn waits(&self, late: bool) -> bool {
        self.answers.waits(late)
    }

    /// When to give up the next.
    pub fn next_deadline(&self) -> Option<u64> {
        let executing = self.memory.unfinished().filter(|entry| entry.executing);
        executing.map(|entry| entry.word_ms + SILENCE_MS).min()
    }
}

/// Why a command is not taken, and to which id that is the answer.
struct Refused {
    re: Option<Id>,
    refusal: Refusal,
    retry_ms: Option<u64>,
}

impl Refused {
    fn new(re: Option<Id>, refusal: Refusal) -> Self {
        Self {
            re,
            refusal,
            retry_ms: None,
        }
    }
}

fn audit(execution: &Execution, events: &mut Events, cx: &mut Context) {
    if !execution.dangerous {
        return;
    }
    let Command { name, actor, .. } = &execution.command;
    let mut detail = Map::new();
    detail.insert("name".into(), Value::from(name.as_str()));
    detail.insert("actor".into(), Value::from(actor.as_str()));
    detail.insert("signer".into(), Value::from(execution.signer.clone()));
    detail.insert("re".into(), Value::from(execution.id.to_string()));
    events.accept(EventClass::Audit, "command".into(), 1, detail, cx);
}
