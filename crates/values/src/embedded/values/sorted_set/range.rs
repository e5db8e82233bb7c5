//! Ranges by score and by member, as Redis' commands name them.

use crate::Error;
use crate::number::read_double;

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound<T> {
    value: T,
    is_exclusive: bool,
}

/// Scores from one end to the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    min: Bound<f64>,
    max: Bound<f64>,
}

impl ScoreRange {
    /// Reads `1`, `(1`, `-inf` and so on.
    pub fn parse(min: &[u8], max: &[u8]) -> Result<Self, Error> {
        let bound = |text| score_bound(text).ok_or(Error::text("ERR min or max is not a float"));
        Ok(ScoreRange { min: bound(min)?, max: bound(max)? })
    }

    /// From the first score up to, not including, the second.
    pub fn up_to(min: f64, max: f64) -> Self {
        ScoreRange {
            min: Bound { value: min, is_exclusive: false },
            max: Bound { value: max, is_exclusive: true },
        }
    }

    /// Whether a score lies before the range.
    pub fn is_above(&self, score: f64) -> bool {
        score < self.min.value || self.min.is_exclusive && score == self.min.value
    }

    /// Whether a score lies behind the range.
    pub fn is_below(&self, score: f64) -> bool {
        score > self.max.value || self.max.is_exclusive && score == self.max.value
    }
}

/// Reads a bound as Redis does: what C's `strtod` takes up to a NUL, nothing at all being zero.
fn score_bound(text: &[u8]) -> Option<Bound<f64>> {
    let (is_exclusive, text) = match text {
        [b'(', text @ ..] => (true, text),
        text => (false, text),
    };
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(Bound { value: 0.0, is_exclusive });
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let value = read_double(&text[blanks..])?;
    (!value.is_nan()).then_some(Bound { value, is_exclusive })
}

/// Members from one end to the other, in the order of their bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LexRange<'a> {
    min: LexBound<'a>,
    max: LexBound<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum LexBound<'a> {
    Lowest,
    Member(Bound<&'a [u8]>),
    Highest,
}

impl<'a> LexRange<'a> {
    /// Reads `-`, `+`, `[member` and `(member`.
    pub fn parse(min: &'a [u8], max: &'a [u8]) -> Result<Self, Error> {
        let bound = |text| lex_bound(text).ok_or(Error::text("ERR min or max not valid string range item"));
        Ok(LexRange { min: bound(min)?, max: bound(max)? })
    }

    /// Whether a member lies before the range.
    pub fn is_above(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => false,
            LexBound::Member(bound) => member < bound.value || bound.is_exclusive && member == bound.value,
            LexBound::Highest => true,
        }
    }

    /// Whether a member lies behind the range.
    pub fn is_below(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => true,
            LexBound::Member(bound) => member > bound.value || bound.is_exclusive && member == bound.value,
            LexBound::Highest => false,
        }
    }

    /// Whether no member at all can be within.
    pub fn is_empty(&self) -> bool {
        match (self.min, self.max) {
            (LexBound::Highest, _) | (_, LexBound::Lowest) => true,
            (LexBound::Member(min), LexBound::Member(max)) => {
                min.value > max.value || min.value == max.value && (min.is_exclusive || max.is_exclusive)
            }
            (LexBound::Lowest, _) | (_, LexBound::Highest) => false,
        }
    }
}

fn lex_bound(text: &[u8]) -> Option<LexBound<'_>> {
    match text {
        // Redis reads a sign up to a NUL.
        [b'-'] | [b'-', 0, ..] => Some(LexBound::Lowest),
        [b'+'] | [b'+', 0, ..] => Some(LexBound::Highest),
        [b'(', value @ ..] => Some(LexBound::Member(Bound { value, is_exclusive: true })),
        [b'[', value @ ..] => Some(LexBound::Member(Bound { value, is_exclusive: false })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_bounds_are_read_as_redis_reads_them() {
        for (text, value, is_exclusive) in [
            ("1.5", 1.5, false),
            ("(1.5", 1.5, true),
            ("(", 0.0, true),
            ("", 0.0, false),
            (" 1", 1.0, false),
            ("-inf", f64::NEG_INFINITY, false),
            ("(+inf", f64::INFINITY, true),
            ("1e400", f64::INFINITY, false),
            ("-1e400", f64::NEG_INFINITY, false),
            ("0x10", 16.0, false),
            ("1\0x", 1.0, false),
        ] {
            assert_eq!(score_bound(text.as_bytes()), Some(Bound { value, is_exclusive }), "{text:?}");
        }
        for bad in ["nan", "((1", "1 ", " ", "x", "(nan"] {
            assert_eq!(score_bound(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn lex_bounds_are_signs_or_members() {
        for bad in ["", "a", "+a", "--", "1"] {
            assert_eq!(lex_bound(bad.as_bytes()), None, "{bad:?}");
        }
        let range = LexRange::parse(b"[b", b"(d").expect("a range");
        let within = |member: &[u8]| !range.is_above(member) && !range.is_below(member);
        assert_eq!([&b"a"[..], b"b", b"c", b"d"].map(within), [false, true, true, false]);
    }
}
