//! What clients did and saw, with an order of time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Model;

/// How a call came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Returned<A> {
    /// With this answer, at this time.
    At(u64, A),
    /// Not at all: it may have taken effect at any time after it began, or never.
    Never,
}

/// One call of one client.
#[derive(Clone, Debug)]
pub struct Call<M: Model> {
    /// When it began.
    pub began: u64,
    /// What was asked.
    pub ask: M::Ask,
    /// What came of it.
    pub returned: Returned<M::Answer>,
}

/// The calls of all clients of one object, in no order.
#[derive(Clone, Debug)]
pub struct History<M: Model> {
    /// The calls.
    pub calls: Vec<Call<M>>,
}

impl<M: Model> Default for History<M> {
    fn default() -> Self {
        History { calls: Vec::new() }
    }
}

impl<M: Model> History<M> {
    /// Takes over the calls of another client.
    pub fn extend(&mut self, other: History<M>) {
        self.calls.extend(other.calls);
    }
}

/// What gives all clients of a test one order of time: a counter, which no two see alike.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    now: Arc<AtomicU64>,
}

impl Recorder {
    /// A time later than all before it.
    pub fn tick(&self) -> u64 {
        self.now.fetch_add(1, Ordering::SeqCst)
    }
}
