//! What the system says about this process. Where it says nothing (outside Linux), nothing is shown.

use std::fs;
use std::time::Duration;

/// Memory and processor time used.
pub(super) struct Usage {
    /// Bytes of memory in use (resident).
    pub(super) resident_bytes: u64,
    /// Time on a processor in the server's code.
    pub(super) user_time: Duration,
    /// Time on a processor in the kernel's.
    pub(super) system_time: Duration,
}

pub(super) fn usage() -> Option<Usage> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, the second field, may hold anything, but the last parenthesis ends it.
    // User and system time are the 14th and 15th field, the 12th and 13th after the name.
    let mut times = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let time = |count: u64| Duration::from_millis(count.saturating_mul(1000) / ticks);
    Some(Usage {
        resident_bytes: pages.saturating_mul(rustix::param::page_size() as u64),
        user_time: time(user),
        system_time: time(system),
    })
}
