//! Every key with its versions, in order. Knows revisions; knows no lease, no request, no watcher.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use hashbrown::HashMap;
use hyrax_types::Revision;

use crate::{Key, KeyRange, KeyValue};

/// The last version of a key, which the tree is ordered by: the key's bytes are not kept twice.
#[derive(Debug)]
struct Latest(Arc<KeyValue>);

impl Borrow<[u8]> for Latest {
    fn borrow(&self) -> &[u8] {
        &self.0.key
    }
}

impl PartialEq for Latest {
    fn eq(&self, other: &Latest) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for Latest {}

impl PartialOrd for Latest {
    fn partial_cmp(&self, other: &Latest) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Latest {
    fn cmp(&self, other: &Latest) -> Ordering {
        self.0.key.cmp(&other.0.key)
    }
}

/// The versions of a key before its last one, the oldest first; never empty.
type Older = VecDeque<Arc<KeyValue>>;

/// The ordered keys. A deletion is a version too, with version number zero.
#[derive(Debug, Default)]
pub(super) struct Keyspace {
    latest: BTreeSet<Latest>,
    /// Apart, as most keys have but one version: there are no more here than the history has events.
    older: HashMap<Key, Older, foldhash::fast::RandomState>,
    /// Of the keys and values of the last versions.
    bytes: u64,
}

impl Keyspace {
    /// A key space of keys that are in order, each with one version.
    pub(super) fn from_sorted(keys: Vec<Arc<KeyValue>>) -> Keyspace {
        let bytes = keys.iter().map(|kv| size(kv)).sum();
        Keyspace { latest: keys.into_iter().map(Latest).collect(), older: HashMap::default(), bytes }
    }

    /// How many keys there are, deleted ones that are remembered included.
    pub(super) fn len(&self) -> usize {
        self.latest.len()
    }

    /// Bytes of all keys and their last values.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The key as it was at `revision`.
    pub(super) fn get(&self, key: &[u8], revision: Revision) -> Option<&Arc<KeyValue>> {
        self.at(self.latest.get(key)?, revision)
    }

    /// What the key was at `revision`; `None` before its first version and after a deletion.
    fn at<'a>(&'a self, Latest(latest): &'a Latest, revision: Revision) -> Option<&'a Arc<KeyValue>> {
        let version = if latest.mod_revision <= revision {
            latest
        } else {
            let older = self.older.get(&latest.key)?;
            let after = older.partition_point(|version| version.mod_revision <= revision);
            older.get(after.checked_sub(1)?)?
        };
        (version.version > 0).then_some(version)
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
        let walk = walked.then(|| self.latest.range::<[u8], _>(range.bounds()));
        let walk = walk.into_iter().flatten().filter_map(move |latest| self.at(latest, revision));
        single.into_iter().chain(walk)
    }

    /// Goes on through the keys of `range` after `after`, in order, and looks at `keys_max` of them: hands
    /// over those that were there at `revision`. Answers the last one looked at; none at the end.
    pub(super) fn walk<'a>(
        &'a self,
        range: &KeyRange,
        after: Option<&Key>,
        revision: Revision,
        keys_max: usize,
        mut each: impl FnMut(&'a Arc<KeyValue>),
    ) -> Option<Key> {
        if range.is_single() {
            self.get(&range.key, revision).into_iter().for_each(each);
            return None;
        }
        if range.is_empty() {
            return None;
        }
        let (start, end) = range.bounds();
        let start = after.map_or(start, |after| Bound::Excluded(after.as_ref()));
        let mut left = keys_max;
        for latest in self.latest.range::<[u8], _>((start, end)) {
            self.at(latest, revision).into_iter().for_each(&mut each);
            left -= 1;
            if left == 0 {
                return Some(latest.0.key.clone());
            }
        }
        None
    }

    /// Appends a version.
    pub(super) fn push(&mut self, version: Arc<KeyValue>) {
        self.bytes += size(&version);
        if let Some(Latest(before)) = self.latest.replace(Latest(version)) {
            self.bytes -= size(&before);
            self.older.entry(before.key.clone()).or_default().push_back(before);
        }
    }

    /// Drops the versions of `key` that no revision from `compacted` on can see.
    pub(super) fn forget(&mut self, key: &Key, compacted: Revision) {
        let Some(Latest(latest)) = self.latest.get(key.as_ref()) else { return };
        if latest.mod_revision > compacted {
            let Some(older) = self.older.get_mut(key) else { return };
            forget_older(older, compacted);
            if older.is_empty() {
                self.older.remove(key);
            }
            return;
        }
        self.older.remove(key);
        // A deletion at `compacted` itself stays until the next compaction: a watch from there must
        // still see it.
        if latest.version == 0 && latest.mod_revision < compacted {
            self.bytes -= size(latest);
            self.latest.remove(key.as_ref());
        }
    }
}

fn forget_older(older: &mut Older, compacted: Revision) {
    // What goes is at the front, one or few: they are not searched for.
    while older.get(1).is_some_and(|second| second.mod_revision <= compacted) {
        older.pop_front();
    }
    if older.front().is_some_and(|first| first.version == 0 && first.mod_revision < compacted) {
        older.pop_front();
    }
}

fn size(kv: &KeyValue) -> u64 {
    (kv.key.len() + kv.value.len()) as u64
}
