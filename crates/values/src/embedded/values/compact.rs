//! Bytes that grow and shrink in the middle, in blocks no larger than need be: what small aggregates
//! are packed into.
//!
//! How items lie in the bytes is for the user to say; counted here is only how many there are.

use crate::embedded::footprint::Footprint;
use std::ops::Range;

/// What lies before the bytes: the number of items.
const HEAD: usize = 2;

/// Bytes and how many items they hold, in one allocation.
#[derive(Clone, Debug, Default)]
pub struct Compact(Vec<u8>);

impl Compact {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.0.first_chunk().map_or(0, |&len| usize::from(u16::from_le_bytes(len)))
    }

    fn set_len(&mut self, len: usize) {
        self.0[..HEAD].copy_from_slice(&(len as u16).to_le_bytes());
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.get(HEAD..).unwrap_or_default()
    }

    /// The bytes, to change in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.get_mut(HEAD..).unwrap_or_default()
    }

    /// Adds an item at an offset, in parts that follow each other.
    pub fn insert<const PARTS: usize>(&mut self, offset: usize, parts: [&[u8]; PARTS]) {
        let more = parts.iter().map(|part| part.len()).sum();
        self.make_room(more);
        self.set_len(self.len() + 1);
        let (mut at, end) = (HEAD + offset, self.0.len());
        if at == end {
            parts.iter().for_each(|part| self.0.extend_from_slice(part));
            return;
        }
        self.0.resize(end + more, 0);
        self.0.copy_within(at..end, at + more);
        for part in parts {
            self.0[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    }

    /// Puts other bytes in the place of some, in as many items.
    pub fn replace(&mut self, range: Range<usize>, with: &[u8]) {
        self.make_room(with.len());
        self.0.splice(HEAD + range.start..HEAD + range.end, with.iter().copied());
    }

    /// Removes bytes that hold as many items.
    pub fn remove(&mut self, range: Range<usize>, items: usize) {
        if items == 0 {
            return;
        }
        self.0.drain(HEAD + range.start..HEAD + range.end);
        self.set_len(self.len() - items);
        if self.0.capacity() > 64 && self.0.len() < self.0.capacity() / 2 {
            self.0.shrink_to(rounded(self.0.len()));
        }
    }

    /// Reserves what the allocator would hand out anyway: the slack of a million small aggregates adds
    /// up.
    fn make_room(&mut self, more: usize) {
        if self.0.is_empty() {
            self.0.reserve_exact(rounded(HEAD + more));
            self.0.extend_from_slice(&[0; HEAD]);
        } else if self.0.capacity() - self.0.len() < more {
            self.0.reserve_exact(rounded(self.0.len() + more) - self.0.len());
        }
    }
}

impl Footprint for Compact {
    fn heap_bytes(&self, samples: usize) -> usize {
        self.0.heap_bytes(samples)
    }
}

/// The size that an allocator makes of this one: they cut memory into blocks of a few sizes, four
/// between a power of two and the next.
pub fn rounded(bytes: usize) -> usize {
    bytes.next_multiple_of((bytes.next_power_of_two() / 8).max(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_as_allocators_do() {
        for (bytes, block) in [(1, 16), (16, 16), (17, 32), (100, 112), (128, 128), (129, 160), (2049, 2560)]
        {
            assert_eq!(rounded(bytes), block, "{bytes}");
        }
    }

    #[test]
    fn blocks_are_no_larger_than_they_are_made() {
        let mut compact = Compact::default();
        for number in 0..100_u8 {
            compact.insert(compact.bytes().len(), [&[number; 10]]);
            assert_eq!(compact.0.capacity(), rounded(compact.0.len()));
        }
        while compact.len() > 1 {
            compact.remove(0..10, 1);
            let capacity = compact.0.capacity();
            assert!(capacity <= rounded(compact.0.len() * 2).max(64), "{capacity} for {}", compact.0.len());
        }
        assert_eq!(compact.bytes(), [99; 10]);
    }
}
