//! Which node of a service a key belongs to, without asking anybody: rendezvous hashing.
//!
//! Every node has a score for a key, and the one with the greatest has it. When a node comes or goes, only the keys
//! move that it takes or had, and everybody who knows the same nodes finds the same one, in whichever order they
//! are listed. So the score is defined for every language: the first eight bytes, as an unsigned number with the
//! most significant byte first, of SHA-256 over the node as text (`ip:port`), a zero byte, and the key. Of two nodes
//! with the same score, the one whose text is less has the key.
//!
//! In a shell, the score of node `10.0.0.1:80` for the key `user:1` is
//!
//! ```text
//! printf '10.0.0.1:80\0user:1' | sha256sum | cut -c-16
//! ```

use std::cmp::Reverse;
use std::fmt::Display;

use sha2::{Digest, Sha256};

/// The node that has a key; none where there are no nodes.
///
/// ```
/// use hyrax_recipes::rendezvous::node_for;
///
/// let nodes = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"];
/// let node = node_for(b"user:1", &nodes);
/// let without: Vec<_> = nodes.iter().filter(|other| Some(*other) != node).collect();
/// assert_ne!(node_for(b"user:1", &without), None);
/// ```
pub fn node_for<'a, N: Display>(key: &[u8], nodes: &'a [N]) -> Option<&'a N> {
    nodes.iter().max_by_key(|node| standing(key, *node))
}

/// All nodes by how they stand for a key: who has it, who has it next when that one is gone, and so on. The first few
/// are where its copies go.
pub fn ranked<'a, N: Display>(key: &[u8], nodes: &'a [N]) -> Vec<&'a N> {
    let mut ranked: Vec<_> = nodes.iter().collect();
    ranked.sort_by_cached_key(|node| Reverse(standing(key, *node)));
    ranked
}

/// The score of a node for a key.
pub fn score(key: &[u8], node: &str) -> u64 {
    let digest = Sha256::new().chain_update(node).chain_update([0]).chain_update(key).finalize();
    u64::from_be_bytes(std::array::from_fn(|index| digest[index]))
}

/// What nodes are ordered by: the greatest has the key.
fn standing(key: &[u8], node: &impl Display) -> (u64, Reverse<String>) {
    let node = node.to_string();
    (score(key, &node), Reverse(node))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::services::ServiceNode;

    fn nodes(count: u16) -> Vec<ServiceNode> {
        (1..=count).map(|port| ServiceNode::new([10, 0, 0, 1].into(), port).unwrap()).collect()
    }

    #[test]
    fn the_same_nodes_in_any_order_give_the_same() {
        let here = nodes(7);
        let there: Vec<_> = here.iter().rev().copied().collect();
        for key in 0..100u32 {
            let key = key.to_string();
            assert_eq!(node_for(key.as_bytes(), &here), node_for(key.as_bytes(), &there));
            assert_eq!(node_for(key.as_bytes(), &here), ranked(key.as_bytes(), &here).first().copied());
        }
        assert_eq!(node_for::<ServiceNode>(b"x", &[]), None);
    }

    #[test]
    fn only_the_keys_of_a_node_that_goes_move_and_to_the_next_in_rank() {
        let before = nodes(5);
        let after = &before[..4];
        for key in 0..1_000u32 {
            let key = key.to_be_bytes();
            let ranks = ranked(&key, &before);
            let expected = if *ranks[0] == before[4] { ranks[1] } else { ranks[0] };
            assert_eq!(node_for(&key, after), Some(expected));
        }
    }

    #[test]
    fn keys_spread_evenly() {
        let nodes = nodes(10);
        let mut counts = HashMap::new();
        for key in 0..20_000u32 {
            *counts.entry(node_for(&key.to_be_bytes(), &nodes)).or_insert(0) += 1;
        }
        assert!(
            counts.len() == 10 && counts.values().all(|count| (1_800..2_200).contains(count)),
            "{counts:?}"
        );
    }

    /// Whoever writes this in another language has these to compare with.
    #[test]
    fn scores_are_those_that_a_shell_computes() {
        let check =
            |key: &str, node, expected| assert_eq!(score(key.as_bytes(), node), expected, "{key} {node}");
        check("user:1", "10.0.0.1:80", 0x4dda_3c71_baad_cbb3);
        check("user:1", "10.0.0.2:80", 0xd6d1_0011_1fc7_237a);
        check("user:1", "10.0.0.3:80", 0xf125_9500_ac72_2b4a);
        check("", "[::1]:8080", 0x3184_cc81_418b_30bf);
        check("ключ", "10.0.0.1:80", 0x4377_c235_d9ec_8478);
    }
}
