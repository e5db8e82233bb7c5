//! A byte string: short ones lie where the key lies, longer ones on the heap.

/// How many bytes lie in the [`Str`] itself: what a cache line has left beside a short key.
const SHORT_BYTES_MAX: usize = 38;

/// A byte string that can grow at its end.
#[derive(Clone, Debug)]
pub struct Str(Bytes);

#[derive(Clone, Debug)]
enum Bytes {
    Short { len: u8, bytes: [u8; SHORT_BYTES_MAX] },
    Long(Vec<u8>),
}

const _: () = assert!(size_of::<Str>() == 40);

impl Str {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short { len, bytes } => &bytes[..usize::from(*len)],
            Bytes::Long(bytes) => bytes,
        }
    }

    /// The bytes, to change in place.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Bytes::Short { len, bytes } => &mut bytes[..usize::from(*len)],
            Bytes::Long(bytes) => bytes,
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Replaces the bytes, keeping the memory where they fit well.
    pub fn assign(&mut self, new: &[u8]) {
        match &mut self.0 {
            Bytes::Long(bytes)
                if new.len() > SHORT_BYTES_MAX
                    && (bytes.capacity() / 2..=bytes.capacity()).contains(&new.len()) =>
            {
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
            Bytes::Short { len, bytes } if old + more.len() <= SHORT_BYTES_MAX => {
                bytes[old..old + more.len()].copy_from_slice(more);
                *len += more.len() as u8;
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
        if let Bytes::Short { len, bytes } = &self.0 {
            let mut heap = Vec::with_capacity(usize::from(*len) + more);
            heap.extend_from_slice(&bytes[..usize::from(*len)]);
            self.0 = Bytes::Long(heap);
        }
        match &mut self.0 {
            Bytes::Long(bytes) => bytes,
            Bytes::Short { .. } => unreachable!("it has just been moved to the heap"),
        }
    }
}

impl Default for Str {
    fn default() -> Self {
        Str(Bytes::Short { len: 0, bytes: [0; SHORT_BYTES_MAX] })
    }
}

impl From<&[u8]> for Str {
    fn from(new: &[u8]) -> Self {
        let mut bytes = [0; SHORT_BYTES_MAX];
        match bytes.get_mut(..new.len()) {
            Some(fitting) => {
                fitting.copy_from_slice(new);
                Str(Bytes::Short { len: new.len() as u8, bytes })
            }
            None => Str(Bytes::Long(new.to_vec())),
        }
    }
}

impl From<Vec<u8>> for Str {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= SHORT_BYTES_MAX { Str::from(&bytes[..]) } else { Str(Bytes::Long(bytes)) }
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
