//! One field, member or list element: a byte string that is short more often than not.

use crate::embedded::footprint::Footprint;

/// How many bytes lie in the element itself, so that it takes three words in all.
const SHORT_BYTES_MAX: usize = 22;

/// An immutable byte string in three words; a short one needs no allocation.
#[derive(Clone, Debug)]
pub struct Element(Form);

#[derive(Clone, Debug)]
enum Form {
    Short { len: u8, bytes: [u8; SHORT_BYTES_MAX] },
    Long(Box<[u8]>),
}

impl Element {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Short { len, bytes } => &bytes[..usize::from(*len)],
            Form::Long(bytes) => bytes,
        }
    }
}

impl Footprint for Element {
    fn heap_bytes(&self, _: usize) -> usize {
        match &self.0 {
            Form::Short { .. } => 0,
            Form::Long(bytes) => bytes.len(),
        }
    }
}

impl From<&[u8]> for Element {
    fn from(source: &[u8]) -> Self {
        let mut bytes = [0; SHORT_BYTES_MAX];
        Element(match bytes.get_mut(..source.len()) {
            Some(place) => {
                place.copy_from_slice(source);
                Form::Short { len: source.len() as u8, bytes }
            }
            None => Form::Long(source.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_takes_three_words() {
        assert_eq!(size_of::<Element>(), 24);
    }

    #[test]
    fn an_element_reads_back_at_every_length() {
        for len in 0..100 {
            let bytes = vec![len as u8; len];
            assert_eq!(Element::from(&bytes[..]).as_bytes(), bytes);
        }
    }
}
