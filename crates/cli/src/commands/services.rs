//! `hyrax services`: who offers what where.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use hyrax_client::{Event, ServiceEvent, ServiceNode, Told};
use serde_json::{Value, json};

use crate::engine::{EngineOptions, runtime};
use crate::notice::tell;
use crate::reply::{escape, inline};

/// Print the services that have nodes, or the nodes of one.
#[derive(Args, Debug)]
pub struct Services {
    #[command(flatten)]
    engine: EngineOptions,
    /// Then print what happens to them, and the custom events that they are sent, until interrupted
    #[arg(long)]
    watch: bool,
    /// The service
    service: Option<String>,
}

impl Services {
    /// Prints them.
    pub fn run(self) -> Result<()> {
        runtime()?.block_on(self.print())
    }

    async fn print(self) -> Result<()> {
        let connection = self.engine.connect().await?;
        if self.watch {
            return self.follow(&connection).await;
        }
        let services = connection.services();
        match &self.service {
            None => {
                let names = services.list().await?;
                let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                self.lines(names.iter().map(|name| escape(name)), json!({ "services": names }))
            }
            Some(service) => {
                let nodes = services.nodes(service).await?;
                self.lines(nodes.iter().map(ServiceNode::to_string), json!({ "services": shown(&nodes) }))
            }
        }
    }

    async fn follow(self, connection: &hyrax_client::Connection) -> Result<()> {
        let named: Vec<&str> = self.service.as_deref().into_iter().collect();
        // Whoever is told of a node may be sent an event at once.
        let mut events = connection.events().follow().await?;
        let mut feed = connection.services().monitor(&named).await?;
        let names: Vec<String> = feed.names().map(|name| name.as_str().to_owned()).collect();
        for name in &names {
            let nodes = feed.nodes(name);
            let text = format!("{}: {}", escape(name), listed(&nodes));
            self.line(
                text,
                json!({"namespace": "service", "body": {"service": name, "services": shown(&nodes)}}),
            )?;
        }
        if names.is_empty() && !self.engine.json {
            println!("nobody is here");
        }
        loop {
            tokio::select! {
                event = feed.next() => {
                    let ServiceEvent { key_event, service, services, .. } = event?;
                    let text = format!("{} {}: {}", key_event.word(), escape(service.as_str()), listed(&services));
                    let body = json!({"key_event": key_event.word(), "service": service.as_str(), "services": shown(&services)});
                    self.line(text, json!({"namespace": "service", "body": body}))?;
                }
                told = events.next() => match told? {
                    Told::Event(event) if self.hears(&event) => {
                        let (kind, body) = (&event.event_type, &event.event_body);
                        let text = format!("event {} {}", inline(&json!(kind)), inline(&json!(body)));
                        self.line(text, json!({"namespace": "event", "body": {"event_type": kind, "event_body": body}}))?;
                    }
                    Told::Event(_) => {}
                    Told::Missed => tell("events may have been missed here"),
                },
            }
        }
    }

    fn hears(&self, event: &Event) -> bool {
        self.service.as_deref().is_none_or(|service| event.is_for(service))
    }

    fn lines(&self, lines: impl Iterator<Item = String>, whole: Value) -> Result<()> {
        if self.engine.json {
            return self.line(String::new(), whole);
        }
        let mut stdout = io::stdout().lock();
        for line in lines {
            writeln!(stdout, "{line}")?;
        }
        Ok(())
    }

    fn line(&self, text: String, whole: Value) -> Result<()> {
        let mut stdout = io::stdout().lock();
        match self.engine.json {
            true => writeln!(stdout, "{whole}")?,
            false => writeln!(stdout, "{text}")?,
        }
        Ok(stdout.flush()?)
    }
}

fn listed(nodes: &[ServiceNode]) -> String {
    match nodes.is_empty() {
        true => "no node".to_owned(),
        false => nodes.iter().map(ServiceNode::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// Nodes as the discovery door shows them.
fn shown(nodes: &[ServiceNode]) -> Vec<Value> {
    nodes.iter().map(|node| json!({"ip": node.ip().to_string(), "port": node.port()})).collect()
}
