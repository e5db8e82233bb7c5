//! One monitored key, prefix, or the whole key space: its recent events and who hears them.
//!
//! Whoever makes a change only appends it to the log. A flusher reads the log in order and hands each
//! event to the subscribers, so a change costs its maker the same whether one or ten thousand hear it.

use super::event::{Event, Segment, What};
use super::flusher::WRITES_IN_A_ROW;
use super::outbox::{Outbox, Tally};
use super::subscription::{Sealed, Subscription};
use hyrax_types::{Revision, limits};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Bytes of events that may wait for the flusher before they fold: beyond this a reset is cheaper for
/// everybody.
const PENDING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Events handed over in one go, so that the log is never locked for long.
const BATCH: usize = 256;

/// Bytes of events handed over in one go, unless the first alone has more: they are put side by side.
const BATCH_BYTES: usize = 256 * 1024;

/// Events of one scope and its subscribers.
pub struct Topic {
    /// The key or prefix.
    pub(super) name: Box<[u8]>,
    /// Which flusher delivers it: always the same, which keeps the order.
    pub(super) flusher: usize,
    /// It stands on its flusher's list.
    pub(super) queued: AtomicBool,
    /// Whether events are kept for `since`: only a single key's have one order.
    keeps_history: bool,
    log: Mutex<Log>,
    subscribers: Mutex<Vec<Arc<Subscription>>>,
    /// Subscribers, those that are to come included.
    claimed: AtomicUsize,
    /// How many there ever were.
    claims: AtomicUsize,
    /// Some subscriber in the list has ended.
    has_leavers: AtomicBool,
    /// An event of an EKG has passed.
    had_presence: AtomicBool,
    /// Has the engine tell of it, where that has to be asked for.
    _following: Option<Following>,
}

/// While it lives, an engine tells of something.
pub(super) type Following = Box<dyn Send + Sync>;

/// Events in order, and the subscribers that are to come.
#[derive(Default)]
struct Log {
    /// First those delivered, kept for whoever comes back; then those pending.
    events: VecDeque<Arc<Event>>,
    delivered: usize,
    delivered_bytes: usize,
    pending_bytes: usize,
    /// Every change of the value after this is in `events`.
    known_after: Option<Revision>,
    joining: Vec<Joining>,
    /// Keys whose events were dropped because the flusher fell behind: value, EKG.
    lost: HashMap<Box<[u8]>, (bool, bool)>,
}

/// A subscriber to come.
struct Joining {
    subscription: Arc<Subscription>,
    /// How many events of the log it comes after. One with a position of its own comes at once, and
    /// leaves out what it has seen.
    place: usize,
    /// Delivered events that it missed.
    missed: Vec<Arc<Event>>,
}

/// What a flusher delivers in one go.
#[derive(Default)]
struct Batch {
    events: Vec<Arc<Event>>,
    joining: Vec<Joining>,
    lost: HashMap<Box<[u8]>, (bool, bool)>,
    more: bool,
}

impl Topic {
    pub(super) fn new(
        name: &[u8],
        keeps_history: bool,
        flusher: usize,
        following: Option<Following>,
    ) -> Self {
        Topic {
            name: name.into(),
            flusher,
            queued: AtomicBool::new(false),
            keeps_history,
            log: Mutex::default(),
            subscribers: Mutex::default(),
            claimed: AtomicUsize::new(0),
            claims: AtomicUsize::new(0),
            has_leavers: AtomicBool::new(false),
            had_presence: AtomicBool::new(false),
            _following: following,
        }
    }

    /// The key or prefix.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether nobody subscribes, nor is about to. Exact under the lock of what lists the topic.
    pub(super) fn is_idle(&self) -> bool {
        self.claimed.load(Ordering::Acquire) == 0
    }

    /// About how much memory its name and its events take.
    pub(super) fn size(&self) -> usize {
        let log = self.log.lock();
        size_of::<Topic>() + 2 * self.name.len() + log.delivered_bytes + log.pending_bytes
    }

    /// Whether an EKG of this name has changed since the topic began.
    pub fn had_presence(&self) -> bool {
        self.had_presence.load(Ordering::Acquire)
    }

    /// How often it was claimed.
    pub(super) fn claims(&self) -> usize {
        self.claims.load(Ordering::Acquire)
    }

    /// Announces a subscriber. Called under the lock of what lists the topic.
    pub(super) fn claim(&self) {
        self.claims.fetch_add(1, Ordering::AcqRel);
        self.claimed.fetch_add(1, Ordering::AcqRel);
    }

