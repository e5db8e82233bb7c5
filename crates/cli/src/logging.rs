//! The log: on standard error, its level changeable while running.

use std::io::{self, IsTerminal};

use anyhow::{Result, anyhow};
use hyrax_server::config::{Log, LogFormat, LogLevel};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::{Layer, Registry, fmt};

/// Changes the level of the log that [`start`] started.
pub struct LogControl(Handle<Targets, Registry>);

/// Starts the log of this process.
pub fn start(log: Log) -> Result<LogControl> {
    let (filter, handle) = reload::Layer::new(targets(log.level));
    let colored = io::stderr().is_terminal();
    let layer = match log.format {
        LogFormat::Text => fmt::layer().with_ansi(colored).with_writer(io::stderr).boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(io::stderr).boxed(),
    };
    // The filter stands beside the output, not around it, so that one handle fits both formats.
    let subscriber = tracing_subscriber::registry().with(filter).with(layer);
    subscriber.try_init().map_err(|error| anyhow!("cannot start the log: {error}"))?;
    Ok(LogControl(handle))
}

impl LogControl {
    /// Logs at `level` from now on.
    pub fn set_level(&self, level: LogLevel) -> Result<()> {
        self.0.reload(targets(level)).map_err(|error| anyhow!("cannot change the log level: {error}"))
    }
}

/// The level is about Hyrax; of the libraries beneath it only warnings are of interest.
fn targets(level: LogLevel) -> Targets {
    let level = level.filter();
    Targets::new().with_target("hyrax", level).with_default(level.min(LevelFilter::WARN))
}
