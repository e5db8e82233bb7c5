//! A real `etcd`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::ports::on_free_ports;
use super::process::Process;

/// An `etcd` of this test's own, a cluster of one with the v2 keys enabled, on loopback ports.
#[derive(Debug)]
pub struct Etcd {
    process: Process,
    client_port: u16,
    peer_port: u16,
    flags: Vec<String>,
    folder: TempDir,
}

impl Etcd {
    /// Starts one and waits until it says that it is healthy.
    pub fn start() -> Self {
        Etcd::start_with(&[])
    }

    /// The same, with these flags beside its own.
    pub fn start_with(flags: &[&str]) -> Self {
        on_free_ports(|[client_port, peer_port]| {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let flags: Vec<String> = flags.iter().map(|flag| flag.to_string()).collect();
            let process = Etcd::start_in(&folder, client_port, peer_port, &flags)?;
            Ok(Etcd { process, client_port, peer_port, flags, folder })
        })
    }

    /// Kills it, if it still runs, and starts it again on what it kept, where it was.
    pub fn start_again(&mut self) {
        self.process.kill();
        let again = Etcd::start_in(&self.folder, self.client_port, self.peer_port, &self.flags);
        self.process = again.unwrap_or_else(|said| panic!("etcd does not start again: {said}"));
    }

    fn start_in(
        folder: &TempDir,
        client_port: u16,
        peer_port: u16,
        flags: &[String],
    ) -> Result<Process, String> {
        let client = format!("http://127.0.0.1:{client_port}");
        let peer = format!("http://127.0.0.1:{peer_port}");
        let mut command = Command::new("etcd");
        command.args(["--name", "peer", "--enable-v2=true", "--logger", "zap", "--data-dir"]);
        command.arg(folder.path().join("data"));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("peer={peer}")]).args(flags);
        let mut process = Process::start(command, &folder.path().join("log"));
        let address = SocketAddr::from(([127, 0, 0, 1], client_port));
        process.wait_until(|| is_healthy(address).unwrap_or(false))?;
        Ok(process)
    }

    /// Where its clients connect.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.client_port))
    }

    /// The same as a URL, as `etcdctl --endpoints` takes it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The process, to be stopped or measured.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

pub(super) fn is_healthy(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET /health HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.contains("\"health\":\"true\""))
}
