//! What of a request can be refused by looking at the request alone, in etcd's order: an engine need not ask its store.

use std::collections::{BTreeMap, BTreeSet};

use crate::{KeyRange, Op, PutError, PutRequest, TxnError, TxnRequest};

/// Refuses a put that contradicts itself.
pub fn put(request: &PutRequest) -> Result<(), PutError> {
    if request.key.is_empty() {
        return Err(PutError::EmptyKey);
    }
    if request.ignore_value && !request.value.is_empty() {
        return Err(PutError::ValueProvided);
    }
    if request.ignore_lease && request.lease.0 != 0 {
        return Err(PutError::LeaseProvided);
    }
    Ok(())
}

/// Refuses a transaction that is too large, names no key somewhere, or writes a key twice.
pub fn txn(request: &TxnRequest, ops_max: usize) -> Result<(), TxnError> {
    shape(request, ops_max)?;
    Writes::of(&request.success)?;
    Writes::of(&request.failure)?;
    Ok(())
}

/// Each level may hold what the levels above left, which also bounds the depth.
fn shape(request: &TxnRequest, ops_max: usize) -> Result<(), TxnError> {
    let ops = request.compare.len().max(request.success.len()).max(request.failure.len());
    let left = ops_max.checked_sub(ops).ok_or(TxnError::TooManyOps)?;
    if request.compare.iter().any(|compare| compare.range.key.is_empty()) {
        return Err(TxnError::EmptyKey);
    }
    for op in request.success.iter().chain(&request.failure) {
        match op {
            Op::Range(range) if range.range.key.is_empty() => return Err(TxnError::EmptyKey),
            Op::DeleteRange(delete) if delete.range.key.is_empty() => return Err(TxnError::EmptyKey),
            Op::Range(_) | Op::DeleteRange(_) => {}
            Op::Put(request) => put(request)?,
            Op::Txn(inner) => shape(inner, left)?,
        }
    }
    Ok(())
}

/// What a list of operations may write: each key at most once, and none that it also deletes.
///
/// As in etcd, a deletion up to the last key (`range_end` `\0`) is not held against the puts, nor
/// is one in a transaction inside against those in another before it.
#[derive(Default)]
struct Writes<'a> {
    puts: BTreeSet<&'a [u8]>,
    deletes: Spans<'a>,
}

impl<'a> Writes<'a> {
    fn of(ops: &'a [Op]) -> Result<Writes<'a>, TxnError> {
        let mut writes = Writes::default();
        for op in ops {
            if let Op::DeleteRange(delete) = op {
                writes.deletes.add_range(&delete.range);
            }
        }
        for op in ops {
            let Op::Txn(inner) = op else { continue };
            let success = Writes::of(&inner.success)?;
            let failure = Writes::of(&inner.failure)?;
            for key in &success.puts {
                writes.put(key)?;
            }
            // Only one of the two is run: a key may be in both.
            for key in failure.puts.difference(&success.puts) {
                writes.put(key)?;
            }
            writes.deletes.add_all(success.deletes);
            writes.deletes.add_all(failure.deletes);
        }
        for op in ops {
            if let Op::Put(put) = op {
                writes.put(&put.key)?;
            }
        }
        Ok(writes)
    }

    fn put(&mut self, key: &'a [u8]) -> Result<(), TxnError> {
        if self.deletes.contains(key) || !self.puts.insert(key) {
            return Err(TxnError::DuplicateKey);
        }
        Ok(())
    }
}

/// Where a span ends: at a key, and whether with it. Ordered as the ends are.
type SpanEnd<'a> = (&'a [u8], bool);

/// A union of key ranges, as spans that do not overlap: a lookup stays cheap whatever a request
/// piles up.
#[derive(Default)]
struct Spans<'a>(BTreeMap<&'a [u8], SpanEnd<'a>>);

impl<'a> Spans<'a> {
    fn add_range(&mut self, range: &'a KeyRange) {
        if range.is_single() {
            self.add(&range.key, (&range.key, true));
        } else if !range.is_open() && !range.is_empty() {
            self.add(&range.key, (&range.range_end, false));
        }
    }

    fn add_all(&mut self, other: Spans<'a>) {
        for (start, end) in other.0 {
            self.add(start, end);
        }
    }

    fn add(&mut self, mut start: &'a [u8], mut end: SpanEnd<'a>) {
        if let Some((&before, &before_end)) = self.0.range(..=start).next_back()
            && reaches(before_end, start)
        {
            start = before;
            end = end.max(before_end);
        }
        while let Some((&next, &next_end)) = self.0.range(start..).next()
            && reaches(end, next)
        {
            self.0.remove(next);
            end = end.max(next_end);
        }
        self.0.insert(start, end);
    }

    fn contains(&self, key: &'a [u8]) -> bool {
        self.0.range(..=key).next_back().is_some_and(|(_, &end)| reaches(end, key))
    }
}

/// Whether a span that begins no later than `key` and ends at `end` holds it.
fn reaches(end: SpanEnd<'_>, key: &[u8]) -> bool {
    key < end.0 || (key == end.0 && end.1)
}
