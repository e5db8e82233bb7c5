//! A connection and what it owns: its identity, its monitors, its channels, its seats in groups, its locks, its EKG
//! entries, its place among a service's nodes.
//!
//! Everything is released in one place when the connection ends, with the cause.

use crate::auth::Identity;
use crate::card::Card;
use crate::core::Core;
use crate::hub::{
    Form, MessageForm, Monitor, Outbox, Scope, Space, SubscribeError, Subscriber, Subscription,
};
use crate::net::Peer;
use bytes::Bytes;
use hashbrown::HashTable;
use hyrax_recipes::Cause;
use hyrax_recipes::services::Registration;
use hyrax_types::limits::{FOLLOWED_PER_SESSION_MAX, MONITORED_KEY_BYTES_PER_SESSION_MAX, REGISTER_WAIT_MAX};
use hyrax_types::{Revision, SessionId, SystemClock};
use hyrax_values::{Kind, Reply, ReplySink, Snapshot, key_hash};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// A session was refused something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has as many monitors as it may have.
    #[error("too many monitors: this session may have {0}; stop some with mrem or mpremove")]
    TooManyMonitors(usize),
    /// The keys that it monitors are too long together.
    #[error(
        "the keys of this session's monitors may have {MONITORED_KEY_BYTES_PER_SESSION_MAX} bytes together; stop some with mrem or mpremove"
    )]
    TooLongKeys,
    /// It lives no longer than a request.
    #[error("this needs a connection that stays open: use TCP or a WebSocket")]
    NoConnection,
}

/// It observes as many elections as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many elections: a connection may observe {FOLLOWED_PER_SESSION_MAX}; stop some with unobserve")]
pub struct TooManyObserved;

/// A client's session.
pub struct Session {
    /// The server.
    pub core: Arc<Core>,
    /// Which session of this node.
    pub id: SessionId,
    /// Who is at the other end.
    pub peer: Peer,
    /// Who it has shown to be.
    pub identity: Identity,
    /// What others may know of it.
    pub card: Arc<Card>,
    /// Where pushes go; none in a request that is its own session.
    outbox: Option<Arc<Outbox>>,
    keys: HashTable<Monitor>,
    prefixes: Vec<Monitor>,
    everything: Option<Monitor>,
    /// Bytes of the keys and prefixes that it monitors.
    monitored_bytes: usize,
    /// Its channels and patterns, once it has subscribed to any.
    subscriber: Option<Box<Subscriber>>,
    has_presence: bool,
    has_locks: bool,
    /// The node of a service that it has registered.
    registration: Option<Box<Registration>>,
    has_groups: bool,
    /// The elections that it observes.
    observed: Vec<(Box<[u8]>, AbortHandle)>,
    /// What waits apart from what the client says meanwhile.
    apart: Option<Box<JoinSet<()>>>,
    /// When the command that is being run began, in nanoseconds since the epoch.
    begun_ns: u64,
}

/// How a monitor with `since` began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// What was missed will be pushed.
    Missed(Revision),
    /// What was missed is not known: the value has been written.
    Reset(Revision),
}

impl Session {
    /// A session whose pushes go to `outbox`.
    pub fn new(core: Arc<Core>, peer: Peer, outbox: Option<Arc<Outbox>>) -> Self {
        let id = core.next_session_id();
        let weak = outbox.as_ref().map_or_else(Weak::new, Arc::downgrade);
        let card = Arc::new(Card::new(id, peer, weak, core.clock.now_us()));
        if outbox.is_some() {
            core.list_session(&card);
        }
        Session {
            core,
            id,
            peer,
            identity: Identity::Anonymous,
            card,
            outbox,
            keys: HashTable::new(),
            prefixes: Vec::new(),
            everything: None,
            monitored_bytes: 0,
            subscriber: None,
            has_presence: false,
            has_locks: false,
            registration: None,
            has_groups: false,
            observed: Vec::new(),
            apart: None,
            begun_ns: 0,
        }
    }

