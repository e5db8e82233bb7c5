//! What the journal and a snapshot hold, as bytes. Knows no store: [`super::replay`] does.
//!
//! A record is a byte for the version of this format (1) and then items, each a byte for its kind and
//! its fields. A number is a varint of seven bits a byte, the lowest first; a signed one is zigzagged
//! before. A string is its length as a number, and its bytes.
//!
//! | kind | item | fields |
//! |---|---|---|
//! | `01` | begin: the items up to `02` are one revision | revision |
//! | `02` | end of that revision | |
//! | `03` | put | flags (1: the value is kept, 2: the lease is kept), key, value, lease (signed) |
//! | `04` | delete range | key, range end |
//! | `10` | grant | lease (signed), time to live in ms, flags (1: it dies with the process) |
//! | `11` | revoke, with the revision that deleted its keys, or the one before if it had none | lease (signed), revision |
//! | `12` | compact | revision |
//! | `13` | ceiling: revisions up to it may be shown before they are synced | revision |
//! | `14` | jump: the revisions after the first one up to the second were lost and are never used | revision, revision |
//! | `20` | head of a snapshot | first readable revision, last revision |
//! | `21` | a key as it was at the first readable revision | key, value, created, modified, version, lease (signed) |
//! | `22` | an event of the first readable revision: a put | as `21` |
//! | `23` | an event of the first readable revision: a deletion | key |
//! | `2f` | end of a snapshot | |
//!
//! A revision's operations are those that were asked for, not what they did: doing them again on the
//! same state has the same effect. What a snapshot holds comes in the order `20`, `14`, `13`, `10`,
//! `21` (by key), `22` and `23`, `01`…`02` (each revision after the first readable one), `2f`.

use bytes::Bytes;
use hyrax_types::Revision;
use thiserror::Error;

use super::leases::Grant;
use crate::{KeyRange, KeyValue, LeaseId};

/// The version of the format.
const VERSION: u8 = 1;

const KEEP_VALUE: u8 = 1;
const KEEP_LEASE: u8 = 2;
const DIES_WITH_PROCESS: u8 = 1;

/// Bytes that an item may have beside its strings: a kind, flags, and five numbers of ten bytes.
pub(super) const ITEM_OVERHEAD_BYTES: usize = 64;

/// One item, its strings in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Begin { revision: Revision },
    End,
    Put { key: &'a [u8], value: Kept<&'a [u8]>, lease: Kept<LeaseId> },
    DeleteRange { key: &'a [u8], range_end: &'a [u8] },
    Grant(Grant),
    Revoke { id: LeaseId, revision: Revision },
    Compact { revision: Revision },
    Ceiling { revision: Revision },
    Jump { last: Revision, to: Revision },
    SnapshotHead { compacted: Revision, revision: Revision },
    SnapshotKey(Version<'a>),
    SnapshotPutEvent(Version<'a>),
    SnapshotDeleteEvent { key: &'a [u8] },
    SnapshotEnd,
}

/// What a put says of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept<T> {
    /// It stays as it is.
    AsItIs,
    /// It becomes this.
    Is(T),
}

/// A key as some revision left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version<'a> {
    key: &'a [u8],
    value: &'a [u8],
    create_revision: Revision,
    mod_revision: Revision,
    version: u64,
    lease: LeaseId,
}

impl<'a> Version<'a> {
    pub(super) fn of(kv: &'a KeyValue) -> Version<'a> {
        Version {
            key: &kv.key,
            value: &kv.value,
            create_revision: kv.create_revision,
            mod_revision: kv.mod_revision,
            version: kv.version,
            lease: kv.lease,
        }
    }

    pub(super) fn to_key_value(self) -> KeyValue {
        let (key, value) = together(self.key, self.value);
        KeyValue {
            key,
            value,
            create_revision: self.create_revision,
            mod_revision: self.mod_revision,
            version: self.version,
            lease: self.lease,
        }
    }
}

/// Copies of both in one allocation, which holds nothing else: what was handed in may be a small piece
/// of a large buffer.
pub(super) fn together(key: &[u8], value: &[u8]) -> (Bytes, Bytes) {
    let mut both = Vec::with_capacity(key.len() + value.len());
    both.extend_from_slice(key);
    both.extend_from_slice(value);
    let mut value = Bytes::from(both);
    let key = value.split_to(key.len());
    (key, value)
}

/// A record being written.
#[derive(Debug)]
pub(super) struct Record(Vec<u8>);

impl Default for Record {
    fn default() -> Record {
        Record(vec![VERSION])
    }
}

impl Record {
    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 1
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The record with its length before it, as a piece of a snapshot.
    pub(super) fn into_piece(self) -> Vec<u8> {
        let mut piece = Vec::with_capacity(8 + self.0.len());
        piece.extend_from_slice(&(self.0.len() as u64).to_le_bytes());
        piece.extend_from_slice(&self.0);
        piece
    }

