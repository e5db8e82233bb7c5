//! The task that hears what happens.

use super::announcement::Announcement;
use super::deadlines::Deadlines;
use super::followed::{Followed, State};
use super::link::{Backlog, Link, Told};
use super::{Event, Topic};
use crate::Address;
use crate::names::Names;
use crate::nodes::Nodes;
use crate::notice::Noticing;
use crate::waiting::Awaited;
use futures_util::future::join_all;
use hyrax_types::{Change, Revision, limits};
use hyrax_values::key_hash;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};

/// How long after a failure the same is tried again, at first and at most.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How often connections are asked whether they are still there.
const PING_EVERY: Duration = Duration::from_secs(1);

/// How soon a key that should have expired, and has not by Redis' clock, is looked at again.
const EXPIRY_AGAIN_MS: i64 = 20;

/// How soon, where Redis did not answer.
const EXPIRY_UNANSWERED_MS: i64 = 1_000;

/// Events worked off before what is told is let go.
const BATCH: usize = 1_024;

/// Topics subscribed to with one write.
const SUBSCRIBED_AT_ONCE: usize = 1_000;

/// A connection, or the wish for one.
struct Line {
    number: u64,
    link: Option<Link>,
}

/// Hears what happens and tells the hub.
pub struct Follower {
    names: Arc<Names>,
    nodes: Arc<Nodes>,
    hub: Arc<dyn hyrax_values::Feed>,
    awaited: Arc<Awaited>,
    noticing: Arc<Noticing>,
    wants_events: bool,
    events: mpsc::WeakUnboundedSender<Event>,
    backlog: Arc<Backlog>,
    keys: HashMap<Box<[u8]>, Followed>,
    slots: HashMap<u16, Followed>,
    /// What is followed and not asked for.
    wanted: HashSet<Topic>,
    /// What is being given up: asked for again only after that, so that one does not overtake the other.
    leaving: HashSet<Topic>,
    /// How many follow everything.
    wide: usize,
    /// Who waits until everything is heard of.
    awaiting: Vec<oneshot::Sender<()>>,
    lines: HashMap<String, Line>,
    last_number: u64,
    /// Channels that were given up: their connection confirms it.
    given_up: HashMap<Vec<u8>, usize>,
    deadlines: Deadlines,
    /// Keys of which events are our own commands' for now.
    ours: HashSet<Box<[u8]>>,
    /// Calls under way of which the answer says when a key expires.
    noticing_now: usize,
    retry: Duration,
    retries: bool,
    has_told: bool,
}

impl Follower {
    /// One that follows nothing.
    pub fn new(
        address: &Address,
        nodes: Arc<Nodes>,
        hub: Arc<dyn hyrax_values::Feed>,
        awaited: Arc<Awaited>,
        noticing: Arc<Noticing>,
        events: mpsc::WeakUnboundedSender<Event>,
    ) -> Self {
        Follower {
            names: noticing.names.clone(),
            nodes,
            hub,
            awaited,
            noticing,
            wants_events: address.wants_events,
            events,
            backlog: Arc::default(),
            keys: HashMap::new(),
            slots: HashMap::new(),
            wanted: HashSet::new(),
            leaving: HashSet::new(),
            wide: 0,
            awaiting: Vec::new(),
            lines: HashMap::new(),
            last_number: 0,
            given_up: HashMap::new(),
            deadlines: Deadlines::default(),
            ours: HashSet::new(),
            noticing_now: 0,
            retry: RETRY_AFTER.0,
            retries: false,
            has_told: false,
        }
    }

