//! What is followed, and whether it is heard of.

use hyrax_types::Revision;
use tokio::sync::oneshot;

/// Whether what is followed is heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not yet, or no longer.
    Wanted,
    /// Asked for on the connection of this number.
    Asked(u64),
    /// Heard on it.
    Heard(u64),
}

/// What is followed, for whomever.
pub struct Followed {
    /// How many want it.
    pub holders: usize,
    /// How far it has come.
    pub state: State,
    /// It was heard of before, and then was not.
    pub was_lost: bool,
    /// Who waits until it is heard of.
    pub awaiting: Vec<oneshot::Sender<()>>,
    /// The last change that was told.
    pub newest: Revision,
    /// The last that anybody here knows of: told, or in a snapshot.
    pub seen: Revision,
}

impl Followed {
    /// Nobody has asked for it yet.
    pub fn new() -> Self {
        Followed {
            holders: 0,
            state: State::Wanted,
            was_lost: false,
            awaiting: Vec::new(),
            newest: Revision::ZERO,
            seen: Revision::ZERO,
        }
    }
}

impl Followed {
    /// The connection of this number is lost; whether this was heard of on it.
    pub fn lose(&mut self, number: u64) -> bool {
        let (State::Asked(lost) | State::Heard(lost)) = self.state else { return false };
        if lost != number {
            return false;
        }
        self.was_lost |= self.state == State::Heard(number);
        self.state = State::Wanted;
        true
    }

    /// Whether it is heard of.
    pub fn is_heard(&self) -> bool {
        matches!(self.state, State::Heard(_))
    }
}
