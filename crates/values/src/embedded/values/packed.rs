//! The form of small aggregates: short byte strings one after another in a single allocation.
//!
//! It knows nothing of fields, members or order: whoever uses it walks it from the front, and decides
//! how large it may become. A walk of some hundred strings costs about as much as a few looks into a
//! hash table.

use super::compact::Compact;
use crate::embedded::footprint::Footprint;

/// The longest string that is packed: its length takes one byte.
pub const STRING_BYTES_MAX: usize = u8::MAX as usize;

/// How large a packed aggregate may become.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Strings, as all of them are walked.
    pub strings: u16,
    /// Bytes, as an insertion at the front moves them.
    pub bytes: usize,
}

/// Short byte strings in one allocation, each with its length before it.
///
/// An offset is where a string's length stands; those after it shift with every change.
#[derive(Clone, Debug, Default)]
pub struct Packed(Compact);

impl Packed {
    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether these strings can be added, too.
    pub fn fits(&self, strings: &[&[u8]], bounds: Bounds) -> bool {
        let bytes: usize = strings.iter().map(|string| 1 + string.len()).sum();
        self.len() + strings.len() <= usize::from(bounds.strings)
            && self.0.bytes().len() + bytes <= bounds.bytes
            && strings.iter().all(|string| string.len() <= STRING_BYTES_MAX)
    }

    /// Whether a string can take the place of the one at an offset.
    pub fn fits_at(&self, offset: usize, string: &[u8], bounds: Bounds) -> bool {
        let bytes = self.0.bytes().len() - self.at(offset).len() + string.len();
        bytes <= bounds.bytes && string.len() <= STRING_BYTES_MAX
    }

    /// The strings from the front.
    pub fn iter(&self) -> Strings<'_> {
        Strings { rest: self.0.bytes(), left: self.len() }
    }

    /// The offset of the string at an index, or the end's.
    pub fn offset(&self, index: usize) -> usize {
        (0..index.min(self.len())).fold(0, |offset, _| self.after(offset))
    }

    /// The string at an offset.
    pub fn at(&self, offset: usize) -> &[u8] {
        &self.0.bytes()[offset + 1..self.after(offset)]
    }

    /// The offset that follows a string's.
    pub fn after(&self, offset: usize) -> usize {
        offset + 1 + usize::from(self.0.bytes()[offset])
    }

    /// Adds a string at the end.
    pub fn push(&mut self, string: &[u8]) {
        self.insert(self.0.bytes().len(), string);
    }

    /// Adds a string before the one at an offset.
    pub fn insert(&mut self, offset: usize, string: &[u8]) {
        debug_assert!(string.len() <= STRING_BYTES_MAX, "whoever adds asks first");
        self.0.insert(offset, [&[string.len() as u8], string]);
    }

    /// Puts a string in the place of the one at an offset.
    pub fn replace(&mut self, offset: usize, string: &[u8]) {
        debug_assert!(string.len() <= STRING_BYTES_MAX, "whoever replaces asks first");
        let old = offset + 1..self.after(offset);
        if old.len() == string.len() {
            self.0.bytes_mut()[old].copy_from_slice(string);
        } else {
            self.0.bytes_mut()[offset] = string.len() as u8;
            self.0.replace(old, string);
        }
    }

    /// Removes as many strings from an offset on.
    pub fn remove(&mut self, offset: usize, strings: usize) {
        let end = (0..strings).fold(offset, |end, _| self.after(end));
        self.0.remove(offset..end, strings);
    }
}

impl Footprint for Packed {
    fn heap_bytes(&self, samples: usize) -> usize {
        self.0.heap_bytes(samples)
    }
}

/// The strings of a [`Packed`] from the front.
#[derive(Clone, Debug)]
pub struct Strings<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&len, rest) = self.rest.split_first()?;
        let (string, rest) = rest.split_at(usize::from(len));
        self.rest = rest;
        self.left -= 1;
        Some(string)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds { strings: 300, bytes: 3000 };

    proptest! {
        #[test]
        fn packed_strings_are_what_a_vector_of_them_is(
            steps in proptest::collection::vec((0..5_u8, 0..300_usize, 0..300_usize), 0..500),
            lengths in prop::sample::select(vec![1, 10, 300]),
        ) {
            let mut packed = Packed::default();
            let mut model: Vec<Vec<u8>> = Vec::new();
            for (step, index, len) in steps {
                let len = len % lengths;
                let string = vec![len as u8; len];
                let fits = packed.fits(&[&string], BOUNDS);
                let offset = packed.offset(index);
                match step {
                    0 if fits => {
                        packed.push(&string);
                        model.push(string);
                    }
                    1 if fits => {
                        packed.insert(offset, &string);
                        model.insert(index.min(model.len()), string);
                    }
                    2 if index < model.len() && packed.fits_at(offset, &string, BOUNDS) => {
                        packed.replace(offset, &string);
                        model[index] = string;
                    }
                    3 if index < model.len() => {
                        let most = (model.len() - index).min(2);
                        packed.remove(offset, most);
                        model.drain(index..index + most);
                    }
                    _ => {}
                }
                prop_assert!(packed.iter().eq(model.iter().map(|string| &string[..])));
                prop_assert_eq!(packed.len(), model.len());
                prop_assert_eq!(packed.iter().size_hint().0, model.len());
            }
        }
    }
}
