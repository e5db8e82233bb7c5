//! The two programs, and how they are run.

use std::net::SocketAddr;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use hyrax_tests::hyrax::binary;
use hyrax_tests::peers::Etcd;
use hyrax_tests::programs::run;

/// How long what must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program, and the server that it talks to.
pub struct Program {
    pub etcd: Etcd,
    is_hyrax: bool,
}

/// What it said, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

impl Program {
    /// etcdctl and hyrax, each with an empty etcd.
    pub fn both() -> [Program; 2] {
        [false, true].map(|is_hyrax| Program { etcd: Etcd::start(), is_hyrax })
    }

    pub fn command(&self, line: &[&str]) -> Command {
        self.command_at(&self.etcd.endpoint(), line)
    }

    /// The same, asking another server.
    pub fn command_at(&self, endpoint: &str, line: &[&str]) -> Command {
        let mut command = match self.is_hyrax {
            true => hyrax(&["etcd2"]),
            false => Command::new("etcdctl"),
        };
        command.env("ETCDCTL_API", "2").args(["--endpoints", endpoint]).args(line);
        command
    }

    pub fn run(&self, line: &[&str], input: &str) -> Ended {
        Ended::of(&run(&mut self.command(line), input))
    }
}

impl Ended {
    pub fn of(output: &Output) -> Ended {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended { code: output.status.code(), output: text(&output.stdout), errors: text(&output.stderr) }
    }
}

/// `hyrax` with these words, and none of the variables that the test itself was given.
pub fn hyrax(words: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("HYRAX_") || name_text.starts_with("ETCDCTL_") {
            command.env_remove(name);
        }
    }
    command.args(words);
    command
}

/// A program that runs until it is stopped.
pub struct Running(pub Child);

impl Running {
    /// Presses Ctrl-C, and answers how it ended.
    pub fn interrupt(mut self) -> Option<i32> {
        let process = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(process, rustix::process::Signal::INT).expect("it runs");
        self.0.wait().expect("a child can be waited for").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until it holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How many wait for an event at this server.
pub fn watchers(address: SocketAddr) -> u64 {
    let answer = hyrax_tests::http::get(address, "/v2/stats/store", &[]);
    answer.json()["watchers"].as_u64().expect("there is a count")
}
