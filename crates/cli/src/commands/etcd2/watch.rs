//! Watching keys.

use std::io::{self, Write};
use std::process::{Child, Command};

use clap::Args;
use hyrax_client::etcd_v2::{Cleared, Client, ErrorCode, Response, WatchEvent, WatchOptions};

use super::failure::{Failure, Outcome};
use super::print::Form;

/// From when on, and what.
#[derive(Args, Clone, Debug)]
struct Scope {
    /// What happened after this index
    #[arg(long, value_name = "INDEX", default_value_t = 0, allow_negative_numbers = true)]
    after_index: i64,
    /// All that is below it, too
    #[arg(long, short)]
    recursive: bool,
}

impl Scope {
    fn options(&self) -> WatchOptions {
        let options = WatchOptions::new();
        let options = if self.recursive { options.recursive() } else { options };
        match self.after_index {
            0 => options,
            // Go's client takes any number as it is.
            index => options.after(index as u64),
        }
    }
}

/// Print the next change of a key
///
/// Changes of directories are not printed. With --forever a connection that breaks is made again, and no change is left
/// out meanwhile; where the history does not go back so far, that is said on standard error.
#[derive(Args, Debug)]
pub(super) struct Watch {
    #[arg(value_name = "KEY")]
    key: Option<String>,
    #[arg(hide = true)]
    more: Vec<String>,
    #[command(flatten)]
    scope: Scope,
    /// Every change, until interrupted
    #[arg(long, short)]
    forever: bool,
}

impl Watch {
    pub(super) async fn run(&self, client: &Client, form: &Form) -> Outcome {
        let key = self.key.as_deref().ok_or_else(|| Failure::arguments("key required"))?;
        let mut changes = Changes::of(client, key, &self.scope, self.forever);
        while let Some(change) = changes.next().await? {
            if change.node.dir {
                continue;
            }
            if self.scope.recursive {
                writeln!(io::stdout(), "[{}] {}", change.action, change.node.key)?;
            }
            form.print(&change)?;
            if !self.forever {
                break;
            }
        }
        Ok(())
    }
}

/// Run a program at each change of a key
///
/// The program finds the change in ETCD_WATCH_ACTION, ETCD_WATCH_KEY, ETCD_WATCH_VALUE and ETCD_WATCH_MODIFIED_INDEX.
#[derive(Args, Debug)]
pub(super) struct ExecWatch {
    #[command(flatten)]
    scope: Scope,
    #[arg(value_name = "KEY")]
    key: Option<String>,
    /// The program, and what it is given
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl ExecWatch {
    pub(super) async fn run(&self, client: &Client) -> Outcome {
        let needed = || Failure::arguments("key and command to exec required");
        let (key, command) = self.key.as_deref().zip(self.command.split_first()).ok_or_else(needed)?;
        let (program, arguments) = command;
        let mut changes = Changes::of(client, key, &self.scope, true);
        while let Some(change) = changes.next().await? {
            if change.node.dir {
                eprintln!("Ignored dir {} change", change.node.key);
                continue;
            }
            let mut command = Command::new(program);
            let child = command.args(arguments).envs(environment(&change)).spawn();
            await_elsewhere(child.map_err(|error| Failure::said(format!("{program}: {error}")))?);
        }
        Ok(())
    }
}

/// Each program runs beside the others, as it does in etcdctl.
fn await_elsewhere(mut child: Child) {
    // How it ends is its own affair.
    std::thread::spawn(move || _ = child.wait());
}

fn environment(change: &Response) -> [(&'static str, String); 4] {
    let node = &change.node;
    [
        ("ETCD_WATCH_ACTION", change.action.to_string()),
        ("ETCD_WATCH_MODIFIED_INDEX", node.modified_index.to_string()),
        ("ETCD_WATCH_KEY", node.key.clone()),
        ("ETCD_WATCH_VALUE", node.value.clone().unwrap_or_default()),
    ]
}

/// Changes until Ctrl-C.
struct Changes {
    events: hyrax_client::etcd_v2::Events,
    goes_on: bool,
}

impl Changes {
    fn of(client: &Client, key: &str, scope: &Scope, goes_on: bool) -> Changes {
        let options = scope.options();
        let options = if goes_on { options } else { options.reconnect_for(std::time::Duration::ZERO) };
        Changes { events: client.keep_watching(key, &options), goes_on }
    }

    /// The next one; none after Ctrl-C.
    async fn next(&mut self) -> Outcome<Option<Response>> {
        loop {
            let event = tokio::select! {
                event = self.events.next() => event,
                _ = tokio::signal::ctrl_c() => None,
            };
            match event.transpose()? {
                None => return Ok(None),
                Some(WatchEvent::Change(change)) => return Ok(Some(change)),
                Some(WatchEvent::Cleared(cleared)) if self.goes_on => tell_cleared(&cleared),
                Some(WatchEvent::Cleared(cleared)) => return Err(outdated(&cleared)),
            }
        }
    }
}

fn tell_cleared(cleared: &Cleared) {
    eprintln!("changes from {} to {} are not known any more", cleared.after.saturating_add(1), cleared.index);
}

fn outdated(cleared: &Cleared) -> Failure {
    let error = hyrax_client::etcd_v2::EtcdError {
        code: ErrorCode::EventIndexCleared,
        message: "The event in requested index is outdated and cleared".to_owned(),
        cause: format!("the history after {} has been cleared", cleared.after),
        index: cleared.index,
    };
    hyrax_client::etcd_v2::Error::Etcd(error).into()
}
