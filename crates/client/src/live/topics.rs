//! What one connection monitors, and how far each has come. No socket, no clock: lines in, requests and what readers
//! are told out.
//!
//! A server has one monitor for each key of a connection, and a second one takes its place. So all readers of a key
//! share it: whoever comes later asks for the whole value, which is told to those who were there only where it may
//! have overtaken what they heard.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use hyrax_types::Revision;

use super::change::{Change, ChangeKind, EkgChange};
use super::queue::Queue;
use super::wire::{Push, Pushed};
use super::{Error, Value};

/// What a connection is to ask of the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// `madd`: with `since`, to be told what was missed or the value as it is; without, the revision alone.
    Monitor { key: Bytes, since: Option<Revision> },
    /// `emembers`.
    Members { key: Bytes },
    /// `mrem`.
    Stop { key: Bytes },
    /// `mprefix`.
    Prefix { prefix: Bytes },
}

/// Who reads.
#[derive(Clone)]
pub(super) enum Reader {
    Value(Arc<Queue<Change>>),
    Ekg(Arc<Queue<EkgChange>>),
}

/// The monitored keys; or the one prefix, which has a connection of its own: pushes do not say whether they are for
/// a key or for a prefix over it.
#[derive(Default)]
pub(super) struct Topics {
    keys: HashMap<Bytes, Topic>,
    prefix: Option<(Bytes, Arc<Queue<Change>>)>,
}

#[derive(Default)]
struct Topic {
    /// The last change of the value that was told; none before the first answer.
    rev: Option<Revision>,
    /// Nothing was answered over this connection yet: whatever is, holds, also from a server whose revisions begin
    /// anew.
    is_resuming: bool,
    values: Vec<Arc<Queue<Change>>>,
    ekgs: Vec<Arc<Queue<EkgChange>>>,
}

impl Topics {
    /// Lets a reader of a key in; what must be asked for it.
    pub(super) fn add(&mut self, key: Bytes, reader: Reader) -> Vec<Ask> {
        let topic = self.keys.entry(key.clone()).or_default();
        match reader {
            Reader::Value(queue) => topic.values.push(queue),
            Reader::Ekg(queue) => topic.ekgs.push(queue),
        }
        topic.ask(&key)
    }

    /// Has the whole state told anew to readers that await it.
    pub(super) fn refresh(&self, key: &Bytes) -> Vec<Ask> {
        self.keys.get(key).map(|topic| topic.ask(key)).unwrap_or_default()
    }

    /// Has the one prefix monitored.
    pub(super) fn set_prefix(&mut self, prefix: Bytes, queue: Arc<Queue<Change>>) -> Vec<Ask> {
        self.prefix = Some((prefix.clone(), queue));
        vec![Ask::Prefix { prefix }]
    }

    /// Lets a reader go.
    pub(super) fn remove(&mut self, key: &Bytes, reader: &Reader) -> Option<Ask> {
        let topic = self.keys.get_mut(key)?;
        match reader {
            Reader::Value(queue) => topic.values.retain(|other| !Arc::ptr_eq(other, queue)),
            Reader::Ekg(queue) => topic.ekgs.retain(|other| !Arc::ptr_eq(other, queue)),
        }
        if !topic.is_idle() {
            return None;
        }
        self.keys.remove(key);
        Some(Ask::Stop { key: key.clone() })
    }

    /// What must be asked over a new connection, for everybody to go on where they were.
    pub(super) fn resume(&mut self) -> Vec<Ask> {
        let mut asks = Vec::new();
        for (key, topic) in &mut self.keys {
            topic.is_resuming = true;
            asks.extend(topic.ask(key));
        }
        asks.extend(self.prefix.iter().map(|(prefix, _)| Ask::Prefix { prefix: prefix.clone() }));
        asks
    }

    /// `madd` was answered with `since`: `value` where that was too long ago.
    pub(super) fn monitored(&mut self, key: &Bytes, rev: Revision, value: Option<Value>) {
        let Some(topic) = self.keys.get_mut(key) else { return };
        match value {
            // What lies between is pushed now.
            None => {
                topic.is_resuming = false;
                topic.rev.get_or_insert(rev);
            }
            Some(value) => topic.reset(key, rev, Ok(value)),
        }
    }

    /// `emembers` was answered.
    pub(super) fn members(&mut self, key: &Bytes, members: Vec<Bytes>) {
        for queue in self.keys.get(key).iter().flat_map(|topic| &topic.ekgs) {
            let whole = EkgChange::Members(members.clone());
            let bytes = whole.bytes();
            queue.push_whole(whole, bytes);
        }
    }

