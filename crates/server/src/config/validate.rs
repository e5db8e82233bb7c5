//! What must hold of a configuration as a whole before a server starts on it.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ByteSize, Config, ListenAddress, Retention, Span};
use hyrax_types::limits::MAXMEMORY_SAMPLES_MAX;

/// Smallest frame that still holds the commands a client needs to talk at all.
const FRAME_BYTES_MIN: usize = 1024;
/// Largest frame: each connection may make the server hold one, and lengths in frames are 32-bit in
/// places.
const FRAME_BYTES_LIMIT: usize = 1 << 30;
/// Shorter leases and timeouts than this are lost to an ordinary pause of a process.
const TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// One thing that must be put right, and how.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No listener at all.
    #[error("there is nothing to listen on; give --listen HOST:PORT or --listen unix:PATH")]
    NoListener,
    /// Two listeners on one address.
    #[error("{0} is listened on twice; name all its doors in one listener")]
    DuplicateListener(ListenAddress),
    /// A listener that others can reach, where nobody needs a secret.
    #[error(
        "{0} can be reached from other machines, and anybody there could read and change everything. \
         Either listen on 127.0.0.1, or set a secret (--secret) or an operator (--operator NAME:PASSWORD), \
         or say that you mean it (--insecure)"
    )]
    Exposed(ListenAddress),
    /// A Unix socket in a directory that does not exist.
    #[error("the directory of the socket {} does not exist; create it first", .0.display())]
    NoSocketDirectory(PathBuf),
    /// A certificate without its key, or a key without its certificate.
    #[error("TLS needs both a certificate and its key; {missing} is missing")]
    HalfTls {
        /// The flag to add.
        missing: &'static str,
    },
    /// A file that cannot be opened.
    #[error("{setting}: cannot read {}: {error}", .path.display())]
    Unreadable {
        /// The flag that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Two operators of one name.
    #[error("the operator `{0}` is named twice; give each operator one password")]
    DuplicateOperator(String),
    /// An origin that no browser would send.
    #[error("`{0}` is no origin; write SCHEME://HOST or SCHEME://HOST:PORT, without a path")]
    BadOrigin(String),
    /// A node name that is empty, too long or not printable.
    #[error("the node name must be 1 to 255 printable characters without blanks")]
    BadNodeName,
    /// A time where revisions are counted.
    #[error(
        "auto_compaction_retention is {0}, but auto_compaction_mode is revision; give a number of revisions, or \
         count time (--auto-compaction-mode periodic)"
    )]
    BadRetention(Retention),
    /// A setting of the embedded engine where there is another one.
    #[error(
        "{setting} is for the coordination engine embedded:, but {engine} is asked for; leave one of them out"
    )]
    NotEmbedded {
        /// The setting.
        setting: &'static str,
        /// The engine, without a password.
        engine: String,
    },
    /// A limit out of its range.
    #[error("{setting} is {value}, but must be at least {least}")]
    TooSmall {
        /// The setting.
        setting: &'static str,
        /// What it is set to.
        value: String,
        /// What it may be.
        least: String,
    },
    /// A limit out of its range.
    #[error("{setting} is {value}, but must be at most {most}")]
    TooLarge {
        /// The setting.
        setting: &'static str,
        /// What it is set to.
        value: String,
        /// What it may be.
        most: String,
    },
}

