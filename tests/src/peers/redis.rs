//! A real `redis-server`.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use super::ports::on_free_ports;
use super::process::Process;
use crate::resp::{Resp, RespClient, words};

/// A `redis-server` of this test's own: empty, in memory, with one database, on a loopback port.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    port: u16,
    _folder: TempDir,
}

impl Redis {
    /// Starts one and waits until it answers `PING`.
    pub fn start() -> Self {
        Redis::start_with(&[])
    }

    /// As [`Redis::start`], with more arguments; one that is given twice is as the last says.
    pub fn start_with(arguments: &[&str]) -> Self {
        on_free_ports(|[port]| Redis::start_on(port, arguments))
    }

    pub(super) fn start_on(port: u16, arguments: &[&str]) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--databases", "1"]);
        command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(folder.path());
        command.args(arguments);
        let mut process = Process::start(command, &folder.path().join("log"));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        // Another server may have had the port already: the one that answers must be this one.
        let ours = format!("process_id:{}\r\n", process.id());
        process.wait_until(|| {
            let Ok(mut client) = RespClient::try_connect(address) else { return false };
            let pinged = client.try_run(&words("PING"));
            let told = client.try_run(&words("INFO server"));
            pinged.is_ok_and(|reply| reply == Resp::simple("PONG"))
                && told
                    .is_ok_and(|reply| matches!(&reply, Resp::Bulk(text) if contains(text, ours.as_bytes())))
        })?;
        Ok(Redis { process, port, _folder: folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// A new connection, in RESP2.
    pub fn client(&self) -> RespClient {
        RespClient::connect(self.address())
    }

    /// The process, to be stopped or measured.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
