//! C's `long double` as x86 has it, for the sums that Redis makes in it: 64 bits of mantissa,
//! correctly rounded, read as `strtold` reads and printed as `%.17Lf` without trailing zeros.
//!
//! Doubles would not do: 0.1 + 0.2 has to be 0.3.

mod natural;

use natural::Natural;

/// The exponent of the last bit of the smallest number.
const EXPONENT_MIN: i32 = -16445;
/// Numbers from two to this power on do not exist.
const MAGNITUDE_END: i32 = 16384;
/// Redis' `MAX_LONG_DOUBLE_CHARS`: a text of this length or more is no number.
const TEXT_BYTES_END: usize = 5 * 1024;
/// How many decimals `%.17Lf` prints.
const DECIMALS: usize = 17;

/// Why there is no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LongDoubleError {
    /// The number to be increased is none.
    #[error("ERR value is not a valid float")]
    CurrentNotFloat,
    /// The number to be added is none.
    #[error("ERR value is not a valid float")]
    IncrementNotFloat,
    /// The sum is no finite number.
    #[error("ERR increment would produce NaN or Infinity")]
    NotFinite,
}

/// The sum of two numbers given as text, as Redis prints it. The text of `current` is judged first.
pub fn add_long_double(current: &[u8], increment: &[u8]) -> Result<String, LongDoubleError> {
    let current = LongDouble::parse(current).ok_or(LongDoubleError::CurrentNotFloat)?;
    let increment = LongDouble::parse(increment).ok_or(LongDoubleError::IncrementNotFloat)?;
    current.checked_add(increment).ok_or(LongDoubleError::NotFinite).map(|sum| sum.to_string())
}

/// A number with 64 bits of mantissa, or an infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magnitude {
    Zero,
    /// `mantissa × 2^exponent`, the mantissa's highest bit set.
    Finite {
        mantissa: u64,
        exponent: i32,
    },
    Infinite,
}

impl LongDouble {
    /// The number that all of `text` is, as `strtold` reads it (hexadecimal and `inf` included), but
    /// not `nan`, nothing that is too large, and nothing that is too small to be told from zero.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() >= TEXT_BYTES_END {
            return None;
        }
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let magnitude = match unsigned {
            [b'0', b'x' | b'X', hexadecimal @ ..] => parse_hexadecimal(hexadecimal)?,
            _ if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") => {
                Magnitude::Infinite
            }
            _ => parse_decimal(unsigned)?,
        };
        Some(LongDouble { negative, magnitude })
    }

    /// Whether this is no infinity.
    pub fn is_finite(self) -> bool {
        self.magnitude != Magnitude::Infinite
    }

    /// The sum, when it is a finite number.
    pub fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        let (left, right) = match (self.magnitude, other.magnitude) {
            (Magnitude::Infinite, _) | (_, Magnitude::Infinite) => return None,
            (Magnitude::Zero, Magnitude::Zero) => {
                return Some(LongDouble { negative: self.negative && other.negative, ..self });
            }
            (Magnitude::Zero, _) => return Some(other),
            (_, Magnitude::Zero) => return Some(self),
            (
                Magnitude::Finite { mantissa: left, exponent: left_exponent },
                Magnitude::Finite { mantissa: right, exponent: right_exponent },
            ) => ((left_exponent, left), (right_exponent, right)),
        };
        let (greater, lesser, negative) =
            if left >= right { (left, right, self.negative) } else { (right, left, other.negative) };
        // One bit of room for the carry, and 63 below; what falls off even those is remembered in the
        // lowest one, which is enough to round by.
        let wide = u128::from(greater.1) << 63;
        let aligned = shift_right_sticky(u128::from(lesser.1) << 63, (greater.0 - lesser.0).unsigned_abs());
        let sum = if self.negative == other.negative { wide + aligned } else { wide - aligned };
        if sum == 0 {
            return Some(LongDouble { negative: false, magnitude: Magnitude::Zero });
        }
        let magnitude = round(sum, false, greater.0 - 63);
        (magnitude != Magnitude::Infinite).then_some(LongDouble { negative, magnitude })
    }
}

/// Shifts to the right; a bit that falls off is remembered in the lowest one.
fn shift_right_sticky(bits: u128, by: u32) -> u128 {
    match by {
        0 => bits,
        1..128 => bits >> by | u128::from(bits << (128 - by) != 0),
        _ => u128::from(bits != 0),
    }
}

