//! What one member does for its part: it looks, plans, gives up, takes, and tells.
//!
//! What it has is what the view shows; so a transaction whose answer was lost needs no memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hyrax_coordination::{
    Compare, CompareOperator, CompareTarget, DeleteRangeRequest, KeyRange, Op, OpResponse, PutRequest,
    TxnError, TxnRequest, TxnResponse,
};
use hyrax_types::Revision;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::plan::plan;
use super::view::{Layout, Taker, View};
use super::{AssignmentEvent, Revocation};
use crate::group::Chair;
use crate::mirror::{Mirror, load_once};
use crate::retry::Backoff;

/// Ids taken or given up in one transaction: engines take 128 operations.
const IDS_PER_TXN: usize = 50;

/// What the worker and the member's process share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// There is something to tell.
    told: Notify,
    /// There is something to do.
    wake: Notify,
    progress: watch::Sender<Progress>,
}

/// How far a member's part has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    /// It takes part.
    Acting,
    /// It has nothing any more, and gets nothing.
    Over,
    /// Nothing of it is left in the key space.
    Gone,
}

#[derive(Debug, Default)]
struct State {
    /// What the member has, by id.
    own: BTreeMap<String, Own>,
    /// What it gave up, until the view shows that too.
    released: BTreeMap<String, Revision>,
    /// At most two for an id: that it was lost, and what came after.
    events: VecDeque<Pending>,
    /// Everything is to be given up.
    leaving: bool,
    /// Nobody listens any more.
    closed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Own {
    token: Revision,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The member's.
    Held,
    /// The member is to stop.
    Revoking,
    /// It has stopped.
    Stopped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pending {
    Assigned(String, Revision),
    Revoked(String, Revision),
    Lost(String),
}

impl Pending {
    fn id(&self) -> &str {
        match self {
            Pending::Assigned(id, _) | Pending::Revoked(id, _) | Pending::Lost(id) => id,
        }
    }
}

impl Shared {
    pub(super) async fn next(self: &Arc<Self>) -> Option<AssignmentEvent> {
        let mut progress = self.progress.subscribe();
        loop {
            // Before the events: after the end there come no more.
            let is_over = *progress.borrow_and_update() >= Progress::Over;
            let event = self.state.lock().events.pop_front();
            match event {
                Some(Pending::Assigned(id, token)) => return Some(AssignmentEvent::Assigned { id, token }),
                Some(Pending::Lost(id)) => return Some(AssignmentEvent::Lost { id }),
                Some(Pending::Revoked(id, token)) => {
                    let shared = Arc::clone(self);
                    return Some(AssignmentEvent::Revoked(Revocation { id, token, shared }));
                }
                None if is_over => return None,
                None => tokio::select! {
                    () = self.told.notified() => {}
                    _ = progress.changed() => {}
                },
            }
        }
    }

    pub(super) fn assigned(&self) -> BTreeMap<String, Revision> {
        let state = self.state.lock();
        let had = state.own.iter().filter(|(_, own)| own.phase != Phase::Stopped);
        had.map(|(id, own)| (id.clone(), own.token)).collect()
    }

    /// The member has stopped what it did with an id.
    pub(super) fn stopped(&self, id: &str, token: Revision) {
        if let Some(own) = self.state.lock().own.get_mut(id)
            && own.token == token
        {
            own.phase = Phase::Stopped;
        }
        self.wake.notify_one();
    }

    /// Nobody listens any more, and nothing is done with any id but for those that are being given up.
    pub(super) fn close(&self) {
        self.state.lock().close();
        self.wake.notify_one();
    }

    /// It is over, and whatever the member still had is lost.
    fn lose_all(&self) {
        let mut state = self.state.lock();
        state.leaving = true;
        let ids: Vec<String> = state.own.keys().cloned().collect();
        ids.iter().for_each(|id| state.lose(id));
        drop(state);
        self.progress.send_replace(Progress::Over);
    }

    pub(super) async fn gone(&self) {
        // The sender is in `self`.
        _ = self.progress.subscribe().wait_for(|progress| *progress == Progress::Gone).await;
    }
}

impl State {
    fn close(&mut self) {
        (self.closed, self.leaving) = (true, true);
        for event in std::mem::take(&mut self.events) {
            if let Some(own) = self.own.get_mut(event.id()) {
                own.phase = Phase::Stopped;
            }
        }
        let held = self.own.values_mut().filter(|own| own.phase == Phase::Held);
        held.for_each(|own| own.phase = Phase::Stopped);
    }

    fn tell(&mut self, event: Pending) {
        if !self.closed {
            self.events.push_back(event);
        }
    }

    /// Takes in what the view shows to be this member's.
    fn take_in(&mut self, view: &View, taker: &Taker) {
        let ours = view.owned().filter(|(_, owned)| owned.taker == *taker);
        let ours: BTreeMap<&String, Revision> = ours.map(|(id, owned)| (id, owned.token)).collect();
        self.released.retain(|id, token| ours.get(id) == Some(token));
        let gone = |(id, own): (&String, &Own)| (ours.get(id) != Some(&own.token)).then(|| id.clone());
        for id in self.own.iter().filter_map(gone).collect::<Vec<_>>() {
            self.lose(&id);
        }
        for (id, token) in ours {
            if self.own.contains_key(id) || self.released.contains_key(id) {
                continue;
            }
            let phase = if self.leaving { Phase::Stopped } else { Phase::Held };
            self.own.insert(id.clone(), Own { token, phase });
            if phase == Phase::Held {
                self.tell(Pending::Assigned(id.clone(), token));
            }
        }
    }

    fn lose(&mut self, id: &str) {
        let Some(own) = self.own.remove(id) else { return };
        let was_told = !self.events.iter().any(|event| matches!(event, Pending::Assigned(of, _) if of == id));
        self.events.retain(|event| event.id() != id || matches!(event, Pending::Lost(_)));
        // What it has stopped anyway it need not hear of.
        if was_told && own.phase != Phase::Stopped {
            self.tell(Pending::Lost(id.to_owned()));
        }
    }

    fn revoke(&mut self, id: &str) {
        let Some(own) = self.own.get_mut(id) else { return };
        let untold = |event: &Pending| matches!(event, Pending::Assigned(of, _) if of == id);
        if let Some(place) = self.events.iter().position(untold) {
            // It never knew.
            own.phase = Phase::Stopped;
            self.events.remove(place);
            return;
        }
        own.phase = Phase::Revoking;
        let token = own.token;
        self.tell(Pending::Revoked(id.to_owned(), token));
    }

    /// Revokes what the plan says is too much; what is to be taken.
    fn follow(&mut self, view: &View, taker: &Taker) -> Vec<String> {
        if self.leaving {
            self.revoke_held(|_| true, usize::MAX);
            return Vec::new();
        }
        self.revoke_held(|id| !view.ids.contains(id), usize::MAX);
        let plan = plan(view, taker);
        let going = self.own.iter().filter(|(_, own)| own.phase != Phase::Held).map(|(id, _)| id);
        // The view shows what was released as had for a moment more.
        let going = going.chain(self.released.keys()).filter(|id| view.ids.contains(*id));
        let surplus = plan.surplus.saturating_sub(going.count());
        self.revoke_held(|_| true, surplus);
        plan.take
    }

    fn revoke_held(&mut self, which: impl Fn(&str) -> bool, max: usize) {
        let held = self.own.iter().rev().filter(|(id, own)| own.phase == Phase::Held && which(id));
        let ids: Vec<String> = held.take(max).map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| self.revoke(id));
    }
}

/// What is to be done next.
#[derive(Default)]
struct Step {
    /// The member takes part no more.
    withdraw: bool,
    release: Vec<(String, Revision)>,
    take: Vec<String>,
    /// Nothing is left to do, ever.
    done: bool,
}

/// Acts for a member until it is out, or has left.
pub(super) struct Worker {
    chair: Chair,
    layout: Layout,
    own: Taker,
    mirror: Arc<Mirror<View>>,
    shared: Arc<Shared>,
    /// The revision that made it take part.
    registered: Revision,
}

impl Worker {
    pub(super) fn start(
        chair: Chair,
        layout: Layout,
        own: Taker,
        mirror: Arc<Mirror<View>>,
        registered: Revision,
    ) -> Arc<Shared> {
        let (state, told, wake) = Default::default();
        let shared = Arc::new(Shared { state, told, wake, progress: watch::Sender::new(Progress::Acting) });
        let worker = Worker { chair, layout, own, mirror, shared: Arc::clone(&shared), registered };
        tokio::spawn(worker.run());
        shared
    }

