//! Groups: members with heartbeats, who come and go; their locks, what they remember, and what each of them does.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{Coordination, Key, Value};
use hyrax_recipes::group::{BadHeartbeat, DEFAULT_GROUP, DEFAULT_HEARTBEAT, lease_ttl};
use hyrax_recipes::{
    AssignmentError, Assignments, BadName, Ephemeral, LeaveCause, LockListener, Locks, LocksError,
    MemberFeed, NodeLease, Persistent, Seat, group,
};
use hyrax_types::{Revision, SessionId, SystemClock};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::broadcast;

use crate::connection::{NoLease, next_session};

/// Losses that are kept for those who do not listen at the moment.
const LOSSES_KEPT: usize = 1_024;

/// Which group, and as whom.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// The group's name; `default-group` unless said otherwise.
    pub group_name: String,
    /// How often this process shows that it lives: 5 s unless said otherwise. When nothing is heard of it for one and a
    /// half times that, its members are out, with their locks and ephemeral keys. It must be well above the longest pause
    /// that the process may have.
    pub heartbeat: Duration,
    /// The parts of the group that its members here belong to.
    pub subgroups: Vec<String>,
}

impl Default for GroupOptions {
    fn default() -> GroupOptions {
        GroupOptions {
            group_name: DEFAULT_GROUP.to_owned(),
            heartbeat: DEFAULT_HEARTBEAT,
            subgroups: Vec::new(),
        }
    }
}

impl GroupOptions {
    /// The group of this name, the rest as usual.
    pub fn named(group_name: &str) -> GroupOptions {
        GroupOptions { group_name: group_name.to_owned(), ..GroupOptions::default() }
    }
}

