//! The ids of a stream's entries: a time and a number within it.

/// When an entry was added, in milliseconds since the epoch, and its number within that millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Milliseconds since the epoch, or whatever the client counts.
    pub ms: u64,
    /// The number among entries of the same millisecond.
    pub seq: u64,
}

impl Id {
    /// The lowest id, which no entry has.
    pub const MIN: Id = Id { ms: 0, seq: 0 };
    /// The highest id.
    pub const MAX: Id = Id { ms: u64::MAX, seq: u64::MAX };

    /// The id that follows; none follows the highest.
    pub fn next(self) -> Option<Id> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Id { seq, ..self }),
            None => Some(Id { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The id before; none is before the lowest.
    pub fn previous(self) -> Option<Id> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Id { seq, ..self }),
            None => Some(Id { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// Calls `show` with the id as text.
    pub fn with_text<T>(self, show: impl FnOnce(&[u8]) -> T) -> T {
        // Two numbers of at most twenty digits each, and a dash.
        let mut text = [0; 41];
        let mut number = itoa::Buffer::new();
        let ms = number.format(self.ms).as_bytes();
        let seq_at = ms.len() + 1;
        text[..ms.len()].copy_from_slice(ms);
        text[ms.len()] = b'-';
        let seq = number.format(self.seq).as_bytes();
        let end = seq_at + seq.len();
        text[seq_at..end].copy_from_slice(seq);
        show(&text[..end])
    }

    /// The id as text.
    pub fn text(self) -> Vec<u8> {
        self.with_text(<[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_each_other_over_milliseconds() {
        let last_of_five = Id { ms: 5, seq: u64::MAX };
        let first_of_six = Id { ms: 6, seq: 0 };
        assert_eq!(last_of_five.next(), Some(first_of_six));
        assert_eq!(first_of_six.previous(), Some(last_of_five));
        assert_eq!((Id::MAX.next(), Id::MIN.previous()), (None, None));
    }

    #[test]
    fn an_id_is_written_with_a_dash() {
        assert_eq!(Id { ms: 17, seq: 3 }.text(), b"17-3");
        assert_eq!(Id::MAX.text(), b"18446744073709551615-18446744073709551615");
    }
}
