//! A byte string: short ones lie where the key lies, longer ones on the heap.

use crate::embedded::footprint::Footprint;

/// How many bytes lie in the [`Str`] itself: what a cache line has left beside a short key.
const SHORT_BYTES_MAX: usize = 38;

/// A byte string that can grow at its end.
#[derive(Clone, Debug)]
pub struct Str(Bytes);

#[derive(Clone, Debug)]
enum Bytes {
    /// How many of the bytes count, with the origin.
    Short(Head, [u8; SHORT_BYTES_MAX]),
    Long(Origin, Vec<u8>),
}

const _: () = assert!(size_of::<Str>() == 40);

/// How a string came to be what it is, on which the form depends in which Redis would hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was set as a whole.
    Set,
    /// It was printed from a floating-point number.
    Printed,
    /// It was changed in place.
    Edited,
}

/// A length and an origin in one byte.
#[derive(Clone, Copy, Debug)]
struct Head(u8);

impl Head {
    /// The bits that are the length.
    const LEN: u8 = 63;

    fn new(len: usize, origin: Origin) -> Self {
        Head(len as u8 | (origin as u8) << 6)
    }

    fn len(self) -> usize {
        usize::from(self.0 & Self::LEN)
    }

    fn origin(self) -> Origin {
        match self.0 >> 6 {
            0 => Origin::Set,
            1 => Origin::Printed,
            _ => Origin::Edited,
        }
    }
}

impl Str {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short(head, bytes) => &bytes[..head.len()],
            Bytes::Long(_, bytes) => bytes,
        }
    }

    /// The bytes, to change in place.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        self.set_origin(Origin::Edited);
        match &mut self.0 {
            Bytes::Short(head, bytes) => &mut bytes[..head.len()],
            Bytes::Long(_, bytes) => bytes,
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// How it came to be what it is.
    pub fn origin(&self) -> Origin {
        match self.0 {
            Bytes::Short(head, _) => head.origin(),
            Bytes::Long(origin, _) => origin,
        }
    }

    /// Says how it came to be what it is, where the bytes were not set by a client.
    pub fn set_origin(&mut self, new: Origin) {
        match &mut self.0 {
            Bytes::Short(head, _) => *head = Head::new(head.len(), new),
            Bytes::Long(origin, _) => *origin = new,
        }
    }

    /// Replaces the bytes, keeping the memory where they fit well.
    pub fn assign(&mut self, new: &[u8]) {
        match &mut self.0 {
            Bytes::Long(origin, bytes)
                if new.len() > SHORT_BYTES_MAX
                    && (bytes.capacity() / 2..=bytes.capacity()).contains(&new.len()) =>
            {
                *origin = Origin::Set;
                bytes.clear();
                bytes.extend_from_slice(new);
            }
            _ => *self = Str::from(new),
        }
    }

    /// Adds bytes at the end.
    pub fn append(&mut self, more: &[u8]) {
        let old = self.len();
        match &mut self.0 {
            Bytes::Short(head, bytes) if old + more.len() <= SHORT_BYTES_MAX => {
                bytes[old..old + more.len()].copy_from_slice(more);
                *head = Head::new(old + more.len(), Origin::Edited);
            }
            _ => self.heap(more.len()).extend_from_slice(more),
        }
    }

    /// Makes it at least this long, with zeros at the end.
    pub fn lengthen(&mut self, to: usize) {
        let Some(more) = to.checked_sub(self.len()) else { return };
        if to <= SHORT_BYTES_MAX {
            self.append(&[0; SHORT_BYTES_MAX][..more]);
        } else {
            self.heap(more).resize(to, 0);
        }
    }

    /// The bytes on the heap, with room for more of them. What grows once grows again, so the
    /// vector is left to take more than it is asked for.
    fn heap(&mut self, more: usize) -> &mut Vec<u8> {
        if let Bytes::Short(head, bytes) = &self.0 {
            let mut heap = Vec::with_capacity(head.len() + more);
            heap.extend_from_slice(&bytes[..head.len()]);
            self.0 = Bytes::Long(Origin::Edited, heap);
        }
        match &mut self.0 {
            Bytes::Long(origin, bytes) => {
                *origin = Origin::Edited;
                bytes
            }
            Bytes::Short(..) => unreachable!("it has just been moved to the heap"),
        }
    }
}

impl Footprint for Str {
    fn heap_bytes(&self, samples: usize) -> usize {
        match &self.0 {
            Bytes::Short(..) => 0,
            Bytes::Long(_, bytes) => bytes.heap_bytes(samples),
        }
    }
}

impl Default for Str {
    fn default() -> Self {
        Str(Bytes::Short(Head::new(0, Origin::Set), [0; SHORT_BYTES_MAX]))
    }
}

impl From<&[u8]> for Str {
    fn from(new: &[u8]) -> Self {
        let mut bytes = [0; SHORT_BYTES_MAX];
        match bytes.get_mut(..new.len()) {
            Some(fitting) => {
                fitting.copy_from_slice(new);
                Str(Bytes::Short(Head::new(new.len(), Origin::Set), bytes))
            }
            None => Str(Bytes::Long(Origin::Set, new.to_vec())),
        }
    }
}

impl From<Vec<u8>> for Str {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= SHORT_BYTES_MAX {
            Str::from(&bytes[..])
        } else {
            Str(Bytes::Long(Origin::Set, bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Assign(Vec<u8>),
        Append(Vec<u8>),
        Lengthen(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..60);
        prop_oneof![
            bytes().prop_map(Step::Assign),
            bytes().prop_map(Step::Append),
            (0..90_usize).prop_map(Step::Lengthen),
        ]
    }

    proptest! {
        #[test]
        fn a_string_is_what_a_vector_is(steps in proptest::collection::vec(step(), 0..20)) {
            let (mut string, mut model) = (Str::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Assign(bytes) => {
                        string.assign(&bytes);
                        model = bytes;
                    }
                    Step::Append(bytes) => {
                        string.append(&bytes);
                        model.extend(bytes);
                    }
                    Step::Lengthen(to) => {
                        string.lengthen(to);
                        model.resize(model.len().max(to), 0);
                    }
                }
                prop_assert_eq!(string.as_bytes(), &model[..]);
                prop_assert_eq!(string.as_bytes_mut(), &model[..]);
                let whole = Str::from(model.clone());
                prop_assert_eq!(whole.as_bytes(), &model[..]);
            }
        }
    }
}
