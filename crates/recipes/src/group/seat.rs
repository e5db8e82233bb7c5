//! A member's seat, left when it is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyrax_coordination::{
    Compare, CompareOperator, CompareTarget, DeleteRangeRequest, KeyRange, LeaseId, Op, OpResponse,
    PutRequest, RangeRequest, TxnError, TxnRequest, Value, WatchError, WatchRequest,
};
use hyrax_types::Revision;
use hyrax_types::limits::EPHEMERALS_PER_MEMBER_MAX;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::member::Standing;
use super::{Group, GroupError, LeaveCause, Member, layout};
use crate::data::EPHEMERAL;
use crate::names::check_name;
use crate::node_lease::NodeLease;
use crate::retry::{Backoff, comes_back};

/// Deletions in one transaction: engines take 128 operations.
const DELETIONS_PER_TXN: usize = 50;

/// A place in a group. Dropping it leaves the group, in the background.
pub struct Seat {
    chair: Chair,
    leaves_on_drop: bool,
}

/// What a seat is, without the duty to leave it.
#[derive(Clone)]
pub(crate) struct Chair {
    pub(crate) group: Group,
    pub(crate) member: Member,
    /// The lease that the seat hangs on.
    pub(crate) lease: LeaseId,
    /// Where that is kept alive.
    node: Arc<NodeLease>,
    /// The ephemeral keys that the member set, with the revision of its last write; zero where that is not known.
    ephemerals: Arc<Mutex<BTreeMap<String, Revision>>>,
}

impl Seat {
    pub(super) fn new(group: Group, node: Arc<NodeLease>, lease: LeaseId, member: Member) -> Seat {
        let chair = Chair { group, member, lease, node, ephemerals: Arc::default() };
        Seat { chair, leaves_on_drop: true }
    }

    /// Who sits here.
    pub fn member(&self) -> &Member {
        &self.chair.member
    }

    /// The group.
    pub fn group(&self) -> &Group {
        &self.chair.group
    }

    /// What the seat is, for those whose part in something ends with it.
    pub(crate) fn chair(&self) -> &Chair {
        &self.chair
    }

    /// Waits until the seat is lost, and tells why: its lease has ended or is not known to live any more, somebody
    /// else joined under the id, or somebody deleted the key. The future does not keep the seat.
    pub fn lost(&self) -> impl Future<Output = LeaveCause> + Send + use<> {
        let chair = self.chair.clone();
        async move {
            tokio::select! {
                cause = chair.gone() => cause,
                () = chair.lease_ended() => chair.member.cause_of_deletion(),
            }
        }
    }

    /// Leaves the group; whether the member was still in it. An engine that can not be reached is asked until it
    /// answers. When the future is dropped, the group is left all the same.
    pub async fn leave(self) -> bool {
        self.leave_because(LeaveCause::Left).await
    }

    /// Leaves the group, and tells the others why.
    pub async fn leave_because(mut self, cause: LeaveCause) -> bool {
        self.leaves_on_drop = false;
        let leaving = tokio::spawn(self.chair.clone().leave(cause));
        // It is never aborted: it ends early only with the runtime.
        leaving.await.unwrap_or(false)
    }

    /// Sets an ephemeral key, one after the other.
    pub(crate) async fn set_ephemeral(&self, key: &str, value: Value) -> Result<Revision, GroupError> {
        check_name("key", key)?;
        let (chair, name) = (self.chair.clone(), key.to_owned());
        let setting = tokio::spawn(async move { chair.set_ephemeral(name, value).await });
        // As its own task, so that what was set is always known when the member leaves.
        setting.await.unwrap_or(Err(GroupError::Gone))
    }

    /// The key is nobody's any more.
    pub(crate) async fn forget_ephemeral(&self, key: &str) {
        self.chair.ephemerals.lock().await.remove(key);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the lease with it.
        if self.leaves_on_drop
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(self.chair.clone().leave(LeaveCause::Left));
        }
    }
}

impl Chair {
    /// The condition that the seat is still had.
    pub(crate) fn is_had(&self) -> Compare {
        Compare::unchanged_since(self.member.path.clone(), self.member.revision)
    }

    /// Waits until the seat's lease is not known to live any more.
    pub(crate) async fn lease_ended(&self) {
        self.node.ended(self.lease).await;
    }

    /// Says why, then goes, however long the engine takes to answer: a member left behind would be a ghost for as
    /// long as the lease lives.
    async fn leave(self, cause: LeaveCause) -> bool {
        let mut backoff = Backoff::new();
        let said = loop {
            match self.say(cause).await {
                Ok(said) => break said,
                Err(TxnError::Unavailable(unavailable)) if comes_back(&unavailable) => backoff.wait().await,
                Err(_) => break None,
            }
        };
        self.delete_ephemerals().await;
        let Some(revision) = said else { return false };
        let delete = Op::DeleteRange(DeleteRangeRequest::new(KeyRange::single(self.member.path.clone())));
        let request = TxnRequest {
            compare: vec![Compare::unchanged_since(self.member.path.clone(), revision)],
            success: vec![delete],
            failure: Vec::new(),
        };
        self.insist(request).await;
        true
    }

