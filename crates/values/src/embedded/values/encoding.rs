//! What Redis would call the form of a value: what it holds in the same way here may have another form
//! there.

use super::{Origin, Str, Value};
use crate::parse_integer;

/// The longest string that Redis holds beside its own header.
const EMBEDDED_BYTES_MAX: usize = 44;

impl Value {
    /// The form as Redis' `OBJECT ENCODING` names it, as far as it follows from what was done to the
    /// value.
    pub fn encoding(&self) -> &'static str {
        match self {
            Value::Str(string) => string.encoding(),
            Value::Hash(hash) => either(hash.is_few(), "listpack", "hashtable"),
            Value::List(_) => "quicklist",
            Value::Set(set) => either(set.is_few_integers(), "intset", "hashtable"),
            Value::SortedSet(set) => either(set.is_small(), "listpack", "skiplist"),
            Value::Stream(_) => "stream",
        }
    }
}

fn either(is_small: bool, small: &'static str, large: &'static str) -> &'static str {
    if is_small { small } else { large }
}

impl Str {
    fn encoding(&self) -> &'static str {
        match self.origin() {
            Origin::Edited => "raw",
            Origin::Set if parse_integer(self.as_bytes()).is_some() => "int",
            Origin::Set | Origin::Printed => either(self.len() <= EMBEDDED_BYTES_MAX, "embstr", "raw"),
        }
    }
}
