//! Which keys a request is about, encoded as etcd encodes it.

use std::ops::Bound;

use bytes::Bytes;

use crate::Key;

/// One key, or the keys from one key up to another.
///
/// Without `range_end` it is `key` alone; with `range_end` `\0` every key from `key` on; else every
/// key from `key` up to, not including, `range_end` (none, when that is not greater than `key`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyRange {
    /// The key, or the first of the range.
    pub key: Key,
    /// The end of the range; empty for one key, `\0` for no end.
    pub range_end: Key,
}

impl KeyRange {
    /// One key.
    pub fn single(key: impl Into<Key>) -> KeyRange {
        KeyRange { key: key.into(), range_end: Bytes::new() }
    }

    /// From `key` up to, not including, `range_end`.
    pub fn between(key: impl Into<Key>, range_end: impl Into<Key>) -> KeyRange {
        KeyRange { key: key.into(), range_end: range_end.into() }
    }

    /// `key` and every key after it.
    pub fn from(key: impl Into<Key>) -> KeyRange {
        KeyRange { key: key.into(), range_end: Bytes::from_static(b"\0") }
    }

    /// Every key.
    pub fn all() -> KeyRange {
        KeyRange::from(Bytes::from_static(b"\0"))
    }

    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: impl Into<Key>) -> KeyRange {
        let prefix = prefix.into();
        if prefix.is_empty() {
            return KeyRange::all();
        }
        // The smallest key after them all: the last byte that can grow, grown, and nothing behind it.
        let Some(last) = prefix.iter().rposition(|&byte| byte != 0xff) else { return KeyRange::from(prefix) };
        let mut range_end = prefix[..=last].to_vec();
        range_end[last] += 1;
        KeyRange { key: prefix, range_end: range_end.into() }
    }

    /// Whether this names one key.
    pub fn is_single(&self) -> bool {
        self.range_end.is_empty()
    }

    /// Whether the range goes on to the last key.
    pub fn is_open(&self) -> bool {
        self.range_end.as_ref() == b"\0"
    }

    /// Whether no key can be in it.
    pub fn is_empty(&self) -> bool {
        !self.is_single() && !self.is_open() && self.range_end <= self.key
    }

    /// Whether `key` is in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        if self.is_single() {
            return key == self.key;
        }
        key >= self.key.as_ref() && (self.is_open() || key < self.range_end.as_ref())
    }

    /// The same as bounds for an ordered map. Only for a range that is not [empty](Self::is_empty).
    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let end = if self.is_single() {
            Bound::Included(self.key.as_ref())
        } else if self.is_open() {
            Bound::Unbounded
        } else {
            Bound::Excluded(self.range_end.as_ref())
        };
        (Bound::Included(self.key.as_ref()), end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_holds_what_begins_with_it_and_nothing_else() {
        let range = KeyRange::prefix(&b"a\xff"[..]);
        assert_eq!(range.range_end.as_ref(), b"b");
        assert!(range.contains(b"a\xff") && range.contains(b"a\xff\xff\xff"));
        assert!(!range.contains(b"a\xfe") && !range.contains(b"b"));
        assert!(KeyRange::prefix(&b"\xff\xff"[..]).is_open());
        assert!(KeyRange::prefix(&b""[..]).contains(b"\0"));
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_empty() {
        assert!(KeyRange::between("z", "a").is_empty());
        assert!(KeyRange::between("a", "a").is_empty());
        assert!(!KeyRange::from("a").is_empty());
        assert!(!KeyRange::single("a").is_empty());
    }
}
