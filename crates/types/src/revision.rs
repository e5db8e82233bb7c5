//! The number that orders the changes of a key.

use std::fmt;

/// A position in a key's history.
///
/// For a given key it only grows. Where an engine keeps nothing over a restart it starts at the
/// engine's start time in microseconds, so that a revision handed out before is not met again.
/// Gaps are normal: keys share counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// Before every change.
    pub const ZERO: Revision = Revision(0);
    /// After every change: a subscriber placed here hears nothing yet.
    pub const MAX: Revision = Revision(u64::MAX);

    /// The next position.
    #[must_use]
    pub fn next(self) -> Revision {
        Revision(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
