//! What keys and channels are called in Redis.
//!
//! A client's key `k` is the key `<prefix>k`. What the engine keeps beside the keys of a slot is called
//! `<base>state` (a hash: the counter of revisions, what is known of monitored keys, tokens of locks) and, for seconds,
//! `<base>once/…`; what happens is announced on the sharded channel `<base>` for the whole slot and on `<base>/k` for
//! one key. `<base>` is `<prefix>\0hyrax/{tag}`, where the tag lies in the slot: no client may name a key that
//! begins so. A single server is one slot.

use crate::slot::{SLOTS, slot_of, tag_of};
use hyrax_types::RESERVED_PREFIX;
use std::ops::Range;

/// How keys and channels are named.
#[derive(Clone, Debug)]
pub struct Names {
    prefix: Box<[u8]>,
    is_cluster: bool,
}

impl Names {
    /// Names with a prefix, over a single server or a cluster.
    pub fn new(prefix: &[u8], is_cluster: bool) -> Self {
        Names { prefix: prefix.into(), is_cluster }
    }

    /// What all keys begin with.
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Whether keys are spread over slots.
    pub fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    /// The slots that keys can be in.
    pub fn slots(&self) -> Range<u16> {
        let of_prefix = slot_of(&self.real(b"a"));
        match self.is_cluster {
            false => 0..1,
            // Braces in the prefix decide for all keys.
            true if of_prefix == slot_of(&self.real(b"b")) => of_prefix..of_prefix + 1,
            true => 0..SLOTS,
        }
    }

    /// Whether a channel is that of a whole slot, and not of a key.
    pub fn is_of_slot(&self, channel: &[u8]) -> bool {
        let tag = channel.strip_prefix(&*self.prefix).and_then(|rest| rest.strip_prefix(RESERVED_PREFIX));
        tag.is_some_and(|tag| tag.iter().position(|&byte| byte == b'}') == Some(tag.len() - 1))
    }

    /// A client's key as Redis knows it.
    pub fn real(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }

    /// A key that Redis knows as clients know it, unless it is another's or the engine's own.
    pub fn bare<'k>(&self, real: &'k [u8]) -> Option<&'k [u8]> {
        real.strip_prefix(&*self.prefix).filter(|key| !key.starts_with(RESERVED_PREFIX))
    }

    /// The slot of a client's key.
    pub fn slot(&self, key: &[u8]) -> u16 {
        match (self.is_cluster, self.prefix.is_empty()) {
            (false, _) => 0,
            (true, true) => slot_of(key),
            (true, false) => slot_of(&self.real(key)),
        }
    }

    /// What all names of a slot begin with; also the channel on which everything in it is announced.
    pub fn base(&self, slot: u16) -> Vec<u8> {
        [&self.prefix, RESERVED_PREFIX, b"{", tag_of(slot).as_bytes(), b"}"].concat()
    }

    /// The key of what is kept for a slot.
    pub fn state(&self, slot: u16) -> Vec<u8> {
        [&self.base(slot), &b"state"[..]].concat()
    }

    /// The channel on which the changes of a key are announced.
    pub fn channel(&self, key: &[u8]) -> Vec<u8> {
        [&self.base(self.slot(key)), &b"/"[..], key].concat()
    }

    /// A pattern that finds the keys whose bare form a pattern finds.
    pub fn pattern(&self, bare: &[u8]) -> Vec<u8> {
        let mut pattern = escaped(&self.prefix);
        pattern.extend_from_slice(bare);
        pattern
    }
}

/// A pattern that finds just these bytes.
fn escaped(bytes: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'^' | b'-') {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_of_a_key_lie_in_its_slot() {
        for prefix in ["", "app:", "a*b", "{app}:"] {
            let names = Names::new(prefix.as_bytes(), true);
            for key in ["foo", "{foo}bar", "a}b", "{}", "", "x{", "\0\r\n"].map(str::as_bytes) {
                let slot = names.slot(key);
                assert_eq!(slot, slot_of(&names.real(key)));
                assert_eq!(slot, slot_of(&names.channel(key)));
                assert!(names.slots().contains(&slot));
                assert!(names.is_of_slot(&names.base(slot)) && !names.is_of_slot(&names.channel(key)));
                assert_eq!(slot, slot_of(&names.state(slot)));
                assert_eq!(names.bare(&names.real(key)), Some(key));
                assert_eq!(names.bare(&names.state(slot)), None);
            }
        }
    }
}
