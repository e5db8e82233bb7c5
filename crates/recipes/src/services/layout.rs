//! How services lie in the key space.
//!
//! ```text
//! service/<service>/<ip>:<port>  →  <ip>:<port>                       a node, whoever wrote it
//! service.lease/<lease>          →  registered | deregistered | expired
//! ```
//!
//! What follows the service's name is not read: another writer may name its keys as it likes, and what is listed
//! is the value. The second key hangs on the lease (hexadecimal, without leading zeros) of whoever registers by
//! this recipe, and each transaction of theirs that deletes nodes writes why. So the deletion of a node of that
//! lease is told apart in the revision that holds it: the key is written there with the reason; or it goes with
//! the lease, which ran out; or it is not touched, and somebody else deleted the node.

use std::str;

use hyrax_coordination::{Key, KeyRange, LeaseId, Value};

use super::{ServiceName, ServiceNode};

/// Before every node's key.
const NODES: &[u8] = b"service/";

/// Before every note. It sorts right before the nodes, so that one watch sees both.
const NOTES: &[u8] = b"service.lease/";

/// Both of them, and little else.
pub(super) fn everything() -> KeyRange {
    KeyRange::between(NOTES, KeyRange::prefix(NODES).range_end)
}

/// The nodes of all services.
pub(super) fn all_nodes() -> KeyRange {
    KeyRange::prefix(NODES)
}

/// The nodes of one.
pub(super) fn nodes_of(service: &ServiceName) -> KeyRange {
    KeyRange::prefix([NODES, service.as_str().as_bytes(), b"/"].concat())
}

/// Every service whose name sorts after this one's: where to go on after its nodes.
pub(super) fn after_nodes_of(service: &ServiceName) -> KeyRange {
    KeyRange::between(nodes_of(service).range_end, all_nodes().range_end)
}

/// The key under which a node is registered.
pub(super) fn key_of(service: &ServiceName, node: ServiceNode) -> Key {
    format!("service/{service}/{node}").into()
}

/// What is kept there.
pub(super) fn value_of(node: ServiceNode) -> Value {
    node.to_string().into()
}

/// The service that a key is of, if it is a node's.
pub(super) fn service_of(key: &[u8]) -> Option<ServiceName> {
    let (service, node) = str::from_utf8(key.strip_prefix(NODES)?).ok()?.split_once('/')?;
    if node.is_empty() { None } else { ServiceName::new(service).ok() }
}

/// The node that a value is, if it is one.
pub(super) fn node_of(value: &[u8]) -> Option<ServiceNode> {
    str::from_utf8(value).ok()?.parse().ok()
}

/// What whoever registers on a lease did last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// It registered its first node.
    Registered,
    /// What this revision deletes was removed deliberately.
    Deregistered,
    /// What this revision deletes belonged to somebody who fell silent.
    Expired,
}

impl Note {
    pub(super) fn key(lease: LeaseId) -> Key {
        [NOTES, format!("{:x}", lease.0).as_bytes()].concat().into()
    }

    pub(super) fn value(self) -> Value {
        Value::from_static(match self {
            Note::Registered => b"registered",
            Note::Deregistered => b"deregistered",
            Note::Expired => b"expired",
        })
    }

    /// The lease that a key is the note of, if it is one.
    pub(super) fn lease_of(key: &[u8]) -> Option<LeaseId> {
        let digits = str::from_utf8(key.strip_prefix(NOTES)?).ok()?;
        let lease = u64::from_str_radix(digits, 16).ok()?;
        Some(LeaseId(lease as i64))
    }

    pub(super) fn of_value(value: &[u8]) -> Option<Note> {
        [Note::Registered, Note::Deregistered, Note::Expired]
            .into_iter()
            .find(|note| note.value().as_ref() == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_holds_nodes_and_notes() {
        let engine = ServiceName::new("engine").unwrap();
        let node: ServiceNode = "10.0.0.1:80".parse().unwrap();
        let key = key_of(&engine, node);
        assert_eq!(key, "service/engine/10.0.0.1:80");
        assert!(nodes_of(&engine).contains(&key) && !after_nodes_of(&engine).contains(&key));
        assert!(everything().contains(&key) && everything().contains(&Note::key(LeaseId(31))));
        assert!(after_nodes_of(&engine).contains(b"service/engines/x"));
        assert!(!everything().contains(b"service") && !everything().contains(b"service0"));
        assert_eq!((service_of(&key), node_of(&value_of(node))), (Some(engine), Some(node)));
    }

    #[test]
    fn what_is_not_of_this_layout_names_nothing() {
        for key in ["service/", "service/a", "service/a/", "service//x", "services/a/x", "service/a,b/x"] {
            assert_eq!(service_of(key.as_bytes()), None, "{key}");
        }
        assert_eq!(service_of(b"service/\xff/x"), None);
        for value in ["", "x", "10.0.0.1", "10.0.0.1:0"] {
            assert_eq!(node_of(value.as_bytes()), None, "{value}");
        }
        assert!(service_of(b"service/engine/192.168.10.3").is_some(), "others name their keys as they like");
    }

    #[test]
    fn a_note_reads_back() {
        for lease in [1, 0x694d_7bd1_9c0c_4b0f, i64::MIN, -31].map(LeaseId) {
            assert_eq!(Note::lease_of(&Note::key(lease)), Some(lease));
        }
        assert_eq!(Note::key(LeaseId(31)), "service.lease/1f");
        for note in [Note::Registered, Note::Deregistered, Note::Expired] {
            assert_eq!(Note::of_value(&note.value()), Some(note));
        }
        assert_eq!((Note::lease_of(b"service.lease/"), Note::of_value(b"")), (None, None));
    }
}
