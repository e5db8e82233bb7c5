//! Nodes of the tree, and what the server says happened to one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A key or a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Its path, from the root: `/foo/bar`. Empty for the root itself.
    #[serde(default)]
    pub key: String,
    /// Whether it is a directory.
    #[serde(default)]
    pub dir: bool,
    /// What a key holds. None of a directory, and of what was removed.
    #[serde(default)]
    pub value: Option<String>,
    /// What is in a directory, as far as it was asked for.
    #[serde(default)]
    pub nodes: Vec<Node>,
    /// The index at which it was created.
    #[serde(default)]
    pub created_index: u64,
    /// The index at which it was changed last.
    #[serde(default)]
    pub modified_index: u64,
    /// When it ends by itself, by the server's clock, as RFC 3339 writes times.
    #[serde(default)]
    pub expiration: Option<String>,
    /// For how many more seconds it is there, rounded up.
    #[serde(default)]
    pub ttl: Option<i64>,
}

impl Node {
    /// The last part of its path.
    pub fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }

    /// The node and all that came with it, each directory before what is in it.
    pub fn walk(&self) -> impl Iterator<Item = &Node> {
        let mut ahead = vec![self];
        std::iter::from_fn(move || {
            let node = ahead.pop()?;
            ahead.extend(node.nodes.iter().rev());
            Some(node)
        })
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Action {
    /// It was read.
    Get,
    /// It was set, whether it had been there or not.
    Set,
    /// It was created.
    Create,
    /// It was changed, having been there.
    Update,
    /// It was removed.
    Delete,
    /// Its time ran out.
    Expire,
    /// It was changed, as it was what it was expected to be.
    CompareAndSwap,
    /// It was removed, as it was what it was expected to be.
    CompareAndDelete,
    /// Something else.
    #[serde(untagged)]
    Other(String),
}

impl Action {
    /// etcd's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Action::Get => "get",
            Action::Set => "set",
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
            Action::Expire => "expire",
            Action::CompareAndSwap => "compareAndSwap",
            Action::CompareAndDelete => "compareAndDelete",
            Action::Other(word) => word,
        }
    }

    /// Whether the node is gone after it.
    pub fn is_removal(&self) -> bool {
        matches!(self, Action::Delete | Action::Expire | Action::CompareAndDelete)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the server answered, or what a watch saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// What was done.
    pub action: Action,
    /// The node after it.
    pub node: Node,
    /// The node before it, where there was one and it was changed.
    pub prev_node: Option<Node>,
    /// The store's index as the server answered; of an event, as it began to wait. To miss nothing, watch what was
    /// read from the index after this one.
    pub index: u64,
    /// Which cluster answered.
    pub cluster_id: String,
}

/// The part of it that is JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResponseBody {
    pub(super) action: Action,
    pub(super) node: Node,
    #[serde(default)]
    pub(super) prev_node: Option<Node>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_etcds_is_read() {
        let json = r#"{"action":"compareAndSwap","node":{"key":"/a","value":"2","expiration":
            "2026-11-21T10:00:00.5Z","ttl":60,"modifiedIndex":8,"createdIndex":7},"prevNode":{"key":"/a",
            "value":"1","modifiedIndex":7,"createdIndex":7}}"#;
        let body: ResponseBody = serde_json::from_str(json).unwrap();
        assert_eq!(body.action, Action::CompareAndSwap);
        assert_eq!((body.node.ttl, body.node.modified_index), (Some(60), 8));
        assert_eq!(body.prev_node.unwrap().value.as_deref(), Some("1"));
        let other: Action = serde_json::from_str("\"frobnicate\"").unwrap();
        assert_eq!(other, Action::Other("frobnicate".to_owned()));
        assert_eq!(serde_json::to_string(&Action::CompareAndDelete).unwrap(), "\"compareAndDelete\"");
    }

    #[test]
    fn a_walk_meets_a_directory_before_what_is_in_it() {
        let leaf = |key: &str| Node { key: key.to_owned(), ..Node::default() };
        let folder = Node { nodes: vec![leaf("/a/b"), leaf("/a/c")], ..leaf("/a") };
        let root = Node { nodes: vec![folder, leaf("/d")], ..leaf("") };
        let keys: Vec<_> = root.walk().map(|node| node.key.as_str()).collect();
        assert_eq!(keys, ["", "/a", "/a/b", "/a/c", "/d"]);
        assert_eq!(root.nodes[0].nodes[1].name(), "c");
    }
}
