//! The value of a list key: a sequence that is pushed and popped at both ends.

mod node;
mod nodes;

pub use node::End;

use super::packed::{Bounds, Packed, Strings};
use crate::ReplySink;
use crate::embedded::footprint::Footprint;
use nodes::Nodes;
use std::ops::Range;

/// How large a packed list may become.
const PACKED: Bounds = Bounds { strings: 128, bytes: 1024 };

/// A sequence of byte strings.
#[derive(Clone, Debug, Default)]
pub struct List(Form);

/// A small list is packed; one that outgrew that stays a sequence of nodes.
#[derive(Clone, Debug)]
enum Form {
    Packed(Packed),
    Nodes(Box<Nodes>),
}

impl Default for Form {
    fn default() -> Self {
        Form::Packed(Packed::default())
    }
}

impl Footprint for List {
    fn heap_bytes(&self, samples: usize) -> usize {
        match &self.0 {
            Form::Packed(packed) => packed.heap_bytes(samples),
            Form::Nodes(nodes) => size_of::<Nodes>() + nodes.heap_bytes(samples),
        }
    }
}

impl List {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Packed(packed) => packed.len(),
            Form::Nodes(nodes) => nodes.len(),
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at an index.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match &self.0 {
            Form::Packed(packed) => packed.iter().nth(index),
            Form::Nodes(nodes) if index < nodes.len() => nodes.range(index..index + 1).next(),
            Form::Nodes(_) => None,
        }
    }

    /// The element at an end.
    pub fn peek(&self, end: End) -> Option<&[u8]> {
        match (&self.0, end) {
            (Form::Nodes(nodes), end) => nodes.peek(end),
            (Form::Packed(_), End::Front) => self.get(0),
            (Form::Packed(_), End::Back) => self.get(self.len().checked_sub(1)?),
        }
    }

    /// Adds an element at an end.
    pub fn push(&mut self, end: End, element: &[u8]) {
        match (&mut self.0, end) {
            (Form::Packed(packed), End::Front) if packed.fits(&[element], PACKED) => {
                packed.insert(packed.offset(0), element)
            }
            (Form::Packed(packed), End::Back) if packed.fits(&[element], PACKED) => packed.push(element),
            (_, end) => self.unpack().push(end, element),
        }
    }

    /// Adds an element before the one at an index, which may be the end.
    pub fn insert(&mut self, index: usize, element: &[u8]) {
        match &mut self.0 {
            Form::Packed(packed) if packed.fits(&[element], PACKED) => {
                packed.insert(packed.offset(index), element)
            }
            _ => self.unpack().insert(index, element),
        }
    }

    /// Puts an element in the place of the one at an index; whether there is one.
    pub fn set(&mut self, index: usize, element: &[u8]) -> bool {
        if index >= self.len() {
            return false;
        }
        match &mut self.0 {
            Form::Packed(packed) if packed.fits_at(packed.offset(index), element, PACKED) => {
                packed.replace(packed.offset(index), element);
            }
            _ => self.unpack().set(index, element),
        }
        true
    }

    /// The nodes, made from what was packed.
    fn unpack(&mut self) -> &mut Nodes {
        if let Form::Packed(packed) = &self.0 {
            let mut nodes = Nodes::default();
            packed.iter().for_each(|element| nodes.push(End::Back, element));
            self.0 = Form::Nodes(Box::new(nodes));
        }
        match &mut self.0 {
            Form::Nodes(nodes) => nodes,
            Form::Packed(_) => unreachable!("it was unpacked just above"),
        }
    }

    /// Removes up to `count` elements from an end.
    pub fn remove(&mut self, end: End, count: usize) {
        let count = count.min(self.len());
        match &mut self.0 {
            Form::Packed(packed) if count > 0 => {
                let first = if end == End::Front { 0 } else { packed.len() - count };
                packed.remove(packed.offset(first), count);
            }
            Form::Packed(_) => {}
            Form::Nodes(nodes) => nodes.remove(end, count),
        }
    }

    /// Removes the elements equal to this one, but for the first `spared` of them, up to `count`;
    /// how many that were.
    pub fn remove_equal(&mut self, element: &[u8], spared: usize, count: usize) -> usize {
        let mut met = 0;
        let mut stays = |found: &[u8]| {
            let equal = found == element;
            let stays = !equal || met < spared || met - spared >= count;
            met += usize::from(equal);
            stays
        };
        let before = self.len();
        match &mut self.0 {
            Form::Packed(packed) => {
                let mut kept = Packed::default();
                packed.iter().filter(|found| stays(found)).for_each(|found| kept.push(found));
                *packed = kept;
            }
            Form::Nodes(nodes) => nodes.retain(stays),
        }
        before - self.len()
    }

    /// The elements at these indexes, which must be there.
    pub fn range(&self, indexes: Range<usize>) -> Elements<'_> {
        let count = indexes.len();
        let source = match &self.0 {
            Form::Packed(packed) => {
                let mut strings = packed.iter();
                strings.by_ref().take(indexes.start).for_each(drop);
                Source::Packed(strings)
            }
            Form::Nodes(nodes) => Source::Nodes(nodes.range(indexes)),
        };
        Elements { source, left: count }
    }

    /// All elements from an end to the other.
    pub fn iter_from(&self, end: End) -> Box<dyn Iterator<Item = &[u8]> + '_> {
        match (&self.0, end) {
            (_, End::Front) => Box::new(self.range(0..self.len())),
            (Form::Packed(packed), End::Back) => {
                Box::new(packed.iter().collect::<Vec<_>>().into_iter().rev())
            }
            (Form::Nodes(nodes), End::Back) => Box::new(nodes.iter_back()),
        }
    }

    /// Writes all of it.
    pub fn write(&self, reply: &mut dyn ReplySink) {
        reply.array(self.len());
        self.range(0..self.len()).for_each(|element| reply.bulk(element));
    }
}

