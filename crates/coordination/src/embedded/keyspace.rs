//! Every key with its versions, in order. Knows revisions; knows no lease, no request, no watcher.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyrax_types::Revision;

use crate::{Key, KeyRange, KeyValue};

/// The versions of one key, oldest first. A deletion is a version too, with version number zero.
#[derive(Debug)]
struct History {
    /// Apart from the older ones, as most keys have only this.
    latest: Arc<KeyValue>,
    older: Vec<Arc<KeyValue>>,
}

impl History {
    /// What the key was at `revision`; `None` before its first version and after a deletion.
    fn at(&self, revision: Revision) -> Option<&Arc<KeyValue>> {
        let version = if self.latest.mod_revision <= revision {
            &self.latest
        } else {
            let after = self.older.partition_point(|version| version.mod_revision <= revision);
            self.older.get(after.checked_sub(1)?)?
        };
        (version.version > 0).then_some(version)
    }

    /// Drops what no revision from `compacted` on can see; whether anything is left.
    fn forget(&mut self, compacted: Revision) -> bool {
        if self.latest.mod_revision <= compacted {
            self.older = Vec::new();
            // A deletion at `compacted` itself stays until the next compaction: a watch from there
            // must still see it.
            return self.latest.version > 0 || self.latest.mod_revision == compacted;
        }
        let visible = self.older.partition_point(|version| version.mod_revision <= compacted);
        if let Some(last) = visible.checked_sub(1) {
            let gone = self.older[last].version == 0 && self.older[last].mod_revision < compacted;
            self.older.drain(..if gone { visible } else { last });
        }
        true
    }
}

/// The ordered keys.
#[derive(Debug, Default)]
pub(super) struct Keyspace {
    keys: BTreeMap<Key, History>,
}

impl Keyspace {
    /// The key as it was at `revision`.
    pub(super) fn get(&self, key: &[u8], revision: Revision) -> Option<&Arc<KeyValue>> {
        self.keys.get(key)?.at(revision)
    }

    /// The keys of `range` as they were at `revision`, in order.
    pub(super) fn range<'a>(
        &'a self,
        range: &'a KeyRange,
        revision: Revision,
    ) -> impl Iterator<Item = &'a Arc<KeyValue>> {
        // One key is looked up; a range is walked.
        let single = if range.is_single() { self.get(&range.key, revision) } else { None };
        let walked = !range.is_single() && !range.is_empty();
        let walk = walked.then(|| self.keys.range::<[u8], _>(range.bounds()));
        let walk = walk.into_iter().flatten().filter_map(move |(_, history)| history.at(revision));
        single.into_iter().chain(walk)
    }

    /// Appends a version.
    pub(super) fn push(&mut self, version: Arc<KeyValue>) {
        match self.keys.get_mut(&version.key) {
            Some(history) => {
                let before = std::mem::replace(&mut history.latest, version);
                history.older.push(before);
            }
            None => {
                let key = version.key.clone();
                self.keys.insert(key, History { latest: version, older: Vec::new() });
            }
        }
    }

    /// Drops the versions of `key` that no revision from `compacted` on can see.
    pub(super) fn forget(&mut self, key: &Key, compacted: Revision) {
        if let Some(history) = self.keys.get_mut(key)
            && !history.forget(compacted)
        {
            self.keys.remove(key);
        }
    }
}
