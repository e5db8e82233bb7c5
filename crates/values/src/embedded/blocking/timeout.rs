//! How long a command is to wait, as Redis reads it.

use crate::number::read_double;
use crate::{Error, LongDouble};

/// When a command that is to wait so many seconds has waited long enough, in milliseconds since the epoch;
/// never when the number is zero.
pub(in crate::embedded) fn seconds(word: &[u8], now_ms: u64) -> Result<Option<u64>, Error> {
    let refusal = Error::text("ERR timeout is not a float or out of range");
    // What is a number is for the wide type to say, in which Redis reads it. Of its size, a double tells
    // enough.
    LongDouble::parse(word).ok_or(refusal.clone())?;
    let milliseconds = (read_double(word).ok_or(refusal)? * 1000.0).ceil();
    // More than can be counted has always come out as negative.
    if milliseconds < 0.0 || milliseconds >= i64::MAX as f64 {
        return Err(Error::text("ERR timeout is negative"));
    }
    let milliseconds = milliseconds as u64;
    Ok((milliseconds > 0).then(|| now_ms.saturating_add(milliseconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: Result<Option<u64>, &str>) {
        let found = seconds(word.as_bytes(), 1000).map_err(|error| error.to_string());
        assert_eq!(found.as_ref().map_err(String::as_str).copied(), expected, "{word}");
    }

    #[test]
    fn timeouts_are_read_as_redis_reads_them() {
        let (invalid, negative) =
            (Err("ERR timeout is not a float or out of range"), Err("ERR timeout is negative"));
        for (word, expected) in [("0", None), ("-0.0001", None), ("1", Some(2000)), ("0.1", Some(1100))] {
            check(word, Ok(expected));
        }
        check("1e-5", Ok(Some(1001)));
        check("9223370000000000", Ok(Some(9_223_370_000_000_001_000)));
        for word in ["-1", "0x7FFFFFFFFFFFFFFF", "1e30", "inf", "-inf"] {
            check(word, negative);
        }
        for word in ["abc", "", " 1", "1 ", "nan"] {
            check(word, invalid);
        }
    }
}