    /// Empties it, and gives back what an unusually large one took.
    pub(super) fn clear(&mut self) {
        self.0.truncate(1);
        self.0.shrink_to(64 * 1024);
    }

    pub(super) fn push(&mut self, item: Item<'_>) {
        match item {
            Item::Begin { revision } => self.kind(0x01).revision(revision),
            Item::End => self.kind(0x02),
            Item::Put { key, value, lease } => {
                let keep_value = if value == Kept::AsItIs { KEEP_VALUE } else { 0 };
                let keep_lease = if lease == Kept::AsItIs { KEEP_LEASE } else { 0 };
                let put = self.kind(0x03).byte(keep_value | keep_lease).string(key);
                let put = if let Kept::Is(value) = value { put.string(value) } else { put };
                if let Kept::Is(lease) = lease { put.lease(lease) } else { put }
            }
            Item::DeleteRange { key, range_end } => self.kind(0x04).string(key).string(range_end),
            Item::Grant(grant) => {
                let flags = if grant.dies_with_process { DIES_WITH_PROCESS } else { 0 };
                self.kind(0x10).lease(grant.id).number(grant.ttl_ms).byte(flags)
            }
            Item::Revoke { id, revision } => self.kind(0x11).lease(id).revision(revision),
            Item::Compact { revision } => self.kind(0x12).revision(revision),
            Item::Ceiling { revision } => self.kind(0x13).revision(revision),
            Item::Jump { last, to } => self.kind(0x14).revision(last).revision(to),
            Item::SnapshotHead { compacted, revision } => {
                self.kind(0x20).revision(compacted).revision(revision)
            }
            Item::SnapshotKey(version) => self.kind(0x21).version(version),
            Item::SnapshotPutEvent(version) => self.kind(0x22).version(version),
            Item::SnapshotDeleteEvent { key } => self.kind(0x23).string(key),
            Item::SnapshotEnd => self.kind(0x2f),
        };
    }

    fn kind(&mut self, kind: u8) -> &mut Record {
        self.byte(kind)
    }

    fn byte(&mut self, byte: u8) -> &mut Record {
        self.0.push(byte);
        self
    }

    fn number(&mut self, mut number: u64) -> &mut Record {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8)
    }

    fn revision(&mut self, revision: Revision) -> &mut Record {
        self.number(revision.0)
    }

    fn lease(&mut self, LeaseId(id): LeaseId) -> &mut Record {
        self.number(((id << 1) ^ (id >> 63)) as u64)
    }

    fn string(&mut self, string: &[u8]) -> &mut Record {
        self.number(string.len() as u64);
        self.0.extend_from_slice(string);
        self
    }

    fn version(&mut self, version: Version<'_>) -> &mut Record {
        self.string(version.key)
            .string(version.value)
            .revision(version.create_revision)
            .revision(version.mod_revision)
            .number(version.version)
            .lease(version.lease)
    }
}

/// Bytes that are no record.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Malformed {
    /// They end within an item.
    #[error("it ends within an item")]
    Short,
    /// Another version of Hyrax wrote them.
    #[error("its format is {0}, and this version of Hyrax knows only {VERSION}")]
    Version(u8),
    /// There is no such item.
    #[error("it has an item of the unknown kind {0:#04x}")]
    Kind(u8),
    /// A number or flag that can not be.
    #[error("it has a number that is too large")]
    Number,
    /// An item that can not be where it is.
    #[error("an item does not fit what is before it: {0}")]
    Order(&'static str),
}

/// Reads items, one at a time.
pub(super) struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    /// The items of a record.
    pub(super) fn of(record: &'a [u8]) -> Result<Items<'a>, Malformed> {
        match record.split_first() {
            Some((&VERSION, items)) => Ok(Items(items)),
            Some((&other, _)) => Err(Malformed::Version(other)),
            None => Err(Malformed::Short),
        }
    }

    pub(super) fn next_item(&mut self) -> Result<Option<Item<'a>>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        Ok(Some(match self.byte()? {
            0x01 => Item::Begin { revision: self.revision()? },
            0x02 => Item::End,
            0x03 => {
                let flags = self.flags(KEEP_VALUE | KEEP_LEASE)?;
                let key = self.string()?;
                let value = if flags & KEEP_VALUE != 0 { Kept::AsItIs } else { Kept::Is(self.string()?) };
                let lease = if flags & KEEP_LEASE != 0 { Kept::AsItIs } else { Kept::Is(self.lease()?) };
                Item::Put { key, value, lease }
            }
            0x04 => Item::DeleteRange { key: self.string()?, range_end: self.string()? },
            0x10 => Item::Grant(Grant {
                id: self.lease()?,
                ttl_ms: self.number()?,
                dies_with_process: self.flags(DIES_WITH_PROCESS)? != 0,
            }),
            0x11 => Item::Revoke { id: self.lease()?, revision: self.revision()? },
            0x12 => Item::Compact { revision: self.revision()? },
            0x13 => Item::Ceiling { revision: self.revision()? },
            0x14 => Item::Jump { last: self.revision()?, to: self.revision()? },
            0x20 => Item::SnapshotHead { compacted: self.revision()?, revision: self.revision()? },
            0x21 => Item::SnapshotKey(self.version()?),
            0x22 => Item::SnapshotPutEvent(self.version()?),
            0x23 => Item::SnapshotDeleteEvent { key: self.string()? },
            0x2f => Item::SnapshotEnd,
            other => return Err(Malformed::Kind(other)),
        }))
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.0.split_first().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(byte)
    }

    fn flags(&mut self, known: u8) -> Result<u8, Malformed> {
        let flags = self.byte()?;
        if flags & !known == 0 { Ok(flags) } else { Err(Malformed::Number) }
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed::Number);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed::Number)
    }

    /// Far enough from the end that the next ones are revisions too.
    fn revision(&mut self) -> Result<Revision, Malformed> {
        let number = self.number()?;
        if number > i64::MAX as u64 { Err(Malformed::Number) } else { Ok(Revision(number)) }
    }

    fn lease(&mut self) -> Result<LeaseId, Malformed> {
        let number = self.number()?;
        Ok(LeaseId((number >> 1) as i64 ^ -((number & 1) as i64)))
    }

    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.number()?).map_err(|_| Malformed::Number)?;
        let (string, rest) = self.0.split_at_checked(length).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(string)
    }

    fn version(&mut self) -> Result<Version<'a>, Malformed> {
        Ok(Version {
            key: self.string()?,
            value: self.string()?,
            create_revision: self.revision()?,
            mod_revision: self.revision()?,
            version: self.number()?,
            lease: self.lease()?,
        })
    }
}

