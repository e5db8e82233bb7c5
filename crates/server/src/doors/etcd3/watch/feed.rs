//! Feeds: a watch on the engine, and those who are told what it yields.
//!
//! All watches of the same keys, under the same filters, that want to hear of what comes next share one feed. Its
//! events are encoded once, and whoever writes pays for one watch, however many there are. A watch that begins in
//! the past, or whose client does not read, has a feed of its own, which waits for its client and reads the
//! history; when that has caught up, the watch joins those who share one.

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyrax_coordination::{Key, WatchBatch, WatchError, WatchRequest, WatchStream};
use hyrax_etcd::etcdserverpb::WatchResponse;
use hyrax_types::Revision;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::super::Etcd;
use super::super::wire;
use super::encode;
use super::member::Member;

/// What watches must have in common to share a feed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    key: Key,
    range_end: Key,
    no_put: bool,
    no_delete: bool,
    prev_kv: bool,
}

impl Subject {
    pub(super) fn of(request: &WatchRequest) -> Subject {
        Subject {
            key: request.range.key.clone(),
            range_end: request.range.range_end.clone(),
            no_put: request.no_put,
            no_delete: request.no_delete,
            prev_kv: request.prev_kv,
        }
    }
}

/// A watch on the engine, and who is told.
pub(super) struct Feed {
    request: WatchRequest,
    state: Mutex<State>,
    /// Something other than an event is to be looked at: progress is wanted, or somebody left.
    wake: Notify,
    progress_wanted: AtomicBool,
}

struct State {
    members: Vec<Seat>,
    /// Everything up to this revision has been told.
    position: Revision,
    /// Nobody may join any more.
    over: bool,
    /// Whether it is found by its subject.
    shared: bool,
}

/// One member's place.
struct Seat {
    member: Arc<Member>,
    /// The first revision that it wants to hear of.
    from: Revision,
}

impl Feed {
    /// A feed that begins after `position`, of one member, which wants to hear of what comes from `from` on.
    pub(super) fn of_one(
        request: WatchRequest,
        member: Arc<Member>,
        position: Revision,
        from: Revision,
    ) -> Arc<Feed> {
        let seat = Seat { member, from };
        let state = State { members: vec![seat], position, over: false, shared: false };
        Arc::new(Feed {
            request,
            state: Mutex::new(state),
            wake: Notify::new(),
            progress_wanted: AtomicBool::new(false),
        })
    }

    /// Lets the members of this feed hear of it, from its first event on.
    pub(super) fn start(self: &Arc<Self>, etcd: Arc<Etcd>, stream: Option<Box<dyn WatchStream>>) {
        tokio::spawn(run(etcd, self.clone(), stream));
    }

    /// Adds a member that wants to hear of what comes from a revision on, which may depend on where the feed stands,
    /// unless that is past. `joined` is called with where it stands before the member is told anything.
    pub(super) fn join(
        self: &Arc<Self>,
        member: &Arc<Member>,
        from: impl FnOnce(Revision) -> Revision,
        joined: impl FnOnce(Revision),
    ) -> bool {
        let mut state = self.state.lock();
        let from = from(state.position);
        if state.over || from <= state.position {
            return false;
        }
        member.is_in(self);
        joined(state.position);
        state.members.push(Seat { member: member.clone(), from });
        true
    }