    /// Follows until nobody can ask for anything any more.
    pub async fn run(mut self, mut received: mpsc::UnboundedReceiver<Event>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut pings = interval(PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.next_due();
            tokio::select! {
                count = received.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    batch.drain(..).for_each(|event| self.take(event));
                    self.subscribe_wanted();
                }
                () = sleep(due) => self.look_at_due(),
                _ = pings.tick() => self.ping(),
            }
            if std::mem::take(&mut self.has_told) {
                self.hub.settle();
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Follow(Some(key)) => self.follow(key),
            Event::Follow(None) => self.follow_everything(),
            Event::Unfollow(Some(key)) => self.unfollow(Topic::Key(key)),
            Event::Unfollow(None) => self.unfollow_everything(),
            Event::Await(key, tell) => self.wait_for(key, tell),
            Event::Settle(tell) => self.settle(tell),
            Event::Told(number, told) => self.told(number, told),
            Event::Connected(address, number, outcome) => self.connected(&address, number, outcome),
            Event::Subscribed(number, topics, outcome) => self.subscribed(number, topics, outcome),
            Event::Left(topic) => drop(self.leaving.remove(&topic)),
            Event::Silent(number) => self.lose_line(number),
            Event::Retry => self.retries = false,
            Event::Expires(key, at) => self.expires(&key, at),
            Event::Looked(key, rev, at) => {
                if let Some(followed) = self.keys.get_mut(&key) {
                    followed.seen = followed.seen.max(rev);
                }
                self.expires(&key, at);
            }
            Event::Noticed => self.noticing_now -= 1,
            Event::Settled(tell) if self.noticing_now == 0 => {
                self.hub.settle();
                let _ = tell.send(());
            }
            Event::Settled(tell) => self.settle(tell),
        }
    }

    fn follow(&mut self, key: Box<[u8]>) {
        let followed = self.keys.entry(key.clone()).or_insert_with(Followed::new);
        followed.holders += 1;
        match followed.state {
            State::Wanted => drop(self.wanted.insert(Topic::Key(key))),
            // Who waits for something at the key may have come after the last change of it.
            State::Heard(_) => self.awaited.changed(&key),
            State::Asked(_) => {}
        }
    }

    fn follow_everything(&mut self) {
        self.wide += 1;
        for slot in self.names.slots() {
            let followed = self.slots.entry(slot).or_insert_with(Followed::new);
            followed.holders += 1;
            if followed.state == State::Wanted {
                self.wanted.insert(Topic::Slot(slot));
            }
        }
    }

    fn unfollow_everything(&mut self) {
        self.wide -= 1;
        self.names.slots().for_each(|slot| self.unfollow(Topic::Slot(slot)));
    }

    fn followed(&mut self, topic: &Topic) -> Option<&mut Followed> {
        match topic {
            Topic::Key(key) => self.keys.get_mut(key),
            Topic::Slot(slot) => self.slots.get_mut(slot),
        }
    }

    fn unfollow(&mut self, topic: Topic) {
        let Some(followed) = self.followed(&topic) else { return };
        followed.holders -= 1;
        if followed.holders > 0 {
            return;
        }
        let state = followed.state;
        self.wanted.remove(&topic);
        match &topic {
            Topic::Key(key) => {
                self.keys.remove(key);
                if self.wide == 0 {
                    self.deadlines.set(key, None);
                    self.ours.remove(key);
                }
            }
            Topic::Slot(slot) => drop(self.slots.remove(slot)),
        }
        let (State::Asked(number) | State::Heard(number)) = state else { return };
        let Some(mut link) = self.link(number) else { return };
        let channel = match &topic {
            Topic::Key(key) => self.names.channel(key),
            Topic::Slot(slot) => self.names.base(*slot),
        };
        *self.given_up.entry(channel).or_default() += 1;
        let Some(events) = self.events.upgrade() else { return };
        self.leaving.insert(topic.clone());
        let noticing = self.noticing.clone();
        tokio::spawn(async move {
            let _ = link.unsubscribe(std::slice::from_ref(&topic)).await;
            let _ = events.send(Event::Left(topic.clone()));
            if let Topic::Key(key) = topic {
                // What was kept in mind of it goes, if nobody else listens.
                noticing.notice(&key, "left", Revision::ZERO).await;
            }
        });
    }

