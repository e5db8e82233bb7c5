//! The servers that are measured: one already running, or one started for the occasion.

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::etcd::first_question;
use super::generator::{open, subscribe};
use super::launch::Started;
use super::requests::{Request, Word};
use super::wire::Protocol;

/// How long a server may take to tell who it is.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A server to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetSpec {
    /// This executable, started as `hyrax serve` on a free port.
    OwnHyrax,
    /// A Hyrax already running, and its process where it is known.
    Hyrax {
        /// `HOST:PORT`.
        address: String,
        /// Its process id.
        pid: Option<u32>,
    },
    /// `redis-server`, started on a free port without persistence.
    OwnRedis,
    /// A Redis already running.
    Redis {
        /// `HOST:PORT`.
        address: String,
    },
    /// `etcd`, started on free ports.
    OwnEtcd,
    /// An etcd already running.
    Etcd {
        /// `HOST:PORT`.
        address: String,
    },
}

impl FromStr for TargetSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "redis-server" {
            return Ok(TargetSpec::OwnRedis);
        }
        if text == "etcd" {
            return Ok(TargetSpec::OwnEtcd);
        }
        let address =
            |scheme| text.strip_prefix(scheme).map(|rest: &str| rest.trim_end_matches('/').to_owned());
        let valid =
            |address: &String| address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if let Some(address) = address("redis://").filter(valid) {
            return Ok(TargetSpec::Redis { address });
        }
        if let Some(address) = address("hyrax://").filter(valid) {
            return Ok(TargetSpec::Hyrax { address, pid: None });
        }
        if let Some(address) = address("etcd://").filter(valid) {
            return Ok(TargetSpec::Etcd { address });
        }
        Err(format!(
            "`{text}` is none of redis-server, redis://HOST:PORT, etcd, etcd://HOST:PORT and hyrax://HOST:PORT"
        ))
    }
}

impl fmt::Display for TargetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetSpec::OwnHyrax => f.write_str("hyrax"),
            TargetSpec::Hyrax { address, .. } => write!(f, "hyrax {address}"),
            TargetSpec::OwnRedis => f.write_str("redis"),
            TargetSpec::Redis { address } => write!(f, "redis {address}"),
            TargetSpec::OwnEtcd => f.write_str("etcd"),
            TargetSpec::Etcd { address } => write!(f, "etcd {address}"),
        }
    }
}

/// What a server is, as far as that says how to speak to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// It has several doors.
    Hyrax,
    /// It has one.
    Redis,
    /// It has one.
    Etcd,
}

/// A server that is ready to be measured. One that was started for it ends with this value.
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it is.
    pub kind: ServerKind,
    /// Its process, where it is known to be on this machine.
    pub pid: Option<u32>,
    /// How long after its process was started it answered its first command.
    pub answered_after: Option<Duration>,
    /// Whether it keeps what it acknowledges, and is measured over etcd's API.
    is_durable: bool,
    started: Option<Started>,
}

impl TargetSpec {
    /// Starts the server, or finds the one that is running. One that is started is durable if that is asked for; an
    /// etcd always is.
    pub fn start(&self, durable: bool) -> Result<Target> {
        let running = |address: &str, kind, pid| -> Result<Target> {
            let address = resolve(address)?;
            Ok(Target { address, kind, pid, answered_after: None, is_durable: durable, started: None })
        };
        match self {
            TargetSpec::OwnHyrax => launch(ServerKind::Hyrax, durable, temporary_directory()?),
            TargetSpec::OwnRedis => launch(ServerKind::Redis, durable, temporary_directory()?),
            TargetSpec::OwnEtcd => launch(ServerKind::Etcd, durable, temporary_directory()?),
            TargetSpec::Hyrax { address, pid } => running(address, ServerKind::Hyrax, *pid),
            TargetSpec::Redis { address } => {
                let found = resolve(address)?;
                // Elsewhere the number would name some other process.
                let pid = if found.ip().is_loopback() { redis_pid(found)? } else { None };
                running(address, ServerKind::Redis, pid)
            }
            TargetSpec::Etcd { address } => running(address, ServerKind::Etcd, None),
        }
    }
}

/// Starts a server of this kind on what is in `directory`, and waits for its first answer.
fn launch(kind: ServerKind, is_durable: bool, directory: TempDir) -> Result<Target> {
    let begun = Instant::now();
    let (started, address) = Started::launch(kind, is_durable, directory)?;
    let pid = Some(started.id());
    let target = Target { address, kind, pid, answered_after: None, is_durable, started: Some(started) };
    target.ask_first()?;
    Ok(Target { answered_after: Some(begun.elapsed()), ..target })
}

impl Target {
    /// Ends the server, and starts it again with what it kept. `None` where it was not started for this.
    pub fn restart(self) -> Result<Option<Target>> {
        let Some(started) = self.started else { return Ok(None) };
        launch(self.kind, self.is_durable, started.stop()?).map(Some)
    }

    /// Asks for a key, and waits for the answer.
    fn ask_first(&self) -> Result<()> {
        let get = Request::Command(&[Word::Text("GET"), Word::Key(0)]);
        let (protocol, question) = match self.kind {
            ServerKind::Hyrax if !self.is_durable => (Protocol::Line, get.encode(Protocol::Line)),
            ServerKind::Redis => (Protocol::Resp, get.encode(Protocol::Resp)),
            ServerKind::Hyrax | ServerKind::Etcd => first_question(),
        };
        let question = question.context("a server that has no get")?;
        subscribe(self.address, protocol, &question.bytes).context("no answer to the first command")?;
        Ok(())
    }
}

fn temporary_directory() -> Result<TempDir> {
    TempDir::new().context("cannot make a temporary directory")
}

fn resolve(address: &str) -> Result<SocketAddr> {
    let found = address.to_socket_addrs().with_context(|| format!("cannot resolve {address}"))?.next();
    found.with_context(|| format!("{address} resolves to nothing"))
}

/// The process id that a Redis gives in `INFO server`.
fn redis_pid(address: SocketAddr) -> Result<Option<u32>> {
    let mut stream = open(address)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.write_all(b"INFO server\r\nQUIT\r\n")?;
    let mut info = String::new();
    // Bounded, as it may be no Redis at all.
    stream.take(1 << 20).read_to_string(&mut info).context("no answer to INFO")?;
    Ok(info.lines().find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_written() {
        let redis = TargetSpec::Redis { address: "127.0.0.1:6379".to_owned() };
        assert_eq!("redis://127.0.0.1:6379/".parse(), Ok(redis));
        assert_eq!("redis-server".parse(), Ok(TargetSpec::OwnRedis));
        assert!(matches!("hyrax://localhost:1".parse(), Ok(TargetSpec::Hyrax { .. })));
        let etcd = TargetSpec::Etcd { address: "localhost:2379".to_owned() };
        assert_eq!("etcd://localhost:2379".parse(), Ok(etcd));
        assert_eq!("etcd".parse(), Ok(TargetSpec::OwnEtcd));
        for bad in ["", "etcd://", "redis", "redis://", "redis://host", "http://a:1"] {
            assert!(bad.parse::<TargetSpec>().is_err(), "{bad}");
        }
    }
}
