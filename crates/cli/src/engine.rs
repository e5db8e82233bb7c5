//! Which engine the commands of coordination talk to, and as whom.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use hyrax_client::live::Settings;
use hyrax_client::{Address, Connection, Login, Options, connect_with};
use hyrax_server::config::{Operator, Span};
use tokio::runtime::{Builder, Runtime};

/// Which engine, and as whom.
#[derive(Args, Clone, Debug)]
pub struct EngineOptions {
    /// What coordinates: HOST:PORT or tls://HOST:PORT (a Hyrax server), etcd://HOST:PORT,… or redis://HOST:PORT
    #[arg(long, env = "HYRAX_URL", value_name = "ADDR", default_value = "127.0.0.1:2379")]
    pub url: String,
    /// Over TLS: a PEM file of the authorities to trust, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Log in first: as an operator of Hyrax, or as a user of etcd
    #[arg(long, env = "HYRAX_USER", value_name = "NAME:PASSWORD", hide_env_values = true)]
    pub user: Option<Operator>,
    /// How often to show that this process lives. Silent for one and a half times that, it has lost what it holds
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub heartbeat: Span,
    /// Print JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

impl EngineOptions {
    /// Connects.
    pub async fn connect(&self) -> Result<Connection> {
        let login = self.user.as_ref().map(|Operator { name, password }| Login {
            name: name.clone(),
            password: password.expose().into(),
        });
        let live = Settings { login, ca: self.ca.clone(), ..Settings::default() };
        let options = Options { heartbeat: self.heartbeat.0, live };
        let is_here = matches!(self.url.parse(), Ok(Address::Embedded));
        anyhow::ensure!(!is_here, "an engine inside this process would end with it; name another with --url");
        Ok(connect_with(&self.url, options).await?)
    }
}

/// A runtime for one command: what it waits for is far away.
pub fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot start")
}
