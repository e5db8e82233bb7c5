//! Servers started for the occasion, each on free ports of this machine, with what it keeps in a temporary directory.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::target::ServerKind;

/// How long a server may take to be ready, with what it reads from its disk.
const START_MAX: Duration = Duration::from_secs(60);
/// How long a server may take to end.
const STOP_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether it is so far.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Bytes that an etcd may hold: as many as it recommends at most.
const ETCD_QUOTA: &str = "8589934592";

/// A server process of our own, which ends with this value.
pub struct Started {
    child: Child,
    /// Kept open, so that the server does not fail to write to it.
    stdout: Option<ChildStdout>,
    /// Taken out when another process goes on with what is in it.
    directory: Option<TempDir>,
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Started {
    /// Starts one, and waits until it takes connections.
    pub fn launch(kind: ServerKind, is_durable: bool, directory: TempDir) -> Result<(Started, SocketAddr)> {
        // Another process may take a port in between; then the server ends at once, and that is said.
        let held = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        let [address, other] = [held[0].local_addr()?, held[1].local_addr()?];
        drop(held);
        let (program, package, mut command) = match kind {
            ServerKind::Hyrax => ("hyrax", "hyrax", hyrax(is_durable, directory.path())?),
            ServerKind::Redis => ("redis-server", "redis-server", redis(address, directory.path())),
            ServerKind::Etcd => ("etcd", "etcd-server", etcd(address, other, directory.path())),
        };
        let stdout = if kind == ServerKind::Hyrax { Stdio::piped() } else { Stdio::null() };
        let child = command.stdin(Stdio::null()).stdout(stdout).spawn();
        let child = child.with_context(|| {
            format!("cannot start {program}; install it (Debian: {package}) or name one that is running")
        })?;
        let mut started = Started { child, stdout: None, directory: Some(directory) };
        let address = match kind {
            ServerKind::Hyrax => started.address_told()?,
            ServerKind::Redis | ServerKind::Etcd => {
                started.wait_for(program, address)?;
                address
            }
        };
        Ok((started, address))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and answers what it kept.
    pub fn stop(mut self) -> Result<TempDir> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let deadline = Instant::now() + STOP_MAX;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("a server did not end within {STOP_MAX:?}");
            }
            thread::sleep(LOOK_EVERY);
        }
        self.directory.take().context("a server without a directory")
    }

    /// Where a Hyrax says that it listens.
    fn address_told(&mut self) -> Result<SocketAddr> {
        let mut lines = BufReader::new(self.child.stdout.take().context("a server without an output")?);
        let mut line = String::new();
        // It ends by the line asked for or, where the server fails, by the end of its output.
        while lines.read_line(&mut line)? > 0 {
            let address = line.trim_end().split_once("listening on ").map(|(_, address)| address.parse());
            if let Some(Ok(address)) = address {
                self.stdout = Some(lines.into_inner());
                return Ok(address);
            }
            line.clear();
        }
        bail!("`hyrax serve` ended before it was ready")
    }

    fn wait_for(&mut self, program: &str, address: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + START_MAX;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{program} ended at once: {status}");
            }
            if Instant::now() > deadline {
                bail!("{program} is not ready after {START_MAX:?}");
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

fn hyrax(is_durable: bool, directory: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this executable")?);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "error"]);
    if is_durable {
        command.arg("--data-dir").arg(directory.join("data"));
    }
    // What configures the servers of whoever runs this is not meant for this one.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HYRAX_") {
            command.env_remove(name);
        }
    }
    command.current_dir(directory);
    Ok(command)
}

fn redis(address: SocketAddr, directory: &Path) -> Command {
    let mut command = Command::new("redis-server");
    command.args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"]);
    command.args(["--save", "", "--appendonly", "no", "--maxclients", "50000", "--loglevel", "warning"]);
    command.arg("--dir").arg(directory);
    command
}

fn etcd(client: SocketAddr, peer: SocketAddr, directory: &Path) -> Command {
    let (client, peer) = (format!("http://{client}"), format!("http://{peer}"));
    let mut command = Command::new("etcd");
    command.args(["--name", "bench", "--enable-v2=true", "--logger", "zap", "--log-level", "fatal"]);
    command.args(["--quota-backend-bytes", ETCD_QUOTA, "--data-dir"]).arg(directory.join("data"));
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.args(["--initial-cluster", &format!("bench={peer}")]);
    // It says even at this level what it was started with.
    command.stderr(Stdio::null());
    command
}
