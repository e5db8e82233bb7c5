//! Commands over the whole key space, which in a cluster is every server's; and what Redis has counted.
//!
//! The engine's own keys, and those of others beyond the prefix, are not shown.

use crate::call::Prepared;
use crate::engine::Inner;
use crate::library::{Function, library};
use crate::reply::{error_of, plain};
use futures_util::future::{BoxFuture, join_all};
use hyrax_types::RESERVED_PREFIX;
use hyrax_values::command::{self, Name};
use hyrax_values::{Call, Error, Execution, Reply, ReplySink, Statistics, parse_integer};
use redis::{Cmd, RedisError, Value};
use std::sync::Arc;

/// How often Redis is asked for a random key before all are looked through.
const RANDOM_TRIES: usize = 16;

/// Keys looked at with one step of a walk over all.
const WALK_COUNT: usize = 1_000;

/// `MOVE` and `SWAPDB`: there is one database.
pub fn other_database(call: &Call<'_>, reply: &mut dyn ReplySink) -> Execution {
    let range = Error::text("ERR value is out of range, value must between -2147483648 and 2147483647");
    let number = |word: &[u8]| {
        let number = parse_integer(word).ok_or(Error::NotInteger)?;
        i32::try_from(number).map_err(|_| range.clone())
    };
    let answer = if call.command.id == Name::Move {
        number(call.argv[2]).and_then(|number| match number {
            0 => Err(Error::text("ERR source and destination objects are the same")),
            _ => Err(Error::text("ERR DB index is out of range")),
        })
    } else {
        let first = number(call.argv[1]).map_err(|_| Error::text("ERR invalid first DB index"));
        let second = number(call.argv[2]).map_err(|_| Error::text("ERR invalid second DB index"));
        first.and_then(|first| Ok((first, second?))).and_then(|both| match both {
            (0, 0) => Ok(()),
            _ => Err(Error::text("ERR DB index is out of range")),
        })
    };
    match answer {
        Ok(()) => reply.status("OK"),
        Err(error) => reply.error(&error),
    }
    Execution::Done
}

