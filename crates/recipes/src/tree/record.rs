//! What a key of the engine holds of a node: a line of text, then the value.
//!
//! ```text
//! <action>[ created=<index>][ ends=<nanoseconds>][ refresh]\n<value>
//! ```
//!
//! The action is the one that wrote it, as etcd names it, or `implied` for a directory that came to be because
//! something was written below it. Without `created` the node was created by what wrote it last. `ends` is since
//! the Unix epoch. What a removal leaves is `<action> <path>`.

use bytes::Bytes;
use hyrax_coordination::{KeyValue, Value};

use super::node::{Action, Kind, Node};
use super::path::TreePath;

/// What is known of a node beside its path and the revision that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// What wrote it; none where something below it did.
    pub(super) action: Option<Action>,
    /// The index that created it, where that is not the one that wrote it.
    pub(super) created: Option<u64>,
    /// When it ends, in nanoseconds since the epoch.
    pub(super) ends_ns: Option<i64>,
    /// Whether only its end was moved, which nobody is told.
    pub(super) refresh: bool,
    pub(super) value: Value,
}

const IMPLIED: &[u8] = b"implied";

impl Record {
    /// A node that is created now.
    pub(super) fn new(action: Action, value: Value, ends_ns: Option<i64>) -> Record {
        Record { action: Some(action), created: None, ends_ns, refresh: false, value }
    }

    /// A directory that something is put into.
    pub(super) fn implied() -> Record {
        Record { action: None, created: None, ends_ns: None, refresh: false, value: Value::new() }
    }

    pub(super) fn encode(&self) -> Value {
        let mut text = Vec::with_capacity(64 + self.value.len());
        text.extend_from_slice(self.action.map_or(IMPLIED, |action| action.name().as_bytes()));
        if let Some(created) = self.created {
            text.extend_from_slice(format!(" created={created}").as_bytes());
        }
        if let Some(ends_ns) = self.ends_ns {
            text.extend_from_slice(format!(" ends={ends_ns}").as_bytes());
        }
        if self.refresh {
            text.extend_from_slice(b" refresh");
        }
        text.push(b'\n');
        text.extend_from_slice(&self.value);
        text.into()
    }

    /// What was encoded. Anything else, which only another program can have written, is a value that was set.
    pub(super) fn decode(text: &Value) -> Record {
        Record::decode_line(text).unwrap_or_else(|| Record::new(Action::Set, text.clone(), None))
    }

    fn decode_line(text: &Value) -> Option<Record> {
        let end = text.iter().position(|&byte| byte == b'\n')?;
        let mut words = text[..end].split(|&byte| byte == b' ');
        let mut record = Record::implied();
        let action = words.next()?;
        if action != IMPLIED {
            record.action = Some(Action::of_name(action)?);
        }
        for word in words {
            if word == b"refresh" {
                record.refresh = true;
            } else if let Some(created) = word.strip_prefix(b"created=") {
                record.created = Some(std::str::from_utf8(created).ok()?.parse().ok()?);
            } else {
                let ends = word.strip_prefix(b"ends=")?;
                record.ends_ns = Some(std::str::from_utf8(ends).ok()?.parse().ok()?);
            }
        }
        record.value = text.slice(end + 1..);
        Some(record)
    }
}

/// A key as its engine's key tells it.
pub(super) fn file_node(path: TreePath, kv: &KeyValue) -> (Node, Record) {
    let record = Record::decode(&kv.value);
    let modified = kv.mod_revision.0;
    let node = Node {
        path,
        kind: Kind::File,
        value: Some(record.value.clone()),
        ends_ns: record.ends_ns,
        nodes: Vec::new(),
        modified,
        created: record.created.unwrap_or(modified),
    };
    (node, record)
}

/// A directory as its engine's key tells it. An update moves its end, not its index.
pub(super) fn directory_node(path: TreePath, kv: &KeyValue) -> (Node, Record) {
    let record = Record::decode(&kv.value);
    let created = record.created.unwrap_or(kv.mod_revision.0);
    let node = Node {
        path,
        kind: Kind::Directory,
        value: None,
        ends_ns: record.ends_ns,
        nodes: Vec::new(),
        modified: created,
        created,
    };
    (node, record)
}

/// What a removal leaves.
pub(super) fn encode_removal(action: Action, path: &TreePath) -> Value {
    [action.name().as_bytes(), b" ", path.as_bytes()].concat().into()
}

/// What was removed, and how.
pub(super) fn decode_removal(text: &Bytes) -> Option<(Action, TreePath)> {
    let space = text.iter().position(|&byte| byte == b' ')?;
    Some((Action::of_name(&text[..space])?, TreePath::trusted(text.slice(space + 1..))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records() -> impl Strategy<Value = Record> {
        let action = prop::option::of(prop::sample::select(Action::ALL.to_vec()));
        let value = prop::collection::vec(any::<u8>(), 0..20);
        (action, any::<Option<u64>>(), any::<Option<i64>>(), any::<bool>(), value).prop_map(
            |(action, created, ends_ns, refresh, value)| Record {
                action,
                created,
                ends_ns,
                refresh,
                value: value.into(),
            },
        )
    }

    proptest! {
        #[test]
        fn a_record_reads_back(record in records()) {
            prop_assert_eq!(Record::decode(&record.encode()), record);
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            Record::decode(&bytes.clone().into());
            decode_removal(&bytes.into());
        }
    }

    #[test]
    fn records_are_as_documented() {
        let check = |record: Record, expected: &str| assert_eq!(record.encode(), expected.as_bytes());
        check(Record::new(Action::Set, "v".into(), None), "set\nv");
        check(Record::implied(), "implied\n");
        let swapped = Record {
            created: Some(5),
            refresh: true,
            ..Record::new(Action::CompareAndSwap, "".into(), Some(-1))
        };
        check(swapped, "compareAndSwap created=5 ends=-1 refresh\n");
        let path = TreePath::clean(b"/a b").unwrap();
        assert_eq!(encode_removal(Action::Expire, &path), &b"expire /a b"[..]);
        assert_eq!(decode_removal(&"expire /a b".into()), Some((Action::Expire, path)));
    }
}
