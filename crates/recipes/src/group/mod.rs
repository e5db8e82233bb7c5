//! Groups: who is there, who comes and who goes.
//!
//! A [`Seat`] is held by whoever joined: its key hangs on a lease, so a member whose process dies or stalls for longer
//! than the lease lives is out, and everybody who follows the group is told. In a client process the lease lives for
//! 1.5 heartbeats ([`lease_ttl`]); in a server it is the node's, which all its sessions share, and a session that has
//! asked for heartbeats is watched by its server.
//!
//! Ids are a group's own: who joins under an id that is taken takes it over, as a process does that was started anew
//! before its old lease has ended. The one before is told.
//!
//! Joining is one write, whoever is there. Following costs one event a change, and a list only where the engine has
//! forgotten what came in between.

mod feed;
pub(crate) mod layout;
mod member;
mod seat;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{Coordination, Key, PutError, PutRequest, TxnError, Unavailable};
use hyrax_types::limits::{HEARTBEAT_MAX, HEARTBEAT_MIN, SUBGROUPS_MAX};
use hyrax_types::{Clock, Revision, SessionId};
use thiserror::Error;
use tokio::sync::oneshot;

pub use self::feed::MemberFeed;
use self::member::Standing;
pub use self::member::{GroupEvent, LeaveCause, Member};
pub(crate) use self::seat::Chair;
pub use self::seat::Seat;
use crate::lock::Lock;
use crate::mirror::load_once;
use crate::names::{BadName, check_name};
use crate::node_lease::NodeLease;
use crate::queue::Owner;

/// The group of whoever names none.
pub const DEFAULT_GROUP: &str = "default-group";

/// The heartbeat of whoever names none.
pub const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(5);

/// How often an operation is tried whose lease is gone each time.
const LEASES_TRIED_MAX: usize = 3;

/// The folder of members.
const MEMBERS: &str = "members";

/// Why somebody is no member.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GroupError {
    /// A name is none.
    #[error(transparent)]
    Name(#[from] BadName),
    /// More subgroups than a member may have.
    #[error("too many subgroups: a member has at most {SUBGROUPS_MAX}")]
    TooManySubgroups,
    /// The lease that the member should hang on is not known.
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    /// The member has left, or its lease has ended.
    #[error("the member is not in the group any more")]
    Gone,
    /// More ephemeral keys than a member may have.
    #[error(
        "too many ephemeral keys: a member has at most {}",
        hyrax_types::limits::EPHEMERALS_PER_MEMBER_MAX
    )]
    TooManyEphemerals,
    /// The engine could not be asked, or did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The engine refused.
    #[error("the coordination engine refused: {0}")]
    Refused(TxnError),
}

impl From<TxnError> for GroupError {
    fn from(error: TxnError) -> GroupError {
        match error {
            TxnError::LeaseNotFound => GroupError::LeaseNotFound,
            TxnError::Unavailable(unavailable) => GroupError::Unavailable(unavailable),
            error => GroupError::Refused(error),
        }
    }
}

impl From<PutError> for GroupError {
    fn from(error: PutError) -> GroupError {
        GroupError::from(TxnError::from(error))
    }
}

/// A heartbeat that nobody can have.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a heartbeat lasts from {HEARTBEAT_MIN:?} to {HEARTBEAT_MAX:?}, not {0:?}")]
pub struct BadHeartbeat(pub Duration);

/// How long a member may be silent whose heart beats that often: 1.5 heartbeats, which is also how long the lease of
/// a client process lives.
pub fn lease_ttl(heartbeat: Duration) -> Result<Duration, BadHeartbeat> {
    if (HEARTBEAT_MIN..=HEARTBEAT_MAX).contains(&heartbeat) {
        Ok(heartbeat * 3 / 2)
    } else {
        Err(BadHeartbeat(heartbeat))
    }
}

/// The group of one name. Cloning it is cheap.
#[derive(Clone)]
pub struct Group {
    engine: Arc<dyn Coordination>,
    clock: Arc<dyn Clock>,
    name: Arc<str>,
}

