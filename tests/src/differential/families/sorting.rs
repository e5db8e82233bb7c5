//! `SORT`, and integers among bits: commands of one piece, on the keys of others.

use super::Family;
use crate::differential::random::Random;
use crate::differential::rules::Rule;

/// Sorting by other keys, whose names are made from what these commands put into lists and sets.
pub const FAMILY: Family = Family {
    commands: &[
        (3, "RPUSH <list> { <digit> }"),
        (2, "SADD <set> { <digit> }"),
        (2, "ZADD <zset> { <score> <digit> }"),
        (3, "SET <weight-key> <value>"),
        (2, "HSET <weight-hash> f <value>"),
        (
            5,
            "SORT ( <list> | <set> | <zset> ) %( [ BY <pattern-key> ] [ LIMIT <index> <increment> ] \
             [ GET <pattern-key> ] [ GET # ] [ ASC | DESC ] [ ALPHA ] [ STORE <list> ] )",
        ),
        (
            3,
            "SORT_RO ( <list> | <zset> ) %( [ BY <pattern-key> ] [ LIMIT <index> <increment> ] \
             [ GET <pattern-key> ] [ GET # ] [ ASC | DESC ] [ ALPHA ] )",
        ),
        (2, "SORT ( <list> | <set> | <zset> ) ALPHA [ DESC ] [ STORE <list> ]"),
        (1, "SORT <key> { ALPHA | ASC | DESC | BY | GET # | LIMIT 0 3 | STORE <list> }"),
    ],
    keys: &[],
    word,
    rule,
    dump: |_| None,
    tame: |_| {},
};

/// Bit fields.
pub const BIT_FIELDS: Family = Family {
    commands: &[
        (
            4,
            "BITFIELD <string> { ( GET <width> <field-offset> | SET <width> <field-offset> <field-value> ) }",
        ),
        (
            6,
            "BITFIELD <string> { [ OVERFLOW ( WRAP | SAT | FAIL ) ] \
             ( INCRBY <width> <field-offset> <field-value> | SET <width> <field-offset> <field-value> ) }",
        ),
        (2, "BITFIELD_RO <string> { GET <width> <field-offset> }"),
        (1, "BITFIELD_RO <string> SET <width> <field-offset> <field-value>"),
        (1, "BITFIELD <string>"),
        (1, "BITFIELD <string> OVERFLOW <value>"),
    ],
    keys: &[],
    word,
    rule: |_, _| None,
    dump: |_| None,
    tame: |_| {},
};

fn word(name: &str, random: &mut Random) -> Option<Vec<u8>> {
    let text = match name {
        "digit" => random.between(0, 9).to_string(),
        "weight-key" => format!("w_{}", random.between(0, 9)),
        "weight-hash" => format!("wh_{}", random.between(0, 9)),
        "pattern-key" => (*random.pick(&[
            "w_*", "w_*", "wh_*->f", "wh_*->f", "wh_*->", "*", "nosort", "#", "w_*->f", "wh_*", "w_1", "*_*",
            "",
        ]))
        .to_owned(),
        "width" => match random.below(15) {
            0 => (*random.pick(&["u64", "i65", "u0", "8", "u", "i-1", "U8"])).to_owned(),
            1..=3 => (*random.pick(&["i64", "u63", "i1", "u1", "i63"])).to_owned(),
            _ => format!("{}{}", random.pick(&["i", "u"]), random.between(1, 63)),
        },
        "field-offset" => match random.below(15) {
            0 => (*random.pick(&["-1", "#-1", "4294967296", "abc", "#", "#9223372036854775807"])).to_owned(),
            1..=4 => format!("#{}", random.between(0, 20)),
            _ => random.between(0, 150).to_string(),
        },
        "field-value" => match random.below(6) {
            0 => {
                (*random.pick(&["9223372036854775807", "-9223372036854775808", "abc", "", "1.5"])).to_owned()
            }
            1 | 2 => random.between(-1_000_000, 1_000_000).to_string(),
            _ => random.between(-20, 20).to_string(),
        },
        _ => return None,
    };
    Some(text.into_bytes())
}

/// Elements that are not sorted, or that are equal by letters, come in an order that is a set's own.
fn rule(name: &[u8], command: &[Vec<u8>]) -> Option<Rule> {
    let has = |option: &[u8]| command.iter().any(|word| word.eq_ignore_ascii_case(option));
    matches!(name, b"SORT" | b"SORT_RO").then(|| Rule::Sort { of_list: has(b"BY") || has(b"ALPHA") })
}
