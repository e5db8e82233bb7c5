//! Assignments: ids, such as partitions or jobs, each of which exactly one live member of a group has.
//!
//! ```text
//! /<group>/assignments/<topic>/ids                what there is to have: a JSON array of names
//! /<group>/assignments/<topic>/takers/<member>    who takes part, on its member's lease: the owner of its seat
//! /<group>/assignments/<topic>/owners/<id>/<lease>[-<session>]    who has the id, on its lease: the member
//! ```
//!
//! There is no leader. Everybody who takes part follows the topic, and from what it sees at one revision plans, as all
//! others do, who is to have how many ids (`plan`): near-equal numbers, and everybody keeps what it has as far as it
//! can. Then it acts on what is its own alone: it gives up what it has too much, and takes what is free and meant for
//! it.
//!
//! **No id has two owners at any instant.** An id is a [lock](crate::Lock): it is had by a key under `owners/<id>/`,
//! created only where there is none. That key goes when its owner, told by [`AssignmentEvent::Revoked`], has stopped and
//! says so, or when its lease ends; only then can another create one. An owner that is cut off stops by its own clock,
//! before the engine ends the lease ([`AssignmentEvent::Lost`]). What can not stop in time, such as a process that was
//! paused in the middle of a write, is refused by its token: `/<group>/assignments/<topic>/owners/<id>` and the token
//! are a [fence](crate::Fence).
//!
//! The ids are those that were named last; everybody takes part in these, whatever it named itself.

mod plan;
#[cfg(test)]
mod tests;
mod view;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hyrax_coordination::{
    Compare, Coordination, KeyRange, Op, PutRequest, RangeError, RangeRequest, TxnError, TxnRequest,
    Unavailable,
};
use hyrax_types::Revision;
use hyrax_types::limits::ASSIGNED_IDS_MAX;
use thiserror::Error;

use self::view::{Layout, Taker, View};
use self::work::{Shared, Worker};
use crate::group::{Chair, Group, GroupError, Seat};
use crate::mirror::{Materialized, Mirror, load_once};
use crate::names::{BadName, check_name};

/// Bytes of all ids of a topic: they are in one key, and engines take values of some megabyte.
const IDS_BYTES_MAX: usize = 1024 * 1024;

