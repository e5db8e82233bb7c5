//! `SORT`: the elements of a list or a set in order, by themselves or by what other keys hold, and what
//! other keys hold of them.

mod pattern;
#[cfg(test)]
mod tests;

use super::Handler;
use super::c_text::c_text;
use super::part_sort::sort_part;
use crate::command::Name;
use crate::embedded::values::{End, List, Member, Text, Value};
use crate::embedded::{Expiry, Keyspace};
use crate::{Error, EventClass, ReplySink, parse_double, parse_integer};
use pattern::Pattern;
use std::cmp::Ordering;
use std::ops::Range;

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    Some(Handler::Keyed(match name {
        Name::Sort => sort,
        Name::SortRo => sort_ro,
        _ => return None,
    }))
}

/// The options of a call.
struct Options<'a> {
    descending: bool,
    alpha: bool,
    /// How many to pass over, and how many to answer then; all when negative.
    limit: (i64, i64),
    /// What to sort by, unless by the elements themselves.
    by: Option<Pattern<'a>>,
    /// Whether they are to stay as they are: what to sort by does not depend on them.
    unsorted: bool,
    gets: Vec<Pattern<'a>>,
    target: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(mut words: &[&'a [u8]], may_store: bool) -> Result<Self, Error> {
        let mut options = Options {
            descending: false,
            alpha: false,
            limit: (0, -1),
            by: None,
            unsorted: false,
            gets: Vec::new(),
            target: None,
        };
        while let [option, arguments @ ..] = words {
            let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
            words = match arguments {
                rest if is("asc") || is("desc") => {
                    options.descending = is("desc");
                    rest
                }
                rest if is("alpha") => {
                    options.alpha = true;
                    rest
                }
                [start, count, rest @ ..] if is("limit") => {
                    let number = |word| parse_integer(word).ok_or(Error::NotInteger);
                    options.limit = (number(start)?, number(count)?);
                    rest
                }
                [target, rest @ ..] if may_store && is("store") => {
                    options.target = Some(target);
                    rest
                }
                [pattern, rest @ ..] if is("by") => {
                    let pattern = Pattern::parse(pattern);
                    options.unsorted |= !pattern.has_star();
                    options.by = Some(pattern);
                    rest
                }
                [pattern, rest @ ..] if is("get") => {
                    options.gets.push(Pattern::parse(pattern));
                    rest
                }
                _ => return Err(Error::Syntax),
            };
        }
        Ok(options)
    }

    /// The places asked for among `len`.
    fn places(&self, len: usize) -> Range<usize> {
        let place = |number: i64| usize::try_from(number).unwrap_or(0).min(len);
        let start = place(self.limit.0);
        let count = if self.limit.1 < 0 { len } else { place(self.limit.1) };
        start..(start + count).min(len)
    }
}

/// An element, and what it is sorted by.
struct Item<'k> {
    element: &'k [u8],
    score: f64,
    /// What another key holds, where the order is by that and by letters.
    text: Option<&'k [u8]>,
}

fn sort(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    run(keys, argv[1], Options::parse(&argv[2..], true)?, reply)
}

fn sort_ro(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    run(keys, argv[1], Options::parse(&argv[2..], false)?, reply)
}

fn run(
    keys: &mut Keyspace<'_>,
    key: &[u8],
    mut options: Options<'_>,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    keys.notice_missing(key);
    keys.read(key);
    match keys.write(key) {
        Some(Value::SortedSet(set)) => set.outgrow_small(),
        // A set has no order that what is stored could keep.
        Some(Value::Set(_)) if options.unsorted && options.target.is_some() => {
            (options.unsorted, options.alpha, options.by) = (false, true, None);
        }
        Some(Value::Set(_) | Value::List(_)) | None => {}
        Some(_) => return Err(Error::WrongType),
    }
    let elements = elements(keys, key, &options);
    let found = sorted(keys, &elements, &options)?;
    let Some(target) = options.target else {
        write(keys, &found, &options.gets, reply);
        return Ok(());
    };
    let result = collect(keys, &found, &options.gets);
    store(keys, target, result, reply);
    Ok(())
}

