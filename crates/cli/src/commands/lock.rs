//! `hyrax lock`: a program that runs in one place at a time.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use hyrax_client::host_name;
use hyrax_server::config::Span;

use crate::child::run_while;
use crate::engine::{EngineOptions, runtime};
use crate::notice::tell;
use crate::signals::Signals;

/// Run a program while holding a lock.
///
/// Waits for the lock, and releases it when the program ends, with whose status this ends. When the lock is lost, the
/// program is stopped, and the status is 75. `etcdctl lock` of the same name waits for it, and the other way round.
///
/// hyrax lock nightly -- ./backup.sh
#[derive(Args, Debug)]
pub struct Lock {
    #[command(flatten)]
    engine: EngineOptions,
    /// Wait no longer than this for the lock; 0s only tries
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
    /// The lock
    name: String,
    /// The program and its arguments. Its HYRAX_LOCK_TOKEN is greater than that of every holder before
    #[arg(value_name = "PROGRAM", required = true, last = true)]
    program: Vec<OsString>,
}

impl Lock {
    /// Holds the lock while the program runs.
    pub fn run(self) -> Result<ExitCode> {
        runtime()?.block_on(self.hold())
    }

    async fn hold(self) -> Result<ExitCode> {
        let mut signals = Signals::listen().context("cannot listen to signals")?;
        let connection = self.engine.connect().await?;
        let lock = connection.lock(&self.name).note(host_name());
        let waiting = async {
            match self.timeout {
                None => lock.acquire().await.map(Some),
                Some(Span(patience)) if patience.is_zero() => lock.try_acquire().await,
                Some(Span(patience)) => lock.acquire_within(patience).await,
            }
        };
        let held = tokio::select! {
            held = waiting => held?,
            signal = signals.next() => {
                connection.close().await;
                return Ok(ExitCode::from(128 + u8::try_from(signal.as_raw()).unwrap_or_default()));
            }
        };
        let Some(guard) = held else {
            connection.close().await;
            tell(format_args!("the lock {:?} is held by another", self.name));
            return Ok(ExitCode::FAILURE);
        };
        let variables = [("HYRAX_LOCK_TOKEN", guard.token().to_string())];
        let (lost, name) = (guard.lost(), &self.name);
        let lost = async move {
            lost.await;
            format!("the lock {name:?} was lost")
        };
        let code = run_while(&self.program, &variables, &mut signals, lost).await;
        // What cannot be released now ends with the lease.
        if let Err(error) = guard.release().await {
            tell(format_args!("the lock {name:?} could not be released: {error}"));
        }
        connection.close().await;
        code
    }
}
