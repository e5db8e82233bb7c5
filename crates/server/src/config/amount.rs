//! Sizes and durations as people write them: `1MiB`, `30s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes: `65536`, `64KiB`, `4 MiB`, `1GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A text that is no size.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no size; write a number of bytes, or one like 64KiB, 4MiB or 1GiB")]
pub struct BadSize(String);

impl FromStr for ByteSize {
    type Err = BadSize;

    fn from_str(text: &str) -> Result<Self, BadSize> {
        let (number, unit) = UNITS
            .into_iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?.trim_end(), unit)))
            .unwrap_or((text, 1));
        let number = number.parse::<usize>().ok();
        number
            .and_then(|number| number.checked_mul(unit))
            .map(ByteSize)
            .ok_or_else(|| BadSize(text.to_owned()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.into_iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        match whole {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => self.0.fmt(f),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a size: a number of bytes, or a text like \"4MiB\"")]
        enum Written {
            Number(usize),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(ByteSize(number)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// A length of time: `500ms`, `30s`, `2m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A text that is no length of time.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no length of time; write one like 500ms, 30s or 2m")]
pub struct BadSpan(String);

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        humantime::parse_duration(text).map(Span).map_err(|_| BadSpan(text.to_owned()))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// For `serialize_with`: a number of bytes, written with its unit.
pub(super) fn write_bytes<S: Serializer>(bytes: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    ByteSize(*bytes).serialize(serializer)
}

/// For `serialize_with`: a value by the name it prints.
pub(super) fn write_name<T: fmt::Display, S: Serializer>(
    named: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(named)
}

/// For `serialize_with`: a length of time, written with its unit.
pub(super) fn write_span<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    Span(*duration).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_with_their_units() {
        for (text, bytes, written) in [
            ("0", 0, "0"),
            ("1000", 1000, "1000"),
            ("65536", 65536, "64KiB"),
            ("4 MiB", 4 << 20, "4MiB"),
            ("1536KiB", 1536 << 10, "1536KiB"),
            ("2GiB", 2 << 30, "2GiB"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size, size.to_string().as_str()), (ByteSize(bytes), written));
        }
        for bad in ["", "-1", "1MB", "MiB", "1.5MiB", "99999999999GiB"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn spans_are_read_and_written_with_their_units() {
        assert_eq!("30s".parse::<Span>().unwrap(), Span(Duration::from_secs(30)));
        assert_eq!(Span(Duration::from_millis(1500)).to_string(), "1s 500ms");
        assert_eq!("1s 500ms".parse::<Span>().unwrap(), Span(Duration::from_millis(1500)));
        for bad in ["", "30", "soon", "-1s"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
    }
}
