//! How often a client may do what costs the server more than itself.

use std::time::Instant;

use hyrax_types::limits::HTTP2_RESETS_PER_SECOND_MAX;

/// Streams that may still be broken off. As many come again each second.
#[derive(Default)]
pub(super) struct Allowance {
    spent: u32,
    since: Option<Instant>,
}

impl Allowance {
    /// Spends one; false when there is none left.
    pub(super) fn spend(&mut self) -> bool {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let again = now.duration_since(since).as_millis() * u128::from(HTTP2_RESETS_PER_SECOND_MAX) / 1000;
        if again > 0 {
            self.spent = self.spent.saturating_sub(u32::try_from(again).unwrap_or(u32::MAX));
            self.since = Some(now);
        }
        self.spent += 1;
        self.spent <= HTTP2_RESETS_PER_SECOND_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_comes_again() {
        let mut allowance = Allowance::default();
        let spent = (0..).take_while(|_| allowance.spend()).count();
        assert!(spent >= HTTP2_RESETS_PER_SECOND_MAX as usize, "{spent}");
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(allowance.spend());
    }
}
