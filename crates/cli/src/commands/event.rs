//! `hyrax event`: tells services something.

use anyhow::Result;
use clap::Args;

use crate::engine::{EngineOptions, runtime};

/// Send a custom event to those who monitor a service, or any.
///
/// hyrax event --service web deploy '{"version":7}'
#[derive(Args, Debug)]
pub struct Event {
    #[command(flatten)]
    engine: EngineOptions,
    /// A service that is told. Repeatable
    #[arg(long, value_name = "NAME", required_unless_present = "broadcast")]
    service: Vec<String>,
    /// Tell all of them
    #[arg(long, conflicts_with = "service")]
    broadcast: bool,
    /// What kind of event it is
    #[arg(value_name = "TYPE")]
    event_type: String,
    /// What it tells
    #[arg(value_name = "BODY", default_value = "")]
    event_body: String,
}

impl Event {
    /// Sends it.
    pub fn run(self) -> Result<()> {
        runtime()?.block_on(async {
            let connection = self.engine.connect().await?;
            let events = connection.events();
            let Event { event_type, event_body, .. } = &self;
            match self.broadcast {
                true => events.broadcast(event_type, event_body).await?,
                false => {
                    let services: Vec<&str> = self.service.iter().map(String::as_str).collect();
                    events.send(&services, event_type, event_body).await?;
                }
            }
            Ok(())
        })
    }
}
