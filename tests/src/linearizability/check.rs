//! The search for an order (Wing and Gong's), which remembers where it has been (Lowe's).
//!
//! Calls begin and return in a list of events. The search takes as next in the order some call that began before
//! anything returned which is not in the order yet, and goes on as if that call had never been there; where no call
//! can be next, it takes the last one back. Which calls are in the order, and what state they lead to, is all that
//! the rest depends on: such a pair that was seen before is not tried again. That is what makes it fast: few calls
//! overlap, so there are few such pairs for each of thousands of calls.
//!
//! A call that may be next and never changes anything (a read) is taken at once and for good: wherever else it could
//! be, it can as well be here. Calls that never returned are no events. They are tried last, where nothing else can be next: most of them took
//! no effect that anybody saw. And a pair that was seen before is not tried with more of them used up, since
//! whatever follows could have followed then: or else a few dozen such calls would be as many doublings.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::{Call, History, Model, Returned};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is none. Of the longest that was found:
    Impossible {
        /// How many calls it has.
        ordered: usize,
        /// The call, by its place in the history, that returned without having a place in it.
        stuck_at: usize,
    },
}

/// Looks for an order of `history`'s calls that explains all answers.
pub fn check<M: Model>(history: &History<M>) -> Verdict {
    Search::<M>::new(&history.calls).run()
}

/// A call that may be next in the order.
#[derive(Clone, Copy)]
enum Choice {
    /// One that returned, by the event of its beginning.
    Returned(usize),
    /// The same of a read.
    Idle(usize),
    /// One that never did, by its place among those.
    Unknown(usize),
}

struct Search<'a, M: Model> {
    calls: &'a [Call<M>],
    /// The beginnings and returns of the calls that are not in the order.
    events: Events,
    /// The calls that never returned, the first to begin first.
    unknown: Vec<usize>,
    /// Which of them are in the order.
    used: Used,
    /// A random number for each call. Those of the calls in the order that returned, XORed, name that set: two
    /// sets have the same name about as seldom as the memory errs.
    names: Vec<u128>,
    ordered: u128,
    state: M::State,
    /// The order so far, and the state before each call.
    taken: Vec<(Choice, M::State)>,
    /// Where the search has been, and with what used up: of two, neither includes the other.
    seen: HashMap<(u128, M::State), Vec<Used>>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(calls: &'a [Call<M>]) -> Self {
        let is_unknown = |&call: &usize| matches!(calls[call].returned, Returned::Never);
        let mut unknown: Vec<_> = (0..calls.len()).filter(is_unknown).collect();
        unknown.sort_by_key(|&call| calls[call].began);
        let (high, low) = (RandomState::new(), RandomState::new());
        let name = |call: usize| u128::from(high.hash_one(call)) << 64 | u128::from(low.hash_one(call));
        Search {
            calls,
            events: Events::of(calls),
            used: Used::none_of(unknown.len()),
            unknown,
            names: (0..calls.len()).map(name).collect(),
            ordered: 0,
            state: M::first(),
            taken: Vec::new(),
            seen: HashMap::new(),
        }
    }

    fn run(mut self) -> Verdict {
        let mut longest = (0, 0);
        self.take_idle();
        let mut from = Choice::Returned(self.events.first);
        while self.events.first != NOWHERE {
            if let Some(choice) = self.next_choice(from) {
                from = self.after(choice);
                if self.take(choice) {
                    self.take_idle();
                    from = Choice::Returned(self.events.first);
                }
                continue;
            }
            if self.taken.len() >= longest.0 {
                longest = (self.taken.len(), self.events.first_return().call);
            }
            let Some(choice) = self.take_back() else {
                return Verdict::Impossible { ordered: longest.0, stuck_at: longest.1 };
            };
            from = self.after(choice);
        }
        Verdict::Linearizable
    }

    /// The first call from `from` on that began before anything returned which is not in the order.
    fn next_choice(&self, from: Choice) -> Option<Choice> {
        let from = match from {
            Choice::Returned(at) if self.events.list[at].returns.is_some() => return Some(from),
            Choice::Returned(_) | Choice::Idle(_) => 0,
            Choice::Unknown(at) => at,
        };
        let until = self.events.first_return().time;
        let candidates = self.unknown.iter().enumerate().skip(from);
        let mut candidates = candidates.take_while(|(_, call)| self.calls[**call].began < until);
        candidates.find(|(at, _)| !self.used.has(*at)).map(|(at, _)| Choice::Unknown(at))
    }

    fn after(&self, choice: Choice) -> Choice {
        match choice {
            Choice::Returned(at) | Choice::Idle(at) => Choice::Returned(self.events.list[at].after),
            Choice::Unknown(at) => Choice::Unknown(at + 1),
        }
    }

    fn call(&self, choice: Choice) -> usize {
        match choice {
            Choice::Returned(at) | Choice::Idle(at) => self.events.list[at].call,
            Choice::Unknown(at) => self.unknown[at],
        }
    }

    /// Makes a call the next in the order, if it can be, and leads to where the search has not been.
    fn take(&mut self, choice: Choice) -> bool {
        let call = self.call(choice);
        let Some(next) = self.state_after(call) else { return false };
        if next == self.state && matches!(choice, Choice::Unknown(_)) {
            return false;
        }
        let (mut ordered, mut used) = (self.ordered, self.used.clone());
        match choice {
            Choice::Returned(_) | Choice::Idle(_) => ordered ^= self.names[call],
            Choice::Unknown(at) => used.flip(at),
        }
        let seen = self.seen.entry((ordered, next.clone())).or_default();
        if seen.iter().any(|seen| used.includes(seen)) {
            return false;
        }
        seen.retain(|seen| !seen.includes(&used));
        seen.push(used.clone());
        if let Choice::Returned(at) = choice {
            self.events.take_out(at);
        }
        (self.ordered, self.used) = (ordered, used);
        self.taken.push((choice, std::mem::replace(&mut self.state, next)));
        true
    }

    /// Takes all reads that may be next.
    fn take_idle(&mut self) {
        let mut at = self.events.first;
        while at != NOWHERE && self.events.list[at].returns.is_some() {
            let Event { call, after, .. } = self.events.list[at];
            if self.is_read(call) && self.state_after(call).is_some() {
                self.events.take_out(at);
                self.ordered ^= self.names[call];
                self.taken.push((Choice::Idle(at), self.state.clone()));
                // Its return may have been what kept others from being next.
                at = self.events.first;
            } else {
                at = after;
            }
        }
    }

    fn is_read(&self, call: usize) -> bool {
        let Call { ask, returned, .. } = &self.calls[call];
        matches!(returned, Returned::At(_, answer) if M::is_read(ask, answer))
    }

    /// The state after one more call, if that can be answered as it was.
    fn state_after(&self, call: usize) -> Option<M::State> {
        let Call { ask, returned, .. } = &self.calls[call];
        let answer = match returned {
            Returned::At(_, answer) => Some(answer),
            Returned::Never => None,
        };
        M::step(&self.state, ask, answer)
    }

    /// Takes the last call back that could have been another, and those after it.
    fn take_back(&mut self) -> Option<Choice> {
        loop {
            let choice = self.take_last_back()?;
            if !matches!(choice, Choice::Idle(_)) {
                return Some(choice);
            }
        }
    }

    fn take_last_back(&mut self) -> Option<Choice> {
        let (choice, state) = self.taken.pop()?;
        match choice {
            Choice::Returned(at) | Choice::Idle(at) => {
                self.events.put_back(at);
                self.ordered ^= self.names[self.call(choice)];
            }
            Choice::Unknown(at) => self.used.flip(at),
        }
        self.state = state;
        Some(choice)
    }
}

