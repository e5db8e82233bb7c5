//! Redis' replies as replies of commands.
//!
//! RESP3 says of most replies what they are. What it does not say, a command's own form does: which lists are of pairs,
//! and where the list that is missing differs from a value that is.

use crate::names::Names;
use hyrax_values::command::Name;
use hyrax_values::{Command, Error, Reply, parse_integer};
use redis::{RedisError, ServerError, Value};

/// What a function answers for a write under a token that was overtaken.
const FENCED: &str = "FENCED";

/// The reply of a command.
pub fn reply_of(command: &Command, words: usize, names: &Names, outcome: Result<Value, RedisError>) -> Reply {
    let value = match outcome {
        Ok(value) => value,
        Err(error) => return Reply::Error(error_of(&error)),
    };
    let reply = plain(value);
    match command.id {
        Name::Lpop | Name::Rpop if words > 2 => or_null_array(reply),
        Name::Lmpop | Name::Blmpop | Name::Zmpop | Name::Bzmpop => or_null_array(with_bare_key(reply, names)),
        Name::Blpop | Name::Brpop | Name::Bzpopmin | Name::Bzpopmax => {
            or_null_array(with_bare_key(reply, names))
        }
        Name::Xread | Name::Xreadgroup => or_null_array(streams(reply, names)),
        Name::Geopos => positions(reply),
        Name::Incr | Name::Incrby | Name::Decr | Name::Decrby | Name::Hincrby => integer(reply),
        Name::Zpopmin
        | Name::Zpopmax
        | Name::Zrange
        | Name::Zrevrange
        | Name::Zrangebyscore
        | Name::Zrevrangebyscore
        | Name::Zunion
        | Name::Zinter
        | Name::Zdiff
        | Name::Zrandmember
        | Name::Hrandfield => pairs(reply),
        _ => reply,
    }
}

/// A reply by its type alone.
pub fn plain(value: Value) -> Reply {
    let list = |items: Vec<Value>| items.into_iter().map(plain).collect();
    match value {
        Value::Nil => Reply::Null,
        Value::Int(number) => Reply::Integer(number),
        Value::BulkString(bytes) => Reply::Bulk(bytes),
        Value::Array(items) => Reply::Array(list(items)),
        Value::Push { data, .. } => Reply::Array(list(data)),
        Value::SimpleString(text) => status(&text),
        Value::Okay => Reply::Status("OK"),
        Value::Map(pairs) => {
            Reply::Map(pairs.into_iter().map(|(key, value)| (plain(key), plain(value))).collect())
        }
        Value::Attribute { data, .. } => plain(*data),
        Value::Set(items) => Reply::Set(list(items)),
        Value::Double(number) => Reply::Double(number),
        Value::Boolean(truth) => Reply::Integer(i64::from(truth)),
        Value::VerbatimString { text, .. } => Reply::Bulk(text.into_bytes()),
        Value::BigNumber(digits) => Reply::Bulk(digits),
        Value::ServerError(error) => Reply::Error(server_error(&error)),
        // The library may come to know more types; none of them is an answer to a command there is today.
        _ => Reply::Null,
    }
}

/// A short answer. Those that are not known beforehand have no other form than a bulk's.
fn status(text: &str) -> Reply {
    const KNOWN: [&str; 9] =
        ["OK", "none", "string", "list", "set", "zset", "hash", "stream", "Background saving started"];
    match KNOWN.iter().find(|known| **known == text) {
        Some(known) => Reply::Status(known),
        None => Reply::Bulk(text.as_bytes().to_vec()),
    }
}

/// What Redis, or the way to it, said, in the words of a Redis that answers.
pub fn error_of(error: &RedisError) -> Error {
    match error.code() {
        Some(FENCED) => Error::text("fenced"),
        Some("OOM") => Error::OutOfMemory,
        Some(code) => text(code, error.detail().unwrap_or_default()),
        None if error.is_timeout() => {
            Error::text("ERR Redis, which holds the values, gave no answer in time: whether the command was run is not known")
        }
        None => Error::Other(
            format!("ERR Redis, which holds the values, can not be reached ({error}): a command under way may have been run")
                .into(),
        ),
    }
}

fn server_error(error: &ServerError) -> Error {
    match error.code() {
        FENCED => Error::text("fenced"),
        "OOM" => Error::OutOfMemory,
        code => text(code, error.details().unwrap_or_default()),
    }
}

fn text(code: &str, detail: &str) -> Error {
    // What a function answers of itself has no line breaks; what a client sent back in it may.
    Error::Other(format!("{code} {detail}").trim_end().replace(['\r', '\n'], " ").into())
}

/// A number that was too large for the language of the functions comes as text.
fn integer(reply: Reply) -> Reply {
    match &reply {
        Reply::Bulk(text) => parse_integer(text).map_or(reply, Reply::Integer),
        _ => reply,
    }
}

fn or_null_array(reply: Reply) -> Reply {
    if reply == Reply::Null { Reply::NullArray } else { reply }
}

/// A list whose first element is a key.
fn with_bare_key(mut reply: Reply, names: &Names) -> Reply {
    if let Reply::Array(items) = &mut reply
        && let Some(Reply::Bulk(key)) = items.first_mut()
    {
        make_bare(key, names);
    }
    reply
}

fn make_bare(key: &mut Vec<u8>, names: &Names) {
    if key.starts_with(names.prefix()) {
        key.drain(..names.prefix().len());
    }
}

/// A list of pairs, if it is one.
fn pairs(reply: Reply) -> Reply {
    let Reply::Array(items) = reply else { return reply };
    let is_pair = |item: &Reply| matches!(item, Reply::Array(two) if two.len() == 2);
    if items.is_empty() || !items.iter().all(is_pair) {
        return Reply::Array(items);
    }
    Reply::Pairs(items.into_iter().filter_map(two).collect())
}

fn two(item: Reply) -> Option<(Reply, Reply)> {
    let Reply::Array(items) = item else { return None };
    let mut items = items.into_iter();
    items.next().zip(items.next())
}

/// What was read of streams, by their keys. What a function answers is a list, what a command answers a map.
fn streams(reply: Reply, names: &Names) -> Reply {
    let streams: Vec<(Reply, Reply)> = match reply {
        Reply::Map(streams) => streams,
        Reply::Array(items) => items.into_iter().filter_map(two).collect(),
        other => return other,
    };
    let entries = |reply: Reply| match reply {
        Reply::Array(items) => Reply::Array(items.into_iter().map(entry).collect()),
        other => other,
    };
    let bare = streams.into_iter().map(|(key, found)| match key {
        Reply::Bulk(mut key) => {
            make_bare(&mut key, names);
            (Reply::Bulk(key), entries(found))
        }
        key => (key, entries(found)),
    });
    Reply::MapOrPairs(bare.collect())
}

/// An entry of a stream; one that was deleted has no fields.
fn entry(reply: Reply) -> Reply {
    match reply {
        Reply::Array(mut parts) if matches!(parts.get(1), Some(Reply::Null)) => {
            parts[1] = Reply::NullArray;
            Reply::Array(parts)
        }
        other => other,
    }
}

/// Places on the earth: coordinates with decimals, or none.
fn positions(reply: Reply) -> Reply {
    let Reply::Array(places) = reply else { return reply };
    let decimal = |reply: Reply| match reply {
        Reply::Double(number) => Reply::Decimal(number),
        other => other,
    };
    let place = |place: Reply| match place {
        Reply::Array(coordinates) => Reply::Array(coordinates.into_iter().map(decimal).collect()),
        other => or_null_array(other),
    };
    Reply::Array(places.into_iter().map(place).collect())
}