    /// Appends an event. Called in the order of the events of each key.
    pub(super) fn append(&self, event: &Arc<Event>) {
        if matches!(event.what(), What::Presence(_)) {
            self.had_presence.store(true, Ordering::Release);
        }
        let mut log = self.log.lock();
        log.pending_bytes += event.size();
        log.events.push_back(event.clone());
        if log.pending_bytes > PENDING_BYTES_MAX {
            log.lose_pending();
        }
    }

    /// Changes may have been missed: nothing is known of the past any more, and every subscriber is owed the
    /// value (of a prefix, that of the key called so: which keys have changed, nobody knows).
    pub(super) fn lose(&self) {
        let mut log = self.log.lock();
        log.lose_pending();
        log.events.clear();
        (log.delivered, log.delivered_bytes) = (0, 0);
        log.known_after = None;
        for joining in &mut log.joining {
            joining.place = 0;
        }
        log.lost.entry(self.name.clone()).or_default().0 = true;
    }

    /// Lets a subscriber in that has seen everything up to `rev`, which is the present, or a little
    /// before where the engine is not in this process.
    pub fn join(&self, subscription: &Arc<Subscription>, rev: Revision) {
        let mut log = self.log.lock();
        log.known_after.get_or_insert(rev);
        log.admit(subscription, rev);
    }

    /// Lets a subscriber in that has seen everything up to `since`, and gives it what it missed.
    /// Refused when that is no longer known, or lies ahead of `rev`, the present.
    pub fn join_since(&self, subscription: &Arc<Subscription>, since: Revision, rev: Revision) -> bool {
        let mut log = self.log.lock();
        let known_after = *log.known_after.get_or_insert(rev);
        if since < known_after || since > rev {
            return false;
        }
        log.admit(subscription, since);
        true
    }

    /// Lets a subscriber in behind everything that has happened so far.
    pub fn join_here(&self, subscription: &Arc<Subscription>) {
        let mut log = self.log.lock();
        let place = log.events.len();
        log.joining.push(Joining { subscription: subscription.clone(), place, missed: Vec::new() });
    }

    /// Lets a subscriber go that has ended; whether it was the last.
    pub(super) fn leave(&self) -> bool {
        self.has_leavers.store(true, Ordering::Release);
        self.claimed.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Hands pending events to the subscribers; outboxes that need a flush are added to `dirty`, or,
    /// where this topic is delivered `alone`, flushed while they are in the processor's cache.
    /// Answers whether more is pending. Only the topic's own flusher calls this.
    pub(super) async fn deliver(&self, alone: bool, dirty: &mut Vec<Arc<Outbox>>) -> bool {
        let sealed = self.begin_delivery();
        let batch = self.log.lock().next_batch(self.keeps_history);
        let mut joining = batch.joining.into_iter().peekable();
        while let Some(next) = joining.next_if(|next| next.place == 0) {
            self.enter(next, dirty);
        }
        // What was lost was all that waited, so these events came after it: they must not be pushed
        // before the reset.
        for (key, (value, presence)) in &batch.lost {
            for subscription in &*self.subscribers.lock() {
                subscription.outbox.lose(key, subscription, *value, *presence);
            }
        }
        let mut events = batch.events;
        let mut before = 0;
        for next in joining {
            let rest = events.split_off((next.place - before).min(events.len()));
            before += events.len();
            self.push(std::mem::replace(&mut events, rest), alone, dirty).await;
            self.enter(next, dirty);
        }
        self.push(events, alone, dirty).await;
        if !batch.more {
            // Who came in meanwhile stands behind those.
            for (subscription, sealed) in self.subscribers.lock().iter().zip(sealed) {
                subscription.forget_resets(sealed);
            }
        }
        batch.more
    }

    /// Lets those go that have ended, and seals the resets of the others' keys.
    fn begin_delivery(&self) -> Vec<Sealed> {
        let mut subscribers = self.subscribers.lock();
        if self.has_leavers.swap(false, Ordering::Acquire) {
            subscribers.retain(|subscription| !subscription.has_ended());
            let spare = subscribers.capacity() > 4 * subscribers.len() + 16;
            if spare {
                subscribers.shrink_to_fit();
            }
        }
        // A key's own monitors keep no list of resets.
        let many = if self.keeps_history { &[][..] } else { &subscribers[..] };
        many.iter().map(|subscription| subscription.seal_resets()).collect()
    }

    fn enter(&self, joining: Joining, dirty: &mut Vec<Arc<Outbox>>) {
        let Joining { subscription, missed, .. } = joining;
        if !missed.is_empty() {
            push(&Segment::new(missed), std::slice::from_ref(&subscription), dirty);
        }
        if !subscription.has_ended() {
            self.subscribers.lock().push(subscription);
        }
    }

    /// Hands events to all subscribers together.
    async fn push(&self, events: Vec<Arc<Event>>, alone: bool, dirty: &mut Vec<Arc<Outbox>>) {
        if events.is_empty() {
            return;
        }
        let segment = Segment::new(events);
        if !alone {
            push(&segment, &self.subscribers.lock(), dirty);
            return;
        }
        let mut pushed = 0;
        while self.push_through_to_some(&segment, &mut pushed, dirty) {
            dirty.drain(..).for_each(|outbox| outbox.flush());
            tokio::task::yield_now().await;
        }
    }

    /// Writes a segment to the next few subscribers; whether there are more. Their list changes only in
    /// the flusher's own hands, so that it may be let go of in between.
    fn push_through_to_some(
        &self,
        segment: &Arc<Segment>,
        pushed: &mut usize,
        dirty: &mut Vec<Arc<Outbox>>,
    ) -> bool {
        let subscribers = self.subscribers.lock();
        let end = subscribers.len().min(*pushed + WRITES_IN_A_ROW);
        let some = &subscribers[*pushed..end];
        let mut tally = Tally::default();
        for subscription in some {
            if subscription.outbox.push_through(segment, subscription, &mut tally) {
                dirty.push(subscription.outbox.clone());
            }
        }
        if let Some(subscription) = some.first() {
            subscription.outbox.count(&tally);
        }
        *pushed = end;
        end < subscribers.len()
    }
}

/// Hands a segment to subscribers.
fn push(segment: &Arc<Segment>, subscribers: &[Arc<Subscription>], dirty: &mut Vec<Arc<Outbox>>) {
    for subscription in subscribers {
        if subscription.outbox.push(segment, subscription) {
            dirty.push(subscription.outbox.clone());
        }
    }
}

impl Log {
    /// Lets a subscriber in at once, with what was delivered and it has not seen.
    fn admit(&mut self, subscription: &Arc<Subscription>, seen: Revision) {
        subscription.place(seen);
        let delivered = self.events.iter().take(self.delivered);
        let missed = delivered.filter(|event| subscription.has_not_seen(event)).cloned().collect();
        self.joining.push(Joining { subscription: subscription.clone(), place: self.delivered, missed });
    }

