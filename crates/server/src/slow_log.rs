//! The commands that took longest, the last first.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};

/// Words of a command that are remembered, and bytes of each: Redis' numbers.
const WORDS_MAX: usize = 32;
const WORD_BYTES_MAX: usize = 128;

/// A command that took long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slow {
    /// A number that only grows.
    pub id: u64,
    /// When it ended, in seconds since the epoch.
    pub at_s: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Its words, long ones and many of them shortened.
    pub words: Vec<Vec<u8>>,
    /// Whose it was.
    pub address: String,
    /// The name that the client gave itself.
    pub client: Vec<u8>,
}

/// The last commands that took long.
pub struct SlowLog {
    /// From how many microseconds on; negative for never.
    pub slower_than_us: AtomicI64,
    /// How many are remembered.
    pub len_max: AtomicUsize,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    next: u64,
    entries: VecDeque<Slow>,
}

impl Default for SlowLog {
    fn default() -> Self {
        // Redis' defaults: ten milliseconds, 128 commands.
        SlowLog {
            slower_than_us: AtomicI64::new(10_000),
            len_max: AtomicUsize::new(128),
            log: Mutex::default(),
        }
    }
}

impl SlowLog {
    /// Whether a command that took so long is remembered.
    #[inline]
    pub fn wants(&self, took_ns: u64) -> bool {
        let slower_than_us = self.slower_than_us.load(Relaxed);
        slower_than_us >= 0 && took_ns / 1000 >= slower_than_us as u64
    }

    /// Remembers a command, its words shortened.
    pub fn add(&self, at_s: u64, took_ns: u64, words: Vec<Vec<u8>>, address: String, client: Vec<u8>) {
        let mut log = self.log.lock();
        let id = log.next;
        log.next += 1;
        log.entries.push_front(Slow { id, at_s, took_us: took_ns / 1000, words, address, client });
        log.entries.truncate(self.len_max.load(Relaxed));
    }

    /// The last so many.
    pub fn last(&self, count: usize) -> Vec<Slow> {
        self.log.lock().entries.iter().take(count).cloned().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.log.lock().entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets them.
    pub fn reset(&self) {
        self.log.lock().entries.clear();
    }
}

/// The words of a command, as Redis' slow log shortens them.
pub fn shortened(argv: &[&[u8]]) -> Vec<Vec<u8>> {
    let shown = if argv.len() > WORDS_MAX { WORDS_MAX - 1 } else { argv.len() };
    let mut words: Vec<Vec<u8>> = argv[..shown]
        .iter()
        .map(|word| match word.len().checked_sub(WORD_BYTES_MAX) {
            Some(more @ 1..) => {
                let mut short = word[..WORD_BYTES_MAX].to_vec();
                short.extend_from_slice(format!("... ({more} more bytes)").as_bytes());
                short
            }
            _ => word.to_vec(),
        })
        .collect();
    if shown < argv.len() {
        words.push(format!("... ({} more arguments)", argv.len() - shown).into_bytes());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_are_remembered_and_shortened() {
        let log = SlowLog::default();
        log.len_max.store(2, Relaxed);
        assert!(log.wants(10_000_000) && !log.wants(9_999_999));
        let long = [b'x'; 130];
        for _ in 0..3 {
            log.add(1, 10_000_000, shortened(&[b"set", &long]), "a".to_owned(), Vec::new());
        }
        let many = [&b"y"[..]; 40];
        assert_eq!(log.last(9).iter().map(|slow| slow.id).collect::<Vec<_>>(), [2, 1]);
        assert!(log.last(1)[0].words[1].ends_with(b"xx... (2 more bytes)"));
        log.add(1, 1, shortened(&many), "a".to_owned(), Vec::new());
        assert_eq!(log.last(1)[0].words.len(), 32);
        assert_eq!(log.last(1)[0].words[31], b"... (9 more arguments)");
        log.slower_than_us.store(-1, Relaxed);
        assert!(!log.wants(u64::MAX));
        log.reset();
        assert!(log.is_empty());
    }
}
