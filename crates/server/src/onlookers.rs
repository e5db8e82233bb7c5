//! Who is shown every command that clients run.

use crate::card::Card;
use hyrax_types::SessionId;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The sessions that are shown every command.
#[derive(Default)]
pub struct Onlookers {
    /// To be read without the lock.
    count: AtomicUsize,
    cards: Mutex<Vec<Arc<Card>>>,
}

impl Onlookers {
    /// Whether there is any.
    #[inline]
    pub fn any(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Shows a session every command from now on.
    pub fn add(&self, card: &Arc<Card>) {
        let mut cards = self.cards.lock();
        if !cards.iter().any(|listed| listed.id == card.id) {
            cards.push(card.clone());
        }
        card.monitors.store(true, Ordering::Release);
        self.count.store(cards.len(), Ordering::Release);
    }

    /// Shows a session nothing any more.
    pub fn remove(&self, id: SessionId) {
        let mut cards = self.cards.lock();
        cards.retain(|card| {
            let goes = card.id == id;
            if goes {
                card.monitors.store(false, Ordering::Release);
            }
            !goes
        });
        self.count.store(cards.len(), Ordering::Release);
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Card>> {
        self.cards.lock().clone()
    }
}
