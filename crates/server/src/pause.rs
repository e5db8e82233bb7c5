//! A pause that an operator asks for: commands of clients wait until it is over.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Which commands wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paused {
    /// Those that change something.
    Writes,
    /// All.
    All,
}

/// A pause, or none.
#[derive(Default)]
pub struct Pause {
    /// To be read without the lock.
    is_on: AtomicBool,
    until: Mutex<Option<(Instant, Paused)>>,
    changed: Notify,
}

impl Pause {
    /// Whether there may be one.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    /// Begins one. One that is under way is not shortened, nor made to hold less.
    pub fn begin(&self, time: Duration, paused: Paused) {
        let now = Instant::now();
        // A time beyond what can be counted is a year: nobody waits longer.
        let end = now.checked_add(time).unwrap_or(now + Duration::from_secs(365 * 24 * 3600));
        let mut until = self.until.lock();
        let (end, paused) = match until.filter(|(end, _)| *end > now) {
            Some((before, Paused::All)) => (end.max(before), Paused::All),
            Some((before, _)) => (end.max(before), paused),
            None => (end, paused),
        };
        *until = Some((end, paused));
        self.is_on.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Ends it.
    pub fn end(&self) {
        *self.until.lock() = None;
        self.is_on.store(false, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// How much of it is left.
    pub fn left(&self) -> Option<Duration> {
        self.now().map(|(end, _)| end.saturating_duration_since(Instant::now()))
    }

    /// Whether a command has to wait.
    pub fn holds(&self, changes: bool) -> bool {
        self.is_on() && self.now().is_some_and(|(_, paused)| paused == Paused::All || changes)
    }

    /// The pause that is under way: when it ends, and what it holds.
    fn now(&self) -> Option<(Instant, Paused)> {
        let mut until = self.until.lock();
        if until.is_some_and(|(end, _)| end <= Instant::now()) {
            *until = None;
            self.is_on.store(false, Ordering::Release);
        }
        *until
    }

    /// Waits until it is over, or another one.
    pub async fn changed(&self) {
        let mut changed = std::pin::pin!(self.changed.notified());
        changed.as_mut().enable();
        if let Some((end, _)) = self.now() {
            // Whichever comes first: what is waited for is looked at anew.
            let _ = tokio::time::timeout_at(end, changed).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_what_it_says_until_it_is_over() {
        let pause = Pause::default();
        assert!(!pause.holds(true));
        pause.begin(Duration::from_millis(100), Paused::Writes);
        assert!(pause.holds(true) && !pause.holds(false));
        pause.begin(Duration::from_millis(50), Paused::All);
        assert!(pause.holds(false));
        pause.begin(Duration::from_millis(10), Paused::Writes);
        assert!(pause.holds(false), "a second one makes it no weaker");
        let begun = Instant::now();
        while pause.holds(true) {
            pause.changed().await;
        }
        assert_eq!(begun.elapsed(), Duration::from_millis(100), "nor shorter");
        assert!(!pause.is_on());
    }
}
