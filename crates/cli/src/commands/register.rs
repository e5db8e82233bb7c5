//! `hyrax register`: a node of a service, for as long as a program runs.

use std::ffi::OsString;
use std::future::pending;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::child::run_while;
use crate::engine::{EngineOptions, runtime};
use crate::notice::tell;
use crate::signals::Signals;

/// Register a node of a service while a program runs, or until interrupted.
///
/// Ends with the program's status. A node whose process dies is gone within one and a half heartbeats; one whose lease
/// was lost is registered again.
///
/// hyrax register web --ip 10.0.0.7 --port 8080 -- ./web.sh
#[derive(Args, Debug)]
pub struct Register {
    #[command(flatten)]
    engine: EngineOptions,
    /// Where the node is reached
    #[arg(long)]
    ip: String,
    /// On which port
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// The service
    service: String,
    /// The program and its arguments
    #[arg(value_name = "PROGRAM", last = true)]
    program: Vec<OsString>,
}

impl Register {
    /// Has the node registered while the program runs.
    pub fn run(self) -> Result<ExitCode> {
        runtime()?.block_on(self.stay())
    }

    async fn stay(self) -> Result<ExitCode> {
        let mut signals = Signals::listen().context("cannot listen to signals")?;
        let connection = self.engine.connect().await?;
        let services = connection.services();
        let registration = tokio::select! {
            registered = services.register(&self.service, &self.ip, self.port) => registered?,
            signal = signals.next() => {
                connection.close().await;
                return Ok(ExitCode::from(128 + u8::try_from(signal.as_raw()).unwrap_or_default()));
            }
        };
        let code = if self.program.is_empty() {
            tell(format_args!("{} is a node of {:?}; Ctrl-C removes it", registration.node(), self.service));
            signals.next().await;
            Ok(ExitCode::SUCCESS)
        } else {
            run_while(&self.program, &[], &mut signals, pending()).await
        };
        registration.deregister().await;
        connection.close().await;
        code
    }
}
