//! Locks in JSON. A connection's locks are released when it ends.

use std::time::Duration;

use bytes::Bytes;
use hyrax_recipes::lock::{Claim, Holder, Queued};
use hyrax_recipes::{Lock, LocksError};
use hyrax_types::Revision;

use super::conversation::{Place, Problem};
use super::encode::{write_bytes, write_unsigned};
use super::envelope::Envelope;
use super::live::check_key;
use super::message::Message;
use super::options::Options;
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
    let name = name_of(message)?;
    let member = message.id.as_deref();
    member.map_or(Ok(()), check_key)?;
    let patience = Options::of(message, "{\"timeout\":5}")?.timeout;
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
        return take_or_wait(session, claim, patience, place, envelope, out).await;
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

/// Answers at once if the lock is free. Else it waits in the queue from here on, but in a package, where nothing waits.
pub async fn take_or_wait(
    session: &mut Session,
    claim: Claim,
    patience: Option<Duration>,
    place: Place,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let taken = match place {
        Place::Alone => claim.enter().await,
        Place::Package => match claim.try_lock().await {
            Ok(Err(_)) => Err(LocksError::TimedOut),
            Ok(Ok(token)) => Ok(Ok(token)),
            Err(error) => Err(error),
        },
    };
    match taken.map_err(problem)? {
        Ok(token) => write_token(token, envelope, out),
        Err(queued) => wait(session, queued, patience, envelope.clone())?,
    }
    Ok(())
}

/// Waits for the lock apart from what the client says meanwhile, and answers when that is decided.
fn wait(
    session: &mut Session,
    queued: Queued,
    patience: Option<Duration>,
    envelope: Envelope,
) -> Result<(), Problem> {
    let outbox = session.outbox()?.clone();
    session.wait_apart(async move {
        let mut out = Vec::new();
        match queued.lock(patience).await {
            Ok(token) => write_token(token, &envelope, &mut out),
            Err(error) => envelope.error(&error, &mut out),
        }
        out.push(b'\n');
        outbox.tell(out.into());
    });
    Ok(())
}

/// `locks`: how it stands with the lock that is named, or with all that the connection holds or waits for.
pub async fn list(
    session: &Session,
    message: &Message<'_>,
    envelope: &Envelope,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let names = match &message.key {
        Some(_) => {
            let name = name_of(message)?;
            proof::check_read(session, message, &message.secrets, name)?;
            vec![Bytes::copy_from_slice(name)]
        }
        None => {
            let mut names = session.core.locks.names(session.id);
            names.sort_unstable();
            names
        }
    };
    let mut held = Vec::with_capacity(names.len());
    for name in names {
        let lock = Lock::new(session.core.coordination.clone(), &name);
        let holder = lock.holder().await.map_err(|error| error.to_string())?;
        held.extend(holder.map(|holder| (name, holder)));
    }
    envelope.reply(out, |out| {
        out.push(b'[');
        for (position, (name, holder)) in held.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            write_holder(name, holder, out);
        }
        out.push(b']');
    });
    Ok(())
}

fn write_holder(name: &[u8], holder: &Holder, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"key\":");
    write_bytes(name, out);
    out.extend_from_slice(b",\"id\":");
    write_bytes(&holder.kv.value, out);
    out.extend_from_slice(b",\"token\":");
    write_unsigned(holder.token().0, out);
    out.extend_from_slice(b",\"waiting\":");
    write_unsigned(holder.waiting, out);
    out.push(b'}');
}

/// The name that a message gives a lock or an election.
pub fn name_of<'m>(message: &'m Message<'_>) -> Result<&'m [u8], Problem> {
    let name = message.key.as_deref().ok_or_else(|| format!("\"{}\" needs \"key\"", message.name))?;
    check_key(name)?;
    if name.is_empty() {
        // It would be the folder of every name that begins with a slash.
        return Err(format!("\"{}\" needs a \"key\" that is not empty", message.name).into());
    }
    Ok(name)
}

/// What a client is told that has lost a lock.
pub fn write_lost(name: &[u8], token: Revision, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"cmd\":\"lost\",\"key\":");
    write_bytes(name, out);
    out.extend_from_slice(b",\"token\":");
    write_unsigned(token.0, out);
    out.extend_from_slice(b"}\n");
}

pub fn write_token(token: Revision, envelope: &Envelope, out: &mut Vec<u8>) {
    envelope.reply(out, |out| write_unsigned(token.0, out));
}

pub fn write_bool(value: bool, envelope: &Envelope, out: &mut Vec<u8>) {
    envelope.reply(out, |out| out.extend_from_slice(if value { b"true" } else { b"false" }));
}

pub fn problem(error: LocksError) -> Problem {
    error.to_string().into()
}