    async fn run(self) {
        tokio::select! {
            () = self.work() => {}
            () = self.chair.lease_ended() => {}
        }
        self.shared.lose_all();
        // Where the lease lives after all, others are not to wait for its end.
        let Worker { chair, layout, own, shared, .. } = self;
        withdraw(chair, layout, own).await;
        shared.progress.send_replace(Progress::Gone);
    }

    /// Acts until nothing is left to do.
    async fn work(&self) {
        let gone = self.chair.gone();
        tokio::pin!(gone);
        let mut changes = self.mirror.subscribe();
        let mut backoff = Backoff::new();
        let mut seated = true;
        loop {
            changes.mark_unchanged();
            let step = self.look();
            if step.done {
                return;
            }
            match self.act(step).await {
                Ok(true) => {
                    backoff = Backoff::new();
                    continue;
                }
                Ok(false) => {}
                Err(TxnError::LeaseNotFound) => return,
                Err(_) => {
                    backoff.wait().await;
                    continue;
                }
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = self.shared.wake.notified() => {}
                _ = &mut gone, if seated => {
                    seated = false;
                    self.shared.state.lock().leaving = true;
                }
            }
        }
    }

    /// Takes in how it stands, tells what is new, and finds what to do.
    fn look(&self) -> Step {
        let step = self.mirror.read(|view, revision| {
            let mut state = self.shared.state.lock();
            if revision < self.registered {
                return Step { done: false, ..Step::default() };
            }
            let takes_part = view.takes(&self.own);
            state.leaving |= !takes_part;
            state.take_in(view, &self.own);
            let take = state.follow(view, &self.own);
            let stopped = state.own.iter().filter(|(_, own)| own.phase == Phase::Stopped);
            let release: Vec<_> =
                stopped.map(|(id, own)| (id.clone(), own.token)).take(IDS_PER_TXN).collect();
            let done = state.leaving && !takes_part && state.own.is_empty();
            Step { withdraw: state.leaving && takes_part, release, take, done }
        });
        self.shared.told.notify_one();
        step
    }

