//! Numbers as Redis reads and writes them.

/// A decimal 64-bit integer, written just as it would be printed: no `+`, no leading zeros, no
/// spaces.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [] => return None,
        [b'0'] => return (!negative).then_some(0),
        [b'0', ..] => return None,
        _ => {}
    }
    if digits.len() > 19 {
        return None;
    }
    let mut magnitude: u64 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Nineteen digits stay below 10^19, which fits.
        magnitude = magnitude * 10 + u64::from(digit - b'0');
    }
    if negative {
        (magnitude <= 1 << 63).then(|| (magnitude as i64).wrapping_neg())
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// A floating-point number as C's `strtod` reads it (`inf` and hexadecimal included), but not `nan`,
/// nor what is too large or too small to be told from infinity or zero.
pub fn parse_double(text: &[u8]) -> Option<f64> {
    let value = read_double(text)?;
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let overflowed = value.is_infinite() && !matches!(digits, [b'i' | b'I', ..]);
    let underflowed = value == 0.0 && !is_written_as_zero(digits);
    (!overflowed && !underflowed && !value.is_nan()).then_some(value)
}

/// Whether the digits before an exponent are all zero.
fn is_written_as_zero(digits: &[u8]) -> bool {
    let (digits, exponent): (_, &[u8]) = match digits {
        [b'0', b'x' | b'X', hex @ ..] => (hex, b"pP"),
        digits => (digits, b"eE"),
    };
    let mut mantissa = digits.iter().take_while(|digit| !exponent.contains(digit));
    mantissa.all(|digit| matches!(digit, b'0' | b'.'))
}

/// What C's `strtod` makes of a text when it takes all of it: out of range is infinite or zero.
pub(crate) fn read_double(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let (sign, magnitude) = match text.as_bytes() {
        [b'-', ..] => (-1.0, &text[1..]),
        [b'+', ..] => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let value = match magnitude.as_bytes() {
        [b'0', b'x' | b'X', ..] => parse_hexadecimal(&magnitude[2..])?,
        [b'0'..=b'9' | b'.' | b'i' | b'I', ..] => magnitude.parse::<f64>().ok()?,
        _ => return None,
    };
    Some(sign * value)
}

/// `1A.8p3` after its `0x`, rounded once, to the nearest and to even.
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, mut exponent) = match text.split_once(['p', 'P']) {
        Some((mantissa, exponent)) => (mantissa, binary_exponent(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (mut significand, mut has_more) = (0_u64, false);
    for (digit, is_fraction) in whole.chars().map(|c| (c, false)).chain(fraction.chars().map(|c| (c, true))) {
        let digit = u64::from(digit.to_digit(16)?);
        if significand >> 60 == 0 {
            significand = significand << 4 | digit;
            exponent -= if is_fraction { 4 } else { 0 };
        } else {
            has_more |= digit != 0;
            exponent += if is_fraction { 0 } else { 4 };
        }
    }
    // Digits too far down to be kept only tell which side of a half the number is on.
    Some(scaled(significand | u64::from(has_more), exponent))
}

/// The exponent after the `p`: far beyond what a double has, any is as good as any other.
fn binary_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let limit = 1 << 40;
    let magnitude = digits.parse::<i64>().map_or(limit, |magnitude| magnitude.min(limit));
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// `significand × 2^exponent` as the nearest double.
fn scaled(significand: u64, exponent: i64) -> f64 {
    if significand == 0 {
        return 0.0;
    }
    let bits = i64::from(u64::BITS - significand.leading_zeros());
    let highest = exponent + bits - 1;
    if highest > 1023 {
        return f64::INFINITY;
    }
    // Below the smallest normal number each step down costs a bit.
    let kept = 53 - (-1022 - highest).max(0);
    if kept < 0 {
        return 0.0;
    }
    let dropped = bits - kept;
    if dropped <= 0 {
        return significand as f64 * power_of_two(exponent);
    }
    let wide = u128::from(significand);
    let (quotient, rest, half) = (wide >> dropped, wide & ((1 << dropped) - 1), 1 << (dropped - 1));
    let is_up = rest > half || rest == half && quotient & 1 == 1;
    (quotient + u128::from(is_up)) as f64 * power_of_two(exponent + dropped)
}

/// `2^exponent`, from the smallest double (-1074) to the largest power (1023).
fn power_of_two(exponent: i64) -> f64 {
    if exponent >= -1022 {
        f64::from_bits(((exponent + 1023) as u64) << 52)
    } else {
        f64::from_bits(1 << (exponent + 1074))
    }
}

/// A double as Redis prints it: integers without a point, the rest with 17 significant digits at
/// most, infinities as `inf` and `-inf`.
pub fn format_double(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    // The range in which Redis prints a double that is a whole number as an integer.
    if value.fract() == 0.0 && value.abs() < 4_503_599_627_370_496.0 {
        return itoa::Buffer::new().format(value as i64).to_owned();
    }
    format_general(value)
}

/// C's `%.17g`.
fn format_general(value: f64) -> String {
    let scientific = format!("{value:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..17).contains(&exponent) {
        let decimals = (16 - exponent).max(0) as usize;
        return trim_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs())
}

/// A double written out in decimal with 17 digits after the point at most, as Redis shows coordinates.
pub fn format_decimal(value: f64) -> String {
    if value.is_infinite() {
        return format_double(value);
    }
    match trim_zeros(&format!("{value:.17}")) {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_only_as_they_are_printed() {
        for good in [0, 1, -1, 42, i64::MAX, i64::MIN] {
            assert_eq!(parse_integer(good.to_string().as_bytes()), Some(good));
        }
        for bad in
            ["", "-", "+1", "01", "-0", " 1", "1 ", "9223372036854775808", "-9223372036854775809", "1.0"]
        {
            assert_eq!(parse_integer(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn doubles_are_read_as_c_reads_them() {
        assert_eq!(parse_double(b"1.5e3"), Some(1500.0));
        assert_eq!(parse_double(b"-inf"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_double(b"+Infinity"), Some(f64::INFINITY));
        assert_eq!(parse_double(b"0x1.8p1"), Some(3.0));
        assert_eq!(parse_double(b"0e-400"), Some(0.0));
        assert_eq!(parse_double(b"1e-310"), Some(1e-310));
        for bad in ["", "nan", " 1", "1 ", "1e400", "1e-400", "0x1p-2000", "abc", "0x", "--1", "1_0", "infin"]
        {
            assert_eq!(parse_double(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn hexadecimal_is_rounded_once() {
        for (text, value) in [
            ("0x1p1023", 2.0_f64.powi(1023)),
            ("0xffffp-1090", 65535.0 * f64::from_bits(1) / 65536.0),
            ("0x1p-1074", f64::from_bits(1)),
            ("0x1.8p-1074", f64::from_bits(2)),
            ("0x10000000000000.8", 4_503_599_627_370_496.0),
            ("0x10000000000000.80000000001", 4_503_599_627_370_497.0),
            ("0x10000000000001.8", 4_503_599_627_370_498.0),
        ] {
            assert_eq!(read_double(text.as_bytes()), Some(value), "{text}");
        }
        assert_eq!(read_double(b"0x1p-1076"), Some(0.0));
        assert_eq!(read_double(b"0x1p99999999999999999999"), Some(f64::INFINITY));
        assert_eq!(read_double(b"0x1p"), None);
    }

    #[test]
    fn doubles_are_printed_with_seventeen_digits() {
        for (value, text) in [
            (3.0, "3"),
            (0.1, "0.10000000000000001"),
            (1e20, "1e+20"),
            (1.5e-7, "1.4999999999999999e-07"),
            (f64::INFINITY, "inf"),
            (-0.0, "-0"),
            (123456.789, "123456.789"),
        ] {
            assert_eq!(format_double(value), text);
        }
    }

    #[test]
    fn decimals_are_written_out() {
        for (value, text) in [
            (13.361389338970184, "13.36138933897018433"),
            (1e20, "100000000000000000000"),
            (1e-20, "0"),
            (-1e-20, "0"),
            (-2.5, "-2.5"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(format_decimal(value), text);
        }
    }
}
