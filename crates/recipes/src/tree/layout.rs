//! Where the tree is in the key space.
//!
//! ```text
//! <prefix>f<depth><path>   a key, at its path of so many parts (four decimal digits)
//! <prefix>d<depth><path>   a directory
//! <prefix>t<path>          when the node ends, in nanoseconds since the Unix epoch, as text
//! <prefix>o<path>          the name of the last in-order key of the directory
//! <prefix>r                why the last node was removed, and which
//! ```
//!
//! The prefix is `\0hyrax/tree/`. What a directory holds is one range of keys and one of directories, however
//! much is below them; what is below it at any depth is such a pair for each depth.

use bytes::Bytes;
use hyrax_coordination::{Key, KeyRange};

use super::path::TreePath;

/// What all keys of the tree begin with. They are reserved: other doors show none of them.
pub(super) const PREFIX: &[u8] = b"\0hyrax/tree/";

/// Digits of a depth.
const DEPTH_DIGITS: usize = 4;

/// What a key of the engine is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    File(TreePath),
    Directory(TreePath),
    Deadline(TreePath),
    Removal,
    /// Nothing that those who watch must know.
    Other,
}

/// Everything there is of the tree.
pub(super) fn everything() -> KeyRange {
    KeyRange::prefix(PREFIX)
}

/// Every deadline.
pub(super) fn deadlines() -> KeyRange {
    KeyRange::prefix([PREFIX, b"t"].concat())
}

pub(super) fn file(path: &TreePath) -> Key {
    at_depth(b'f', path.depth(), path.as_bytes(), b"")
}

pub(super) fn directory(path: &TreePath) -> Key {
    at_depth(b'd', path.depth(), path.as_bytes(), b"")
}

/// The keys that are `down` parts below a directory.
pub(super) fn files_below(path: &TreePath, down: usize) -> KeyRange {
    KeyRange::prefix(at_depth(b'f', path.depth() + down, path.as_bytes(), b"/"))
}

/// The directories that are `down` parts below a directory.
pub(super) fn directories_below(path: &TreePath, down: usize) -> KeyRange {
    KeyRange::prefix(at_depth(b'd', path.depth() + down, path.as_bytes(), b"/"))
}

pub(super) fn deadline(path: &TreePath) -> Key {
    [PREFIX, b"t", path.as_bytes()].concat().into()
}

/// The deadlines of everything below a directory.
pub(super) fn deadlines_below(path: &TreePath) -> KeyRange {
    KeyRange::prefix([PREFIX, b"t", path.as_bytes(), b"/"].concat())
}

pub(super) fn order(path: &TreePath) -> Key {
    [PREFIX, b"o", path.as_bytes()].concat().into()
}

/// The orders of everything below a directory.
pub(super) fn orders_below(path: &TreePath) -> KeyRange {
    KeyRange::prefix([PREFIX, b"o", path.as_bytes(), b"/"].concat())
}

pub(super) fn removal() -> Key {
    Bytes::from_static(b"\0hyrax/tree/r")
}

fn at_depth(kind: u8, depth: usize, path: &[u8], end: &[u8]) -> Key {
    let mut key = Vec::with_capacity(PREFIX.len() + 1 + DEPTH_DIGITS + path.len() + end.len());
    key.extend_from_slice(PREFIX);
    key.push(kind);
    let digit = |power: usize| b'0' + (depth / power % 10) as u8;
    key.extend_from_slice(&[digit(1_000), digit(100), digit(10), digit(1)]);
    key.extend_from_slice(path);
    key.extend_from_slice(end);
    key.into()
}

/// What a key of the tree is about.
pub(super) fn place(key: &Key) -> Place {
    let Some((kind, rest)) = key.strip_prefix(PREFIX).and_then(<[u8]>::split_first) else {
        return Place::Other;
    };
    let path = |skipped: usize| {
        let from = PREFIX.len() + 1 + skipped;
        (rest.get(skipped) == Some(&b'/')).then(|| TreePath::trusted(key.slice(from..)))
    };
    match kind {
        b'f' => path(DEPTH_DIGITS).map_or(Place::Other, Place::File),
        b'd' => path(DEPTH_DIGITS).map_or(Place::Other, Place::Directory),
        b't' => path(0).map_or(Place::Other, Place::Deadline),
        b'r' if rest.is_empty() => Place::Removal,
        _ => Place::Other,
    }
}

#[cfg(test)]
mod tests {
    use hyrax_types::is_reserved;

    use super::*;

    #[test]
    fn the_layout_is_as_documented() {
        let path = TreePath::clean(b"/a/b").unwrap();
        assert_eq!(file(&path), &b"\0hyrax/tree/f0002/a/b"[..]);
        assert_eq!(directory(&path), &b"\0hyrax/tree/d0002/a/b"[..]);
        assert_eq!(deadline(&path), &b"\0hyrax/tree/t/a/b"[..]);
        assert_eq!(order(&path), &b"\0hyrax/tree/o/a/b"[..]);
        assert_eq!(order(&TreePath::ROOT), &b"\0hyrax/tree/o"[..]);
        assert_eq!(files_below(&path, 1).key, &b"\0hyrax/tree/f0003/a/b/"[..]);
        assert_eq!(directories_below(&TreePath::ROOT, 1).key, &b"\0hyrax/tree/d0001/"[..]);
        assert!(is_reserved(PREFIX));
    }

    #[test]
    fn a_key_tells_what_it_is_about() {
        let path = TreePath::clean(b"/a/b").unwrap();
        assert_eq!(place(&file(&path)), Place::File(path.clone()));
        assert_eq!(place(&directory(&path)), Place::Directory(path.clone()));
        assert_eq!(place(&deadline(&path)), Place::Deadline(path.clone()));
        assert_eq!(place(&removal()), Place::Removal);
        for other in
            [order(&path), order(&TreePath::ROOT), "x".into(), PREFIX.into(), [PREFIX, b"f1"].concat().into()]
        {
            assert_eq!(place(&other), Place::Other);
        }
    }
}
