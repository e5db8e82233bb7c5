//! Entries of the log, put together to whole revisions.

use std::sync::Arc;

use hyrax_coordination::{Event, EventKind, KeyValue, Unavailable};
use hyrax_types::Revision;
use redis::{Cmd, Value};

use crate::response::{Answer, record};

/// What one revision did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) revision: Revision,
    pub(crate) events: Vec<Event>,
}

/// An entry as Redis names it, and its head, which no other of that name had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) name: String,
    pub(crate) head: String,
}

/// Puts entries together that come in order.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    /// Of a revision whose other entries are still to come.
    pending: Change,
    /// The last entry that was taken.
    pub(crate) mark: Option<Mark>,
}

impl Assembly {
    /// Takes entries as `XRANGE` answers them; answers what is whole.
    pub(crate) fn take(&mut self, entries: Value) -> Result<Vec<Change>, Unavailable> {
        let mut entries = Answer::list(entries)?;
        let mut whole = Vec::new();
        while !entries.is_empty() {
            let mut entry = entries.inner()?;
            let name = entry.text()?;
            let revision = name.split_once('-').and_then(|(revision, _)| revision.parse().ok());
            let revision = revision.ok_or_else(|| Unavailable::because("Redis' log has a strange entry"))?;
            let mut fields = entry.inner()?;
            let is_last = fields.bytes()?.as_ref() == b".";
            let head = fields.text()?;
            self.pending.revision = Revision(revision);
            while !fields.is_empty() {
                self.pending.events.push(event(Revision(revision), &mut fields)?);
            }
            self.mark = Some(Mark { name, head });
            if is_last {
                whole.push(std::mem::take(&mut self.pending));
            }
        }
        Ok(whole)
    }

    /// Whether nothing of a revision is still to come.
    pub(crate) fn is_whole(&self) -> bool {
        self.pending.events.is_empty()
    }
}

fn event(revision: Revision, fields: &mut Answer) -> Result<Event, Unavailable> {
    let key = fields.bytes()?;
    let after = fields.bytes()?;
    fields.bytes()?;
    let before = fields.bytes()?;
    let prev_kv = if before.is_empty() { None } else { Some(Arc::new(record(key.clone(), before)?)) };
    let (kind, kv) = if after.is_empty() {
        (EventKind::Delete, KeyValue { key, mod_revision: revision, ..KeyValue::default() })
    } else {
        (EventKind::Put, record(key, after)?)
    };
    Ok(Event { kind, kv: Arc::new(kv), prev_kv })
}

/// Reads up to `count` entries from a name on, `(` before it to leave that one out.
pub(crate) fn page(log: &[u8], from: &str, count: usize) -> Cmd {
    let mut command = redis::cmd("XRANGE");
    command.arg(log).arg(from).arg("+").arg("COUNT").arg(count);
    command
}
