//! The value of a set key: members without order.

mod integers;
mod member;
#[cfg(test)]
mod tests;

use super::element::Element;
use super::packed::{Bounds, Packed, Strings};
use crate::embedded::footprint::Footprint;
use crate::embedded::table::{Entries, Keyed, Table};
use crate::{ReplySink, key_hash, parse_integer};
use integers::Integers;
pub use member::{Member, Text};

/// How large a packed set may become, all of which is walked when something is no member.
const PACKED: Bounds = Bounds { strings: 128, bytes: 2048 };

/// The most integers that are held as such: the default of Redis' `set-max-intset-entries`.
const INTEGERS_MAX: usize = 512;

/// Members without order.
#[derive(Clone, Debug, Default)]
pub struct Set(Form);

/// A set begins as integers, and stays that while nothing else is added and it is small. From then on it is
/// packed while it is small, and a table once it outgrew that. It never goes back, nor does Redis' own.
#[derive(Clone, Debug)]
enum Form {
    Integers(Integers),
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
        Form::Integers(Integers::default())
    }
}

impl<'a> FromIterator<Member<'a>> for Set {
    fn from_iter<I: IntoIterator<Item = Member<'a>>>(members: I) -> Self {
        let mut set = Set::default();
        for member in members {
            set.add_member(member);
        }
        set
    }
}

impl Set {
    /// How many members there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Integers(integers) => integers.len(),
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
        matches!(self.0, Form::Integers(_))
    }

    /// Whether something is a member.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Form::Integers(integers) => find_text(integers, member).is_some(),
            Form::Packed(packed) => packed.iter().any(|found| found == member),
            Form::Table(table) => table.get(member).is_some(),
        }
    }

    /// Whether a member of another set is one of this, too.
    pub fn contains_member(&self, member: Member<'_>) -> bool {
        match (member, &self.0) {
            (Member::Bytes(bytes), _) => self.contains(bytes),
            (Member::Integer(integer), Form::Integers(integers)) => integers.find(integer).is_ok(),
            (Member::Integer(_), _) => self.contains(&member.text()),
        }
    }

    /// Adds a member; whether it is new.
    pub fn add(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Integers(_) => match parse_integer(member) {
                Some(integer) => self.add_integer(integer),
                None => {
                    self.push(member);
                    true
                }
            },
            Form::Packed(packed) => {
                let is_new = packed.iter().all(|found| found != member);
                if is_new {
                    self.push(member);
                }
                is_new
            }
            Form::Table(table) => {
                let hash = key_hash(member);
                let is_new = table.find(hash, member).is_none();
                if is_new {
                    table.insert_new(hash, member.into());
                }
                is_new
            }
        }
    }

    /// Adds a member of another set; whether it is new.
    fn add_member(&mut self, member: Member<'_>) -> bool {
        match member {
            Member::Bytes(bytes) => self.add(bytes),
            Member::Integer(integer) => self.add_integer(integer),
        }
    }

    fn add_integer(&mut self, integer: i64) -> bool {
        let Form::Integers(integers) = &mut self.0 else {
            return self.add(&Member::Integer(integer).text());
        };
        let Err(index) = integers.find(integer) else { return false };
        if integers.len() < INTEGERS_MAX {
            integers.insert(index, integer);
        } else {
            self.push(&Member::Integer(integer).text());
        }
        true
    }

    /// Adds the text of what is no member, in a form that has room for it.
    fn push(&mut self, member: &[u8]) {
        match &mut self.0 {
            Form::Packed(packed) if packed.fits(&[member], PACKED) => packed.push(member),
            Form::Integers(_) | Form::Packed(_) => {
                self.outgrow();
                self.push(member);
            }
            Form::Table(table) => {
                table.insert_new(key_hash(member), member.into());
            }
        }
    }

    /// Takes on the next larger form.
    fn outgrow(&mut self) {
        let larger = match &self.0 {
            Form::Integers(integers) if integers.len() < usize::from(PACKED.strings) => {
                Form::Packed(Packed::default())
            }
            _ => Form::Table(Box::default()),
        };
        let old = Set(std::mem::replace(&mut self.0, larger));
        old.iter().for_each(|member| self.push(&member.text()));
    }

    /// Removes a member; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Integers(integers) => {
                let found = find_text(integers, member);
                if let Some(index) = found {
                    integers.remove(index);
                }
                found.is_some()
            }
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
        match &mut self.0 {
            Form::Integers(integers) => Member::Integer(integers.remove(position)).into(),
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
        match &self.0 {
            Form::Integers(integers) => Members(Source::Integers(integers.iter())),
            Form::Packed(packed) => Members(Source::Packed(packed.iter())),
            Form::Table(table) => Members(Source::Table(table.iter())),
        }
    }

    /// The members at these positions, each below [`Set::len`], in the order asked for.
    pub fn at_positions(&self, positions: &[usize]) -> Vec<Member<'_>> {
        let positions = positions.iter().copied();
        match &self.0 {
            Form::Integers(integers) => {
                positions.map(|position| Member::Integer(integers.at(position))).collect()
            }
            Form::Packed(packed) => {
                let all: Vec<_> = packed.iter().collect();
                positions.map(|position| Member::Bytes(all[position])).collect()
            }
            Form::Table(table) => {
                positions.map(|position| Member::Bytes(table.at(position).as_bytes())).collect()
            }
        }
    }

    /// What a scan of about `count` members meets from a cursor on, and the next cursor (see
    /// [`Table::scan`]). A small set is met whole.
    pub fn scan(&self, cursor: u64, count: usize) -> (Members<'_>, u64) {
        match &self.0 {
            Form::Integers(_) | Form::Packed(_) => (self.iter(), 0),
            Form::Table(table) => {
                let (positions, next) = table.scan(cursor, count);
                (Members(Source::Table(table.range(positions))), next)
            }
        }
    }

    /// Writes all of it.
    pub fn write(&self, reply: &mut dyn ReplySink) {
        reply.set(self.len());
        self.iter().for_each(|member| member.write(reply));
    }
}

