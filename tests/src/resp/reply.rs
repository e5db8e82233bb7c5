//! A reply of RESP2 or RESP3 as a tree.

use std::cmp::Ordering;
use std::fmt;

/// One reply.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resp {
    /// `+OK`
    Simple(String),
    /// `-ERR …`, and RESP3's blob errors.
    Error(String),
    /// `:1`
    Integer(i64),
    /// `$3…`
    Bulk(Vec<u8>),
    /// RESP3's `_`, RESP2's `$-1` and `*-1`.
    Null,
    /// `*2…`
    Array(Vec<Resp>),
    /// `%1…`
    Map(Vec<(Resp, Resp)>),
    /// `~2…`
    Set(Vec<Resp>),
    /// `,1.5`
    Double(Double),
    /// `#t`
    Boolean(bool),
    /// `(123…`
    BigNumber(String),
    /// `=7…`: the three-letter format and the text.
    Verbatim(String, Vec<u8>),
    /// `>2…`: told without being asked.
    Push(Vec<Resp>),
}

impl Resp {
    /// A status.
    pub fn simple(text: &str) -> Self {
        Resp::Simple(text.to_owned())
    }

    /// A byte string.
    pub fn bulk(bytes: impl AsRef<[u8]>) -> Self {
        Resp::Bulk(bytes.as_ref().to_vec())
    }

    /// A floating-point number.
    pub fn double(number: f64) -> Self {
        Resp::Double(Double(number))
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        matches!(self, Resp::Error(_))
    }

    /// The elements of an array, a set or a push.
    pub fn elements(&self) -> Option<&[Resp]> {
        match self {
            Resp::Array(elements) | Resp::Set(elements) | Resp::Push(elements) => Some(elements),
            _ => None,
        }
    }

    /// Whether both are the same where RESP3 promises no order: a set's elements and a map's pairs, at any depth.
    pub fn same(&self, other: &Resp) -> bool {
        match (self, other) {
            (Resp::Array(ours), Resp::Array(theirs)) | (Resp::Push(ours), Resp::Push(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(our, their)| our.same(their))
            }
            (Resp::Set(ours), Resp::Set(theirs)) => same_elements(ours, theirs),
            (Resp::Map(ours), Resp::Map(theirs)) => same_elements(ours, theirs),
            _ => self == other,
        }
    }

    /// Whether both are of one kind and hold the same elements, in any order.
    pub fn same_unordered(&self, other: &Resp) -> bool {
        match (self, other) {
            (Resp::Array(ours), Resp::Array(theirs)) => same_elements(ours, theirs),
            _ => self.same(other),
        }
    }
}

/// Whether both hold the same elements, as often, in any order.
fn same_elements<T: Ord + Clone>(ours: &[T], theirs: &[T]) -> bool {
    if ours == theirs {
        return true;
    }
    if ours.len() != theirs.len() {
        return false;
    }
    let (mut ours, mut theirs) = (ours.to_vec(), theirs.to_vec());
    ours.sort_unstable();
    theirs.sort_unstable();
    ours == theirs
}

/// Written as `redis-cli` shows a reply, on one line.
impl fmt::Debug for Resp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resp::Simple(text) => formatter.write_str(text),
            Resp::Error(text) => write!(formatter, "(error) {text}"),
            Resp::Integer(number) => write!(formatter, "(integer) {number}"),
            Resp::Bulk(bytes) => write!(formatter, "\"{}\"", bytes.escape_ascii()),
            Resp::Null => formatter.write_str("(nil)"),
            Resp::Array(elements) => formatter.debug_list().entries(elements).finish(),
            Resp::Map(pairs) => {
                formatter.debug_map().entries(pairs.iter().map(|(key, value)| (key, value))).finish()
            }
            Resp::Set(elements) => formatter.debug_set().entries(elements).finish(),
            Resp::Double(number) => write!(formatter, "(double) {:?}", number.0),
            Resp::Boolean(truth) => write!(formatter, "({truth})"),
            Resp::BigNumber(digits) => write!(formatter, "(big number) {digits}"),
            Resp::Verbatim(format, text) => write!(formatter, "({format}) \"{}\"", text.escape_ascii()),
            Resp::Push(elements) => {
                formatter.write_str("(push) ")?;
                formatter.debug_list().entries(elements).finish()
            }
        }
    }
}

/// A floating-point number under its total order, so that `-0` is not `0` and a `nan` is itself.
#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64);

impl Ord for Double {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Double {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_maps_are_the_same_in_any_order_and_arrays_are_not() {
        let set = |words: [&str; 2]| Resp::Set(words.map(Resp::bulk).to_vec());
        let array = |words: [&str; 2]| Resp::Array(words.map(Resp::bulk).to_vec());
        let map = |pairs: [(&str, i64); 2]| {
            Resp::Map(pairs.map(|(k, v)| (Resp::bulk(k), Resp::Integer(v))).to_vec())
        };
        assert!(set(["a", "b"]).same(&set(["b", "a"])));
        assert!(map([("a", 1), ("b", 2)]).same(&map([("b", 2), ("a", 1)])));
        assert!(!map([("a", 1), ("b", 2)]).same(&map([("b", 1), ("a", 2)])));
        assert!(!array(["a", "b"]).same(&array(["b", "a"])));
        assert!(array(["a", "b"]).same_unordered(&array(["b", "a"])));
        assert!(!array(["a", "a"]).same_unordered(&array(["b", "a"])));
        assert!(!set(["a", "b"]).same_unordered(&array(["a", "b"])));
    }

    #[test]
    fn minus_zero_is_not_zero() {
        assert_ne!(Resp::double(-0.0), Resp::double(0.0));
        assert_eq!(Resp::double(f64::NAN), Resp::double(f64::NAN));
    }
}
