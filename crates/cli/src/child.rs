//! A program that runs only while something is held.
//!
//! At a terminal it shares this process' group, so that it can use the terminal, and the terminal's own signals reach
//! both. Elsewhere it leads a group of its own, and what it starts is signalled with it. It dies with this process,
//! however that ends: it may not go on without what this process holds for it.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process, kill_process_group, set_parent_process_death_signal,
};
use tokio::sync::oneshot;

use crate::notice::tell;
use crate::signals::Signals;

/// How long a program may take to end when it is asked to, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// The status with which a command ends that lost what it held.
pub const LOST: u8 = 75;

/// The word by which this program is called to become another.
const STAND_IN: &str = "run-while-parent-lives";

/// Runs a program until it ends or `lost` does, and passes on every signal meanwhile. The status to end with: the
/// program's own, 128 and the number of the signal that killed it, or [`LOST`].
pub async fn run_while(
    program: &[OsString],
    variables: &[(&str, String)],
    signals: &mut Signals,
    lost: impl Future<Output = String>,
) -> Result<ExitCode> {
    let mut running = Running::start(program, variables)?;
    tokio::pin!(lost);
    let reason = loop {
        tokio::select! {
            status = &mut running.ended => return ended(status),
            signal = signals.next() => running.pass_on(signal),
            reason = &mut lost => break reason,
        }
    };
    let name = program.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    tell(format_args!("{reason}; stopping {name}"));
    running.signal(Signal::TERM);
    if tokio::time::timeout(GRACE, &mut running.ended).await.is_err() {
        tell(format_args!("{name} does not stop; killing it"));
        running.signal(Signal::KILL);
        // Nothing can keep it now, and with it what was held is surely let go.
        _ = (&mut running.ended).await;
    }
    Ok(ExitCode::from(LOST))
}

struct Running {
    pid: Pid,
    leads_group: bool,
    ended: oneshot::Receiver<io::Result<ExitStatus>>,
}

impl Running {
    fn start(program: &[OsString], variables: &[(&str, String)]) -> Result<Running> {
        let own = std::env::current_exe().context("cannot find this program itself")?;
        let leads_group = !io::stdin().is_terminal();
        let mut command = Command::new(own);
        command.arg(STAND_IN).arg(getpid().as_raw_nonzero().to_string()).arg("--").args(program);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        if leads_group {
            command.process_group(0);
        }
        let child = command.spawn().context("cannot start a program")?;
        let pid = Pid::from_child(&child);
        let (tell, ended) = oneshot::channel();
        std::thread::Builder::new().name("child".to_owned()).spawn(move || wait_for(child, tell))?;
        Ok(Running { pid, leads_group, ended })
    }

    /// Passes a signal on, unless the terminal has sent it to the program as well.
    fn pass_on(&self, signal: Signal) {
        let from_terminal = matches!(signal, Signal::INT | Signal::QUIT) && !self.leads_group;
        if !from_terminal {
            self.signal(signal);
        }
    }

    fn signal(&self, signal: Signal) {
        // A program that has just ended cannot be signalled, and need not.
        _ = match self.leads_group {
            true => kill_process_group(self.pid, signal),
            false => kill_process(self.pid, signal),
        };
    }
}

fn wait_for(mut child: Child, tell: oneshot::Sender<io::Result<ExitStatus>>) {
    // Who waits may be gone, and this process with it.
    _ = tell.send(child.wait());
}

fn ended(status: Result<io::Result<ExitStatus>, oneshot::error::RecvError>) -> Result<ExitCode> {
    let status = status.context("the program's end was missed")?.context("the program's end is not known")?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    // Statuses have eight bits.
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// The process to be bound to, and the program to become, where this was called by [`STAND_IN`].
pub fn asked_to_stand_in() -> Option<(i32, Vec<OsString>)> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != STAND_IN {
        return None;
    }
    let parent = words.next()?.to_str()?.parse().ok()?;
    Some((parent, words.skip(1).collect()))
}

/// Becomes the program, which the system kills when the process `parent` is no more. Returns only when it cannot.
pub fn stand_in(parent: i32, program: &[OsString]) -> ExitCode {
    let Some((name, arguments)) = program.split_first() else { return ExitCode::from(127) };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        tell(format_args!("the program could not be bound to this one: {error}"));
    }
    // It may have gone before it was bound to.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return ExitCode::from(LOST);
    }
    let error = Command::new(name).args(arguments).exec();
    tell(format_args!("cannot run {}: {error}", name.to_string_lossy()));
    // As shells do.
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
}
