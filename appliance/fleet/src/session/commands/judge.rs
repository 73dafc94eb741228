//! Whether a command may be executed: everything that speaks against it, in the order of the contract.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::super::context::Context;
use super::super::input::Received;
use super::super::settings::Verifier;
use super::memory::Memory;
use crate::contract::{
    Channel, Clock, Code, Command, CommandName, Id, Message, Order, Refusal, Verb, fingerprint, max_signed_bytes, parse,
};

/// A command ends at the latest so long after it was made (`specs/fleet-mqtt.md §1`: expiry of at most 300 s) …
const LONGEST: SignedDuration = SignedDuration::from_secs(300);
/// … by clocks that differ by no more than this.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// A command as it came.
pub struct Incoming {
    pub id: Id,
    pub command: Command,
    pub fingerprint: String,
    pub signed: bool,
}

/// A command that may be executed.
pub struct Permitted {
    pub name: CommandName,
    pub order: Order,
    pub signer: Option<String>,
    pub dangerous: bool,
    /// Its end, where the clock can tell.
    pub exp: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Named {
    id: Id,
}

/// Reads it; nothing in it counts yet.
///
/// # Errors
/// Its id, where that can be read, and what is wrong.
pub fn read(received: &Received, name: &str, verifier: &Arc<dyn Verifier>) -> Result<Incoming, (Option<Id>, Refusal)> {
    let max_bytes = Channel::Command(name.into()).rules().max_bytes;
    let too_large = received.payload.len() > max_signed_bytes(max_bytes);
    let inside = verifier.document(&received.payload).filter(|_| !too_large);
    let signed = inside.is_some();
    let document = inside.as_deref().unwrap_or(&received.payload);
    let message = Message::<Command>::parse(document, max_bytes)
        .map_err(|refusal| (parse::<Named>(document, max_bytes).ok().map(|named| named.id), refusal))?;
    let (id, command) = (message.envelope.id, message.body);
    if command.name != name {
        return Err((
            Some(id),
            refusal(Code::InvalidParams, "/name", "not the name in the topic"),
        ));
    }
    let content = serde_json::json!({"name": command.name, "params": command.params, "actor": command.actor});
    Ok(Incoming {
        id,
        fingerprint: fingerprint(&content),
        command,
        signed,
    })
}

/// Whether it may be executed.
///
/// # Errors
/// Why not.
pub fn judge(
    incoming: &Incoming,
    received: &Received,
    memory: &Memory,
    verifier: &Arc<dyn Verifier>,
    cx: &Context,
) -> Result<Permitted, Refusal> {
    let command = &incoming.command;
    let name = CommandName::parse(&command.name)
        .ok_or_else(|| refusal(Code::UnknownCommand, "/name", "there is no such command"))?;
    let dangerous = name.dangerous(command.params.get("force") == Some(&Value::Bool(true)));
    let signer = match incoming.signed {
        true => {
            let signer = verifier.verify(&received.payload, Verb::Command(name), &cx.now);
            Some(signer.map_err(|code| refusal(code, "", "the signature does not allow this"))?)
        }
        false if dangerous => return Err(refusal(Code::BadSignature, "", "this has to be signed")),
        false => None,
    };
    let exp = in_time(command, received, dangerous, memory, cx)?;
    let order = Order::parse(name, &command.params)?;
    if !cx.settings.metadata.commands.contains(&name) {
        return Err(refusal(Code::UnsupportedOnHw, "/name", "this box does not take it"));
    }
    Ok(Permitted {
        name,
        order,
        signer,
        dangerous,
        exp,
    })
}

/// Its end, where the clock can tell.
fn in_time(
    command: &Command,
    received: &Received,
    dangerous: bool,
    memory: &Memory,
    cx: &Context,
) -> Result<Option<Timestamp>, Refusal> {
    let expired = |msg| refusal(Code::Expired, "/exp", msg);
    if received.expiry.is_some_and(|left| left.is_zero()) || memory.forgotten(command.exp) {
        return Err(expired("its time is over"));
    }
    match cx.now.time() {
        Some(now) if command.exp <= now => Err(expired("its time is over")),
        Some(now) if command.exp.duration_since(now) > LONGEST + SKEW => {
            Err(refusal(Code::InvalidParams, "/exp", "at most 300 s from now"))
        }
        Some(_) => Ok(Some(command.exp)),
        None if dangerous => {
            debug_assert_ne!(cx.now.clock, Clock::Sync, "or there is no time at all");
            Err(refusal(Code::Precondition, "", "the clock of the box is not set"))
        }
        None if received.expiry.is_none() => Err(expired("without a clock only a message expiry tells its age")),
        None => Ok(None),
    }
}

pub fn refusal(code: Code, pointer: &str, message: impl Into<String>) -> Refusal {
    Refusal {
        code,
        pointer: pointer.into(),
        message: message.into(),
    }
}
