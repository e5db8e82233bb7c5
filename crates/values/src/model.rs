//! The reference model: live values done in the most obvious way.
//!
//! It knows a core of each family's commands, and of their options only those that random tests
//! use. Slow and plain on purpose: what it answers is right because it can be read at a glance. It
//! knows no revisions, no feed and no clock; the time is an argument, and whoever moves it calls
//! [`Model::expire`] before the next command.

mod aggregates;
mod keys;

use crate::{Error, Reply};
use std::collections::{BTreeMap, BTreeSet};

/// What a call says and what it changed.
#[derive(Debug)]
pub struct Outcome {
    /// The reply; sets and maps are in the order of their bytes.
    pub reply: Reply,
    /// One for each changed key.
    pub effects: Vec<Effect>,
}

/// A change as a feed is told it, but for its revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effect {
    /// The changed key.
    pub key: Vec<u8>,
    /// The command, or `expired`.
    pub command: String,
    /// Its arguments.
    pub args: Vec<Vec<u8>>,
}

/// A key space.
#[derive(Debug, Default)]
pub struct Model {
    keys: BTreeMap<Vec<u8>, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    value: Stored,
    /// When it expires, in milliseconds since the epoch.
    expires_at: Option<u64>,
}

/// What a key holds. An aggregate is never left empty.
#[derive(Clone, Debug)]
enum Stored {
    String(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    List(Vec<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    /// In order of score, then member.
    SortedSet(Vec<(Vec<u8>, f64)>),
}

impl Stored {
    fn is_empty(&self) -> bool {
        match self {
            Stored::String(_) => false,
            Stored::Hash(fields) => fields.is_empty(),
            Stored::List(elements) => elements.is_empty(),
            Stored::Set(members) => members.is_empty(),
            Stored::SortedSet(members) => members.is_empty(),
        }
    }
}

/// A kind of value as Rust's type for it.
trait Kind: Default {
    fn of(stored: &mut Stored) -> Option<&mut Self>;
    fn store(self) -> Stored;
}

macro_rules! kind {
    ($variant:ident, $type:ty) => {
        impl Kind for $type {
            fn of(stored: &mut Stored) -> Option<&mut Self> {
                if let Stored::$variant(value) = stored { Some(value) } else { None }
            }
            fn store(self) -> Stored {
                Stored::$variant(self)
            }
        }
    };
}

kind!(String, Vec<u8>);
kind!(Hash, BTreeMap<Vec<u8>, Vec<u8>>);
kind!(List, Vec<Vec<u8>>);
kind!(Set, BTreeSet<Vec<u8>>);
kind!(SortedSet, Vec<(Vec<u8>, f64)>);

/// A command while it runs.
struct Run<'a> {
    model: &'a mut Model,
    words: &'a [&'a [u8]],
    now_ms: u64,
    effects: Vec<Effect>,
}

impl Model {
    /// Removes what is due and tells each.
    pub fn expire(&mut self, now_ms: u64) -> Vec<Effect> {
        let is_due = |entry: &Entry| entry.expires_at.is_some_and(|at| at <= now_ms);
        let due: Vec<_> =
            self.keys.iter().filter(|(_, entry)| is_due(entry)).map(|(key, _)| key.clone()).collect();
        self.keys.retain(|_, entry| !is_due(entry));
        due.into_iter().map(|key| Effect { key, command: "expired".to_owned(), args: Vec::new() }).collect()
    }

    /// Runs a command, which must be one that the model knows.
    pub fn run(&mut self, words: &[&[u8]], now_ms: u64) -> Outcome {
        let mut run = Run { model: self, words, now_ms, effects: Vec::new() };
        let reply = run.reply().unwrap_or_else(Reply::Error);
        let effects = run.effects;
        self.keys.retain(|_, entry| !entry.value.is_empty());
        Outcome { reply, effects }
    }

    /// The value of a key as a snapshot of any kind has it.
    pub fn value(&self, key: &[u8]) -> Reply {
        let bulk = |bytes: &Vec<u8>| Reply::Bulk(bytes.clone());
        match self.keys.get(key).map(|entry| &entry.value) {
            None => Reply::Null,
            Some(Stored::String(bytes)) => bulk(bytes),
            Some(Stored::Hash(fields)) => {
                Reply::Map(fields.iter().map(|(field, value)| (bulk(field), bulk(value))).collect())
            }
            Some(Stored::List(elements)) => Reply::Array(elements.iter().map(bulk).collect()),
            Some(Stored::Set(members)) => Reply::Set(members.iter().map(bulk).collect()),
            Some(Stored::SortedSet(members)) => Reply::Map(
                members.iter().map(|(member, score)| (bulk(member), Reply::Double(*score))).collect(),
            ),
        }
    }

