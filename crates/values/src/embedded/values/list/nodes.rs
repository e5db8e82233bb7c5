//! The form of a long list: nodes that follow each other.

use super::node::{self, End, Node};
use crate::embedded::footprint::{Footprint, of_many};
use std::collections::VecDeque;
use std::collections::vec_deque;
use std::ops::Range;

/// A long sequence of byte strings. An element in the middle is found by the numbers of elements of
/// the nodes before it, which lie side by side.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes {
    nodes: VecDeque<Node>,
    len: usize,
}

impl Footprint for Nodes {
    fn heap_bytes(&self, samples: usize) -> usize {
        let nodes = self.nodes.iter().map(|node| node.heap_bytes(samples));
        self.nodes.capacity() * size_of::<Node>() + of_many(self.nodes.len(), samples, nodes)
    }
}

impl Nodes {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The element at an end.
    pub fn peek(&self, end: End) -> Option<&[u8]> {
        match end {
            End::Front => self.nodes.front()?.iter().next(),
            End::Back => self.nodes.back()?.iter().next_back(),
        }
    }

    /// Adds an element at an end.
    pub fn push(&mut self, end: End, element: &[u8]) {
        self.len += 1;
        let node = match end {
            End::Front => self.nodes.front_mut(),
            End::Back => self.nodes.back_mut(),
        };
        if node.is_some_and(|node| node.push(end, element)) {
            return;
        }
        let node = Node::new(element, end);
        match end {
            End::Front => self.nodes.push_front(node),
            End::Back => self.nodes.push_back(node),
        }
    }

    /// Removes up to `count` elements from an end.
    pub fn remove(&mut self, end: End, mut count: usize) {
        count = count.min(self.len);
        self.len -= count;
        while count > 0 {
            let node = match end {
                End::Front => self.nodes.front_mut(),
                End::Back => self.nodes.back_mut(),
            };
            let Some(node) = node else { break };
            let elements = node.len();
            if node.remove(end, count) > 0 {
                break;
            }
            count -= elements;
            match end {
                End::Front => self.nodes.pop_front(),
                End::Back => self.nodes.pop_back(),
            };
        }
        self.shrink();
    }

    /// Gives memory back once three quarters of it are idle.
    fn shrink(&mut self) {
        if self.nodes.capacity() > 64 && self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
    }

    /// The node that holds an index, and the index within it. The end is within the last node.
    fn find(&self, index: usize) -> (usize, usize) {
        if index > self.len / 2 {
            let mut behind = self.len - index;
            for (number, node) in self.nodes.iter().enumerate().rev() {
                match node.len().checked_sub(behind) {
                    Some(within) => return (number, within),
                    None => behind -= node.len(),
                }
            }
        }
        let mut before = index;
        for (number, node) in self.nodes.iter().enumerate() {
            if before < node.len() {
                return (number, before);
            }
            before -= node.len();
        }
        (self.nodes.len(), 0)
    }

    /// Puts elements made of those of a node into its place.
    fn rebuild<'a>(&mut self, number: usize, elements: impl Iterator<Item = &'a [u8]>) {
        let mut behind = self.nodes.split_off(number + 1);
        self.nodes.truncate(number);
        let mut made: Option<Node> = None;
        for element in elements {
            if !made.as_mut().is_some_and(|node| node.push(End::Back, element)) {
                self.nodes.extend(made.replace(Node::new(element, End::Back)));
            }
        }
        self.nodes.extend(made);
        self.nodes.append(&mut behind);
    }

    /// Adds an element before the one at an index, which may be the end.
    pub fn insert(&mut self, index: usize, element: &[u8]) {
        match index {
            0 => return self.push(End::Front, element),
            _ if index == self.len => return self.push(End::Back, element),
            _ => {}
        }
        let (number, within) = self.find(index);
        let node = self.nodes[number].clone();
        let behind = node.iter().skip(within);
        self.rebuild(number, node.iter().take(within).chain([element]).chain(behind));
        self.len += 1;
    }

    /// Puts an element in the place of the one at an index, which must be there.
    pub fn set(&mut self, index: usize, element: &[u8]) {
        let (number, within) = self.find(index);
        if self.nodes[number].overwrite(within, element) {
            return;
        }
        let node = self.nodes[number].clone();
        let behind = node.iter().skip(within + 1);
        self.rebuild(number, node.iter().take(within).chain([element]).chain(behind));
    }

    /// Keeps the elements for which `stays` holds, asked from the front.
    pub fn retain(&mut self, mut stays: impl FnMut(&[u8]) -> bool) {
        let mut kept = Nodes::default();
        while let Some(node) = self.nodes.pop_front() {
            let all = node.len();
            let staying: Vec<_> = node.iter().filter(|element| stays(element)).collect();
            if staying.len() == all {
                kept.len += all;
                kept.nodes.push_back(node);
            } else {
                staying.iter().for_each(|element| kept.push(End::Back, element));
            }
        }
        *self = kept;
    }

    /// The elements at these indexes, which must be there.
    pub fn range(&self, indexes: Range<usize>) -> Elements<'_> {
        let (number, within) = self.find(indexes.start);
        let mut nodes = self.nodes.range(number.min(self.nodes.len())..);
        let mut node = nodes.next().map(Node::iter).unwrap_or_default();
        node.by_ref().take(within).for_each(drop);
        Elements { node, nodes }
    }

    /// All elements from the back.
    pub fn iter_back(&self) -> impl Iterator<Item = &[u8]> {
        self.nodes.iter().rev().flat_map(|node| node.iter().rev())
    }
}

/// Elements from somewhere on.
#[derive(Clone, Debug)]
pub(super) struct Elements<'a> {
    node: node::Elements<'a>,
    nodes: vec_deque::Iter<'a, Node>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if let Some(element) = self.node.next() {
                return Some(element);
            }
            self.node = self.nodes.next()?.iter();
        }
    }
}
