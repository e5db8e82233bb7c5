//! A byte string.

/// A byte string that can grow at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Str(Vec<u8>);

impl Str {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to change in place.
    pub fn as_mut_vec(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// Replaces the bytes, keeping the memory where they fit.
    pub fn assign(&mut self, bytes: &[u8]) {
        if bytes.len() <= self.0.capacity() && bytes.len() >= self.0.capacity() / 2 {
            self.0.clear();
            self.0.extend_from_slice(bytes);
        } else {
            self.0 = bytes.to_vec();
        }
    }
}

impl From<&[u8]> for Str {
    fn from(bytes: &[u8]) -> Self {
        Str(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Str {
    fn from(bytes: Vec<u8>) -> Self {
        Str(bytes)
    }
}
