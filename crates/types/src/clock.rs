//! Wall-clock time as an argument, so that a test can be the world.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the engines get the time from.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since the Unix epoch.
    fn now_us(&self) -> u64;

    /// Milliseconds since the Unix epoch, the unit of every expiry.
    fn now_ms(&self) -> u64 {
        self.now_us() / 1000
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Nanoseconds since the Unix epoch.
    pub fn now_ns(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
    }
}

impl Clock for SystemClock {
    fn now_us(&self) -> u64 {
        // A clock set before 1970 reads as 1970: expiries are then late, never early.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
    }
}

thread_local! {
    /// What [`SteppedClock`] shows on this thread, in microseconds; 0 while it is not held.
    static HELD_AT_US: Cell<u64> = const { Cell::new(0) };
}

/// The machine's clock, which stands still on a thread while [`SteppedClock::hold`] runs there: reading
/// the time is a good part of the cost of a short command, and its door has just read it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SteppedClock;

impl SteppedClock {
    /// Runs `action`, during which this thread reads `now_us`.
    pub fn hold<R>(now_us: u64, action: impl FnOnce() -> R) -> R {
        let _restore = Restore(HELD_AT_US.replace(now_us));
        action()
    }
}

/// Lets the clock go on, also when what it was held for panics.
struct Restore(u64);

impl Drop for Restore {
    fn drop(&mut self) {
        HELD_AT_US.set(self.0);
    }
}

impl Clock for SteppedClock {
    fn now_us(&self) -> u64 {
        match HELD_AT_US.get() {
            0 => SystemClock.now_us(),
            held => held,
        }
    }
}

/// A clock that moves only when told to, for tests and simulations.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at `now_ms`.
    pub fn at_ms(now_ms: u64) -> Self {
        ManualClock(AtomicU64::new(now_ms * 1000))
    }

    /// Moves the clock forward.
    pub fn advance_ms(&self, by_ms: u64) {
        self.0.fetch_add(by_ms * 1000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
