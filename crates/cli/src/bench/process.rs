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
    fn this_process_has_figures() {
        let pid = std::process::id();
        assert!(cpu_time(pid).is_some());
        assert!(resident_bytes(pid).is_some_and(|bytes| bytes > 1 << 20));
    }
}
