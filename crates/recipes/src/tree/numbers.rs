//! Numbers of in-order keys that one process makes at the same time.
//!
//! The next index is the number that etcd gives, and where keys are made one after the other it is the number here. Of
//! those made at the same time only one can have it: each of the others takes the number after the one taken last, so
//! that none has to try again.

use parking_lot::Mutex;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Numbers(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    /// Keys that are being made.
    under_way: usize,
    last: u64,
}

/// A key that is being made.
pub(super) struct Making<'a>(&'a Numbers);

impl Numbers {
    /// A key is being made until what is returned is dropped.
    pub(super) fn making(&self) -> Making<'_> {
        self.0.lock().under_way += 1;
        Making(self)
    }
}

impl Making<'_> {
    /// A number above this one that no other key under way has.
    pub(super) fn above(&self, least: u64) -> u64 {
        let mut taken = self.0.0.lock();
        let last = if taken.under_way > 1 { taken.last } else { 0 };
        taken.last = least.max(last) + 1;
        taken.last
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.0.0.lock().under_way -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_under_way_have_different_numbers() {
        let numbers = Numbers::default();
        let one = numbers.making();
        assert_eq!(one.above(7), 8);
        assert_eq!(one.above(7), 8, "who is alone may have it again");
        let two = numbers.making();
        assert_eq!((two.above(7), one.above(7), two.above(20), one.above(3)), (9, 10, 21, 22));
        drop((one, two));
        assert_eq!(numbers.making().above(7), 8);
    }
}
