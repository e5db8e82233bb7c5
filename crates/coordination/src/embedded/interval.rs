//! Ranges of keys, and which of them hold a key: found without looking at the others.
//!
//! A treap ordered by range, each node knowing the greatest end below it. Looking up a key costs
//! O(log n + found), adding and removing a range O(log n).

use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};

use crate::{Key, KeyRange};

/// A range that holds more than one key, with what is kept for it.
#[derive(Debug)]
struct Node<V> {
    range: KeyRange,
    values: Vec<V>,
    /// The greatest end in this node and below; `None` when one of them has no end.
    end_max: Option<Key>,
    /// Parents have greater ones, which keeps the tree shallow.
    priority: u64,
    left: Tree<V>,
    right: Tree<V>,
}

type Tree<V> = Option<Box<Node<V>>>;

/// Values kept by range; several values may share one range.
#[derive(Debug)]
pub(super) struct IntervalMap<V> {
    root: Tree<V>,
    /// Keyed at random, so that no choice of ranges makes the tree deep.
    priorities: RandomState,
}

impl<V> Default for IntervalMap<V> {
    fn default() -> IntervalMap<V> {
        IntervalMap { root: None, priorities: RandomState::new() }
    }
}

impl<V> IntervalMap<V> {
    /// Adds a value at a range.
    pub(super) fn insert(&mut self, range: &KeyRange, value: V) {
        if let Some(node) = find(&mut self.root, range) {
            node.values.push(value);
            return;
        }
        let (left, right) = split(self.root.take(), range);
        let node = Box::new(Node {
            end_max: None,
            priority: self.priorities.hash_one(range),
            range: range.clone(),
            values: vec![value],
            left: None,
            right: None,
        });
        self.root = merge(merge(left, Some(updated(node))), right);
    }

    /// Removes the values at a range that `remove` picks.
    pub(super) fn remove(&mut self, range: &KeyRange, remove: impl Fn(&V) -> bool) {
        let Some(node) = find(&mut self.root, range) else { return };
        node.values.retain(|value| !remove(value));
        if node.values.is_empty() {
            let root = self.root.take();
            self.root = without(root, range);
        }
    }

    /// Hands over each value whose range holds `key`.
    pub(super) fn each_at<'a>(&'a self, key: &[u8], each: &mut impl FnMut(&'a V)) {
        visit(self.root.as_deref(), key, each);
    }
}

fn order(a: &KeyRange, b: &KeyRange) -> Ordering {
    a.key.cmp(&b.key).then_with(|| a.range_end.cmp(&b.range_end))
}

fn visit<'a, V>(node: Option<&'a Node<V>>, key: &[u8], each: &mut impl FnMut(&'a V)) {
    let Some(node) = node else { return };
    if node.end_max.as_ref().is_some_and(|end| end.as_ref() <= key) {
        return;
    }
    visit(node.left.as_deref(), key, each);
    // Every range to the right begins no earlier than this one.
    if node.range.key.as_ref() > key {
        return;
    }
    if node.range.contains(key) {
        node.values.iter().for_each(&mut *each);
    }
    visit(node.right.as_deref(), key, each);
}

fn find<'a, V>(mut tree: &'a mut Tree<V>, range: &KeyRange) -> Option<&'a mut Node<V>> {
    while let Some(node) = tree {
        match order(range, &node.range) {
            Ordering::Less => tree = &mut node.left,
            Ordering::Greater => tree = &mut node.right,
            Ordering::Equal => return Some(node),
        }
    }
    None
}

/// The ranges before `range`, and the others.
fn split<V>(tree: Tree<V>, range: &KeyRange) -> (Tree<V>, Tree<V>) {
    let Some(mut node) = tree else { return (None, None) };
    if order(&node.range, range).is_lt() {
        let (left, right) = split(node.right.take(), range);
        node.right = left;
        (Some(updated(node)), right)
    } else {
        let (left, right) = split(node.left.take(), range);
        node.left = right;
        (left, Some(updated(node)))
    }
}

/// Both trees, all of whose ranges are in order.
fn merge<V>(left: Tree<V>, right: Tree<V>) -> Tree<V> {
    match (left, right) {
        (None, tree) | (tree, None) => tree,
        (Some(mut left), Some(mut right)) => Some(if left.priority >= right.priority {
            left.right = merge(left.right.take(), Some(right));
            updated(left)
        } else {
            right.left = merge(Some(left), right.left.take());
            updated(right)
        }),
    }
}

fn without<V>(tree: Tree<V>, range: &KeyRange) -> Tree<V> {
    let mut node = tree?;
    match order(range, &node.range) {
        Ordering::Less => node.left = without(node.left.take(), range),
        Ordering::Greater => node.right = without(node.right.take(), range),
        Ordering::Equal => return merge(node.left.take(), node.right.take()),
    }
    Some(updated(node))
}

/// The node, with `end_max` as its range and its children make it.
fn updated<V>(mut node: Box<Node<V>>) -> Box<Node<V>> {
    let own = (!node.range.is_open()).then(|| node.range.range_end.clone());
    let below = [&node.left, &node.right].into_iter().flatten().map(|child| child.end_max.clone());
    node.end_max = below.fold(own, |greatest, end| Some(greatest?.max(end?)));
    node
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranges() -> impl Strategy<Value = KeyRange> {
        (0..30u8, 0..32u8).prop_map(|(start, length)| match length {
            31 => KeyRange::from(vec![start + 1]),
            _ => KeyRange::between(vec![start + 1], vec![start + 2 + length]),
        })
    }

    proptest! {
        #[test]
        fn a_key_finds_exactly_the_ranges_that_hold_it(
            added in prop::collection::vec(ranges(), 0..60),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let mut map = IntervalMap::default();
            let mut kept: Vec<(usize, KeyRange)> = added.into_iter().enumerate().collect();
            for (id, range) in &kept {
                map.insert(range, *id);
            }
            for index in removed {
                if !kept.is_empty() {
                    let (id, range) = kept.remove(index.index(kept.len()));
                    map.remove(&range, |value| *value == id);
                }
            }
            for key in 0..=70u8 {
                let mut found = Vec::new();
                map.each_at(&[key], &mut |id| found.push(*id));
                found.sort_unstable();
                let expected: Vec<_> =
                    kept.iter().filter(|(_, range)| range.contains(&[key])).map(|(id, _)| *id).collect();
                prop_assert_eq!(found, expected);
            }
            if kept.is_empty() {
                prop_assert!(map.root.is_none());
            }
        }
    }
}