    fn wait_for(&mut self, key: Option<Box<[u8]>>, tell: oneshot::Sender<()>) {
        match key {
            None if self.slots.values().any(|followed| !followed.is_heard()) => self.awaiting.push(tell),
            Some(key) => match self.keys.get_mut(&key) {
                Some(followed) if !followed.is_heard() => followed.awaiting.push(tell),
                _ => {
                    let _ = tell.send(());
                }
            },
            None => {
                let _ = tell.send(());
            }
        }
    }

    /// The connection of a number, if it is up.
    fn link(&self, number: u64) -> Option<Link> {
        self.lines.values().find(|line| line.number == number).and_then(|line| line.link.clone())
    }

    /// Asks for what is followed and not heard of, as far as there are connections; begins those that are missing.
    fn subscribe_wanted(&mut self) {
        if self.retries || self.wanted.is_empty() {
            return;
        }
        let mut wanted: HashMap<String, Vec<Topic>> = HashMap::new();
        for topic in self.wanted.difference(&self.leaving) {
            let slot = match topic {
                Topic::Key(key) => self.names.slot(key),
                Topic::Slot(slot) => *slot,
            };
            wanted.entry(self.nodes.owner(slot).address.clone()).or_default().push(topic.clone());
        }
        for (address, topics) in wanted {
            match self.lines.get(&address) {
                None => self.connect(address),
                Some(Line { number, link: Some(link) }) => {
                    let (number, link) = (*number, link.clone());
                    topics.chunks(SUBSCRIBED_AT_ONCE).for_each(|some| self.ask(number, link.clone(), some));
                }
                Some(_) => {}
            }
        }
    }

    fn connect(&mut self, address: String) {
        let Some(node) = self.nodes.all().into_iter().find(|node| node.address == address) else { return };
        let Some(events) = self.events.upgrade() else { return };
        self.last_number += 1;
        let number = self.last_number;
        self.lines.insert(address.clone(), Line { number, link: None });
        let (names, wants_events) = (self.names.clone(), self.wants_events);
        let backlog = self.backlog.clone();
        let info = node.info().clone();
        tokio::spawn(async move {
            let link = Link::connect(info, number, names, wants_events, events.clone(), backlog).await;
            let _ = events.send(Event::Connected(address, number, link));
        });
    }

    fn connected(&mut self, address: &str, number: u64, outcome: redis::RedisResult<Link>) {
        match outcome {
            Ok(link) => {
                self.retry = RETRY_AFTER.0;
                if let Some(line) = self.lines.get_mut(address).filter(|line| line.number == number) {
                    line.link = Some(link);
                }
            }
            Err(error) => {
                tracing::warn!(%error, server = address, "Redis can not be reached: changes are not heard of");
                self.lines.remove(address);
                self.try_again();
            }
        }
    }

    fn ask(&mut self, number: u64, mut link: Link, topics: &[Topic]) {
        for topic in topics {
            self.wanted.remove(topic);
            if let Some(followed) = self.followed(topic) {
                followed.state = State::Asked(number);
            }
        }
        let Some(events) = self.events.upgrade() else { return };
        let topics = topics.to_vec();
        tokio::spawn(async move {
            let outcome = link.subscribe(&topics).await;
            let _ = events.send(Event::Subscribed(number, topics, outcome));
        });
    }

    fn subscribed(&mut self, number: u64, topics: Vec<Topic>, outcome: redis::RedisResult<()>) {
        if let Err(error) = &outcome {
            tracing::debug!(%error, "Redis does not tell of what it was asked to");
            // The slot may be another server's by now.
            self.lose_line(number);
            return;
        }
        for topic in topics {
            let Some(followed) = self.followed(&topic) else { continue };
            if followed.state != State::Asked(number) {
                continue;
            }
            followed.state = State::Heard(number);
            followed.newest = Revision::ZERO;
            let was_lost = std::mem::take(&mut followed.was_lost);
            for tell in followed.awaiting.drain(..) {
                let _ = tell.send(());
            }
            self.begins(&topic, was_lost);
        }
        if self.wide > 0 && !self.awaiting.is_empty() && self.slots.values().all(Followed::is_heard) {
            for tell in self.awaiting.drain(..) {
                let _ = tell.send(());
            }
        }
    }

