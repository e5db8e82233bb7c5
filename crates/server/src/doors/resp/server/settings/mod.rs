//! The tables of what `CONFIG` shows and sets. A row is a name as Redis has it, what it is set to, and, where
//! it can be changed at run time, how a new value is read. What is set here lasts until the next reload of
//! the configuration, or the end.

mod kept;
mod value;

pub use kept::SHOWN_PERCENTILES;
pub use value::show_percentile;

use super::super::dialogue::Conversation;
use crate::config::Limits;
use crate::core::Core;
use hyrax_types::limits;
use hyrax_values::{EvictionPolicy, StreamNodes};
use kept::{KEPT, Kept};
use std::sync::atomic::Ordering::Relaxed;
use value::{memory, memory_or_percent, number, one_of};

/// Sets what was read.
pub type Change = Box<dyn FnOnce(&Conversation)>;

/// Reads a value, or says what is wrong with it in Redis' words.
type Read = fn(&[u8]) -> Result<Change, String>;

/// Something that can be asked for by one of its names.
pub enum Setting {
    /// What this server heeds.
    Heeded(&'static Heeded),
    /// What it keeps for whoever asks, by a name of it.
    Kept(&'static str, &'static Kept),
}

/// A setting that this server heeds, or that is always the same.
pub struct Heeded {
    name: &'static str,
    get: fn(&Conversation) -> String,
    set: Set,
}

/// How a setting is set.
enum Set {
    /// To what this reads.
    To(Read),
    /// To what it is already, and to nothing else.
    Same,
    /// Not at all, and not in Redis either.
    Immutable,
}

impl Setting {
    /// All there are, by all their names, in the order of those.
    pub fn all() -> Vec<Setting> {
        let kept = KEPT.iter().flat_map(|kept| kept.names.iter().map(|name| Setting::Kept(name, kept)));
        let mut all: Vec<Setting> = HEEDED.iter().map(Setting::Heeded).chain(kept).collect();
        all.sort_unstable_by_key(Setting::name);
        all
    }

    /// The one called `name`, in any case.
    pub fn named(name: &[u8]) -> Option<Setting> {
        Setting::all().into_iter().find(|setting| name.eq_ignore_ascii_case(setting.name().as_bytes()))
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Setting::Heeded(heeded) => heeded.name,
            Setting::Kept(name, _) => name,
        }
    }

    /// What it is set to.
    pub fn get(&self, conversation: &Conversation) -> String {
        match self {
            Setting::Heeded(heeded) => (heeded.get)(conversation),
            Setting::Kept(_, kept) => {
                let set = conversation.session.core.kept_settings.get(kept.name());
                set.unwrap_or_else(|| kept.default.to_owned())
            }
        }
    }

    /// Reads a new value, or says in Redis' words why it cannot be set.
    pub fn read(&self, value: &[u8], conversation: &Conversation) -> Result<Change, String> {
        match self {
            Setting::Heeded(heeded) => match heeded.set {
                Set::To(read) => read(value),
                Set::Same => {
                    let is = (heeded.get)(conversation);
                    let is_same = value.eq_ignore_ascii_case(is.as_bytes());
                    if is_same { Ok(Box::new(|_| ())) } else { Err(format!("it is always '{is}' here")) }
                }
                Set::Immutable => Err("can't set immutable config".to_owned()),
            },
            Setting::Kept(_, kept) => {
                let (name, value) = (kept.name(), kept.read(value)?);
                Ok(change(move |core| core.kept_settings.set(name, value)))
            }
        }
    }
}

/// A row of what is always the same here.
const fn always(name: &'static str, get: fn(&Conversation) -> String, set: Set) -> Heeded {
    Heeded { name, get, set }
}