impl Footprint for Set {
    fn heap_bytes(&self, samples: usize) -> usize {
        match &self.0 {
            Form::Integers(integers) => integers.heap_bytes(samples),
            Form::Packed(packed) => packed.heap_bytes(samples),
            Form::Table(table) => size_of::<Table<Element>>() + table.heap_bytes(samples),
        }
    }
}

/// The index of what is printed like this.
fn find_text(integers: &Integers, text: &[u8]) -> Option<usize> {
    integers.find(parse_integer(text)?).ok()
}

/// Members of a set.
#[derive(Clone, Debug)]
pub struct Members<'a>(Source<'a>);

#[derive(Clone, Debug)]
enum Source<'a> {
    Integers(integers::Iter<'a>),
    Packed(Strings<'a>),
    Table(Entries<'a, Element>),
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    #[inline]
    fn next(&mut self) -> Option<Member<'a>> {
        match &mut self.0 {
            Source::Integers(integers) => integers.next().map(Member::Integer),
            Source::Packed(strings) => strings.next().map(Member::Bytes),
            Source::Table(members) => members.next().map(|member| Member::Bytes(member.as_bytes())),
        }
    }

    /// Asks once, not for each member, where they come from.
    #[inline]
    fn fold<B, F: FnMut(B, Member<'a>) -> B>(self, first: B, add: F) -> B {
        match self.0 {
            Source::Integers(integers) => integers.map(Member::Integer).fold(first, add),
            Source::Packed(strings) => strings.map(Member::Bytes).fold(first, add),
            Source::Table(members) => members.map(|member| Member::Bytes(member.as_bytes())).fold(first, add),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Source::Integers(integers) => integers.size_hint(),
            Source::Packed(strings) => strings.size_hint(),
            Source::Table(members) => members.size_hint(),
        }
    }
}
