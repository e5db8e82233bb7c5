//! What a key can hold, a file for each kind.

mod compact;
mod element;
mod encoding;
mod hash;
mod list;
mod packed;
mod set;
mod sorted_set;
mod stream;
mod string;

use super::footprint::Footprint;
pub use hash::Hash;
pub use list::{End, List};
pub use set::{Member, Set, Text};
pub use sorted_set::{LexRange, SMALL_MEMBERS_MAX, ScoreRange, SortedSet, compare_members};
pub use stream::{BlockBounds, Claim, Consumer, Deliveries, Entry, Group, Id, Keep, Marks, Pending, Stream};
pub use string::{Origin, Str};

/// What a key holds. An aggregate in here, but for a stream, is never empty: its key goes with its last
/// element.
#[derive(Clone, Debug)]
pub enum Value {
    /// A byte string.
    Str(Str),
    /// Fields and their values.
    Hash(Hash),
    /// A sequence.
    List(List),
    /// Members without order.
    Set(Set),
    /// Members by score.
    SortedSet(SortedSet),
    /// Entries by id, and the groups that consume them. This one may be empty.
    Stream(Box<Stream>),
}

impl Footprint for Value {
    fn heap_bytes(&self, samples: usize) -> usize {
        match self {
            Value::Str(string) => string.heap_bytes(samples),
            Value::Hash(hash) => hash.heap_bytes(samples),
            Value::List(list) => list.heap_bytes(samples),
            Value::Set(set) => set.heap_bytes(samples),
            Value::SortedSet(sorted_set) => sorted_set.heap_bytes(samples),
            Value::Stream(stream) => size_of::<Stream>() + stream.heap_bytes(samples),
        }
    }
}

/// Elements from which on to free a value takes longer than others are to wait: from where Redis does it in
/// the background.
const LARGE_FROM: usize = 65;

impl Value {
    /// Whether it takes a while to free.
    pub fn is_large(&self) -> bool {
        let elements = match self {
            // One block, however long.
            Value::Str(_) => 0,
            Value::Hash(hash) => hash.len(),
            Value::List(list) => list.len(),
            Value::Set(set) => set.len(),
            Value::SortedSet(sorted_set) => sorted_set.len(),
            Value::Stream(stream) => stream.len() as usize,
        };
        elements >= LARGE_FROM
    }

    /// The type as Redis' `TYPE` names it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Str(_) => "string",
            Value::Hash(_) => "hash",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::SortedSet(_) => "zset",
            Value::Stream(_) => "stream",
        }
    }

    /// Whether nothing is left, so that the key has to go. A string or a stream never counts as empty.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Str(_) | Value::Stream(_) => false,
            Value::Hash(hash) => hash.is_empty(),
            Value::List(list) => list.is_empty(),
            Value::Set(set) => set.is_empty(),
            Value::SortedSet(sorted_set) => sorted_set.is_empty(),
        }
    }

    /// Has what a read of a string touches first fetched.
    pub fn prefetch(&self) {
        if let Value::Str(string) = self
            && let Some(first) = string.as_bytes().first()
        {
            crate::embedded::prefetch::prefetch(first);
        }
    }

    /// Writes the whole value in the form its kind has as a snapshot.
    pub fn write(&self, reply: &mut dyn crate::ReplySink) {
        match self {
            Value::Str(string) => reply.bulk(string.as_bytes()),
            Value::Hash(hash) => hash.write(reply),
            Value::List(list) => list.write(reply),
            Value::Set(set) => set.write(reply),
            Value::SortedSet(sorted_set) => sorted_set.write(reply),
            Value::Stream(stream) => stream.write(reply),
        }
    }
}
