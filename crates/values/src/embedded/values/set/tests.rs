use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A set of so many integers from 0 on.
fn integers(count: usize) -> Set {
    (0..count as i64).map(Member::Integer).collect()
}

#[track_caller]
fn holds(set: &Set, expected: &[&str]) {
    let texts: BTreeSet<Vec<u8>> = set.iter().map(|member| member.text().to_vec()).collect();
    assert_eq!(texts, expected.iter().map(|text| text.as_bytes().to_vec()).collect());
    assert_eq!(set.len(), expected.len());
    assert!(expected.iter().all(|text| set.contains(text.as_bytes())));
}

#[test]
fn only_what_is_printed_like_it_is_an_integer() {
    for text in ["", "-", "-0", "01", "+1", " 1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809"]
    {
        let mut set = integers(2);
        assert!(set.is_few_integers());
        assert!(!set.contains(text.as_bytes()), "{text}");
        assert!(!set.remove(text.as_bytes()), "{text}");
        assert!(set.add(text.as_bytes()), "{text}");
        assert!(!set.is_few_integers(), "{text}");
        holds(&set, &["0", "1", text]);
        assert!(set.remove(text.as_bytes()));
        assert!(!set.is_few_integers(), "there is no way back");
        holds(&set, &["0", "1"]);
    }
}

#[test]
fn every_integer_is_one() {
    let mut set = Set::default();
    for integer in [i64::MAX, 0, i64::MIN, -1, 70_000] {
        assert!(set.add(integer.to_string().as_bytes()));
        assert!(!set.add(integer.to_string().as_bytes()));
    }
    assert!(set.is_few_integers());
    holds(&set, &["-9223372036854775808", "-1", "0", "70000", "9223372036854775807"]);
}

#[test]
fn many_integers_are_texts() {
    let mut set = integers(INTEGERS_MAX);
    assert!(set.is_few_integers());
    assert!(!set.add(b"7"));
    assert!(set.is_few_integers());
    assert!(set.add(b"-7"));
    assert!(!set.is_few_integers());
    assert_eq!(set.len(), INTEGERS_MAX + 1);
    assert!(set.contains(b"-7") && set.contains(b"0") && set.contains_member(Member::Integer(511)));
}

#[test]
fn integers_become_texts_in_the_form_that_has_room_for_them() {
    for (wide, count, is_packed) in
        [(false, 127, true), (false, 128, false), (true, 90, true), (true, 110, false)]
    {
        let offset = if wide { i64::MIN } else { 0 };
        let mut set: Set = (0..count).map(|integer| Member::Integer(offset + integer)).collect();
        set.add(b"x");
        assert_eq!(matches!(set.0, Form::Packed(_)), is_packed, "{count}");
        assert_eq!(set.len(), count as usize + 1);
        assert!((0..count).all(|integer| set.contains_member(Member::Integer(offset + integer))));
    }
}

#[test]
fn a_few_integers_take_the_block_that_they_need() {
    assert_eq!(size_of::<Set>(), 32);
    assert_eq!(Set::default().heap_bytes(5), 0);
    for (count, from, bytes) in [(5, 1_000_000, 0), (50, 0, 112), (50, 1_000_000, 224), (2, i64::MIN, 16)] {
        let set: Set = (0..count).map(|integer| Member::Integer(from + integer)).collect();
        assert_eq!(set.heap_bytes(5), bytes, "{count} from {from}");
    }
}

/// What a step adds or removes: texts of all lengths, or integers of all widths.
fn member(number: u16, integers: bool) -> Vec<u8> {
    if integers {
        let shift = [0, 8, 20, 50][usize::from(number % 4)];
        ((i64::from(number) - 300) << shift).to_string().into_bytes()
    } else {
        vec![number as u8; usize::from(number % 40)]
    }
}

proptest! {
    #[test]
    fn a_set_holds_what_a_set_of_vectors_holds(
        steps in proptest::collection::vec((0..6_u8, 0..600_u16), 0..900),
        // Where texts begin.
        integers in prop::sample::select(vec![0, 50, 300, 900]),
    ) {
        let mut set = Set::default();
        let mut model = BTreeSet::new();
        for (index, (step, number)) in steps.into_iter().enumerate() {
            let bytes = member(number, index < integers);
            match step {
                0 => prop_assert_eq!(set.remove(&bytes), model.remove(&bytes)),
                1 if !set.is_empty() => {
                    let position = usize::from(number) % set.len();
                    let seen = set.at_positions(&[position])[0].text().to_vec();
                    let taken = set.take_at(position);
                    prop_assert_eq!(taken.as_bytes(), &seen);
                    prop_assert!(model.remove(taken.as_bytes()));
                }
                _ => prop_assert_eq!(set.add(&bytes), model.insert(bytes.clone())),
            }
            prop_assert_eq!(set.len(), model.len());
            prop_assert_eq!(set.contains(&bytes), model.contains(&bytes));
            prop_assert_eq!(set.contains_member(Member::Bytes(&bytes)), model.contains(&bytes));
        }
        prop_assert_eq!(set.iter().size_hint().0, model.len());
        let copy: Set = set.iter().collect();
        for found in [&set, &copy] {
            let texts: BTreeSet<_> = found.iter().map(|member| member.text().to_vec()).collect();
            prop_assert_eq!(&texts, &model);
        }
        prop_assert!(set.iter().all(|member| copy.contains_member(member)));
    }
}
