//! Locks in JSON. A connection's locks are released when it ends.

use std::time::Duration;

use bytes::Bytes;
use hyrax_recipes::LocksError;
use hyrax_recipes::lock::Claim;
use hyrax_types::Revision;

use super::conversation::{Place, Problem};
use super::encode::{write_bytes, write_unsigned};
use super::envelope::Envelope;
use super::json::{JsonKind, Reader};
use super::live::check_key;
use super::message::Message;
use super::proof;
use super::verbs::Verb;
use crate::session::Session;

/// `lock`, `trylock`, `relock`, `unlock`.
pub async fn run(
    session: &mut Session,
    verb: Verb,
    message: &Message<'_>,
    place: Place,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    session.outbox()?;
    let name = message.key.as_deref().ok_or_else(|| format!("\"{}\" needs \"key\"", message.name))?;
    check_key(name)?;
    let member = message.id.as_deref();
    member.map_or(Ok(()), check_key)?;
    let patience = patience(message)?;
    proof::check_presence(session, message, &message.secrets, name, member.unwrap_or_default())?;
    let core = session.core.clone();
    let name = Bytes::copy_from_slice(name);
    if verb == Verb::Unlock {
        let released = core.locks.unlock(session.id, &name, member).await.map_err(problem)?;
        write_bool(released, envelope, out);
        return Ok(());
    }
    let member = member.map(Bytes::copy_from_slice).unwrap_or_default();
    session.owns_locks();
    if verb == Verb::Lock {
        let claim = core.locks.claim(session.id, name, member).map_err(problem)?;
        match claim.try_lock().await.map_err(problem)? {
            Ok(token) => write_token(token, envelope, out),
            Err(_) if place == Place::Package => return Err(problem(LocksError::TimedOut)),
            Err(claim) => wait(session, claim, patience, envelope.clone())?,
        }
        return Ok(());
    }
    let token = match verb {
        Verb::Relock => core.locks.relock(session.id, name, member).await,
        _ => core.locks.try_lock(session.id, name, member).await,
    };
    match token.map_err(problem)? {
        Some(token) => write_token(token, envelope, out),
        None => write_bool(false, envelope, out),
    }
    Ok(())
}

/// Waits for the lock apart from what the client says meanwhile, and answers when that is decided.
fn wait(
    session: &mut Session,
    claim: Claim,
    patience: Option<Duration>,
    envelope: Envelope,
) -> Result<(), Problem> {
    let outbox = session.outbox()?.clone();
    session.wait_apart(async move {
        let mut out = Vec::new();
        match claim.lock(patience).await {
            Ok(token) => write_token(token, &envelope, &mut out),
            Err(error) => envelope.error(&error, &mut out),
        }
        out.push(b'\n');
        outbox.tell(out.into());
    });
    Ok(())
}

/// How long a message says that it waits: `{"timeout": seconds}`.
fn patience(message: &Message<'_>) -> Result<Option<Duration>, Problem> {
    let Some(options) = message.options else {
        return match message.args.is_empty() {
            true => Ok(None),
            false => Err("\"args\" must be an object such as {\"timeout\":5}".into()),
        };
    };
    let bad = || Problem::from("\"timeout\" must be a number of seconds that is not negative");
    let mut reader = Reader::new(options);
    let mut patience = None;
    let mut first = true;
    while let Some(field) = reader.field(&mut first).map_err(|bad| bad.to_string())? {
        let kind = reader.kind().map_err(|bad| bad.to_string())?;
        let text = reader.raw().map_err(|bad| bad.to_string())?;
        if field == "timeout" {
            let seconds = text.parse().ok().filter(|_| kind == JsonKind::Number);
            let duration = seconds.map(Duration::try_from_secs_f64).ok_or_else(bad)?;
            patience = Some(duration.map_err(|_| bad())?);
        }
    }
    Ok(patience)
}

/// What a client is told that has lost a lock.
pub fn write_lost(name: &[u8], token: Revision, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"cmd\":\"lost\",\"key\":");
    write_bytes(name, out);
    out.extend_from_slice(b",\"token\":");
    write_unsigned(token.0, out);
    out.extend_from_slice(b"}\n");
}

fn write_token(token: Revision, envelope: &Envelope, out: &mut Vec<u8>) {
    envelope.reply(out, |out| write_unsigned(token.0, out));
}

fn write_bool(value: bool, envelope: &Envelope, out: &mut Vec<u8>) {
    envelope.reply(out, |out| out.extend_from_slice(if value { b"true" } else { b"false" }));
}

fn problem(error: LocksError) -> Problem {
    error.to_string().into()
}
