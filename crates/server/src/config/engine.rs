//! Which engines a server stands on, as URLs.

use std::fmt;
use std::str::FromStr;

use hyrax_coordination_etcd::EtcdSettings;
use hyrax_coordination_redis::RedisSettings;
use hyrax_values_redis::{Address, BadAddress};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where coordination (presence, locks, leaders, groups, services, the key space of etcd's doors) is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CoordinationEngine {
    /// In this process, and in the data directory if there is one: `embedded:`.
    #[default]
    Embedded,
    /// In an etcd, which several nodes can share: `etcd://…`.
    Etcd(EtcdSettings),
    /// In a Redis, which several nodes can share: `redis://…` and its kin.
    Redis(RedisSettings),
}

impl CoordinationEngine {
    /// Whether the state is this process' own.
    pub fn is_embedded(&self) -> bool {
        *self == CoordinationEngine::Embedded
    }
}

/// Why a text names no engine. No password is repeated.
#[derive(Debug, thiserror::Error)]
pub enum BadCoordinationEngine {
    /// There is no such engine.
    #[error("a coordination engine is embedded:, etcd://HOST:PORT[,HOST:PORT…] or redis://HOST:PORT")]
    Unknown,
    /// Not an etcd's URL.
    #[error(transparent)]
    Etcd(#[from] hyrax_coordination_etcd::BadUrl),
    /// Not a Redis' URL.
    #[error(transparent)]
    Redis(#[from] hyrax_coordination_redis::BadUrl),
}

impl FromStr for CoordinationEngine {
    type Err = BadCoordinationEngine;

    fn from_str(text: &str) -> Result<CoordinationEngine, BadCoordinationEngine> {
        match text.split_once(':') {
            Some(("embedded", "")) => Ok(CoordinationEngine::Embedded),
            Some(("etcd" | "etcds", _)) => Ok(CoordinationEngine::Etcd(text.parse()?)),
            Some(("redis" | "rediss" | "unix" | "redis-cluster" | "rediss-cluster", _)) => {
                Ok(CoordinationEngine::Redis(text.parse()?))
            }
            _ => Err(BadCoordinationEngine::Unknown),
        }
    }
}

/// The URL, a password left out.
impl fmt::Display for CoordinationEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CoordinationEngine::Embedded => f.write_str("embedded:"),
            CoordinationEngine::Etcd(settings) => settings.fmt(f),
            CoordinationEngine::Redis(settings) => settings.fmt(f),
        }
    }
}

impl Serialize for CoordinationEngine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CoordinationEngine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A value that is no text could be anything, and is not repeated.
        let value = toml::Value::deserialize(deserializer)?;
        let text = value.as_str().ok_or_else(|| serde::de::Error::custom(BadCoordinationEngine::Unknown))?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where values (Redis' commands) are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ValuesEngine {
    /// In this process: `embedded:`.
    #[default]
    Embedded,
    /// In a Redis or a cluster of them, which several nodes share: `redis://…`, `redis-cluster://…`.
    Redis(Address),
}

/// Why a text names no engine of values. No password is repeated.
#[derive(Debug, thiserror::Error)]
pub enum BadValuesEngine {
    /// There is no such engine.
    #[error(
        "an engine of values is embedded:, redis://HOST:PORT, unix:PATH or redis-cluster://HOST:PORT,HOST:PORT…"
    )]
    Unknown,
    /// Not a Redis' URL.
    #[error("the engine of values {0}")]
    Redis(BadAddress),
}

impl FromStr for ValuesEngine {
    type Err = BadValuesEngine;

    fn from_str(text: &str) -> Result<ValuesEngine, BadValuesEngine> {
        if text == "embedded:" {
            return Ok(ValuesEngine::Embedded);
        }
        text.parse().map(ValuesEngine::Redis).map_err(|error| match error {
            BadAddress::Scheme => BadValuesEngine::Unknown,
            error => BadValuesEngine::Redis(error),
        })
    }
}

/// The URL, a password left out.
impl fmt::Display for ValuesEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValuesEngine::Embedded => f.write_str("embedded:"),
            ValuesEngine::Redis(address) => address.fmt(f),
        }
    }
}

impl Serialize for ValuesEngine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ValuesEngine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A value that is no text could be anything, and is not repeated.
        let value = toml::Value::deserialize(deserializer)?;
        let text = value.as_str().ok_or_else(|| serde::de::Error::custom(BadValuesEngine::Unknown))?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_of_values_is_named_by_a_url() {
        for url in ["embedded:", "redis://h:1/2?prefix=a", "unix:/run/r.sock", "redis-cluster://a:1,b:2"] {
            assert_eq!(url.parse::<ValuesEngine>().unwrap().to_string(), url);
        }
        for (bad, expected) in [
            ("", "is embedded:, redis://"),
            ("etcd://a", "is embedded:, redis://"),
            ("redis://:hunter2@h?x=1", "has a parameter"),
        ] {
            let error = bad.parse::<ValuesEngine>().unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{bad}: {error}");
        }
    }

    #[test]
    fn an_engine_is_named_by_a_url() {
        for url in
            ["embedded:", "etcd://a:2379,b:2379", "etcds://a:2379?ca=ca.pem", "redis://a/1", "unix:/r.sock"]
        {
            assert_eq!(url.parse::<CoordinationEngine>().unwrap().to_string(), url);
        }
        for (bad, expected) in [
            ("", "is embedded:, etcd://"),
            ("embedded", "is embedded:, etcd://"),
            ("embedded:x", "is embedded:, etcd://"),
            ("zookeeper://a", "is embedded:, etcd://"),
            ("redis://:hunter2@a?color=red", "no option `color=red`"),
            ("etcd:a", "is named etcd://"),
            ("etcd://root:hunter2@a/b", "no path"),
        ] {
            let error = bad.parse::<CoordinationEngine>().unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{bad}: {error}");
        }
    }
}
