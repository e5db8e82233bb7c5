//! The value of a hash key: fields, each with a value.

use super::element::Element;
use super::packed::{Bounds, Packed, Strings};
use crate::embedded::footprint::Footprint;
use crate::embedded::table::{Entries, Keyed, Table};
use crate::{ReplySink, key_hash};

/// How large a packed hash may become: about where to walk through half of it costs more than the
/// memory is worth.
const PACKED: Bounds = Bounds { strings: 256, bytes: 4096 };

/// Fields and their values.
#[derive(Clone, Debug, Default)]
pub struct Hash {
    form: Form,
    /// Whether it has ever been more than a few short fields, for which Redis has a form of its own.
    outgrew_few: bool,
}

/// The most fields in that form, and the longest name or value: the defaults of
/// `hash-max-listpack-entries` and `hash-max-listpack-value`.
const FEW_FIELDS_MAX: usize = 128;
const SHORT_BYTES_MAX: usize = 64;

/// A small hash is packed, field and value in turn; one that outgrew that stays a table.
#[derive(Clone, Debug)]
enum Form {
    Packed(Packed),
    Table(Box<Table<Field>>),
}

#[derive(Clone, Debug)]
struct Field {
    name: Element,
    value: Element,
}

impl Keyed for Field {
    fn key(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

impl Field {
    fn new(name: &[u8], value: &[u8]) -> Self {
        Field { name: name.into(), value: value.into() }
    }

    fn pair(&self) -> (&[u8], &[u8]) {
        (self.name.as_bytes(), self.value.as_bytes())
    }
}

impl Default for Form {
    fn default() -> Self {
        Form::Packed(Packed::default())
    }
}

impl Hash {
    /// How many fields there are.
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Packed(packed) => packed.len() / 2,
            Form::Table(table) => table.len(),
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it has never been more than a few short fields.
    pub fn is_few(&self) -> bool {
        !self.outgrew_few
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        match &self.form {
            Form::Packed(packed) => Some(packed.at(packed.after(find_packed(packed, field)?))),
            Form::Table(table) => table.get(field).map(|found| found.value.as_bytes()),
        }
    }

    /// Sets the value of a field; whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        let is_new = self.set_field(field, value);
        self.outgrew_few |= field.len().max(value.len()) > SHORT_BYTES_MAX || self.len() > FEW_FIELDS_MAX;
        is_new
    }

    fn set_field(&mut self, field: &[u8], value: &[u8]) -> bool {
        let Form::Packed(packed) = &mut self.form else { return self.set_in_table(field, value) };
        match find_packed(packed, field).map(|offset| packed.after(offset)) {
            Some(offset) if packed.fits_at(offset, value, PACKED) => {
                packed.replace(offset, value);
                false
            }
            None if packed.fits(&[field, value], PACKED) => {
                packed.push(field);
                packed.push(value);
                true
            }
            _ => self.set_in_table(field, value),
        }
    }

    fn set_in_table(&mut self, field: &[u8], value: &[u8]) -> bool {
        let table = self.unpack();
        let hash = key_hash(field);
        match table.find(hash, field) {
            Some(position) => {
                table.at_mut(position).value = value.into();
                false
            }
            None => {
                table.insert_new(hash, Field::new(field, value));
                true
            }
        }
    }

    /// The table, made from what was packed.
    fn unpack(&mut self) -> &mut Table<Field> {
        if let Form::Packed(packed) = &self.form {
            let mut table = Table::default();
            for (name, value) in pairs(packed) {
                table.insert_new(key_hash(name), Field::new(name, value));
            }
            self.form = Form::Table(Box::new(table));
        }
        match &mut self.form {
            Form::Table(table) => table,
            Form::Packed(_) => unreachable!("it was unpacked just above"),
        }
    }

    /// Removes a field; whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.form {
            Form::Packed(packed) => {
                let found = find_packed(packed, field);
                if let Some(offset) = found {
                    packed.remove(offset, 2);
                }
                found.is_some()
            }
            Form::Table(table) => table.remove(field).is_some(),
        }
    }

    /// All fields with their values, in no particular order.
    pub fn iter(&self) -> Fields<'_> {
        match &self.form {
            Form::Packed(packed) => pairs(packed),
            Form::Table(table) => Fields(Source::Table(table.iter())),
        }
    }

    /// The fields at these positions, each below [`Hash::len`], in the order asked for.
    pub fn at_positions(&self, positions: &[usize]) -> Vec<(&[u8], &[u8])> {
        match &self.form {
            Form::Packed(packed) => {
                let all: Vec<_> = pairs(packed).collect();
                positions.iter().map(|&position| all[position]).collect()
            }
            Form::Table(table) => positions.iter().map(|&position| table.at(position).pair()).collect(),
        }
    }

    /// What a scan of about `count` fields meets from a cursor on, and the next cursor (see
    /// [`Table::scan`]). A small hash is met whole.
    pub fn scan(&self, cursor: u64, count: usize) -> (Fields<'_>, u64) {
        match &self.form {
            Form::Packed(packed) => (pairs(packed), 0),
            Form::Table(table) => {
                let (positions, next) = table.scan(cursor, count);
                (Fields(Source::Table(table.range(positions))), next)
            }
        }
    }

    /// Writes all of it.
    pub fn write(&self, reply: &mut dyn ReplySink) {
        reply.map(self.len());
        for (field, value) in self.iter() {
            reply.bulk(field);
            reply.bulk(value);
        }
    }
}

impl Footprint for Hash {
    fn heap_bytes(&self, samples: usize) -> usize {
        match &self.form {
            Form::Packed(packed) => packed.heap_bytes(samples),
            Form::Table(table) => size_of::<Table<Field>>() + table.heap_bytes(samples),
        }
    }
}

impl Footprint for Field {
    fn heap_bytes(&self, samples: usize) -> usize {
        self.name.heap_bytes(samples) + self.value.heap_bytes(samples)
    }
}

/// The offset of a field's name.
fn find_packed(packed: &Packed, field: &[u8]) -> Option<usize> {
    let mut offset = packed.offset(0);
    for (name, value) in pairs(packed) {
        if name == field {
            return Some(offset);
        }
        offset += 2 + name.len() + value.len();
    }
    None
}

fn pairs(packed: &Packed) -> Fields<'_> {
    Fields(Source::Packed(packed.iter()))
}

/// Fields with their values.
#[derive(Clone, Debug)]
pub struct Fields<'a>(Source<'a>);

#[derive(Clone, Debug)]
enum Source<'a> {
    Packed(Strings<'a>),
    Table(Entries<'a, Field>),
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Packed(strings) => Some((strings.next()?, strings.next()?)),
            Source::Table(fields) => fields.next().map(Field::pair),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_hash_holds_what_a_map_holds(
            steps in proptest::collection::vec((0..4_u8, 0..180_u8, 0..100_usize), 0..700),
        ) {
            let mut hash = Hash::default();
            let mut model = BTreeMap::new();
            for (step, field, len) in steps {
                let (field, value) = (vec![field; usize::from(field % 30)], vec![b'v'; len]);
                if step == 0 {
                    prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                } else {
                    prop_assert_eq!(hash.set(&field, &value), model.insert(field.clone(), value).is_none());
                }
                prop_assert_eq!(hash.len(), model.len());
                prop_assert_eq!(hash.get(&field), model.get(&field).map(|value| &value[..]));
            }
            let all: BTreeMap<_, _> =
                hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
            prop_assert_eq!(all, model);
        }
    }
}
