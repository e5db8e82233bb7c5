//! The whole state as bytes, piece by piece, while writes go on; and back.
//!
//! A snapshot is a row of pieces, each its length (eight bytes, the lowest first) and a record (see
//! [`super::record`]). It has the keys as they were at the first revision that can be read, and what
//! happened since: who loads it has the history too. The state is held for a bounded number of keys at a
//! time; the past that a snapshot needs is pinned meanwhile.

use std::io::{self, Read};
use std::sync::Arc;

use hyrax_types::Revision;
use thiserror::Error;

use super::gate::Gate;
use super::holes::Holes;
use super::keyspace::Keyspace;
use super::leases::Grant;
use super::record::{Item, Items, Malformed, Record, Version};
use super::replay::Replay;
use super::shared::{Pin, Shared};
use super::store::StoreSettings;
use crate::{Event, EventKind, Key, KeyRange, KeyValue};

/// Keys, or events, looked at in one hold of the lock.
const STEP_KEYS: usize = 512;

/// Makes the pieces of one snapshot.
pub(super) struct Pieces {
    pin: Pin,
    pub(super) compacted: Revision,
    pub(super) revision: Revision,
    bytes_expected: u64,
    stage: Stage,
}

/// What comes next.
enum Stage {
    Head { ceiling: Revision, holes: Holes, grants: Vec<Grant> },
    Keys { after: Option<Key> },
    FirstEvents,
    Events { from: Revision },
    End,
    Over,
}

impl Pieces {
    /// Of the state as it is now, seen or not. Answers what `also` tells in the same hold of the lock.
    pub(super) fn of_all<R>(shared: &Arc<Shared>, also: impl FnOnce(Option<&mut Gate>) -> R) -> (Pieces, R) {
        let state = &mut *shared.state.lock();
        let ceiling = state.gate.as_ref().map_or(Revision::ZERO, Gate::ceiling_asked);
        let stage =
            Stage::Head { ceiling, holes: state.store.holes.clone(), grants: state.store.leases.grants() };
        let revision = state.store.revision();
        let bytes_expected = state.store.keys.bytes() + 16 * state.store.keys.len() as u64 + 64;
        let pin = Pin::new(shared, &mut state.store);
        let pieces = Pieces::new(pin, revision, bytes_expected, stage);
        (pieces, also(state.gate.as_mut()))
    }

    /// Of the keys alone, up to a revision that can be read.
    pub(super) fn of_keys(pin: Pin, revision: Revision) -> Pieces {
        Pieces::new(pin, revision, 0, Stage::Keys { after: None })
    }

    fn new(pin: Pin, revision: Revision, bytes_expected: u64, stage: Stage) -> Pieces {
        Pieces { compacted: pin.compacted, pin, revision, bytes_expected, stage }
    }

    /// About how many bytes all pieces have.
    pub(super) fn bytes_expected(&self) -> u64 {
        self.bytes_expected
    }

    /// Whether all is told.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// The next piece, with its length before it; `None` when all is told.
    pub(super) fn next_piece(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut record = Record::default();
            self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Head { ceiling, holes, mut grants } => {
                    grants.sort_unstable_by_key(|grant| grant.id);
                    self.head(&mut record, ceiling, &holes, &grants);
                    Stage::Keys { after: None }
                }
                Stage::Keys { after } => self.keys(&mut record, after),
                Stage::FirstEvents => self.first_events(&mut record),
                Stage::Events { from } => self.events(&mut record, from),
                Stage::End => {
                    record.push(Item::SnapshotEnd);
                    Stage::Over
                }
                Stage::Over => return None,
            };
            if !record.is_empty() {
                return Some(record.into_piece());
            }
        }
    }

    fn head(&self, record: &mut Record, ceiling: Revision, holes: &Holes, grants: &[Grant]) {
        record.push(Item::SnapshotHead { compacted: self.compacted, revision: self.revision });
        holes.iter().for_each(|hole| record.push(Item::Jump { last: hole.last, to: hole.to }));
        record.push(Item::Ceiling { revision: ceiling });
        grants.iter().for_each(|grant| record.push(Item::Grant(*grant)));
    }

    fn keys(&self, record: &mut Record, after: Option<Key>) -> Stage {
        let mut keys = Vec::with_capacity(STEP_KEYS);
        let last = {
            let state = self.pin.shared.state.lock();
            let each = |kv: &Arc<KeyValue>| keys.push(Arc::clone(kv));
            state.store.keys.walk(&KeyRange::all(), after.as_ref(), self.compacted, STEP_KEYS, each)
        };
        keys.iter().for_each(|kv| record.push(Item::SnapshotKey(Version::of(kv))));
        match last {
            Some(last) => Stage::Keys { after: Some(last) },
            None => Stage::FirstEvents,
        }
    }

    /// Of the revision whose effect is in the keys already: a watch may start there.
    fn first_events(&self, record: &mut Record) -> Stage {
        let state = self.pin.shared.state.lock();
        for event in state.store.events_between(self.compacted, self.compacted) {
            record.push(match event.kind {
                EventKind::Put => Item::SnapshotPutEvent(Version::of(&event.kv)),
                EventKind::Delete => Item::SnapshotDeleteEvent { key: &event.kv.key },
            });
        }
        Stage::Events { from: self.compacted.next() }
    }

    fn events(&self, record: &mut Record, from: Revision) -> Stage {
        let mut events: Vec<Event> = Vec::new();
        let mut next = Stage::End;
        let state = self.pin.shared.state.lock();
        for event in state.store.events_between(from, self.revision) {
            let revision = event.kv.mod_revision;
            if events.len() >= STEP_KEYS && events.last().is_some_and(|last| last.kv.mod_revision < revision)
            {
                next = Stage::Events { from: revision };
                break;
            }
            events.push(event.clone());
        }
        drop(state);
        for of_one in events.chunk_by(|a, b| a.kv.mod_revision == b.kv.mod_revision) {
            record.push(Item::Begin { revision: of_one[0].kv.mod_revision });
            of_one.iter().for_each(|event| record.push(Item::of_event(event)));
            record.push(Item::End);
        }
        next
    }
}

