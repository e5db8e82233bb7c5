//! Streams and their consumer groups.
//!
//! Ids are given, as two servers read two clocks. Times are either of now or so long ago that no run reaches from
//! one to the other.

use super::Family;
use crate::differential::random::Random;
use crate::differential::rules::Rule;
use crate::resp::{Argv, Resp};

/// The family.
pub const FAMILY: Family = Family {
    keys: &[("stream", b't')],
    word,
    rule,
    dump,
    tame,
    ..Family::of(&[
        (40, "XADD <stream> <new-id> { <field> <value> }"),
        (20, "XADD <stream> <new-id> f <value>"),
        (
            8,
            "XADD <stream> %( [ NOMKSTREAM ] [ MAXLEN [ = | ~ ] <length> | MINID [ = | ~ ] <id> ] [ LIMIT <length> ] ) \
             <new-id> { <field> <value> }",
        ),
        (3, "XLEN <stream>"),
        (5, "XRANGE <stream> <from-id> <to-id> [ COUNT <count> ]"),
        (5, "XREVRANGE <stream> <to-id> <from-id> [ COUNT <count> ]"),
        (6, "XDEL <stream> { <id> }"),
        (5, "XTRIM <stream> %( ( MAXLEN [ = | ~ ] <length> | MINID [ = | ~ ] <id> ) [ LIMIT <length> ] )"),
        (2, "XTRIM <stream> ( MAXLEN ~ <length> | MINID ~ <id> ) [ LIMIT <length> ]"),
        (3, "XSETID <stream> <id> %( [ ENTRIESADDED <length> ] [ MAXDELETEDID <id> ] )"),
        (2, "XSETID <stream> 9-9999999 %( [ ENTRIESADDED <length> ] [ MAXDELETEDID <id> ] )"),
        (4, "XREAD [ COUNT <count> ] STREAMS <stream> ( <id> | $ )"),
        (2, "XREAD [ COUNT <count> ] STREAMS <stream> <stream> ( <id> | $ ) ( <id> | $ )"),
        (
            16,
            "XREADGROUP GROUP <group> <consumer> %( [ COUNT <length> ] [ NOACK ] ) STREAMS <stream> ( > | > | <id> )",
        ),
        (
            6,
            "XREADGROUP %( GROUP <group> <consumer> [ COUNT <count> ] [ NOACK ] ) STREAMS <stream> <stream> \
             ( > | <id> ) ( > | <id> )",
        ),
        (3, "XREAD %( [ COUNT <count> ] BLOCK <block> ) STREAMS <stream> ( <id> | $ )"),
        (
            4,
            "XREADGROUP %( GROUP <group> <consumer> [ COUNT <length> ] BLOCK <block> [ NOACK ] ) \
             STREAMS <stream> ( > | <id> )",
        ),
        (12, "XGROUP CREATE <stream> <group> ( <id> | $ | 0 ) %( MKSTREAM [ ENTRIESREAD <length> ] )"),
        (3, "XGROUP CREATE <stream> <group> ( <id> | $ ) %( [ MKSTREAM ] [ ENTRIESREAD <length> ] )"),
        (4, "XGROUP SETID <stream> <group> ( <id> | $ | 0 ) [ ENTRIESREAD <length> ]"),
        (1, "XGROUP DESTROY <stream> <group>"),
        (3, "XGROUP CREATECONSUMER <stream> <group> <consumer>"),
        (2, "XGROUP DELCONSUMER <stream> <group> <consumer>"),
        (1, "XGROUP ( HELP | <group> )"),
        (6, "XACK <stream> <group> { <id> }"),
        (4, "XPENDING <stream> <group>"),
        (4, "XPENDING <stream> <group> [ IDLE <idle> ] <from-id> <to-id> <length> [ <consumer> ]"),
        (
            10,
            "XCLAIM <stream> <group> <consumer> <idle> { <id> } %( [ IDLE <idle> | TIME <time> ] \
             [ RETRYCOUNT <length> ] [ FORCE ] [ JUSTID ] [ LASTID <id> ] )",
        ),
        (4, "XCLAIM <stream> <group> <consumer> 0 { <id> } FORCE"),
        (6, "XAUTOCLAIM <stream> <group> <consumer> <idle> <from-id> %( [ COUNT <length> ] [ JUSTID ] )"),
        (8, "XINFO STREAM <stream> [ FULL [ COUNT <count> ] ]"),
        (6, "XINFO GROUPS <stream>"),
        (3, "XINFO CONSUMERS <stream> <group>"),
        (1, "XINFO ( HELP | STREAM | GROUPS | <group> )"),
        (2, "RENAME <stream> <stream>"),
        (4, "COPY <stream> <stream> REPLACE"),
    ])
};

/// Entries fall into these milliseconds, most into the last.
const MILLISECONDS: i64 = 9;

