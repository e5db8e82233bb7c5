//! How values of settings are read, and what is wrong with them in Redis' words.

use hyrax_values::{parse_double, parse_integer};

/// What follows a value that is not one of the allowed words.
pub fn one_of(words: &[&str]) -> String {
    format!("argument(s) must be one of the following: {}", words.join(", "))
}

/// A number within bounds.
pub fn number(value: &[u8], least: i64, most: i64) -> Result<i64, String> {
    let number = parse_integer(value).ok_or("argument couldn't be parsed into an integer")?;
    if number < least || number > most {
        return Err(format!("argument must be between {least} and {most} inclusive"));
    }
    Ok(number)
}

/// A number of bytes, with Redis' units. No digits are none, and what is too large to count comes round, as in
/// Redis.
pub fn memory(value: &[u8], least: usize) -> Result<usize, String> {
    const INVALID: &str = "argument must be a memory value";
    let text = std::str::from_utf8(value).map_err(|_| INVALID)?.to_ascii_lowercase();
    let (digits, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let unit: u64 = match unit {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return Err(INVALID.to_owned()),
    };
    let number = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) };
    let bytes = number.wrapping_mul(unit);
    // Redis' own upper bound.
    if bytes < least as u64 || bytes > i64::MAX as u64 {
        return Err(format!("argument must be between {least} and {} inclusive", i64::MAX));
    }
    Ok(bytes as usize)
}

/// A number of bytes, or a share of all.
pub fn memory_or_percent(value: &[u8]) -> Result<usize, String> {
    if let Some(share) = value.strip_suffix(b"%").and_then(parse_integer).filter(|share| *share >= 0) {
        return if share > 100 {
            Err("percentage argument must be less or equal to 100".to_owned())
        } else {
            Ok(share as usize)
        };
    }
    memory(value, 0).map_err(|_| "argument must be a memory or percent value".to_owned())
}

/// Shares of a hundred, separated by spaces.
pub fn percentiles(value: &[u8]) -> Result<Vec<f64>, String> {
    let words = value.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let share = parse_double(word).ok_or("Invalid latency-tracking-info-percentiles parameters")?;
            if !(0.0..=100.0).contains(&share) {
                return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
            }
            Ok(share)
        })
        .collect::<Result<_, _>>()
        .map_err(str::to_owned)
}

/// A share as Redis shows it: six digits behind the point, without the zeros at the end.
pub fn show_percentile(share: f64) -> String {
    let text = format!("{share:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_the_units_of_redis() {
        for (text, bytes) in [("1mb", 1 << 20), ("2M", 2_000_000), ("1gb", 1 << 30), ("1048576", 1 << 20)] {
            assert_eq!(memory(text.as_bytes(), 1 << 20), Ok(bytes), "{text}");
        }
        for text in ["", "mb", "1tb", "-1", "1", "99999999999999999999", "9223372036854775807gb"] {
            assert!(memory(text.as_bytes(), 1 << 20).is_err(), "{text}");
        }
        for (text, bytes) in [("", 0), ("kb", 0), ("18014398509481985kb", 1024)] {
            assert_eq!(memory(text.as_bytes(), 0), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn percentiles_are_shown_as_they_were_meant() {
        assert_eq!(percentiles(b"50 99.90  100"), Ok(vec![50.0, 99.9, 100.0]));
        assert_eq!([50.0, 99.9, 100.0, 0.0].map(show_percentile), ["50", "99.9", "100", "0"]);
        assert_eq!(percentiles(b""), Ok(Vec::new()));
        assert!(percentiles(b"101").is_err() && percentiles(b"x").is_err());
    }
}