    /// Something is heard of from here on, for the first time or again.
    fn begins(&mut self, topic: &Topic, was_lost: bool) {
        match topic {
            Topic::Key(key) => {
                if was_lost {
                    self.hub.lost(key_hash(key), key);
                    self.has_told = true;
                }
                self.awaited.changed(key);
            }
            Topic::Slot(_) if was_lost => {
                self.hub.lost_everything();
                self.has_told = true;
            }
            // Who keeps copies of what it read before has not been told of changes.
            Topic::Slot(_) => self.hub.emptied(),
        }
    }

    /// A connection is of no use any more: what it told of is to be asked for anew.
    fn lose_line(&mut self, number: u64) {
        let Some(address) =
            self.lines.iter().find(|(_, line)| line.number == number).map(|(address, _)| address.clone())
        else {
            return;
        };
        tracing::info!(server = address, "what Redis tells is asked for anew");
        self.lines.remove(&address);
        for (key, followed) in &mut self.keys {
            if followed.lose(number) {
                self.wanted.insert(Topic::Key(key.clone()));
            }
        }
        for (slot, followed) in &mut self.slots {
            if followed.lose(number) {
                self.wanted.insert(Topic::Slot(*slot));
            }
        }
        self.ours.clear();
        self.given_up.clear();
        self.try_again();
    }

    /// Tries again in a moment, with a new look at which server has what.
    fn try_again(&mut self) {
        if self.retries {
            return;
        }
        self.retries = true;
        let wait = self.retry;
        self.retry = (self.retry * 2).min(RETRY_AFTER.1);
        let (nodes, events) = (self.nodes.clone(), self.events.clone());
        tokio::spawn(async move {
            sleep(wait).await;
            if let Err(error) = nodes.refresh().await {
                tracing::debug!(%error, "which server has what is not known");
            }
            if let Some(events) = events.upgrade() {
                let _ = events.send(Event::Retry);
            }
        });
    }

    fn told(&mut self, number: u64, told: Told) {
        self.backlog.remove(told.size());
        if !self.lines.values().any(|line| line.number == number) {
            return;
        }
        match told {
            Told::Message { of_slot, message } => {
                if let Some(announcement) = Announcement::parse(&message) {
                    self.announced(of_slot, &announcement);
                }
            }
            Told::Event(real, event) => {
                let names = self.names.clone();
                if let Some(key) = names.bare(&real) {
                    self.happened(key, &event);
                }
            }
            Told::Left(channel) => {
                let expected = self.given_up.get_mut(&channel);
                match expected {
                    Some(1) => drop(self.given_up.remove(&channel)),
                    Some(times) => *times -= 1,
                    // Nobody has asked for that: the slot has moved, and the library takes it for an answer to
                    // something else.
                    None => self.lose_line(number),
                }
            }
            Told::Lost => self.lose_line(number),
        }
    }

    /// Whether a key is heard of by itself, and whether with everything.
    fn hears(&self, key: &[u8]) -> (bool, bool) {
        let wide = self.wide > 0 && self.slots.get(&self.names.slot(key)).is_some_and(Followed::is_heard);
        (self.keys.get(key).is_some_and(Followed::is_heard), wide)
    }

