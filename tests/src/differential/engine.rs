//! The embedded engine as a target, with no door in between.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hyrax_types::{Change, SystemClock};
use hyrax_values::embedded::Embedded;
use hyrax_values::{Call, Execution, Feed, Reply, Values, command, format_decimal};

use super::target::Target;
use crate::resp::Resp;

/// The engine in this process. A panic is an error reply, so that a campaign finds and shrinks it.
pub struct EngineTarget {
    engine: Embedded,
    feed: Arc<dyn Feed>,
}

impl EngineTarget {
    /// An engine without a key, whose changes nobody hears.
    pub fn new() -> Self {
        EngineTarget::heard_by(Arc::new(Unheard))
    }

    /// An engine without a key that tells its changes.
    pub fn heard_by(feed: Arc<dyn Feed>) -> Self {
        EngineTarget { engine: Embedded::new(Arc::new(SystemClock), feed.clone()), feed }
    }

    fn execute(&self, argv: &[&[u8]]) -> Resp {
        let Some(command) = command::lookup(argv[0]) else {
            return Resp::Error(command::unknown(argv).to_string());
        };
        let call = Call { command, argv, actor: None, quiet: false };
        let mut nothing = None;
        let reply = Reply::collect(|sink| match self.engine.execute(&call, sink) {
            Execution::Done => {}
            Execution::Waiting(waiting) => nothing = Some(waiting.nothing),
            Execution::Later(_) => panic!("the embedded engine answers at once"),
        });
        resp(nothing.unwrap_or(reply))
    }
}

impl Default for EngineTarget {
    fn default() -> Self {
        EngineTarget::new()
    }
}

impl Target for EngineTarget {
    fn name(&self) -> &str {
        "the engine"
    }

    fn run(&mut self, command: &[Vec<u8>]) -> Resp {
        let argv: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        catch_unwind(AssertUnwindSafe(|| self.execute(&argv))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Resp::Error(format!("it panicked: {}", text.unwrap_or("without a text")))
        })
    }

    fn reset(&mut self) {
        *self = EngineTarget::heard_by(self.feed.clone());
    }

    fn settle(&mut self) {
        self.engine.expire(usize::MAX);
    }
}

/// Nobody listens.
struct Unheard;

impl Feed for Unheard {
    fn wants(&self, _hash: u64, _key: &[u8]) -> bool {
        false
    }

    fn emit(&self, _hash: u64, _change: &Change<'_>) {}

    fn settle(&self) {}
}

/// The reply as a client of a RESP3 door reads it.
fn resp(reply: Reply) -> Resp {
    let all = |items: Vec<Reply>| items.into_iter().map(resp).collect();
    match reply {
        Reply::Status(text) => Resp::simple(text),
        Reply::Bulk(bytes) => Resp::Bulk(bytes),
        Reply::Integer(number) => Resp::Integer(number),
        Reply::Double(number) => Resp::double(number),
        // As it is read where all its decimals are written.
        Reply::Decimal(number) => Resp::double(format_decimal(number).parse().unwrap_or(number)),
        Reply::Null | Reply::NullArray => Resp::Null,
        Reply::Array(items) => Resp::Array(all(items)),
        Reply::Set(items) => Resp::Set(all(items)),
        Reply::Map(pairs) | Reply::MapOrPairs(pairs) => {
            Resp::Map(pairs.into_iter().map(|(key, value)| (resp(key), resp(value))).collect())
        }
        Reply::Pairs(pairs) => Resp::Array(
            pairs.into_iter().map(|(first, second)| Resp::Array(vec![resp(first), resp(second)])).collect(),
        ),
        Reply::Error(error) => Resp::Error(error.to_string()),
    }
}
