//! When followed keys expire, so that it is noticed in time.

use std::collections::{BTreeSet, HashMap};

/// Keys and the times at which something is to be looked at, in milliseconds since the epoch.
#[derive(Debug, Default)]
pub struct Deadlines {
    of_keys: HashMap<Box<[u8]>, i64>,
    in_order: BTreeSet<(i64, Box<[u8]>)>,
}

impl Deadlines {
    /// Sets a key's time, or that it has none.
    pub fn set(&mut self, key: &[u8], at: Option<i64>) {
        let before = match at {
            Some(at) if self.of_keys.get(key) == Some(&at) => return,
            Some(at) => self.of_keys.insert(key.into(), at),
            None => self.of_keys.remove(key),
        };
        if let Some(before) = before {
            self.in_order.remove(&(before, key.into()));
        }
        if let Some(at) = at {
            self.in_order.insert((at, key.into()));
        }
    }

    /// Takes the keys whose time has come.
    pub fn take_due(&mut self, now_ms: i64) -> Vec<Box<[u8]>> {
        let mut due = Vec::new();
        while let Some((_, key)) = self.in_order.pop_first_if(|(at, _)| *at <= now_ms) {
            self.of_keys.remove(&key);
            due.push(key);
        }
        due
    }

    /// The next time.
    pub fn next(&self) -> Option<i64> {
        self.in_order.first().map(|(at, _)| *at)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.of_keys.len()
    }
}

/// What the standard library's has not got yet.
trait PopFirstIf<T> {
    fn pop_first_if(&mut self, is_wanted: impl FnOnce(&T) -> bool) -> Option<T>;
}

impl<T: Ord> PopFirstIf<T> for BTreeSet<T> {
    fn pop_first_if(&mut self, is_wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        if self.first().is_some_and(is_wanted) { self.pop_first() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_at_the_last_time_that_was_set() {
        let mut deadlines = Deadlines::default();
        deadlines.set(b"a", Some(5));
        deadlines.set(b"b", Some(3));
        deadlines.set(b"a", Some(9));
        deadlines.set(b"c", Some(1));
        deadlines.set(b"c", None);
        assert_eq!((deadlines.next(), deadlines.len()), (Some(3), 2));
        assert_eq!(deadlines.take_due(8), [b"b"[..].into()]);
        assert_eq!(deadlines.take_due(9), [b"a"[..].into()]);
        assert_eq!(deadlines.next(), None);
    }
}
