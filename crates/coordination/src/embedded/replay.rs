//! From records back to a store: what they tell is done again, in its order.

use bytes::Bytes;
use hyrax_types::Revision;

use super::holes::Hole;
use super::record::{Item, Items, Malformed};
use super::store::{Store, StoreSettings};
use super::transaction::Writer;
use crate::{DeleteRangeRequest, KeyRange, LeaseId};

/// Compacted events dropped after each item.
const SWEEP_EVENTS: usize = 16;

/// A store as it grows out of what was recorded.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) store: Store,
    /// The revisions up to this one may have been shown before they were synced.
    pub(super) ceiling: Revision,
    pub(super) now_ms: u64,
}

impl Replay {
    /// An empty store. Leases begin anew at `now_ms`.
    pub(super) fn new(settings: StoreSettings, now_ms: u64) -> Replay {
        Replay { store: Store::new(settings), ceiling: Revision::ZERO, now_ms }
    }

    /// Does again what a record tells.
    pub(super) fn record(&mut self, record: &[u8]) -> Result<(), Malformed> {
        let mut items = Items::of(record)?;
        while let Some(item) = items.next_item()? {
            self.apply(item, &mut items)?;
        }
        Ok(())
    }

    fn apply(&mut self, item: Item<'_>, items: &mut Items<'_>) -> Result<(), Malformed> {
        match item {
            Item::Begin { revision } => {
                if revision != self.store.revision().next() {
                    return Err(Malformed::Order("a revision that does not follow the one before"));
                }
                self.revision(revision, items)?;
            }
            Item::Grant(grant) => self.store.leases.grant(grant, self.now_ms),
            Item::Revoke { id, revision } => self.revoke(id, revision)?,
            Item::Compact { revision } => {
                if revision > self.store.revision() {
                    return Err(Malformed::Order("a compaction of what has not come yet"));
                }
                self.store.compact_to(revision);
            }
            Item::Ceiling { revision } => self.ceiling = self.ceiling.max(revision),
            Item::Jump { last, to } => self.jump(Hole { last, to })?,
            _ => return Err(Malformed::Order("an item of another place")),
        }
        self.tidy();
        Ok(())
    }

    /// Keeps the history within its bounds.
    pub(super) fn tidy(&mut self) {
        self.store.compact_excess();
        _ = self.store.sweep(SWEEP_EVENTS);
    }

    /// Writes one revision, up to its end.
    pub(super) fn revision(&mut self, revision: Revision, items: &mut Items<'_>) -> Result<(), Malformed> {
        let mut writer = Writer::of(&mut self.store, revision);
        loop {
            match items.next_item()? {
                Some(Item::Put { key, value, lease }) => _ = writer.write(key, value, lease),
                Some(Item::DeleteRange { key, range_end }) => {
                    let range = KeyRange {
                        key: Bytes::copy_from_slice(key),
                        range_end: Bytes::copy_from_slice(range_end),
                    };
                    writer.delete_range(&DeleteRangeRequest::new(range));
                }
                Some(Item::End) => break,
                Some(_) => return Err(Malformed::Order("an item within a revision")),
                None => return Err(Malformed::Short),
            }
        }
        if writer.finish() == revision {
            Ok(())
        } else {
            Err(Malformed::Order("a revision that changes nothing"))
        }
    }

    fn revoke(&mut self, id: LeaseId, revision: Revision) -> Result<(), Malformed> {
        match self.store.lease_revoke(id) {
            Ok(response) if response.revision == revision => Ok(()),
            Ok(_) => Err(Malformed::Order("a lease whose keys were others")),
            Err(_) => Err(Malformed::Order("the end of a lease that was not there")),
        }
    }

    /// Skips revisions that were lost.
    pub(super) fn jump(&mut self, hole: Hole) -> Result<(), Malformed> {
        if hole.last != self.store.revision() || hole.to <= hole.last {
            return Err(Malformed::Order("a jump from another revision"));
        }
        self.store.skip_to(hole.to);
        if let Some(compacted) = self.store.holes.push(hole) {
            self.store.compact_to(compacted);
        }
        Ok(())
    }
}
