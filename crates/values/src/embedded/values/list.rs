//! The value of a list key: a sequence that is pushed and popped at both ends.

use super::element::Element;
use super::packed::{Bounds, Packed, Strings};
use crate::ReplySink;
use crate::embedded::footprint::{Footprint, of_many};
use std::collections::VecDeque;
use std::ops::Range;

/// How large a packed list may become.
const PACKED: Bounds = Bounds { strings: 128, bytes: 1024 };

/// A sequence of byte strings.
#[derive(Clone, Debug, Default)]
pub struct List(Form);

/// A small list is packed; one that outgrew that stays a deque, in which short elements lie inline
/// and any index is one step away.
#[derive(Clone, Debug)]
enum Form {
    Packed(Packed),
    Deque(VecDeque<Element>),
}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The left one.
    Front,
    /// The right one.
    Back,
}

impl Default for Form {
    fn default() -> Self {
        Form::Packed(Packed::default())
    }
}

impl List {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Packed(packed) => packed.len(),
            Form::Deque(deque) => deque.len(),
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
            Form::Deque(deque) => deque.get(index).map(Element::as_bytes),
        }
    }

    /// The element at an end.
    pub fn peek(&self, end: End) -> Option<&[u8]> {
        match end {
            End::Front => self.get(0),
            End::Back => self.get(self.len().checked_sub(1)?),
        }
    }

    /// Adds an element at an end.
    pub fn push(&mut self, end: End, element: &[u8]) {
        match (&mut self.0, end) {
            (Form::Packed(packed), End::Front) if packed.fits(&[element], PACKED) => {
                packed.insert(packed.offset(0), [element, &[]])
            }
            (Form::Packed(packed), End::Back) if packed.fits(&[element], PACKED) => packed.push(element),
            (_, End::Front) => self.unpack().push_front(element.into()),
            (_, End::Back) => self.unpack().push_back(element.into()),
        }
    }

    /// Adds an element before the one at an index, which may be the end.
    pub fn insert(&mut self, index: usize, element: &[u8]) {
        match &mut self.0 {
            Form::Packed(packed) if packed.fits(&[element], PACKED) => {
                packed.insert(packed.offset(index), [element, &[]])
            }
            _ => self.unpack().insert(index, element.into()),
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
            _ => self.unpack()[index] = element.into(),
        }
        true
    }

    /// The deque, made from what was packed.
    fn unpack(&mut self) -> &mut VecDeque<Element> {
        if let Form::Packed(packed) = &self.0 {
            self.0 = Form::Deque(packed.iter().map(Element::from).collect());
        }
        match &mut self.0 {
            Form::Deque(deque) => deque,
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
            Form::Deque(deque) => {
                match (end, count) {
                    (End::Front, 1) => drop(deque.pop_front()),
                    (End::Front, _) => drop(deque.drain(..count)),
                    (End::Back, _) => deque.truncate(deque.len() - count),
                }
                shrink(deque);
            }
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
            Form::Deque(deque) => {
                deque.retain(|found| stays(found.as_bytes()));
                shrink(deque);
            }
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
            Form::Deque(deque) => Source::Deque(deque.range(indexes)),
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
            (Form::Deque(deque), End::Back) => Box::new(deque.iter().rev().map(Element::as_bytes)),
        }
    }

    /// Writes all of it.
    pub fn write(&self, reply: &mut dyn ReplySink) {
        reply.array(self.len());
        self.range(0..self.len()).for_each(|element| reply.bulk(element));
    }
}

impl Footprint for List {
    fn heap_bytes(&self, samples: usize) -> usize {
        match &self.0 {
            Form::Packed(packed) => packed.heap_bytes(samples),
            Form::Deque(deque) => {
                let elements = deque.iter().map(|element| element.heap_bytes(samples));
                deque.capacity() * size_of::<Element>() + of_many(deque.len(), samples, elements)
            }
        }
    }
}

/// Gives memory back once three quarters of it are idle.
fn shrink(deque: &mut VecDeque<Element>) {
    if deque.capacity() > 64 && deque.len() < deque.capacity() / 4 {
        deque.shrink_to(deque.len() * 2);
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
    Deque(std::collections::vec_deque::Iter<'a, Element>),
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        match &mut self.source {
            Source::Packed(strings) => strings.next(),
            Source::Deque(elements) => elements.next().map(Element::as_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_holds_what_a_deque_of_vectors_holds(
            steps in proptest::collection::vec((0..8_u8, 0..200_usize, 0..60_usize), 0..500),
        ) {
            let mut list = List::default();
            let mut model: VecDeque<Vec<u8>> = VecDeque::new();
            for (step, index, len) in steps {
                let element = vec![b'e'; len];
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
                        let most = len.min(3);
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
            }
            prop_assert!(list.iter_from(End::Front).eq(model.iter().map(|element| &element[..])));
            prop_assert!(list.iter_from(End::Back).eq(model.iter().rev().map(|element| &element[..])));
            let half = model.len() / 2;
            prop_assert!(list.range(half..model.len()).eq(model.range(half..).map(|element| &element[..])));
        }
    }
}