/// The number nearest to `bits × 2^exponent` (and a bit more where `inexact`), to even where two are
/// equally near. Where `inexact`, there must be more than 64 bits.
fn round(bits: u128, inexact: bool, exponent: i32) -> Magnitude {
    let length = 128 - bits.leading_zeros() as i32;
    // Below the smallest exponent, bits are lost one by one.
    let dropped = (length - 64).max(EXPONENT_MIN - exponent);
    let (mantissa, exponent) = if dropped <= 0 {
        (bits, exponent)
    } else if dropped > length {
        return Magnitude::Zero;
    } else {
        let half = 1_u128 << (dropped - 1);
        let kept = if dropped == 128 { 0 } else { bits >> dropped };
        let rest = bits & (half | (half - 1));
        let up = rest > half || (rest == half && (inexact || kept & 1 == 1));
        (kept + u128::from(up), exponent + dropped)
    };
    if mantissa == 0 {
        return Magnitude::Zero;
    }
    // At most 2^64, of which nothing is lost on the way back to 64 bits.
    let shift = mantissa.leading_zeros() as i32 - 64;
    let mantissa = if shift >= 0 { mantissa << shift } else { mantissa >> -shift };
    let exponent = exponent - shift;
    if exponent + 64 > MAGNITUDE_END {
        return Magnitude::Infinite;
    }
    Magnitude::Finite { mantissa: mantissa as u64, exponent }
}

/// Digits of a text: the significant ones, and the power of the base of the last of them.
struct Digits {
    digits: Vec<u8>,
    scale: i64,
}

/// Splits `12.5e3` into its digits and exponent; `None` unless all of it is a number.
fn split(text: &[u8], base: u32, exponent_mark: u8) -> Option<(Digits, i64)> {
    let digit = |byte: u8| char::from(byte).to_digit(base).map(|digit| digit as u8);
    let mut digits = Vec::with_capacity(text.len());
    let (mut point, mut any, mut read, mut scale) = (false, false, 0, 0_i64);
    for &byte in text {
        if byte == b'.' && !point {
            point = true;
        } else if let Some(digit) = digit(byte) {
            any = true;
            scale -= i64::from(point);
            if digit != 0 || !digits.is_empty() {
                digits.push(digit);
            }
        } else {
            break;
        }
        read += 1;
    }
    let exponent = match &text[read..] {
        [] => 0,
        [mark, exponent @ ..] if mark.eq_ignore_ascii_case(&exponent_mark) => parse_exponent(exponent)?,
        _ => return None,
    };
    while digits.last() == Some(&0) {
        digits.pop();
        scale += 1;
    }
    any.then_some((Digits { digits, scale }, exponent))
}

/// A whole number of any length; far beyond every exponent it stops counting.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude =
        digits.iter().fold(0_i64, |sum, &digit| (sum * 10 + i64::from(digit - b'0')).min(1 << 40));
    Some(if negative { -magnitude } else { magnitude })
}

/// What is out of range is refused.
fn in_range(magnitude: Magnitude) -> Option<Magnitude> {
    matches!(magnitude, Magnitude::Finite { .. }).then_some(magnitude)
}

/// `1A.8p3` after its `0x`.
fn parse_hexadecimal(text: &[u8]) -> Option<Magnitude> {
    let (Digits { digits, scale }, exponent) = split(text, 16, b'p')?;
    if digits.is_empty() {
        return Some(Magnitude::Zero);
    }
    // Thirty digits are more than 64 bits; of the others it only matters that the last is not zero.
    let (head, tail) = digits.split_at(digits.len().min(30));
    let bits = head.iter().fold(0_u128, |bits, &digit| bits << 4 | u128::from(digit));
    let exponent = exponent + 4 * (scale + tail.len() as i64);
    let exponent = exponent.clamp(-100_000, 100_000) as i32;
    in_range(round(bits, !tail.is_empty(), exponent))
}

/// `12.5e3`.
fn parse_decimal(text: &[u8]) -> Option<Magnitude> {
    let (Digits { digits, scale }, exponent) = split(text, 10, b'e')?;
    if digits.is_empty() {
        return Some(Magnitude::Zero);
    }
    let scale = scale + exponent;
    // The largest number has 4,933 digits; the smallest begins after 4,950 zeros.
    let length = digits.len() as i64 + scale;
    if !(-5_000..=5_000).contains(&length) {
        return None;
    }
    let power = scale.unsigned_abs() as u32;
    let mut above = Natural::of_digits(&digits);
    let mut below = Natural::from(1);
    if scale >= 0 {
        above.multiply_by_power_of_ten(power)
    } else {
        below.multiply_by_power_of_ten(power)
    }
    // With both of one length the quotient is between a half and two, so its 67 bits give 66 at least.
    let exponent = above.bit_length() as i32 - below.bit_length() as i32;
    if exponent >= 0 {
        below.shift_left(exponent.unsigned_abs());
    } else {
        above.shift_left(exponent.unsigned_abs());
    }
    let (quotient, inexact) = above.divide_bitwise(&below, 67);
    in_range(round(quotient, inexact, exponent - 66))
}