/// Begins one of these commands.
pub fn begin(inner: &Arc<Inner>, call: &Call<'_>) -> Result<BoxFuture<'static, Reply>, Error> {
    let (id, inner) = (call.command.id, inner.clone());
    if id == Name::Scan {
        let scan = Scan::parse(&inner, call.argv)?;
        return Ok(Box::pin(async move { scan.run(&inner).await.unwrap_or_else(refusal) }));
    }
    if id == Name::Randomkey {
        return Ok(Box::pin(async move { random_key(&inner).await.unwrap_or_else(refusal) }));
    }
    let command = on_one_server(&inner, call)?;
    let is_flush = matches!(id, Name::Flushall | Name::Flushdb);
    if is_flush && inner.names.is_cluster() {
        let (actor, quiet) = (call.actor.map(<[u8]>::to_vec), call.quiet);
        return Ok(Box::pin(
            async move { remove_one_by_one(&inner, actor, quiet).await.unwrap_or_else(refusal) },
        ));
    }
    Ok(Box::pin(async move {
        let nodes = if inner.names.is_cluster() { inner.nodes.all() } else { vec![inner.nodes.owner(0)] };
        let answers = join_all(nodes.iter().map(|node| inner.nodes.run_on(node, &command))).await;
        let mut together = Reply::Null;
        for answer in answers {
            let answer = match answer {
                Ok(value) => shown(&inner, id, plain(value)),
                Err(error) => return refusal(error),
            };
            together = match (together, answer) {
                (Reply::Integer(sum), Reply::Integer(more)) => Reply::Integer(sum + more),
                (Reply::Array(mut all), Reply::Array(more)) => {
                    all.extend(more);
                    Reply::Array(all)
                }
                (_, answer) => answer,
            };
        }
        together
    }))
}

fn refusal(error: RedisError) -> Reply {
    Reply::Error(error_of(&error))
}

/// One of these commands as one server is given it: alone, or as part of a transaction.
pub fn on_one_server(inner: &Inner, call: &Call<'_>) -> Result<Cmd, Error> {
    let names = &inner.names;
    let mut base = names.base(0);
    let mut options = inner.options().to_owned();
    if names.is_cluster() {
        base = [names.prefix(), RESERVED_PREFIX, b"{"].concat();
        options.push('c');
    }
    let function = match call.command.id {
        Name::Dbsize => Function::Size,
        Name::Flushall | Name::Flushdb => {
            match call.argv[1..] {
                [] => {}
                [how] if how.eq_ignore_ascii_case(b"sync") || how.eq_ignore_ascii_case(b"async") => {}
                _ => return Err(Error::Syntax),
            }
            for (letter, is_set) in [('q', call.quiet), ('a', call.actor.is_some())] {
                if is_set {
                    options.push(letter);
                }
            }
            Function::Flush
        }
        Name::Keys => {
            let mut command = redis::cmd("KEYS");
            command.arg(names.pattern(call.argv[1]));
            return Ok(command);
        }
        Name::Scan => return Ok(Scan::parse(inner, call.argv)?.command()),
        _ => return Prepared::new(names, call).map(|prepared| prepared.as_sent()),
    };
    let mut command = library().call(function, &[]);
    command.arg(base).arg(names.prefix().len()).arg(options).arg(call.actor.unwrap_or_default());
    command.arg(names.pattern(b"*")).arg(names.prefix()).arg(inner.node());
    Ok(command)
}

/// What a server answered, as clients may see it.
pub fn shown(inner: &Inner, id: Name, reply: Reply) -> Reply {
    let bare = |reply: Reply| match reply {
        Reply::Bulk(key) => inner.names.bare(&key).map(|key| Reply::Bulk(key.to_vec())),
        other => Some(other),
    };
    match (id, reply) {
        (Name::Keys, Reply::Array(keys)) => Reply::Array(keys.into_iter().filter_map(bare).collect()),
        (Name::Randomkey, reply) => bare(reply).unwrap_or(Reply::Null),
        (Name::Scan, Reply::Array(mut parts)) => {
            if let Some(keys) = parts.get_mut(1) {
                *keys = shown(inner, Name::Keys, std::mem::replace(keys, Reply::Null));
            }
            Reply::Array(parts)
        }
        (_, reply) => reply,
    }
}

async fn random_key(inner: &Inner) -> Result<Reply, RedisError> {
    let nodes = inner.nodes.all();
    for number in 0..RANDOM_TRIES {
        let node = &nodes[number % nodes.len()];
        let found = inner.nodes.run_on(node, &redis::cmd("RANDOMKEY")).await?;
        if let found @ Reply::Bulk(_) = shown(inner, Name::Randomkey, plain(found)) {
            return Ok(found);
        }
    }
    // Nearly all keys are others', or there is none.
    let mut scan = Scan { cursor: 0, words: Vec::new(), pattern: inner.names.pattern(b"*") };
    loop {
        let Reply::Array(parts) = scan.run(inner).await? else { return Ok(Reply::Null) };
        let mut parts = parts.into_iter();
        let (cursor, found) = (parts.next(), parts.next());
        if let Some(Reply::Array(keys)) = found
            && let Some(key) = keys.into_iter().next()
        {
            return Ok(key);
        }
        let Some(Reply::Bulk(next)) = cursor else { return Ok(Reply::Null) };
        scan.cursor = parse_integer(&next).and_then(|next| u64::try_from(next).ok()).unwrap_or(0);
        if scan.cursor == 0 {
            return Ok(Reply::Null);
        }
    }
}

/// A step of a walk over all keys. In a cluster the cursor also tells at which server it is.
struct Scan {
    cursor: u64,
    /// Options beside `MATCH`.
    words: Vec<Vec<u8>>,
    pattern: Vec<u8>,
}

impl Scan {
    fn parse(inner: &Inner, argv: &[&[u8]]) -> Result<Scan, Error> {
        let cursor = std::str::from_utf8(argv[1]).ok().and_then(|word| word.parse().ok());
        let cursor = cursor.ok_or(Error::text("ERR invalid cursor"))?;
        let (mut pattern, mut words) = (inner.names.pattern(b"*"), Vec::new());
        for option in argv[2..].chunks(2) {
            let [name, value] = option else { return Err(Error::Syntax) };
            if name.eq_ignore_ascii_case(b"match") {
                pattern = inner.names.pattern(value);
            } else {
                words.extend([name.to_vec(), value.to_vec()]);
            }
        }
        Ok(Scan { cursor, words, pattern })
    }

    fn at(&self, cursor: u64) -> Cmd {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(self.pattern.as_slice());
        for word in &self.words {
            command.arg(word.as_slice());
        }
        command
    }

    /// The step at one server.
    fn command(&self) -> Cmd {
        self.at(self.cursor)
    }

    async fn run(&self, inner: &Inner) -> Result<Reply, RedisError> {
        let nodes = inner.nodes.all();
        let count = nodes.len() as u64;
        let place = self.cursor % count;
        let node = &nodes[place as usize];
        let answer = plain(inner.nodes.run_on(node, &self.at(self.cursor / count)).await?);
        let Reply::Array(mut parts) = shown(inner, Name::Scan, answer) else { return Ok(Reply::Null) };
        if let Some(Reply::Bulk(next)) = parts.first_mut() {
            let at_server = std::str::from_utf8(next).ok().and_then(|next| next.parse::<u64>().ok());
            let cursor = match at_server.unwrap_or(0) {
                0 if place + 1 < count => place + 1,
                0 => 0,
                next => next.wrapping_mul(count).wrapping_add(place),
            };
            *next = cursor.to_string().into_bytes();
        }
        Ok(Reply::Array(parts))
    }
}

/// Removes all keys of a cluster, each by itself: no step reaches over slots.
async fn remove_one_by_one(
    inner: &Arc<Inner>,
    actor: Option<Vec<u8>>,
    quiet: bool,
) -> Result<Reply, RedisError> {
    let Some(del) = command::lookup(b"unlink") else { return Ok(Reply::Null) };
    let mut scan = Scan {
        cursor: 0,
        words: vec![b"COUNT".to_vec(), WALK_COUNT.to_string().into_bytes()],
        pattern: inner.names.pattern(b"*"),
    };
    loop {
        let Reply::Array(parts) = scan.run(inner).await? else { return Ok(Reply::Status("OK")) };
        let mut parts = parts.into_iter();
        let (cursor, found) = (parts.next(), parts.next());
        let keys = if let Some(Reply::Array(keys)) = found { keys } else { Vec::new() };
        let removals = keys.iter().filter_map(|key| {
            let Reply::Bulk(key) = key else { return None };
            let argv: [&[u8]; 2] = [b"unlink", key];
            let call = Call { command: del, argv: &argv, actor: actor.as_deref(), quiet };
            inner.begin(&call, None, "d").ok()
        });
        for reply in join_all(removals).await {
            if let Reply::Error(_) = reply {
                return Ok(reply);
            }
        }
        scan.cursor = match cursor {
            Some(Reply::Bulk(next)) => {
                std::str::from_utf8(&next).ok().and_then(|next| next.parse().ok()).unwrap_or(0)
            }
            _ => 0,
        };
        if scan.cursor == 0 {
            return Ok(Reply::Status("OK"));
        }
    }
}

/// What Redis has counted, all servers together; nothing where one does not answer.
pub async fn statistics(inner: &Inner) -> Option<Statistics> {
    let mut sum = Statistics::default();
    let database = format!("db{}", inner.database());
    for node in inner.nodes.all() {
        let Ok(Value::VerbatimString { text, .. }) = node.send(&redis::cmd("INFO")).await else {
            return None;
        };
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            let number = || value.parse().unwrap_or(0);
            match name {
                "expired_keys" => sum.expired += number(),
                "evicted_keys" => sum.evicted += number(),
                "keyspace_hits" => sum.hits += number(),
                "keyspace_misses" => sum.misses += number(),
                "used_memory" => sum.used_bytes += number(),
                "lazyfreed_objects" => sum.freed_late += number(),
                name if name == database => {
                    for part in value.split(',') {
                        match part.split_once('=') {
                            Some(("keys", keys)) => sum.keys += keys.parse().unwrap_or(0),
                            Some(("expires", keys)) => sum.expiring += keys.parse().unwrap_or(0),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }
    Some(sum)
}
