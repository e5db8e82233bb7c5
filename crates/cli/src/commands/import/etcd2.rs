//! `hyrax import etcd2`: which stores, which parts of them, and what is said of it at the end.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use hyrax_client::etcd_v2::{Client, Settings, Tls};
use hyrax_types::limits::ETCD2_IMPORT_ANSWER_BYTES_MAX;
use indicatif::{ProgressBar, ProgressStyle};

use super::copy::Copy;
use super::tally::Tally;
use crate::notice::tell;

/// How long a store may take for an answer: a large directory takes its time.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Copy a live store of etcd's v2 API, times to live included
///
/// Nothing is removed at the target, and what is there already as it is to be is left alone: who runs it again carries
/// what was left or has changed since. Names and passwords may stand in the URLs: http://NAME:PASSWORD@HOST:PORT.
#[derive(Args, Debug)]
pub struct Etcd2 {
    /// Where to copy from: a server with etcd's v2 API, or several of its cluster with commas between them
    #[arg(value_name = "URL")]
    from: String,
    /// Where to copy to
    #[arg(
        long,
        env = "HYRAX_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:2379",
        hide_env_values = true
    )]
    to: String,
    /// Only what is at this path and below it
    #[arg(long, value_name = "PATH", default_value = "/")]
    prefix: String,
    /// And what is at this path and below it: hidden nodes, which are in no listing. Repeatable
    #[arg(long, value_name = "PATH")]
    also: Vec<String>,
    /// The authorities that https:// servers' certificates may come from, instead of the system's: PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Etcd2 {
    /// Copies, and says what.
    pub fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (from, to) = (self.client(&self.from)?, self.client(&self.to)?);
        let progress = progress();
        let copied = runtime.block_on(self.copy(&from, &to, &progress));
        progress.finish_and_clear();
        let tally =
            copied.context("the import ended early; run it again, and it goes on with what is missing")?;
        for line in tally.summary() {
            tell(line);
        }
        match tally.refused {
            0 => Ok(()),
            refused => bail!("{refused} nodes could not be copied"),
        }
    }

    async fn copy(&self, from: &Client, to: &Client, progress: &ProgressBar) -> Result<Tally> {
        // Who cannot be reached is named before anything is done.
        from.version().await?;
        to.version().await?;
        let mut copy = Copy::new(from, to, progress);
        for path in std::iter::once(&self.prefix).chain(&self.also) {
            copy.tree(path).await?;
        }
        copy.finish().await
    }

    fn client(&self, urls: &str) -> Result<Client> {
        let mut tls = Tls::default();
        if let Some(file) = &self.ca {
            tls = tls.trust_file(file)?;
        }
        let urls = urls.replace("tls://", "https://");
        let settings = Settings::new(urls.split(','))
            .tls(tls)
            .attempt_timeout(ANSWER_MAX)
            .total_timeout(2 * ANSWER_MAX)
            .answer_bytes_max(ETCD2_IMPORT_ANSWER_BYTES_MAX);
        Ok(Client::new(settings)?)
    }
}

/// Shown on standard error, and only where that is a terminal. How many nodes there are is known at the end alone.
fn progress() -> ProgressBar {
    let progress = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {pos} of {len} nodes found, {per_sec}, {elapsed}")
    {
        progress.set_style(style);
    }
    progress.enable_steady_tick(Duration::from_millis(200));
    progress
}
