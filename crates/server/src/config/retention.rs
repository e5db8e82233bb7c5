//! How much of the coordination store's past is kept, in etcd's words.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use hyrax_coordination::AutoCompaction;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Span;

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CompactionMode {
    /// Time.
    #[default]
    Periodic,
    /// Revisions.
    Revision,
}

/// A text that is no mode.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is none of periodic, revision")]
pub struct BadCompactionMode(String);

impl FromStr for CompactionMode {
    type Err = BadCompactionMode;

    fn from_str(text: &str) -> Result<Self, BadCompactionMode> {
        match text {
            "periodic" => Ok(CompactionMode::Periodic),
            "revision" => Ok(CompactionMode::Revision),
            _ => Err(BadCompactionMode(text.to_owned())),
        }
    }
}

/// How much is kept: a number (of hours, or of revisions) or a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// So many hours, or revisions, as the mode has it; 0 is everything.
    Number(u64),
    /// What happened within this time.
    Time(Duration),
}

impl Default for Retention {
    fn default() -> Retention {
        Retention::Number(0)
    }
}

/// A text that is neither.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is neither a number nor a length of time; write one like 1000, 10m or 72h")]
pub struct BadRetention(String);

impl FromStr for Retention {
    type Err = BadRetention;

    fn from_str(text: &str) -> Result<Self, BadRetention> {
        if let Ok(number) = text.parse() {
            return Ok(Retention::Number(number));
        }
        text.parse().map(|Span(time)| Retention::Time(time)).map_err(|_| BadRetention(text.to_owned()))
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Retention::Number(number) => number.fmt(f),
            Retention::Time(time) => Span(*time).fmt(f),
        }
    }
}

impl Serialize for Retention {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Retention::Number(number)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

impl CompactionMode {
    /// What both settings mean together; `Err` where revisions are to be counted and a time was given.
    pub(super) fn keeping(self, kept: Retention) -> Result<Option<AutoCompaction>, Retention> {
        Ok(match (self, kept) {
            (_, Retention::Number(0) | Retention::Time(Duration::ZERO)) => None,
            (CompactionMode::Periodic, Retention::Number(hours)) => {
                Some(AutoCompaction::Periodic(Duration::from_secs(hours.saturating_mul(3600))))
            }
            (CompactionMode::Periodic, Retention::Time(time)) => Some(AutoCompaction::Periodic(time)),
            (CompactionMode::Revision, Retention::Number(revisions)) => {
                Some(AutoCompaction::Revision(revisions))
            }
            (CompactionMode::Revision, Retention::Time(_)) => return Err(kept),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_settings_mean_what_they_do_to_etcd() {
        let hour = Duration::from_secs(3600);
        for (mode, kept, meant) in [
            ("periodic", "0", Ok(None)),
            ("periodic", "2", Ok(Some(AutoCompaction::Periodic(2 * hour)))),
            ("periodic", "10m", Ok(Some(AutoCompaction::Periodic(hour / 6)))),
            ("revision", "1000", Ok(Some(AutoCompaction::Revision(1000)))),
            ("revision", "0s", Ok(None)),
            ("revision", "1h", Err(Retention::Time(hour))),
        ] {
            let mode: CompactionMode = mode.parse().unwrap();
            assert_eq!(mode.keeping(kept.parse().unwrap()), meant, "{mode:?} {kept}");
        }
        assert!("soon".parse::<Retention>().is_err() && "age".parse::<CompactionMode>().is_err());
    }
}
