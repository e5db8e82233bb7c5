//! When the past is forgotten without being asked: after a time, or after so many revisions, as etcd
//! does. Pure: the time and the revision go in, the revision to compact to comes out.

use std::collections::VecDeque;
use std::time::Duration;

use hyrax_types::Revision;

/// How much of the past is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCompaction {
    /// What happened within this time.
    Periodic(Duration),
    /// So many revisions.
    Revision(u64),
}

/// How often revisions are counted, as in etcd.
const COUNTED_EVERY_MS: u64 = 5 * 60 * 1000;

/// The longest that two periodic compactions are apart, as in etcd.
const PERIOD_MS_MAX: u64 = 60 * 60 * 1000;

/// How often within a period it is noted where the store stands, as in etcd: how exact the time is.
const NOTES_PER_PERIOD: u64 = 10;

/// Decides when to compact.
#[derive(Debug)]
pub(super) struct Compactor {
    mode: AutoCompaction,
    /// Where the store stood, and when; the oldest first. As many as the time kept has tenths of a period.
    notes: VecDeque<(u64, Revision)>,
    next_ms: u64,
    compacted_ms: u64,
}

impl Compactor {
    pub(super) fn new(mode: AutoCompaction, now_ms: u64) -> Compactor {
        Compactor { mode, notes: VecDeque::new(), next_ms: now_ms, compacted_ms: now_ms }
    }

    /// The revision to compact to, if it is time to.
    pub(super) fn due(&mut self, now_ms: u64, revision: Revision) -> Option<Revision> {
        if now_ms < self.next_ms {
            return None;
        }
        match self.mode {
            AutoCompaction::Revision(kept) => {
                self.next_ms = now_ms.saturating_add(COUNTED_EVERY_MS);
                revision.0.checked_sub(kept).filter(|upto| *upto > 0).map(Revision)
            }
            AutoCompaction::Periodic(kept) => {
                let kept_ms = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
                let period_ms = kept_ms.min(PERIOD_MS_MAX);
                self.next_ms = now_ms.saturating_add((period_ms / NOTES_PER_PERIOD).max(1));
                self.notes.push_back((now_ms, revision));
                let old = |(noted_ms, _): &(u64, Revision)| now_ms.saturating_sub(*noted_ms) >= kept_ms;
                if now_ms.saturating_sub(self.compacted_ms) < period_ms {
                    return None;
                }
                let passed = self.notes.iter().take_while(|note| old(note)).count();
                let (_, upto) = self.notes.drain(..passed).next_back()?;
                self.compacted_ms = now_ms;
                Some(upto)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: u64 = 60 * 1000;

    /// Asks each minute of an hour; the store takes ten revisions a minute.
    fn compactions(mode: AutoCompaction, minutes: u64) -> Vec<(u64, u64)> {
        let mut compactor = Compactor::new(mode, 0);
        let ask = |minute| {
            let due = compactor.due(minute * MINUTE_MS, Revision(10 * minute + 1));
            due.map(|revision| (minute, revision.0))
        };
        (0..=minutes).filter_map(ask).collect()
    }

    #[test]
    fn by_age_what_is_older_than_the_time_kept_goes() {
        let kept = AutoCompaction::Periodic(Duration::from_secs(20 * 60));
        assert_eq!(compactions(kept, 60), [(20, 1), (40, 201), (60, 401)]);
    }

    #[test]
    fn a_long_time_kept_is_compacted_every_hour() {
        let kept = AutoCompaction::Periodic(Duration::from_secs(2 * 60 * 60));
        assert_eq!(compactions(kept, 240), [(120, 1), (180, 601), (240, 1201)]);
    }

    #[test]
    fn by_count_so_many_revisions_stay() {
        assert_eq!(compactions(AutoCompaction::Revision(100), 20), [(10, 1), (15, 51), (20, 101)]);
    }
}