    fn next_batch(&mut self, keeps_history: bool) -> Batch {
        let start = self.delivered;
        let mut size = 0;
        let mut events: Vec<Arc<Event>> = Vec::new();
        for event in self.events.range(start..).take(BATCH) {
            if size + event.size() > BATCH_BYTES && !events.is_empty() {
                break;
            }
            size += event.size();
            events.push(event.clone());
        }
        let end = start + events.len();
        self.pending_bytes -= size;
        self.delivered_bytes += size;
        self.delivered = end;
        let (mut joining, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.joining).into_iter().partition(|joining| joining.place <= end);
        joining.iter_mut().for_each(|joining| joining.place = joining.place.saturating_sub(start));
        joining.sort_by_key(|joining| joining.place);
        self.joining = later;
        self.forget(keeps_history);
        let more = self.delivered < self.events.len() || !self.joining.is_empty();
        Batch { events, joining, lost: std::mem::take(&mut self.lost), more }
    }

    /// Drops delivered events beyond what is kept.
    fn forget(&mut self, keeps_history: bool) {
        let (count_max, bytes_max) = if keeps_history {
            (limits::HISTORY_CHANGES_PER_KEY_MAX, limits::HISTORY_BYTES_PER_KEY_MAX)
        } else {
            (0, 0)
        };
        let mut forgotten = 0;
        while self.delivered > count_max || (self.delivered > 0 && self.delivered_bytes > bytes_max) {
            let Some(event) = self.events.pop_front() else { break };
            self.delivered -= 1;
            self.delivered_bytes -= event.size();
            self.no_longer_knows(&event);
            forgotten += 1;
        }
        for joining in &mut self.joining {
            joining.place -= forgotten;
        }
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
    }

    /// Drops pending events and remembers which keys they were of.
    fn lose_pending(&mut self) {
        for event in self.events.split_off(self.delivered) {
            let (value, presence) = self.lost.entry(event.key().into()).or_default();
            match event.what() {
                What::Change(_) => *value = true,
                What::Presence(_) => *presence = true,
            }
            self.no_longer_knows(&event);
        }
        self.pending_bytes = 0;
        for joining in &mut self.joining {
            joining.place = joining.place.min(self.delivered);
        }
    }

    fn no_longer_knows(&mut self, event: &Event) {
        if let What::Change(change) = event.what() {
            self.known_after = self.known_after.max(Some(change.rev));
        }
    }
}
