//! A lock: held by one at a time, under a token that only grows.

use super::Model;

/// The lock. Nobody holds it before the first call.
#[derive(Clone, Debug)]
pub struct Lock;

/// Who holds it, and the greatest token so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Held {
    by: Option<u64>,
    token: i64,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// To hold it, by this client.
    Acquire(u64),
    /// To let it go, by this client. That may also have happened by itself before: its lease ended.
    Release(u64),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is held, with this token.
    Acquired(i64),
    /// It is not held.
    Released,
}

impl Model for Lock {
    type State = Held;
    type Ask = Ask;
    type Answer = Answer;

    fn first() -> Held {
        Held::default()
    }

    fn step(state: &Held, ask: &Ask, answer: Option<&Answer>) -> Option<Held> {
        match (ask, answer) {
            (Ask::Acquire(client), Some(Answer::Acquired(token))) => (state.by.is_none()
                && *token > state.token)
                .then_some(Held { by: Some(*client), token: *token }),
            // Which token it had, nobody knows.
            (Ask::Acquire(client), None) => {
                state.by.is_none().then_some(Held { by: Some(*client), token: state.token })
            }
            (Ask::Release(client), None | Some(Answer::Released)) => {
                (state.by == Some(*client)).then_some(Held { by: None, token: state.token })
            }
            _ => None,
        }
    }
}
