//! `hyrax group`: who belongs together, and who comes and goes.

use std::io::{self, Write};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use hyrax_client::{GroupEvent, GroupOptions, LeaveCause, Loss, Member, host_name};
use serde_json::json;

use crate::engine::{EngineOptions, runtime};
use crate::notice::tell;
use crate::reply::escape;
use crate::signals::Signals;

/// Belong to a group, or see who does.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Be a member, as long as this runs
    Join(Join),
    /// Print who is a member, then who comes and goes
    Watch(Watch),
    /// Print who is a member
    Members(Members),
}

/// Be a member, as long as this runs.
#[derive(Args, Debug)]
pub struct Join {
    #[command(flatten)]
    engine: EngineOptions,
    /// A part of the group that the member belongs to. Repeatable
    #[arg(long, value_name = "NAME")]
    subgroup: Vec<String>,
    /// The group
    group: String,
    /// Who to be [default: the host's name]
    id: Option<String>,
}

/// Print who is a member, then who comes and goes.
#[derive(Args, Debug)]
pub struct Watch {
    #[command(flatten)]
    engine: EngineOptions,
    /// The group
    group: String,
}

/// Print who is a member.
#[derive(Args, Debug)]
pub struct Members {
    #[command(flatten)]
    engine: EngineOptions,
    /// The group
    group: String,
}

impl Group {
    /// Runs the subcommand.
    pub fn run(self) -> Result<()> {
        match self {
            Group::Join(join) => runtime()?.block_on(join.run()),
            Group::Watch(watch) => runtime()?.block_on(watch.run()),
            Group::Members(members) => runtime()?.block_on(members.run()),
        }
    }
}

/// The group as the options have it.
async fn open(engine: &EngineOptions, name: &str, subgroups: Vec<String>) -> Result<hyrax_client::Group> {
    let connection = engine.connect().await?;
    let options = GroupOptions { group_name: name.to_owned(), heartbeat: engine.heartbeat.0, subgroups };
    Ok(connection.group(options).await?)
}

impl Join {
    async fn run(self) -> Result<()> {
        let mut signals = Signals::listen().context("cannot listen to signals")?;
        let group = open(&self.engine, &self.group, self.subgroup.clone()).await?;
        let id = self.id.clone().unwrap_or_else(host_name);
        let mut losses = group.losses();
        loop {
            let joined = tokio::select! {
                joined = group.join(&id) => joined?,
                _ = signals.next() => return Ok(()),
            };
            match self.engine.json {
                true => print(&json!({"event": "joined", "member": shown(&joined)}).to_string())?,
                false => tell(format_args!("a member of {:?} as {id:?}; Ctrl-C leaves", self.group)),
            }
            tokio::select! {
                _ = signals.next() => {
                    group.leave(&id).await;
                    return Ok(());
                }
                loss = losses.next() => match loss {
                    // Whoever has taken the id over has it: two that take it from each other would do so for ever.
                    Loss::Seat { cause: LeaveCause::Replaced, .. } => {
                        anyhow::bail!("somebody else joined {:?} as {id:?}", self.group)
                    }
                    Loss::Seat { cause, .. } => {
                        tell(format_args!("out of {:?} ({}); joining again", self.group, cause.word()));
                    }
                    // A member is all that is held here.
                    Loss::Lock { .. } | Loss::Untold(_) => {}
                },
            }
        }
    }
}

impl Watch {
    async fn run(self) -> Result<()> {
        let connection = self.engine.connect().await?;
        let group = connection.group(GroupOptions::named(&self.group)).await?;
        let mut feed = group.events().await?;
        let members: Vec<Member> = feed.members().cloned().collect();
        if self.engine.json {
            print(
                &json!({"event": "members", "members": members.iter().map(shown).collect::<Vec<_>>()})
                    .to_string(),
            )?;
        } else if members.is_empty() {
            print("nobody is here")?;
        } else {
            let names: Vec<_> = members.iter().map(|member| escape(&member.id)).collect();
            print(&format!("{} here: {}", names.len(), names.join(", ")))?;
        }
        loop {
            let GroupEvent { joined, left, .. } = feed.next().await?;
            for (member, cause) in &left {
                match self.engine.json {
                    true => {
                        let event = json!({"event": "left", "member": shown(member), "cause": cause.word()});
                        print(&event.to_string())?;
                    }
                    false => print(&format!("{} left ({})", escape(&member.id), cause.word()))?,
                }
            }
            for member in &joined {
                match self.engine.json {
                    true => print(&json!({"event": "joined", "member": shown(member)}).to_string())?,
                    false => print(&format!("{} joined", escape(&member.id)))?,
                }
            }
        }
    }
}

impl Members {
    async fn run(self) -> Result<()> {
        let connection = self.engine.connect().await?;
        let group = connection.group(GroupOptions::named(&self.group)).await?;
        let members = group.members().await?;
        if self.engine.json {
            return print(&json!(members.iter().map(shown).collect::<Vec<_>>()).to_string());
        }
        members.iter().try_for_each(|member| print(&escape(&member.id)))
    }
}

/// A member as the line door shows it.
fn shown(member: &Member) -> serde_json::Value {
    json!({
        "id": member.id,
        "path": String::from_utf8_lossy(&member.path),
        "joined": member.joined_ms,
        "subgroups": member.subgroups,
    })
}

fn print(line: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}
