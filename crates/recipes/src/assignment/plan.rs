//! Who is to have how many ids, and which. Pure: from how it stands to what one member does next.
//!
//! Everybody who takes part computes the same from the same revision, and changes only what is its own. With `n` ids
//! and `m` members each is to have `n / m`, and those who have most already, then those whose names come first, one
//! more, `n % m` of them. Who has more than its share gives the rest up; what nobody has goes to those who have less,
//! in the order of their names. So nothing moves while nobody comes or goes, and no more than has to when somebody
//! does. Plans made at different revisions may contradict each other; then two want one id, and the key space gives it
//! to one.

use std::collections::BTreeMap;

use super::view::{Taker, View};

/// What a member does next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// How many ids it gives up beside those that are no ids any more.
    pub(super) surplus: usize,
    /// The ids that it takes.
    pub(super) take: Vec<String>,
}

/// What `own` does as it stands.
pub(super) fn plan(view: &View, own: &Taker) -> Plan {
    let counts = counts(view);
    let Some(have) = counts.get(own).copied() else { return Plan::default() };
    let shares = shares(view.ids.len(), &counts);
    let share = shares.get(own).copied().unwrap_or(0);
    if have >= share {
        return Plan { surplus: have - share, take: Vec::new() };
    }
    let lacks = |taker: &Taker| shares.get(taker).map_or(0, |share| share.saturating_sub(counts[taker]));
    let before: usize = counts.keys().take_while(|taker| *taker != own).map(lacks).sum();
    let free = view.ids.iter().filter(|id| view.owner(id).is_none());
    Plan { surplus: 0, take: free.skip(before).take(share - have).cloned().collect() }
}

/// How many ids everybody has.
fn counts(view: &View) -> BTreeMap<Taker, usize> {
    let mut counts: BTreeMap<Taker, usize> = view.takers().map(|taker| (taker, 0)).collect();
    for (id, owned) in view.owned() {
        if view.ids.contains(id)
            && let Some(count) = counts.get_mut(&owned.taker)
        {
            *count += 1;
        }
    }
    counts
}

/// How many ids everybody is to have.
fn shares(ids: usize, counts: &BTreeMap<Taker, usize>) -> BTreeMap<&Taker, usize> {
    let Some(share) = ids.checked_div(counts.len()) else { return BTreeMap::new() };
    let one_more = ids % counts.len();
    let mut order: Vec<(&Taker, usize)> = counts.iter().map(|(taker, count)| (taker, *count)).collect();
    // Stable: among equals the names decide.
    order.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shares = order.into_iter().enumerate();
    shares.map(|(place, (taker, _))| (taker, share + usize::from(place < one_more))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::view::Owned;
    use super::*;

    fn taker(name: &str) -> Taker {
        Taker { member: name.to_owned(), owner: name.to_owned() }
    }

    fn view(ids: usize, takers: &[&str]) -> View {
        let mut view = View { ids: (0..ids).map(|id| format!("{id:03}")).collect(), ..View::default() };
        view.takers = takers.iter().map(|name| ((*name).to_owned(), (*name).to_owned())).collect();
        view
    }

    /// Lets everybody do what it plans, one after the other, until nobody does anything; how many ids moved.
    fn settle(view: &mut View, order: &[usize]) -> usize {
        let mut moved = 0;
        for _ in 0..1000 {
            let takers: Vec<Taker> = view.takers().collect();
            let mut idle = true;
            for place in order {
                let own = &takers[place % takers.len()];
                let plan = plan(view, own);
                let theirs = view.owned().filter(|(_, owned)| owned.taker == *own);
                let surplus: Vec<String> = theirs.map(|(id, _)| id.clone()).take(plan.surplus).collect();
                moved += surplus.len();
                idle &= surplus.is_empty() && plan.take.is_empty();
                surplus.iter().for_each(|id| view.leave(id, &own.owner));
                for id in plan.take {
                    assert!(view.owner(&id).is_none(), "only what is free is taken");
                    view.enter(id, Owned { taker: own.clone(), token: Default::default() });
                }
            }
            if idle {
                return moved;
            }
        }
        panic!("it never settles: {view:?}");
    }

    fn check_even(view: &View) {
        let counts = counts(view);
        let (min, max) = (counts.values().min().unwrap(), counts.values().max().unwrap());
        assert!(max - min <= 1, "{counts:?}");
        assert_eq!(counts.values().sum::<usize>(), view.ids.len(), "every id has an owner");
    }

    #[test]
    fn at_one_revision_no_two_want_the_same_id() {
        let view = view(7, &["a", "b", "c"]);
        let taken: Vec<String> =
            ["a", "b", "c"].iter().flat_map(|name| plan(&view, &taker(name)).take).collect();
        assert_eq!(taken, view.ids.iter().cloned().collect::<Vec<_>>());
    }

    #[test]
    fn who_has_what_it_should_keeps_it() {
        let mut view = view(7, &["a", "b", "c"]);
        settle(&mut view, &[2, 1, 0]);
        assert_eq!(settle(&mut view, &[0, 1, 2]), 0);
    }

    #[test]
    fn what_an_unknown_owner_has_is_left_alone() {
        let mut view = view(2, &["a"]);
        view.enter("000".to_owned(), Owned { taker: taker("gone"), token: Default::default() });
        assert_eq!(plan(&view, &taker("a")).take, ["001"]);
    }

    proptest! {
        #[test]
        fn it_becomes_even_and_no_more_moves_than_must(
            ids in 0..40usize,
            before in 1..6usize,
            comes in 0..4usize,
            goes in 0..4usize,
            order in prop::collection::vec(0..10usize, 1..12),
        ) {
            let order: Vec<usize> = order.into_iter().chain(0..10).collect();
            let names: Vec<String> = (0..before + comes).map(|name| format!("m{name}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut view = view(ids, &names[..before]);
            settle(&mut view, &order);
            check_even(&view);
            for name in &names[before..] {
                view.takers.insert((*name).to_owned(), (*name).to_owned());
            }
            for name in names.iter().take(goes.min(before + comes - 1)) {
                view.takers.remove(*name);
                view.ids.clone().iter().for_each(|id| view.leave(id, name));
            }
            let left = view.takers.len();
            let moved = settle(&mut view, &order);
            check_even(&view);
            // Only what newcomers are to have is taken from somebody who stays.
            prop_assert!(moved <= comes * ids.div_ceil(left), "{moved} moved");
        }
    }
}
