//! The table of what `CONFIG` shows and sets. A row is a name as Redis has it, what it is set to, and, where
//! it can be changed at run time, how a new value is read. What is set here lasts until the next reload of
//! the configuration, or the end.

use super::super::dialogue::Conversation;
use crate::config::Limits;
use crate::core::Core;
use hyrax_values::{EvictionPolicy, parse_integer};
use std::sync::atomic::Ordering::Relaxed;

/// Sets what was read.
pub type Change = Box<dyn FnOnce(&Conversation)>;

/// Reads a value, or says what is wrong with it in Redis' words.
type Read = fn(&[u8]) -> Result<Change, String>;

/// Something that can be asked for by name.
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it is set to.
    pub get: fn(&Conversation) -> String,
    /// How a new value is read; none where it cannot be changed.
    pub set: Option<Read>,
}

/// A row of what is always the same here: a value that says so may be set.
macro_rules! always {
    ($name:literal, $value:literal) => {
        Setting {
            name: $name,
            get: |_| $value.to_owned(),
            set: Some(|value| match value.eq_ignore_ascii_case($value.as_bytes()) {
                true => Ok(Box::new(|_| ())),
                false => Err(concat!("it is always '", $value, "' in Hyrax").to_owned()),
            }),
        }
    };
}

/// All rows, by name.
pub static SETTINGS: &[Setting] = &[
    always!("appendonly", "no"),
    always!("databases", "1"),
    always!("hz", "10"),
    always!("latency-monitor-threshold", "0"),
    always!("latency-tracking", "yes"),
    Setting {
        name: "maxclients",
        get: |conversation| limits(conversation).max_connections.to_string(),
        set: Some(|value| {
            let connections = number(value, 1, u32::MAX.into())? as usize;
            Ok(change_limits(move |limits| limits.max_connections = connections))
        }),
    },
    Setting {
        name: "maxmemory",
        get: |conversation| limits(conversation).maxmemory.to_string(),
        set: Some(|value| {
            let bytes = memory(value, 0)?;
            Ok(change_limits(move |limits| limits.maxmemory = bytes))
        }),
    },
    Setting {
        name: "maxmemory-policy",
        get: |conversation| limits(conversation).maxmemory_policy.to_string(),
        set: Some(|value| {
            let policy: EvictionPolicy =
                String::from_utf8_lossy(value).parse().map_err(|_| ONE_OF.to_owned())?;
            Ok(change_limits(move |limits| limits.maxmemory_policy = policy))
        }),
    },
    Setting {
        name: "maxmemory-samples",
        get: |conversation| limits(conversation).maxmemory_samples.to_string(),
        set: Some(|value| {
            let samples = number(value, 1, 64)? as u32;
            Ok(change_limits(move |limits| limits.maxmemory_samples = samples))
        }),
    },
    Setting {
        name: "notify-keyspace-events",
        get: |conversation| conversation.session.core.hub.keyspace_events().to_string(),
        set: Some(|value| {
            let classes = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            let classes = classes.ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
            Ok(change(move |core| core.hub.set_keyspace_events(classes)))
        }),
    },
    Setting {
        name: "port",
        get: |conversation| conversation.session.peer.local.map_or(0, |address| address.port()).to_string(),
        set: None,
    },
    Setting {
        name: "proto-max-bulk-len",
        get: |conversation| limits(conversation).proto_max_bulk_len.to_string(),
        set: Some(|value| {
            let bytes = memory(value, 1024 * 1024)?;
            Ok(change_limits(move |limits| limits.proto_max_bulk_len = bytes))
        }),
    },
    always!("save", ""),
    Setting {
        name: "slowlog-log-slower-than",
        get: |conversation| conversation.session.core.slow_log.slower_than_us.load(Relaxed).to_string(),
        set: Some(|value| {
            let microseconds = number(value, -1, i64::MAX)?;
            Ok(change(move |core| core.slow_log.slower_than_us.store(microseconds, Relaxed)))
        }),
    },
    Setting {
        name: "slowlog-max-len",
        get: |conversation| conversation.session.core.slow_log.len_max.load(Relaxed).to_string(),
        set: Some(|value| {
            let len = number(value, 0, SLOW_LOG_MAX)? as usize;
            Ok(change(move |core| core.slow_log.len_max.store(len, Relaxed)))
        }),
    },
    Setting {
        name: "tcp-keepalive",
        get: |conversation| (limits(conversation).half_open.as_secs() / 4).max(1).to_string(),
        set: None,
    },
    always!("timeout", "0"),
];

/// The longest slow log. Redis has no bound; each entry may take some kilobytes.
const SLOW_LOG_MAX: i64 = 100_000;

fn limits(conversation: &Conversation) -> std::sync::Arc<Limits> {
    conversation.session.core.limits.load_full()
}

fn change(action: impl FnOnce(&Core) + 'static) -> Change {
    Box::new(move |conversation| action(&conversation.session.core))
}

fn change_limits(action: impl Fn(&mut Limits) + 'static) -> Change {
    change(move |core| {
        core.limits.rcu(|limits| {
            let mut limits = Limits::clone(limits);
            action(&mut limits);
            limits
        });
        core.values.limit_memory(core.limits.load().memory());
    })
}

/// The policies that there are.
const ONE_OF: &str = "argument(s) must be one of the following: noeviction, allkeys-lru, allkeys-random, volatile-lru, volatile-random, volatile-ttl";

/// A number within bounds.
fn number(value: &[u8], least: i64, most: i64) -> Result<i64, String> {
    let number = parse_integer(value).ok_or("argument couldn't be parsed into an integer")?;
    if number < least || number > most {
        return Err(format!("argument must be between {least} and {most} inclusive"));
    }
    Ok(number)
}

/// A number of bytes, with Redis' units.
fn memory(value: &[u8], least: usize) -> Result<usize, String> {
    const INVALID: &str = "argument must be a memory value";
    let text = std::str::from_utf8(value).map_err(|_| INVALID)?.to_ascii_lowercase();
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit: usize = match &text[digits.len()..] {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return Err(INVALID.to_owned()),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit)).ok_or(INVALID)?;
    // Redis' own upper bound.
    if bytes < least || bytes > i64::MAX as usize {
        return Err(format!("argument must be between {least} and {} inclusive", i64::MAX));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_named_once() {
        assert!(SETTINGS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn bytes_take_the_units_of_redis() {
        for (text, bytes) in [("1mb", 1 << 20), ("2M", 2_000_000), ("1gb", 1 << 30), ("1048576", 1 << 20)] {
            assert_eq!(memory(text.as_bytes(), 1 << 20), Ok(bytes), "{text}");
        }
        for text in ["", "mb", "1tb", "-1", "1", "99999999999999999999", "9223372036854775807gb"] {
            assert!(memory(text.as_bytes(), 1 << 20).is_err(), "{text}");
        }
    }
}
