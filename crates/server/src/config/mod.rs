//! What configures a server, and where it comes from.
//!
//! Defaults, a TOML file, `HYRAX_*` variables and command-line flags are read in this order, each
//! overriding the one before; a list replaces the list before it. [`Settings`] is what one source
//! says, [`Config`] is what comes out. Nothing here opens a socket or starts anything.

mod amount;
mod cidr;
mod engine;
mod environment;
mod listener;
mod log;
mod retention;
mod secret;
mod settings;
mod sources;
mod validate;

use std::path::PathBuf;
use std::time::Duration;

use crate::hub::EventClasses;
use hyrax_coordination::AutoCompaction;
use hyrax_types::limits;
use hyrax_values::{EvictionPolicy, MemoryLimit};
use serde::Serialize;

pub use amount::{BadSize, BadSpan, ByteSize, Span};
pub use cidr::{BadCidr, Cidr};
pub use engine::{BadCoordinationEngine, BadValuesEngine, CoordinationEngine, ValuesEngine};
pub use environment::{meant_variable, variables};
pub use listener::{BadListener, Door, DoorSet, ListenAddress, Listener};
pub use log::{BadLog, LogFormat, LogLevel};
pub use retention::{BadCompactionMode, BadRetention, CompactionMode, Retention};
pub use secret::{BadOperator, BadSecret, Operator, Secret};
pub use settings::{LimitSettings, LogSettings, Settings, TlsSettings};
pub use sources::{LoadError, Sources};
pub use validate::{Invalid, Problem};

/// Everything that configures a server.
///
/// Serialized (as `serve --print-config` does) it is the TOML that would bring it about, secrets
/// redacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Where to listen, and what to speak there. Default: every door on `127.0.0.1:2379`.
    pub listen: Vec<Listener>,
    /// The global secrets that clients sign with. Default: none, which with no operator either
    /// leaves every door open.
    pub secrets: Vec<Secret>,
    /// Who may do everything. Default: nobody.
    pub operators: Vec<Operator>,
    /// From where administration is allowed without a password. Unix sockets always count. Default:
    /// loopback, as who is on the machine can read its configuration anyway.
    pub sudo: Vec<Cidr>,
    /// Lets the server listen beyond this machine although nobody needs a secret. Default: false.
    pub insecure: bool,
    /// Whether reading and monitoring need no secret where writing does. Default: true.
    pub anonymous_read: bool,
    /// Whether secrets that never expire (SHA-512, HMAC-SHA1) are accepted beside `v2:`. Default:
    /// true, so that clients of old work.
    pub allow_legacy_secrets: bool,
    /// Origins beside loopback's whose pages may talk to the server while it needs no secrets:
    /// `https://app.example.org`. Default: none, as any page could else reach a developer's server.
    pub allowed_origins: Vec<String>,
    /// This node's name among others. Default: the host's name and a random suffix, new at every
    /// start (see [`Config::node_name_or_new`]), so that no two nodes share one by accident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// The engine of values. Default: embedded, in this process.
    pub values: ValuesEngine,
    /// The engine of coordination. Default: embedded, in this process.
    pub coordination: CoordinationEngine,
    /// The directory in which coordination lasts: locks, leaders, groups, services, stored secrets. Default:
    /// none, they live as long as the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// What counts when coordination's past is forgotten by itself.
    pub auto_compaction_mode: CompactionMode,
    /// How much of it is kept. Default: as much as there is room for.
    pub auto_compaction_retention: Retention,
    /// Which keyspace events are published.
    pub notify_keyspace_events: EventClasses,
    /// The certificate and its key for TLS on the same ports. Default: none, no TLS.
    pub tls: Tls,
    /// How much one client, and all together, may use.
    pub limits: Limits,
    /// What is logged, and how.
    pub log: Log,
}

