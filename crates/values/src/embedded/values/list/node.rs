//! A piece of a long list: elements one after another in one block, or a single large one.
//!
//! A block has room at either end, so that a list is pushed and popped at both without moving what
//! it holds. Each element has its length before and behind it, and is walked from both ends.

use crate::embedded::footprint::Footprint;

/// The longest element that shares a block with others.
const SHARED_BYTES_MAX: usize = u8::MAX as usize;

/// The size of a full block: what an insertion in the middle moves at most.
const BLOCK_BYTES_MAX: usize = 4096;

/// The size of a block with its first elements.
const BLOCK_BYTES_MIN: usize = 256;

/// The lengths around an element.
const LENGTHS: usize = 2;

/// One end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The left one.
    Front,
    /// The right one.
    Back,
}

/// Elements that follow each other; there is always one at least.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Shared(Block),
    Single(Box<[u8]>),
}

/// A block and which part of it is in use.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    bytes: Box<[u8]>,
    start: u16,
    end: u16,
    elements: u16,
}

const _: () = assert!(size_of::<Node>() == 24);

impl Footprint for Node {
    fn heap_bytes(&self, _: usize) -> usize {
        match self {
            Node::Shared(block) => block.bytes.len(),
            Node::Single(element) => element.len(),
        }
    }
}

impl Node {
    /// A node that begins with this element, and is to grow at an end.
    pub fn new(element: &[u8], end: End) -> Self {
        if element.len() > SHARED_BYTES_MAX {
            return Node::Single(element.into());
        }
        let mut block = Block::default();
        block.push(end, element);
        Node::Shared(block)
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Node::Shared(block) => usize::from(block.elements),
            Node::Single(_) => 1,
        }
    }

    /// Adds an element at an end; whether there was room.
    pub fn push(&mut self, end: End, element: &[u8]) -> bool {
        match self {
            Node::Shared(block) if element.len() <= SHARED_BYTES_MAX => block.push(end, element),
            Node::Shared(_) | Node::Single(_) => false,
        }
    }

    /// Removes up to `count` elements from an end; how many stay.
    pub fn remove(&mut self, end: End, count: usize) -> usize {
        match self {
            Node::Shared(block) => {
                let left = usize::from(block.elements).saturating_sub(count);
                if left > 0 {
                    (0..count).for_each(|_| block.remove(end));
                }
                left
            }
            Node::Single(_) => usize::from(count == 0),
        }
    }

    /// Puts an element of the same length in the place of the one at an index; whether it fits there.
    pub fn overwrite(&mut self, index: usize, element: &[u8]) -> bool {
        match self {
            Node::Shared(block) => {
                let mut offset = usize::from(block.start);
                for _ in 0..index {
                    offset += usize::from(block.bytes[offset]) + LENGTHS;
                }
                let fits = usize::from(block.bytes[offset]) == element.len();
                if fits {
                    block.bytes[offset + 1..][..element.len()].copy_from_slice(element);
                }
                fits
            }
            Node::Single(old) => {
                let fits = element.len() > SHARED_BYTES_MAX;
                if fits {
                    *old = element.into();
                }
                fits
            }
        }
    }

    /// The elements from the front; also from the back.
    pub fn iter(&self) -> Elements<'_> {
        match self {
            Node::Shared(block) => Elements { shared: block.used(), single: None },
            Node::Single(element) => Elements { shared: &[], single: Some(element) },
        }
    }
}

impl Block {
    fn used(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..usize::from(self.end)]
    }

    fn push(&mut self, end: End, element: &[u8]) -> bool {
        let more = element.len() + LENGTHS;
        if !self.has_room(end, more) && !self.make_room(end, more) {
            return false;
        }
        let at = match end {
            End::Front => {
                self.start -= more as u16;
                usize::from(self.start)
            }
            End::Back => {
                self.end += more as u16;
                usize::from(self.end) - more
            }
        };
        let len = element.len() as u8;
        self.bytes[at] = len;
        self.bytes[at + 1..][..element.len()].copy_from_slice(element);
        self.bytes[at + more - 1] = len;
        self.elements += 1;
        true
    }

    fn has_room(&self, end: End, more: usize) -> bool {
        match end {
            End::Front => usize::from(self.start) >= more,
            End::Back => self.bytes.len() - usize::from(self.end) >= more,
        }
    }

    /// Makes a block twice as large, with all its room at one end; unless it would be too large.
    fn make_room(&mut self, end: End, more: usize) -> bool {
        let used = self.used().len();
        if used + more > BLOCK_BYTES_MAX {
            return false;
        }
        let size = ((used + more).next_power_of_two() * 2).clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
        let mut bytes = vec![0; size].into_boxed_slice();
        let start = if end == End::Front { size - used } else { 0 };
        bytes[start..start + used].copy_from_slice(self.used());
        (self.bytes, self.start, self.end) = (bytes, start as u16, (start + used) as u16);
        true
    }

    fn remove(&mut self, end: End) {
        match end {
            End::Front => self.start += u16::from(self.bytes[usize::from(self.start)]) + LENGTHS as u16,
            End::Back => self.end -= u16::from(self.bytes[usize::from(self.end) - 1]) + LENGTHS as u16,
        }
        self.elements -= 1;
    }
}

/// Elements of a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Elements<'a> {
    shared: &'a [u8],
    single: Option<&'a [u8]>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let Some((&len, rest)) = self.shared.split_first() else { return self.single.take() };
        let (element, rest) = rest.split_at(usize::from(len));
        self.shared = &rest[1..];
        Some(element)
    }
}

impl DoubleEndedIterator for Elements<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let Some((&len, rest)) = self.shared.split_last() else { return self.single.take() };
        let (rest, element) = rest.split_at(rest.len() - usize::from(len));
        self.shared = &rest[..rest.len() - 1];
        Some(element)
    }
}
