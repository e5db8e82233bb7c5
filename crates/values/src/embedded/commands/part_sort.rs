//! Sorting for the sake of a part of the result, with Redis' choice among equals.

use std::cmp::Ordering;
use std::ops::Range;

/// How many are sorted just as Redis does it. That takes the square of the time where somebody has chosen
/// the order for it, so of more than these the equals come as they came.
const AS_REDIS_MAX: usize = 1024;

/// Sorts so that the places of `wanted` hold what they hold when all is sorted.
pub(super) fn sort_part<T>(items: &mut [T], wanted: Range<usize>, compare: impl Fn(&T, &T) -> Ordering) {
    if items.len() > AS_REDIS_MAX {
        items.sort_by(compare);
    } else {
        sort_as_redis(items, wanted, &compare);
    }
}

/// Bentley and McIlroy's quicksort ("Engineering a Sort Function", 1993), which passes over parts where
/// nothing is wanted.
fn sort_as_redis<T>(items: &mut [T], wanted: Range<usize>, compare: &impl Fn(&T, &T) -> Ordering) {
    if items.len() < 7 {
        return sort_few(items, compare);
    }
    let (less, greater) = partition(items, compare);
    let (len, rest) = (items.len(), items.len() - greater);
    if less > 1 && wanted.start < less {
        sort_as_redis(&mut items[..less], wanted.start..wanted.end.min(less), compare);
    }
    if greater > 1 && wanted.start < len && wanted.end > rest {
        let wanted = wanted.start.saturating_sub(rest)..wanted.end - rest;
        sort_as_redis(&mut items[rest..], wanted, compare);
    }
}

fn sort_few<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && compare(&items[at - 1], &items[at]).is_gt() {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Puts what is less than a middling item first and what is greater last; how many those are.
fn partition<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) -> (usize, usize) {
    let len = items.len();
    items.swap(0, middling(items, compare));
    // Items equal to the first gather at both ends.
    let (mut equal_left, mut left) = (1, 1);
    let (mut equal_right, mut right) = (len - 1, len - 1);
    loop {
        while left <= right {
            match compare(&items[left], &items[0]) {
                Ordering::Greater => break,
                Ordering::Equal => {
                    items.swap(equal_left, left);
                    equal_left += 1;
                }
                Ordering::Less => {}
            }
            left += 1;
        }
        while left <= right {
            match compare(&items[right], &items[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    items.swap(right, equal_right);
                    equal_right -= 1;
                }
                Ordering::Greater => {}
            }
            right -= 1;
        }
        if left > right {
            break;
        }
        items.swap(left, right);
        left += 1;
        right -= 1;
    }
    let (less, greater) = (left - equal_left, equal_right - right);
    let moved = equal_left.min(less);
    (0..moved).for_each(|at| items.swap(at, left - moved + at));
    let moved = greater.min(len - equal_right - 1);
    (0..moved).for_each(|at| items.swap(left + at, len - moved + at));
    (less, greater)
}

/// The place of an item that is likely near the middle of the order.
fn middling<T>(items: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let len = items.len();
    let median = |a: usize, b: usize, c: usize| {
        let is_less = |a: usize, b: usize| compare(&items[a], &items[b]).is_lt();
        if is_less(a, b) {
            if is_less(b, c) {
                b
            } else if is_less(a, c) {
                c
            } else {
                a
            }
        } else if compare(&items[b], &items[c]).is_gt() {
            b
        } else if is_less(a, c) {
            a
        } else {
            c
        }
    };
    let (first, middle, last) = (0, len / 2, len - 1);
    if len == 7 {
        return middle;
    }
    if len <= 40 {
        return median(first, middle, last);
    }
    let step = len / 8;
    median(
        median(first, first + step, first + 2 * step),
        median(middle - step, middle, middle + step),
        median(last - 2 * step, last - step, last),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_part_is_as_when_all_is_sorted(
            items in proptest::collection::vec(0..40_u8, 0..200),
            start in 0..200_usize,
            len in 0..200_usize,
        ) {
            let wanted = start.min(items.len())..(start + len).min(items.len());
            let (mut sorted, mut partly) = (items.clone(), items);
            sorted.sort_unstable();
            sort_part(&mut partly, wanted.clone(), Ord::cmp);
            prop_assert_eq!(&partly[wanted.clone()], &sorted[wanted]);
        }
    }

    #[test]
    fn equals_come_in_the_order_that_redis_gives_them() {
        // As a redis-server 7.0.15 answers `SORT l BY w_* ALPHA LIMIT 0 9` where all weights are equal.
        let mut items: Vec<u8> = (0..10).collect();
        sort_part(&mut items, 0..9, |_, _| Ordering::Equal);
        assert_eq!(items, [9, 1, 2, 3, 4, 5, 6, 7, 8, 0]);
    }
}