/// TLS on every TCP listener, told from plain text by its first byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// A PEM file with the certificate chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// A PEM file with its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// How much one client, and all together, may use. The defaults and the reasons for them are
/// [`hyrax_types::limits`]'.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Bytes of one line, frame or body.
    #[serde(serialize_with = "amount::write_bytes")]
    pub max_frame: usize,
    /// Connections at one time, over all doors.
    pub max_connections: usize,
    /// Bytes queued to one client before its pushes fold into resets.
    #[serde(serialize_with = "amount::write_bytes")]
    pub queue_bytes: usize,
    /// Keys and prefixes that one session monitors.
    pub monitors_per_session: usize,
    /// EKG entries that one session holds.
    pub ekgs_per_session: usize,
    /// Bytes of one word of a command over RESP.
    #[serde(serialize_with = "amount::write_bytes")]
    pub proto_max_bulk_len: usize,
    /// Bytes of memory that may be in use before keys are evicted or commands refused; 0 is no limit.
    #[serde(serialize_with = "amount::write_bytes")]
    pub maxmemory: usize,
    /// Which keys are evicted. Default: none, commands that need memory are refused.
    #[serde(serialize_with = "amount::write_name")]
    pub maxmemory_policy: EvictionPolicy,
    /// Keys looked at to find one to evict.
    pub maxmemory_samples: u32,
    /// How long a client that vanished without a word may go unnoticed.
    #[serde(serialize_with = "amount::write_span")]
    pub half_open: Duration,
    /// How long a shutdown waits for clients to be told.
    #[serde(serialize_with = "amount::write_span")]
    pub drain: Duration,
    /// How long the others believe in this node after it died.
    #[serde(serialize_with = "amount::write_span")]
    pub node_lease: Duration,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Log {
    /// The least important message still logged. Default: `info`.
    pub level: LogLevel,
    /// For people or for programs. Default: `text`.
    pub format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: vec![Listener::default()],
            secrets: Vec::new(),
            operators: Vec::new(),
            sudo: Cidr::loopback().to_vec(),
            insecure: false,
            anonymous_read: true,
            allow_legacy_secrets: true,
            allowed_origins: Vec::new(),
            node_name: None,
            values: ValuesEngine::default(),
            coordination: CoordinationEngine::default(),
            data_dir: None,
            auto_compaction_mode: CompactionMode::default(),
            auto_compaction_retention: Retention::default(),
            notify_keyspace_events: EventClasses::default(),
            tls: Tls::default(),
            limits: Limits::default(),
            log: Log::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_frame: limits::FRAME_BYTES_MAX,
            max_connections: limits::CONNECTIONS_MAX,
            queue_bytes: limits::QUEUE_BYTES_MAX,
            monitors_per_session: limits::MONITORS_PER_SESSION_MAX,
            ekgs_per_session: limits::EKGS_PER_SESSION_MAX,
            proto_max_bulk_len: limits::RESP_BULK_BYTES_MAX,
            maxmemory: 0,
            maxmemory_policy: EvictionPolicy::default(),
            maxmemory_samples: MemoryLimit::default().samples,
            half_open: limits::HALF_OPEN_MAX,
            drain: limits::DRAIN_MAX,
            node_lease: limits::NODE_LEASE,
        }
    }
}

impl Limits {
    /// How much memory may be used, as an engine of values is told.
    pub fn memory(&self) -> MemoryLimit {
        MemoryLimit {
            bytes: self.maxmemory as u64,
            policy: self.maxmemory_policy,
            samples: self.maxmemory_samples,
        }
    }
}

/// The part of a configuration that a running server takes over when told to reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloadable {
    /// See [`Config::secrets`].
    pub secrets: Vec<Secret>,
    /// See [`Config::operators`].
    pub operators: Vec<Operator>,
    /// See [`Config::limits`].
    pub limits: Limits,
    /// See [`Log::level`].
    pub log_level: LogLevel,
}

impl Config {
    /// The part that a running server takes over: secrets, operators, limits and the log level.
    pub fn reloadable(&self) -> Reloadable {
        Reloadable {
            secrets: self.secrets.clone(),
            operators: self.operators.clone(),
            limits: self.limits.clone(),
            log_level: self.log.level,
        }
    }

