//! How much is logged, and in what form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

/// The least important message still logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What stopped working.
    Error,
    /// What should be looked into.
    Warn,
    /// What a running server does as a whole.
    #[default]
    Info,
    /// What each connection does.
    Debug,
    /// What each command does.
    Trace,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// A text that is no level, or no format.
#[derive(Debug, thiserror::Error)]
#[error("`{found}` is none of {choices}")]
pub struct BadLog {
    found: String,
    choices: &'static str,
}

impl LogLevel {
    const NAMES: [(&'static str, LogLevel); 6] = [
        ("off", LogLevel::Off),
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];

    /// The level in `tracing`'s words.
    pub fn filter(self) -> LevelFilter {
        match self {
            LogLevel::Off => LevelFilter::OFF,
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}

impl FromStr for LogLevel {
    type Err = BadLog;

    fn from_str(text: &str) -> Result<Self, BadLog> {
        let level = LogLevel::NAMES.into_iter().find(|(name, _)| *name == text);
        level
            .map(|(_, level)| level)
            .ok_or_else(|| BadLog { found: text.to_owned(), choices: "off, error, warn, info, debug, trace" })
    }
}

impl FromStr for LogFormat {
    type Err = BadLog;

    fn from_str(text: &str) -> Result<Self, BadLog> {
        match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err(BadLog { found: text.to_owned(), choices: "text, json" }),
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = LogLevel::NAMES.into_iter().find(|(_, level)| level == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}
