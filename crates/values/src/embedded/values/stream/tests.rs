//! A stream is what a map from ids to entries is.

use super::*;
use crate::StreamNodes;
use proptest::prelude::*;

type Model = BTreeMap<Id, Vec<Vec<u8>>>;

#[derive(Clone, Debug)]
enum Step {
    Append { gap: Id, words: Vec<Vec<u8>> },
    Delete(Id),
    Trim { keep: Keep, only_whole_blocks: bool, limit: Option<u64> },
}

fn id() -> impl Strategy<Value = Id> {
    (0..400_u64, 0..3_u64).prop_map(|(ms, seq)| Id { ms, seq })
}

fn step() -> impl Strategy<Value = Step> {
    let word = prop_oneof![
        any::<i64>().prop_map(|number| (number >> (number & 63)).to_string().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..90),
        Just(b"field".to_vec()),
    ];
    let usual =
        word.clone().prop_map(|value| vec![b"field".to_vec(), value, b"other".to_vec(), b"1".to_vec()]);
    let unusual = proptest::collection::vec((word.clone(), word), 1..4)
        .prop_map(|pairs| pairs.into_iter().flat_map(|(name, value)| [name, value]).collect());
    let words = prop_oneof![3 => usual, 1 => unusual];
    let gap = prop_oneof![
        8 => (0..2_u64, 1..3_u64).prop_map(|(ms, seq)| Id { ms, seq }),
        1 => (1..1_u64 << 40, 0..u64::MAX / 2).prop_map(|(ms, seq)| Id { ms, seq }),
    ];
    let keep = prop_oneof![(0..300_u64).prop_map(Keep::Newest), id().prop_map(Keep::From)];
    let trim = (keep, any::<bool>(), proptest::option::of(0..300_u64));
    prop_oneof![
        30 => (gap, words).prop_map(|(gap, words)| Step::Append { gap, words }),
        5 => id().prop_map(Step::Delete),
        1 => trim.prop_map(|(keep, only_whole_blocks, limit)| Step::Trim { keep, only_whole_blocks, limit }),
    ]
}

/// The entries as they were sent.
fn sent<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Vec<(Id, Vec<Vec<u8>>)> {
    let words = |entry: Entry<'_>| -> Vec<Vec<u8>> {
        let pairs = entry.flat_map(|(name, value)| [name, value]);
        pairs.map(|word| word.with_text(<[u8]>::to_vec)).collect()
    };
    entries.map(|entry| (entry.id, words(entry))).collect()
}

/// What a trim deletes, where blocks do not matter: at most these, from the front.
fn to_delete(model: &Model, keep: Keep) -> usize {
    match keep {
        Keep::Newest(most) => model.len().saturating_sub(most as usize),
        Keep::From(id) => model.range(..id).count(),
    }
}

fn delete_front(model: &mut Model, count: usize) {
    for _ in 0..count {
        model.pop_first();
    }
}

fn check_same(stream: &Stream, model: &Model, ends: (Id, Id)) -> Result<(), TestCaseError> {
    let (from, to) = (ends.0.min(ends.1), ends.0.max(ends.1));
    let expected: Vec<_> = model.range(from..=to).map(|(id, words)| (*id, words.clone())).collect();
    prop_assert_eq!(stream.count(from, to, usize::MAX), expected.len());
    prop_assert_eq!(stream.count(from, to, 3), expected.len().min(3));
    prop_assert_eq!(sent(stream.range(from, to)), expected.clone());
    prop_assert_eq!(sent(stream.range_back(from, to)), expected.into_iter().rev().collect::<Vec<_>>());
    prop_assert_eq!(stream.len(), model.len() as u64);
    prop_assert_eq!(stream.last_entry_id(), model.keys().next_back().copied());
    prop_assert_eq!(stream.marks().first_id, model.keys().next().copied().unwrap_or_default());
    prop_assert_eq!(stream.contains(from), model.contains_key(&from));
    if from < to {
        prop_assert_eq!(stream.range(to, from).count() + stream.range_back(to, from).count(), 0);
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_stream_holds_what_a_map_holds(
        steps in proptest::collection::vec(step(), 0..600),
        ends in (id(), id()),
        nodes in (0..200_u64, 0..8192_u64),
    ) {
        let bounds = StreamNodes { entries_max: nodes.0, bytes_max: nodes.1 }.into();
        let (mut stream, mut model) = (Stream::default(), Model::new());
        let mut added = 0;
        for step in steps {
            match step {
                Step::Append { gap, words } => {
                    let last = stream.marks().last_id;
                    let seq = if gap.ms == 0 { last.seq.saturating_add(gap.seq) } else { gap.seq };
                    let id = Id { ms: last.ms.saturating_add(gap.ms), seq };
                    if id > last {
                        stream.append(id, &words.iter().map(Vec::as_slice).collect::<Vec<_>>(), bounds);
                        model.insert(id, words);
                        added += 1;
                    }
                }
                Step::Delete(id) => prop_assert_eq!(stream.delete(id), model.remove(&id).is_some()),
                Step::Trim { keep, only_whole_blocks, limit } => {
                    let most = to_delete(&model, keep);
                    let deleted = stream.trim(keep, only_whole_blocks, limit);
                    if only_whole_blocks || limit.is_some() {
                        prop_assert!(deleted as usize <= most && limit.is_none_or(|limit| deleted <= limit));
                    } else {
                        prop_assert_eq!(deleted as usize, most);
                    }
                    delete_front(&mut model, deleted as usize);
                }
            }
        }
        prop_assert_eq!(stream.marks().entries_added, added);
        check_same(&stream, &model, (Id::MIN, Id::MAX))?;
        check_same(&stream, &model, ends)?;
        check_same(&stream.clone(), &model, (ends.0, ends.0))?;
    }
}

#[test]
fn a_stream_takes_a_box() {
    assert!(size_of::<Stream>() <= 128);
}
