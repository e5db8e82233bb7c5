//! A field's name or value as it lies in a block: short, and an integer in binary.
//!
//! How many bytes Redis takes for the same word is known here, too, since that decides where one of its
//! nodes ends and the next begins, which a client sees when it trims by whole nodes.

use crate::{ReplySink, parse_integer};

/// Integers of a magnitude below this are kept in binary; with the sign and the mark they fit in 64 bits.
const INTEGER_MAX: i64 = 1 << 62;

/// A field's name or value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word<'a> {
    /// Any bytes.
    Bytes(&'a [u8]),
    /// What is printed as this number.
    Integer(i64),
}

impl<'a> From<&'a [u8]> for Word<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        match parse_integer(bytes) {
            Some(number) if (-INTEGER_MAX..INTEGER_MAX).contains(&number) => Word::Integer(number),
            _ => Word::Bytes(bytes),
        }
    }
}

impl<'a> Word<'a> {
    /// The head: the length of bytes, or the number, with the sign in its lowest bit. Below either lies the
    /// bit that tells them apart.
    fn head(self) -> u64 {
        match self {
            Word::Bytes(bytes) => (bytes.len() as u64) << 1,
            Word::Integer(number) => ((number << 1 ^ number >> 63) as u64) << 1 | 1,
        }
    }

    /// How many bytes it takes in a block.
    pub fn encoded_len(self) -> usize {
        let text = if let Word::Bytes(bytes) = self { bytes.len() } else { 0 };
        number_len(self.head()) + text
    }

    /// Adds it to a block's bytes.
    pub fn encode(self, to: &mut Vec<u8>) {
        encode_number(self.head(), to);
        if let Word::Bytes(bytes) = self {
            to.extend_from_slice(bytes);
        }
    }

    /// Takes a word from the front of a block's bytes.
    pub fn decode(from: &mut &'a [u8]) -> Word<'a> {
        let head = decode_number(from);
        if head & 1 == 1 {
            let number = head >> 1;
            return Word::Integer((number >> 1) as i64 ^ -((number & 1) as i64));
        }
        let (bytes, rest) = from.split_at((head >> 1) as usize);
        *from = rest;
        Word::Bytes(bytes)
    }

    /// Calls `show` with the word as a client sent it.
    pub fn with_text<T>(self, show: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Word::Bytes(bytes) => show(bytes),
            Word::Integer(number) => show(itoa::Buffer::new().format(number).as_bytes()),
        }
    }

    /// Writes it as a client sent it.
    pub fn write(self, reply: &mut dyn ReplySink) {
        self.with_text(|text| reply.bulk(text));
    }

    /// How many bytes an element of a listpack takes that holds it.
    pub fn listpack_bytes(self) -> usize {
        match self {
            Word::Integer(number) => listpack_integer_bytes(number),
            // The widest integers lie here as text, which there they do not.
            Word::Bytes(bytes) if bytes.len() >= 19 && parse_integer(bytes).is_some() => 10,
            Word::Bytes(bytes) => {
                let encoded = bytes.len()
                    + match bytes.len() {
                        0..64 => 1,
                        64..4096 => 2,
                        _ => 5,
                    };
                encoded + listpack_length_bytes(encoded)
            }
        }
    }
}

/// How many bytes an element of a listpack takes that holds an integer.
pub fn listpack_integer_bytes(number: i64) -> usize {
    // Each is followed by its length, in one byte.
    match number {
        0..=127 => 2,
        -4096..=4095 => 3,
        -32_768..=32_767 => 4,
        -8_388_608..=8_388_607 => 5,
        -2_147_483_648..=2_147_483_647 => 6,
        _ => 10,
    }
}

/// How many bytes a listpack takes to say how long an element is.
fn listpack_length_bytes(encoded: usize) -> usize {
    match encoded {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// How many bytes a number takes: seven bits in each.
pub fn number_len(number: u64) -> usize {
    (u64::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}

/// Adds a number to a block's bytes, the lowest seven bits first.
pub fn encode_number(mut number: u64, to: &mut Vec<u8>) {
    while number > 127 {
        to.push(number as u8 | 128);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Takes a number from the front of a block's bytes.
pub fn decode_number(from: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, rest)) = from.split_first() {
        *from = rest;
        number |= u64::from(byte & 127) << shift;
        if byte < 128 {
            break;
        }
        shift += 7;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reads_back(bytes: &[u8]) {
        let mut encoded = Vec::new();
        let word = Word::from(bytes);
        word.encode(&mut encoded);
        assert_eq!(encoded.len(), word.encoded_len(), "{bytes:?}");
        assert!(encoded.len() <= word.listpack_bytes().max(2 * bytes.len()), "{bytes:?}");
        encoded.push(b'!');
        let mut rest = &encoded[..];
        assert_eq!(Word::decode(&mut rest), word);
        assert_eq!(rest, b"!");
        word.with_text(|text| assert_eq!(text, bytes));
    }

    #[test]
    fn words_read_back() {
        for number in [0, 1, -1, 63, 64, 127, 128, i64::MAX, i64::MIN, INTEGER_MAX, -INTEGER_MAX] {
            reads_back(number.to_string().as_bytes());
            reads_back((number.wrapping_sub(1)).to_string().as_bytes());
        }
        for len in [0, 1, 63, 64, 65, 127, 128, 5000] {
            reads_back(&vec![b'x'; len]);
        }
        reads_back(b"007");
    }

    #[test]
    fn a_listpack_takes_what_it_takes_in_redis() {
        for (word, bytes) in [
            (&b"0"[..], 2),
            (b"127", 2),
            (b"128", 3),
            (b"-1", 3),
            (b"-4097", 4),
            (b"70000", 5),
            (b"9000000", 6),
            (b"5000000000", 10),
            (b"9223372036854775807", 10),
            (b"-9223372036854775808", 10),
            (b"9223372036854775808", 21),
            (b"", 2),
            (b"abc", 5),
        ] {
            assert_eq!(Word::from(word).listpack_bytes(), bytes, "{word:?}");
        }
        assert_eq!(Word::from(&[b'x'; 63][..]).listpack_bytes(), 65);
        assert_eq!(Word::from(&[b'x'; 64][..]).listpack_bytes(), 67);
        assert_eq!(Word::from(&[b'x'; 126][..]).listpack_bytes(), 130);
        assert_eq!(Word::from(&[b'x'; 4096][..]).listpack_bytes(), 4103);
    }

    proptest! {
        #[test]
        fn any_number_reads_back(number: u64) {
            let mut encoded = Vec::new();
            encode_number(number, &mut encoded);
            prop_assert_eq!(encoded.len(), number_len(number));
            prop_assert_eq!(decode_number(&mut &encoded[..]), number);
        }

        #[test]
        fn any_integer_reads_back(number: i64) {
            reads_back(number.to_string().as_bytes());
        }
    }
}
