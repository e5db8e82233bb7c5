//! What every engine of [`Values`] must do, as tests that any engine can be put through.
//!
//! An engine's tests implement [`TestEngine`] for it and call [`run`], or name the parts one by one:
//!
//! - [`examples`]: what commands answer, family by family;
//! - [`changes`]: what is told of a call: each changed key once, nothing where nothing changed or the
//!   call failed, the effect where the arguments do not tell it, revisions that grow;
//! - [`expiry`]: a key past its time is never seen, and told once, before any later change of it;
//! - [`fences`]: a write under a lock's token that was overtaken is refused;
//! - [`oracle`]: random commands answer, change and tell what the reference model does;
//! - [`replicas`]: what was told, run on an empty engine, leads to the same state;
//! - [`snapshots`]: a value and its revision are taken in one step, whoever writes meanwhile;
//! - [`transactions`]: calls that run as one step, or not at all if a watched key has changed;
//! - [`waiting`]: commands that wait are served in order, by the step that has something for them.
//!
//! Nothing here knows what an engine is made of. Time is moved where the engine has a clock that a
//! test can move; elsewhere the tests wait, and random commands let none pass.

pub mod changes;
mod commands;
mod driver;
pub mod examples;
pub mod expiry;
pub mod fences;
pub mod oracle;
mod recorder;
pub mod replicas;
pub mod snapshots;
#[cfg(test)]
mod tests;
mod text;
pub mod transactions;
pub mod waiting;

pub use recorder::{Recorded, Recorder};
pub use text::show;

use crate::{Reply, Values, Watched};
use driver::Driver;
use futures_util::future::BoxFuture;
use hyrax_types::ManualClock;
use hyrax_types::Revision;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// An empty engine, and what a test needs beside it.
pub trait TestEngine: Send + Sync {
    /// The engine.
    fn values(&self) -> &dyn Values;

    /// The feed that it was made with.
    fn recorder(&self) -> &Recorder;

    /// The clock that it was made with, if a test can move it.
    fn clock(&self) -> Option<&ManualClock> {
        None
    }

    /// Lets the engine remove what is due, where it waits to be told.
    fn expire(&self) {}

    /// Waits until the changes of all calls that have been answered are recorded, and those that wait have met them.
    fn settle(&self) {}

    /// Waits for a reply.
    fn wait(&self, reply: BoxFuture<'static, Reply>) -> Reply {
        block_on(reply)
    }

    /// Waits for a transaction.
    fn wait_for_transaction(&self, replies: BoxFuture<'static, Option<Vec<Reply>>>) -> Option<Vec<Reply>> {
        block_on(replies)
    }

    /// Waits until a key is under watch.
    fn wait_for_watch(&self, watched: BoxFuture<'static, Watched>) -> Watched {
        block_on(watched)
    }

    /// Waits for a snapshot.
    fn wait_for_snapshot(&self, snapshot: BoxFuture<'static, (Reply, Revision)>) -> (Reply, Revision) {
        block_on(snapshot)
    }
}

/// Makes an empty engine.
pub type Make<'a> = &'a dyn Fn() -> Box<dyn TestEngine>;

/// Puts an engine through everything.
pub fn run(make: Make<'_>) {
    examples::run(make);
    changes::run(make);
    expiry::run(make);
    fences::run(make);
    oracle::run(make);
    replicas::run(make);
    snapshots::run(make);
    transactions::run(make);
    waiting::run(make);
}

/// Runs a property over random inputs. How many is proptest's usual setting (`PROPTEST_CASES`).
fn for_random<S: proptest::strategy::Strategy>(
    inputs: &S,
    property: impl Fn(S::Value) -> Result<(), proptest::test_runner::TestCaseError>,
) where
    S::Value: std::fmt::Debug,
{
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    if let Err(failure) = runner.run(inputs, property) {
        panic!("{failure}");
    }
}

/// Waits for a future on this thread.
pub(crate) fn block_on<T>(mut future: BoxFuture<'static, T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
