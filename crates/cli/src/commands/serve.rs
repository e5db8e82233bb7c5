//! `hyrax serve`: a server in the foreground.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use hyrax_server::config::{Config, Settings, Sources, meant_variable};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::logging::{self, LogControl};
use crate::{open_files, ready, server};

/// Run a server.
///
/// It runs until SIGTERM or Ctrl-C, which drain it. SIGHUP and SIGUSR1 reload secrets, operators,
/// limits and the log level.
///
/// Every setting also comes from a variable (--max-frame from HYRAX_MAX_FRAME; lists separated by
/// blanks) and, before that, from the file of --config, as --print-config writes it.
#[derive(Args, Debug)]
pub struct Serve {
    /// A TOML file of settings
    #[arg(long, env = "HYRAX_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the effective settings as TOML, secrets left out, and end
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    /// Serves until told to stop.
    pub fn run(self: Box<Self>) -> Result<()> {
        let sources = Sources { file: self.config, flags: self.settings };
        let config = sources.load()?;
        if self.print_config {
            return Ok(io::stdout().write_all(config.to_toml().as_bytes())?);
        }
        config.validate()?;
        let log = logging::start(config.log)?;
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if let Some(meant) = meant_variable(&name) {
                tracing::warn!("the variable {name} is not read; was {meant} meant?");
            }
        }
        open_files::raise_limit();
        server::runtime()?.block_on(serve(sources, config, log))
    }
}

async fn serve(sources: Sources, config: Config, log: LogControl) -> Result<()> {
    let mut signals = Signals::new().context("cannot listen for signals")?;
    if !config.secrets.is_empty() && config.allow_legacy_secrets {
        tracing::warn!("secrets that never expire are accepted; allow_legacy_secrets = false ends that");
    }
    let server = tokio::select! {
        bound = server::bind(config.clone()) => bound?,
        // An engine elsewhere may let it wait.
        () = signals.stopped() => return Ok(()),
    };
    let ready = ready::text(&config, &server.addresses());
    // Nobody may be reading, which is no reason not to serve.
    let _ = io::stdout().lock().write_all(ready.as_bytes());
    let reload = |running: &Config| match reloaded(&sources, running) {
        Ok(next) => {
            server.reload(&next);
            if let Err(error) = log.set_level(next.log.level) {
                tracing::error!(%error);
            }
            next
        }
        Err(error) => {
            tracing::error!("the configuration stays as it is: {error:#}");
            running.clone()
        }
    };
    let left = server.serve(signals.until_stopped(config, reload)).await?;
    if left > 0 {
        tracing::warn!("{left} connection(s) had not ended when the time to drain was over");
    }
    Ok(())
}

/// The configuration that takes over from `running`, from the sources read anew. What cannot change
/// while running is said and left alone.
fn reloaded(sources: &Sources, running: &Config) -> Result<Config> {
    let read = sources.load()?;
    for setting in running.needing_restart(&read) {
        tracing::warn!("{setting} has changed, which takes a restart");
    }
    let mut next = running.clone();
    (next.secrets, next.operators, next.limits) = (read.secrets, read.operators, read.limits);
    next.log.level = read.log.level;
    // What results, not what was read: listeners that stay open may not lose their last secret.
    next.validate()?;
    tracing::info!("configuration reloaded");
    Ok(next)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// Returns when asked to stop.
    async fn stopped(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Reloads as often as asked, and returns when asked to stop. Asked once more, the process ends
    /// without draining.
    async fn until_stopped(&mut self, mut running: Config, reload: impl Fn(&Config) -> Config) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.hang_up.recv() => running = reload(&running),
                _ = self.user.recv() => running = reload(&running),
            }
        }
        tracing::info!("draining; a second signal ends at once");
        tokio::spawn(async {
            let Ok(mut again) = Signals::new() else { return };
            tokio::select! {
                _ = again.terminate.recv() => {}
                _ = again.interrupt.recv() => {}
            }
            std::process::exit(1);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_takes_over_secrets_but_never_opens_a_reachable_server() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let sources = Sources { file: Some(file.path().to_owned()), flags: Settings::default() };
        let write = |text: &str| std::fs::write(file.path(), text).unwrap();
        let listen: hyrax_server::config::Listener = "0.0.0.0:4001".parse().unwrap();
        let running =
            Config { listen: vec![listen], secrets: vec!["old".parse().unwrap()], ..Config::default() };
        write("listen = ['0.0.0.0:4002']\nsecrets = ['new']\n[limits]\nmax_connections = 7\n");
        let next = reloaded(&sources, &running).unwrap();
        assert_eq!(next.secrets, ["new".parse().unwrap()]);
        assert_eq!(next.limits.max_connections, 7);
        assert_eq!(next.listen, running.listen, "a listener takes a restart");
        write("listen = ['127.0.0.1:4001']\n");
        let error = reloaded(&sources, &running).unwrap_err().to_string();
        assert!(error.contains("0.0.0.0:4001 can be reached"), "{error}");
    }
}
