//! A terminal in which command lines are run, one at a time.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How long a line, or the end of a command, may take on a machine busy with other tests.
const WITHIN: Duration = Duration::from_secs(20);

/// How long nothing more must come for nothing more to be expected.
const QUIET: Duration = Duration::from_millis(150);

/// A command line that runs.
#[derive(Debug)]
pub(super) struct Terminal {
    child: Child,
    lines: Receiver<String>,
    typed_into: bool,
    /// Whatever else is printed is of no interest.
    skips: bool,
}

impl Terminal {
    /// Runs a command line as the shell does. `environment` comes on top of this process' own.
    pub(super) fn run(line: &str, environment: &[(&str, String)]) -> Terminal {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec 2>&1; {line}")]);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start a shell: {error}"));
        let output = child.stdout.take().expect("the output is piped");
        let (sender, lines) = mpsc::channel();
        // Ends with the output, or with the terminal.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Terminal { child, lines, typed_into: false, skips: false }
    }

    /// Types a line.
    pub(super) fn type_line(&mut self, line: &str) -> Result<(), String> {
        self.typed_into = true;
        let stdin = self.child.stdin.as_mut().ok_or("nothing runs that could be typed into")?;
        stdin.write_all(format!("{line}\n").as_bytes()).map_err(|error| format!("cannot type: {error}"))
    }

    /// The next line printed.
    pub(super) fn next_line(&mut self) -> Result<String, String> {
        match self.lines.recv_timeout(WITHIN) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => Err(format!("nothing was printed within {WITHIN:?}")),
            Err(RecvTimeoutError::Disconnected) => Err("the command ended and printed no more".to_owned()),
        }
    }

    /// Fails when something was printed that nobody expected.
    pub(super) fn nothing_more(&mut self) -> Result<(), String> {
        if self.skips {
            return Ok(());
        }
        match self.lines.recv_timeout(QUIET) {
            Ok(line) => Err(format!("this was printed as well: {line}")),
            Err(_) => Ok(()),
        }
    }

    /// Lets anything be printed from here on.
    pub(super) fn skip(&mut self) {
        self.skips = true;
    }

    /// Waits until the command ends by itself, as one does that was not typed into.
    pub(super) fn wait(&mut self) -> Result<(), String> {
        if self.typed_into {
            self.interrupt();
            return Ok(());
        }
        drop(self.child.stdin.take());
        let began = Instant::now();
        while self.child.try_wait().expect("a child can be waited for").is_none() {
            if began.elapsed() > WITHIN {
                return Err(format!("the command did not end within {WITHIN:?}"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends what runs, as Ctrl-C does.
    pub(super) fn interrupt(&mut self) {
        self.end_with(Signal::INT);
    }

    fn end_with(&mut self, signal: Signal) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            // It may have ended a moment ago.
            let _ = kill_process_group(Pid::from_child(&self.child), signal);
            let _ = self.child.wait();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.end_with(Signal::KILL);
    }
}