/// Why a snapshot was not read.
#[derive(Debug, Error)]
pub enum SnapshotReadError {
    /// The system refused.
    #[error("cannot read the snapshot: {0}")]
    Io(#[from] io::Error),
    /// It is none.
    #[error("the snapshot is broken: {0}")]
    Malformed(#[from] Malformed),
}

/// What a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// The last revision.
    pub revision: Revision,
    /// The first revision that can be read.
    pub compacted: Revision,
    /// How many keys there are.
    pub keys: u64,
    /// How many leases.
    pub leases: u64,
}

/// Reads a whole snapshot, as [`crate::SnapshotStream`] gives it, and tells what is in it. What comes
/// after its end is not read.
pub fn inspect_snapshot(reader: impl Read) -> Result<SnapshotSummary, SnapshotReadError> {
    let Replay { store, .. } = load(reader, StoreSettings::default(), 0)?;
    Ok(SnapshotSummary {
        revision: store.revision(),
        compacted: store.compacted(),
        keys: store.keys.range(&KeyRange::all(), Revision::MAX).count() as u64,
        leases: store.leases.len() as u64,
    })
}

/// The store that a snapshot is of.
pub(super) fn load(
    mut reader: impl Read,
    settings: StoreSettings,
    now_ms: u64,
) -> Result<Replay, SnapshotReadError> {
    let mut loading = Loading::new(settings, now_ms);
    let mut piece = Vec::new();
    while !loading.is_whole {
        let mut length = [0; 8];
        reader.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        piece.clear();
        // Not taken at its word: a broken length must not have gigabytes allocated.
        (&mut reader).take(length).read_to_end(&mut piece)?;
        if piece.len() as u64 != length {
            return Err(Malformed::Short.into());
        }
        loading.piece(&piece)?;
    }
    Ok(loading.replay)
}

/// A store as it grows out of a snapshot.
struct Loading {
    settings: StoreSettings,
    replay: Replay,
    /// Its last revision; none before the head was read.
    revision: Option<Revision>,
    /// Until something else comes: then they become the key space.
    keys: Vec<Arc<KeyValue>>,
    is_whole: bool,
}

impl Loading {
    fn new(settings: StoreSettings, now_ms: u64) -> Loading {
        let replay = Replay::new(settings, now_ms);
        Loading { settings, replay, revision: None, keys: Vec::new(), is_whole: false }
    }

    fn piece(&mut self, piece: &[u8]) -> Result<(), Malformed> {
        let mut items = Items::of(piece)?;
        while let Some(item) = items.next_item()? {
            self.item(item, &mut items)?;
        }
        Ok(())
    }

    fn item(&mut self, item: Item<'_>, items: &mut Items<'_>) -> Result<(), Malformed> {
        let Some(last) = self.revision else {
            let Item::SnapshotHead { compacted, revision } = item else {
                return Err(Malformed::Order("a snapshot without a head"));
            };
            self.revision = Some(revision);
            self.replay.store = super::store::Store::restored(self.settings, compacted);
            return Ok(());
        };
        if let Item::SnapshotKey(version) = item {
            let kv = version.to_key_value();
            if self.keys.last().is_some_and(|before| before.key >= kv.key) {
                return Err(Malformed::Order("keys that are not in order"));
            }
            self.replay.store.leases.attach(kv.lease, &kv.key);
            self.keys.push(Arc::new(kv));
            return Ok(());
        }
        if !self.keys.is_empty() {
            self.replay.store.keys = Keyspace::from_sorted(std::mem::take(&mut self.keys));
        }
        let store = &mut self.replay.store;
        match item {
            Item::Jump { last, to } => _ = store.holes.push(super::holes::Hole { last, to }),
            Item::Ceiling { revision } => self.replay.ceiling = revision,
            Item::Grant(grant) => store.leases.grant(grant, self.replay.now_ms),
            Item::SnapshotPutEvent(version) => store.log.push(Event {
                kind: EventKind::Put,
                kv: Arc::new(version.to_key_value()),
                prev_kv: None,
            }),
            Item::SnapshotDeleteEvent { key } => {
                let mod_revision = store.compacted();
                let key = Key::copy_from_slice(key);
                let kv = Arc::new(KeyValue { key, mod_revision, ..KeyValue::default() });
                store.log.push(Event { kind: EventKind::Delete, kv, prev_kv: None });
            }
            Item::Begin { revision } => {
                if revision <= store.revision() || revision > last {
                    return Err(Malformed::Order("revisions that are not in order"));
                }
                self.replay.revision(revision, items)?;
                self.replay.tidy();
            }
            Item::SnapshotEnd => {
                store.skip_to(last);
                self.is_whole = true;
            }
            _ => return Err(Malformed::Order("an item of another place")),
        }
        Ok(())
    }
}