    /// When a key expires, in milliseconds since the epoch.
    pub fn expiry(&self, key: &[u8]) -> Option<u64> {
        self.keys.get(key)?.expires_at
    }
}

impl<'a> Run<'a> {
    fn reply(&mut self) -> Result<Reply, Error> {
        match self.words[0] {
            b"get" => self.get(),
            b"set" => self.set(),
            b"getdel" => self.getdel(),
            b"mset" => self.mset(),
            b"append" => self.append(),
            b"incr" => self.incrby(b"1"),
            b"incrby" => self.incrby(self.words[2]),
            b"strlen" => self.strlen(),
            b"del" => self.del(),
            b"exists" => self.exists(),
            b"type" => self.type_name(),
            b"pexpire" => self.pexpire(),
            b"persist" => self.persist(),
            b"pttl" => self.pttl(),
            b"rename" => self.rename(),
            b"hset" => self.hset(),
            b"hdel" => self.hdel(),
            b"hget" => self.hget(),
            b"hgetall" => self.hgetall(),
            b"hincrby" => self.hincrby(),
            b"lpush" => self.push(true),
            b"rpush" => self.push(false),
            b"lpop" => self.pop(true),
            b"rpop" => self.pop(false),
            b"lrange" => self.lrange(),
            b"lmove" => self.lmove(),
            b"sadd" => self.sadd(),
            b"srem" => self.srem(),
            b"smembers" => self.smembers(),
            b"sismember" => self.sismember(),
            b"smove" => self.smove(),
            b"sinterstore" => self.sinterstore(),
            b"zadd" => self.zadd(),
            b"zincrby" => self.zincrby(),
            b"zrem" => self.zrem(),
            b"zscore" => self.zscore(),
            b"zrank" => self.zrank(),
            b"zrange" => self.zrange(),
            // The tests that use the model choose from the commands above.
            other => panic!("the model does not know {}", String::from_utf8_lossy(other)),
        }
    }

    /// The value of a key, if it is of this kind.
    fn read<T: Kind + Clone>(&mut self, key: &[u8]) -> Result<Option<T>, Error> {
        match self.model.keys.get_mut(key) {
            None => Ok(None),
            Some(entry) => T::of(&mut entry.value).cloned().map(Some).ok_or(Error::WrongType),
        }
    }

    /// The value of a key of this kind, made when the key is absent.
    fn write<T: Kind>(&mut self, key: &[u8]) -> Result<&mut T, Error> {
        let new = || Entry { value: T::default().store(), expires_at: None };
        let entry = self.model.keys.entry(key.to_vec()).or_insert_with(new);
        T::of(&mut entry.value).ok_or(Error::WrongType)
    }

    /// Puts a value at a key that then never expires, whatever was there.
    fn put(&mut self, key: &[u8], value: Stored) {
        self.model.keys.insert(key.to_vec(), Entry { value, expires_at: None });
    }

    /// Tells that this command changed a key. `names_several` keys, it is told whole.
    fn changed(&mut self, key: &[u8], names_several: bool) {
        let args = if names_several { &self.words[1..] } else { &self.words[2..] };
        self.told(key, self.words[0], args);
    }

    /// Tells a change in the words of another command.
    fn told(&mut self, key: &[u8], command: &[u8], args: &[&[u8]]) {
        self.effects.push(Effect {
            key: key.to_vec(),
            command: String::from_utf8_lossy(command).into_owned(),
            args: args.iter().map(|arg| arg.to_vec()).collect(),
        });
    }
}

fn integer(word: &[u8]) -> Result<i64, Error> {
    crate::parse_integer(word).ok_or(Error::NotInteger)
}

/// The indexes from one to another, where negative ones count from the end.
fn between(start: &[u8], end: &[u8], len: usize) -> Result<std::ops::Range<usize>, Error> {
    let from_front = |index: i64| if index < 0 { index.saturating_add(len as i64) } else { index };
    let (start, end) = (from_front(integer(start)?).max(0), from_front(integer(end)?));
    let range = start..end.min(len as i64 - 1) + 1;
    Ok(if range.is_empty() { 0..0 } else { range.start as usize..range.end as usize })
}

fn count(number: usize) -> Reply {
    Reply::Integer(number as i64)
}
