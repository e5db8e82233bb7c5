//! The words that commands are made of: small pools, so that commands meet on the same keys and members, and
//! every pool with what is hard about its kind.

use std::collections::HashSet;

use super::families;
use super::random::Random;

/// What a word stands for in the notation of `commands.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any key.
    Key,
    /// A key that mostly holds this type.
    Typed(u8),
    /// A key that mostly holds a sorted set or a set.
    Weighable,
    /// A string, a hash's value or a list's element.
    Value,
    /// A hash's field, or a member of a set or a sorted set.
    Member,
    /// A sorted set's score.
    Score,
    /// A factor for scores.
    Weight,
    /// The end of a range of scores, inclusive or not.
    ScoreBound(i64),
    /// The end of a range of members.
    LexBound(char),
    /// A position, from the front or the back.
    Index,
    /// A whole number of either sign.
    Increment,
    /// A floating-point number.
    Float,
    /// How many, from none up.
    Count,
    /// How many at random; below zero the same one may come again.
    Sample,
    /// Where a scan goes on.
    Cursor,
    /// How much of a scan to do at once.
    ScanCount,
    /// A glob.
    Pattern,
    /// The name of a type.
    Type,
    /// The number of a database.
    Database,
    /// 0 or 1.
    Bit,
    /// A bit's position.
    BitOffset,
    /// A byte's position.
    ByteOffset,
    /// From now, in seconds.
    Seconds,
    /// From now, in milliseconds.
    Milliseconds,
    /// A time in seconds.
    AtSeconds,
    /// A time in milliseconds.
    AtMilliseconds,
    /// A word of this name, of one family's own.
    Own(&'static str),
}

impl Kind {
    /// The kind that the notation calls `name`.
    pub fn named(name: &'static str) -> Self {
        match name {
            "key" => Kind::Key,
            "string" => Kind::Typed(b's'),
            "hash" => Kind::Typed(b'h'),
            "list" => Kind::Typed(b'l'),
            "set" => Kind::Typed(b'e'),
            "zset" => Kind::Typed(b'z'),
            "number" => Kind::Typed(b'n'),
            "lexset" => Kind::Typed(b'x'),
            "weighable" => Kind::Weighable,
            "value" => Kind::Value,
            "field" | "member" => Kind::Member,
            "score" => Kind::Score,
            "weight" => Kind::Weight,
            "min-score" => Kind::ScoreBound(-3),
            "max-score" => Kind::ScoreBound(5),
            "min-lex" => Kind::LexBound('-'),
            "max-lex" => Kind::LexBound('+'),
            "index" => Kind::Index,
            "increment" => Kind::Increment,
            "float" => Kind::Float,
            "count" => Kind::Count,
            "sample" => Kind::Sample,
            "cursor" => Kind::Cursor,
            "scan-count" => Kind::ScanCount,
            "pattern" => Kind::Pattern,
            "type" => Kind::Type,
            "database" => Kind::Database,
            "bit" => Kind::Bit,
            "bit-offset" => Kind::BitOffset,
            "byte-offset" => Kind::ByteOffset,
            "seconds" => Kind::Seconds,
            "milliseconds" => Kind::Milliseconds,
            "at-seconds" => Kind::AtSeconds,
            "at-milliseconds" => Kind::AtMilliseconds,
            _ => Kind::of_family(name),
        }
    }

    fn of_family(name: &'static str) -> Self {
        for family in families::all() {
            if let Some((_, letter)) = family.keys.iter().find(|(kind, _)| *kind == name) {
                return Kind::Typed(*letter);
            }
            if (family.word)(name, &mut Random::new(0)).is_some() {
                return Kind::Own(name);
            }
        }
        panic!("no kind of word is called {name}")
    }

    /// Whether it says when a key expires.
    pub fn is_expiry(self) -> bool {
        matches!(self, Kind::Seconds | Kind::Milliseconds | Kind::AtSeconds | Kind::AtMilliseconds)
    }
}