impl std::fmt::Display for LongDouble {
    /// As Redis prints it for people: C's `%.17Lf` without trailing zeros, and zero without a sign.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let (mantissa, exponent) = match self.magnitude {
            Magnitude::Zero => return f.write_str("0"),
            Magnitude::Infinite => return write!(f, "{sign}inf"),
            Magnitude::Finite { mantissa, exponent } => (mantissa, exponent),
        };
        if exponent >= 0 {
            let mut whole = Natural::from(mantissa);
            whole.shift_left(exponent.unsigned_abs());
            return write!(f, "{sign}{}", whole.into_decimal());
        }
        // Below 2^64 × 10^17, which fits.
        let scaled = u128::from(mantissa) * 10_u128.pow(DECIMALS as u32);
        let dropped = exponent.unsigned_abs();
        let rounded = if dropped >= 127 {
            0
        } else {
            let half = 1_u128 << (dropped - 1);
            let (kept, rest) = (scaled >> dropped, scaled & (half | (half - 1)));
            kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
        };
        if rounded == 0 {
            return f.write_str("0");
        }
        let one = 10_u128.pow(DECIMALS as u32);
        let (whole, fraction) = (rounded / one, rounded % one);
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = format!("{fraction:0DECIMALS$}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(current: &str, increment: &str, expected: &str) {
        let sum = add_long_double(current.as_bytes(), increment.as_bytes());
        assert_eq!(sum.as_deref(), Ok(expected), "{current} + {increment}");
    }

    #[test]
    fn sums_are_those_of_redis() {
        check("0.1", "0.2", "0.3");
        check("3.0e3", "200", "3200");
        check("5.0e3", "200", "5200");
        check("10.5", "0.1", "10.6");
        check("10.50", "-5", "5.5");
        check("0", "-0", "0");
        check("-0.0", "-0.0", "0");
        check("1.5", "-1.5", "0");
        check("0x10", "0x1.8p1", "19");
        check("3", "1.000000000000000005", "4.00000000000000001");
        check("9223372036854775807", "1", "9223372036854775808");
        check("18446744073709551615", "1", "18446744073709551616");
        check("18446744073709551616", "1", "18446744073709551616");
        check("18446744073709551616", "3", "18446744073709551620");
        check("1e30", "1", "1000000000000000000024696061952");
        check("1e-18", "0", "0");
        check("-1e-18", "0", "0");
        check("1e-4950", "1", "1");
        check("1", "1e-20", "1");
        check(".5", "5.", "5.5");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        use LongDoubleError::*;
        for bad in
            ["", " 1", "1 ", "abc", "1e", "1e+", ".", "0x", "0x.p1", "nan", "1e4933", "1e-5000", "--1", "1_0"]
        {
            assert_eq!(add_long_double(bad.as_bytes(), b"1"), Err(CurrentNotFloat), "{bad}");
            assert_eq!(add_long_double(b"1", bad.as_bytes()), Err(IncrementNotFloat), "{bad}");
        }
        assert_eq!(add_long_double(b"1", &[b'1'; TEXT_BYTES_END]), Err(IncrementNotFloat));
        assert_eq!(add_long_double(b"0", &[&b"0."[..], &[b'1'; 5000]].concat()).as_deref(), {
            Ok("0.11111111111111111")
        });
    }

    #[test]
    fn an_infinite_sum_is_refused() {
        for (current, increment) in [("1", "inf"), ("-Infinity", "1"), ("inf", "-inf"), ("1e4932", "9e4931")]
        {
            let sum = add_long_double(current.as_bytes(), increment.as_bytes());
            assert_eq!(sum, Err(LongDoubleError::NotFinite), "{current} + {increment}");
        }
    }

    proptest! {
        #[test]
        fn sums_of_integers_are_exact_within_64_bits(left: i32, right: i64) {
            let sum = i128::from(left) + i128::from(right);
            let text = add_long_double(left.to_string().as_bytes(), right.to_string().as_bytes());
            prop_assert_eq!(text, Ok(sum.to_string()));
        }

        #[test]
        fn small_money_adds_up(left in -3_000..3_000_i64, right in -3_000..3_000_i64) {
            let text = |cents: i64| {
                let sign = if cents < 0 { "-" } else { "" };
                let text = format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100);
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            };
            let sum = add_long_double(text(left).as_bytes(), text(right).as_bytes());
            prop_assert_eq!(sum, Ok(text(left + right)));
        }

        #[test]
        fn no_text_panics(text in "[-+]?[0-9a-fx.]{0,40}([ep][-+]?[0-9]{1,5})?") {
            let _ = add_long_double(text.as_bytes(), b"1");
        }
    }
}
