//! A sorted sequence with ranks: a B+ tree whose inner nodes count what lies below them.
//!
//! It holds a [`Slot`] for each member and knows nothing of members: whoever looks for a place says
//! which slots lie before it.

use crate::embedded::footprint::{Footprint, of_many};
use smallvec::SmallVec;

/// Slots in a leaf. Twelve cache lines: a shift within one costs less than a miss.
const LEAF_SLOTS_MAX: usize = 64;

/// Children of an inner node: a million members are three such levels above their leaves.
const CHILDREN_MAX: usize = 32;

/// A score and where its member is, in twelve bytes.
///
/// The score is kept as an integer of the same order, in two halves so that no padding is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    high: u32,
    low: u32,
    /// The member's position in its table.
    pub position: u32,
}

impl Slot {
    pub fn new(score: f64, position: u32) -> Self {
        let bits = ordered_bits(score);
        Slot { high: (bits >> 32) as u32, low: bits as u32, position }
    }

    /// An integer that orders as the score does.
    pub fn score_bits(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

/// An integer that orders as scores do; both zeros have the same.
pub(super) fn ordered_bits(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The sequence.
#[derive(Clone, Debug)]
pub(super) struct Order {
    root: Node,
    len: usize,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Vec<Slot>),
    Inner(Vec<Child>),
}

/// A node with what its parent knows of it. No child is empty.
#[derive(Clone, Debug)]
struct Child {
    node: Node,
    /// How many slots lie below.
    count: u32,
    /// The least of them.
    first: Slot,
}

impl Default for Order {
    fn default() -> Self {
        Order { root: Node::Leaf(Vec::new()), len: 0 }
    }
}

impl Order {
    /// How many slots lie before a place: those for which `is_before` holds, which must be a prefix.
    pub fn rank(&self, is_before: impl Fn(Slot) -> bool) -> usize {
        let mut node = &self.root;
        let mut rank = 0;
        loop {
            match node {
                Node::Leaf(slots) => return rank + slots.partition_point(|&slot| is_before(slot)),
                Node::Inner(children) => {
                    let at = child_before(children, &is_before);
                    rank += children[..at].iter().map(|child| child.count as usize).sum::<usize>();
                    node = &children[at].node;
                }
            }
        }
    }

    /// Puts a slot right after those for which `is_before` holds, which must be a prefix.
    pub fn insert(&mut self, slot: Slot, is_before: impl Fn(Slot) -> bool) {
        if let Some(right) = self.root.insert(slot, &is_before, true) {
            let left = std::mem::replace(&mut self.root, Node::Inner(Vec::new()));
            self.root = Node::Inner(vec![Child::of(left), right]);
        }
        self.len += 1;
    }

    /// Takes the slot at a rank, which must be there.
    pub fn remove(&mut self, rank: usize) -> Slot {
        let removed = self.root.remove(rank);
        self.len -= 1;
        while let Node::Inner(children) = &mut self.root {
            match (children.len(), children.pop()) {
                (1, Some(only)) => self.root = only.node,
                (_, Some(last)) => {
                    children.push(last);
                    break;
                }
                (_, None) => self.root = Node::Leaf(Vec::new()),
            }
        }
        removed
    }

    /// Tells the slot at a rank that its member was moved.
    pub fn set_position(&mut self, rank: usize, position: u32) {
        self.root.set_position(rank, position);
    }

    /// The slots from a rank on.
    pub fn from(&self, mut rank: usize) -> impl Iterator<Item = Slot> {
        let mut above = SmallVec::<[_; 4]>::new();
        let mut node = &self.root;
        let mut leaf = loop {
            match node {
                Node::Leaf(slots) => break slots[rank.min(slots.len())..].iter(),
                Node::Inner(children) => {
                    let at = child_at(children, &mut rank);
                    above.push(children[at + 1..].iter());
                    node = &children[at].node;
                }
            }
        };
        std::iter::from_fn(move || {
            loop {
                if let Some(slot) = leaf.next() {
                    return Some(*slot);
                }
                match &above.last_mut()?.next() {
                    None => drop(above.pop()),
                    Some(Child { node: Node::Leaf(slots), .. }) => leaf = slots.iter(),
                    Some(Child { node: Node::Inner(children), .. }) => above.push(children.iter()),
                }
            }
        })
    }

    /// The slots before a rank, backwards.
    pub fn before(&self, mut rank: usize) -> impl Iterator<Item = Slot> {
        let mut above = SmallVec::<[_; 4]>::new();
        let mut node = &self.root;
        let mut leaf = loop {
            match node {
                Node::Leaf(slots) => break slots[..rank.min(slots.len())].iter(),
                Node::Inner(children) => {
                    let at = child_at(children, &mut rank);
                    above.push(children[..at].iter());
                    node = &children[at].node;
                }
            }
        };
        std::iter::from_fn(move || {
            loop {
                if let Some(slot) = leaf.next_back() {
                    return Some(*slot);
                }
                match &above.last_mut()?.next_back() {
                    None => drop(above.pop()),
                    Some(Child { node: Node::Leaf(slots), .. }) => leaf = slots.iter(),
                    Some(Child { node: Node::Inner(children), .. }) => above.push(children.iter()),
                }
            }
        })
    }
}

impl Footprint for Order {
    fn heap_bytes(&self, samples: usize) -> usize {
        self.root.heap_bytes(samples)
    }
}

impl Footprint for Node {
    fn heap_bytes(&self, samples: usize) -> usize {
        match self {
            Node::Leaf(slots) => slots.capacity() * size_of::<Slot>(),
            Node::Inner(children) => {
                let below = children.iter().map(|child| child.node.heap_bytes(samples));
                children.capacity() * size_of::<Child>() + of_many(children.len(), samples, below)
            }
        }
    }
}

/// The child in which a place is: the last that begins before it, else the first.
fn child_before(children: &[Child], is_before: &impl Fn(Slot) -> bool) -> usize {
    children.partition_point(|child| is_before(child.first)).saturating_sub(1)
}

/// The child that holds a rank, which becomes the rank within it. A rank past the end falls to the
/// last child.
fn child_at(children: &[Child], rank: &mut usize) -> usize {
    let last = children.len() - 1;
    for (at, child) in children[..last].iter().enumerate() {
        let count = child.count as usize;
        if *rank < count {
            return at;
        }
        *rank -= count;
    }
    last
}

impl Node {
    /// How many slots or children this node itself holds.
    fn width(&self) -> usize {
        match self {
            Node::Leaf(slots) => slots.len(),
            Node::Inner(children) => children.len(),
        }
    }

    fn width_max(&self) -> usize {
        match self {
            Node::Leaf(_) => LEAF_SLOTS_MAX,
            Node::Inner(_) => CHILDREN_MAX,
        }
    }

    /// Inserts, and gives the right half when this node had to be split.
    fn insert(&mut self, slot: Slot, is_before: &impl Fn(Slot) -> bool, is_last: bool) -> Option<Child> {
        match self {
            Node::Leaf(slots) => {
                let at = slots.partition_point(|&other| is_before(other));
                insert_or_split(slots, LEAF_SLOTS_MAX, at, slot, is_last)
                    .map(|half| Child::of(Node::Leaf(half)))
            }
            Node::Inner(children) => {
                let at = child_before(children, is_before);
                let is_last = is_last && at + 1 == children.len();
                let split = children[at].node.insert(slot, is_before, is_last);
                children[at].look_again();
                insert_or_split(children, CHILDREN_MAX, at + 1, split?, is_last)
                    .map(|half| Child::of(Node::Inner(half)))
            }
        }
    }

    fn remove(&mut self, mut rank: usize) -> Slot {
        match self {
            Node::Leaf(slots) => slots.remove(rank),
            Node::Inner(children) => {
                let at = child_at(children, &mut rank);
                let removed = children[at].node.remove(rank);
                if children[at].node.width() == 0 {
                    children.remove(at);
                } else {
                    children[at].look_again();
                    merge_if_small(children, at);
                }
                removed
            }
        }
    }

    fn set_position(&mut self, mut rank: usize, position: u32) {
        match self {
            Node::Leaf(slots) => slots[rank].position = position,
            Node::Inner(children) => {
                let at = child_at(children, &mut rank);
                children[at].node.set_position(rank, position);
                children[at].look_again();
            }
        }
    }
}

/// Inserts into a node's items; when they are too many, gives the right half of them.
///
/// At the very end of the sequence the right "half" is the new item alone: what grows at its end, as
/// by time, leaves full nodes behind.
fn insert_or_split<T>(items: &mut Vec<T>, max: usize, at: usize, item: T, is_last: bool) -> Option<Vec<T>> {
    if items.len() < max {
        items.insert(at, item);
        return None;
    }
    if is_last && at == items.len() {
        return Some(vec![item]);
    }
    let mut right = items.split_off(max / 2);
    match at.checked_sub(items.len()) {
        Some(at @ 1..) => right.insert(at, item),
        _ => items.insert(at, item),
    }
    Some(right)
}

/// Joins a child that has become small with a neighbour, if the two do not nearly fill a node: of
/// two neighbours one is then at least a quarter full, which bounds the height.
fn merge_if_small(children: &mut Vec<Child>, at: usize) {
    let max = children[at].node.width_max();
    if children[at].node.width() >= max / 4 {
        return;
    }
    let fits = |left: usize| {
        let right = children.get(left + 1)?;
        (children[left].node.width() + right.node.width() <= max / 4 * 3).then_some(left)
    };
    let Some(left) = at.checked_sub(1).and_then(fits).or_else(|| fits(at)) else { return };
    let right = children.remove(left + 1);
    let child = &mut children[left];
    match (&mut child.node, right.node) {
        (Node::Leaf(slots), Node::Leaf(more)) => slots.extend(more),
        (Node::Inner(children), Node::Inner(more)) => children.extend(more),
        // All leaves are equally deep.
        (Node::Leaf(_), Node::Inner(_)) | (Node::Inner(_), Node::Leaf(_)) => unreachable!(),
    }
    child.look_again();
}

impl Child {
    fn of(node: Node) -> Self {
        let mut child = Child { node, count: 0, first: Slot::default() };
        child.look_again();
        child
    }

    /// Brings up to date what is known of the node.
    fn look_again(&mut self) {
        match &self.node {
            Node::Leaf(slots) => {
                self.count = slots.len() as u32;
                self.first = slots[0];
            }
            Node::Inner(children) => {
                self.count = children.iter().map(|child| child.count).sum();
                self.first = children[0].first;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn positions(slots: impl Iterator<Item = Slot>) -> Vec<u32> {
        slots.map(|slot| slot.position).collect()
    }

    /// Checks what each node knows of its children, and that all leaves are equally deep.
    fn depth(node: &Node) -> usize {
        let Node::Inner(children) = node else { return 0 };
        assert!(children.len() <= CHILDREN_MAX);
        let depths: Vec<usize> = children
            .iter()
            .map(|child| {
                let mut again = child.clone();
                again.look_again();
                assert_eq!((again.count, again.first), (child.count, child.first));
                depth(&child.node)
            })
            .collect();
        assert!(depths.windows(2).all(|two| two[0] == two[1]), "{depths:?}");
        depths[0] + 1
    }

    fn insert_at(order: &mut Order, rank: usize, position: u32) {
        // Slots are numbered by their rank first, so that a place can be told by comparison.
        let before: std::collections::HashSet<u32> =
            order.from(0).take(rank).map(|slot| slot.position).collect();
        order.insert(Slot::new(0.0, position), |slot| before.contains(&slot.position));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_sequence_is_what_a_vector_is(
            grown in 0..3_000_usize,
            steps in proptest::collection::vec((0..10_u8, any::<prop::sample::Index>()), 0..300),
        ) {
            let mut order = Order::default();
            let mut model: Vec<u32> = Vec::new();
            for position in 0..grown as u32 {
                order.insert(Slot::new(f64::from(position), position), |slot| slot.position < position);
                model.push(position);
            }
            for (number, (step, index)) in steps.into_iter().enumerate() {
                let position = 1_000_000 + number as u32;
                match step {
                    0..=2 => {
                        let rank = index.index(model.len() + 1);
                        insert_at(&mut order, rank, position);
                        model.insert(rank, position);
                    }
                    3 if !model.is_empty() => {
                        let rank = index.index(model.len());
                        order.set_position(rank, position);
                        model[rank] = position;
                    }
                    4 => {
                        // A long run goes, so that nodes are merged.
                        let start = index.index(model.len() + 1);
                        let end = (start + 500).min(model.len());
                        for removed in model.drain(start..end) {
                            prop_assert_eq!(order.remove(start).position, removed);
                        }
                    }
                    _ if !model.is_empty() => {
                        let rank = index.index(model.len());
                        prop_assert_eq!(order.remove(rank).position, model.remove(rank));
                    }
                    _ => {}
                }
                prop_assert_eq!(order.len, model.len());
                depth(&order.root);
                let rank = index.index(model.len() + 1);
                prop_assert_eq!(positions(order.from(rank)), &model[rank..]);
                let mut back = positions(order.before(rank));
                back.reverse();
                prop_assert_eq!(back, &model[..rank]);
            }
        }
    }

    #[test]
    fn growing_at_the_end_leaves_full_leaves() {
        let mut order = Order::default();
        for position in 0..100_000_u32 {
            order.insert(Slot::new(f64::from(position), position), |slot| slot.position < position);
        }
        assert!(depth(&order.root) <= 3);
        for score in [0, 1, 63, 64, 99_999] {
            assert_eq!(order.rank(|slot| slot.position < score), score as usize);
        }
    }

    #[test]
    fn bits_order_as_scores_do() {
        let scores = [f64::NEG_INFINITY, -1e300, -1.5, -5e-324, 0.0, 5e-324, 1.0, 1.5, 1e300, f64::INFINITY];
        assert!(scores.windows(2).all(|two| ordered_bits(two[0]) < ordered_bits(two[1])));
        assert_eq!(ordered_bits(-0.0), ordered_bits(0.0));
        for score in scores {
            assert_eq!(Slot::new(score, 7).score_bits(), ordered_bits(score));
        }
    }
}
