//! How the replies of each command are compared.
//!
//! The rules look at replies alone; what needs more calls is done in `pair.rs`.

use std::collections::BTreeSet;

use super::families;
use super::target::Protocol;
use crate::resp::Resp;

/// How far apart two remaining times may be, in seconds: both servers got the expiry at slightly different times.
/// Distinct relative expiries are a hundred seconds apart.
const TTL_TOLERANCE_SECONDS: i64 = 20;

/// The smallest `COUNT` with which one scan call from the start sees everything that these commands can build.
const WHOLE_SCAN_COUNT: i64 = 1000;

/// What a command needs to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The same reply, but for the order within sets and maps.
    Same,
    /// The same elements in any order.
    Unordered,
    /// A time, the same within a tolerance given in its unit.
    Time(i64),
    /// Elements taken out at random.
    Pop,
    /// Elements shown at random.
    Sample,
    /// Some key.
    AnyKey,
    /// A reply of the same kind, whose content is the server's business.
    Shape,
    /// A reply of the same kind, of whatever length; or the same refusal.
    Kind,
    /// The same reply, but for times that were read off the clock.
    Clock,
    /// A part of a scan, with this many words for each element.
    Scan(usize),
    /// A count of all keys.
    KeyCount,
    /// How large a key is, once keys past their time are gone.
    KeySize,
    /// The same reply, asked for where nobody waits.
    AtOnce,
    /// A range by member, of the key at this place: defined only where all scores are the same.
    Lex(usize),
    /// The result of sorting, which may be defined only where the key holds a list.
    Sort {
        /// Whether it is.
        of_list: bool,
    },
}

/// The rule for this command, whose reply comes in this protocol.
pub fn rule_of(command: &[Vec<u8>], protocol: Protocol) -> Rule {
    let name = command[0].to_ascii_uppercase();
    if let Some(rule) = families::all().find_map(|family| (family.rule)(&name, command)) {
        return rule;
    }
    match name.as_slice() {
        // RESP3 tells sets and maps from arrays.
        b"SMEMBERS" | b"SINTER" | b"SUNION" | b"SDIFF" | b"HGETALL" if protocol == Protocol::Resp2 => {
            Rule::Unordered
        }
        b"KEYS" | b"HKEYS" | b"HVALS" => Rule::Unordered,
        b"TTL" | b"EXPIRETIME" => Rule::Time(TTL_TOLERANCE_SECONDS),
        b"PTTL" | b"PEXPIRETIME" => Rule::Time(TTL_TOLERANCE_SECONDS * 1000),
        b"SPOP" => Rule::Pop,
        b"SRANDMEMBER" | b"HRANDFIELD" | b"ZRANDMEMBER" => Rule::Sample,
        b"RANDOMKEY" => Rule::AnyKey,
        b"SCAN" | b"SSCAN" => Rule::Scan(1),
        b"HSCAN" | b"ZSCAN" => Rule::Scan(2),
        b"DBSIZE" => Rule::KeyCount,
        b"ZRANGEBYLEX" | b"ZREVRANGEBYLEX" | b"ZREMRANGEBYLEX" | b"ZLEXCOUNT" => Rule::Lex(1),
        b"ZRANGE" if has_option(command, b"BYLEX") => Rule::Lex(1),
        b"ZRANGESTORE" if has_option(command, b"BYLEX") => Rule::Lex(2),
        _ => Rule::Same,
    }
}

/// Whether the replies alone decide.
pub fn is_plain(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::Same | Rule::Unordered | Rule::Time(_) | Rule::Scan(_) | Rule::Shape | Rule::Kind | Rule::Clock
    )
}

fn has_option(command: &[Vec<u8>], option: &[u8]) -> bool {
    command.iter().any(|word| word.eq_ignore_ascii_case(option))
}

/// Whether two times agree; what is below zero is an answer of another kind.
pub fn same_time(reference: &Resp, subject: &Resp, tolerance: i64) -> bool {
    match (reference, subject) {
        (Resp::Integer(ours), Resp::Integer(theirs)) if *ours >= 0 && *theirs >= 0 => {
            ours.abs_diff(*theirs) <= tolerance.unsigned_abs()
        }
        _ => reference == subject,
    }
}

/// Whether two random replies are of one shape: the same error or nil, both one element, or collections of the
/// same kind and length.
pub fn same_shape(reference: &Resp, subject: &Resp) -> bool {
    match (reference, subject) {
        (Resp::Bulk(_), Resp::Bulk(_)) | (Resp::Integer(_), Resp::Integer(_)) => true,
        (Resp::Array(ours), Resp::Array(theirs)) | (Resp::Set(ours), Resp::Set(theirs)) => {
            ours.len() == theirs.len()
        }
        _ => reference == subject,
    }
}

