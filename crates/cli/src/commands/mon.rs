//! `hyrax mon`: the changes of keys, as they happen.

use std::collections::HashMap;
use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::feed::{Follower, follow};
use crate::notice::tell;
use crate::reply;
use crate::request::{ClientOptions, SigningOptions, flat};

/// Monitor keys: print every change as it happens.
///
/// Until interrupted: a lost connection is made again, and resumes where it left off.
#[derive(Args, Debug)]
pub struct Mon {
    #[command(flatten)]
    client: ClientOptions,
    #[command(flatten)]
    signing: SigningOptions,
    /// Take the names for prefixes: monitor all the keys that begin with them
    #[arg(long)]
    prefix: bool,
    /// Begin after this revision, with what was missed since
    #[arg(long, value_name = "REV", conflicts_with = "prefix")]
    since: Option<u64>,
    /// The keys
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
}

impl Mon {
    /// Monitors until interrupted.
    pub fn run(self) -> Result<()> {
        let client = self.client.clone();
        match follow(&client, &mut Monitor::new(self)?)? {}
    }

    fn command(&self) -> &'static str {
        if self.prefix { "mprefix" } else { "madd" }
    }
}

struct Monitor {
    options: Mon,
    /// What signs the request for each key.
    signing: Vec<SigningOptions>,
    /// The last revision seen of each key.
    revs: HashMap<String, u64>,
    /// Whether it was subscribed before.
    begun: bool,
}

impl Monitor {
    fn new(options: Mon) -> Result<Monitor> {
        let requests: Vec<_> = options.keys.iter().map(|key| (options.command(), key.as_str())).collect();
        let signing = options.signing.each(&requests)?;
        let revs = options.since.map(|since| options.keys.iter().map(|key| (key.clone(), since)).collect());
        Ok(Monitor { signing, revs: revs.unwrap_or_default(), begun: false, options })
    }

    fn print(&self, push: &Value) -> Result<()> {
        let mut stdout = io::stdout().lock();
        if self.options.client.json {
            writeln!(stdout, "{push}")?;
        } else {
            writeln!(stdout, "{}", reply::push(push))?;
        }
        Ok(stdout.flush()?)
    }
}

impl Follower for Monitor {
    fn requests(&self) -> Vec<Value> {
        let request = |(key, signing): (&String, &SigningOptions)| {
            // Signed anew for every connection, as a signature expires.
            let mut request = flat(self.options.command(), Some(key), &[], None, signing, &[key]);
            if let (Some(rev), false) = (self.revs.get(key), self.options.prefix) {
                request["since"] = json!(rev);
            }
            request
        };
        self.options.keys.iter().zip(&self.signing).map(request).collect()
    }

    fn replied(&mut self, position: usize, reply: Value) -> Result<()> {
        let key = self.options.keys[position].clone();
        if let Some(rev) = reply["rev"].as_u64() {
            // What is pushed between this reply's revision and the one last seen is still to come.
            let reset = reply["return"] == "reset";
            if reset || !self.revs.contains_key(&key) {
                self.revs.insert(key.clone(), rev);
            }
            if reset {
                self.print(&json!({"cmd": "mreset", "key": key, "value": reply["value"], "rev": rev}))?;
            }
        }
        if self.options.prefix && self.begun {
            tell(format_args!("changes under {key:?} while away are not repeated"));
        } else if !self.begun {
            tell(format_args!("monitoring {key:?}; Ctrl-C ends"));
        }
        self.begun |= position + 1 == self.options.keys.len();
        Ok(())
    }

    fn pushed(&mut self, push: Value) -> Result<()> {
        if let (Some(key), Some(rev)) = (push["key"].as_str(), push["rev"].as_u64())
            && let Some(seen) = self.revs.get_mut(key)
        {
            *seen = rev;
        }
        self.print(&push)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor(line: &[&str]) -> Monitor {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            mon: Mon,
        }
        let options = <Line as clap::Parser>::parse_from([&["mon"], line].concat()).mon;
        Monitor::new(options).unwrap()
    }

    #[test]
    fn a_monitor_resumes_from_the_last_revision_seen() {
        let mut monitor = monitor(&["foo", "bar", "--json"]);
        assert_eq!(
            monitor.requests(),
            [json!({"cmd":"madd","key":"foo"}), json!({"cmd":"madd","key":"bar"})]
        );
        monitor.replied(0, json!({"return":"OK","rev":5})).unwrap();
        monitor.replied(1, json!({"return":"OK","rev":6})).unwrap();
        monitor.pushed(json!({"cmd":"set","key":"foo","args":["x"],"rev":9})).unwrap();
        monitor.pushed(json!({"cmd":"set","key":"other","args":["x"],"rev":99})).unwrap();
        assert_eq!(
            monitor.requests(),
            [json!({"cmd":"madd","key":"foo","since":9}), json!({"cmd":"madd","key":"bar","since":6})]
        );
        monitor.replied(0, json!({"return":"OK","rev":12})).unwrap();
        assert_eq!(monitor.requests()[0]["since"], 9, "10 to 12 are still to be pushed");
        monitor.replied(0, json!({"return":"reset","rev":20,"value":"now"})).unwrap();
        assert_eq!(monitor.requests()[0]["since"], 20);
    }
}