/// Elements that lie side by side in a list.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    source: Source<'a>,
    left: usize,
}

#[derive(Clone, Debug)]
enum Source<'a> {
    Packed(Strings<'a>),
    Nodes(nodes::Elements<'a>),
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        match &mut self.source {
            Source::Packed(strings) => strings.next(),
            Source::Nodes(elements) => elements.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn a_list_holds_what_a_deque_of_vectors_holds(
            // Lists that stay packed, and such whose elements fill nodes or do not fit into one.
            lengths in prop::sample::select(vec![3, 60, 400]),
            grown in prop::sample::select(vec![0, 200, 700]),
            steps in proptest::collection::vec((0..8_u8, 0..2000_usize, 0..600_usize), 0..400),
        ) {
            let mut list = List::default();
            let mut model: VecDeque<Vec<u8>> = VecDeque::new();
            let grow = (0..grown).map(|number| (number as u8 % 4, 0, number));
            for (step, index, len) in grow.chain(steps) {
                let element = vec![b'e'; len % lengths];
                let within = index % (model.len() + 1);
                match step {
                    0 | 1 => {
                        list.push(End::Front, &element);
                        model.push_front(element);
                    }
                    2 | 3 => {
                        list.push(End::Back, &element);
                        model.push_back(element);
                    }
                    4 => {
                        list.insert(within, &element);
                        model.insert(within, element);
                    }
                    5 if within < model.len() => {
                        prop_assert!(list.set(within, &element));
                        model[within] = element;
                    }
                    6 => {
                        let most = if index % 50 == 0 { len } else { len.min(3) };
                        list.remove(if index % 2 == 0 { End::Front } else { End::Back }, most);
                        for _ in 0..most {
                            if index % 2 == 0 { model.pop_front() } else { model.pop_back() };
                        }
                    }
                    _ => {
                        let mut met = 0;
                        list.remove_equal(&element, 1, 2);
                        model.retain(|found| {
                            met += usize::from(*found == element);
                            *found != element || !(2..=3).contains(&met)
                        });
                    }
                }
                prop_assert_eq!(list.len(), model.len());
                prop_assert_eq!(list.peek(End::Back), model.back().map(|last| &last[..]));
                prop_assert_eq!(list.peek(End::Front), model.front().map(|first| &first[..]));
                prop_assert_eq!(list.get(within), model.get(within).map(|found| &found[..]));
            }
            prop_assert!(list.iter_from(End::Front).eq(model.iter().map(|element| &element[..])));
            prop_assert!(list.iter_from(End::Back).eq(model.iter().rev().map(|element| &element[..])));
            for start in (0..model.len()).step_by(97) {
                let range = list.range(start..model.len());
                prop_assert!(range.eq(model.range(start..).map(|element| &element[..])));
            }
        }
    }
}
