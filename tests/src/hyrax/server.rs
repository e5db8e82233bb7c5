//! A running `hyrax`.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tempfile::TempDir;

use super::line::LineClient;
use super::wire::{Client, Wire};
use crate::peers::Process;
use crate::resp::RespClient;

/// What the ready line says before the address.
const READY_WORDS: &str = "listening on ";

/// How long a drain may take: the server's own limit and some more.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

/// A `hyrax` of this test's own on a free loopback port; killed when dropped.
#[derive(Debug)]
pub struct Hyrax {
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

impl Hyrax {
    /// Starts `hyrax serve` with these flags beside `--listen 127.0.0.1:0`, and waits until it is ready.
    pub fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
        Hyrax::start_command(command)
    }

    /// Starts this very command, which must print the ready line, in an empty folder and without any
    /// `HYRAX_*` variable that the test itself was given.
    pub fn start_command(mut command: Command) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        command.current_dir(folder.path());
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("HYRAX_") {
                command.env_remove(name);
            }
        }
        let log = folder.path().join("log");
        let mut process = Process::start(command, &log);
        let mut address = None;
        let ready = process.wait_until(|| {
            address = ready_address(&std::fs::read_to_string(&log).unwrap_or_default());
            address.is_some()
        });
        if let Err(said) = ready {
            panic!("{said}");
        }
        let address = address.expect("a ready line has been read");
        Hyrax { process, address, folder }
    }

    /// Stops it where it is (SIGSTOP), until it is resumed.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection to the line door.
    pub fn line(&self) -> LineClient {
        LineClient::connect(self.address)
    }

    /// A new connection to the line door over this wire.
    pub fn client(&self, wire: Wire) -> Client {
        Client::connect(wire, self.address)
    }

    /// A new connection to the RESP door, in RESP2.
    pub fn resp(&self) -> RespClient {
        RespClient::connect(self.address)
    }

    /// The empty folder that it was started in.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Everything that it has printed.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// Stops it with SIGTERM and waits until it has drained.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.stop(STOPS_WITHIN)
    }

    /// Kills it with SIGKILL: no goodbye to anybody.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

/// The `hyrax` built beside the running test: `target/<profile>/hyrax` for `target/<profile>/deps/<test>`.
pub fn binary() -> PathBuf {
    let test = env::current_exe().expect("a running test has a file");
    let profile = test.ancestors().nth(2).expect("a test lies two folders below its profile's");
    let binary = profile.join(format!("hyrax{}", env::consts::EXE_SUFFIX));
    assert!(
        binary.is_file(),
        "{} is not there; build it with `cargo build --package hyrax`",
        binary.display()
    );
    binary
}

fn ready_address(said: &str) -> Option<SocketAddr> {
    // A line still being written could end within the port.
    let whole_lines = said.rsplit_once('\n')?.0;
    let (_, after) = whole_lines.split_once(READY_WORDS)?;
    let is_outside = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | ')');
    after.split(is_outside).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_the_address() {
        let address: SocketAddr = "127.0.0.1:4711".parse().unwrap();
        assert_eq!(ready_address("hyrax 0.1.0 listening on 127.0.0.1:4711\n"), Some(address));
        assert_eq!(ready_address("warning\nlistening on 127.0.0.1:4711 (all doors)\nmore"), Some(address));
        assert_eq!(ready_address("hyrax 0.1.0 listening on 127.0.0.1:47"), None, "the line is not whole yet");
        assert_eq!(ready_address("hyrax 0.1.0\n"), None);
    }

    #[test]
    fn a_server_is_stopped_by_sigterm_and_by_sigkill() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Hyrax::start_command(command)
        };
        let ready = "echo listening on 127.0.0.1:4711;";
        let mut polite = shell(&format!("trap 'exit 3' TERM; {ready} while :; do sleep 0.01; done"));
        assert_eq!(polite.address().port(), 4711);
        assert_eq!(polite.stop().code(), Some(3));
        let mut stubborn = shell(&format!("trap '' TERM; {ready} while :; do sleep 0.01; done"));
        stubborn.kill();
        assert_eq!(stubborn.process.ended().map(|status| status.code()), Some(None), "ended by the signal");
    }

    #[test]
    #[should_panic(expected = "no such flag")]
    fn a_server_that_ends_at_once_is_told_with_its_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such flag >&2; exit 2"]);
        Hyrax::start_command(command);
    }
}
