//! A register: one value, which is read, written, and replaced where it is what one expects.

use super::Model;

/// The register. Nothing was written to it before the first call.
#[derive(Clone, Debug)]
pub struct Register;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Its value.
    Read,
    /// To hold this value.
    Write(u64),
    /// To hold the second where it holds the first.
    Replace(u64, u64),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// What it holds, if anything was ever written.
    Value(Option<u64>),
    /// It is written.
    Written,
    /// Whether it was what was expected, and is replaced.
    Replaced(bool),
}

impl Model for Register {
    type State = Option<u64>;
    type Ask = Ask;
    type Answer = Answer;

    fn first() -> Self::State {
        None
    }

    fn step(state: &Self::State, ask: &Ask, answer: Option<&Answer>) -> Option<Self::State> {
        let (next, right) = match ask {
            Ask::Read => (*state, Answer::Value(*state)),
            Ask::Write(value) => (Some(*value), Answer::Written),
            Ask::Replace(expected, value) if *state == Some(*expected) => {
                (Some(*value), Answer::Replaced(true))
            }
            Ask::Replace(..) => (*state, Answer::Replaced(false)),
        };
        answer.is_none_or(|answer| *answer == right).then_some(next)
    }

    fn is_read(_ask: &Ask, answer: &Answer) -> bool {
        matches!(answer, Answer::Value(_) | Answer::Replaced(false))
    }
}
