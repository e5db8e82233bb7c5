//! What the system knows about a server's process: CPU time and resident memory, from `/proc`.

use std::fs;
use std::time::Duration;

/// CPU time that process `pid` has used so far, in user and kernel mode together, by all its threads.
/// `None` where the system does not tell.
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = ticks_of(&stat)?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// The fewest ticks of the kernel's clock that are taken for a measurement: a tick more or less is then a tenth.
const TICKS_MIN: f64 = 10.0;

/// The CPU time used between two looks. `None` where it is too short for the kernel's clock, or not known.
pub fn cpu_since(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    let used = after?.saturating_sub(before?);
    let ticks = used.as_secs_f64() * rustix::param::clock_ticks_per_second() as f64;
    // Times are whole ticks, but not exactly so as floating-point numbers.
    (ticks > TICKS_MIN - 0.5).then_some(used)
}

/// Resident memory of process `pid` in bytes. `None` where the system does not tell.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    resident_of(&status)
}

/// `utime` and `stime`, the 14th and 15th field. The second is the name in parentheses, which may
/// itself hold blanks and parentheses.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_the_kernel_writes_them() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 700 55 0 0 20 0 4 0 1234 1000 200 18446744073709551615";
        assert_eq!(ticks_of(stat), Some(755));
        assert_eq!(resident_of("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n"), Some(2 << 20));
        assert_eq!(ticks_of("gone"), None);
        assert_eq!(resident_of(""), None);
    }

    #[test]
    fn a_time_too_short_for_the_clock_is_none() {
        let from = |milliseconds| Some(Duration::from_millis(milliseconds));
        // A hundred ticks a second, as Linux has them for programs.
        assert_eq!(cpu_since(from(1000), from(1000)), None);
        assert_eq!(cpu_since(from(1000), from(1090)), None);
        assert_eq!(cpu_since(from(1000), from(1100)), from(100));
        assert_eq!(cpu_since(None, from(5000)), None);
    }

    #[test]
    fn this_process_has_figures() {
        let pid = std::process::id();
        assert!(cpu_time(pid).is_some());
        assert!(resident_bytes(pid).is_some_and(|bytes| bytes > 1 << 20));
    }
}