    /// Does it; whether that changed anything, which the view then shows.
    async fn act(&self, step: Step) -> Result<bool, TxnError> {
        if step.withdraw {
            let response = self.txn(vec![], vec![self.withdrawal()]).await?;
            self.shown(&response).await?;
            return Ok(true);
        }
        if !step.release.is_empty() {
            let releases = step.release.iter().map(|(id, token)| self.release(id, *token)).collect();
            self.txn(vec![], releases).await?;
            let mut state = self.shared.state.lock();
            for (id, token) in step.release {
                state.own.remove(&id);
                state.released.insert(id, token);
            }
            return Ok(true);
        }
        if step.take.is_empty() {
            return Ok(false);
        }
        let takes = step.take.iter().take(IDS_PER_TXN).map(|id| self.take(id)).collect();
        let takes_part = Compare {
            range: KeyRange::single(self.layout.taker(&self.own.member)),
            operator: CompareOperator::Equal,
            target: CompareTarget::Value(self.own.owner.clone().into()),
        };
        let response = self.txn(vec![self.chair.is_had(), takes_part], takes).await?;
        let is_taken = |response: &OpResponse| matches!(response, OpResponse::Txn(inner) if inner.succeeded);
        if !response.succeeded || !response.responses.iter().any(is_taken) {
            // Others were faster: the view will show it.
            return Ok(false);
        }
        self.shown(&response).await?;
        Ok(true)
    }

