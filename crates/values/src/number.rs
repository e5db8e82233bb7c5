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
        [b'0', b'x' | b'X', hex @ ..] => parse_hexadecimal(hex)?,
        [b'0'..=b'9' | b'.' | b'i' | b'I', ..] => magnitude.parse::<f64>().ok()?,
        _ => return None,
    };
    Some(sign * value)
}

/// `1A.8p3` after its `0x`.
fn parse_hexadecimal(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let (mantissa, exponent) = match text.split_once(['p', 'P']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars() {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let mut unit = 1.0 / 16.0;
    for digit in fraction.chars() {
        value += f64::from(digit.to_digit(16)?) * unit;
        unit /= 16.0;
    }
    Some(value * 2.0_f64.powi(exponent))
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
}
