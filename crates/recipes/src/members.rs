//! Which nodes serve one key space, and where clients reach them.
//!
//! ```text
//! \0hyrax/member/<number of the node>   →  <name>\n<address>\n…
//! ```
//!
//! The number has sixteen hexadecimal digits. The key hangs on the node's lease: a node that dies is none any more when
//! that ends.

use std::sync::Arc;

use hyrax_coordination::{
    Coordination, Key, KeyRange, KeyValue, PutRequest, RangeError, RangeRequest, Value,
};

use crate::node_lease::NodeLease;
use crate::retry::Backoff;
use crate::task::Task;

const PREFIX: &[u8] = b"\0hyrax/member/";

/// A node, as others know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number, which no other node has.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// Where clients reach it: `HOST:PORT`.
    pub addresses: Vec<String>,
}

/// The nodes of a key space, this one among them. Dropping it leaves what it has told to the end of the lease.
pub struct Members {
    engine: Arc<dyn Coordination>,
    _telling: Task,
}

impl Members {
    /// Tells the others of `own`, again whenever the lease was lost.
    pub fn start(engine: Arc<dyn Coordination>, lease: Arc<NodeLease>, own: Node) -> Members {
        let telling = Task::spawn(tell(Arc::clone(&engine), lease, own));
        Members { engine, _telling: telling }
    }

    /// Every node that serves, by number.
    pub async fn list(&self) -> Result<Vec<Node>, RangeError> {
        let found = self.engine.range(RangeRequest::new(KeyRange::prefix(PREFIX))).await?;
        Ok(found.kvs.iter().filter_map(|kv| Node::read(kv)).collect())
    }
}

async fn tell(engine: Arc<dyn Coordination>, lease: Arc<NodeLease>, own: Node) {
    let mut leases = lease.subscribe();
    let mut backoff = Backoff::new();
    loop {
        let id = *leases.borrow_and_update();
        let put = PutRequest { lease: id, ..PutRequest::new(own.key(), own.value()) };
        if engine.put(put).await.is_err() {
            // Also where the lease is gone: the next look finds the one that took its place.
            backoff.wait().await;
            continue;
        }
        backoff = Backoff::new();
        if leases.changed().await.is_err() {
            return;
        }
    }
}

impl Node {
    fn key(&self) -> Key {
        [PREFIX, format!("{:016x}", self.number).as_bytes()].concat().into()
    }

    fn value(&self) -> Value {
        std::iter::once(&self.name)
            .chain(&self.addresses)
            .fold(String::new(), |text, line| text + line + "\n")
            .into()
    }

    /// None for what no node has told.
    fn read(kv: &KeyValue) -> Option<Node> {
        let number = std::str::from_utf8(kv.key.strip_prefix(PREFIX)?).ok()?;
        let number = u64::from_str_radix(number, 16).ok()?;
        let mut lines = std::str::from_utf8(&kv.value).ok()?.lines().map(str::to_owned);
        Some(Node { number, name: lines.next()?, addresses: lines.collect() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyrax_coordination::{Embedded, EmbeddedSettings};
    use hyrax_types::SystemClock;

    use super::*;

    fn node(number: u64, name: &str) -> Node {
        let addresses = vec![format!("127.0.0.1:{number}"), "[::1]:1".to_owned()];
        Node { number, name: name.to_owned(), addresses }
    }

    #[tokio::test]
    async fn nodes_are_listed_until_their_leases_end() {
        let engine: Arc<dyn Coordination> =
            Arc::new(Embedded::start(Arc::new(SystemClock), EmbeddedSettings::default()));
        let lease =
            async || Arc::new(NodeLease::start(Arc::clone(&engine), Duration::from_secs(60)).await.unwrap());
        let (one, two) = (lease().await, lease().await);
        let members = Members::start(Arc::clone(&engine), Arc::clone(&one), node(1, "one"));
        let others = Members::start(Arc::clone(&engine), Arc::clone(&two), node(u64::MAX, "two"));
        let until = async |expected: &[Node]| {
            while members.list().await.unwrap() != expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        until(&[node(1, "one"), node(u64::MAX, "two")]).await;
        drop(others);
        engine.lease_revoke(two.id()).await.unwrap();
        until(&[node(1, "one")]).await;
        // A node that was only thought dead tells the others again.
        engine.lease_revoke(one.id()).await.unwrap();
        one.renew().await.unwrap();
        until(&[node(1, "one")]).await;
    }
}
