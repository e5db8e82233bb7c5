//! Nodes, and what happens to them.

use std::sync::OnceLock;

use bytes::Bytes;
use hyrax_coordination::Value;

use super::path::TreePath;

const NS_PER_S: i64 = 1_000_000_000;

/// A key or a directory, as it was at one index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Where it is.
    pub path: TreePath,
    /// Whether it is a key or a directory.
    pub kind: Kind,
    /// What it holds; none of a directory, and none of what is gone.
    pub value: Option<Value>,
    /// When it ends, in nanoseconds since the Unix epoch.
    pub ends_ns: Option<i64>,
    /// What a directory holds, where that was asked for, by name, without what is hidden.
    pub nodes: Vec<Node>,
    /// The index that wrote it; zero of the root.
    pub modified: u64,
    /// The index that created it; zero of the root.
    pub created: u64,
}

/// Whether a node is a key or a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A key with a value.
    File,
    /// A directory.
    #[default]
    Directory,
}

impl Node {
    /// How many seconds it has left at `now_ns`, rounded up; zero for one without an end.
    pub fn ttl_s(&self, now_ns: i64) -> i64 {
        let Some(ends_ns) = self.ends_ns else { return 0 };
        let left_ns = ends_ns.saturating_sub(now_ns);
        left_ns / NS_PER_S + i64::from(left_ns % NS_PER_S > 0)
    }
}

/// What can happen to a node, in etcd's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was read.
    Get,
    /// It was written, whether it was there or not.
    Set,
    /// It was written where there was none.
    Create,
    /// It was written where there was one.
    Update,
    /// It was removed.
    Delete,
    /// Its time ran out.
    Expire,
    /// It was written because it was as expected.
    CompareAndSwap,
    /// It was removed because it was as expected.
    CompareAndDelete,
}

impl Action {
    /// All of them.
    pub(super) const ALL: [Action; 8] = [
        Action::Get,
        Action::Set,
        Action::Create,
        Action::Update,
        Action::Delete,
        Action::Expire,
        Action::CompareAndSwap,
        Action::CompareAndDelete,
    ];

    /// As etcd writes it.
    pub fn name(self) -> &'static str {
        match self {
            Action::Get => "get",
            Action::Set => "set",
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
            Action::Expire => "expire",
            Action::CompareAndSwap => "compareAndSwap",
            Action::CompareAndDelete => "compareAndDelete",
        }
    }

    pub(super) fn of_name(name: &[u8]) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.name().as_bytes() == name)
    }
}

/// Something that happened to a node.
#[derive(Debug)]
pub struct TreeEvent {
    /// What.
    pub action: Action,
    /// The node as it left it; of a removal only path and indexes are set.
    pub node: Node,
    /// The node before, if there was one.
    pub previous: Option<Node>,
    /// Whether only its end was moved, which nobody who waits is told.
    pub refresh: bool,
    /// The time when it was seen, in nanoseconds since the epoch: times to live are counted from there.
    pub now_ns: i64,
    /// What a door has made of it, once for all that are told.
    pub form: OnceLock<Bytes>,
}

impl TreeEvent {
    /// The index of the event.
    pub fn index(&self) -> u64 {
        self.node.modified
    }

    /// Whether it created the node, as etcd counts that: a replaced node was not.
    pub fn is_creation(&self) -> bool {
        self.action == Action::Create || (self.action == Action::Set && self.previous.is_none())
    }

    /// Whether it removed a directory, and with it all that was below.
    pub(super) fn removed_directory(&self) -> bool {
        let removed = matches!(self.action, Action::Delete | Action::Expire);
        removed && self.previous.as_ref().is_some_and(|previous| previous.kind == Kind::Directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_rounded_up() {
        let check = |ends_ns, now_ns, expected| {
            let node = Node { ends_ns: Some(ends_ns), ..Node::default() };
            assert_eq!(node.ttl_s(now_ns), expected);
        };
        check(10 * NS_PER_S, 0, 10);
        check(10 * NS_PER_S, 1, 10);
        check(1, 0, 1);
        check(0, 0, 0);
        check(0, 1, 0);
        check(0, NS_PER_S, -1);
        check(i64::MIN, i64::MAX, i64::MIN / NS_PER_S);
        assert_eq!(Node::default().ttl_s(5), 0);
    }
}
