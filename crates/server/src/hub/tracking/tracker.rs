//! One session that keeps copies, and what it is to be told.

use hyrax_types::SessionId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a tracker is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalidation {
    /// Copies of these keys are stale.
    Keys(Vec<Box<[u8]>>),
    /// All copies are.
    All,
}

/// How a tracker is told while its session is not answering anything.
pub trait Teller: Send + Sync + 'static {
    /// Tells all of these, in order.
    fn tell(&self, invalidations: &[Invalidation]);
}

/// Keys under one prefix that changed, each with the session that did it last.
type Changed = BTreeMap<Box<[u8]>, Option<SessionId>>;

/// What is to be told.
#[derive(Default)]
struct Stale {
    told: Vec<Invalidation>,
    under: BTreeMap<Box<[u8]>, Changed>,
}

/// A session that keeps copies.
pub struct Tracker {
    /// Which session it is.
    pub id: SessionId,
    /// All keys under these are told of; without any, those that the session has read.
    prefixes: Option<Box<[Box<[u8]>]>>,
    /// Whether it is not told of what it changes itself.
    skips_own: bool,
    stale: Mutex<Stale>,
    is_stale: AtomicBool,
    teller: Box<dyn Teller>,
}

impl Tracker {
    /// A session that is told of the keys that it reads, or of all under some prefixes.
    pub fn new(
        id: SessionId,
        prefixes: Option<&[Box<[u8]>]>,
        skips_own: bool,
        teller: Box<dyn Teller>,
    ) -> Tracker {
        Tracker {
            id,
            prefixes: prefixes.map(Box::from),
            skips_own,
            stale: Mutex::default(),
            is_stale: AtomicBool::new(false),
            teller,
        }
    }

    pub(super) fn prefixes(&self) -> &[Box<[u8]>] {
        self.prefixes.as_deref().unwrap_or_default()
    }

    /// Whether it is told of all keys under prefixes.
    pub fn is_broadcast(&self) -> bool {
        self.prefixes.is_some()
    }

    /// Whether it is told of what `writer` does.
    pub(super) fn hears_of(&self, writer: Option<SessionId>) -> bool {
        !self.skips_own || writer != Some(self.id)
    }

    /// Notes a stale key; whether nothing was noted before.
    pub(super) fn gather(&self, key: &[u8]) -> bool {
        self.note(|stale| stale.told.push(Invalidation::Keys(vec![key.into()])))
    }

    /// Notes a key under one of its prefixes; whether nothing was noted before.
    pub(super) fn gather_under(&self, prefix: &[u8], key: &[u8], writer: Option<SessionId>) -> bool {
        self.note(|stale| {
            let changed = match stale.under.get_mut(prefix) {
                Some(changed) => changed,
                None => stale.under.entry(prefix.into()).or_default(),
            };
            changed.insert(key.into(), writer);
        })
    }

    /// Notes that everything is stale, which tells all that was noted before; whether nothing was.
    pub(super) fn gather_all(&self) -> bool {
        self.note(|stale| *stale = Stale { told: vec![Invalidation::All], ..Stale::default() })
    }

    fn note(&self, note: impl FnOnce(&mut Stale)) -> bool {
        let mut stale = self.stale.lock();
        note(&mut stale);
        !self.is_stale.swap(true, Ordering::AcqRel)
    }

    /// Whether there is anything to be told.
    #[inline]
    pub fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::Acquire)
    }

    /// Takes what is to be told; the caller tells it.
    pub fn take(&self) -> Vec<Invalidation> {
        if !self.is_stale() {
            return Vec::new();
        }
        let mut stale = self.stale.lock();
        self.is_stale.store(false, Ordering::Release);
        let Stale { mut told, under } = std::mem::take(&mut *stale);
        drop(stale);
        for changed in under.into_values() {
            let keys = changed.into_iter().filter(|(_, writer)| self.hears_of(*writer));
            let keys: Vec<Box<[u8]>> = keys.map(|(key, _)| key).collect();
            if !keys.is_empty() {
                told.push(Invalidation::Keys(keys));
            }
        }
        told
    }

    /// Has what is stale told.
    pub fn tell(&self) {
        let told = self.take();
        if !told.is_empty() {
            self.teller.tell(&told);
        }
    }
}
