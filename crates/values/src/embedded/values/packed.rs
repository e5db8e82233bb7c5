//! The form of small aggregates: short byte strings one after another in a single allocation.
//!
//! It knows nothing of fields, members or order: whoever uses it walks it from the front. Both its
//! size and its number of strings are small enough that a walk costs about as much as one look into
//! a hash table.

/// The longest string that is packed: its length takes one byte.
const STRING_BYTES_MAX: usize = u8::MAX as usize;
/// The most strings: their number takes one byte, and all of them are walked.
const STRINGS_MAX: usize = 128;
/// The most bytes in all, as an insertion at the front moves them.
const BYTES_MAX: usize = 1024;

/// Short byte strings in one allocation: their number, then each with its length before it.
///
/// An offset is where a string's length stands; those after it shift with every change.
#[derive(Clone, Debug, Default)]
pub struct Packed(Vec<u8>);

impl Packed {
    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.0.first().map_or(0, |&len| usize::from(len))
    }

    /// Whether these strings can be added, too.
    pub fn fits(&self, strings: &[&[u8]]) -> bool {
        let bytes: usize = strings.iter().map(|string| 1 + string.len()).sum();
        self.len() + strings.len() <= STRINGS_MAX
            && self.0.len() + bytes <= BYTES_MAX
            && strings.iter().all(|string| string.len() <= STRING_BYTES_MAX)
    }

    /// Whether a string can take the place of the one at an offset.
    pub fn fits_at(&self, offset: usize, string: &[u8]) -> bool {
        let bytes = self.0.len() - self.at(offset).len() + string.len();
        bytes <= BYTES_MAX && string.len() <= STRING_BYTES_MAX
    }

    /// The strings from the front.
    pub fn iter(&self) -> Strings<'_> {
        Strings { rest: self.0.get(1..).unwrap_or_default(), left: self.len() }
    }

    /// The offset of the string at an index, or the end's.
    pub fn offset(&self, index: usize) -> usize {
        (0..index.min(self.len())).fold(1, |offset, _| self.after(offset))
    }

    /// The string at an offset.
    pub fn at(&self, offset: usize) -> &[u8] {
        &self.0[offset + 1..self.after(offset)]
    }

    /// The offset that follows a string's.
    pub fn after(&self, offset: usize) -> usize {
        offset + 1 + usize::from(self.0[offset])
    }

    /// Adds a string at the end, which must fit.
    pub fn push(&mut self, string: &[u8]) {
        debug_assert!(self.fits(&[string]), "whoever adds asks first");
        self.make_room(1 + string.len());
        self.0.push(string.len() as u8);
        self.0.extend_from_slice(string);
        self.0[0] += 1;
    }

    /// Adds a string before the one at an offset; it must fit.
    pub fn insert(&mut self, offset: usize, string: &[u8]) {
        debug_assert!(self.fits(&[string]), "whoever adds asks first");
        self.make_room(1 + string.len());
        let offset = offset.max(1);
        self.0.splice(offset..offset, std::iter::once(string.len() as u8).chain(string.iter().copied()));
        self.0[0] += 1;
    }

    /// Puts a string in the place of the one at an offset; it must fit there.
    pub fn replace(&mut self, offset: usize, string: &[u8]) {
        debug_assert!(self.fits_at(offset, string), "whoever replaces asks first");
        let end = self.after(offset);
        if end - offset == 1 + string.len() {
            self.0[offset + 1..end].copy_from_slice(string);
        } else {
            self.make_room(string.len());
            self.0[offset] = string.len() as u8;
            self.0.splice(offset + 1..end, string.iter().copied());
        }
    }

    /// Removes as many strings from an offset on.
    pub fn remove(&mut self, offset: usize, strings: usize) {
        let end = (0..strings).fold(offset, |end, _| self.after(end));
        self.0.drain(offset..end);
        self.0[0] -= strings as u8;
        if self.0.capacity() > 64 && self.0.len() < self.0.capacity() / 2 {
            self.0.shrink_to_fit();
        }
    }

    /// Reserves memory by an eighth, as the slack of a million small aggregates adds up.
    fn make_room(&mut self, bytes: usize) {
        if self.0.is_empty() {
            self.0.reserve_exact(1 + bytes);
            self.0.push(0);
        } else if self.0.capacity() - self.0.len() < bytes {
            self.0.reserve_exact(bytes.max(self.0.len() / 8));
        }
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

    proptest! {
        #[test]
        fn packed_strings_are_what_a_vector_of_them_is(
            steps in proptest::collection::vec((0..4_u8, 0..40_usize, 0..300_usize), 0..300),
        ) {
            let mut packed = Packed::default();
            let mut model: Vec<Vec<u8>> = Vec::new();
            for (step, index, len) in steps {
                let string = vec![len as u8; len];
                let fits = packed.fits(&[&string]);
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
                    2 if index < model.len() && packed.fits_at(offset, &string) => {
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
