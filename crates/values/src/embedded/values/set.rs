//! The value of a set key: members without order.

use super::element::Element;
use super::packed::{Bounds, Packed, Strings};
use crate::embedded::footprint::Footprint;
use crate::embedded::table::{Entries, Keyed, Table};
use crate::{ReplySink, key_hash, parse_integer};

/// How large a packed set may become, all of which is walked when something is no member.
const PACKED: Bounds = Bounds { strings: 128, bytes: 2048 };

/// Members without order.
#[derive(Clone, Debug, Default)]
pub struct Set {
    form: Form,
    /// Whether it has ever been more than a few integers, for which Redis has a form of its own.
    outgrew_integers: bool,
}

/// The most integers that Redis holds in that form: the default of `set-max-intset-entries`.
const INTEGERS_MAX: usize = 512;

/// A small set is packed; one that outgrew that stays a table.
#[derive(Clone, Debug)]
enum Form {
    Packed(Packed),
    Table(Box<Table<Element>>),
}

impl Keyed for Element {
    fn key(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Default for Form {
    fn default() -> Self {
        Form::Packed(Packed::default())
    }
}

impl<'a> FromIterator<&'a [u8]> for Set {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(members: I) -> Self {
        let mut set = Set::default();
        for member in members {
            set.add(member);
        }
        set
    }
}

impl Set {
    /// How many members there are.
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Packed(packed) => packed.len(),
            Form::Table(table) => table.len(),
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it has never been more than a few integers.
    pub fn is_few_integers(&self) -> bool {
        !self.outgrew_integers
    }

    /// Whether something is a member.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.form {
            Form::Packed(packed) => packed.iter().any(|found| found == member),
            Form::Table(table) => table.get(member).is_some(),
        }
    }

    /// Adds a member; whether it is new.
    pub fn add(&mut self, member: &[u8]) -> bool {
        let is_new = self.add_member(member);
        if is_new && !self.outgrew_integers {
            self.outgrew_integers = self.len() > INTEGERS_MAX || parse_integer(member).is_none();
        }
        is_new
    }

    fn add_member(&mut self, member: &[u8]) -> bool {
        if let Form::Packed(packed) = &mut self.form {
            if packed.iter().any(|found| found == member) {
                return false;
            }
            if packed.fits(&[member], PACKED) {
                packed.push(member);
                return true;
            }
        }
        let table = self.unpack();
        let hash = key_hash(member);
        let new = table.find(hash, member).is_none();
        if new {
            table.insert_new(hash, member.into());
        }
        new
    }

    /// The table, made from what was packed.
    fn unpack(&mut self) -> &mut Table<Element> {
        if let Form::Packed(packed) = &self.form {
            let mut table = Table::default();
            for member in packed.iter() {
                table.insert_new(key_hash(member), member.into());
            }
            self.form = Form::Table(Box::new(table));
        }
        match &mut self.form {
            Form::Table(table) => table,
            Form::Packed(_) => unreachable!("it was unpacked just above"),
        }
    }

    /// Removes a member; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.form {
            Form::Packed(packed) => {
                let mut strings = packed.iter();
                let index = strings.position(|found| found == member);
                if let Some(index) = index {
                    packed.remove(packed.offset(index), 1);
                }
                index.is_some()
            }
            Form::Table(table) => table.remove(member).is_some(),
        }
    }

    /// Takes out the member at a position below [`Set::len`].
    pub fn take_at(&mut self, position: usize) -> Element {
        match &mut self.form {
            Form::Packed(packed) => {
                let offset = packed.offset(position);
                let member = Element::from(packed.at(offset));
                packed.remove(offset, 1);
                member
            }
            Form::Table(table) => table.remove_at(key_hash(table.at(position).as_bytes()), position),
        }
    }

    /// All members, in no particular order.
    pub fn iter(&self) -> Members<'_> {
        match &self.form {
            Form::Packed(packed) => Members(Source::Packed(packed.iter())),
            Form::Table(table) => Members(Source::Table(table.iter())),
        }
    }

    /// The members at these positions, each below [`Set::len`], in the order asked for.
    pub fn at_positions(&self, positions: &[usize]) -> Vec<&[u8]> {
        match &self.form {
            Form::Packed(packed) => {
                let all: Vec<_> = packed.iter().collect();
                positions.iter().map(|&position| all[position]).collect()
            }
            Form::Table(table) => positions.iter().map(|&position| table.at(position).as_bytes()).collect(),
        }
    }

    /// What a scan of about `count` members meets from a cursor on, and the next cursor (see
    /// [`Table::scan`]). A small set is met whole.
    pub fn scan(&self, cursor: u64, count: usize) -> (Members<'_>, u64) {
        match &self.form {
            Form::Packed(packed) => (Members(Source::Packed(packed.iter())), 0),
            Form::Table(table) => {
                let (positions, next) = table.scan(cursor, count);
                (Members(Source::Table(table.range(positions))), next)
            }
        }
    }

    /// Writes all of it.
    pub fn write(&self, reply: &mut dyn ReplySink) {
        reply.set(self.len());
        self.iter().for_each(|member| reply.bulk(member));
    }
}

impl Footprint for Set {
    fn heap_bytes(&self, samples: usize) -> usize {
        match &self.form {
            Form::Packed(packed) => packed.heap_bytes(samples),
            Form::Table(table) => size_of::<Table<Element>>() + table.heap_bytes(samples),
        }
    }
}

/// Members of a set.
#[derive(Clone, Debug)]
pub struct Members<'a>(Source<'a>);

#[derive(Clone, Debug)]
enum Source<'a> {
    Packed(Strings<'a>),
    Table(Entries<'a, Element>),
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match &mut self.0 {
            Source::Packed(strings) => strings.next(),
            Source::Table(members) => members.next().map(Element::as_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_set_holds_what_a_set_of_vectors_holds(
            steps in proptest::collection::vec((0..6_u8, 0..200_u8), 0..600),
        ) {
            let mut set = Set::default();
            let mut model = BTreeSet::new();
            for (step, member) in steps {
                let bytes = vec![member; usize::from(member % 40)];
                match step {
                    0 => prop_assert_eq!(set.remove(&bytes), model.remove(&bytes)),
                    1 if !set.is_empty() => {
                        let taken = set.take_at(usize::from(member) % set.len());
                        prop_assert!(model.remove(taken.as_bytes()));
                    }
                    _ => prop_assert_eq!(set.add(&bytes), model.insert(bytes.clone())),
                }
                prop_assert_eq!(set.len(), model.len());
                prop_assert_eq!(set.contains(&bytes), model.contains(&bytes));
            }
            prop_assert_eq!(set.iter().map(<[u8]>::to_vec).collect::<BTreeSet<_>>(), model);
        }
    }
}
