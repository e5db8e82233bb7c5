//! A sorted set against a sorted vector.

use super::*;
use proptest::prelude::*;

/// The obvious sorted set: a vector sorted after each step.
#[derive(Default)]
struct Model(Vec<(Vec<u8>, f64)>);

impl Model {
    fn put(&mut self, name: &[u8], score: f64) {
        self.remove(name);
        self.0.push((name.to_vec(), score));
        self.0.sort_by(|(a, x), (b, y)| x.partial_cmp(y).expect("no NaN").then_with(|| a.cmp(b)));
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        let len = self.0.len();
        self.0.retain(|(other, _)| other != name);
        self.0.len() < len
    }

    fn pairs(&self, ranks: Range<usize>) -> Vec<(&[u8], f64)> {
        self.0[ranks].iter().map(|(name, score)| (&name[..], *score)).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, f64),
    Remove(Vec<u8>),
    RemoveRanks(prop::sample::Index, u8),
}

fn name() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        4 => (0..400_u16).prop_map(|number| number.to_string().into_bytes()),
        1 => (0..20_u8).prop_map(|number| vec![number; 70]),
        1 => proptest::collection::vec(any::<u8>(), 0..3),
    ]
    .boxed()
}

fn short_name() -> BoxedStrategy<Vec<u8>> {
    (0..150_u16).prop_map(|number| number.to_string().into_bytes()).boxed()
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-5..5_i8).prop_map(f64::from),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0),
        -10.0..10.0_f64,
    ]
}

fn steps(name: BoxedStrategy<Vec<u8>>, max: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (name.clone(), score()).prop_map(|(name, score)| Step::Put(name, score)),
        3 => name.prop_map(Step::Remove),
        1 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(start, len)| Step::RemoveRanks(start, len / 16)),
    ];
    proptest::collection::vec(step, 0..max)
}

/// Runs the steps on both, comparing what they say of the set after each.
fn check(steps: Vec<Step>) {
    let mut set = SortedSet::default();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Put(name, score) => {
                set.update(&name, |_| Some(score));
                model.put(&name, score);
            }
            Step::Remove(name) => assert_eq!(set.remove(&name), model.remove(&name)),
            Step::RemoveRanks(start, len) => {
                let start = start.index(model.0.len() + 1);
                let ranks = start..(start + usize::from(len)).min(model.0.len());
                set.remove_ranks(ranks.clone());
                model.0.drain(ranks);
            }
        }
        assert_eq!(set.len(), model.0.len());
    }
    let all = 0..model.0.len();
    assert_eq!(set.range(all.clone()).collect::<Vec<_>>(), model.pairs(all.clone()));
    let mut back: Vec<_> = set.range_in_reverse(all.clone()).collect();
    back.reverse();
    assert_eq!(back, model.pairs(all));
    for (rank, (name, score)) in model.0.iter().enumerate() {
        assert_eq!((set.rank(name), set.score(name)), (Some(rank), Some(*score)));
    }
    check_ranges(&set, &model);
}

/// Compares ranges of every kind.
fn check_ranges(set: &SortedSet, model: &Model) {
    for (min, max) in [("-3", "(4"), ("(0", "0"), ("0", "0"), ("-inf", "(inf"), ("2", "1"), ("(-2", "+inf")] {
        let range = ScoreRange::parse(min.as_bytes(), max.as_bytes()).expect("a range");
        let ranks = set.ranks_by_score(&range);
        let within = |score: f64| !range.is_above(score) && !range.is_below(score);
        let expected: Vec<_> =
            model.pairs(0..model.0.len()).into_iter().filter(|pair| within(pair.1)).collect();
        assert_eq!(set.range(ranks).collect::<Vec<_>>(), expected, "{min} {max}");
    }
    let len = model.0.len();
    for start in (0..len).step_by(37) {
        let end = (start + 50).min(len);
        assert_eq!(set.range(start..end).collect::<Vec<_>>(), model.pairs(start..end));
        let mut back: Vec<_> = set.range_in_reverse(start..end).collect();
        back.reverse();
        assert_eq!(back, model.pairs(start..end));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_sorted_set_is_a_sorted_vector(steps in steps(name(), 1200)) {
        check(steps);
    }

    #[test]
    fn a_small_sorted_set_is_a_sorted_vector(steps in steps(short_name(), 120)) {
        check(steps);
    }

    #[test]
    fn members_of_one_score_are_found_by_their_bytes(
        names in proptest::collection::btree_set("[a-e]{0,4}", 0..300),
        (min, max) in ("[a-e]{0,3}", "[a-e]{0,3}"),
        (min_sign, max_sign) in (prop::sample::select(vec!["[", "("]), prop::sample::select(vec!["[", "("])),
    ) {
        let set = SortedSet::new(&names.iter().map(|name| (name.as_bytes(), 1.0)).collect::<Vec<_>>());
        let (min, max) = (format!("{min_sign}{min}"), format!("{max_sign}{max}"));
        let range = LexRange::parse(min.as_bytes(), max.as_bytes()).expect("a range");
        let expected: Vec<&[u8]> = names
            .iter()
            .map(|name| name.as_bytes())
            .filter(|name| !range.is_above(name) && !range.is_below(name))
            .collect();
        for in_reverse in [false, true] {
            let ranks = set.ranks_by_lex(&range, in_reverse);
            prop_assert_eq!(set.range(ranks).map(|(name, _)| name).collect::<Vec<_>>(), expected.clone());
        }
    }
}

#[test]
fn a_large_scan_meets_all_that_stays() {
    let mut set = SortedSet::default();
    for number in 0..1000_u32 {
        set.update(&number.to_be_bytes(), |_| Some(f64::from(number)));
    }
    let mut seen = std::collections::BTreeSet::new();
    let (mut cursor, mut step) = (0, 0);
    loop {
        let (visited, next) = set.scan(cursor, 10);
        seen.extend(visited.map(|(name, _)| name.to_vec()));
        set.remove(&(step * 2 + 1_u32).to_be_bytes());
        set.update(&(step * 2_u32).to_be_bytes(), |_| Some(-1.0));
        step += 1;
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    for number in (0..1000_u32).filter(|number| number % 2 == 0) {
        assert!(seen.contains(&number.to_be_bytes()[..]), "missed {number}");
    }
}
