//! What is noticed of a key beside our own writes: its time has come, it was evicted, others have written it.
//!
//! Every node that follows the key asks Redis to tell of it; the function sees to it that it is told once.

use crate::library::{Function, library};
use crate::names::Names;
use crate::nodes::Nodes;
use hyrax_types::Revision;
use redis::Value;
use std::sync::Arc;

/// Asks Redis to tell what was noticed.
pub struct Noticing {
    pub names: Arc<Names>,
    pub nodes: Arc<Nodes>,
    /// Whether Redis tells of events of keys, which functions then have to tell apart.
    pub has_events: bool,
    /// This node's name among those that share the Redis.
    pub node: String,
}

impl Noticing {
    /// The letters of options that every call has.
    pub fn options(&self) -> &'static str {
        if self.has_events { "k" } else { "" }
    }

    /// Has told what happened to a key (`due`, `expired`, `evicted`, `written`; or nothing, when this node has `left` it), if
    /// it is not told already. What was `seen` of the key when it happened tells what is new. When the key expires, as Redis answers, or nothing where it does not.
    pub async fn notice(&self, key: &[u8], event: &str, seen: Revision) -> Option<i64> {
        let slot = self.names.slot(key);
        let real = self.names.real(key);
        let mut call = library().call(Function::Noticed, &[&real, &self.names.state(slot)]);
        call.arg(self.names.base(slot)).arg(self.names.prefix().len()).arg(self.options()).arg(event);
        call.arg(seen.0);
        match self.nodes.run(slot, &call).await {
            Ok(Value::Int(at)) => Some(at),
            Ok(_) => None,
            Err(error) => {
                tracing::debug!(%error, "what happened to a key could not be told yet");
                None
            }
        }
    }
}
