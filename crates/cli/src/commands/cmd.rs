//! `hyrax cmd`: one command, one answer.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use hyrax_server::config::Span;

use crate::connection::returned;
use crate::reply;
use crate::request::{ClientOptions, SigningOptions, flat};

/// Send one command and print what it returns.
///
/// hyrax cmd set foo bar
#[derive(Args, Debug)]
pub struct Cmd {
    #[command(flatten)]
    client: ClientOptions,
    #[command(flatten)]
    signing: SigningOptions,
    /// Who sends it: monitors see it beside the change
    #[arg(long)]
    id: Option<String>,
    /// A key that the command writes, where that is not the first argument alone. Repeatable, in the
    /// command's order
    #[arg(long, value_name = "KEY", requires = "secret")]
    writes: Vec<String>,
    /// How long to wait for the answer; 0s waits for ever, as for `blpop`
    #[arg(long, value_name = "TIME", default_value = "10s")]
    timeout: Span,
    /// The command
    #[arg(value_name = "COMMAND")]
    command: String,
    /// Its key and further arguments
    #[arg(value_name = "ARG", trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Cmd {
    /// Sends the command and prints the answer.
    pub fn run(self) -> Result<()> {
        self.check_outlives()?;
        let mut connection =
            self.client.enter((self.timeout.0 > Duration::ZERO).then_some(self.timeout.0))?;
        connection.send(&self.request())?;
        let reply = connection.reply()?;
        let mut stdout = io::stdout().lock();
        if self.client.json {
            writeln!(stdout, "{reply}")?;
            return returned(reply).map(|_| ()).map_err(for_a_shell);
        }
        let text = reply::lines(&returned(reply).map_err(for_a_shell)?);
        // A file gets the value as it is; a terminal must not be commanded by it.
        if stdout.is_terminal() {
            writeln!(stdout, "{}", reply::escape(&text))?;
        } else {
            writeln!(stdout, "{text}")?;
        }
        Ok(())
    }

    /// Refuses what ends with the connection, and so with this command.
    fn check_outlives(&self) -> Result<()> {
        let instead = match self.command.to_ascii_lowercase().as_str() {
            "madd" | "mon" | "hmon" | "lmon" | "smon" | "zmon" | "amon" => "hyrax mon KEY",
            "mprefix" => "hyrax mon --prefix PREFIX",
            "emon" => "hyrax ekg watch EKG",
            "eadd" | "eaddq" => "hyrax ekg join EKG ID",
            "mlocal" | "mglobal" => "a connection that stays open, as `nc`'s",
            _ => return Ok(()),
        };
        bail!("{} lasts as long as its connection, which ends with this command: use {instead}", self.command)
    }

    fn request(&self) -> serde_json::Value {
        let (key, args) = match self.args.split_first() {
            Some((key, args)) => (Some(key.as_str()), args),
            None => (None, &[][..]),
        };
        let written: Vec<&str> = match self.writes.is_empty() {
            true => key.into_iter().collect(),
            false => self.writes.iter().map(String::as_str).collect(),
        };
        flat(&self.command, key, args, self.id.as_deref(), &self.signing, &written)
    }
}

/// The server's word on a command that it does not know, where the advice is for people who write
/// JSON: here it is for those who write this.
fn for_a_shell(error: anyhow::Error) -> anyhow::Error {
    let text = error.to_string();
    if !text.starts_with("unknown command") {
        return error;
    }
    let problem = text.rsplit_once(": {").map_or(text.as_str(), |(problem, _)| problem);
    anyhow!("{problem}; `hyrax cmd help` lists the commands")
}