/// Why somebody does not take part.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AssignmentError {
    /// A name is none.
    #[error(transparent)]
    Name(#[from] BadName),
    /// More than there can be.
    #[error("too many ids: a topic has at most {ASSIGNED_IDS_MAX}, of {IDS_BYTES_MAX} bytes together")]
    TooManyIds,
    /// The member has ids of this topic in its hands already.
    #[error("this member takes part already; wait until it has left")]
    Present,
    /// It is no member of the group, or the engine failed.
    #[error(transparent)]
    Group(#[from] GroupError),
}

impl From<TxnError> for AssignmentError {
    fn from(error: TxnError) -> AssignmentError {
        AssignmentError::Group(error.into())
    }
}

impl From<RangeError> for AssignmentError {
    fn from(error: RangeError) -> AssignmentError {
        TxnError::from(error).into()
    }
}

impl From<Unavailable> for AssignmentError {
    fn from(unavailable: Unavailable) -> AssignmentError {
        AssignmentError::Group(unavailable.into())
    }
}

/// What a member is told.
#[derive(Debug)]
pub enum AssignmentEvent {
    /// The id is this member's.
    Assigned {
        /// Which.
        id: String,
        /// Greater than that of every owner before.
        token: Revision,
    },
    /// The id is to be another's. It stays this member's until the revocation is dropped.
    Revoked(Revocation),
    /// The id is this member's no more, and may be another's already: its lease has ended, or is not known to live.
    Lost {
        /// Which.
        id: String,
    },
}

/// An id that is to be given up. Dropping it says that the member has stopped, and lets the next owner have the id.
#[derive(Debug)]
pub struct Revocation {
    id: String,
    token: Revision,
    shared: Arc<Shared>,
}

impl Revocation {
    /// Which id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The token under which the member has it.
    pub fn token(&self) -> Revision {
        self.token
    }
}

impl Drop for Revocation {
    fn drop(&mut self) {
        self.shared.stopped(&self.id, self.token);
    }
}

/// A member's part in a topic. Dropping it gives up all ids, in the background: stop first what is done with them.
pub struct Assignments {
    shared: Arc<Shared>,
    mirror: Arc<Mirror<View>>,
}

impl Assignments {
    /// Takes part in a topic of the seat's group, whose ids are these from now on.
    pub async fn join(
        seat: &Seat,
        topic: &str,
        ids: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Assignments, AssignmentError> {
        check_name("topic", topic)?;
        let ids = check_ids(ids)?;
        let (chair, topic) = (seat.chair().clone(), topic.to_owned());
        // As its own task: a part that is taken although nobody waits for it any more ends when it is dropped.
        let taking = tokio::spawn(async move { Assignments::take_part(chair, &topic, ids).await });
        // It is never aborted: it ends early only with the runtime.
        taking.await.unwrap_or_else(|_| Err(Unavailable::Stopped.into()))
    }

    async fn take_part(
        chair: Chair,
        topic: &str,
        ids: BTreeSet<String>,
    ) -> Result<Assignments, AssignmentError> {
        let layout = Layout::new(chair.group.name(), topic);
        let engine = Arc::clone(chair.group.engine());
        name_ids(&engine, &layout, &ids).await?;
        let mirror = Mirror::start(engine, layout.everything(), View::new(&layout)).await?;
        let mirror = Arc::new(mirror);
        let own = Taker { member: chair.member.id.clone(), owner: chair.member.owner.clone() };
        let registered = register(&chair, &layout, &own).await?;
        let shared = Worker::start(chair, layout, own, Arc::clone(&mirror), registered);
        Ok(Assignments { shared, mirror })
    }

    /// What happens next; none once the member is out of the group, and has been told all that came of it.
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<AssignmentEvent> {
        self.shared.next().await
    }

    /// The ids that are this member's, with their tokens, those to be given up included.
    pub fn assigned(&self) -> BTreeMap<String, Revision> {
        self.shared.assigned()
    }

    /// Who has which id, as this member sees it: by id the member, none where the id is free.
    pub fn owners(&self) -> BTreeMap<String, Option<String>> {
        self.mirror.read(|view, _| owners(view))
    }

    /// Gives up all ids, of which this member must not do anything any more, and waits until they are. Those that are
    /// being given up wait for their [`Revocation`].
    pub async fn leave(self) {
        self.shared.close();
        self.shared.gone().await;
    }
}

impl Drop for Assignments {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Who has which id of a topic, for who takes no part in it: by id the member, none where the id is free.
pub async fn assigned(
    group: &Group,
    topic: &str,
) -> Result<BTreeMap<String, Option<String>>, AssignmentError> {
    check_name("topic", topic)?;
    let layout = Layout::new(group.name(), topic);
    let (revision, kvs) = load_once(&**group.engine(), &layout.everything()).await?;
    let mut view = View::new(&layout);
    view.reset(revision, &kvs);
    Ok(owners(&view))
}

fn owners(view: &View) -> BTreeMap<String, Option<String>> {
    let owner = |id: &String| view.owner(id).map(|owned| owned.taker.member.clone());
    view.ids.iter().map(|id| (id.clone(), owner(id))).collect()
}

fn check_ids(ids: impl IntoIterator<Item = impl Into<String>>) -> Result<BTreeSet<String>, AssignmentError> {
    let mut checked = BTreeSet::new();
    let mut bytes = 0;
    for id in ids {
        let id = id.into();
        check_name("id", &id)?;
        bytes += id.len();
        checked.insert(id);
        if checked.len() > ASSIGNED_IDS_MAX || bytes > IDS_BYTES_MAX {
            return Err(AssignmentError::TooManyIds);
        }
    }
    Ok(checked)
}

/// Writes down which ids there are, unless these are.
async fn name_ids(
    engine: &Arc<dyn Coordination>,
    layout: &Layout,
    ids: &BTreeSet<String>,
) -> Result<(), AssignmentError> {
    let found = engine.range(RangeRequest::new(KeyRange::single(layout.ids()))).await?;
    let named = found.kvs.first().and_then(|kv| serde_json::from_slice::<BTreeSet<String>>(&kv.value).ok());
    if named.as_ref() == Some(ids) {
        return Ok(());
    }
    // Strings can always be written.
    let value = serde_json::to_vec(ids).unwrap_or_default();
    let put = Op::Put(PutRequest::new(layout.ids(), value));
    engine.txn(TxnRequest { success: vec![put], ..TxnRequest::default() }).await?;
    Ok(())
}

/// Says that the member takes part; the revision of that.
async fn register(chair: &Chair, layout: &Layout, own: &Taker) -> Result<Revision, AssignmentError> {
    let engine = chair.group.engine();
    let key = layout.taker(&own.member);
    let found = engine.range(RangeRequest::new(KeyRange::single(key.clone()))).await?;
    if found.kvs.first().is_some_and(|kv| kv.value == own.owner) {
        return Err(AssignmentError::Present);
    }
    let as_found = match found.kvs.first() {
        Some(kv) => Compare::unchanged_since(key.clone(), kv.mod_revision),
        None => Compare::absent(key.clone()),
    };
    let put = PutRequest::new(key, own.owner.clone()).on_lease(chair.lease);
    let compare = vec![chair.is_had(), as_found];
    let request = TxnRequest { compare, success: vec![Op::Put(put)], failure: Vec::new() };
    match engine.txn(request).await {
        Ok(response) if response.succeeded => Ok(response.revision),
        Ok(_) | Err(TxnError::LeaseNotFound) => Err(GroupError::Gone.into()),
        Err(error) => {
            // It may take part without anybody who acts for it.
            tokio::spawn(work::withdraw(chair.clone(), layout.clone(), own.clone()));
            Err(error.into())
        }
    }
}