/// Whether both are of one kind, and the same where they are refusals.
pub fn same_kind(reference: &Resp, subject: &Resp) -> bool {
    let is_same_kind = std::mem::discriminant(reference) == std::mem::discriminant(subject);
    is_same_kind && (!reference.is_error() || reference == subject)
}

/// The elements of a random reply: one, several or none.
pub fn drawn(reply: &Resp) -> &[Resp] {
    match reply {
        Resp::Bulk(_) => std::slice::from_ref(reply),
        _ => reply.elements().unwrap_or_default(),
    }
}

/// Whether `drawn` could have been drawn from `contents`: each is there, and none twice where that is `distinct`.
pub fn could_be_drawn(drawn: &[Resp], contents: &[Resp], distinct: bool) -> bool {
    let contents: BTreeSet<&Resp> = contents.iter().collect();
    let different: BTreeSet<&Resp> = drawn.iter().collect();
    different.is_subset(&contents) && (!distinct || different.len() == drawn.len())
}

/// Whether two replies to the same call of a scan agree. How far one call goes is the server's business, but for
/// calls from the start that ask for more than there is.
pub fn same_scan(command: &[Vec<u8>], reference: &Resp, subject: &Resp, words_each: usize) -> bool {
    let (Some((ours_next, ours)), Some((theirs_next, theirs))) = (scanned(reference), scanned(subject))
    else {
        return reference == subject;
    };
    if ours.len() % words_each != 0 || theirs.len() % words_each != 0 {
        return false;
    }
    if !scans_everything(command, words_each) {
        return true;
    }
    let sorted = |elements: &[Resp]| {
        let mut elements: Vec<Vec<Resp>> = elements.chunks(words_each).map(<[Resp]>::to_vec).collect();
        elements.sort_unstable();
        elements
    };
    ours_next == theirs_next && sorted(ours) == sorted(theirs)
}

/// The cursor and the elements of a scan's reply.
pub fn scanned(reply: &Resp) -> Option<(&[u8], &[Resp])> {
    match reply.elements()? {
        [Resp::Bulk(cursor), Resp::Array(elements)] => Some((cursor, elements)),
        _ => None,
    }
}

fn scans_everything(command: &[Vec<u8>], words_each: usize) -> bool {
    let is_scan = words_each == 1 && command[0].eq_ignore_ascii_case(b"SCAN");
    let cursor = command.get(if is_scan { 1 } else { 2 });
    let count_word = command.iter().position(|word| word.eq_ignore_ascii_case(b"COUNT"));
    let count = count_word.and_then(|at| std::str::from_utf8(command.get(at + 1)?).ok()?.parse::<i64>().ok());
    cursor.is_some_and(|cursor| cursor == b"0") && count.is_some_and(|count| count >= WHOLE_SCAN_COUNT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::words;

    fn bulks(words: &[&str]) -> Vec<Resp> {
        words.iter().map(Resp::bulk).collect()
    }

    #[test]
    fn times_may_be_some_seconds_apart_and_kinds_may_not() {
        let time = Resp::Integer;
        assert!(same_time(&time(1000), &time(1003), 20));
        assert!(!same_time(&time(1000), &time(1100), 20));
        assert!(!same_time(&time(1), &time(-1), 20), "no expiry is not a short one");
        assert!(!same_time(&time(-1), &time(-2), 20));
    }

    #[test]
    fn what_is_drawn_is_there_and_not_twice() {
        assert!(could_be_drawn(&bulks(&["a", "b"]), &bulks(&["b", "c", "a"]), true));
        assert!(!could_be_drawn(&bulks(&["a", "a"]), &bulks(&["a", "b"]), true));
        assert!(could_be_drawn(&bulks(&["a", "a"]), &bulks(&["a", "b"]), false));
        assert!(!could_be_drawn(&bulks(&["x"]), &bulks(&["a", "b"]), false));
    }

    #[test]
    fn a_whole_scan_has_the_same_elements_and_a_part_of_one_the_same_shape() {
        let reply = |cursor: &str, elements: &[&str]| {
            Resp::Array(vec![Resp::bulk(cursor), Resp::Array(bulks(elements))])
        };
        let whole = words("HSCAN h 0 COUNT 1000");
        assert!(same_scan(&whole, &reply("0", &["a", "1", "b", "2"]), &reply("0", &["b", "2", "a", "1"]), 2));
        assert!(!same_scan(
            &whole,
            &reply("0", &["a", "1", "b", "2"]),
            &reply("0", &["b", "1", "a", "2"]),
            2
        ));
        assert!(!same_scan(&whole, &reply("0", &["a", "1"]), &reply("7", &["a", "1"]), 2));
        let part = words("SCAN 0 COUNT 1");
        assert!(same_scan(&part, &reply("5", &["a"]), &reply("3", &["b", "c"]), 1));
        assert!(!same_scan(&part, &reply("5", &["a"]), &Resp::Null, 1));
    }
}
