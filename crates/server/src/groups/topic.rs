//! One group as a node sees it: who is there, and which of the node's sessions are told of changes.
//!
//! The group is followed once, however many sessions are in it or watch it, and what is told is written once for all.

use super::{Inner, Pushes};
use crate::hub::Outbox;
use bytes::Bytes;
use futures_util::FutureExt;
use hyrax_recipes::group::Member;
use hyrax_recipes::{Group, GroupError, GroupEvent, LeaveCause, MemberFeed};
use hyrax_types::{Revision, SessionId};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{OnceCell, watch};
use tokio::task::AbortHandle;

/// Changes told with one write. Who comes by the thousand is told in pieces that a socket takes.
const TOLD_BYTES: usize = 64 * 1024;

/// How long to wait for the feed to show what was written.
const SHOWN_MAX: Duration = Duration::from_secs(5);

/// Clients told before others have their turn.
const TOLD_PER_TURN: usize = 256;

/// A session that is told of changes.
pub(super) struct Watcher {
    outbox: Arc<Outbox>,
    ended: AtomicBool,
}

#[derive(Default)]
struct Audience {
    /// Who is in the group, by id.
    members: BTreeMap<String, Member>,
    revision: Revision,
    watchers: HashMap<SessionId, Arc<Watcher>>,
    /// Which of the members are sessions of this node, by the revision that made them members.
    seats: HashMap<Revision, SessionId>,
}

/// One group.
pub(super) struct Topic {
    name: Box<str>,
    inner: Weak<Inner>,
    pushes: Pushes,
    audience: Mutex<Audience>,
    /// The audience's revision, for those who wait for it.
    told: watch::Sender<Revision>,
    following: OnceCell<AbortHandle>,
}

impl Topic {
    pub(super) fn new(name: &str, inner: &Arc<Inner>) -> Topic {
        Topic {
            name: name.into(),
            inner: Arc::downgrade(inner),
            pushes: inner.pushes,
            audience: Mutex::default(),
            told: watch::Sender::default(),
            following: OnceCell::new(),
        }
    }

    /// Begins to follow the group, unless it is followed.
    pub(super) async fn follow(self: &Arc<Self>, group: &Group) -> Result<(), GroupError> {
        let begin = || async {
            let feed = group.follow().await?;
            {
                let mut audience = self.audience.lock();
                audience.members = feed.members().map(|member| (member.id.clone(), member.clone())).collect();
                audience.revision = feed.revision();
            }
            Ok(tokio::spawn(follow(Arc::downgrade(self), feed)).abort_handle())
        };
        self.following.get_or_try_init(begin).await.map(drop)
    }

    /// Tells the session of every change from here on, and reads who is there now.
    pub(super) fn watch(
        &self,
        session: SessionId,
        outbox: Arc<Outbox>,
        read: impl FnOnce(&mut dyn Iterator<Item = &Member>),
    ) {
        let mut audience = self.audience.lock();
        let watcher = Arc::new(Watcher { outbox, ended: AtomicBool::new(false) });
        if let Some(before) = audience.watchers.insert(session, watcher) {
            before.ended.store(true, Ordering::Relaxed);
        }
        read(&mut audience.members.values());
    }

    /// Tells the session no more.
    pub(super) fn unwatch(&self, session: SessionId) {
        if let Some(watcher) = self.audience.lock().watchers.remove(&session) {
            watcher.ended.store(true, Ordering::Relaxed);
        }
    }

    /// Notes that a session has a seat; false when it has lost that already.
    pub(super) fn seat(&self, session: SessionId, member: &Member) -> bool {
        let mut audience = self.audience.lock();
        let revision = audience.members.get(&member.id).map(|there| there.revision);
        // What the feed has not told yet, it will tell.
        if audience.revision >= member.revision && revision != Some(member.revision) {
            return false;
        }
        audience.seats.insert(member.revision, session);
        true
    }

    /// Notes that a seat is nobody's here any more.
    pub(super) fn unseat(&self, member: &Member) {
        self.audience.lock().seats.remove(&member.revision);
    }

    /// Waits until everybody here has been told that somebody is a member, or is none any more: who has been answered
    /// finds it so.
    pub(super) async fn shows(&self, member: &Member, is_there: bool) {
        let shown = |_: &Revision| {
            let audience = self.audience.lock();
            let there = audience.members.get(&member.id);
            let has_seat = there.is_some_and(|there| there.revision == member.revision);
            // Whoever came later under the id was told of later.
            has_seat == is_there || (is_there && audience.revision >= member.revision)
        };
        // An engine that is silent so long will tell it in the end.
        _ = tokio::time::timeout(SHOWN_MAX, self.told.subscribe().wait_for(shown)).await;
    }

    /// Takes in what happened; whom to tell, and who has lost a seat by it.
    fn take_in(&self, events: &[GroupEvent]) -> (Vec<Arc<Watcher>>, Vec<Loss>) {
        let mut audience = self.audience.lock();
        let mut losses = Vec::new();
        for event in events {
            audience.revision = event.revision;
            for (member, cause) in &event.left {
                audience.members.remove(&member.id);
                losses.extend(audience.lost(member, *cause));
            }
            for member in &event.joined {
                // Whoever joins again has a seat of another revision.
                if let Some(before) = audience.members.insert(member.id.clone(), member.clone()) {
                    // By its owner itself, that is no loss.
                    let loss = audience.lost(&before, LeaveCause::Replaced);
                    losses.extend(loss.filter(|_| before.owner != member.owner));
                }
            }
        }
        self.told.send_replace(audience.revision);
        (audience.watchers.values().cloned().collect(), losses)
    }
}

/// A session that has no seat any more.
struct Loss {
    session: SessionId,
    id: String,
    revision: Revision,
    cause: LeaveCause,
}

impl Audience {
    fn lost(&mut self, member: &Member, cause: LeaveCause) -> Option<Loss> {
        let session = self.seats.remove(&member.revision)?;
        Some(Loss { session, id: member.id.clone(), revision: member.revision, cause })
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        if let Some(following) = self.following.get() {
            following.abort();
        }
        if let Some(inner) = self.inner.upgrade() {
            inner.forget_topic(&self.name);
        }
    }
}

/// Tells everybody what happens, until nobody is interested.
async fn follow(topic: Weak<Topic>, mut feed: MemberFeed) {
    loop {
        let Ok(first) = feed.next().await else { return };
        let Some(topic) = topic.upgrade() else { return };
        // What has come meanwhile is told with it.
        let mut lines = Vec::new();
        (topic.pushes.changed)(&topic.name, &first, &mut lines);
        let mut events = vec![first];
        while lines.len() < TOLD_BYTES
            && let Some(Ok(event)) = feed.next().now_or_never()
        {
            (topic.pushes.changed)(&topic.name, &event, &mut lines);
            events.push(event);
        }
        let (watchers, losses) = topic.take_in(&events);
        if let Some(inner) = topic.inner.upgrade() {
            for loss in losses {
                inner.lost(loss.session, &topic.name, &loss.id, loss.revision, loss.cause);
            }
        }
        tell(&watchers, lines.into()).await;
    }
}

async fn tell(watchers: &[Arc<Watcher>], lines: Bytes) {
    for watchers in watchers.chunks(TOLD_PER_TURN) {
        for watcher in watchers {
            if !watcher.ended.load(Ordering::Relaxed) {
                watcher.outbox.tell(lines.clone());
            }
        }
        tokio::task::yield_now().await;
    }
}
