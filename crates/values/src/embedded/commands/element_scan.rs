//! What the scans of one aggregate have in common: cursor and options in, a page of elements out.

use super::numbers::{integer, saturated};
use crate::{Error, ReplySink, glob_matches};

/// How many elements a scan looks at unless told.
const COUNT: usize = 10;

/// Reads a cursor as C's `strtoul` does, which takes a sign and the empty word.
pub(super) fn cursor(word: &[u8]) -> Result<u64, Error> {
    let invalid = Error::text("ERR invalid cursor");
    let word = word.split(|&byte| byte == 0).next().unwrap_or_default();
    if word.is_empty() {
        return Ok(0);
    }
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return Err(invalid);
    }
    let mut number = 0_u64;
    for digit in digits {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'));
        let sum = value.and_then(|value| number.checked_mul(10)?.checked_add(value));
        number = sum.ok_or_else(|| invalid.clone())?;
    }
    Ok(if negative { number.wrapping_neg() } else { number })
}

/// The options of a scan of an aggregate.
pub(super) struct ElementScan<'a> {
    /// About how many elements to look at.
    pub count: usize,
    pattern: Option<&'a [u8]>,
}

impl<'a> ElementScan<'a> {
    /// Reads `[MATCH pattern] [COUNT count]`.
    pub(super) fn parse(words: &[&'a [u8]]) -> Result<Self, Error> {
        let mut scan = ElementScan { count: COUNT, pattern: None };
        let (options, odd) = words.as_chunks();
        for [name, value] in options {
            if name.eq_ignore_ascii_case(b"count") {
                let count = integer(value)?;
                if count < 1 {
                    return Err(Error::Syntax);
                }
                scan.count = saturated(count);
            } else if name.eq_ignore_ascii_case(b"match") {
                scan.pattern = Some(value);
            } else {
                return Err(Error::Syntax);
            }
        }
        if odd.is_empty() { Ok(scan) } else { Err(Error::Syntax) }
    }

    /// Whether an element belongs to the answer.
    pub(super) fn wants(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob_matches(pattern, element))
    }
}

/// Announces a page of `words` words.
pub(super) fn write_page(next: u64, words: usize, reply: &mut dyn ReplySink) {
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply.array(words);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_c_reads_them() {
        for (word, expected) in [
            (&b""[..], Some(0)),
            (b"17", Some(17)),
            (b"+5", Some(5)),
            (b"-1", Some(u64::MAX)),
            (b"007", Some(7)),
            (b"3\0x", Some(3)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b" 0", None),
            (b"0 ", None),
            (b"-", None),
            (b"abc", None),
        ] {
            assert_eq!(cursor(word).ok(), expected, "{word:?}");
        }
    }
}