    /// Writes down why the member goes; the revision of that, if it was a member until then.
    async fn say(&self, cause: LeaveCause) -> Result<Option<Revision>, TxnError> {
        let path = self.member.path.clone();
        let farewell = self.member.value(Some(cause));
        let put = PutRequest::new(path.clone(), farewell.clone()).on_lease(self.lease);
        let request = TxnRequest {
            compare: vec![self.is_had()],
            success: vec![Op::Put(put)],
            failure: vec![Op::Range(RangeRequest::new(KeyRange::single(path)))],
        };
        let response = self.group.engine.txn(request).await?;
        if response.succeeded {
            return Ok(Some(response.revision));
        }
        // It may have been written by a try that was not answered.
        Ok(match response.responses.first() {
            Some(OpResponse::Range(range)) => {
                range.kvs.first().filter(|kv| kv.value == farewell).map(|kv| kv.mod_revision)
            }
            _ => None,
        })
    }

    async fn delete_ephemerals(&self) {
        let ephemerals = std::mem::take(&mut *self.ephemerals.lock().await);
        let deletions: Vec<Op> = ephemerals.into_iter().map(|(key, at)| self.delete_own(&key, at)).collect();
        for chunk in deletions.chunks(DELETIONS_PER_TXN) {
            self.insist(TxnRequest { success: chunk.to_vec(), ..TxnRequest::default() }).await;
        }
    }

    /// Deletes an ephemeral key, unless it is another's by now.
    fn delete_own(&self, key: &str, at: Revision) -> Op {
        let key = layout::key_of(&self.group.name, EPHEMERAL, key);
        let own = match at {
            Revision::ZERO => Compare {
                range: KeyRange::single(key.clone()),
                operator: CompareOperator::Equal,
                target: CompareTarget::Lease(self.lease),
            },
            at => Compare::unchanged_since(key.clone(), at),
        };
        let delete = Op::DeleteRange(DeleteRangeRequest::new(KeyRange::single(key)));
        Op::Txn(TxnRequest { compare: vec![own], success: vec![delete], failure: Vec::new() })
    }

    /// Has a transaction done that may be done twice.
    pub(crate) async fn insist(&self, request: TxnRequest) {
        let mut backoff = Backoff::new();
        while let Err(TxnError::Unavailable(unavailable)) = self.group.engine.txn(request.clone()).await
            && comes_back(&unavailable)
        {
            backoff.wait().await;
        }
    }

    async fn set_ephemeral(&self, name: String, value: Value) -> Result<Revision, GroupError> {
        let mut ephemerals = self.ephemerals.lock().await;
        if ephemerals.len() >= EPHEMERALS_PER_MEMBER_MAX && !ephemerals.contains_key(&name) {
            return Err(GroupError::TooManyEphemerals);
        }
        let key = layout::key_of(&self.group.name, EPHEMERAL, &name);
        let request = TxnRequest {
            compare: vec![self.is_had()],
            success: vec![Op::Put(PutRequest::new(key, value).on_lease(self.lease))],
            failure: Vec::new(),
        };
        match self.group.engine.txn(request).await {
            Ok(response) if response.succeeded => {
                ephemerals.insert(name, response.revision);
                Ok(response.revision)
            }
            Ok(_) | Err(TxnError::LeaseNotFound) => Err(GroupError::Gone),
            Err(error) => {
                // It may have been set.
                ephemerals.insert(name, Revision::ZERO);
                Err(error.into())
            }
        }
    }

    /// Waits until the key is not as the member wrote it.
    pub(crate) async fn gone(&self) -> LeaveCause {
        let mut backoff = Backoff::new();
        let mut from = self.member.revision.next();
        loop {
            let range = KeyRange::single(self.member.path.clone());
            let error = match self.group.engine.watch(WatchRequest::new(range, from)).await {
                Ok(mut watch) => loop {
                    match watch.next().await {
                        Ok(batch) => match batch.events.first() {
                            Some(event) => {
                                return self.cause(Member::standing(&event.kv), event.kv.version > 0);
                            }
                            None => from = from.max(batch.revision.next()),
                        },
                        Err(error) => break error,
                    }
                },
                Err(error) => error,
            };
            if matches!(error, WatchError::Compacted { .. })
                && let Ok(reached) = self.look().await
            {
                match reached {
                    Some(reached) => from = reached.next(),
                    None => return LeaveCause::Unknown,
                }
                continue;
            }
            backoff.wait().await;
        }
    }

    fn cause(&self, standing: Option<Standing>, is_there: bool) -> LeaveCause {
        match standing {
            Some(Standing::Gone(cause)) if is_there => cause,
            _ if is_there => LeaveCause::Replaced,
            _ => self.member.cause_of_deletion(),
        }
    }

    /// The engine's revision while the seat is had.
    async fn look(&self) -> Result<Option<Revision>, TxnError> {
        let range = RangeRequest::new(KeyRange::single(self.member.path.clone()));
        let response = self.group.engine.range(range).await?;
        let had = response.kvs.first().is_some_and(|kv| kv.mod_revision == self.member.revision);
        Ok(had.then_some(response.revision))
    }
}