impl Item<'_> {
    /// A put or deletion of one key, as an event tells it.
    pub(super) fn of_event(event: &crate::Event) -> Item<'_> {
        match event.kind {
            crate::EventKind::Put => Item::Put {
                key: &event.kv.key,
                value: Kept::Is(&event.kv.value),
                lease: Kept::Is(event.kv.lease),
            },
            crate::EventKind::Delete => Item::DeleteRange { key: &event.kv.key, range_end: b"" },
        }
    }

    /// A deletion as it was asked for.
    pub(super) fn delete_range(range: &KeyRange) -> Item<'_> {
        Item::DeleteRange { key: &range.key, range_end: &range.range_end }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(items: &[Item<'_>]) {
        let mut record = Record::default();
        items.iter().for_each(|item| record.push(*item));
        let mut read = Items::of(record.as_bytes()).expect("the version");
        for item in items {
            assert_eq!(read.next_item(), Ok(Some(*item)));
        }
        assert_eq!(read.next_item(), Ok(None));
        for length in 1..record.as_bytes().len() {
            let mut cut = Items::of(&record.as_bytes()[..length]).expect("the version");
            while let Ok(Some(_)) = cut.next_item() {}
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let version = Version {
            key: b"key",
            value: b"value",
            create_revision: Revision(3),
            mod_revision: Revision(i64::MAX as u64),
            version: u64::MAX,
            lease: LeaseId(i64::MIN),
        };
        check(&[
            Item::Begin { revision: Revision(300) },
            Item::Put { key: b"a", value: Kept::Is(&[b'x'; 300]), lease: Kept::Is(LeaseId(-1)) },
            Item::Put { key: b"", value: Kept::AsItIs, lease: Kept::AsItIs },
            Item::DeleteRange { key: b"a", range_end: b"\0" },
            Item::End,
            Item::Grant(Grant { id: LeaseId(i64::MAX), ttl_ms: u64::MAX, dies_with_process: true }),
            Item::Revoke { id: LeaseId(7), revision: Revision(1) },
            Item::Compact { revision: Revision(127) },
            Item::Ceiling { revision: Revision(128) },
            Item::Jump { last: Revision(1), to: Revision(1 << 40) },
            Item::SnapshotHead { compacted: Revision(1), revision: Revision(2) },
            Item::SnapshotKey(version),
            Item::SnapshotPutEvent(version),
            Item::SnapshotDeleteEvent { key: b"gone" },
            Item::SnapshotEnd,
        ]);
    }

    #[test]
    fn what_is_no_record_says_so() {
        let read = |bytes: &'static [u8]| Items::of(bytes).and_then(|mut items| items.next_item());
        assert_eq!(read(b""), Err(Malformed::Short));
        assert_eq!(read(b"\x02"), Err(Malformed::Version(2)));
        assert_eq!(read(b"\x01\x99"), Err(Malformed::Kind(0x99)));
        assert_eq!(read(b"\x01\x01"), Err(Malformed::Short));
        assert_eq!(read(b"\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), Err(Malformed::Number));
        assert_eq!(read(b"\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), Err(Malformed::Number));
        assert_eq!(read(b"\x01\x04\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), Err(Malformed::Short));
        assert_eq!(read(b"\x01\x03\x04"), Err(Malformed::Number), "an unknown flag");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut items = Items(&bytes);
            while let Ok(Some(_)) = items.next_item() {}
        }
    }
}