/// How many keys of each type there are.
const KEYS_EACH: usize = 4;

/// Keys of no type in particular, with names that are hard for globs and printers.
const ODD_KEYS: [&[u8]; 4] = [b"k", b"", b"a*b[c]?\\", b"\x00\xff"];

/// What is no number, or too large a one, or written as some parsers take it and Redis may not.
pub const BAD_NUMBERS: [&str; 28] = [
    "",
    "abc",
    "nan",
    "inf",
    "-inf",
    "1.5",
    "-0",
    "+1",
    " 1",
    "1 ",
    "01",
    "0x10",
    "1e3",
    "1e400",
    "-1e400",
    "1e-400",
    "--1",
    "-",
    ".",
    "1.",
    ".5",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "4294967296",
    "\u{663}",
];

/// Words for an expiry that are refused, or long past, whatever the unit. One that is accepted and in the future
/// must differ from all others, so it cannot be among them.
pub const BAD_EXPIRIES: [&str; 14] = [
    "",
    "abc",
    "nan",
    "1.5",
    "+1",
    " 1",
    "0x10",
    "1e400",
    "0",
    "-1",
    "-100000",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
];

/// The year 2100, later than any relative expiry reaches.
const FAR_FUTURE_SECONDS: i64 = 4_102_444_800;

/// Every key there is.
fn all_keys() -> Vec<Vec<u8>> {
    let own = families::all().flat_map(|family| family.keys.iter().map(|&(_, letter)| letter));
    let letters = b"snhlezx".iter().copied().chain(own);
    let typed = letters.flat_map(|letter| (0..KEYS_EACH).map(move |number| typed_key(letter, number)));
    typed.chain(ODD_KEYS.iter().map(|key| key.to_vec())).collect()
}

fn typed_key(letter: u8, number: usize) -> Vec<u8> {
    vec![letter, b'0' + number as u8]
}

/// Makes words.
#[derive(Debug)]
pub struct Words {
    keys: Vec<Vec<u8>>,
    /// Hundreds of seconds already given out as a relative expiry.
    expiries: HashSet<u64>,
    /// Whether members come from a large pool, so that many of them make a large collection.
    pub many_members: bool,
}

impl Words {
    /// With no expiry given out yet.
    pub fn new() -> Self {
        Words { keys: all_keys(), expiries: HashSet::new(), many_members: false }
    }

    /// A word of this kind.
    pub fn word(&mut self, kind: Kind, random: &mut Random) -> Vec<u8> {
        match kind {
            Kind::Key => random.pick(&self.keys).clone(),
            Kind::Typed(letter) => self.typed(letter, random),
            Kind::Weighable => {
                let letter = if random.chance(75) { b'z' } else { b'e' };
                self.typed(letter, random)
            }
            Kind::Value => value(random),
            Kind::Member if self.many_members => format!("member:{}", random.below(400)).into_bytes(),
            Kind::Member => member(random),
            // One bad score would refuse all the members beside it.
            Kind::Score if self.many_members => random.between(-50, 50).to_string().into_bytes(),
            Kind::Seconds => self.relative_expiry(random, 1),
            Kind::Milliseconds => self.relative_expiry(random, 1000),
            Kind::AtSeconds => absolute_expiry(random, 1),
            Kind::AtMilliseconds => absolute_expiry(random, 1000),
            Kind::Own(name) => {
                let word = families::all().find_map(|family| (family.word)(name, random));
                word.unwrap_or_else(|| unreachable!("{name} was some family's when it was named"))
            }
            _ => plain(kind, random).into_bytes(),
        }
    }

    fn typed(&self, letter: u8, random: &mut Random) -> Vec<u8> {
        if random.chance(95) {
            typed_key(letter, random.below(KEYS_EACH))
        } else {
            random.pick(&self.keys).clone()
        }
    }