/// Why something could not be done in a group.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GroupError {
    /// A name is none.
    #[error(transparent)]
    Name(#[from] BadName),
    /// Nobody can live by that heartbeat.
    #[error(transparent)]
    Heartbeat(#[from] BadHeartbeat),
    /// This process could not have a lease.
    #[error(transparent)]
    NoLease(#[from] NoLease),
    /// Only a member can do this: join first.
    #[error("{0:?} is no member here: join first")]
    NotJoined(String),
    /// The group, or its engine, refused.
    #[error(transparent)]
    Group(#[from] group::GroupError),
    /// A lock was not had.
    #[error(transparent)]
    Lock(#[from] LocksError),
    /// It takes no part in what is assigned.
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
}

/// Something that this process had in a group, and lost without giving it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A member is out, with its ephemeral keys. It may join again.
    Seat {
        /// Which.
        id: String,
        /// Why.
        cause: LeaveCause,
    },
    /// A lock is another's, or may be.
    Lock {
        /// Which.
        name: String,
        /// By whom it was held.
        member: String,
        /// The token that it was held with.
        token: Revision,
    },
    /// So many losses were not listened to in time that these are not known one by one.
    Untold(u64),
}

/// A group, and the members that this process has in it. Cloning it is cheap, and clones share them. When the last is
/// dropped, its members leave and its locks are released, in the background.
///
/// What is done for a member takes its id, in the functions that end in `_as`. The others do it for the member that joined
/// first of those who are in. Locks need nobody to have joined: then, and from then on, they are those of a member named
/// after the host.
///
#[doc = include_str!("group.md")]
#[derive(Clone)]
pub struct Group {
    shared: Arc<Shared>,
}

struct Shared {
    group: group::Group,
    lease: Arc<NodeLease>,
    subgroups: Vec<String>,
    members: Mutex<Members>,
    locks: Arc<Locks>,
    desk: Arc<Desk>,
}

/// Who of this process is in.
#[derive(Default)]
struct Members {
    seats: BTreeMap<String, Arc<Seat>>,
    /// The one that is meant where none is named.
    first: Option<String>,
    /// The one whose locks are meant where none is named, once that was asked.
    locker: Option<String>,
}

/// Which session is whose, and who hears of losses.
struct Desk {
    sessions: Mutex<BTreeMap<String, SessionId>>,
    /// What a lock's name in the engine begins with.
    prefix: Key,
    losses: broadcast::Sender<Loss>,
}

impl LockListener for Desk {
    fn lost(&self, session: SessionId, name: &Key, token: Revision) {
        let sessions = self.sessions.lock();
        let member = sessions.iter().find(|(_, other)| **other == session).map(|(member, _)| member.clone());
        let name = name.strip_prefix(&self.prefix[..]).unwrap_or(name);
        let name = String::from_utf8_lossy(name).into_owned();
        // Nobody may listen.
        _ = self.losses.send(Loss::Lock { name, member: member.unwrap_or_default(), token });
    }
}

impl Desk {
    /// A member's locks are held by a session of its own.
    fn session(&self, member: &str) -> SessionId {
        *self.sessions.lock().entry(member.to_owned()).or_insert_with(next_session)
    }
}

impl Group {
    pub(crate) async fn new(
        engine: Arc<dyn Coordination>,
        options: GroupOptions,
    ) -> Result<Group, GroupError> {
        let GroupOptions { group_name, heartbeat, subgroups } = options;
        let ttl = lease_ttl(heartbeat)?;
        let group = group::Group::new(Arc::clone(&engine), Arc::new(SystemClock), &group_name)?;
        let lease = NodeLease::start(Arc::clone(&engine), ttl).await.map_err(NoLease::from)?;
        let lease = Arc::new(lease);
        let some = group.lock_name("x")?;
        let desk = Arc::new(Desk {
            sessions: Mutex::default(),
            prefix: some.slice(..some.len() - 1),
            losses: broadcast::Sender::new(LOSSES_KEPT),
        });
        let listener = Arc::clone(&desk) as Arc<dyn LockListener>;
        let locks = Arc::new(Locks::new(engine, Arc::clone(&lease), listener));
        let members = Mutex::default();
        Ok(Group { shared: Arc::new(Shared { group, lease, subgroups, members, locks, desk }) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.shared.group.name()
    }

    /// Joins under this id. Somebody who has it already is out.
    ///
    /// Cancel-safe: dropping the future leaves again.
    pub async fn join(&self, id: &str) -> Result<group::Member, GroupError> {
        let shared = &self.shared;
        let subgroups = shared.subgroups.clone();
        let seat = Arc::new(shared.group.join(&shared.lease, None, id, subgroups).await?);
        let member = seat.member().clone();
        let lost = seat.lost();
        {
            let mut members = shared.members.lock();
            members.seats.insert(id.to_owned(), seat);
            members.first.get_or_insert_with(|| id.to_owned());
        }
        let (shared, id, revision) = (Arc::downgrade(shared), id.to_owned(), member.revision);
        tokio::spawn(async move {
            let cause = lost.await;
            if let Some(shared) = shared.upgrade()
                && shared.take(&id, Some(revision)).is_some()
            {
                // Nobody may listen.
                _ = shared.desk.losses.send(Loss::Seat { id, cause });
            }
        });
        Ok(member)
    }

    /// Joins under the host's name.
    pub async fn join_host(&self) -> Result<group::Member, GroupError> {
        self.join(&host_name()).await
    }

    /// Has a member leave, with its locks and ephemeral keys; whether it was in the group. It leaves even when the future
    /// is dropped.
    pub async fn leave(&self, id: &str) -> bool {
        let seat = self.shared.take(id, None);
        let session = self.shared.desk.sessions.lock().remove(id);
        if let Some(session) = session {
            self.shared.locks.release(session).await;
        }
        match seat.map(Arc::try_unwrap) {
            Some(Ok(seat)) => seat.leave().await,
            // It leaves when what is being done for it is done.
            Some(Err(_)) => true,
            None => false,
        }
    }

    /// Everybody in the group, ordered by id.
    pub async fn members(&self) -> Result<Vec<group::Member>, GroupError> {
        Ok(self.shared.group.members().await?)
    }

    /// Who is in the group, and from there on who comes and who goes, each once. A watch that breaks goes on where it
    /// stopped.
    pub async fn events(&self) -> Result<MemberFeed, GroupError> {
        Ok(self.shared.group.follow().await?)
    }

    /// What this process loses from here on without giving it up.
    pub fn losses(&self) -> Losses {
        Losses { losses: self.shared.desk.losses.subscribe() }
    }

    /// Takes a lock of the group if nobody has it, its member included; the fencing token. None when it is held.
    ///
    /// It is held until it is released, its member leaves, or it is lost, which [`Group::losses`] tells. Cancel-safe:
    /// dropping the future gives it up again, unless it was had already, when [`Group::release`] does.
    pub async fn lock(&self, name: &str) -> Result<Option<Revision>, GroupError> {
        self.lock_as(&self.locker(), name).await
    }

    /// The same for a member.
    pub async fn lock_as(&self, member: &str, name: &str) -> Result<Option<Revision>, GroupError> {
        let (session, key) = self.place(member, name)?;
        Ok(self.shared.locks.try_lock(session, key, value_of(member)).await?)
    }

    /// Waits for a lock of the group, no longer than `patience`; the fencing token. None when it did not come.
    /// Cancel-safe, as [`Group::lock`].
    pub async fn lock_within(&self, name: &str, patience: Duration) -> Result<Option<Revision>, GroupError> {
        self.lock_within_as(&self.locker(), name, patience).await
    }

    /// The same for a member.
    pub async fn lock_within_as(
        &self,
        member: &str,
        name: &str,
        patience: Duration,
    ) -> Result<Option<Revision>, GroupError> {
        let (session, key) = self.place(member, name)?;
        match self.shared.locks.claim(session, key, value_of(member)) {
            Err(LocksError::Present) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(claim) => match claim.lock(Some(patience)).await {
                Ok(token) => Ok(Some(token)),
                Err(LocksError::TimedOut) => Ok(None),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Takes a lock of the group if nobody has it, or the same member has it: then the token is the same. It is held once
    /// however often it was taken.
    pub async fn reentrant_lock(&self, name: &str) -> Result<Option<Revision>, GroupError> {
        self.reentrant_lock_as(&self.locker(), name).await
    }

    /// The same for a member.
    pub async fn reentrant_lock_as(&self, member: &str, name: &str) -> Result<Option<Revision>, GroupError> {
        let (session, key) = self.place(member, name)?;
        Ok(self.shared.locks.relock(session, key, value_of(member)).await?)
    }

    /// Releases a lock; whether its member held it.
    pub async fn release(&self, name: &str) -> Result<bool, GroupError> {
        self.release_as(&self.locker(), name).await
    }

    /// The same for a member: `true` only for the one that held it.
    pub async fn release_as(&self, member: &str, name: &str) -> Result<bool, GroupError> {
        let (session, key) = self.place(member, name)?;
        Ok(self.shared.locks.unlock(session, &key, None).await?)
    }

    /// Sets a key for as long as its member is in the group.
    pub async fn ephemeral_set(&self, key: &str, value: impl Into<Value>) -> Result<(), GroupError> {
        self.ephemeral_set_as(&self.member(), key, value).await
    }

    /// The same for a member.
    pub async fn ephemeral_set_as(
        &self,
        member: &str,
        key: &str,
        value: impl Into<Value>,
    ) -> Result<(), GroupError> {
        let seat = self.seat(member)?;
        self.ephemeral().set(&seat, key, value).await?;
        Ok(())
    }

    /// What an ephemeral key holds, whoever set it.
    pub async fn ephemeral_get(&self, key: &str) -> Result<Option<Value>, GroupError> {
        Ok(self.ephemeral().get(key).await?)
    }

    /// Deletes an ephemeral key, whoever set it; whether it was there.
    pub async fn ephemeral_del(&self, key: &str) -> Result<bool, GroupError> {
        let seat = self.seat(&self.member())?;
        Ok(self.ephemeral().del(&seat, key).await?)
    }

    /// Every ephemeral key and what it holds, in the order of the keys.
    pub async fn ephemeral_list(&self) -> Result<Vec<(String, Value)>, GroupError> {
        Ok(self.ephemeral().list().await?)
    }

    /// Sets a key that stays.
    pub async fn persistent_set(&self, key: &str, value: impl Into<Value>) -> Result<(), GroupError> {
        self.persistent().set(key, value).await?;
        Ok(())
    }

    /// What a persistent key holds.
    pub async fn persistent_get(&self, key: &str) -> Result<Option<Value>, GroupError> {
        Ok(self.persistent().get(key).await?)
    }

    /// Deletes a persistent key; whether it was there.
    pub async fn persistent_del(&self, key: &str) -> Result<bool, GroupError> {
        Ok(self.persistent().del(key).await?)
    }

    /// Every persistent key and what it holds, in the order of the keys.
    pub async fn persistent_list(&self) -> Result<Vec<(String, Value)>, GroupError> {
        Ok(self.persistent().list().await?)
    }

    /// Takes part in a topic, whose ids are these from now on: each of them is exactly one member's, near-equally many
    /// each, and none moves but when members come or go.
    ///
    /// Cancel-safe: dropping the future takes no part.
    pub async fn assignments(
        &self,
        topic: &str,
        ids: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Assignments, GroupError> {
        self.assignments_as(&self.member(), topic, ids).await
    }

    /// The same for a member.
    pub async fn assignments_as(
        &self,
        member: &str,
        topic: &str,
        ids: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Assignments, GroupError> {
        let seat = self.seat(member)?;
        Ok(Assignments::join(&seat, topic, ids).await?)
    }

    /// The recipe that this stands on.
    pub fn recipe(&self) -> &group::Group {
        &self.shared.group
    }

    fn ephemeral(&self) -> Ephemeral {
        Ephemeral::new(&self.shared.group)
    }

    fn persistent(&self) -> Persistent {
        Persistent::new(&self.shared.group)
    }

    /// Who is meant where nobody is named.
    fn member(&self) -> String {
        self.shared.members.lock().first.clone().unwrap_or_else(host_name)
    }

    /// The same for locks: whoever took one must be able to release it, whoever joins in between.
    fn locker(&self) -> String {
        let mut members = self.shared.members.lock();
        let Members { first, locker, .. } = &mut *members;
        locker.get_or_insert_with(|| first.clone().unwrap_or_else(host_name)).clone()
    }

    fn seat(&self, member: &str) -> Result<Arc<Seat>, GroupError> {
        let seat = self.shared.members.lock().seats.get(member).cloned();
        seat.ok_or_else(|| GroupError::NotJoined(member.to_owned()))
    }

    fn place(&self, member: &str, lock: &str) -> Result<(SessionId, Key), GroupError> {
        let key = self.shared.group.lock_name(lock)?;
        Ok((self.shared.desk.session(member), key))
    }
}

impl Shared {
    /// Takes a member's seat out; the one of that revision, if one is named.
    fn take(&self, id: &str, revision: Option<Revision>) -> Option<Arc<Seat>> {
        let mut members = self.members.lock();
        if revision.is_none() && members.locker.as_deref() == Some(id) {
            members.locker = None;
        }
        let seat = members.seats.get(id)?;
        if revision.is_some_and(|revision| seat.member().revision != revision) {
            return None;
        }
        if members.first.as_deref() == Some(id) {
            members.first = members.seats.keys().find(|other| *other != id).cloned();
        }
        members.seats.remove(id)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The seats are left as they are dropped; locks are not. Without a runtime the process is ending, and the lease
        // with it.
        let Ok(runtime) = Handle::try_current() else { return };
        let sessions: Vec<SessionId> = self.desk.sessions.lock().values().copied().collect();
        for session in sessions.into_iter().filter(|session| self.locks.has_any(*session)) {
            let locks = Arc::clone(&self.locks);
            runtime.spawn(async move { locks.release(session).await });
        }
    }
}

/// What this process lost in a group.
pub struct Losses {
    losses: broadcast::Receiver<Loss>,
}

impl Losses {
    /// The next loss. Cancel-safe.
    pub async fn next(&mut self) -> Loss {
        match self.losses.recv().await {
            Ok(loss) => loss,
            Err(broadcast::error::RecvError::Lagged(untold)) => Loss::Untold(untold),
            // The group is gone, and with it whatever could be lost.
            Err(broadcast::error::RecvError::Closed) => pending().await,
        }
    }
}

/// What a lock's key holds: by whom it is held.
fn value_of(member: &str) -> Value {
    Value::copy_from_slice(member.as_bytes())
}

/// The name of this machine.
pub fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}
