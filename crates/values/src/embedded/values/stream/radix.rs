//! How many nodes Redis' radix tree would have: `XINFO STREAM` tells it.

use super::id::Id;

/// Bytes of a key: an id, its highest byte first.
const KEY_BYTES: u32 = 16;

/// The nodes of a radix tree that holds these ids, which come in rising order.
///
/// Bytes that several keys share lie in one node, as do those of one key after it has parted from the
/// others; where keys part is a node, and each key ends in one.
pub fn nodes(ids: impl Iterator<Item = Id>) -> usize {
    let mut ids = ids.map(|id| u128::from(id.ms) << 64 | u128::from(id.seq)).peekable();
    let mut nodes = 0;
    // How many bytes deep the keys part, from the root to where the last key did; and what is above it.
    let mut partings: Vec<u32> = Vec::new();
    let mut before = None;
    while let Some(key) = ids.next() {
        let after = ids.peek().map(|&next| (key ^ next).leading_zeros() / 8);
        let parts_at = before.max(after);
        nodes += 1 + usize::from(parts_at.is_none_or(|depth| depth + 1 < KEY_BYTES));
        while let Some(&depth) = partings.last().filter(|&&depth| after.is_none_or(|next| depth > next)) {
            partings.pop();
            let above = partings.last().copied().max(after);
            nodes += 1 + usize::from(above.map_or(depth > 0, |above| above + 1 < depth));
        }
        if let Some(depth) = after.filter(|depth| partings.last() != Some(depth)) {
            partings.push(depth);
        }
        before = after;
    }
    nodes.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The same, by building the tree.
    fn nodes_below(keys: &BTreeSet<Vec<u8>>) -> usize {
        let Some(first) = keys.first() else { return 1 };
        let last = keys.last().unwrap_or(first);
        let shared = first.iter().zip(last).take_while(|(one, other)| one == other).count();
        let own = usize::from(shared > 0);
        if keys.len() == 1 {
            return own + 1;
        }
        let branches: BTreeSet<u8> = keys.iter().map(|key| key[shared]).collect();
        let below = branches.iter().map(|byte| {
            let of_branch = keys.iter().filter(|key| key[shared] == *byte);
            nodes_below(&of_branch.map(|key| key[shared + 1..].to_vec()).collect())
        });
        own + 1 + below.sum::<usize>()
    }

    proptest::proptest! {
        #[test]
        fn nodes_are_those_of_the_tree(
            ids in proptest::collection::btree_set((0..3_u64, 0..70_000_u64, proptest::prelude::any::<bool>()), 0..60),
        ) {
            let ids: BTreeSet<Id> = ids
                .into_iter()
                .map(|(ms, seq, high)| Id { ms: ms << if high { 40 } else { 0 }, seq })
                .collect();
            let bytes = |id: &Id| [id.ms.to_be_bytes(), id.seq.to_be_bytes()].concat();
            let keys = ids.iter().map(bytes).collect();
            proptest::prop_assert_eq!(nodes(ids.iter().copied()), nodes_below(&keys));
        }
    }
}
