//! Where a group lies in the key space.
//!
//! ```text
//! /<group>/members/<id>               a member, on its lease: {"joined":<ms>,"subgroups":[…],"owner":"<lease>-<session>"}
//! /<group>/ephemeral/<key>            what a member set, on its lease
//! /<group>/persistent/<key>           what anybody set
//! /<group>/locks/<name>/…             the group's locks
//! /<group>/assignments/<topic>/…      who has which id
//! ```
//!
//! `<group>`, `<id>`, `<key>`, `<name>` and `<topic>` are escaped: none has a `/` in it. A member that leaves is
//! written once more, with `"left":"<cause>"`, and then deleted; from the first of these on it is no member. One whose
//! lease ends is just deleted.

use hyrax_coordination::{Key, KeyRange};

use crate::layout::{escape, unescape};

/// The part of a group's keys that one kind of thing has, with the `/` after it.
pub(crate) fn folder(group: &str, kind: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(group.len() + kind.len() + 40);
    key.push(b'/');
    escape(group.as_bytes(), &mut key);
    key.push(b'/');
    key.extend_from_slice(kind.as_bytes());
    key.push(b'/');
    key
}

/// The key of one thing of a kind.
pub(crate) fn key_of(group: &str, kind: &str, name: &str) -> Key {
    let mut key = folder(group, kind);
    escape(name.as_bytes(), &mut key);
    key.into()
}

/// All things of a kind.
pub(crate) fn range_of(group: &str, kind: &str) -> KeyRange {
    KeyRange::prefix(folder(group, kind))
}

/// The name that ends a key, if it is text.
pub(crate) fn name_of(key: &[u8]) -> Option<String> {
    let last = key.rsplit(|&byte| byte == b'/').next()?;
    String::from_utf8(unescape(last)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_members_key_is_its_path() {
        assert_eq!(key_of("default-group", "members", "123"), "/default-group/members/123");
        assert_eq!(key_of("a/b", "members", "c/d"), "/a%2Fb/members/c%2Fd");
        assert_eq!(name_of(b"/a%2Fb/members/c%2Fd").as_deref(), Some("c/d"));
        assert_eq!(name_of(b"/a/members/\xff"), None);
    }
}
