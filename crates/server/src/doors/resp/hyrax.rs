//! What Hyrax has and Redis has not: monitors of keys, and EKGs.

use super::commands::lookup;
use super::dialogue::{Conversation, Flow, check_key};
use super::encode::RespSink;
use super::push::form_of;
use super::waiting::{Pending, Slow};
use crate::session::Refusal;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyrax_recipes::{PresenceError, Scope};
use hyrax_values::{Error, Kind, ReplySink};

/// What takes its time over these words.
type Run = for<'c> fn(&'c mut Conversation, Vec<Bytes>, &'c mut Vec<u8>) -> BoxFuture<'c, Result<(), Error>>;

/// Has something done that takes its time: the words are kept.
fn slowly(argv: &[&[u8]], run: Run) -> Flow {
    let number = lookup(argv[0]).map_or(usize::MAX, |entry| entry.number(argv));
    let words: Vec<Bytes> = argv[1..].iter().map(|word| Bytes::copy_from_slice(word)).collect();
    let slow: Slow = Box::new(move |conversation, out| run(conversation, words, out));
    Flow::Pending(Pending::Slow(number, slow))
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::TooManyMonitors(max) => Error::Other(
            format!("ERR too many monitors: this connection may have {max}; stop some with HUNMON").into(),
        ),
        Refusal::TooLongKeys => Error::text(
            "ERR the keys of this connection's monitors are too long together; stop some with HUNMON",
        ),
        Refusal::NoConnection => Error::text("ERR this needs a connection that stays open"),
    }
}

fn failed(error: PresenceError) -> Error {
    Error::Other(format!("ERR {error}").into())
}

/// `HMON key [key …]`: for each key its value and its revision, as one step with the beginning of the
/// monitor.
pub fn hmon(_conversation: &mut Conversation, argv: &[&[u8]], _out: &mut Vec<u8>) -> Result<Flow, Error> {
    argv[1..].iter().try_for_each(|key| check_key(key))?;
    Ok(slowly(argv, |conversation, keys, out| Box::pin(monitor(conversation, keys, out))))
}

async fn monitor(conversation: &mut Conversation, keys: Vec<Bytes>, out: &mut Vec<u8>) -> Result<(), Error> {
    let protocol = conversation.protocol;
    let session = &mut conversation.session;
    session.check_room(keys.len(), keys.iter().map(Bytes::len).sum()).map_err(refused)?;
    session.outbox().map_err(refused)?.hold();
    let mut reply = RespSink::new(out, protocol);
    reply.array(keys.len());
    for (position, key) in keys.iter().enumerate() {
        reply.array(2);
        match session.monitor(key, Kind::Any, form_of(protocol), &mut reply).await {
            Ok(rev) => reply.integer(rev.0 as i64),
            Err(refusal) => {
                // The client is told that nothing was begun.
                for key in &keys[..position] {
                    session.stop(key);
                }
                return Err(refused(refusal));
            }
        }
    }
    if !reply.finish() {
        for key in &keys {
            session.stop(key);
        }
    }
    Ok(())
}

/// `HUNMON [key …]`: how many monitors it ended; all of the connection's without a key.
pub fn hunmon(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let session = &mut conversation.session;
    let ended = match &argv[1..] {
        [] => session.stop_all(),
        keys => keys.iter().filter(|key| session.stop(key)).count(),
    };
    conversation.reply(out).integer(ended as i64);
    Ok(Flow::Done)
}

/// `EADD key name [name …]`: how many names were added; they stay as long as the connection lives.
pub fn eadd(_conversation: &mut Conversation, argv: &[&[u8]], _out: &mut Vec<u8>) -> Result<Flow, Error> {
    argv[1..].iter().try_for_each(|word| check_key(word))?;
    Ok(slowly(argv, |conversation, words, out| Box::pin(change(conversation, words, true, out))))
}

/// `EREM key name [name …]`: how many names were removed.
pub fn erem(_conversation: &mut Conversation, argv: &[&[u8]], _out: &mut Vec<u8>) -> Result<Flow, Error> {
    argv[1..].iter().try_for_each(|word| check_key(word))?;
    Ok(slowly(argv, |conversation, words, out| Box::pin(change(conversation, words, false, out))))
}

async fn change(
    conversation: &mut Conversation,
    words: Vec<Bytes>,
    adds: bool,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let session = &mut conversation.session;
    let core = session.core.clone();
    let mut words = words.into_iter();
    let ekg = words.next().unwrap_or_default();
    let mut changed = 0;
    for name in words {
        let outcome = if adds {
            let max = core.limits.load().ekgs_per_session;
            if core.presence.held(session.id) >= max {
                return Err(Error::Other(
                    format!(
                        "ERR too many EKG entries: this connection may have {max}; remove some with EREM"
                    )
                    .into(),
                ));
            }
            session.owns_presence();
            core.presence.add_named(session.id, ekg.clone(), name, false, None).await
        } else {
            core.presence.remove_named(session.id, ekg.clone(), name, false, None).await
        };
        changed += i64::from(outcome.map_err(failed)?);
    }
    conversation.reply(out).integer(changed);
    Ok(())
}

/// `EMEMBERS key`: the names, each once.
pub fn emembers(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    check_key(argv[1])?;
    let members = conversation.session.core.presence.members(argv[1], Scope::Cluster);
    let mut names: Vec<Bytes> = members.into_iter().map(|member| member.name).collect();
    names.sort_unstable();
    names.dedup();
    let mut reply = conversation.reply(out);
    reply.set(names.len());
    names.iter().for_each(|name| reply.bulk(name));
    Ok(Flow::Done)
}

/// `ECARD key`: how many connections are in it.
pub fn ecard(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    check_key(argv[1])?;
    let card = conversation.session.core.presence.card(argv[1], Scope::Cluster);
    conversation.reply(out).integer(card as i64);
    Ok(Flow::Done)
}

/// `EISMEMBER key name`.
pub fn eismember(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    check_key(argv[1])?;
    let name = Bytes::copy_from_slice(argv[2]);
    let is_member = conversation.session.core.presence.contains(argv[1], &name, Scope::Cluster);
    conversation.reply(out).integer(i64::from(is_member));
    Ok(Flow::Done)
}