    /// A command begins now.
    pub fn begin_command(&mut self) {
        self.begun_ns = SystemClock.now_ns();
        self.card.seen_us.store(self.now_us(), Relaxed);
    }

    /// When the command began, in microseconds since the epoch.
    pub fn now_us(&self) -> u64 {
        self.begun_ns / 1000
    }

    /// The command has ended: it is counted, and the next one begins. One look at the clock does for
    /// both. Gives how long it took, in nanoseconds.
    pub fn end_command(&mut self, number: usize, succeeded: bool) -> u64 {
        let now_ns = SystemClock.now_ns();
        // A clock that was set back makes a command look quick, not endless.
        let took_ns = now_ns.saturating_sub(self.begun_ns);
        self.core.metrics.command(number, succeeded, took_ns);
        self.card.command.store(number, Relaxed);
        self.begun_ns = now_ns;
        took_ns
    }

    /// Takes over who it has shown to be.
    pub fn become_known(&mut self, identity: Identity) {
        self.card.set_identity(identity.clone());
        self.identity = identity;
    }

    /// Where replies and pushes go.
    pub fn outbox(&self) -> Result<&Arc<Outbox>, Refusal> {
        self.outbox.as_ref().ok_or(Refusal::NoConnection)
    }

    /// Whether it may administer the server.
    pub fn may_administer(&self) -> bool {
        self.identity.is_operator() || self.core.may_sudo(&self.peer)
    }

    /// How many monitors it has.
    pub fn monitors(&self) -> usize {
        self.keys.len() + self.prefixes.len() + usize::from(self.everything.is_some())
    }

    /// Refuses more monitors than a session may have, of keys or prefixes of so many bytes together.
    pub fn check_room(&self, more: usize, bytes: usize) -> Result<(), Refusal> {
        let max = self.core.limits.load().monitors_per_session;
        if self.monitors() + more > max {
            return Err(Refusal::TooManyMonitors(max));
        }
        if self.monitored_bytes + bytes > MONITORED_KEY_BYTES_PER_SESSION_MAX {
            return Err(Refusal::TooLongKeys);
        }
        Ok(())
    }

    fn begin(&self, form: &'static dyn Form, kind: Kind, scope: Scope) -> Result<Monitor, Refusal> {
        let subscription = Subscription::new(self.outbox()?.clone(), form, kind, scope);
        Ok(self.core.hub.begin(subscription))
    }

    /// Monitors a key and the EKG of that name, and writes the key's value as one step with that. A
    /// monitor that the session had of the key is replaced.
    pub async fn monitor(
        &mut self,
        key: &[u8],
        kind: Kind,
        form: &'static dyn Form,
        value: &mut (dyn ReplySink + Send),
    ) -> Result<Revision, Refusal> {
        self.stop(key);
        self.check_room(1, key.len())?;
        let told_by_resets = if kind == Kind::Nothing { Kind::Any } else { kind };
        let monitor = self.begin(form, told_by_resets, Scope::Key(key.into()))?;
        monitor.subscription.outbox.place_presence(&monitor.subscription, key, self.core.presence.revision());
        let mut joined = None;
        let snapshot = self.core.values.snapshot(key, kind, value, &mut |rev| {
            monitor.topic.join(&monitor.subscription, rev);
            joined = Some(rev);
        });
        if let Snapshot::Later(snapshot) = snapshot {
            let (reply, rev) = snapshot.await;
            monitor.topic.join(&monitor.subscription, rev);
            joined = Some(rev);
            reply.write(value);
        }
        self.add(key, monitor);
        Ok(joined.unwrap_or_default())
    }

