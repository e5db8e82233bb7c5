//! `hyrax ekg`: presence.

use std::io::{self, Write};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::feed::{Follower, follow};
use crate::notice::tell;
use crate::reply;
use crate::request::{ClientOptions, SigningOptions, flat};

/// Be present, or see who is.
#[derive(Debug, Subcommand)]
pub enum Ekg {
    /// Be present in an EKG, as long as this runs
    Join(Join),
    /// Print who is there, then who comes and goes
    Watch(Watch),
    /// Print who is there
    Members(Members),
}

/// Be present in an EKG, as long as this runs.
#[derive(Args, Debug)]
pub struct Join {
    #[command(flatten)]
    client: ClientOptions,
    #[command(flatten)]
    signing: SigningOptions,
    /// The EKG
    key: String,
    /// Who to be
    id: String,
}

/// Print who is there, then who comes and goes.
#[derive(Args, Debug)]
pub struct Watch {
    #[command(flatten)]
    client: ClientOptions,
    #[command(flatten)]
    signing: SigningOptions,
    /// The EKG
    key: String,
}

/// Print who is there.
#[derive(Args, Debug)]
pub struct Members {
    #[command(flatten)]
    client: ClientOptions,
    #[command(flatten)]
    signing: SigningOptions,
    /// The EKG
    key: String,
}

impl Ekg {
    /// Runs the subcommand.
    pub fn run(self) -> Result<()> {
        match self {
            Ekg::Join(mut join) => match follow(&join.client.clone(), &mut join)? {},
            Ekg::Watch(watch) => match follow(&watch.client.clone(), &mut Watcher::new(watch)?)? {},
            Ekg::Members(members) => members.run(),
        }
    }
}

impl Follower for Join {
    fn requests(&self) -> Vec<Value> {
        // Signed anew for every connection, as a signature expires.
        vec![flat("eadd", Some(&self.key), &[], Some(&self.id), &self.signing, &[&self.key])]
    }

    fn replied(&mut self, _position: usize, _reply: Value) -> Result<()> {
        let Join { key, id, .. } = self;
        if self.client.json {
            return print(&json!({"cmd": "eadd", "key": key, "id": id}).to_string());
        }
        tell(format_args!("present in {key:?} as {id:?}; Ctrl-C leaves"));
        Ok(())
    }

    fn pushed(&mut self, _push: Value) -> Result<()> {
        Ok(())
    }
}

struct Watcher {
    options: Watch,
    /// What signs each request.
    signing: Vec<SigningOptions>,
}

impl Watcher {
    /// Monitor first: whoever comes in between is then both pushed and counted, never missed.
    const COMMANDS: [&str; 2] = ["madd", "emembers"];

    fn new(options: Watch) -> Result<Watcher> {
        let signing = options.signing.each(&Self::COMMANDS.map(|command| (command, options.key.as_str())))?;
        Ok(Watcher { options, signing })
    }
}

impl Follower for Watcher {
    fn requests(&self) -> Vec<Value> {
        let key = self.options.key.as_str();
        let request = |(command, signing)| flat(command, Some(key), &[], None, signing, &[key]);
        Self::COMMANDS.into_iter().zip(&self.signing).map(request).collect()
    }

    fn replied(&mut self, position: usize, reply: Value) -> Result<()> {
        if position == 0 {
            return Ok(());
        }
        let Watch { key, client, .. } = &self.options;
        if client.json {
            return print(&json!({"cmd": "ereset", "key": key, "members": reply["return"]}).to_string());
        }
        let members: Vec<_> = reply["return"].as_array().into_iter().flatten().map(reply::inline).collect();
        match members.len() {
            0 => print("nobody is here"),
            count => print(&format!("{count} here: {}", members.join(", "))),
        }
    }

    fn pushed(&mut self, push: Value) -> Result<()> {
        let id = || reply::inline(&push["id"]);
        let line = match push["cmd"].as_str() {
            Some("eadd" | "erem" | "eclose" | "ereset") if self.options.client.json => push.to_string(),
            Some("eadd") => format!("{} came", id()),
            Some("erem") => format!("{} left", id()),
            Some("eclose") => format!("{} is gone ({})", id(), reply::inline(&push["cause"])),
            Some("ereset") => format!("now here: {}", reply::inline(&push["members"])),
            // The key may have a value as well, which is not asked for here.
            _ => return Ok(()),
        };
        print(&line)
    }
}

impl Members {
    fn run(self) -> Result<()> {
        let mut connection = self.client.enter(None)?;
        let members =
            connection.call(&flat("emembers", Some(&self.key), &[], None, &self.signing, &[&self.key]))?;
        if self.client.json {
            return print(&members.to_string());
        }
        for member in members.as_array().into_iter().flatten() {
            print(&reply::inline(member))?;
        }
        Ok(())
    }
}

fn print(line: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}