fn word(name: &str, random: &mut Random) -> Option<Vec<u8>> {
    let word = match name {
        "new-id" => match random.below(50) {
            0 => odd_id(random),
            1..=9 => id(random),
            10..=19 => format!("{}-*", random.between(0, MILLISECONDS)),
            _ => format!("{MILLISECONDS}-*"),
        },
        "id" => match random.below(40) {
            0 => odd_id(random),
            1 => random.between(0, MILLISECONDS + 1).to_string(),
            _ => id(random),
        },
        "from-id" | "to-id" => match random.below(12) {
            0..=3 => if name == "from-id" { "-" } else { "+" }.to_owned(),
            4 => (*random.pick(&["-", "+", "(", "(-", "(0", "(18446744073709551615-18446744073709551615"]))
                .to_owned(),
            5 => odd_id(random),
            6 => format!("({}", id(random)),
            _ => id(random),
        },
        "group" => (*random.pick(&["g", "g", "g", "h", "two words", ""])).to_owned(),
        "consumer" => (*random.pick(&["ann", "ann", "bob", "", "line\nend"])).to_owned(),
        "idle" => {
            (*random.pick(&["0", "0", "0", "100000000", "500000000", "1000000000000", "-1"])).to_owned()
        }
        "time" => (*random.pick(&["0", "1", "1000", "99999999999999", "-1", "-1000"])).to_owned(),
        "block" => (*random.pick(&["0", "1", "1000", "-1", "abc", "1.5", "9223372036854775807"])).to_owned(),
        "length" => match random.below(12) {
            0 => (*random.pick(&["-1", "-2", "9223372036854775807", "1000"])).to_owned(),
            1..=3 => random.between(0, 150).to_string(),
            _ => random.between(0, 12).to_string(),
        },
        _ => return None,
    };
    Some(word.into_bytes())
}

fn id(random: &mut Random) -> String {
    let ms = if random.chance(60) { MILLISECONDS } else { random.between(0, MILLISECONDS) };
    let numbers = if random.chance(80) { 25 } else { 200 };
    format!("{ms}-{}", random.below(numbers))
}

/// None is the last of a millisecond that entries are added to: what Redis answers to the next, `9-*`, depends on
/// what its last system call left behind.
fn odd_id(random: &mut Random) -> String {
    let odd = [
        "0-0",
        "0",
        "-",
        "+",
        "",
        "abc",
        "1-",
        "-1",
        "1--1",
        "77--01",
        "01-01",
        " 1-1",
        "1-1 ",
        "+1-1",
        "1-1-1",
        "1-*",
        "$",
        ">",
        "18446744073709551615-18446744073709551615",
        "18446744073709551616-1",
        "77-18446744073709551615",
        "18446744073709551614-3",
        "9223372036854775808-9223372036854775808",
        "1-00000000000000000000000000000001",
    ];
    (*random.pick(&odd)).to_owned()
}

fn rule(name: &[u8], command: &[Vec<u8>]) -> Option<Rule> {
    if waits(command) {
        return Some(Rule::AtOnce);
    }
    matches!(name, b"XPENDING" | b"XINFO").then_some(Rule::Clock)
}

/// Whether this reads and, when there is nothing, waits.
pub fn waits(command: &[Vec<u8>]) -> bool {
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    (is(&command[0], "XREAD") || is(&command[0], "XREADGROUP"))
        && command.iter().any(|word| is(word, "BLOCK"))
}

fn dump(kind: &str) -> Option<(&'static str, &'static str)> {
    (kind == "stream").then_some(("XRANGE", "- +"))
}

fn tame(command: &mut Argv) {
    let name = command[0].to_ascii_uppercase();
    if name == b"XADD" {
        command.iter_mut().skip(1).filter(|word| *word == b"*").for_each(|word| *word = b"9-*".to_vec());
    }
}

/// A reply without what depends on when it was given: a time is told roughly, as of now, some days ago or long ago.
pub fn without_times(reply: &Resp) -> Resp {
    match reply {
        Resp::Array(items) => {
            let mut items: Vec<Resp> = items.iter().map(without_times).collect();
            let is_time = match &items[..] {
                // An entry that is pending: its id, its consumer or not, when it was delivered, and how often.
                [Resp::Bulk(_), Resp::Integer(_), Resp::Integer(_)] => Some(1),
                [Resp::Bulk(_), Resp::Bulk(_), Resp::Integer(_), Resp::Integer(_)] => Some(2),
                _ => None,
            };
            let named = (1..items.len()).filter(|&at| names_time(&items[at - 1])).collect::<Vec<_>>();
            is_time.into_iter().chain(named).for_each(|at| items[at] = roughly(&items[at]));
            Resp::Array(items)
        }
        Resp::Map(pairs) => {
            let pair = |(name, value): &(Resp, Resp)| {
                let value = if names_time(name) { roughly(value) } else { without_times(value) };
                (name.clone(), value)
            };
            Resp::Map(pairs.iter().map(pair).collect())
        }
        _ => reply.clone(),
    }
}

fn names_time(name: &Resp) -> bool {
    *name == Resp::bulk("idle") || *name == Resp::bulk("seen-time")
}

fn roughly(time: &Resp) -> Resp {
    match time {
        Resp::Integer(0..1_000_000) => Resp::Integer(0),
        Resp::Integer(number) => Resp::Integer(number / 10_000_000),
        other => other.clone(),
    }
}
