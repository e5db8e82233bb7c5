//! Ids as clients write them.

use crate::Error;
use crate::embedded::commands::c_text::c_text;
use crate::embedded::values::Id;
use crate::parse_integer;

/// The longest text that is read as an id.
const TEXT_BYTES_MAX: usize = 127;

const INVALID: Error = Error::text("ERR Invalid stream ID specified as stream command argument");

/// An id in full, or the milliseconds alone of one whose number is zero.
pub fn exact(word: &[u8]) -> Result<Id, Error> {
    match parse(word, 0)? {
        Parsed::Id(id) => Ok(id),
        Parsed::Lowest | Parsed::Highest | Parsed::AnyOf(_) => Err(INVALID),
    }
}

/// As [`exact`], with `-` for the lowest id and `+` for the highest.
pub fn any(word: &[u8], missing_seq: u64) -> Result<Id, Error> {
    match parse(word, missing_seq)? {
        Parsed::Id(id) => Ok(id),
        Parsed::Lowest => Ok(Id::MIN),
        Parsed::Highest => Ok(Id::MAX),
        Parsed::AnyOf(_) => Err(INVALID),
    }
}

/// The id of a new entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// The next after the last, and no earlier than now.
    Next,
    /// The next of a millisecond.
    NextOf(u64),
    /// This one.
    Exactly(Id),
}

/// The id of a new entry, but for `*`.
pub fn new_entry(word: &[u8]) -> Result<NewId, Error> {
    match parse(word, 0)? {
        Parsed::Id(id) => Ok(NewId::Exactly(id)),
        Parsed::AnyOf(ms) => Ok(NewId::NextOf(ms)),
        Parsed::Lowest | Parsed::Highest => Err(INVALID),
    }
}

/// The first id of a range, where `(` before an id leaves it out.
pub fn start(word: &[u8]) -> Result<Id, Error> {
    match word {
        [b'(', id @ ..] if !id.is_empty() => {
            exact(id)?.next().ok_or(Error::text("ERR invalid start ID for the interval"))
        }
        _ => any(word, 0),
    }
}

/// The last id of a range, where `(` before an id leaves it out.
pub fn end(word: &[u8]) -> Result<Id, Error> {
    match word {
        [b'(', id @ ..] if !id.is_empty() => {
            let id = match parse(id, u64::MAX)? {
                Parsed::Id(id) => id,
                Parsed::Lowest | Parsed::Highest | Parsed::AnyOf(_) => return Err(INVALID),
            };
            id.previous().ok_or(Error::text("ERR invalid end ID for the interval"))
        }
        _ => any(word, u64::MAX),
    }
}

/// All ids of a command, or none of them.
pub fn all(words: &[&[u8]]) -> Result<Vec<Id>, Error> {
    words.iter().map(|word| exact(word)).collect()
}

enum Parsed {
    Id(Id),
    /// `-`
    Lowest,
    /// `+`
    Highest,
    /// `5-*`
    AnyOf(u64),
}

fn parse(word: &[u8], missing_seq: u64) -> Result<Parsed, Error> {
    if word.len() > TEXT_BYTES_MAX {
        return Err(INVALID);
    }
    let text = c_text(word);
    match text {
        b"-" => return Ok(Parsed::Lowest),
        b"+" => return Ok(Parsed::Highest),
        _ => {}
    }
    let Some(dash) = text.iter().position(|&byte| byte == b'-') else {
        return Ok(Parsed::Id(Id { ms: number(text).ok_or(INVALID)?, seq: missing_seq }));
    };
    let ms = number(&text[..dash]).ok_or(INVALID)?;
    match &text[dash + 1..] {
        b"*" => Ok(Parsed::AnyOf(ms)),
        seq => Ok(Parsed::Id(Id { ms, seq: number(seq).ok_or(INVALID)? })),
    }
}

/// A number as Redis reads one without a sign: what is not written as it would be printed goes through C's
/// `strtoull`, which takes spaces and zeros before it, and a sign, which turns it round.
fn number(text: &[u8]) -> Option<u64> {
    if let Some(number) = parse_integer(text) {
        return u64::try_from(number).ok();
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let text = &text[text.iter().take_while(|byte| is_space(byte)).count()..];
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    let magnitude = digits.iter().try_fold(0, add)?;
    Some(if negative { magnitude.wrapping_neg() } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(u64, u64)> {
        exact(text.as_bytes()).ok().map(|id| (id.ms, id.seq))
    }

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        for (text, id) in [
            ("5-3", (5, 3)),
            ("5", (5, 0)),
            ("0-0", (0, 0)),
            ("005-007", (5, 7)),
            (" 5-\t3", (5, 3)),
            ("+5-+3", (5, 3)),
            ("5--03", (5, u64::MAX - 2)),
            ("18446744073709551615-18446744073709551615", (u64::MAX, u64::MAX)),
            ("5-3\0junk", (5, 3)),
        ] {
            assert_eq!(read(text), Some(id), "{text}");
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "-",
            "+",
            "a",
            "5-",
            "-5",
            "5-a",
            "5-3-1",
            "5 -3",
            "5-*",
            "*",
            "5--3",
            "(5",
            "1.5",
            "18446744073709551616",
            "5-18446744073709551616",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(exact(&[b'0'; 128]).is_err());
        assert_eq!(exact(&[b'0'; 127]), Ok(Id::MIN));
    }

    #[test]
    fn ranges_may_leave_out_their_ends() {
        let id = |ms, seq| Ok(Id { ms, seq });
        assert_eq!(start(b"-"), Ok(Id::MIN));
        assert_eq!(start(b"+"), Ok(Id::MAX));
        assert_eq!(start(b"5"), id(5, 0));
        assert_eq!(start(b"(5"), id(5, 1));
        assert_eq!(end(b"5"), id(5, u64::MAX));
        assert_eq!(end(b"(5-0"), id(4, u64::MAX));
        assert_eq!(end(b"(5"), id(5, u64::MAX - 1));
        for text in ["(", "(-", "(+", "((5", "5-*"] {
            assert_eq!(start(text.as_bytes()), Err(INVALID), "{text}");
            assert_eq!(end(text.as_bytes()), Err(INVALID), "{text}");
        }
        assert!(start(b"(18446744073709551615-18446744073709551615").is_err_and(|error| error != INVALID));
        assert!(end(b"(0-0").is_err_and(|error| error != INVALID));
    }
}
