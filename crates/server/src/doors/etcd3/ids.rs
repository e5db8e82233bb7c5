//! The numbers that etcd's responses begin with: which cluster, which member, which revision.

use hyrax_etcd::etcdserverpb::ResponseHeader;
use hyrax_types::Revision;
use sha2::{Digest, Sha256};

use super::wire;

/// etcd counts elections; here nobody is ever elected, so this is the first term for ever.
pub(crate) const TERM: u64 = 1;

/// Which cluster and which member of it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) cluster: u64,
    pub(crate) member: u64,
}

impl Ids {
    /// The numbers of a node. Each is a cluster by itself, as far as this door can tell: its data's number where
    /// the data has one, so that a restored copy is another cluster; else one of the node's name.
    pub(crate) fn of(data: Option<u64>, node_name: &str) -> Ids {
        match data {
            Some(data) => Ids { cluster: data.max(1), member: number_of("member", &data.to_be_bytes()) },
            None => Ids {
                cluster: number_of("cluster", node_name.as_bytes()),
                member: number_of("member", node_name.as_bytes()),
            },
        }
    }

    /// The numbers of a node of a cluster that others know by this number.
    pub(crate) fn in_cluster(cluster: u64, node_name: &str) -> Ids {
        Ids { cluster: cluster.max(1), member: number_of("member", node_name.as_bytes()) }
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
fn number_of(kind: &str, name: &[u8]) -> u64 {
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(name).finalize();
    let first: [u8; 8] = std::array::from_fn(|index| digest[index]);
    u64::from_be_bytes(first).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_datas_or_the_names_own_and_stay() {
        let [named, other] = ["a", "b"].map(|name| Ids::of(None, name));
        assert_eq!(named, Ids::of(None, "a"));
        assert_ne!(named, other);
        let kept = Ids::of(Some(7), "a");
        assert_eq!(kept, Ids::of(Some(7), "b"));
        assert_eq!(kept.cluster, 7);
        let [one, two] = ["a", "b"].map(|name| Ids::in_cluster(7, name));
        assert!(one.cluster == 7 && two.cluster == 7 && one.member != two.member);
        for ids in [named, other, kept, Ids::of(Some(0), "a")] {
            assert!(ids.cluster != 0 && ids.member != 0 && ids.cluster != ids.member, "{ids:?}");
        }
    }
}