    /// Monitors a key whose changes up to `since` the client knows: it is pushed what it missed, or,
    /// when that is no longer known, the value is written.
    pub async fn resume(
        &mut self,
        key: &[u8],
        since: Revision,
        form: &'static dyn Form,
        value: &mut (dyn ReplySink + Send),
    ) -> Result<Resumed, Refusal> {
        self.stop(key);
        self.check_room(1, key.len())?;
        let monitor = self.begin(form, Kind::Any, Scope::Key(key.into()))?;
        monitor.subscription.outbox.place_presence(&monitor.subscription, key, self.core.presence.revision());
        let mut outcome = None;
        let mut join = |rev| {
            let resumed = monitor.topic.join_since(&monitor.subscription, since, rev);
            if !resumed {
                monitor.topic.join(&monitor.subscription, rev);
            }
            outcome = Some(if resumed { Resumed::Missed(rev) } else { Resumed::Reset(rev) });
        };
        match self.core.values.snapshot(key, Kind::Any, value, &mut join) {
            Snapshot::Done => {}
            Snapshot::Later(snapshot) => {
                let (reply, rev) = snapshot.await;
                join(rev);
                reply.write(value);
            }
        }
        self.add(key, monitor);
        Ok(outcome.unwrap_or(Resumed::Reset(Revision::ZERO)))
    }

    /// Monitors a key and the EKG of that name, and gives the EKG's members as one step with that.
    pub async fn monitor_presence(
        &mut self,
        ekg: &[u8],
        form: &'static dyn Form,
        members: &mut (dyn FnMut(Vec<bytes::Bytes>) + Send),
    ) -> Result<Revision, Refusal> {
        self.stop(ekg);
        self.check_room(1, ekg.len())?;
        let monitor = self.begin(form, Kind::Any, Scope::Key(ekg.into()))?;
        let subscription = &monitor.subscription;
        let mut erev = Revision::ZERO;
        self.core.presence.snapshot(ekg, &mut |at, present| {
            subscription.outbox.place_presence(subscription, ekg, at);
            members(present.iter().map(|member| member.name.clone()).collect());
            erev = at;
        });
        // What has happened to the value before is none of its pushes.
        let mut later = None;
        Reply::collect(|sink| {
            let mut join = |rev| monitor.topic.join(&monitor.subscription, rev);
            if let Snapshot::Later(snapshot) = self.core.values.snapshot(ekg, Kind::Nothing, sink, &mut join)
            {
                later = Some(snapshot);
            }
        });
        if let Some(snapshot) = later {
            let (_, rev) = snapshot.await;
            monitor.topic.join(&monitor.subscription, rev);
        }
        self.add(ekg, monitor);
        Ok(erev)
    }

    /// Has the members of a monitored EKG told anew, if anybody may have come or gone.
    pub fn owe_presence(&self, ekg: &[u8]) {
        let found = self.keys.find(key_hash(ekg), |monitor| monitor.topic.name() == ekg);
        if let Some(monitor) = found
            && (monitor.topic.had_presence()
                || self.core.presence.card(ekg, hyrax_recipes::Scope::Cluster) > 0)
        {
            monitor.subscription.outbox.lose(ekg, &monitor.subscription, false, true);
        }
    }

    fn add(&mut self, key: &[u8], monitor: Monitor) {
        self.core.hub.entered(&monitor);
        self.monitored_bytes += key.len();
        self.keys.insert_unique(key_hash(key), monitor, |monitor| key_hash(monitor.topic.name()));
    }

    /// Stops monitoring a key; whether it was monitored.
    pub fn stop(&mut self, key: &[u8]) -> bool {
        let found = self.keys.find_entry(key_hash(key), |monitor| monitor.topic.name() == key);
        let Ok(found) = found else { return false };
        let (monitor, _) = found.remove();
        self.monitored_bytes -= key.len();
        self.core.hub.end(&monitor);
        true
    }

    /// Monitors every key that begins with `prefix`.
    pub async fn monitor_prefix(&mut self, prefix: &[u8], form: &'static dyn Form) -> Result<(), Refusal> {
        self.stop_prefix(prefix);
        self.check_room(1, prefix.len())?;
        let monitor = self.begin(form, Kind::Any, Scope::Prefix(prefix.into()))?;
        self.hear_everything().await;
        monitor.topic.join_here(&monitor.subscription);
        self.core.hub.entered(&monitor);
        self.monitored_bytes += prefix.len();
        self.prefixes.push(monitor);
        Ok(())
    }

