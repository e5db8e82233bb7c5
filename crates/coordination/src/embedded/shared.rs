//! What is behind the engine's lock, and the few ways in.

use std::sync::Arc;
use std::task::Waker;

use hyrax_journal::{Failure, Journal, Position, Reservation};
use hyrax_types::Revision;
use parking_lot::Mutex;

use super::changes::About;
use super::gate::{Gate, Wait};
use super::pause::LeaseClock;
use super::record::{Item, Record};
use super::store::{Progress, Store};
use super::watchers::Watchers;
use super::{EmbeddedSettings, SWEEP_STEP_EVENTS};
use crate::{LeaseId, Unavailable};

/// What the engine, its watches, its snapshots and the thread that syncs share.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
}

/// What is behind the lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) store: Store,
    pub(super) watchers: Watchers,
    lease_clock: LeaseClock,
    /// Where there is a journal.
    pub(super) gate: Option<Gate>,
}

/// A reply, to be given when its wait is over.
pub(super) struct Answer<R> {
    pub(super) reply: R,
    pub(super) wait: Option<Wait>,
    /// Whether it is time for [`Shared::raise_ceiling`].
    pub(super) wants_ceiling: bool,
}

/// Keeps the past that can be read now, whatever is compacted, until it is dropped.
pub(super) struct Pin {
    pub(super) shared: Arc<Shared>,
    /// From which revision on.
    pub(super) compacted: Revision,
}

impl Pin {
    /// `store` is that of `shared`, whose lock is held.
    pub(super) fn new(shared: &Arc<Shared>, store: &mut Store) -> Pin {
        Pin { shared: Arc::clone(shared), compacted: store.pin() }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.shared.state.lock().store.unpin(self.compacted);
    }
}

impl Shared {
    pub(super) fn new(store: Store, gate: Option<Gate>, settings: &EmbeddedSettings) -> Shared {
        let pause_min_ms = settings.pause_min.map(|pause| pause.as_millis() as u64);
        let lease_clock = LeaseClock::new(pause_min_ms);
        let state = State { store, watchers: Watchers::default(), lease_clock, gate };
        Shared { state: Mutex::new(state) }
    }

    /// Runs one request that may write, has the journal keep what it changed, and tells the watches what
    /// may be seen of it.
    pub(super) fn write<R>(
        &self,
        now_ms: u64,
        journal: Option<(&Journal, Reservation)>,
        request: impl FnOnce(&mut Store, u64) -> R,
    ) -> Answer<R> {
        let mut woken = Vec::new();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let before = state.store.visible();
        let now_ms = state.lease_clock.at(now_ms);
        let reply = request(&mut state.store, now_ms);
        let mut answer = Answer { reply, wait: None, wants_ceiling: false };
        if let (Some((journal, reservation)), Some(gate)) = (journal, &mut state.gate) {
            let revision = state.store.revision();
            let append = |record: &[u8], about| (journal.append(reservation, record), about);
            if let Some((position, About { must_last, granted })) = state.store.changes.take(append) {
                gate.appended(position, revision, must_last, granted);
                if let Some(visible) = gate.pass() {
                    state.store.show(visible);
                }
            }
            answer.wait = gate.wait();
            answer.wants_ceiling = gate.next_ceiling(revision).is_some();
        }
        state.publish_since(before, &mut woken);
        drop(guard);
        woken.into_iter().for_each(Waker::wake);
        answer
    }

    /// Runs a request that reads what may not be seen yet.
    pub(super) fn observe<R>(&self, now_ms: u64, request: impl FnOnce(&Store, u64) -> R) -> Answer<R> {
        let state = &mut *self.state.lock();
        let now_ms = state.lease_clock.at(now_ms);
        let reply = request(&state.store, now_ms);
        let wait = state.gate.as_mut().and_then(Gate::wait);
        Answer { reply, wait, wants_ceiling: false }
    }

    /// Runs a renewal of a lease: it waits for nothing, but for what nobody may know of yet.
    pub(super) fn keep_alive<T, E>(
        &self,
        now_ms: u64,
        id: LeaseId,
        renew: impl FnOnce(&mut Store, u64) -> Result<T, E>,
    ) -> Answer<Result<T, E>> {
        let state = &mut *self.state.lock();
        let now_ms = state.lease_clock.at(now_ms);
        let reply = renew(&mut state.store, now_ms);
        let unsure = |gate: &&mut Gate| reply.is_err() || gate.hides(id);
        let wait = state.gate.as_mut().filter(unsure).and_then(Gate::wait);
        Answer { reply, wait, wants_ceiling: false }
    }

    /// Whether a lease may have run out.
    pub(super) fn may_expire(&self, now_ms: u64) -> bool {
        let state = &mut *self.state.lock();
        let now_ms = state.lease_clock.at(now_ms);
        state.store.leases.may_be_due(now_ms)
    }

    /// Has more revisions set aside for what is shown before it is synced.
    pub(super) fn raise_ceiling(&self, journal: &Journal, room: Reservation) {
        let state = &mut *self.state.lock();
        let revision = state.store.revision();
        let Some(gate) = &mut state.gate else { return };
        if let Some(ceiling) = gate.next_ceiling(revision) {
            let mut record = Record::default();
            record.push(Item::Ceiling { revision: ceiling });
            let position = journal.append(room, record.as_bytes());
            gate.appended(position, revision, false, None);
            gate.ceiling_appended(position, ceiling);
        }
    }

    /// The journal has synced more, or stopped.
    pub(super) fn synced(&self, synced: Result<Position, Failure>) {
        let mut woken = Vec::new();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let Some(gate) = &mut state.gate else { return };
        let released = match synced {
            Ok(position) => {
                let before = state.store.visible();
                gate.reach(position);
                if let Some(visible) = gate.pass() {
                    state.store.show(visible);
                }
                let released = gate.released();
                state.publish_since(before, &mut woken);
                released
            }
            Err(failure) => gate.stop(Unavailable::because(failure.to_string())),
        };
        drop(guard);
        released.tell();
        woken.into_iter().for_each(Waker::wake);
    }

    /// One bounded step of dropping what was compacted.
    pub(super) fn sweep_step(&self) -> Progress {
        self.state.lock().store.sweep(SWEEP_STEP_EVENTS)
    }
}

impl State {
    /// Tells the watches what may be seen since `before`, and keeps the history within its bounds.
    fn publish_since(&mut self, before: Revision, woken: &mut Vec<Waker>) {
        let visible = self.store.visible();
        if visible != before {
            self.watchers.publish(self.store.events_between(before.next(), visible), woken);
            self.store.compact_excess();
            _ = self.store.sweep(SWEEP_STEP_EVENTS);
        }
    }
}