/// A set of calls that never returned, a bit each.
#[derive(Clone, Debug)]
struct Used(Box<[u64]>);

impl Used {
    fn none_of(count: usize) -> Used {
        Used(vec![0; count.div_ceil(64)].into_boxed_slice())
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    fn flip(&mut self, at: usize) {
        self.0[at / 64] ^= 1 << (at % 64);
    }

    fn includes(&self, other: &Used) -> bool {
        self.0.iter().zip(&other.0).all(|(own, others)| own & others == *others)
    }
}

/// Beyond either end of the list.
const NOWHERE: usize = usize::MAX;

/// A beginning or a return, in a list from which calls are taken out and put back.
#[derive(Clone, Copy, Debug)]
struct Event {
    call: usize,
    time: u64,
    /// Of a beginning: where its call returns.
    returns: Option<usize>,
    before: usize,
    after: usize,
}

struct Events {
    list: Vec<Event>,
    first: usize,
}

impl Events {
    fn of<M: Model>(calls: &[Call<M>]) -> Events {
        let mut times: Vec<(u64, bool, usize)> = Vec::with_capacity(calls.len() * 2);
        for (number, call) in calls.iter().enumerate() {
            if let Returned::At(returned, _) = call.returned {
                // At one time, the beginning comes first: they overlap.
                times.extend([(call.began, false, number), (returned, true, number)]);
            }
        }
        times.sort_unstable();
        let mut list: Vec<Event> = Vec::with_capacity(times.len());
        let mut begins_at = vec![NOWHERE; calls.len()];
        for (at, &(time, returns, call)) in times.iter().enumerate() {
            let before = at.checked_sub(1).unwrap_or(NOWHERE);
            let after = if at + 1 < times.len() { at + 1 } else { NOWHERE };
            list.push(Event { call, time, returns: None, before, after });
            match returns {
                true => list[begins_at[call]].returns = Some(at),
                false => begins_at[call] = at,
            }
        }
        Events { first: if list.is_empty() { NOWHERE } else { 0 }, list }
    }

    /// The first event that is a return. There is one, as long as there is any event.
    fn first_return(&self) -> Event {
        let mut event = self.list[self.first];
        while event.returns.is_some() {
            event = self.list[event.after];
        }
        event
    }

    /// Takes out a call by its beginning.
    fn take_out(&mut self, begins: usize) {
        self.unlink(begins);
        if let Some(returns) = self.list[begins].returns {
            self.unlink(returns);
        }
    }

    /// Puts it back, after all that were taken out later.
    fn put_back(&mut self, begins: usize) {
        if let Some(returns) = self.list[begins].returns {
            self.link(returns);
        }
        self.link(begins);
    }

    fn unlink(&mut self, at: usize) {
        let Event { before, after, .. } = self.list[at];
        self.set_after(before, after);
        self.set_before(after, before);
    }

    fn link(&mut self, at: usize) {
        let Event { before, after, .. } = self.list[at];
        self.set_after(before, at);
        self.set_before(after, at);
    }

    fn set_after(&mut self, of: usize, after: usize) {
        match of {
            NOWHERE => self.first = after,
            of => self.list[of].after = after,
        }
    }

    fn set_before(&mut self, of: usize, before: usize) {
        if of != NOWHERE {
            self.list[of].before = before;
        }
    }
}