    /// Far away and unlike every other, or past, or refused.
    fn relative_expiry(&mut self, random: &mut Random, unit: u64) -> Vec<u8> {
        if random.chance(8) {
            let overflowing = ["9223372036854775807", "9223372036854775"];
            // In milliseconds the second would be a valid time.
            let overflowing = *random.pick(&overflowing[..if unit == 1 { 2 } else { 1 }]);
            let word = if random.chance(20) { overflowing } else { random.pick(&BAD_EXPIRIES) };
            return word.as_bytes().to_vec();
        }
        loop {
            let hundreds = random.between(10, 10_000_000).unsigned_abs();
            if self.expiries.insert(hundreds) {
                return (hundreds * 100 * unit).to_string().into_bytes();
            }
        }
    }
}

fn absolute_expiry(random: &mut Random, unit: i64) -> Vec<u8> {
    let word = match random.below(25) {
        0 => (*random.pick(&BAD_EXPIRIES)).to_owned(),
        1 => (random.between(1, 1000) * unit).to_string(),
        2 => (*random.pick(&["9223372036854775807", "9223372036854775", "9223372036854776"])).to_owned(),
        _ => ((FAR_FUTURE_SECONDS + random.between(0, 100)) * unit).to_string(),
    };
    word.into_bytes()
}

fn plain(kind: Kind, random: &mut Random) -> String {
    match kind {
        Kind::Score => score(random),
        Kind::Weight => choose(random, &["1", "2", "0.5", "-1", "0", "3", "inf", "-inf", "1e300"]),
        Kind::ScoreBound(near) => score_bound(random, near),
        Kind::LexBound(edge) => lex_bound(random, edge),
        Kind::Index => match random.below(20) {
            0 => choose(random, &["9223372036854775807", "-9223372036854775808", "1000", "-1000"]),
            1..=4 => "0".to_owned(),
            5..=7 => "-1".to_owned(),
            _ => random.between(-12, 12).to_string(),
        },
        Kind::Increment => match random.below(20) {
            0 => choose(random, &["9223372036854775807", "-9223372036854775808", "9223372036854775000"]),
            1..=3 => random.between(-1000, 1000).to_string(),
            _ => random.between(-4, 6).to_string(),
        },
        Kind::Float => match random.below(8) {
            0 => choose(
                random,
                &["1e400", "-1e300", "1e-300", "0x10", "inf", "1e17", "123456789.123456789", "-0"],
            ),
            1..=2 => choose(random, &["0.1", "3.3", "-2.7", "1e3", "5e-5"]),
            3 => random.between(-1000, 1000).to_string(),
            _ => format!("{}.{}", random.between(-20, 20), choose(random, &["0", "5", "25", "75", "125"])),
        },
        Kind::Count => match random.below(15) {
            0 => choose(random, &["-1", "-2", "9223372036854775807", "1000"]),
            1..=3 => random.between(0, 8).to_string(),
            _ => random.between(0, 3).to_string(),
        },
        Kind::Sample => match random.below(15) {
            0 => choose(random, &["9223372036854775807", "-9223372036854775808", "1000"]),
            _ => random.between(-5, 8).to_string(),
        },
        Kind::Cursor => match random.below(8) {
            0 => {
                choose(random, &["1", "17", "-1", "abc", "", "18446744073709551615", "18446744073709551616"])
            }
            _ => "0".to_owned(),
        },
        Kind::ScanCount => {
            choose(random, &["1000", "5000", "1000", "1", "3", "10", "0", "-1", "9223372036854775808"])
        }
        Kind::Pattern => choose(random, &PATTERNS),
        Kind::Type => {
            choose(random, &["string", "hash", "list", "set", "zset", "stream", "ZSET", "none", ""])
        }
        Kind::Database => choose(random, &["0", "0", "0", "0", "0", "1", "-1", "9999", "abc"]),
        Kind::Bit => choose(random, &["0", "1", "0", "1", "0", "1", "0", "1", "2", "-1"]),
        Kind::BitOffset => match random.below(15) {
            0 => choose(random, &["4294967296", "-1", "9223372036854775807", "8000"]),
            _ => random.between(0, 130).to_string(),
        },
        Kind::ByteOffset => match random.below(15) {
            0 => choose(random, &["536870912", "-1", "9223372036854775807", "1500"]),
            _ => random.between(0, 20).to_string(),
        },
        _ => unreachable!("{kind:?} is made elsewhere"),
    }
}