/// Everything that is wrong with a configuration, so that it can be put right in one go.
#[derive(Debug)]
pub struct Invalid(pub Vec<Problem>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

impl Config {
    /// Checks what no single setting can show, and that the files are there. Secret values appear in
    /// no message.
    pub fn validate(&self) -> Result<(), Invalid> {
        let mut problems = Vec::new();
        self.check_listeners(&mut problems);
        self.check_tls(&mut problems);
        self.check_names(&mut problems);
        self.check_limits(&mut problems);
        if let Err(kept) = self.auto_compaction_mode.keeping(self.auto_compaction_retention) {
            problems.push(Problem::BadRetention(kept));
        }
        self.check_engine(&mut problems);
        if problems.is_empty() { Ok(()) } else { Err(Invalid(problems)) }
    }

    /// Another engine keeps its state, and forgets its past, by itself.
    fn check_engine(&self, problems: &mut Vec<Problem>) {
        if self.coordination.is_embedded() {
            return;
        }
        for (setting, given) in [
            ("data_dir", self.data_dir.is_some()),
            ("auto_compaction_retention", self.auto_compaction_retention != Retention::default()),
        ] {
            if given {
                problems.push(Problem::NotEmbedded { setting, engine: self.coordination.to_string() });
            }
        }
    }

    fn check_listeners(&self, problems: &mut Vec<Problem>) {
        if self.listen.is_empty() {
            problems.push(Problem::NoListener);
        }
        let mut seen = HashSet::new();
        for listener in &self.listen {
            let address = &listener.address;
            // Port 0 is another port each time.
            let fixed = !matches!(address, ListenAddress::Tcp { port: 0, .. });
            if fixed && !seen.insert(address) {
                problems.push(Problem::DuplicateListener(address.clone()));
            }
            if !address.is_local() && !self.auth_enabled() && !self.insecure {
                problems.push(Problem::Exposed(address.clone()));
            }
            if let ListenAddress::Unix(path) = address {
                let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                if !directory.unwrap_or(Path::new(".")).is_dir() {
                    problems.push(Problem::NoSocketDirectory(path.clone()));
                }
            }
        }
    }

    fn check_tls(&self, problems: &mut Vec<Problem>) {
        let mut readable = |setting, path: &Path| {
            if let Err(error) = File::open(path) {
                problems.push(Problem::Unreadable { setting, path: path.to_owned(), error });
            }
        };
        if let Some(cert) = &self.tls.cert {
            readable("--tls-cert", cert);
        }
        if let Some(key) = &self.tls.key {
            readable("--tls-key", key);
        }
        match (&self.tls.cert, &self.tls.key) {
            (Some(_), None) => problems.push(Problem::HalfTls { missing: "--tls-key" }),
            (None, Some(_)) => problems.push(Problem::HalfTls { missing: "--tls-cert" }),
            _ => {}
        }
    }

    fn check_names(&self, problems: &mut Vec<Problem>) {
        let mut seen = HashSet::new();
        for operator in &self.operators {
            if !seen.insert(&operator.name) {
                problems.push(Problem::DuplicateOperator(operator.name.clone()));
            }
        }
        for origin in &self.allowed_origins {
            let host =
                origin.split_once("://").filter(|(scheme, _)| !scheme.is_empty()).map(|(_, host)| host);
            if !host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '?', '#', '@'])) {
                problems.push(Problem::BadOrigin(origin.clone()));
            }
        }
        if let Some(name) = &self.node_name {
            let printable = name.chars().all(|char| !char.is_whitespace() && !char.is_control());
            if name.is_empty() || name.len() > 255 || !printable {
                problems.push(Problem::BadNodeName);
            }
        }
    }

    fn check_limits(&self, problems: &mut Vec<Problem>) {
        let limits = &self.limits;
        for (setting, value, least) in [
            ("max_frame", limits.max_frame, FRAME_BYTES_MIN),
            // A single push may be as long as a frame, and must fit.
            ("queue_bytes", limits.queue_bytes, FRAME_BYTES_MIN.max(limits.max_frame)),
        ] {
            if value < least {
                let (value, least) = (ByteSize(value).to_string(), ByteSize(least).to_string());
                problems.push(Problem::TooSmall { setting, value, least });
            }
        }
        if limits.max_frame > FRAME_BYTES_LIMIT {
            problems.push(Problem::TooLarge {
                setting: "max_frame",
                value: ByteSize(limits.max_frame).to_string(),
                most: ByteSize(FRAME_BYTES_LIMIT).to_string(),
            });
        }
        if limits.max_connections == 0 {
            let (value, least) = ("0".to_owned(), "1".to_owned());
            problems.push(Problem::TooSmall { setting: "max_connections", value, least });
        }
        let samples = limits.maxmemory_samples;
        if samples == 0 {
            let (value, least) = ("0".to_owned(), "1".to_owned());
            problems.push(Problem::TooSmall { setting: "maxmemory_samples", value, least });
        }
        if samples > MAXMEMORY_SAMPLES_MAX {
            let (value, most) = (samples.to_string(), MAXMEMORY_SAMPLES_MAX.to_string());
            problems.push(Problem::TooLarge { setting: "maxmemory_samples", value, most });
        }
        for (setting, value) in [("half_open", limits.half_open), ("node_lease", limits.node_lease)] {
            if value < TIMEOUT_MIN {
                let (value, least) = (Span(value).to_string(), Span(TIMEOUT_MIN).to_string());
                problems.push(Problem::TooSmall { setting, value, least });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Operator, Secret};

    fn listening(on: &[&str]) -> Config {
        Config { listen: on.iter().map(|text| text.parse().unwrap()).collect(), ..Config::default() }
    }

    /// Checks that the problems are exactly those named by a part of their message.
    fn check(config: &Config, expected: &[&str]) {
        let message = config.validate().err().map_or(String::new(), |invalid| invalid.to_string());
        let lines: Vec<_> = message.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{message}");
        for part in expected {
            assert!(message.contains(part), "`{message}` lacks `{part}`");
        }
    }

    #[test]
    fn the_default_is_valid() {
        check(&Config::default(), &[]);
    }

    #[test]
    fn an_open_server_refuses_to_be_reached_from_elsewhere() {
        let open = listening(&["0.0.0.0:2379", "[::1]:1", "127.0.0.1:2", "localhost:3", "unix:/tmp/h.sock"]);
        check(&open, &["0.0.0.0:2379 can be reached"]);
        for way_out in ["127.0.0.1", "--secret", "--operator", "--insecure"] {
            check(&open, &[way_out]);
        }
        check(&Config { insecure: true, ..open.clone() }, &[]);
        check(&Config { secrets: vec!["s".parse::<Secret>().unwrap()], ..open.clone() }, &[]);
        check(&Config { operators: vec!["a:b".parse().unwrap()], ..open }, &[]);
    }

    #[test]
    fn listeners_are_some_and_distinct() {
        check(&listening(&[]), &["nothing to listen on"]);
        check(
            &listening(&["127.0.0.1:1?doors=line", "127.0.0.1:1?doors=http"]),
            &["127.0.0.1:1 is listened on twice"],
        );
        check(&listening(&["127.0.0.1:0", "127.0.0.1:0"]), &[]);
        check(&listening(&["unix:/nowhere/at/all.sock"]), &["/nowhere/at/all.sock"]);
    }

    #[test]
    fn tls_needs_two_readable_files() {
        let here = tempfile::NamedTempFile::new().unwrap();
        let mut config = Config::default();
        config.tls.cert = Some(here.path().to_owned());
        check(&config, &["--tls-key is missing"]);
        config.tls.key = Some("/nowhere/key.pem".into());
        check(&config, &["--tls-key: cannot read /nowhere/key.pem"]);
        config.tls.key = Some(here.path().to_owned());
        check(&config, &[]);
    }

    #[test]
    fn names_and_origins_are_well_formed() {
        let operator = |text: &str| text.parse::<Operator>().unwrap();
        let mut config = Config { operators: vec![operator("a:1"), operator("a:2")], ..Config::default() };
        check(&config, &["`a` is named twice"]);
        config.operators.pop();
        config.allowed_origins = ["https://a.example", "http://[::1]:80"].map(str::to_owned).to_vec();
        config.node_name = Some("node-1".to_owned());
        check(&config, &[]);
        config.allowed_origins = ["a.example", "https://a.example/", "*"].map(str::to_owned).to_vec();
        config.node_name = Some("node 1".to_owned());
        check(&config, &["`a.example`", "`https://a.example/`", "`*`", "node name"]);
    }

    #[test]
    fn revisions_are_no_time() {
        let mut config = Config { auto_compaction_retention: "1h".parse().unwrap(), ..Config::default() };
        check(&config, &[]);
        config.auto_compaction_mode = crate::config::CompactionMode::Revision;
        check(&config, &["auto_compaction_retention is 1h"]);
    }

    #[test]
    fn what_is_the_embedded_engines_is_refused_beside_another() {
        let mut config =
            Config { coordination: "etcd://root:hunter2@a".parse().unwrap(), ..Config::default() };
        check(&config, &[]);
        config.data_dir = Some("data".into());
        config.auto_compaction_retention = "1h".parse().unwrap();
        let engine = "but etcd://root:<redacted>@a:2379 is asked for";
        check(&config, &["data_dir is for", "auto_compaction_retention is for"]);
        check(&config, &[engine, engine]);
    }

    #[test]
    fn limits_that_leave_nothing_usable_are_refused() {
        let mut config = Config::default();
        config.limits.max_frame = 10;
        config.limits.queue_bytes = 0;
        config.limits.max_connections = 0;
        config.limits.half_open = Duration::ZERO;
        config.limits.maxmemory_samples = 0;
        config.limits.node_lease = Duration::from_millis(10);
        check(
            &config,
            &[
                "max_frame is 10",
                "queue_bytes is 0",
                "max_connections",
                "maxmemory_samples is 0",
                "half_open",
                "node_lease is 10ms",
            ],
        );
        config = Config::default();
        config.limits.max_frame = 8 << 30;
        config.limits.queue_bytes = 8 << 30;
        config.limits.maxmemory_samples = 65;
        check(&config, &["at most 1GiB", "maxmemory_samples is 65, but must be at most 64"]);
        config.limits.maxmemory_samples = 64;
        config.limits.max_frame = 1 << 20;
        config.limits.queue_bytes = 1 << 10;
        check(&config, &["queue_bytes is 1KiB, but must be at least 1MiB"]);
    }
}