    /// `mprefix` was answered: `again` where it was monitored before.
    pub(super) fn prefix_monitored(&mut self, again: bool) {
        let Some((prefix, queue)) = &self.prefix else { return };
        queue.open();
        if again {
            let missed = Change { key: prefix.clone(), rev: Revision::ZERO, kind: ChangeKind::Missed };
            let bytes = missed.bytes();
            queue.push(missed, bytes);
        }
    }

    /// The server refuses the monitor: its readers are told why, and nothing more.
    pub(super) fn refused(&mut self, key: &Bytes, error: Error) {
        if let Some(topic) = self.keys.remove(key) {
            topic.end(&error);
        } else if let Some((_, queue)) = self.prefix.as_ref().filter(|(prefix, _)| prefix == key) {
            queue.end(error);
        }
    }

    /// Ends all monitors.
    pub(super) fn end(&mut self, error: &Error) {
        self.keys.drain().for_each(|(_, topic)| topic.end(error));
        self.prefix.take().into_iter().for_each(|(_, queue)| queue.end(error.clone()));
    }

    /// Takes a push in.
    pub(super) fn pushed(&mut self, push: Push) {
        let Push { key, rev, what } = push;
        if let Some((_, queue)) = &self.prefix {
            if let Some(kind) = value_change(what) {
                let change = Change { key, rev, kind };
                let bytes = change.bytes();
                queue.push(change, bytes);
            }
            return;
        }
        let Some(topic) = self.keys.get_mut(&key) else { return };
        match what {
            Pushed::Value(value) => topic.reset(&key, rev, value),
            Pushed::Members(members) => self.members(&key, members),
            Pushed::Command { .. } => topic.changed(key, rev, what),
            Pushed::Added { id, replaces } => topic.tell_ekgs(&EkgChange::Added { id, replaces }),
            Pushed::Removed { id } => topic.tell_ekgs(&EkgChange::Removed { id }),
            Pushed::Closed { id, cause } => topic.tell_ekgs(&EkgChange::Closed { id, cause }),
        }
    }
}

impl Topic {
    fn is_idle(&self) -> bool {
        self.values.is_empty() && self.ekgs.is_empty()
    }

    /// What brings every reader to where it should be.
    fn ask(&self, key: &Bytes) -> Vec<Ask> {
        let since = match self.rev {
            _ if self.values.is_empty() => None,
            Some(rev) if !self.values.iter().any(|queue| queue.awaits_whole()) => Some(rev),
            // It lies ahead of all there are, and is answered with the value.
            _ => Some(Revision::MAX),
        };
        let mut asks = vec![Ask::Monitor { key: key.clone(), since }];
        if !self.ekgs.is_empty() {
            self.ekgs.iter().for_each(|queue| queue.await_whole());
            asks.push(Ask::Members { key: key.clone() });
        }
        asks
    }

    fn changed(&mut self, key: Bytes, rev: Revision, what: Pushed) {
        // Before the first answer everything is in that; and an answer that overtook a push has it.
        if self.rev.is_none_or(|told| rev <= told) {
            return;
        }
        self.rev = Some(rev);
        if let Some(kind) = value_change(what) {
            let change = Change { key, rev, kind };
            for queue in &self.values {
                queue.push(change.clone(), change.bytes());
            }
        }
    }

    fn reset(&mut self, key: &Bytes, rev: Revision, value: Result<Value, String>) {
        let is_news = self.is_resuming || self.rev.is_none_or(|told| rev > told);
        let kind = value.map_or_else(ChangeKind::Unknown, ChangeKind::Reset);
        let change = Change { key: key.clone(), rev, kind };
        for queue in &self.values {
            if is_news || queue.awaits_whole() {
                queue.push_whole(change.clone(), change.bytes());
            }
        }
        if is_news {
            self.rev = Some(rev);
        }
        self.is_resuming = false;
    }

    fn tell_ekgs(&self, change: &EkgChange) {
        for queue in &self.ekgs {
            queue.push(change.clone(), change.bytes());
        }
    }

    fn end(self, error: &Error) {
        self.values.iter().for_each(|queue| queue.end(error.clone()));
        self.ekgs.iter().for_each(|queue| queue.end(error.clone()));
    }
}

fn value_change(what: Pushed) -> Option<ChangeKind> {
    match what {
        Pushed::Value(value) => Some(value.map_or_else(ChangeKind::Unknown, ChangeKind::Reset)),
        Pushed::Command { command, .. } if command == "expired" => Some(ChangeKind::Expired),
        Pushed::Command { command, .. } if command == "evicted" => Some(ChangeKind::Evicted),
        Pushed::Command { command, args, id } => Some(ChangeKind::Command { command, args, id }),
        _ => None,
    }
}
