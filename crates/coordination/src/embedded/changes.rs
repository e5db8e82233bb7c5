//! What a request changed, as the journal is to keep it. Knows no journal.

use super::record::{Item, Record};
use crate::LeaseId;

/// The changes since they were last taken; none are collected before somebody wants them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    record: Option<Record>,
    about: About,
}

/// What must be known of changes beside what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// One of them belongs to more than this process: nobody may learn of it before it is synced.
    pub(super) must_last: bool,
    /// The last lease granted.
    pub(super) granted: Option<LeaseId>,
}

impl Changes {
    /// From now on changes are collected.
    pub(super) fn keep(&mut self) {
        self.record = Some(Record::default());
    }

    /// Whether changes are collected.
    pub(super) fn are_kept(&self) -> bool {
        self.record.is_some()
    }

    pub(super) fn push(&mut self, item: Item<'_>) {
        if let Some(record) = &mut self.record {
            record.push(item);
            if let Item::Grant(grant) = item {
                self.about.granted = Some(grant.id);
            }
        }
    }

    /// One of the changes belongs to more than this process.
    pub(super) fn must_last(&mut self) {
        self.about.must_last = true;
    }

    /// Hands over what was collected; `None` if nothing changed.
    pub(super) fn take<R>(&mut self, take: impl FnOnce(&[u8], About) -> R) -> Option<R> {
        let about = std::mem::take(&mut self.about);
        let record = self.record.as_mut().filter(|record| !record.is_empty())?;
        let taken = take(record.as_bytes(), about);
        record.clear();
        Some(taken)
    }
}
