//! The engine that lives in this process: a pure store, served, and journaled if it is given a disk.
//!
//! `store` decides; `shared` brings the lock, the watches and the gate that holds back what is not on disk
//! yet; this file the clock, the journal and the tasks that end leases, compact and make snapshots. No
//! lock is held across an await, and each is held for one request, or one bounded step of what goes on in
//! the background.

mod changes;
mod compaction;
mod coordination;
mod gate;
mod holes;
mod interval;
mod keyspace;
mod leases;
mod log;
mod maintenance;
mod pause;
mod reading;
mod record;
mod recovery;
mod replay;
mod room;
mod shared;
mod snapshot;
pub(crate) mod store;
mod syncing;
mod tending;
#[cfg(test)]
mod tests;
mod transaction;
mod watch;
mod watchers;

use std::sync::Arc;
use std::time::Duration;

use hyrax_journal::{AppendError, Journal};
use hyrax_types::Clock;

pub use self::compaction::AutoCompaction;
pub use self::record::Malformed;
pub use self::recovery::{OpenError, Recovery};
use self::shared::{Answer, Shared};
pub use self::snapshot::{SnapshotReadError, SnapshotSummary, inspect_snapshot};
pub use self::store::StoreSettings;
use self::store::{Progress, Store};
use self::syncing::{Ears, Telling};
use crate::Unavailable;

/// Compacted events dropped in one hold of the lock. With every write it is more than the write
/// adds, so that the history stays bounded whatever the load.
const SWEEP_STEP_EVENTS: usize = 256;

/// Leases looked at, and keys deleted, in one hold of the lock.
const EXPIRY_STEP_LEASES: usize = 256;
const EXPIRY_STEP_KEYS: u64 = 1_024;

/// How the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// The bounds of the store.
    pub store: StoreSettings,
    /// How often leases are looked at: how late one may end.
    pub expiry_every: Duration,
    /// When the clock jumps by this or more, the process was stopped meanwhile, and that time does not
    /// count for leases. It must be well beyond `expiry_every`, as the clock is read that often. `None`
    /// for a clock that somebody moves.
    pub pause_min: Option<Duration>,
    /// How long a watch with `progress_notify` hears nothing before it is told where it stands.
    pub progress_every: Duration,
    /// How much of the past is kept, if it is to be forgotten without being asked.
    pub auto_compaction: Option<AutoCompaction>,
    /// Bytes of the journal after which a snapshot is made; or half of the last snapshot, if that is more:
    /// as the state grows, what is written for snapshots stays in proportion to what is written anyway.
    pub snapshot_bytes_min: u64,
    /// Whether a client that writes alone has its writes synced by a thread of the runtime, while the disk is quick.
    /// That thread then waits for the disk, some hundred microseconds usually, and for long should the disk get stuck:
    /// somebody has to see to it that the runtime's sockets and timers are looked after meanwhile.
    pub syncs_in_runtime: bool,
}

impl Default for EmbeddedSettings {
    fn default() -> EmbeddedSettings {
        EmbeddedSettings {
            store: StoreSettings::default(),
            expiry_every: Duration::from_millis(50),
            pause_min: None,
            progress_every: Duration::from_secs(600),
            auto_compaction: None,
            snapshot_bytes_min: hyrax_types::limits::COORDINATION_SNAPSHOT_BYTES_MIN,
            syncs_in_runtime: false,
        }
    }
}

/// What the engine and its background task share.
struct Engine {
    shared: Arc<Shared>,
    journal: Option<Journal>,
    clock: Arc<dyn Clock>,
    settings: EmbeddedSettings,
}

/// [`Coordination`](crate::Coordination) in this process: in memory, or journaled to a disk.
pub struct Embedded {
    engine: Arc<Engine>,
    _telling: Option<Telling>,
}

impl Embedded {
    /// Starts an empty engine in memory, and on the current tokio runtime the task that ends its leases;
    /// the task stops when the engine is dropped.
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    pub fn start(clock: Arc<dyn Clock>, settings: EmbeddedSettings) -> Embedded {
        let shared = Arc::new(Shared::new(Store::new(settings.store), None, &settings));
        Embedded::run(Engine { shared, journal: None, clock, settings }, None, 0)
    }

    fn run(engine: Engine, ears: Option<Ears>, snapshot_bytes: u64) -> Embedded {
        let engine = Arc::new(engine);
        let telling = ears.map(|ears| ears.start(&engine));
        tokio::spawn(tending::tend(Arc::downgrade(&engine), snapshot_bytes));
        Embedded { engine, _telling: telling }
    }

    /// Ends every lease whose time has run out, now. The background task does the same in steps;
    /// this is for a simulation that moves the clock itself.
    pub fn expire_leases(&self) {
        while self.engine.expire_step() == Progress::More {}
    }

    /// Makes a snapshot now, and drops what of the journal it replaces. The background task does the same
    /// when the journal has grown. Blocks the thread; without a journal it does nothing.
    pub fn save_snapshot(&self) -> Result<(), hyrax_journal::SnapshotError> {
        tending::save_snapshot(&self.engine).map(|_| ())
    }

    /// The journal's public name: which store this is, also after a restart. None in memory.
    pub fn identity(&self) -> Option<u64> {
        self.engine.journal.as_ref().map(Journal::identity)
    }

    /// Ends the journal, if there is one: waits for what is pending, and marks a clean end. Writes are
    /// refused from now on. Blocks the thread.
    pub fn close(&self) -> Result<(), hyrax_journal::Failure> {
        self.engine.journal.as_ref().map_or(Ok(()), Journal::close)
    }
}

impl Engine {
    /// Runs one request that may write up to `room` bytes of journal, and tells the watches what it did.
    fn write<R>(
        &self,
        room: usize,
        request: impl FnOnce(&mut Store, u64) -> R,
    ) -> Result<Answer<R>, Unavailable> {
        let Some(journal) = &self.journal else {
            return Ok(self.shared.write(self.clock.now_ms(), None, request));
        };
        let reservation = journal.reserve(room).map_err(unavailable)?;
        let answer = self.shared.write(self.clock.now_ms(), Some((journal, reservation)), request);
        if answer.wants_ceiling {
            // Should there be no room for it, the next write tries again.
            _ = journal.reserve(room::ITEM).map(|room| self.shared.raise_ceiling(journal, room));
        }
        Ok(answer)
    }

    /// One bounded step of ending leases.
    fn expire_step(&self) -> Progress {
        if !self.shared.may_expire(self.clock.now_ms()) {
            return Progress::Done;
        }
        let expire = |store: &mut Store, now_ms| store.expire(now_ms, EXPIRY_STEP_LEASES, EXPIRY_STEP_KEYS);
        // While there is no room for it, leases do not end.
        self.write(EXPIRY_STEP_LEASES * room::ITEM, expire).map_or(Progress::Done, |answer| answer.reply)
    }
}

fn unavailable(error: AppendError) -> Unavailable {
    match error {
        AppendError::NoSpace => Unavailable::NoSpace,
        AppendError::TooBusy => Unavailable::TooManyRequests,
        AppendError::Closed => Unavailable::Stopped,
        AppendError::TooLarge { .. } | AppendError::Failed(_) => Unavailable::because(error.to_string()),
    }
}
