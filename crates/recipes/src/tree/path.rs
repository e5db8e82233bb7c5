//! Paths in the tree: clean, absolute, and of a bounded depth.

use bytes::Bytes;
use hyrax_types::limits::{KEY_BYTES_MAX, TREE_DEPTH_MAX};
use thiserror::Error;

/// Where a node is: parts that each begin with a `/`, none of them empty, `.` or `..`. The root is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(Bytes);

/// Why a text is no path in the tree.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PathError {
    /// More than [`TREE_DEPTH_MAX`] parts.
    #[error("a key may have {TREE_DEPTH_MAX} parts, and not more")]
    TooDeep,
    /// More than [`KEY_BYTES_MAX`] bytes.
    #[error("a key may have {KEY_BYTES_MAX} bytes, and not more")]
    TooLong,
}

impl TreePath {
    /// The directory that everything is in.
    pub const ROOT: TreePath = TreePath(Bytes::new());

    /// The path that a text names: `.` and empty parts are left out, and `..` takes a part back.
    pub fn clean(text: &[u8]) -> Result<TreePath, PathError> {
        let mut clean: Vec<u8> = Vec::with_capacity(text.len() + 1);
        for part in text.split(|&byte| byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    let parent = clean.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                    clean.truncate(parent);
                }
                part => {
                    clean.push(b'/');
                    clean.extend_from_slice(part);
                }
            }
        }
        if clean.len() > KEY_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        let path = TreePath(clean.into());
        if path.depth() > TREE_DEPTH_MAX { Err(PathError::TooDeep) } else { Ok(path) }
    }

    /// What was written by this recipe.
    pub(super) fn trusted(bytes: Bytes) -> TreePath {
        TreePath(bytes)
    }

    /// The path below this one by a part without `/`.
    pub fn child(&self, name: &[u8]) -> Result<TreePath, PathError> {
        TreePath::clean(&[&self.0[..], b"/", name].concat())
    }

    /// How many parts it has.
    pub fn depth(&self) -> usize {
        self.0.iter().filter(|&&byte| byte == b'/').count()
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// As text; empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The directory that it is in; the root's is the root.
    pub fn parent(&self) -> TreePath {
        let end = self.0.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        TreePath(self.0.slice(..end))
    }

    /// The last part.
    pub fn name(&self) -> &[u8] {
        let start = self.0.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        &self.0[start..]
    }

    /// Whether it is left out where its directory is listed.
    pub fn is_hidden(&self) -> bool {
        self.name().first() == Some(&b'_')
    }

    /// The paths from the first part to the whole, the root not among them.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = TreePath> + '_ {
        let ends = self.0.iter().enumerate().skip(1).filter(|&(_, &byte)| byte == b'/').map(|(at, _)| at);
        let whole = (!self.0.is_empty()).then_some(self.0.len());
        ends.chain(whole).map(|end| TreePath(self.0.slice(..end)))
    }

    /// Whether this is somewhere below `other`.
    pub fn is_below(&self, other: &TreePath) -> bool {
        self.0.len() > other.0.len() && self.0.starts_with(&other.0) && self.0[other.0.len()] == b'/'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::clean(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_path_is_made_clean() {
        let check =
            |text: &str, expected: &str| assert_eq!(path(text).as_bytes(), expected.as_bytes(), "{text}");
        check("", "");
        check("/", "");
        check("a", "/a");
        check("/a/b/", "/a/b");
        check("//a//./b", "/a/b");
        check("/a/../b", "/b");
        check("/../../b", "/b");
        check("/a/..", "");
        check("/...", "/...");
    }

    #[test]
    fn a_path_knows_where_it_is() {
        let path_ = path("/a/b_/_c");
        assert_eq!((path_.depth(), path_.name(), path_.is_hidden()), (3, &b"_c"[..], true));
        assert_eq!(path_.parent(), path("/a/b_"));
        assert!(!path_.parent().is_hidden() && path("/a").parent().is_root());
        assert_eq!(path_.steps().collect::<Vec<_>>(), [path("/a"), path("/a/b_"), path("/a/b_/_c")]);
        assert_eq!(TreePath::ROOT.steps().count(), 0);
        assert!(path("/a/b").is_below(&path("/a")) && path("/a").is_below(&TreePath::ROOT));
        assert!(!path("/ab").is_below(&path("/a")) && !path("/a").is_below(&path("/a")));
    }

    #[test]
    fn a_path_has_bounds() {
        assert!(TreePath::clean("/a".repeat(TREE_DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(TreePath::clean("/a".repeat(TREE_DEPTH_MAX + 1).as_bytes()), Err(PathError::TooDeep));
        assert_eq!(TreePath::clean(&vec![b'a'; KEY_BYTES_MAX]), Err(PathError::TooLong));
    }
}
