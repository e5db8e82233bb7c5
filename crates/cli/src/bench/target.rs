//! The servers that are measured: one already running, or one started for the occasion.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use super::generator::open;
use super::requests::{Request, Word};
use super::wire::Protocol;

/// How long a server may take to be ready.
const START_MAX: Duration = Duration::from_secs(10);

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
}

impl FromStr for TargetSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "redis-server" {
            return Ok(TargetSpec::OwnRedis);
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
        Err(format!("`{text}` is none of redis-server, redis://HOST:PORT and hyrax://HOST:PORT"))
    }
}

impl fmt::Display for TargetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetSpec::OwnHyrax => f.write_str("hyrax"),
            TargetSpec::Hyrax { address, .. } => write!(f, "hyrax {address}"),
            TargetSpec::OwnRedis => f.write_str("redis"),
            TargetSpec::Redis { address } => write!(f, "redis {address}"),
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
    _started: Option<Started>,
}

/// A server process of our own.
struct Started {
    child: Child,
    /// Kept open, so that the server does not fail to write to it.
    _stdout: Option<ChildStdout>,
    _directory: TempDir,
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl TargetSpec {
    /// Starts the server, or finds the one that is running.
    pub fn start(&self) -> Result<Target> {
        let begun = Instant::now();
        match self {
            TargetSpec::OwnHyrax => start_hyrax()?.ask_first(begun),
            TargetSpec::OwnRedis => start_redis()?.ask_first(begun),
            TargetSpec::Hyrax { address, pid } => Ok(Target {
                address: resolve(address)?,
                kind: ServerKind::Hyrax,
                pid: *pid,
                answered_after: None,
                _started: None,
            }),
            TargetSpec::Redis { address } => {
                let address = resolve(address)?;
                // Elsewhere the number would name some other process.
                let pid = if address.ip().is_loopback() { redis_pid(address)? } else { None };
                let kind = ServerKind::Redis;
                Ok(Target { address, kind, pid, answered_after: None, _started: None })
            }
        }
    }
}

impl Target {
    /// Asks for a key, and notes when the answer came after `begun`.
    fn ask_first(mut self, begun: Instant) -> Result<Target> {
        let protocol = match self.kind {
            ServerKind::Hyrax => Protocol::Line,
            ServerKind::Redis => Protocol::Resp,
        };
        let get = Request::Command(&[Word::Text("GET"), Word::Key(0)]);
        let request = get.encode(protocol).context("a server that has no get")?.bytes;
        let mut stream = open(self.address)?;
        stream.set_read_timeout(Some(START_MAX))?;
        stream.write_all(&request)?;
        let mut answer = [0];
        stream.read_exact(&mut answer).context("no answer to the first command")?;
        self.answered_after = Some(begun.elapsed());
        Ok(self)
    }
}

fn start_hyrax() -> Result<Target> {
    let executable = std::env::current_exe().context("cannot find this executable")?;
    let directory = TempDir::new().context("cannot make a temporary directory")?;
    let mut command = Command::new(executable);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "error"]);
    // What configures the servers of whoever runs this is not meant for this one.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HYRAX_") {
            command.env_remove(name);
        }
    }
    let mut child =
        command.current_dir(directory.path()).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take();
    let pid = child.id();
    let mut started = Started { child, _stdout: None, _directory: directory };
    let mut lines = BufReader::new(stdout.context("a server without an output")?);
    let mut line = String::new();
    // It ends by the line asked for or, where the server fails, by the end of its output.
    while lines.read_line(&mut line)? > 0 {
        let address = line.trim_end().split_once("listening on ").map(|(_, address)| address.parse());
        if let Some(Ok(address)) = address {
            started._stdout = Some(lines.into_inner());
            return Ok(Target {
                address,
                kind: ServerKind::Hyrax,
                pid: Some(pid),
                answered_after: None,
                _started: Some(started),
            });
        }
        line.clear();
    }
    bail!("`hyrax serve` ended before it was ready")
}

fn start_redis() -> Result<Target> {
    // Another process may take the port in between; then the server ends at once and says so.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let directory = TempDir::new().context("cannot make a temporary directory")?;
    let mut command = Command::new("redis-server");
    command.args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"]);
    command.args(["--save", "", "--appendonly", "no", "--maxclients", "50000", "--loglevel", "warning"]);
    command.arg("--dir").arg(directory.path());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let child = child.map_err(|error| {
        anyhow!("cannot start redis-server: {error}; install it (Debian: redis-server) or name one with redis://HOST:PORT")
    })?;
    let pid = child.id();
    let mut started = Started { child, _stdout: None, _directory: directory };
    let deadline = Instant::now() + START_MAX;
    while TcpStream::connect(address).is_err() {
        if let Some(status) = started.child.try_wait()? {
            bail!("redis-server ended at once: {status}");
        }
        if Instant::now() > deadline {
            bail!("redis-server is not ready after {START_MAX:?}");
        }
        thread::sleep(Duration::from_millis(1));
    }
    let kind = ServerKind::Redis;
    Ok(Target { address, kind, pid: Some(pid), answered_after: None, _started: Some(started) })
}

fn resolve(address: &str) -> Result<SocketAddr> {
    let found = address.to_socket_addrs().with_context(|| format!("cannot resolve {address}"))?.next();
    found.with_context(|| format!("{address} resolves to nothing"))
}

/// The process id that a Redis gives in `INFO server`.
fn redis_pid(address: SocketAddr) -> Result<Option<u32>> {
    let mut stream = open(address)?;
    stream.set_read_timeout(Some(START_MAX))?;
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
        for bad in ["", "redis", "redis://", "redis://host", "http://a:1"] {
            assert!(bad.parse::<TargetSpec>().is_err(), "{bad}");
        }
    }
}
