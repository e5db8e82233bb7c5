//! What this node's sessions have in groups: seats, and ears.
//!
//! A session's seats hang on the node's lease. A session that asked for heartbeats is out, with its locks, when it was
//! silent for longer than 1.5 of them; one that ends leaves, with the cause. Who has lost a seat is told.
//!
//! How clients are told is given by the door that tells them.

mod topic;

use crate::card::Card;
use crate::core::Core;
use crate::hub::Outbox;
use hyrax_coordination::Coordination;
use hyrax_recipes::group::{Member, lease_ttl};
use hyrax_recipes::{Cause, Group, GroupError, GroupEvent, LeaveCause, NodeLease, Seat};
use hyrax_types::limits::{FOLLOWED_PER_SESSION_MAX, SEATS_PER_SESSION_MAX};
use hyrax_types::{Clock, Revision, SessionId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use self::topic::Topic;

/// How clients are told.
#[derive(Clone, Copy)]
pub struct Pushes {
    /// Who watches a group: that somebody came or went.
    pub changed: fn(&str, &GroupEvent, &mut Vec<u8>),
    /// Who was in it: that it is no more.
    pub lost: fn(&str, &str, LeaveCause, &mut Vec<u8>),
}

/// Why a session is not in a group, or not told of it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum GroupsError {
    /// It has as many seats as it may have.
    #[error("too many groups: a connection may join {SEATS_PER_SESSION_MAX} times")]
    TooManySeats,
    /// It follows as many groups as it may.
    #[error("too many groups: a connection may monitor {FOLLOWED_PER_SESSION_MAX}")]
    TooManyFollowed,
    /// The seat was lost as it was had.
    #[error("the seat was lost to another at once: join again")]
    Lost,
    /// The group, or its engine, refused.
    #[error(transparent)]
    Group(#[from] GroupError),
}

/// What the sessions of this node have in groups.
pub struct Groups {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<dyn Coordination>,
    lease: Arc<NodeLease>,
    clock: Arc<dyn Clock>,
    pushes: Pushes,
    core: OnceLock<Weak<Core>>,
    topics: Mutex<HashMap<Box<str>, Weak<Topic>>>,
    sessions: Mutex<HashMap<SessionId, Owned>>,
}

/// What one session has.
#[derive(Default)]
struct Owned {
    seats: HashMap<(Box<str>, Box<str>), Seated>,
    followed: HashMap<Box<str>, Arc<Topic>>,
}

struct Seated {
    seat: Seat,
    topic: Arc<Topic>,
}

impl Groups {
    /// Nothing yet.
    pub fn new(
        engine: Arc<dyn Coordination>,
        lease: Arc<NodeLease>,
        clock: Arc<dyn Clock>,
        pushes: Pushes,
    ) -> Groups {
        let (core, topics, sessions) = Default::default();
        Groups { inner: Arc::new(Inner { engine, lease, clock, pushes, core, topics, sessions }) }
    }

    /// From now on the sessions of `core` are told; nobody has a seat before.
    pub fn tell_sessions_of(&self, core: &Arc<Core>) {
        self.inner.core.get_or_init(|| Arc::downgrade(core));
    }

    /// Gives up, for ever, the seats of a lease that is lost.
    pub async fn watch_the_lease(&self) {
        Inner::watch_the_lease(&self.inner).await;
    }

    /// The group of that name.
    fn group(&self, name: &str) -> Result<Group, GroupError> {
        let inner = &self.inner;
        Ok(Group::new(Arc::clone(&inner.engine), Arc::clone(&inner.clock), name)?)
    }

    /// Who is in a group.
    pub async fn members(&self, group: &str) -> Result<Vec<Member>, GroupsError> {
        Ok(self.group(group)?.members().await?)
    }

    /// Has the session join a group under an id; the revision that made it a member.
    pub async fn join(
        &self,
        session: SessionId,
        group: &str,
        id: &str,
        subgroups: Vec<String>,
    ) -> Result<Revision, GroupsError> {
        if self.inner.count(session, |owned| owned.seats.len()) >= SEATS_PER_SESSION_MAX {
            return Err(GroupsError::TooManySeats);
        }
        let recipe = self.group(group)?;
        let topic = self.inner.topic(group);
        topic.follow(&recipe).await?;
        let seat = recipe.join(&self.inner.lease, Some(session), id, subgroups).await?;
        let member = seat.member().clone();
        let before = {
            let mut sessions = self.inner.sessions.lock();
            if !topic.seat(session, &member) {
                return Err(GroupsError::Lost);
            }
            let seated = Seated { seat, topic: Arc::clone(&topic) };
            sessions.entry(session).or_default().seats.insert((group.into(), id.into()), seated)
        };
        // A seat that it had under this id has ended with this one: it leaves nothing.
        drop(before);
        topic.shows(&member, true).await;
        Ok(member.revision)
    }

    /// Has the session leave a group, under an id or under all that it has there; whether it was in it.
    pub async fn leave(&self, session: SessionId, group: &str, id: Option<&str>) -> bool {
        let taken = self.inner.take(session, |of, name, _| of == group && id.is_none_or(|id| id == name));
        let mut was_there = false;
        for Seated { seat, topic } in taken {
            let member = seat.member().clone();
            was_there |= seat.leave().await;
            topic.shows(&member, false).await;
        }
        was_there
    }

    /// Tells the session of every change of a group from now on, and reads who is in it as one step with that.
    pub async fn watch(
        &self,
        session: SessionId,
        outbox: &Arc<Outbox>,
        group: &str,
        read: impl FnOnce(&mut dyn Iterator<Item = &Member>),
    ) -> Result<(), GroupsError> {
        let recipe = self.group(group)?;
        let topic = self.inner.topic(group);
        topic.follow(&recipe).await?;
        {
            let mut sessions = self.inner.sessions.lock();
            let followed = &mut sessions.entry(session).or_default().followed;
            if followed.len() >= FOLLOWED_PER_SESSION_MAX && !followed.contains_key(group) {
                return Err(GroupsError::TooManyFollowed);
            }
            followed.insert(group.into(), Arc::clone(&topic));
        }
        topic.watch(session, Arc::clone(outbox), read);
        Ok(())
    }

    /// Tells the session no more; whether it was told before.
    pub fn unwatch(&self, session: SessionId, group: &str) -> bool {
        let mut sessions = self.inner.sessions.lock();
        let topic = sessions.get_mut(&session).and_then(|owned| owned.followed.remove(group));
        drop(sessions);
        topic.inspect(|topic| topic.unwatch(session)).is_some()
    }

    /// Takes the session out of a group, with its locks, as soon as it was silent for longer than 1.5 heartbeats;
    /// until then, or until it has no such seat any more.
    pub fn listen(
        &self,
        card: Arc<Card>,
        group: &str,
        id: &str,
        revision: Revision,
        heartbeat: Duration,
    ) -> Result<impl Future<Output = ()> + Send + use<>, hyrax_recipes::group::BadHeartbeat> {
        let patience = lease_ttl(heartbeat)?;
        let inner = Arc::clone(&self.inner);
        let (group, id) = (Box::from(group), Box::from(id));
        Ok(async move { inner.listen(card, (group, id), revision, patience).await })
    }

    /// Gives up all that the session has, for it has ended.
    pub async fn release(&self, session: SessionId, cause: Cause) {
        let Some(owned) = self.inner.sessions.lock().remove(&session) else { return };
        for topic in owned.followed.into_values() {
            topic.unwatch(session);
        }
        for Seated { seat, topic } in owned.seats.into_values() {
            topic.unseat(seat.member());
            seat.leave_because(cause.into()).await;
        }
    }
}

impl Inner {
    fn count(&self, session: SessionId, count: impl FnOnce(&Owned) -> usize) -> usize {
        self.sessions.lock().get(&session).map_or(0, count)
    }

    /// The group as this node sees it.
    fn topic(self: &Arc<Self>, group: &str) -> Arc<Topic> {
        let mut topics = self.topics.lock();
        if let Some(topic) = topics.get(group).and_then(Weak::upgrade) {
            return topic;
        }
        let topic = Arc::new(Topic::new(group, self));
        topics.insert(group.into(), Arc::downgrade(&topic));
        topic
    }

    /// Nobody is interested in a group any more.
    fn forget_topic(&self, group: &str) {
        let mut topics = self.topics.lock();
        // There may be a new one.
        if topics.get(group).is_some_and(|topic| topic.strong_count() == 0) {
            topics.remove(group);
        }
    }

    /// Takes seats of a session out.
    fn take(&self, session: SessionId, matches: impl Fn(&str, &str, &Member) -> bool) -> Vec<Seated> {
        let mut sessions = self.sessions.lock();
        let Some(owned) = sessions.get_mut(&session) else { return Vec::new() };
        let is_taken = |(group, id): &(Box<str>, Box<str>), seated: &mut Seated| {
            matches(group, id, seated.seat.member())
        };
        let taken: Vec<Seated> = owned.seats.extract_if(is_taken).map(|(_, seated)| seated).collect();
        if owned.seats.is_empty() && owned.followed.is_empty() {
            sessions.remove(&session);
        }
        drop(sessions);
        taken.iter().for_each(|seated| seated.topic.unseat(seated.seat.member()));
        taken
    }

    /// Tells a session that it has lost a seat.
    fn lost(&self, session: SessionId, group: &str, id: &str, revision: Revision, cause: LeaveCause) {
        let taken =
            self.take(session, |of, name, member| of == group && name == id && member.revision == revision);
        if !taken.is_empty() {
            self.tell_loss(session, group, id, cause);
        }
    }

    fn tell_loss(&self, session: SessionId, group: &str, id: &str, cause: LeaveCause) {
        let core = self.core.get().and_then(Weak::upgrade);
        let outbox = core.and_then(|core| core.session(session)?.outbox());
        if let Some(outbox) = outbox {
            let mut line = Vec::new();
            (self.pushes.lost)(group, id, cause, &mut line);
            outbox.tell(line.into());
        }
    }

    async fn watch_the_lease(self: &Arc<Self>) {
        loop {
            let lease = self.lease.id();
            self.lease.ended(lease).await;
            let sessions: Vec<SessionId> = self.sessions.lock().keys().copied().collect();
            for session in sessions {
                for seated in self.take(session, |_, _, _| true) {
                    let member = seated.seat.member();
                    self.tell_loss(session, seated.seat.group().name(), &member.id, LeaveCause::NodeLost);
                }
            }
            self.lease.lives().await;
        }
    }

    async fn listen(
        self: Arc<Self>,
        card: Arc<Card>,
        (group, id): (Box<str>, Box<str>),
        revision: Revision,
        patience: Duration,
    ) {
        let is_seat = |of: &str, name: &str, member: &Member| {
            *of == *group && *name == *id && member.revision == revision
        };
        loop {
            let silent =
                Duration::from_micros(self.clock.now_us().saturating_sub(card.seen_us.load(Relaxed)));
            if silent < patience {
                tokio::time::sleep(patience - silent).await;
                let sessions = self.sessions.lock();
                let seats = sessions.get(&card.id).map(|owned| &owned.seats);
                let key = (group.clone(), id.clone());
                let seated = seats.and_then(|seats| seats.get(&key));
                if seated.is_none_or(|seated| seated.seat.member().revision != revision) {
                    return;
                }
                continue;
            }
            for seated in self.take(card.id, is_seat) {
                self.tell_loss(card.id, &group, &id, LeaveCause::Timeout);
                // Its locks first: who sees it gone finds them free.
                if let Some(core) = self.core.get().and_then(Weak::upgrade) {
                    core.locks.expel(card.id).await;
                }
                seated.seat.leave_because(LeaveCause::Timeout).await;
            }
            return;
        }
    }
}
