//! What one source of configuration says: every setting optional.
//!
//! One definition serves the TOML file (the names of its fields), the command line (its flags and
//! their help) and, by way of [`super::environment`], the `HYRAX_*` variables.

use std::path::PathBuf;

use clap::Args;
use hyrax_values::EvictionPolicy;
use serde::{Deserialize, Deserializer};

use super::secret::read_list;
use super::{
    ByteSize, Cidr, CompactionMode, Config, CoordinationEngine, Listener, LogFormat, LogLevel, Operator,
    Retention, Secret, Span, ValuesEngine,
};
use crate::hub::EventClasses;

/// What one source says. A setting that it does not name keeps its value from the sources before.
#[derive(Clone, Debug, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where to listen: HOST:PORT or unix:PATH, optionally with
    /// ?doors=line,http,resp,grpc,discovery.
    /// Repeatable. Port 0 takes a free one [default: 127.0.0.1:2379]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<Vec<Listener>>,
    /// A secret that clients sign with. Repeatable. Other users of the machine can see flags: prefer
    /// the file or the environment
    #[serde(deserialize_with = "read_list")]
    #[arg(long = "secret", value_name = "SECRET")]
    pub secrets: Option<Vec<Secret>>,
    /// Somebody who may do everything. Repeatable
    #[serde(deserialize_with = "read_list")]
    #[arg(long = "operator", value_name = "NAME:PASSWORD")]
    pub operators: Option<Vec<Operator>>,
    /// Addresses from which administration needs no password. Repeatable [default: loopback]
    #[arg(long, value_name = "CIDR")]
    pub sudo: Option<Vec<Cidr>>,
    /// Listen beyond this machine although nobody needs a secret
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub insecure: Option<bool>,
    /// Whether reading and monitoring stay open when writing needs a secret [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub anonymous_read: Option<bool>,
    /// Whether secrets without an expiry are accepted beside `v2:` [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_legacy_secrets: Option<bool>,
    /// An origin whose pages may talk to the server while it needs no secrets. Repeatable [default:
    /// loopback's alone]
    #[arg(long = "allowed-origin", value_name = "ORIGIN")]
    pub allowed_origins: Option<Vec<String>>,
    /// This node's name among others [default: the host's name and a random suffix]
    #[arg(long, value_name = "NAME")]
    pub node_name: Option<String>,
    /// Where values are kept: embedded:, redis://HOST:PORT (rediss:// over TLS, unix:PATH), or
    /// redis-cluster://HOST:PORT,HOST:PORT…, to share them with other nodes; NAME:PASSWORD@ before the hosts logs in,
    /// with ?prefix=TEXT behind them others may keep keys there too [default: embedded:]
    #[arg(long, value_name = "URL")]
    pub values: Option<ValuesEngine>,
    /// The engine of coordination: embedded:, or etcd://HOST:PORT,HOST:PORT… or redis://HOST:PORT, to share it with
    /// other nodes; NAME:PASSWORD@ before the hosts logs in [default: embedded:]
    #[arg(long, value_name = "URL")]
    pub coordination: Option<CoordinationEngine>,
    /// Where coordination (locks, leaders, groups, services, stored secrets) is kept, so that it outlives the
    /// process [default: nowhere]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What counts when coordination's past is forgotten: periodic (time) or revision [default: periodic]
    #[arg(long, value_name = "MODE")]
    pub auto_compaction_mode: Option<CompactionMode>,
    /// How much of that past is kept: a time or a number of hours, or a number of revisions; 0 is as much as
    /// there is room for [default: 0]
    #[arg(long, value_name = "AMOUNT")]
    pub auto_compaction_retention: Option<Retention>,
    /// Keyspace events to publish, by Redis' letters, as KEA for all of keys and events [default: none]
    #[arg(long, value_name = "CLASSES")]
    pub notify_keyspace_events: Option<EventClasses>,
    /// TLS.
    #[command(flatten)]
    pub tls: TlsSettings,
    /// Limits.
    #[command(flatten)]
    pub limits: LimitSettings,
    /// Logging.
    #[command(flatten)]
    pub log: LogSettings,
}

/// The table `[tls]`.
#[derive(Clone, Debug, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// Certificate chain (PEM) for TLS on the same ports
    #[arg(long = "tls-cert", value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long = "tls-key", value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// The table `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[command(next_help_heading = "Limits")]
