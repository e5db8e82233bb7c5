//! `hyrax etcd2`: etcd's v2 API on the command line, spelled as `etcdctl` spelled it with `ETCDCTL_API=2`, and with its
//! output and exit codes.

mod failure;
mod keys;
mod options;
mod print;
mod watch;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use hyrax_client::etcd_v2::Client;

use failure::{Failure, Outcome};
use keys::{Get, Ls, Make, MakeDirectory, Remove, RemoveDirectory, Set, Update};
use options::Options;
use print::Form;
use watch::{ExecWatch, Watch};

/// Talk to etcd's v2 API, as `etcdctl` did
///
/// Output and exit codes are those of etcdctl with ETCDCTL_API=2: 0 if it was done, 1 if the command line makes no
/// sense, 2 if no server can be reached, 4 if a server refused. What etcdctl reads from the variables ETCDCTL_ENDPOINTS,
/// ETCDCTL_CA_FILE, ETCDCTL_CERT_FILE, ETCDCTL_KEY_FILE and ETCDCTL_USERNAME is heeded.
#[derive(Args, Debug)]
pub struct Etcd2 {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Get(Get),
    Set(Set),
    Mk(Make),
    Mkdir(MakeDirectory),
    /// Make a directory, or one of a key
    Setdir(SetDirectory),
    Update(Update),
    /// Set when a directory ends
    Updatedir(UpdateDirectory),
    Rm(Remove),
    Rmdir(RemoveDirectory),
    Ls(Ls),
    Watch(Watch),
    ExecWatch(ExecWatch),
}

/// The same flags under another name.
type SetDirectory = MakeDirectory;
type UpdateDirectory = MakeDirectory;

impl Etcd2 {
    /// Does it, and tells how it ended.
    pub fn run(self) -> ExitCode {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return Failure::from(error).tell(),
        };
        match runtime.block_on(self.perform()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.tell(),
        }
    }

    async fn perform(self) -> Outcome {
        let (client, form) = (self.options.client().await?, self.options.form());
        let within = self.options.total_timeout();
        let done = self.command.run(&client, &form);
        match within {
            // Watches take as long as they take.
            Some(within) if !self.command.waits() => {
                tokio::time::timeout(within, done).await.unwrap_or(Err(Failure::too_late()))
            }
            _ => done.await,
        }
    }
}

impl Command {
    fn waits(&self) -> bool {
        matches!(self, Command::Watch(_) | Command::ExecWatch(_))
    }

    async fn run(&self, client: &Client, form: &Form) -> Outcome {
        match self {
            Command::Get(get) => get.run(client, form).await,
            Command::Set(set) => set.run(client, form).await,
            Command::Mk(make) => make.run(client, form).await,
            Command::Mkdir(make) => make.run(form, |key| client.create_dir(key)).await,
            Command::Setdir(make) => make.run(form, |key| client.set_dir(key)).await,
            Command::Update(update) => update.run(client, form).await,
            Command::Updatedir(make) => make.run(form, |key| client.update_dir(key)).await,
            Command::Rm(remove) => remove.run(client, form).await,
            Command::Rmdir(remove) => remove.run(client, form).await,
            Command::Ls(list) => list.run(client, form).await,
            Command::Watch(watch) => watch.run(client, form).await,
            Command::ExecWatch(watch) => watch.run(client).await,
        }
    }
}
