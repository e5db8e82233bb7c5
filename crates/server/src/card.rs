//! What the others may know of a session: who it is, what it did last, what it is in the middle of.
//!
//! The session writes it and anybody reads it, so it is all atomics, but for what changes seldom.

use crate::auth::Identity;
use crate::hub::Outbox;
use crate::net::Peer;
use hyrax_types::SessionId;
use parking_lot::Mutex;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use tokio::sync::oneshot;

/// How a command that waits is let go by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetGo {
    /// As if its time were over.
    TimedOut,
    /// With an error.
    Refused,
}

/// What changes seldom.
#[derive(Default)]
struct Seldom {
    name: Option<Box<[u8]>>,
    identity: Identity,
    waiting: Option<oneshot::Sender<LetGo>>,
}

/// What the others may know of a session.
pub struct Card {
    /// Which one it is.
    pub id: SessionId,
    /// Who is at the other end.
    pub peer: Peer,
    /// When it began, in seconds since the epoch.
    pub began_s: u64,
    /// When it last sent something, in microseconds since the epoch.
    pub seen_us: AtomicU64,
    /// Which command it ran last, by its place among the metrics' names; beyond them before the first.
    pub command: AtomicUsize,
    /// The version of Redis' protocol that it speaks; 0 at doors with another one.
    pub protocol: AtomicU32,
    /// Commands queued in the transaction that it is in the middle of, plus one; 0 outside of one.
    pub queued: AtomicUsize,
    /// Bytes of those commands.
    pub queued_bytes: AtomicUsize,
    /// Channels, patterns and shard channels that it is subscribed to.
    pub subscribed: [AtomicUsize; 3],
    /// Whether it is shown all commands.
    pub monitors: AtomicBool,
    /// Whether it asked to be kept when memory is short.
    pub no_evict: AtomicBool,
    /// Whom it has told that its copies are stale: another session, 0 for itself, -1 for none.
    pub redirection: AtomicI64,
    /// Whether it keeps copies of all keys under some prefixes.
    pub hears_prefixes: AtomicBool,
    outbox: Weak<Outbox>,
    seldom: Mutex<Seldom>,
}

impl Card {
    /// The card of a session that begins.
    pub fn new(id: SessionId, peer: Peer, outbox: Weak<Outbox>, now_us: u64) -> Self {
        Card {
            id,
            peer,
            began_s: now_us / 1_000_000,
            seen_us: AtomicU64::new(now_us),
            command: AtomicUsize::new(usize::MAX),
            protocol: AtomicU32::new(0),
            queued: AtomicUsize::new(0),
            queued_bytes: AtomicUsize::new(0),
            subscribed: Default::default(),
            monitors: AtomicBool::new(false),
            no_evict: AtomicBool::new(false),
            redirection: AtomicI64::new(-1),
            hears_prefixes: AtomicBool::new(false),
            outbox,
            seldom: Mutex::default(),
        }
    }

    /// Where its replies and pushes go, while it lives.
    pub fn outbox(&self) -> Option<std::sync::Arc<Outbox>> {
        self.outbox.upgrade()
    }

    /// Has it disconnected.
    pub fn kick(&self) {
        if let Some(outbox) = self.outbox() {
            outbox.kick();
        }
    }

    /// The name that it gave itself.
    pub fn name(&self) -> Option<Box<[u8]>> {
        self.seldom.lock().name.clone()
    }

    /// Gives it a name, or none.
    pub fn set_name(&self, name: Option<&[u8]>) {
        self.seldom.lock().name = name.map(Box::from);
    }

    /// Who it has shown to be.
    pub fn identity(&self) -> Identity {
        self.seldom.lock().identity.clone()
    }

    /// Notes who it has shown to be.
    pub fn set_identity(&self, identity: Identity) {
        self.seldom.lock().identity = identity;
    }

    /// Whether it waits.
    pub fn is_waiting(&self) -> bool {
        self.seldom.lock().waiting.is_some()
    }

    /// It waits from now on, until [`Card::waits_no_more`]; somebody may let it go.
    pub fn waits(&self) -> oneshot::Receiver<LetGo> {
        let (let_go, waiting) = oneshot::channel();
        self.seldom.lock().waiting = Some(let_go);
        waiting
    }

    /// It waits no more.
    pub fn waits_no_more(&self) {
        self.seldom.lock().waiting = None;
    }

    /// Lets it go, if it waits.
    pub fn let_go(&self, how: LetGo) -> bool {
        let waiting = self.seldom.lock().waiting.take();
        waiting.is_some_and(|waiting| waiting.send(how).is_ok())
    }

    /// Notes whether it keeps copies: who is told that they are stale, 0 for itself, and whether that is of all
    /// keys under some prefixes.
    pub fn note_tracking(&self, tracking: Option<(i64, bool)>) {
        let (redirection, hears_prefixes) = tracking.unwrap_or((-1, false));
        self.redirection.store(redirection, Relaxed);
        self.hears_prefixes.store(hears_prefixes, Relaxed);
    }

    /// Whether it is subscribed to anything.
    pub fn is_subscribed(&self) -> bool {
        self.subscribed.iter().any(|count| count.load(Relaxed) > 0)
    }
}
