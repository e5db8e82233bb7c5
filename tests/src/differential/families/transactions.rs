//! `MULTI` and its kin: single words out of place, and whole transactions.

use super::Family;
use crate::differential::random::Random;

/// Words out of place. Transactions as they should be come from [`transaction`].
pub const FAMILY: Family = Family::of(&[(2, "WATCH { <key> }"), (1, "UNWATCH"), (1, "EXEC"), (1, "DISCARD")]);

/// How often in a hundred each part comes.
const WATCHED_PERCENT: usize = 60;
const INTERFERED_PERCENT: usize = 40;
const DISCARDED_PERCENT: usize = 10;
const NESTED_PERCENT: usize = 4;

/// The longest transaction.
const COMMANDS_MAX: usize = 8;

/// A command of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// This word alone.
    Word(&'static str),
    /// Watch some keys.
    Watch,
    /// Any command, before the transaction.
    Any,
    /// A command that is queued, so one that can be compared though it runs later.
    Queued,
}

/// A whole transaction: keys watched or not, commands in between that may change them, commands that are queued,
/// and the end.
pub fn transaction(random: &mut Random) -> Vec<Step> {
    let mut steps = Vec::new();
    if random.chance(WATCHED_PERCENT) {
        steps.push(Step::Watch);
        if random.chance(INTERFERED_PERCENT) {
            steps.extend(vec![Step::Any; 1 + random.below(3)]);
        }
    }
    steps.push(Step::Word("MULTI"));
    for _ in 0..random.below(COMMANDS_MAX + 1) {
        if random.chance(NESTED_PERCENT) {
            steps.push(if random.chance(50) { Step::Word("MULTI") } else { Step::Watch });
        }
        steps.push(Step::Queued);
    }
    steps.push(Step::Word(if random.chance(DISCARDED_PERCENT) { "DISCARD" } else { "EXEC" }));
    steps
}