/// What is heeded, by name.
static HEEDED: &[Heeded] = &[
    Heeded {
        name: "activedefrag",
        get: |_| "no".to_owned(),
        set: Set::To(|value| match &value.to_ascii_lowercase()[..] {
            b"no" => Ok(Box::new(|_| ())),
            b"yes" => Err(NO_DEFRAGMENTATION.to_owned()),
            _ => Err("argument must be 'yes' or 'no'".to_owned()),
        }),
    },
    always("appendonly", |_| "no".to_owned(), Set::Same),
    always("client-query-buffer-limit", |_| limits::RESP_COMMAND_BYTES_MAX.to_string(), Set::Same),
    always("cluster-enabled", |_| "no".to_owned(), Set::Immutable),
    always("daemonize", |_| "no".to_owned(), Set::Immutable),
    always("databases", |_| "1".to_owned(), Set::Immutable),
    Heeded {
        name: "maxclients",
        get: |conversation| limits(conversation).max_connections.to_string(),
        set: Set::To(|value| {
            let connections = number(value, 1, u32::MAX.into())? as usize;
            Ok(change_limits(move |limits| limits.max_connections = connections))
        }),
    },
    Heeded {
        name: "maxmemory",
        get: |conversation| limits(conversation).maxmemory.to_string(),
        set: Set::To(|value| {
            let bytes = memory(value, 0)?;
            Ok(change_limits(move |limits| limits.maxmemory = bytes))
        }),
    },
    Heeded {
        name: "maxmemory-clients",
        get: |_| "0".to_owned(),
        set: Set::To(|value| match memory_or_percent(value)? {
            0 => Ok(Box::new(|_| ())),
            _ => Err("it is always '0' here".to_owned()),
        }),
    },
    Heeded {
        name: "maxmemory-policy",
        get: |conversation| limits(conversation).maxmemory_policy.to_string(),
        set: Set::To(|value| {
            let policy: EvictionPolicy = String::from_utf8_lossy(value)
                .parse()
                .map_err(|_| one_of(&EvictionPolicy::ALL.map(EvictionPolicy::name)))?;
            Ok(change_limits(move |limits| limits.maxmemory_policy = policy))
        }),
    },
    Heeded {
        name: "maxmemory-samples",
        get: |conversation| limits(conversation).maxmemory_samples.to_string(),
        set: Set::To(|value| {
            let samples = number(value, 1, 64)? as u32;
            Ok(change_limits(move |limits| limits.maxmemory_samples = samples))
        }),
    },
    Heeded {
        name: "notify-keyspace-events",
        get: |conversation| conversation.session.core.hub.keyspace_events().to_string(),
        set: Set::To(|value| {
            let classes = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            let classes = classes.ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
            Ok(change(move |core| core.hub.set_keyspace_events(classes)))
        }),
    },
    Heeded {
        name: "port",
        get: |conversation| conversation.session.peer.local.map_or(0, |address| address.port()).to_string(),
        set: Set::Same,
    },
    Heeded {
        name: "proto-max-bulk-len",
        get: |conversation| limits(conversation).proto_max_bulk_len.to_string(),
        set: Set::To(|value| {
            let bytes = memory(value, 1024 * 1024)?;
            Ok(change_limits(move |limits| limits.proto_max_bulk_len = bytes))
        }),
    },
    always("save", |_| "".to_owned(), Set::Same),
    Heeded {
        name: "slowlog-log-slower-than",
        get: |conversation| conversation.session.core.slow_log.slower_than_us.load(Relaxed).to_string(),
        set: Set::To(|value| {
            let microseconds = number(value, -1, i64::MAX)?;
            Ok(change(move |core| core.slow_log.slower_than_us.store(microseconds, Relaxed)))
        }),
    },
    Heeded {
        name: "slowlog-max-len",
        get: |conversation| conversation.session.core.slow_log.len_max.load(Relaxed).to_string(),
        set: Set::To(|value| {
            let len = number(value, 0, SLOW_LOG_MAX)? as usize;
            Ok(change(move |core| core.slow_log.len_max.store(len, Relaxed)))
        }),
    },
    Heeded {
        name: "stream-node-max-bytes",
        get: |conversation| stream_nodes(conversation).bytes_max.to_string(),
        set: Set::To(|value| {
            let bytes_max = memory(value, 0)? as u64;
            Ok(change_stream_nodes(move |nodes| nodes.bytes_max = bytes_max))
        }),
    },
    Heeded {
        name: "stream-node-max-entries",
        get: |conversation| stream_nodes(conversation).entries_max.to_string(),
        set: Set::To(|value| {
            let entries_max = number(value, 0, i64::MAX)? as u64;
            Ok(change_stream_nodes(move |nodes| nodes.entries_max = entries_max))
        }),
    },
    Heeded {
        name: "tcp-keepalive",
        get: |conversation| (limits(conversation).half_open.as_secs() / 4).max(1).to_string(),
        set: Set::Same,
    },
    always("timeout", |_| "0".to_owned(), Set::Same),
    Heeded {
        name: "tracking-table-max-keys",
        get: |conversation| conversation.session.core.hub.tracking().keys_max().to_string(),
        set: Set::To(|value| {
            let keys = number(value, 0, i64::MAX)? as usize;
            Ok(change(move |core| core.hub.tracking().limit_keys(keys)))
        }),
    },
];

/// The longest slow log. Redis has no bound; each entry may take some kilobytes.
const SLOW_LOG_MAX: i64 = 100_000;

fn limits(conversation: &Conversation) -> std::sync::Arc<Limits> {
    conversation.session.core.limits.load_full()
}

fn change(action: impl FnOnce(&Core) + 'static) -> Change {
    Box::new(move |conversation| action(&conversation.session.core))
}

fn stream_nodes(conversation: &Conversation) -> StreamNodes {
    conversation.session.core.values.stream_nodes()
}

fn change_stream_nodes(action: impl FnOnce(&mut StreamNodes) + 'static) -> Change {
    change(move |core| {
        let mut nodes = core.values.stream_nodes();
        action(&mut nodes);
        core.values.limit_stream_nodes(nodes);
    })
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

/// As a Redis says that was built with another allocator than its own.
const NO_DEFRAGMENTATION: &str = "Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified Jemalloc like the one shipped by default with the Redis source distribution";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_one_name_and_no_two_share_one() {
        assert!(Setting::all().windows(2).all(|pair| pair[0].name() < pair[1].name()));
    }
}