    /// Takes out a member that left.
    pub(super) fn leave(&self, member: &Arc<Member>) {
        let mut state = self.state.lock();
        if let Some(place) = state.members.iter().position(|seat| Arc::ptr_eq(&seat.member, member)) {
            state.members.swap_remove(place);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Has those members who asked told how far it has come, as soon as they have been told everything up to
    /// there.
    pub(super) fn want_progress(&self) {
        self.progress_wanted.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Whether nobody is left. Then nobody may join either.
    fn is_over(self: &Arc<Self>, etcd: &Etcd) -> bool {
        // In the order in which joining takes them.
        let mut feeds = etcd.feeds.lock();
        let mut state = self.state.lock();
        state.members.retain(|seat| !seat.member.is_gone());
        if !state.members.is_empty() {
            return false;
        }
        state.over = true;
        if state.shared {
            feeds.remove(&Subject::of(&self.request));
        }
        true
    }

    /// The member that has this feed for itself.
    fn only_member(&self) -> Option<Arc<Member>> {
        let state = self.state.lock();
        if state.shared { None } else { state.members.first().map(|seat| seat.member.clone()) }
    }

    /// Tells a batch. A member that has no room for it gets a feed of its own.
    fn tell(self: &Arc<Self>, etcd: &Arc<Etcd>, batch: &WatchBatch) {
        let header = etcd.header(batch.revision);
        let Some(first) = batch.events.first().map(|event| event.kv.mod_revision) else {
            return self.tell_progress(etcd, batch.revision);
        };
        let whole = |fragment| encode::shared(header, batch, Revision::ZERO, fragment);
        let (mut plain, mut fragmented) = (None, None);
        let mut state = self.state.lock();
        let before = state.position;
        state.position = batch.revision;
        state.members.retain(|Seat { member, from }| {
            let fragment = member.fragment;
            let told = if *from <= first {
                let shared = if fragment { &mut fragmented } else { &mut plain };
                member.offer(shared.get_or_insert_with(|| whole(fragment)))
            } else {
                member.offer(&encode::shared(header, batch, *from, fragment))
            };
            if !told {
                let own = Feed::of_one(self.request.clone(), member.clone(), before, *from);
                member.is_in(&own);
                own.start(etcd.clone(), None);
            }
            told
        });
    }

    /// Tells those who asked how far it has come.
    fn tell_progress(&self, etcd: &Etcd, revision: Revision) {
        let mut state = self.state.lock();
        state.position = state.position.max(revision);
        let header = etcd.header(revision);
        for seat in &state.members {
            seat.member.tell_progress(header, revision);
        }
    }

    /// Ends all its watches, as the engine ended its own.
    fn fail(&self, etcd: &Etcd, error: WatchError) {
        let mut feeds = etcd.feeds.lock();
        let mut state = self.state.lock();
        state.over = true;
        if state.shared {
            feeds.remove(&Subject::of(&self.request));
        }
        let header = etcd.header(state.position);
        let members = std::mem::take(&mut state.members);
        drop(state);
        drop(feeds);
        for Seat { member, .. } in members {
            match &error {
                WatchError::Compacted { compacted } => member.cancel(&WatchResponse {
                    header: Some(header),
                    compact_revision: wire::number(*compacted),
                    cancel_reason: error.to_string(),
                    ..WatchResponse::default()
                }),
                // Seen when it was created; a range does not become empty.
                WatchError::EmptyRange => member.cancel(&WatchResponse {
                    header: Some(header),
                    cancel_reason: error.to_string(),
                    ..WatchResponse::default()
                }),
                // The client watches again, from where it was.
                WatchError::Unavailable(unavailable) => member.end_stream(unavailable.clone().into()),
            }
        }
    }

    /// A feed of one that has caught up joins those who share one, or is shared from now on. True when it was
    /// left by its member for that.
    fn merge(self: &Arc<Self>, etcd: &Etcd, now: Revision) -> bool {
        let mut feeds = etcd.feeds.lock();
        let mut state = self.state.lock();
        if state.shared || state.over || state.position < now {
            return false;
        }
        let subject = Subject::of(&self.request);
        let Some(other) = feeds.get(&subject) else {
            feeds.insert(subject, self.clone());
            state.shared = true;
            return false;
        };
        let Some(Seat { member, from }) = state.members.first() else { return false };
        let from = (*from).max(state.position.next());
        let merged = other.join(member, |_| from, |_| {});
        state.over = merged;
        merged
    }

    /// Has the feed found by its subject, unless another one is.
    pub(super) fn share(self: &Arc<Self>, etcd: &Etcd) {
        let mut feeds = etcd.feeds.lock();
        if let Entry::Vacant(place) = feeds.entry(Subject::of(&self.request)) {
            place.insert(self.clone());
            self.state.lock().shared = true;
        }
    }
}

/// Watches for a feed until nobody is left in it.
async fn run(etcd: Arc<Etcd>, feed: Arc<Feed>, mut stream: Option<Box<dyn WatchStream>>) {
    loop {
        let only = feed.only_member();
        if let Some(member) = &only {
            tokio::select! {
                () = member.room() => {}
                () = feed.wake.notified() => {
                    if feed.is_over(&etcd) {
                        return;
                    }
                    continue;
                }
            }
        }
        let standing = match &mut stream {
            Some(standing) => standing,
            None => {
                let start_revision = feed.state.lock().position.next();
                let request = WatchRequest { start_revision, ..feed.request.clone() };
                match etcd.space().watch(request).await {
                    Ok(new) => stream.insert(new),
                    Err(error) => return feed.fail(&etcd, error),
                }
            }
        };
        if feed.progress_wanted.swap(false, Ordering::AcqRel) {
            standing.request_progress();
        }
        tokio::select! {
            next = standing.next() => match next {
                Ok(batch) => feed.tell(&etcd, &batch),
                Err(error) => return feed.fail(&etcd, error),
            },
            () = feed.wake.notified() => if feed.is_over(&etcd) { return },
        }
        if only.is_some()
            && let Ok(now) = etcd.revision().await
            && feed.merge(&etcd, now)
        {
            return;
        }
    }
}