    async fn txn(&self, compare: Vec<Compare>, success: Vec<Op>) -> Result<TxnResponse, TxnError> {
        self.chair.group.engine().txn(TxnRequest { compare, success, failure: Vec::new() }).await
    }

    async fn shown(&self, response: &TxnResponse) -> Result<(), TxnError> {
        Ok(self.mirror.reached(response.revision).await?)
    }

    fn withdrawal(&self) -> Op {
        withdrawal(&self.layout, &self.own)
    }

    fn take(&self, id: &str) -> Op {
        let place = self.layout.place(id, &self.own.owner);
        let put = PutRequest::new(place, self.own.member.clone()).on_lease(self.chair.lease);
        Op::Txn(TxnRequest {
            compare: vec![Compare::none_in(self.layout.places(id))],
            success: vec![Op::Put(put)],
            failure: Vec::new(),
        })
    }

    fn release(&self, id: &str, token: Revision) -> Op {
        let place = KeyRange::single(self.layout.place(id, &self.own.owner));
        let is_there = Compare {
            range: place.clone(),
            operator: CompareOperator::Equal,
            // Revisions count writes: they stay far below i64's end.
            target: CompareTarget::CreateRevision(token.0 as i64),
        };
        Op::Txn(TxnRequest {
            compare: vec![is_there],
            success: vec![Op::DeleteRange(DeleteRangeRequest::new(place))],
            failure: Vec::new(),
        })
    }
}

/// Takes no part any more, unless somebody else does under the member's name.
fn withdrawal(layout: &Layout, own: &Taker) -> Op {
    let taker = KeyRange::single(layout.taker(&own.member));
    let is_own = Compare {
        range: taker.clone(),
        operator: CompareOperator::Equal,
        target: CompareTarget::Value(own.owner.clone().into()),
    };
    Op::Txn(TxnRequest {
        compare: vec![is_own],
        success: vec![Op::DeleteRange(DeleteRangeRequest::new(taker))],
        failure: Vec::new(),
    })
}

/// Leaves nothing behind of a member's part, however long the engine takes to answer. Once it takes no part it can take
/// no id; what it has then is given up. The last to leave forgets the ids.
pub(super) async fn withdraw(chair: Chair, layout: Layout, own: Taker) {
    chair.insist(TxnRequest { success: vec![withdrawal(&layout, &own)], ..TxnRequest::default() }).await;
    let mut backoff = Backoff::new();
    let places = loop {
        match load_once(&**chair.group.engine(), &layout.owners()).await {
            Ok((_, kvs)) => break kvs,
            Err(unavailable) if crate::retry::comes_back(&unavailable) => backoff.wait().await,
            Err(_) => return,
        }
    };
    let suffix = format!("/{}", own.owner);
    let own_places =
        places.iter().filter(|kv| kv.key.ends_with(suffix.as_bytes()) && kv.value == own.member.as_bytes());
    let deletions: Vec<Op> = own_places
        .map(|kv| Op::DeleteRange(DeleteRangeRequest::new(KeyRange::single(kv.key.clone()))))
        .collect();
    for chunk in deletions.chunks(IDS_PER_TXN) {
        chair.insist(TxnRequest { success: chunk.to_vec(), ..TxnRequest::default() }).await;
    }
    let forget = Op::DeleteRange(DeleteRangeRequest::new(KeyRange::single(layout.ids())));
    let compare = vec![Compare::none_in(layout.takers())];
    chair.insist(TxnRequest { compare, success: vec![forget], failure: Vec::new() }).await;
}
