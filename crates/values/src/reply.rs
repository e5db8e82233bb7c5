//! Replies in RESP3's types, written as they arise or kept as a tree.

use crate::Error;

/// Writes one reply in a door's own form.
///
/// A container is announced with its length and followed by that many elements (twice as many for
/// maps and pairs), each of which may be a container. The sink never sees an unfinished reply: what
/// can fail is checked before the first element is written.
pub trait ReplySink {
    /// A short fixed answer such as `OK`.
    fn status(&mut self, text: &'static str);
    /// A byte string.
    fn bulk(&mut self, bytes: &[u8]);
    /// An integer.
    fn integer(&mut self, value: i64);
    /// A floating-point number (a bulk in RESP2).
    fn double(&mut self, value: f64);
    /// A floating-point number that is shown with decimals, never with an exponent, where numbers are
    /// text ([`crate::format_decimal`]).
    fn decimal(&mut self, value: f64) {
        self.double(value);
    }
    /// No value.
    fn null(&mut self);
    /// No array (distinct from [`ReplySink::null`] in RESP2 alone).
    fn null_array(&mut self);
    /// An array of `len` elements follows.
    fn array(&mut self, len: usize);
    /// A set of `len` elements follows.
    fn set(&mut self, len: usize);
    /// A map of `len` keys, each followed by its value.
    fn map(&mut self, len: usize);
    /// `len` pairs: arrays of two in RESP3, flat in RESP2. `2 × len` elements follow.
    fn pairs(&mut self, len: usize);
    /// A map of `len` keys, each followed by its value, which in RESP2 is `len` arrays of two (and not flat as
    /// [`ReplySink::map`] is there).
    fn map_or_pairs(&mut self, len: usize);
    /// A refusal.
    fn error(&mut self, error: &Error);
}

/// A reply as a tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// See [`ReplySink::status`].
    Status(&'static str),
    /// See [`ReplySink::bulk`].
    Bulk(Vec<u8>),
    /// See [`ReplySink::integer`].
    Integer(i64),
    /// See [`ReplySink::double`].
    Double(f64),
    /// See [`ReplySink::decimal`].
    Decimal(f64),
    /// See [`ReplySink::null`].
    Null,
    /// See [`ReplySink::null_array`].
    NullArray,
    /// See [`ReplySink::array`].
    Array(Vec<Reply>),
    /// See [`ReplySink::set`].
    Set(Vec<Reply>),
    /// See [`ReplySink::map`].
    Map(Vec<(Reply, Reply)>),
    /// See [`ReplySink::pairs`].
    Pairs(Vec<(Reply, Reply)>),
    /// See [`ReplySink::map_or_pairs`].
    MapOrPairs(Vec<(Reply, Reply)>),
    /// See [`ReplySink::error`].
    Error(Error),
}

impl Reply {
    /// The reply that `write` writes.
    pub fn collect(write: impl FnOnce(&mut dyn ReplySink)) -> Reply {
        let mut tree = Tree::default();
        write(&mut tree);
        tree.root.unwrap_or(Reply::Null)
    }

    /// Writes this tree to a sink.
    pub fn write(&self, sink: &mut dyn ReplySink) {
        match self {
            Reply::Status(text) => sink.status(text),
            Reply::Bulk(bytes) => sink.bulk(bytes),
            Reply::Integer(value) => sink.integer(*value),
            Reply::Double(value) => sink.double(*value),
            Reply::Decimal(value) => sink.decimal(*value),
            Reply::Null => sink.null(),
            Reply::NullArray => sink.null_array(),
            Reply::Array(items) => {
                sink.array(items.len());
                items.iter().for_each(|item| item.write(sink));
            }
            Reply::Set(items) => {
                sink.set(items.len());
                items.iter().for_each(|item| item.write(sink));
            }
            Reply::Map(items) => {
                sink.map(items.len());
                write_pairs(items, sink);
            }
            Reply::Pairs(items) => {
                sink.pairs(items.len());
                write_pairs(items, sink);
            }
            Reply::MapOrPairs(items) => {
                sink.map_or_pairs(items.len());
                write_pairs(items, sink);
            }
            Reply::Error(error) => sink.error(error),
        }
    }
}

fn write_pairs(items: &[(Reply, Reply)], sink: &mut dyn ReplySink) {
    for (first, second) in items {
        first.write(sink);
        second.write(sink);
    }
}

/// Builds a [`Reply`] from what is written.
#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Reply>,
}

/// A container that still lacks elements.
struct Open {
    shape: fn(Vec<Reply>) -> Reply,
    items: Vec<Reply>,
    missing: usize,
}

impl Tree {
    fn open(&mut self, elements: usize, shape: fn(Vec<Reply>) -> Reply) {
        if elements == 0 {
            self.close(shape(Vec::new()));
        } else {
            self.open.push(Open { shape, items: Vec::new(), missing: elements });
        }
    }

    /// Places a finished reply, and every container that it completes.
    fn close(&mut self, mut reply: Reply) {
        while let Some(mut container) = self.open.pop() {
            container.items.push(reply);
            container.missing -= 1;
            if container.missing > 0 {
                self.open.push(container);
                return;
            }
            reply = (container.shape)(container.items);
        }
        self.root = Some(reply);
    }
}

fn two_by_two(items: Vec<Reply>) -> Vec<(Reply, Reply)> {
    let mut pairs = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let (Some(first), Some(second)) = (items.next(), items.next()) {
        pairs.push((first, second));
    }
    pairs
}

impl ReplySink for Tree {
    fn status(&mut self, text: &'static str) {
        self.close(Reply::Status(text));
    }
    fn bulk(&mut self, bytes: &[u8]) {
        self.close(Reply::Bulk(bytes.to_vec()));
    }
    fn integer(&mut self, value: i64) {
        self.close(Reply::Integer(value));
    }
    fn double(&mut self, value: f64) {
        self.close(Reply::Double(value));
    }
    fn decimal(&mut self, value: f64) {
        self.close(Reply::Decimal(value));
    }
    fn null(&mut self) {
        self.close(Reply::Null);
    }
    fn null_array(&mut self) {
        self.close(Reply::NullArray);
    }
    fn array(&mut self, len: usize) {
        self.open(len, Reply::Array);
    }
    fn set(&mut self, len: usize) {
        self.open(len, Reply::Set);
    }
    fn map(&mut self, len: usize) {
        self.open(len * 2, |items| Reply::Map(two_by_two(items)));
    }
    fn pairs(&mut self, len: usize) {
        self.open(len * 2, |items| Reply::Pairs(two_by_two(items)));
    }
    fn map_or_pairs(&mut self, len: usize) {
        self.open(len * 2, |items| Reply::MapOrPairs(two_by_two(items)));
    }
    fn error(&mut self, error: &Error) {
        self.close(Reply::Error(error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_reads_back_what_was_written() {
        let tree = Reply::Array(vec![
            Reply::Map(vec![(Reply::Bulk(b"a".to_vec()), Reply::Array(vec![]))]),
            Reply::Pairs(vec![(Reply::Integer(1), Reply::Double(0.5))]),
            Reply::MapOrPairs(vec![(Reply::Bulk(b"a".to_vec()), Reply::Null)]),
            Reply::Set(vec![Reply::Null, Reply::NullArray]),
            Reply::Status("OK"),
            Reply::Error(Error::Syntax),
        ]);
        assert_eq!(Reply::collect(|sink| tree.write(sink)), tree);
    }
}