const PATTERNS: [&str; 22] = [
    "*", "?", "??", "s*", "*1", "[shl]*", "[^z]?", "[a-m]*", "[m-a]*", "z[0-2]", "\\*", "a\\*b*", "a*b*c*",
    "", "[", "[a", "[a-", "*[", "\\", "f*o*b*r", "member:?", "**",
];

fn score(random: &mut Random) -> String {
    match random.below(25) {
        0 => choose(random, &["inf", "-inf", "+inf", "Infinity", "-0", "1e400", "nan", "0x10", "1e-400"]),
        1..=2 => choose(random, &["0.1", "3.3", "1e300", "-1e300", "1e17", "5e-324", "123456789012345678"]),
        3..=8 => format!("{}.{}", random.between(-3, 10), choose(random, &["5", "25", "75"])),
        _ => random.between(-3, 10).to_string(),
    }
}

fn score_bound(random: &mut Random, near: i64) -> String {
    let exclusive = if random.chance(25) { "(" } else { "" };
    let number = match random.below(12) {
        0..=2 => choose(random, &["-inf", "+inf", "inf"]),
        3 => choose(random, &["nan", "abc", "", "(", "1e400", "0x1"]),
        _ => (near + random.between(-3, 5)).to_string(),
    };
    format!("{exclusive}{number}")
}

fn lex_bound(random: &mut Random, edge: char) -> String {
    match random.below(12) {
        0..=3 => edge.to_string(),
        4 => choose(random, &["-", "+", "", "a", "(", "[", "*", "+a", "-a"]),
        bound => {
            let bracket = if bound % 2 == 0 { '[' } else { '(' };
            // Bounds are compared as bytes; that they are UTF-8 here makes no difference to the order.
            format!("{bracket}{}", String::from_utf8_lossy(&member(random)))
        }
    }
}

fn member(random: &mut Random) -> Vec<u8> {
    match random.below(40) {
        0 => Vec::new(),
        1 => b"\xff\x00\r\n".to_vec(),
        2 => vec![b'm'; 70],
        3..=5 => format!("member:{}", random.below(400)).into_bytes(),
        6..=14 => random.between(-1, 6).to_string().into_bytes(),
        15 => choose(random, &["9223372036854775807", "70000", "-32769", "3.5", "007"]).into_bytes(),
        16..=18 => choose(random, &["foo", "foobar", "foo bar", "Foo"]).into_bytes(),
        _ => vec![b'a' + random.below(6) as u8],
    }
}

fn value(random: &mut Random) -> Vec<u8> {
    match random.below(24) {
        0 => Vec::new(),
        1 => b"\x00\x01\xfe\xff".to_vec(),
        2 => vec![random.number() as u8; 12],
        3 => vec![b'v'; 300],
        4 => choose(random, &BAD_NUMBERS).into_bytes(),
        5..=10 => random.between(-5, 30).to_string().into_bytes(),
        11..=12 => choose(random, &["9223372036854775800", "-9223372036854775800", "3.5", "-0.25", "1e17"])
            .into_bytes(),
        13..=14 => choose(random, &["hello world", "foobar", "\u{e9}t\u{e9}"]).into_bytes(),
        _ => vec![b'a' + random.below(5) as u8],
    }
}

fn choose(random: &mut Random, choices: &[&str]) -> String {
    (*random.pick(choices)).to_owned()
}
