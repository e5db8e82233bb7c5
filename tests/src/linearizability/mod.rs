//! Whether what concurrent clients saw can be explained by one order of their calls, in which each takes effect
//! at one instant between its beginning and its end: linearizability.
//!
//! A [`History`] is recorded by clients as they go, calls that broke off included: nobody knows whether those took
//! effect. A [`Model`] says what one call does. [`check`] looks for the order. It knows no server.

use std::fmt::Debug;
use std::hash::Hash;

mod check;
mod history;
pub mod lock;
pub mod register;

pub use check::{Verdict, check};
pub use history::{Call, History, Recorder, Returned};

/// What a single object is, called by one client at a time.
pub trait Model {
    /// Everything that the future depends on.
    type State: Clone + Eq + Hash + Debug;
    /// What is asked of it.
    type Ask: Clone + Debug;
    /// What it answers.
    type Answer: Clone + Debug;

    /// Before the first call.
    fn first() -> Self::State;

    /// The state after `ask` in `state`, if that may be answered so. `None` for the answer: it is not known, and any
    /// will do.
    fn step(state: &Self::State, ask: &Self::Ask, answer: Option<&Self::Answer>) -> Option<Self::State>;

    /// Whether a call so answered changes nothing in any state.
    fn is_read(_ask: &Self::Ask, _answer: &Self::Answer) -> bool {
        false
    }
}
