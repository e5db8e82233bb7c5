//! How much memory this process has allocated, from the allocator itself.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyrax_values::Memory;
use tikv_jemalloc_ctl::{epoch, stats, thread};

/// The sum over all threads takes the allocator some ten microseconds.
const SUMMED_EVERY: Duration = Duration::from_millis(100);

/// What a thread keeps to itself before it adds it to what all have allocated.
const KEPT_BYTES_MAX: i64 = 16 * 1024;

/// Bytes allocated: now and then as the allocator sums them up, and in between by what each thread that
/// asks has allocated and freed since.
#[derive(Debug)]
pub struct Allocated {
    bytes: AtomicI64,
    /// How many sums there have been. What threads allocated before a sum is in it.
    sums: AtomicU64,
    began: Instant,
    /// When the last sum was made, in milliseconds since `began`, plus one.
    summed_at_ms: AtomicU64,
}

/// What a thread has allocated.
struct OfThread {
    allocated: thread::ThreadLocal<u64>,
    freed: thread::ThreadLocal<u64>,
    /// The difference of both up to which it has been added for all.
    added: Cell<i64>,
    /// Which sum that followed.
    sum: Cell<u64>,
}

impl OfThread {
    fn new() -> Option<Self> {
        Some(OfThread {
            allocated: thread::allocatedp::read().ok()?,
            freed: thread::deallocatedp::read().ok()?,
            added: Cell::new(0),
            sum: Cell::new(0),
        })
    }

    fn held(&self) -> i64 {
        self.allocated.get().wrapping_sub(self.freed.get()) as i64
    }
}

thread_local! {
    static OF_THREAD: Option<OfThread> = OfThread::new();
}

impl Default for Allocated {
    fn default() -> Self {
        Allocated {
            bytes: AtomicI64::new(0),
            sums: AtomicU64::new(0),
            began: Instant::now(),
            summed_at_ms: AtomicU64::new(0),
        }
    }
}

impl Allocated {
    /// What the asking thread has allocated since the last sum and not added yet.
    fn kept(&self, thread: &OfThread) -> i64 {
        let (held, sum) = (thread.held(), self.sums.load(Ordering::Relaxed));
        if thread.sum.replace(sum) != sum {
            thread.added.set(held);
        }
        let kept = held - thread.added.get();
        if kept.abs() < KEPT_BYTES_MAX {
            return kept;
        }
        thread.added.set(held);
        self.bytes.fetch_add(kept, Ordering::Relaxed);
        0
    }
}

impl Memory for Allocated {
    fn used(&self) -> u64 {
        let kept = OF_THREAD.with(|thread| thread.as_ref().map_or(0, |thread| self.kept(thread)));
        u64::try_from(self.bytes.load(Ordering::Relaxed) + kept).unwrap_or(0)
    }

    fn refresh(&self) {
        let now = self.began.elapsed().as_millis() as u64 + 1;
        let last = self.summed_at_ms.load(Ordering::Relaxed);
        let is_due = last == 0 || now - last >= SUMMED_EVERY.as_millis() as u64;
        let is_mine = || {
            let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
            self.summed_at_ms.compare_exchange(last, now, success, failure).is_ok()
        };
        if !is_due || !is_mine() {
            return;
        }
        // An allocator that does not tell leaves it at what the threads say.
        let before = self.bytes.load(Ordering::Relaxed);
        if epoch::advance().is_ok()
            && let Ok(sum) = stats::allocated::read()
        {
            self.sums.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(sum as i64 - before, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_is_seen_at_once_and_what_is_freed_too() {
        const LARGE: usize = 64 << 20;
        let memory = Allocated::default();
        memory.refresh();
        let before = memory.used();
        assert!(before > 0);
        let taken = vec![1_u8; LARGE];
        let during = memory.used();
        assert!(during - before >= LARGE as u64, "{before} {during}");
        drop(taken);
        // Other tests allocate meanwhile, but not as much.
        assert!(memory.used() < before + LARGE as u64 / 2);
    }

    #[test]
    fn what_other_threads_hold_is_in_the_next_sum() {
        const LARGE: usize = 64 << 20;
        let memory = Allocated::default();
        memory.refresh();
        let before = memory.used();
        let taken = std::thread::spawn(|| vec![1_u8; LARGE]).join().unwrap();
        std::thread::sleep(SUMMED_EVERY);
        memory.refresh();
        assert!(memory.used() >= before + LARGE as u64 / 2);
        drop(taken);
    }
}
