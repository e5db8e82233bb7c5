//! Integers among a command's words, with the refusals that Redis has for each kind.

use crate::{Error, parse_integer};

/// A whole number.
pub(super) fn integer(word: &[u8]) -> Result<i64, Error> {
    parse_integer(word).ok_or(Error::NotInteger)
}

/// A whole number of at least `least`; anything else, text that is no number included, is refused
/// with the words given.
pub(super) fn integer_from(word: &[u8], least: i64, refusal: &'static str) -> Result<i64, Error> {
    parse_integer(word).filter(|&number| number >= least).ok_or(Error::text(refusal))
}

/// How many to take.
pub(super) fn count(word: &[u8]) -> Result<usize, Error> {
    integer_from(word, 0, "ERR value is out of range, must be positive").map(saturated)
}

/// How many different ones to draw, or, when negative, how many whether different or not. The lowest
/// number is refused, as it has no opposite.
pub(super) fn signed_count(word: &[u8]) -> Result<i64, Error> {
    let out_of_range = Error::text(
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    integer(word).and_then(|number| if number == i64::MIN { Err(out_of_range) } else { Ok(number) })
}

/// How many keys follow.
pub(super) fn key_count(word: &[u8]) -> Result<usize, Error> {
    integer_from(word, 1, "ERR numkeys should be greater than 0").map(saturated)
}

/// A number that is not negative, as a size; what does not fit is more than there can be of anything.
pub(super) fn saturated(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
