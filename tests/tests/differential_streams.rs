//! Long streams agree with Redis, down to the nodes of its radix tree: where the blocks of the engine end decides
//! what an approximate trim takes.

use hyrax_tests::cases;
use hyrax_tests::differential::{Random, engine_agrees};
use hyrax_tests::resp::{Argv, words};

/// Fields and values of an entry: often those of the entry before, sometimes long, sometimes numbers of any width.
fn fields(random: &mut Random) -> String {
    let value = |random: &mut Random| match random.below(8) {
        0 => "v".repeat(random.below(200)) + "x",
        1 => "v".repeat(1 + random.below(70)),
        2 => {
            let wide = random.number() as i64 >> random.below(64);
            wide.to_string()
        }
        3 => random.between(-9000, 9000).to_string(),
        4 => format!("{}", 9_000_000_000_000_000_000 + random.number() % 999_999_999_999_999_999),
        _ => random.below(200).to_string(),
    };
    match random.below(20) {
        0..=12 => format!("id {} name {}", value(random), value(random)),
        13 => format!("{} {}", value(random), value(random)),
        14 => format!("id {} name {} more {}", value(random), value(random), value(random)),
        15 => format!("id {} eman {}", value(random), value(random)),
        16 if random.chance(3) => {
            (0..150).map(|number| format!("f{number} {}", value(random))).collect::<Vec<_>>().join(" ")
        }
        16 if random.chance(3) => format!("huge {}", "h".repeat(3900 + random.below(400))),
        _ => format!("id {} name x", value(random)),
    }
}

/// An id about where entries are.
fn id(random: &mut Random, last: u64) -> String {
    match random.below(20) {
        0 => "0".to_owned(),
        1 => (last + 5).to_string(),
        _ => format!("{}-{}", last.saturating_sub(random.number() % 4000), random.below(3)),
    }
}

#[test]
fn random_changes_of_long_streams_agree() {
    let mut random = Random::new(cases::seed(1));
    // The milliseconds of the last entry: close together, far apart, or close to where they end.
    let mut last = 1;
    engine_agrees(cases::count(60_000), || {
        let random = &mut random;
        let (one, other) = (id(random, last), id(random, last));
        let key = *random.pick(&["s", "s", "s", "t"]);
        let length = random.below(3000);
        let few = 1 + random.below(8);
        let consumer = *random.pick(&["ann", "bob", "cid"]);
        match random.below(100) {
            0..=54 => {
                let gap = match random.below(400) {
                    0 => 1 << random.below(30),
                    1..=20 => random.number() % 5000,
                    _ => random.number() % 3,
                };
                last += gap;
                words(&format!("XADD {key} {last}-* {}", fields(random)))
            }
            55 => words(&format!("XADD {key} MAXLEN ~ {length} {last}-* {}", fields(random))),
            56 => words(&format!("XADD {key} MINID ~ {one} LIMIT {length} {last}-* a b")),
            57..=61 => words(&format!("XDEL {key} {one} {other} {}", id(random, last))),
            62 => words(&format!("XTRIM {key} MAXLEN ~ {length} LIMIT {}", random.below(400))),
            63 => words(&format!("XTRIM {key} MAXLEN {length}")),
            64 => words(&format!("XTRIM {key} MINID {} {one}", random.pick(&["~", "="]))),
            65..=70 => words(&format!("XRANGE {key} {one} {other} COUNT {few}")),
            71..=74 => words(&format!("XREVRANGE {key} {other} {one} COUNT {few}")),
            75 if random.chance(5) => words(&format!("XRANGE {key} - +")),
            75 if random.chance(5) => words(&format!("XREVRANGE {key} + -")),
            75..=77 => words(&format!("XREAD COUNT {few} STREAMS s t {one} {other}")),
            78..=82 => words(&format!("XINFO STREAM {key}")),
            83 => words(&format!("XGROUP CREATE {key} {} {one} MKSTREAM", random.pick(&["g", "h"]))),
            84..=87 => words(&format!("XREADGROUP GROUP g {consumer} COUNT {few} STREAMS {key} >")),
            88 => words(&format!("XREADGROUP GROUP g {consumer} COUNT {few} NOACK STREAMS s t > >")),
            89 => words(&format!("XREADGROUP GROUP g {consumer} COUNT {few} STREAMS {key} {one}")),
            90 => words(&format!("XACK {key} g {one} {other}")),
            91 => words(&format!("XPENDING {key} g")),
            92 => words(&format!("XCLAIM {key} g {consumer} 0 {one} {other} FORCE JUSTID")),
            93 => words(&format!("XAUTOCLAIM {key} g {consumer} 0 {one} COUNT {few}")),
            94 => words(&format!("XGROUP SETID {key} g {one}")),
            95 => words(&format!("XGROUP DELCONSUMER {key} g {consumer}")),
            96 => words(&format!("XINFO GROUPS {key}")),
            97 => words("COPY s u REPLACE"),
            98 => words(&format!("XTRIM u MAXLEN ~ {length}")),
            _ => words("XINFO STREAM u"),
        }
    });
}

#[test]
fn random_ids_are_read_alike() {
    let mut random = Random::new(cases::seed(1));
    let pieces = [
        "0",
        "1",
        "9",
        "-",
        "-",
        "+",
        " ",
        "*",
        "(",
        "18446744073709551615",
        "9223372036854775808",
        "\t",
        "a",
        ".",
        "00",
    ];
    engine_agrees(cases::count(20_000), || {
        let random = &mut random;
        let mut id = || (0..random.below(5)).flat_map(|_| random.pick(&pieces).bytes()).collect::<Vec<u8>>();
        let (one, other) = (id(), id());
        // Two servers read two clocks; and after the last number of a millisecond, what Redis answers to the next
        // depends on what its last system call left behind.
        let given: Vec<u8> = one.iter().copied().filter(|&byte| byte != b'*').collect();
        let numbered = [&one, &b"-*"[..]].concat();
        let command = |name: &str, words: &[&[u8]]| -> Argv {
            let name = name.split(' ').map(|word| word.as_bytes().to_vec());
            name.chain(words.iter().map(|word| word.to_vec())).collect()
        };
        match random.below(8) {
            0 => command("XADD a", &[&given, b"f", b"v"]),
            1 => command("XADD b", &[&numbered, b"f", b"v"]),
            2 => command("XSETID a", &[&one, b"MAXDELETEDID", &other]),
            3 => command("XGROUP SETID a g", &[&one]),
            4 => command("XGROUP CREATE a g", &[&one, b"MKSTREAM"]),
            5 => command("XINFO STREAM a", &[]),
            6 => command("DEL a", &[]),
            _ => command("XRANGE a", &[&one, &other]),
        }
    });
}
