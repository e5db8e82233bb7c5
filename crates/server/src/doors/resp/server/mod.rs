//! The server itself: what it is, what it counts, how it is set.

pub mod config;
pub mod debug;
pub mod info;
pub mod latency;
pub mod memory;
mod settings;
pub mod slow_log;

use super::commands::lookup;
use super::dialogue::{Conversation, Flow};
use super::encode::RespSink;
use super::waiting::answer_after;
use hyrax_values::{Error, Reply, ReplySink, parse_integer};
use std::time::Duration;

/// `TIME`.
pub fn time(conversation: &mut Conversation, _argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let now_us = conversation.session.now_us();
    let parts = [now_us / 1_000_000, now_us % 1_000_000].map(|part| part.to_string());
    conversation.reply(out).bulks(parts.iter().map(String::as_bytes));
    Ok(Flow::Done)
}

/// `LOLWUT [VERSION version] …`.
pub fn lolwut(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    if let [_, version, number, ..] = argv
        && version.eq_ignore_ascii_case(b"version")
    {
        parse_integer(number).ok_or(Error::NotInteger)?;
    }
    let text = format!("Redis ver. {}\n", super::connection::REDIS_VERSION);
    conversation.reply(out).verbatim(&text);
    Ok(Flow::Done)
}

/// `ROLE`: a master without replicas.
pub fn role(conversation: &mut Conversation, _argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let mut reply = conversation.reply(out);
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(0);
    reply.array(0);
    Ok(Flow::Done)
}

/// `LASTSAVE`: when what there is was last written to a disk; the start, as nothing is.
pub fn lastsave(conversation: &mut Conversation, _argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let began_s = conversation.session.core.began_s;
    conversation.reply(out).integer(began_s as i64);
    Ok(Flow::Done)
}

/// `WAIT numreplicas timeout`: none of the replicas asked for will ever answer, as there is none.
pub fn wait(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let replicas = parse_integer(argv[1]).ok_or(Error::NotInteger)?;
    let timeout = read_timeout_ms(argv[2])?;
    if replicas <= 0 || conversation.is_executing {
        conversation.reply(out).integer(0);
        return Ok(Flow::Done);
    }
    let time = (!timeout.is_zero()).then_some(timeout);
    let number = lookup(argv[0]).map_or(usize::MAX, |entry| entry.number(argv));
    Ok(conversation.wait(number, argv, answer_after(time, Reply::Integer(0))))
}

/// A time to wait in milliseconds, as Redis reads it.
pub fn read_timeout_ms(word: &[u8]) -> Result<Duration, Error> {
    let not_integer = Error::text("ERR timeout is not an integer or out of range");
    let milliseconds = parse_integer(word).ok_or(not_integer)?;
    let milliseconds = u64::try_from(milliseconds).map_err(|_| Error::text("ERR timeout is negative"))?;
    Ok(Duration::from_millis(milliseconds))
}

/// `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]`: ends the server. There is nothing to save.
pub fn shutdown(conversation: &mut Conversation, argv: &[&[u8]], _out: &mut Vec<u8>) -> Result<Flow, Error> {
    let (mut saves, mut saves_not, mut hurries, mut aborts) = (false, false, false, false);
    for option in &argv[1..] {
        match &option.to_ascii_lowercase()[..] {
            b"nosave" => saves_not = true,
            b"save" => saves = true,
            b"now" | b"force" => hurries = true,
            b"abort" => aborts = true,
            _ => return Err(Error::Syntax),
        }
    }
    if (aborts && (saves || saves_not || hurries)) || (saves && saves_not) {
        return Err(Error::Syntax);
    }
    if aborts {
        return Err(Error::text("ERR No shutdown in progress."));
    }
    tracing::info!(address = %conversation.session.peer.address, "a client asked for the server's end");
    conversation.session.core.stop.cancel();
    Ok(Flow::Close)
}

/// Writes what is made up of a name and a number each.
fn write_figures(figures: &[(&str, i64)], reply: &mut RespSink<'_>) {
    reply.map(figures.len());
    for (name, figure) in figures {
        reply.bulk(name.as_bytes());
        reply.integer(*figure);
    }
}