impl Group {
    /// The group of that name. `clock` says when members join.
    pub fn new(engine: Arc<dyn Coordination>, clock: Arc<dyn Clock>, name: &str) -> Result<Group, BadName> {
        check_name("group", name)?;
        Ok(Group { engine, clock, name: name.into() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn engine(&self) -> &Arc<dyn Coordination> {
        &self.engine
    }

    /// Joins under an id. The seat hangs on `lease`, and is that of `session` where many share the lease. Who has
    /// the id already is replaced; the same owner has its subgroups and its joining time renewed, and its earlier
    /// seat ends. Dropping the future gives the seat up.
    pub async fn join(
        &self,
        lease: &Arc<NodeLease>,
        session: Option<SessionId>,
        id: &str,
        subgroups: Vec<String>,
    ) -> Result<Seat, GroupError> {
        check_name("member", id)?;
        if subgroups.len() > SUBGROUPS_MAX {
            return Err(GroupError::TooManySubgroups);
        }
        subgroups.iter().try_for_each(|subgroup| check_name("subgroup", subgroup))?;
        let member = Member {
            id: id.to_owned(),
            path: layout::key_of(&self.name, MEMBERS, id),
            joined_ms: self.clock.now_ms(),
            subgroups,
            owner: String::new(),
            revision: Revision::ZERO,
        };
        let (tell, told) = oneshot::channel();
        let (group, lease) = (self.clone(), Arc::clone(lease));
        // As its own task: a seat that is taken although nobody waits for it any more is left when it is dropped.
        tokio::spawn(async move {
            _ = tell.send(group.sit_down(lease, session, member).await);
        });
        // The task is never aborted: it ends early only with the runtime.
        told.await.unwrap_or_else(|_| Err(Unavailable::Stopped.into()))
    }

    async fn sit_down(
        self,
        lease: Arc<NodeLease>,
        session: Option<SessionId>,
        mut member: Member,
    ) -> Result<Seat, GroupError> {
        let mut tried = 0;
        loop {
            let id = lease.id();
            member.owner = Owner { lease: id, session }.suffix();
            let put = PutRequest::new(member.path.clone(), member.value(None)).on_lease(id);
            match self.engine.put(put).await {
                Ok(response) => {
                    member.revision = response.revision;
                    return Ok(Seat::new(self, lease, id, member));
                }
                Err(PutError::LeaseNotFound) if tried < LEASES_TRIED_MAX => {
                    tried += 1;
                    lease.replaced(id).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Who is in the group, ordered by id.
    pub async fn members(&self) -> Result<Vec<Member>, GroupError> {
        let (_, members) = self.load().await?;
        Ok(members)
    }

    /// Who is in the group, and from there on who comes and goes.
    pub async fn follow(&self) -> Result<MemberFeed, GroupError> {
        let (revision, members) = self.load().await?;
        Ok(MemberFeed::new(self.clone(), revision, members))
    }

    /// The group's lock of that name. It is the engine's lock `/<group>/locks/<name>`.
    pub fn lock(&self, name: &str) -> Result<Lock, BadName> {
        Ok(Lock::new(Arc::clone(&self.engine), &self.lock_name(name)?))
    }

    /// What the group's lock of that name is called in the engine.
    pub fn lock_name(&self, name: &str) -> Result<Key, BadName> {
        check_name("lock", name)?;
        Ok(layout::key_of(&self.name, "locks", name))
    }

    /// Everybody, at one revision.
    async fn load(&self) -> Result<(Revision, Vec<Member>), Unavailable> {
        let range = layout::range_of(&self.name, MEMBERS);
        let (revision, kvs) = load_once(&*self.engine, &range).await?;
        let members = kvs.iter().filter_map(|kv| match Member::standing(kv)? {
            Standing::Member(member) => Some(member),
            Standing::Gone(_) => None,
        });
        let mut members: Vec<Member> = members.collect();
        // Keys are in the order of what is escaped.
        members.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok((revision, members))
    }
}