    /// Stops monitoring a prefix; whether it was monitored.
    pub fn stop_prefix(&mut self, prefix: &[u8]) -> bool {
        let Some(position) = self.prefixes.iter().position(|monitor| monitor.topic.name() == prefix) else {
            return false;
        };
        self.monitored_bytes -= prefix.len();
        self.core.hub.end(&self.prefixes.swap_remove(position));
        true
    }

    /// Waits until the engine tells of all changes.
    async fn hear_everything(&self) {
        if let Some(heard) = self.core.values.heard(hyrax_values::Scope::Everything) {
            heard.await;
        }
    }

    /// Monitors every key there is; with `only_here`, what is changed through this node.
    pub async fn monitor_everything(
        &mut self,
        only_here: bool,
        form: &'static dyn Form,
    ) -> Result<(), Refusal> {
        self.stop_everything();
        self.check_room(1, 0)?;
        let scope = if only_here { Scope::Here } else { Scope::Everything };
        let monitor = self.begin(form, Kind::Any, scope)?;
        self.hear_everything().await;
        monitor.topic.join_here(&monitor.subscription);
        self.core.hub.entered(&monitor);
        self.everything = Some(monitor);
        Ok(())
    }

    /// Stops monitoring everything; whether it did.
    pub fn stop_everything(&mut self) -> bool {
        let Some(monitor) = self.everything.take() else { return false };
        self.core.hub.end(&monitor);
        true
    }

    /// Whether it is told what others do.
    pub fn hears_pushes(&self) -> bool {
        self.monitors() > 0 || self.card.is_subscribed()
    }

    /// Stops all its monitors; how many there were.
    pub fn stop_all(&mut self) -> usize {
        let stopped = self.monitors();
        for monitor in self.keys.drain().chain(self.prefixes.drain(..)).chain(self.everything.take()) {
            self.core.hub.end(&monitor);
        }
        self.monitored_bytes = 0;
        stopped
    }

    /// Subscribes to a channel or pattern, told in this form if it is its first one; how many
    /// subscriptions there are then.
    pub fn subscribe(
        &mut self,
        space: Space,
        name: &[u8],
        form: &'static dyn MessageForm,
    ) -> Result<usize, SubscribeError> {
        let max = self.core.limits.load().monitors_per_session;
        let outbox = self.outbox.as_ref().ok_or(SubscribeError::NoConnection)?;
        let subscriber = self.subscriber.get_or_insert_with(|| {
            Box::new(Subscriber::new(self.core.hub.channels().clone(), outbox.clone(), form))
        });
        subscriber.subscribe(space, name, max)?;
        self.card.subscribed[space as usize].store(subscriber.of(space), Relaxed);
        Ok(subscriber.count(space))
    }

    /// Ends a subscription, if it is there; how many there are then.
    pub fn unsubscribe(&mut self, space: Space, name: &[u8]) -> usize {
        let Some(subscriber) = &mut self.subscriber else { return 0 };
        subscriber.unsubscribe(space, name);
        self.card.subscribed[space as usize].store(subscriber.of(space), Relaxed);
        subscriber.count(space)
    }

    /// Ends one subscription of a space, if there is any: to what, and how many there are then.
    pub fn unsubscribe_one(&mut self, space: Space) -> (Option<Bytes>, usize) {
        let Some(subscriber) = &mut self.subscriber else { return (None, 0) };
        let name = subscriber.unsubscribe_one(space);
        self.card.subscribed[space as usize].store(subscriber.of(space), Relaxed);
        (name, subscriber.count(space))
    }

    /// Ends its subscriptions to channels and patterns.
    pub fn unsubscribe_all(&mut self) {
        self.subscriber = None;
        self.card.subscribed.iter().for_each(|count| count.store(0, Relaxed));
    }