pub struct LimitSettings {
    /// Longest line, frame or body [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    pub max_frame: Option<ByteSize>,
    /// Connections at one time, over all doors [default: 100000]
    #[arg(long, value_name = "N")]
    pub max_connections: Option<usize>,
    /// What may be queued to one client before its pushes fold into resets [default: 4MiB]
    #[arg(long, value_name = "SIZE")]
    pub queue_bytes: Option<ByteSize>,
    /// Keys and prefixes that one session may monitor [default: 10000]
    #[arg(long, value_name = "N")]
    pub monitors_per_session: Option<usize>,
    /// EKG entries that one session may hold [default: 1000]
    #[arg(long, value_name = "N")]
    pub ekgs_per_session: Option<usize>,
    /// Longest word of a command over RESP [default: 512MiB]
    #[arg(long, value_name = "SIZE")]
    pub proto_max_bulk_len: Option<ByteSize>,
    /// Memory that may be in use before keys are evicted or commands refused; 0 is no limit [default: 0]
    #[arg(long, value_name = "SIZE")]
    pub maxmemory: Option<ByteSize>,
    /// What happens beyond: noeviction, allkeys-lru, allkeys-random, volatile-lru, volatile-random or
    /// volatile-ttl [default: noeviction]
    #[serde(deserialize_with = "read_policy")]
    #[arg(long, value_name = "POLICY")]
    pub maxmemory_policy: Option<EvictionPolicy>,
    /// Keys looked at to find one to evict, 1 to 64 [default: 5]
    #[arg(long, value_name = "N")]
    pub maxmemory_samples: Option<u32>,
    /// How long a client that vanished without a word may go unnoticed [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub half_open: Option<Span>,
    /// How long a shutdown waits for clients to be told [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub drain: Option<Span>,
    /// How long other nodes believe in this one after it died [default: 5s]
    #[arg(long, value_name = "TIME")]
    pub node_lease: Option<Span>,
}

/// The table `[log]`.
#[derive(Clone, Debug, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[command(next_help_heading = "Logging")]
pub struct LogSettings {
    /// Least important message logged: off, error, warn, info, debug or trace [default: info]
    #[arg(long = "log-level", value_name = "LEVEL")]
    pub level: Option<LogLevel>,
    /// Form of the log: text or json [default: text]
    #[arg(long = "log-format", value_name = "FORMAT")]
    pub format: Option<LogFormat>,
}

impl Settings {
    /// Reads TOML. The error shows the line at fault, but never a secret's.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// Reads the name of an eviction policy.
fn read_policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EvictionPolicy>, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map(Some).map_err(serde::de::Error::custom)
}

/// Overwrites a value where a source names it.
fn set<T>(value: &mut T, named: Option<T>) {
    if let Some(named) = named {
        *value = named;
    }
}

impl Config {
    /// This configuration with `settings` laid over it.
    #[must_use]
    pub fn with(mut self, settings: Settings) -> Self {
        // Taken apart in full, so that a setting forgotten here does not compile.
        let Settings {
            listen,
            secrets,
            operators,
            sudo,
            insecure,
            anonymous_read,
            allow_legacy_secrets,
            allowed_origins,
            node_name,
            values,
            coordination,
            data_dir,
            auto_compaction_mode,
            auto_compaction_retention,
            notify_keyspace_events,
            tls: TlsSettings { cert, key },
            limits,
            log: LogSettings { level, format },
        } = settings;
        set(&mut self.listen, listen);
        set(&mut self.secrets, secrets);
        set(&mut self.operators, operators);
        set(&mut self.sudo, sudo);
        set(&mut self.insecure, insecure);
        set(&mut self.anonymous_read, anonymous_read);
        set(&mut self.allow_legacy_secrets, allow_legacy_secrets);
        set(&mut self.allowed_origins, allowed_origins);
        set(&mut self.node_name, node_name.map(Some));
        set(&mut self.values, values);
        set(&mut self.coordination, coordination);
        set(&mut self.data_dir, data_dir.map(Some));
        set(&mut self.auto_compaction_mode, auto_compaction_mode);
        set(&mut self.auto_compaction_retention, auto_compaction_retention);
        set(&mut self.notify_keyspace_events, notify_keyspace_events);
        set(&mut self.tls.cert, cert.map(Some));
        set(&mut self.tls.key, key.map(Some));
        set(&mut self.log.level, level);
        set(&mut self.log.format, format);
        self.with_limits(limits)
    }

    fn with_limits(mut self, settings: LimitSettings) -> Self {
        let LimitSettings {
            max_frame,
            max_connections,
            queue_bytes,
            monitors_per_session,
            ekgs_per_session,
            proto_max_bulk_len,
            maxmemory,
            maxmemory_policy,
            maxmemory_samples,
            half_open,
            drain,
            node_lease,
        } = settings;
        let limits = &mut self.limits;
        set(&mut limits.max_frame, max_frame.map(|size| size.0));
        set(&mut limits.max_connections, max_connections);
        set(&mut limits.queue_bytes, queue_bytes.map(|size| size.0));
        set(&mut limits.monitors_per_session, monitors_per_session);
        set(&mut limits.ekgs_per_session, ekgs_per_session);
        set(&mut limits.proto_max_bulk_len, proto_max_bulk_len.map(|size| size.0));
        set(&mut limits.maxmemory, maxmemory.map(|size| size.0));
        set(&mut limits.maxmemory_policy, maxmemory_policy);
        set(&mut limits.maxmemory_samples, maxmemory_samples);
        set(&mut limits.half_open, half_open.map(|span| span.0));
        set(&mut limits.drain, drain.map(|span| span.0));
        set(&mut limits.node_lease, node_lease.map(|span| span.0));
        self
    }
}
