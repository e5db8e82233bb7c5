//! Servers that are killed and started again, with what they keep on disk.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::hyrax::{Hyrax, binary};
use crate::peers::Etcd;

/// A server that keeps what it acknowledges, and can be hurt. It listens in the same place all its lives.
pub trait Victim: Send + 'static {
    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// Kills it at once (SIGKILL), and starts it again. Returns when it listens.
    fn kill_and_start(&mut self);

    /// Stops it where it is.
    fn pause(&mut self);

    /// Lets it go on.
    fn resume(&mut self);
}

/// A real etcd.
#[derive(Debug)]
pub struct EtcdVictim(Etcd);

impl EtcdVictim {
    /// Starts one.
    pub fn start() -> EtcdVictim {
        EtcdVictim(Etcd::start())
    }
}

impl Victim for EtcdVictim {
    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    fn kill_and_start(&mut self) {
        self.0.start_again();
    }

    fn pause(&mut self) {
        self.0.process().pause();
    }

    fn resume(&mut self) {
        self.0.process().resume();
    }
}

/// A Hyrax with a data directory.
#[derive(Debug)]
pub struct HyraxVictim {
    hyrax: Hyrax,
    address: SocketAddr,
    flags: Vec<String>,
    data: TempDir,
}

impl HyraxVictim {
    /// Starts one, with these flags beside its own.
    pub fn start(flags: &[&str]) -> HyraxVictim {
        let data = tempfile::tempdir().expect("a temporary folder can be made");
        let flags: Vec<String> = flags.iter().map(|flag| flag.to_string()).collect();
        let hyrax = start_on("127.0.0.1:0", &data, &flags);
        HyraxVictim { address: hyrax.address(), hyrax, flags, data }
    }
}

fn start_on(address: &str, data: &TempDir, flags: &[String]) -> Hyrax {
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", address, "--data-dir"]).arg(data.path().join("data")).args(flags);
    Hyrax::start_command(command)
}

impl Victim for HyraxVictim {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn kill_and_start(&mut self) {
        self.hyrax.kill();
        self.hyrax = start_on(&self.address.to_string(), &self.data, &self.flags);
    }

    fn pause(&mut self) {
        self.hyrax.pause();
    }

    fn resume(&mut self) {
        self.hyrax.resume();
    }
}