    /// Takes an announcement. One that comes on both channels is told once.
    fn announced(&mut self, of_slot: bool, change: &Announcement<'_>) {
        if change.begins {
            self.ours.insert(change.key.into());
            return;
        }
        self.ours.remove(change.key);
        let (alone, wide) = self.hears(change.key);
        if change.is_nothing || !(if of_slot { wide } else { alone }) {
            return;
        }
        if let Some(followed) = self.keys.get_mut(change.key) {
            if change.rev <= followed.newest {
                return;
            }
            followed.newest = change.rev;
            followed.seen = followed.seen.max(change.rev);
        }
        if of_slot && let Some(slot) = self.slots.get_mut(&self.names.slot(change.key)) {
            slot.seen = slot.seen.max(change.rev);
        }
        self.expires(change.key, Some(change.expires_at));
        self.awaited.changed(change.key);
        let hash = key_hash(change.key);
        if !self.hub.wants(hash, change.key) {
            return;
        }
        self.has_told = true;
        if change.is_quiet {
            return self.hub.emit_quietly(hash, change.key);
        }
        let told = Change {
            key: change.key,
            rev: change.rev,
            command: change.command,
            args: &change.args,
            actor: change.actor,
        };
        if change.node == self.noticing.node.as_bytes() {
            self.hub.emit(hash, &told);
        } else {
            self.hub.emit_from_afar(hash, &told);
        }
    }

    /// Redis told that something happened to a key.
    fn happened(&mut self, key: &[u8], event: &[u8]) {
        if self.ours.contains(key) || self.hears(key) == (false, false) {
            return;
        }
        let event = match event {
            b"expired" => "expired",
            b"evicted" => "evicted",
            _ => "written",
        };
        let seen = self.keys.get(key).or_else(|| self.slots.get(&self.names.slot(key)));
        let seen = seen.map_or(Revision::ZERO, |followed| followed.seen);
        self.notice(key.into(), event, seen);
    }

    fn notice(&mut self, key: Box<[u8]>, event: &'static str, seen: Revision) {
        let Some(events) = self.events.upgrade() else { return };
        self.noticing_now += 1;
        let noticing = self.noticing.clone();
        tokio::spawn(async move {
            let at = noticing.notice(&key, event, seen).await;
            let _ = events.send(Event::Expires(key.clone(), at));
            let _ = events.send(Event::Noticed);
        });
    }

    fn expires(&mut self, key: &[u8], at: Option<i64>) {
        let is_followed = self.keys.contains_key(key);
        let has_room = self.wide > 0 && self.deadlines.len() < limits::REDIS_AWAITED_EXPIRIES_MAX;
        if !is_followed && !has_room {
            return;
        }
        let soonest = now_ms() + EXPIRY_AGAIN_MS;
        let at = at.unwrap_or(now_ms() + EXPIRY_UNANSWERED_MS);
        self.deadlines.set(key, (at >= 0).then(|| at.max(soonest)));
    }

    fn next_due(&self) -> Duration {
        let left = self.deadlines.next().map_or(i64::MAX, |at| at.saturating_sub(now_ms()).max(0));
        Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(Duration::from_secs(60))
    }

    fn look_at_due(&mut self) {
        for key in self.deadlines.take_due(now_ms()) {
            self.notice(key, "due", Revision::ZERO);
        }
    }

    fn ping(&mut self) {
        for line in self.lines.values() {
            let (Some(mut link), Some(events)) = (line.link.clone(), self.events.upgrade()) else { continue };
            let number = line.number;
            tokio::spawn(async move {
                if link.ping().await.is_err() {
                    let _ = events.send(Event::Silent(number));
                }
            });
        }
    }

    /// Answers once everything that has happened so far was told: what is followed is heard of, what is due was
    /// noticed, and every connection has answered after that.
    fn settle(&mut self, tell: oneshot::Sender<()>) {
        self.look_at_due();
        let is_settled =
            self.noticing_now == 0 && self.keys.values().chain(self.slots.values()).all(Followed::is_heard);
        let Some(events) = self.events.upgrade() else { return };
        let mut links: Vec<Link> = self.lines.values().filter_map(|line| line.link.clone()).collect();
        tokio::spawn(async move {
            join_all(links.iter_mut().map(Link::ping)).await;
            if is_settled {
                let _ = events.send(Event::Settled(tell));
            } else {
                sleep(Duration::from_millis(1)).await;
                let _ = events.send(Event::Settle(tell));
            }
        });
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