    /// From now on it is told what is published in another form.
    pub fn change_message_form(&mut self, form: &'static dyn MessageForm) {
        if let Some(subscriber) = &mut self.subscriber {
            subscriber.change_form(form);
        }
    }

    /// Queues what was published so far, then these replies, before what is published from here on.
    /// Around each command of a subscriber it makes it see its own messages where the command stands that
    /// caused them.
    pub fn keep_order(&self, replies: &mut Vec<u8>) {
        if let (Some(subscriber), Some(outbox)) = (&self.subscriber, &self.outbox) {
            subscriber.settle();
            outbox.place(replies);
        }
    }

    /// Keeps messages back until the next replies are committed, so that a reply of many parts stays whole.
    pub fn hold_messages(&self) {
        if let (Some(subscriber), Some(outbox)) = (&self.subscriber, &self.outbox) {
            subscriber.settle();
            outbox.hold();
        }
    }

    /// Queues what was published so far, if it is for this session too.
    pub fn settle_messages(&self) {
        if let Some(subscriber) = &self.subscriber {
            subscriber.settle();
        }
    }

    /// Notes that it may own EKG entries.
    pub fn owns_presence(&mut self) {
        self.has_presence = true;
    }

    /// Notes that it may own locks.
    pub fn owns_locks(&mut self) {
        self.has_locks = true;
    }

    /// Takes over the node of a service that was registered for it.
    pub fn owns_registration(&mut self, registration: Registration) {
        self.registration = Some(Box::new(registration));
    }

    /// Notes that it may have seats in groups, or follow them.
    pub fn owns_groups(&mut self) {
        self.has_groups = true;
    }

    /// Has an election observed, in place of an observation of it that there was.
    pub fn observe(
        &mut self,
        election: &[u8],
        observation: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), TooManyObserved> {
        self.stop_observing(election);
        self.observed.retain(|(_, observation)| !observation.is_finished());
        if self.observed.len() >= FOLLOWED_PER_SESSION_MAX {
            return Err(TooManyObserved);
        }
        let observation = self.wait_apart(observation);
        self.observed.push((election.into(), observation));
        Ok(())
    }

    /// Has an election observed no more.
    pub fn stop_observing(&mut self, election: &[u8]) {
        if let Some(place) = self.observed.iter().position(|(observed, _)| **observed == *election) {
            self.observed.swap_remove(place).1.abort();
        }
    }

    /// Has something waited for that ends with the session at the latest.
    pub fn wait_apart(&mut self, waiting: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let apart = self.apart.get_or_insert_default();
        while apart.try_join_next().is_some() {}
        apart.spawn(waiting)
    }

    /// Releases everything it owns.
    pub async fn end(mut self, cause: Cause) {
        if let Some(outbox) = &self.outbox {
            outbox.close();
            self.core.unlist_session(self.id);
        }
        self.core.onlookers.remove(self.id);
        self.core.hub.tracking().stop(self.id);
        self.stop_all();
        self.unsubscribe_all();
        // Boxed, so that what few sessions own is no part of each idle connection.
        Box::pin(self.release(cause)).await;
    }

    /// Releases what others are told of.
    async fn release(mut self, cause: Cause) {
        if let Some(mut apart) = self.apart.take() {
            apart.shutdown().await;
        }
        if self.has_locks {
            self.core.locks.release(self.id).await;
        }
        if let Some(registration) = self.registration.take() {
            let ends = async {
                match cause {
                    Cause::Timeout | Cause::NodeLost => registration.expire().await,
                    Cause::Closed | Cause::Kicked => registration.deregister().await,
                }
            };
            // It goes on by itself, however long the engine takes.
            _ = timeout(REGISTER_WAIT_MAX, ends).await;
        }
        if self.has_groups {
            self.core.groups.release(self.id, cause).await;
        }
        if self.has_presence
            && let Err(error) = self.core.presence.release(self.id, cause).await
        {
            // What hangs on the node's lease goes with it at the latest.
            tracing::warn!(session = self.id.0, %error, "the session's EKG entries could not be released");
        }
    }
}
