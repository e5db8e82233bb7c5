//! `hyrax elect`: a program that the leader runs.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use hyrax_client::host_name;

use crate::child::run_while;
use crate::engine::{EngineOptions, runtime};
use crate::notice::tell;
use crate::signals::Signals;

/// Stand for an election, and run a program while leading.
///
/// Resigns when the program ends, with whose status this ends. When the leadership is lost, the program is stopped, and
/// the status is 75. `etcdctl elect` of the same name stands in the same election.
///
/// hyrax elect scheduler -- ./schedule.sh
#[derive(Args, Debug)]
pub struct Elect {
    #[command(flatten)]
    engine: EngineOptions,
    /// What the leader proclaims [default: the host's name]
    #[arg(long, value_name = "TEXT")]
    value: Option<String>,
    /// The election
    name: String,
    /// The program and its arguments. Its HYRAX_ELECTION_TOKEN is greater than that of every leader before
    #[arg(value_name = "PROGRAM", required = true, last = true)]
    program: Vec<OsString>,
}

impl Elect {
    /// Leads while the program runs.
    pub fn run(self) -> Result<ExitCode> {
        runtime()?.block_on(self.lead())
    }

    async fn lead(self) -> Result<ExitCode> {
        let mut signals = Signals::listen().context("cannot listen to signals")?;
        let connection = self.engine.connect().await?;
        let election = connection.election(&self.name);
        let value = self.value.clone().unwrap_or_else(host_name);
        let led = tokio::select! {
            led = election.campaign(value) => led?,
            signal = signals.next() => {
                connection.close().await;
                return Ok(ExitCode::from(128 + u8::try_from(signal.as_raw()).unwrap_or_default()));
            }
        };
        let variables = [("HYRAX_ELECTION_TOKEN", led.token().to_string())];
        let (lost, name) = (led.lost(), &self.name);
        let lost = async move {
            lost.await;
            format!("the leadership of {name:?} was lost")
        };
        let code = run_while(&self.program, &variables, &mut signals, lost).await;
        // What cannot be given up now ends with the lease.
        if let Err(error) = led.resign().await {
            tell(format_args!("cannot resign from {name:?}: {error}"));
        }
        connection.close().await;
        code
    }
}
