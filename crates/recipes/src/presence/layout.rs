//! How presence lies in the key space.
//!
//! ```text
//! \0hyrax/presence/entry/<ekg>/<name>/<lease>-<session>/<flat|named>  →  <loud|quiet> <joined, ms>
//! \0hyrax/presence/note/<lease>                                       →  why what this revision deletes goes
//! ```
//!
//! `<ekg>` and `<name>` are escaped; lease and session are sixteen hexadecimal digits. Both keys hang
//! on the node's lease.

use bytes::Bytes;
use hyrax_coordination::{Key, KeyRange, KeyValue, LeaseId, Value};
use hyrax_types::SessionId;

use super::{Cause, EntryKind, SessionRef};
use crate::layout::{escape, unescape};

const PREFIX: &[u8] = b"\0hyrax/presence/";
const ENTRY: &[u8] = b"\0hyrax/presence/entry/";
const NOTE: &[u8] = b"\0hyrax/presence/note/";

/// One entry of an EKG.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    pub(super) ekg: Key,
    pub(super) name: Key,
    pub(super) session: SessionRef,
    pub(super) kind: EntryKind,
}

/// What is kept of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryValue {
    /// Nobody is told that it came.
    pub(super) quiet: bool,
    pub(super) joined_ms: u64,
}

/// Why the entries go that a revision deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// The session removed them, giving an id for itself or none.
    Removed { quiet: bool, given: Option<Key> },
    /// The session ended.
    Closed(Cause),
}

/// All of presence.
pub(super) fn everything() -> KeyRange {
    KeyRange::prefix(PREFIX)
}

/// Every entry of that name, whoever's.
pub(super) fn entries_named(ekg: &[u8], name: &[u8]) -> KeyRange {
    KeyRange::prefix(name_prefix(ekg, name))
}

fn name_prefix(ekg: &[u8], name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(ENTRY.len() + ekg.len() + name.len() + 48);
    key.extend_from_slice(ENTRY);
    escape(ekg, &mut key);
    key.push(b'/');
    escape(name, &mut key);
    key.push(b'/');
    key
}

impl Entry {
    pub(super) fn key(&self) -> Key {
        let mut key = name_prefix(&self.ekg, &self.name);
        let SessionRef { node, session } = self.session;
        key.extend_from_slice(format!("{:016x}-{:016x}/{}", node.0, session.0, self.kind.word()).as_bytes());
        key.into()
    }

    /// The entry that a key names, if it does.
    pub(super) fn of_key(key: &[u8]) -> Option<Entry> {
        let mut parts = key.strip_prefix(ENTRY)?.split(|&byte| byte == b'/');
        let [ekg, name, session, kind] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        if parts.next().is_some() {
            return None;
        }
        let (node, session) = std::str::from_utf8(session).ok()?.split_once('-')?;
        let hexadecimal = |digits: &str| u64::from_str_radix(digits, 16).ok();
        Some(Entry {
            ekg: unescape(ekg)?.into(),
            name: unescape(name)?.into(),
            session: SessionRef {
                node: LeaseId(hexadecimal(node)? as i64),
                session: SessionId(hexadecimal(session)?),
            },
            kind: EntryKind::of_word(kind)?,
        })
    }
}

impl EntryKind {
    fn word(self) -> &'static str {
        match self {
            EntryKind::Flat => "flat",
            EntryKind::Named => "named",
        }
    }

    fn of_word(word: &[u8]) -> Option<EntryKind> {
        match word {
            b"flat" => Some(EntryKind::Flat),
            b"named" => Some(EntryKind::Named),
            _ => None,
        }
    }
}

fn loudness(quiet: bool) -> &'static str {
    if quiet { "quiet" } else { "loud" }
}

fn is_quiet(word: &[u8]) -> Option<bool> {
    match word {
        b"quiet" => Some(true),
        b"loud" => Some(false),
        _ => None,
    }
}

impl EntryValue {
    pub(super) fn value(self) -> Value {
        format!("{} {}", loudness(self.quiet), self.joined_ms).into()
    }

    pub(super) fn of_value(value: &[u8]) -> Option<EntryValue> {
        let (quiet, joined) = std::str::from_utf8(value).ok()?.split_once(' ')?;
        Some(EntryValue { quiet: is_quiet(quiet.as_bytes())?, joined_ms: joined.parse().ok()? })
    }
}

impl Note {
    pub(super) fn key(node: LeaseId) -> Key {
        [NOTE, format!("{:016x}", node.0).as_bytes()].concat().into()
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Note::Removed { quiet, given: None } => format!("removed {}", loudness(*quiet)).into(),
            Note::Removed { quiet, given: Some(given) } => {
                [b"removed ", loudness(*quiet).as_bytes(), b" ", given].concat().into()
            }
            Note::Closed(cause) => format!("closed {}", cause.word()).into(),
        }
    }

    /// The note that a key and its value are, if they are.
    pub(super) fn of(kv: &KeyValue) -> Option<Note> {
        if !kv.key.starts_with(NOTE) {
            return None;
        }
        let mut words = kv.value.splitn(3, |&byte| byte == b' ');
        match (words.next()?, words.next()?, words.next()) {
            (b"removed", quiet, given) => {
                Some(Note::Removed { quiet: is_quiet(quiet)?, given: given.map(Bytes::copy_from_slice) })
            }
            (b"closed", cause, None) => Cause::of_word(cause).map(Note::Closed),
            _ => None,
        }
    }
}

impl Cause {
    /// The cause as clients are told it.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Closed => "closed",
            Cause::Timeout => "timeout",
            Cause::Kicked => "kicked",
            Cause::NodeLost => "node-lost",
        }
    }

    fn of_word(word: &[u8]) -> Option<Cause> {
        [Cause::Closed, Cause::Timeout, Cause::Kicked, Cause::NodeLost]
            .into_iter()
            .find(|cause| cause.word().as_bytes() == word)
    }
}

#[cfg(test)]
mod tests {
    use hyrax_types::is_reserved;
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Key> {
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Bytes::from)
    }

    proptest! {
        #[test]
        fn an_entry_reads_back_from_its_key(
            (ekg, name) in (bytes(), bytes()),
            (node, session) in (any::<i64>(), any::<u64>()),
            flat in any::<bool>(),
        ) {
            let session = SessionRef { node: LeaseId(node), session: SessionId(session) };
            let kind = if flat { EntryKind::Flat } else { EntryKind::Named };
            let entry = Entry { ekg, name, session, kind };
            let key = entry.key();
            prop_assert!(is_reserved(&key));
            prop_assert!(entries_named(&entry.ekg, &entry.name).contains(&key));
            prop_assert_eq!(Entry::of_key(&key), Some(entry));
        }

        #[test]
        fn a_note_reads_back_from_its_value(given in prop::option::of(bytes()), quiet in any::<bool>()) {
            let closed = [Cause::Closed, Cause::Timeout, Cause::Kicked].map(Note::Closed);
            for note in closed.into_iter().chain([Note::Removed { quiet, given }]) {
                let key = Note::key(LeaseId(7));
                let kv = KeyValue { key, value: note.value(), ..KeyValue::default() };
                prop_assert_eq!(Note::of(&kv), Some(note));
            }
        }

        #[test]
        fn foreign_keys_and_values_name_nothing(tail in bytes()) {
            let key = [ENTRY, &tail].concat();
            if let Some(entry) = Entry::of_key(&key) {
                prop_assert_eq!(entry.key(), key);
            }
            _ = EntryValue::of_value(&tail);
        }
    }
}