    /// The settings in which `next` differs and that only a restart brings into effect.
    pub fn needing_restart(&self, next: &Config) -> Vec<&'static str> {
        let differing = [
            ("listen", self.listen != next.listen),
            ("sudo", self.sudo != next.sudo),
            ("insecure", self.insecure != next.insecure),
            ("anonymous_read", self.anonymous_read != next.anonymous_read),
            ("allow_legacy_secrets", self.allow_legacy_secrets != next.allow_legacy_secrets),
            ("allowed_origins", self.allowed_origins != next.allowed_origins),
            ("node_name", self.node_name != next.node_name),
            ("values", self.values != next.values),
            ("coordination", self.coordination != next.coordination),
            ("data_dir", self.data_dir != next.data_dir),
            ("auto_compaction_mode", self.auto_compaction_mode != next.auto_compaction_mode),
            ("auto_compaction_retention", self.auto_compaction_retention != next.auto_compaction_retention),
            ("tls", self.tls != next.tls),
            ("log.format", self.log.format != next.log.format),
        ];
        differing.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// How much of coordination's past is kept; `None` where nothing is forgotten by itself.
    pub fn auto_compaction(&self) -> Option<AutoCompaction> {
        // What can not be is refused before a server starts.
        self.auto_compaction_mode.keeping(self.auto_compaction_retention).ok().flatten()
    }

    /// Whether anybody needs a secret: no, while neither a secret nor an operator exists.
    pub fn auth_enabled(&self) -> bool {
        !self.secrets.is_empty() || !self.operators.is_empty()
    }

    /// The configured name of this node, or one made of the host's name and a random suffix. A new
    /// one each time: ask once.
    pub fn node_name_or_new(&self) -> String {
        self.node_name.clone().unwrap_or_else(|| {
            let uname = rustix::system::uname();
            let host = uname.nodename().to_string_lossy();
            // Without randomness the process id still tells apart the nodes of one machine.
            let suffix = getrandom::u32().unwrap_or_else(|_| std::process::id());
            format!("{host}-{suffix:08x}")
        })
    }

    /// The configuration as TOML, secrets redacted.
    pub fn to_toml(&self) -> String {
        // Every field is a string, a number, a boolean, a list or a table: TOML has them all. An
        // error is shown rather than hidden, as a comment.
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back_as_the_same_configuration() {
        let config = Config {
            listen: vec!["unix:/run/h.sock?doors=line".parse().unwrap(), "127.0.0.1:0".parse().unwrap()],
            allowed_origins: vec!["https://example.org".to_owned()],
            node_name: Some("a".to_owned()),
            values: "redis-cluster://a:1,b:2?prefix=p".parse().unwrap(),
            coordination: "etcds://a,b:1?ca=ca.pem&timeout=1s".parse().unwrap(),
            data_dir: Some("data".into()),
            auto_compaction_mode: CompactionMode::Revision,
            auto_compaction_retention: Retention::Number(1000),
            tls: Tls { cert: Some("c.pem".into()), key: Some("k.pem".into()) },
            log: Log { level: LogLevel::Debug, format: LogFormat::Json },
            ..Config::default()
        };
        for config in [config, Config::default()] {
            let settings = Settings::from_toml(&config.to_toml()).unwrap();
            assert_eq!(Config::default().with(settings), config, "{}", config.to_toml());
        }
    }

    #[test]
    fn printed_secrets_are_redacted() {
        let config = Config {
            secrets: vec!["hunter2".parse::<Secret>().unwrap()],
            operators: vec!["admin:hunter2".parse().unwrap()],
            values: "redis://me:hunter2@a".parse().unwrap(),
            coordination: "etcd://root:hunter2@a".parse().unwrap(),
            ..Config::default()
        };
        let shown = format!("{}{config:?}{:?}", config.to_toml(), config.reloadable());
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn node_names_are_distinct_unless_configured() {
        let config = Config::default();
        assert_ne!(config.node_name_or_new(), config.node_name_or_new());
        let named = Config { node_name: Some("n1".to_owned()), ..Config::default() };
        assert_eq!(named.node_name_or_new(), "n1");
    }

    #[test]
    fn a_reload_names_what_it_cannot_change() {
        let running = Config::default();
        let mut next = running.clone();
        next.secrets.push("s".parse::<Secret>().unwrap());
        next.limits.max_frame = 2048;
        next.log.level = LogLevel::Trace;
        assert!(running.needing_restart(&next).is_empty());
        assert_ne!(running.reloadable(), next.reloadable());
        next.listen.clear();
        next.tls.cert = Some("c.pem".into());
        assert_eq!(running.needing_restart(&next), ["listen", "tls"]);
    }
}
