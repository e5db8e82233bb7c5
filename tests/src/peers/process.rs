//! A child process that is never left behind, with what it said kept in a file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to answer for the first time, on a machine busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How often a waiting test looks again.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A running program: killed by its process id and waited for when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with all that it says going to the file `log`.
    pub fn start(mut command: Command, log: &Path) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let file =
            File::create(log).unwrap_or_else(|error| panic!("cannot write {}: {error}", log.display()));
        let same_file = file.try_clone().expect("an open file can be shared");
        command.stdin(Stdio::null()).stdout(file).stderr(same_file);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({error}); `cargo xtask test` installs it"));
        Process { child, name, log: log.to_path_buf() }
    }

    /// Waits until `answers` is true; an error with what the program said, when it ended before that.
    pub fn wait_until(&mut self, mut answers: impl FnMut() -> bool) -> Result<(), String> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Err(format!("{} ended ({status}) before it answered:\n{}", self.name, self.said()));
            }
            if answers() {
                return Ok(());
            }
            if began.elapsed() > READY_WITHIN {
                return Err(format!(
                    "{} gave no answer within {READY_WITHIN:?}:\n{}",
                    self.name,
                    self.said()
                ));
            }
            sleep(LOOK_EVERY);
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has said.
    pub fn said(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        let pid = Pid::from_child(&self.child);
        // It may have ended by itself a moment ago.
        let _ = kill_process(pid, Signal::TERM);
    }

    /// Stops it where it is (SIGSTOP), until it is resumed.
    pub fn pause(&self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::CONT);
    }

    /// Asks it to end and waits; panics when it has not ended `within` that time.
    pub fn stop(&mut self, within: Duration) -> ExitStatus {
        self.terminate();
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(began.elapsed() < within, "{} did not end within {within:?} of SIGTERM", self.name);
            sleep(LOOK_EVERY);
        }
    }

    /// Kills it at once (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
