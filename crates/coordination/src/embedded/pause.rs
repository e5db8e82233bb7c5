//! The time that leases live by: it stands still while the process does.

/// What of the clock counts for leases.
///
/// Who could not renew because this process was stopped (a debugger, a full machine, a sleeping
/// laptop) must not lose its lease for that. The clock is read at every tick of the task that ends
/// leases and at every request about one, so a long step between two readings is a pause, and is not
/// counted. Nor is a clock that is set back.
#[derive(Debug)]
pub(super) struct LeaseClock {
    /// Steps this long are pauses; none are, where somebody moves the clock at will.
    pause_min_ms: Option<u64>,
    read_ms: Option<u64>,
    counted_ms: u64,
}

impl LeaseClock {
    pub(super) fn new(pause_min_ms: Option<u64>) -> LeaseClock {
        LeaseClock { pause_min_ms, read_ms: None, counted_ms: 0 }
    }

    /// The time for leases, when the clock shows `now_ms`, which must count on while the machine sleeps.
    pub(super) fn at(&mut self, now_ms: u64) -> u64 {
        let Some(pause_min_ms) = self.pause_min_ms else { return now_ms };
        let Some(read_ms) = self.read_ms else {
            self.read_ms = Some(now_ms);
            self.counted_ms = now_ms;
            return now_ms;
        };
        let step_ms = now_ms.saturating_sub(read_ms);
        if step_ms < pause_min_ms {
            self.counted_ms += step_ms;
        }
        // A reading may be a little older than the one before, when two threads had them; a clock that
        // was set back is much older.
        if now_ms > read_ms || read_ms - now_ms >= pause_min_ms {
            self.read_ms = Some(now_ms);
        }
        self.counted_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_does_not_count_and_time_goes_on_after_it() {
        let mut clock = LeaseClock::new(Some(500));
        assert_eq!(clock.at(1_000), 1_000);
        assert_eq!(clock.at(1_400), 1_400);
        assert_eq!(clock.at(61_400), 1_400, "a minute's pause");
        assert_eq!(clock.at(61_450), 1_450);
        assert_eq!(clock.at(61_449), 1_450, "an older reading");
        assert_eq!(clock.at(61_460), 1_460);
    }

    #[test]
    fn a_clock_that_is_set_moves_no_deadline() {
        let mut clock = LeaseClock::new(Some(500));
        assert_eq!(clock.at(100_000), 100_000);
        assert_eq!(clock.at(40_000), 100_000, "set back a minute");
        assert_eq!(clock.at(40_100), 100_100);
        assert_eq!(clock.at(3_640_100), 100_100, "set forth an hour");
        assert_eq!(clock.at(3_640_200), 100_200);
    }

    #[test]
    fn a_clock_that_somebody_moves_counts_in_full() {
        let mut clock = LeaseClock::new(None);
        assert_eq!(clock.at(1_000), 1_000);
        assert_eq!(clock.at(1_000_000), 1_000_000);
    }
}
