//! Makes a failing list as short as it can, by leaving parts out for as long as it still fails.

use std::time::Instant;

/// The shortest list found, from `items`, for which `fails` is still true; stops looking at `deadline`.
///
/// Larger parts are tried first, down to single items, and single items until none can be left out.
pub fn shrink<T: Clone>(mut items: Vec<T>, deadline: Instant, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut part = items.len().div_ceil(2);
    while part > 0 && !items.is_empty() {
        let length_before = items.len();
        let mut from = 0;
        while from < items.len() {
            if Instant::now() >= deadline {
                return items;
            }
            let to = (from + part).min(items.len());
            let without = [&items[..from], &items[to..]].concat();
            if fails(&without) {
                items = without;
            } else {
                from = to;
            }
        }
        if part > 1 {
            part = part.div_ceil(2).min(items.len());
        } else if items.len() == length_before {
            part = 0;
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(items: Vec<u32>, fails: impl Fn(&[u32]) -> bool, expected: &[u32]) {
        let deadline = Instant::now() + Duration::from_secs(10);
        assert_eq!(shrink(items, deadline, |items| fails(items)), expected);
    }

    #[test]
    fn only_what_matters_is_left() {
        check((0..1000).collect(), |items| items.contains(&17) && items.contains(&903), &[17, 903]);
        check((0..5).collect(), |items| items.contains(&4), &[4]);
        check(vec![1], |items| items.contains(&1), &[1]);
    }

    #[test]
    fn all_is_left_out_where_nothing_matters() {
        check((0..7).collect(), |_| true, &[]);
        check(vec![], |_| true, &[]);
    }

    #[test]
    fn order_is_kept() {
        let decreasing_pair = |items: &[u32]| items.windows(2).any(|pair| pair[0] > pair[1]);
        check(vec![5, 9, 7, 8], decreasing_pair, &[9, 8]);
    }
}