/// The elements as they lie there, or the other way around where they are asked for like that.
fn elements<'k>(keys: &'k Keyspace<'_>, key: &[u8], options: &Options<'_>) -> Vec<Text<'k>> {
    let mut elements: Vec<Text<'_>> = match keys.peek(key) {
        Some(Value::List(list)) => list.iter_from(End::Front).map(Text::from).collect(),
        // These have no order, so no reverse either.
        Some(Value::Set(set)) => return set.iter().map(Member::text).collect(),
        Some(Value::SortedSet(set)) => set.range(0..set.len()).map(|(member, _)| member.into()).collect(),
        _ => Vec::new(),
    };
    if options.unsorted && options.descending {
        elements.reverse();
    }
    elements
}

/// The elements asked for, in order.
fn sorted<'k>(
    keys: &'k Keyspace<'_>,
    elements: &'k [Text<'k>],
    options: &Options<'_>,
) -> Result<Vec<&'k [u8]>, Error> {
    let places = options.places(elements.len());
    if options.unsorted {
        return Ok(elements[places].iter().map(|element| &**element).collect());
    }
    let items = elements.iter().map(|element| item(keys, element, options));
    let mut items: Vec<Item<'_>> = items.collect::<Result<_, _>>()?;
    let compare = |one: &Item<'_>, other: &Item<'_>| {
        let order = compare(one, other, options);
        if options.descending { order.reverse() } else { order }
    };
    if options.by.is_some() && places != (0..items.len()) {
        sort_part(&mut items, places.clone(), compare);
    } else {
        items.sort_by(compare);
    }
    Ok(items[places].iter().map(|item| item.element).collect())
}

fn item<'k>(keys: &'k Keyspace<'_>, element: &'k [u8], options: &Options<'_>) -> Result<Item<'k>, Error> {
    let by = match &options.by {
        Some(pattern) => pattern.look_up(keys, element),
        None => Some(element),
    };
    let score = match by {
        Some(number) if !options.alpha => {
            score(number).ok_or(Error::text("ERR One or more scores can't be converted into double"))?
        }
        _ => 0.0,
    };
    Ok(Item { element, score, text: if options.alpha { by } else { None } })
}

/// Reads a number as Redis does here: what C's `strtod` takes up to a NUL, nothing at all being zero.
fn score(text: &[u8]) -> Option<f64> {
    let text = c_text(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    parse_double(&text[blanks..])
}

fn compare(one: &Item<'_>, other: &Item<'_>, options: &Options<'_>) -> Ordering {
    if !options.alpha {
        let order = one.score.partial_cmp(&other.score).unwrap_or(Ordering::Equal);
        return order.then_with(|| one.element.cmp(other.element));
    }
    match (one.text, other.text) {
        // What is only shown is compared by the rules of the language, which end at a NUL.
        (Some(one), Some(other)) if options.target.is_none() => c_text(one).cmp(c_text(other)),
        (one, other) => one.cmp(&other),
    }
}

fn write(keys: &Keyspace<'_>, found: &[&[u8]], gets: &[Pattern<'_>], reply: &mut dyn ReplySink) {
    if gets.is_empty() {
        reply.array(found.len());
        found.iter().for_each(|element| reply.bulk(element));
        return;
    }
    reply.array(found.len() * gets.len());
    for element in found {
        for get in gets {
            match get.look_up(keys, element) {
                Some(got) => reply.bulk(got),
                None => reply.null(),
            }
        }
    }
}

/// The list to store; what is not there is empty in it.
fn collect(keys: &Keyspace<'_>, found: &[&[u8]], gets: &[Pattern<'_>]) -> List {
    let mut list = List::default();
    for element in found {
        if gets.is_empty() {
            list.push(End::Back, element);
        }
        gets.iter().for_each(|get| list.push(End::Back, get.look_up(keys, element).unwrap_or_default()));
    }
    list
}

fn store(keys: &mut Keyspace<'_>, target: &[u8], result: List, reply: &mut dyn ReplySink) {
    reply.integer(result.len() as i64);
    if !result.is_empty() {
        keys.put(target, Value::List(result), Expiry::Never);
        keys.changed(target);
        keys.notify(EventClass::List, "sortstore", target);
    } else if keys.remove(target) {
        keys.changed(target);
        keys.notify(EventClass::Generic, "del", target);
    }
}
