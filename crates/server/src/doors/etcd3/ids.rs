//! The numbers that etcd's responses begin with: which cluster, which member, which revision.

use hyrax_etcd::etcdserverpb::ResponseHeader;
use hyrax_types::Revision;
use sha2::{Digest, Sha256};

use super::wire;

/// etcd counts elections; here nobody is ever elected, so this is the first term for ever.
pub(super) const TERM: u64 = 1;

/// Which cluster and which member of it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) cluster: u64,
    pub(super) member: u64,
}

impl Ids {
    /// The numbers of a node of this name, the same whenever it starts. Each node is a cluster by itself,
    /// as far as this door can tell.
    pub(super) fn of(node_name: &str) -> Ids {
        Ids { cluster: number_of("cluster", node_name), member: number_of("member", node_name) }
    }

    /// The header of a response.
    pub(super) fn header(&self, revision: Revision) -> ResponseHeader {
        ResponseHeader {
            cluster_id: self.cluster,
            member_id: self.member,
            revision: wire::number(revision),
            raft_term: TERM,
        }
    }
}

/// A number that is never zero, which clients take for none.
fn number_of(kind: &str, name: &str) -> u64 {
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(name).finalize();
    let first: [u8; 8] = std::array::from_fn(|index| digest[index]);
    u64::from_be_bytes(first).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_a_names_own_and_stay() {
        let ids = Ids::of("a");
        assert_eq!(ids, Ids::of("a"));
        assert_ne!(ids, Ids::of("b"));
        assert_ne!(ids.cluster, ids.member);
        assert!(ids.cluster != 0 && ids.member != 0);
    }
}
