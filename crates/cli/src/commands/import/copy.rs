//! Copying a tree: a directory at a time, so that neither store has to hold or send more than one of them at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use hyrax_client::etcd_v2::{Client, Error, Node, Response};
use hyrax_types::limits::ETCD2_IMPORT_WRITES_MAX;
use indicatif::ProgressBar;
use tokio::task::JoinSet;

use super::tally::Tally;
use crate::notice::tell;

/// Times to live that differ by so much are the same: both are whole seconds, read one after the other.
const SAME_TTL_S: u64 = 2;

/// A directory that ends may end while it is copied, and must not be there again without an end.
#[derive(Debug)]
enum Step {
    /// Copies a directory, or a key.
    Enter(String),
    /// All that is in this directory is copied, which ends then.
    Leave(String, Instant),
}

/// What became of one node.
enum Outcome {
    Written,
    Unchanged,
    Gone,
    Refused(String),
}

/// A copy under way.
pub(super) struct Copy<'a> {
    from: &'a Client,
    to: &'a Client,
    progress: &'a ProgressBar,
    tally: Tally,
}

impl<'a> Copy<'a> {
    pub(super) fn new(from: &'a Client, to: &'a Client, progress: &'a ProgressBar) -> Copy<'a> {
        Copy { from, to, progress, tally: Tally::default() }
    }

    /// Copies what is at this path, and below it.
    pub(super) async fn tree(&mut self, root: &str) -> Result<()> {
        self.progress.inc_length(1);
        let mut ahead = vec![Step::Enter(root.to_owned())];
        while let Some(step) = ahead.pop() {
            match step {
                Step::Enter(path) => self.enter(&path, &mut ahead).await?,
                Step::Leave(path, end) if end <= Instant::now() => {
                    found(self.to.delete_dir(&path).recursive().await)?;
                }
                Step::Leave(..) => {}
            }
        }
        Ok(())
    }

    /// What was done, as of now.
    pub(super) async fn finish(mut self) -> Result<Tally> {
        let ended = index(self.from.get("/").quorum().await)?;
        if let Some((_, last)) = &mut self.tally.source_indexes {
            *last = ended;
        }
        self.tally.target_index = index(self.to.get("/").quorum().await)?;
        Ok(self.tally)
    }

    async fn enter(&mut self, path: &str, ahead: &mut Vec<Step>) -> Result<()> {
        let Some(source) = found(self.from.get(path).quorum().await)? else {
            self.count(path, false, false, Outcome::Gone);
            return Ok(());
        };
        let read_at = Instant::now();
        self.tally.source_indexes.get_or_insert((source.index, source.index));
        let target = match self.to.get(path).quorum().await {
            Ok(response) => Some(response.node),
            Err(error) if error.is_not_found() => None,
            Err(error) => {
                let refused = outcome(Err(error))?;
                self.count(path, source.node.dir, false, refused);
                return Ok(());
            }
        };
        if !source.node.dir {
            return self.keys(vec![source.node], target.as_slice(), read_at).await;
        }
        let end = end_of(&source.node, read_at);
        let is_root = source.node.key.trim_matches('/').is_empty();
        let made =
            if is_root { Outcome::Unchanged } else { self.directory(path, target.as_ref(), end).await? };
        let is_refused = matches!(made, Outcome::Refused(_));
        self.count(path, true, end.is_some(), made);
        if is_refused {
            return Ok(());
        }
        ahead.extend(end.map(|end| Step::Leave(path.to_owned(), end)));
        let (directories, keys): (Vec<Node>, Vec<Node>) =
            source.node.nodes.into_iter().partition(|node| node.dir);
        self.progress.inc_length((directories.len() + keys.len()) as u64);
        ahead.extend(directories.into_iter().rev().map(|node| Step::Enter(node.key)));
        for key in &keys {
            self.tally.note_name(key.name(), path);
        }
        let there = target.map(|node| node.nodes).unwrap_or_default();
        self.keys(keys, &there, read_at).await
    }

    /// Makes a directory, or has the one that is there end when it is to.
    async fn directory(&self, path: &str, target: Option<&Node>, end: Option<Instant>) -> Result<Outcome> {
        let ttl = match remaining(end) {
            Remaining::Ended => return Ok(Outcome::Gone),
            Remaining::Forever => None,
            Remaining::Time(time) => Some(time),
        };
        let written = match target {
            None => self.to.create_dir(path).ttl(ttl).await,
            // It would become an empty key.
            Some(node) if !node.dir => return Ok(Outcome::Refused("there is a key".to_owned())),
            Some(node) if is_same_ttl(node, ttl) => return Ok(Outcome::Unchanged),
            Some(_) => self.to.update_dir(path).ttl(ttl).await,
        };
        outcome(written)
    }

    /// Writes those keys that are not `there` as they are to be.
    async fn keys(&mut self, keys: Vec<Node>, there: &[Node], read_at: Instant) -> Result<()> {
        let there: HashMap<&str, &Node> = there.iter().map(|node| (node.key.as_str(), node)).collect();
        let mut writes = JoinSet::new();
        for node in keys {
            let value = node.value.as_deref().unwrap_or_default();
            self.tally.unreadable += u64::from(value.contains(char::REPLACEMENT_CHARACTER));
            let end = end_of(&node, read_at);
            let ttl = match remaining(end) {
                Remaining::Ended => {
                    self.count(&node.key, false, true, Outcome::Gone);
                    continue;
                }
                Remaining::Forever => None,
                Remaining::Time(time) => Some(time),
            };
            let is_same = |there: &&&Node| !there.dir && there.value == node.value && is_same_ttl(there, ttl);
            if there.get(&*node.key).filter(is_same).is_some() {
                self.count(&node.key, false, ttl.is_some(), Outcome::Unchanged);
                continue;
            }
            while writes.len() >= ETCD2_IMPORT_WRITES_MAX {
                self.wait_for_one(&mut writes).await?;
            }
            let set = self.to.set(&node.key, value).ttl(ttl);
            writes.spawn(async move { (node.key, end.is_some(), set.await) });
        }
        while !writes.is_empty() {
            self.wait_for_one(&mut writes).await?;
        }
        Ok(())
    }

    async fn wait_for_one(
        &mut self,
        writes: &mut JoinSet<(String, bool, Result<Response, Error>)>,
    ) -> Result<()> {
        if let Some(done) = writes.join_next().await {
            let (key, ends, written) = done?;
            self.count(&key, false, ends, outcome(written)?);
        }
        Ok(())
    }

    fn count(&mut self, path: &str, is_directory: bool, ends: bool, outcome: Outcome) {
        self.progress.inc(1);
        match outcome {
            Outcome::Written => {
                let kind = if is_directory { &mut self.tally.directories } else { &mut self.tally.keys };
                *kind += 1;
                self.tally.ending += u64::from(ends);
            }
            Outcome::Unchanged => self.tally.unchanged += u64::from(!path.trim_matches('/').is_empty()),
            Outcome::Gone => self.tally.gone += 1,
            Outcome::Refused(why) => {
                self.tally.refused += 1;
                self.progress.suspend(|| tell(format_args!("{path}: not copied: {why}")));
            }
        }
    }
}

/// How long a node is still to be there.
enum Remaining {
    Forever,
    Time(Duration),
    Ended,
}

fn remaining(end: Option<Instant>) -> Remaining {
    match end.map(|end| end.saturating_duration_since(Instant::now())) {
        None => Remaining::Forever,
        Some(Duration::ZERO) => Remaining::Ended,
        Some(time) => Remaining::Time(time),
    }
}

/// When a node ends. One whose end no clock can tell has none.
fn end_of(node: &Node, read_at: Instant) -> Option<Instant> {
    let ttl_s = u64::try_from(node.ttl?).unwrap_or(0);
    read_at.checked_add(Duration::from_secs(ttl_s))
}

fn is_same_ttl(there: &Node, ttl: Option<Duration>) -> bool {
    match (there.ttl.map(|ttl| u64::try_from(ttl).unwrap_or(0)), ttl) {
        (None, None) => true,
        (Some(there_s), Some(ttl)) => there_s.abs_diff(ttl.as_secs()) <= SAME_TTL_S,
        _ => false,
    }
}

/// What was read; none where there is nothing.
fn found(read: Result<Response, Error>) -> Result<Option<Response>> {
    match read {
        Ok(response) => Ok(Some(response)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn index(read: Result<Response, Error>) -> Result<u64> {
    match read {
        Ok(response) => Ok(response.index),
        Err(Error::Etcd(error)) => Ok(error.index),
        Err(error) => Err(error.into()),
    }
}

/// A refusal concerns the one node, unless it is that nothing may be written at all.
fn outcome(written: Result<Response, Error>) -> Result<Outcome> {
    use hyrax_client::etcd_v2::ErrorCode;
    match written {
        Ok(_) => Ok(Outcome::Written),
        Err(error) if error.code() == Some(ErrorCode::Unauthorized) || error.is_transient() => {
            Err(error.into())
        }
        Err(error) => Ok(Outcome::Refused(error.to_string())),
    }
}
