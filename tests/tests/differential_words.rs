//! The embedded engine reads numbers and patterns as Redis does, however they are written.

use hyrax_tests::cases;
use hyrax_tests::differential::{Random, engine_agrees};
use hyrax_tests::resp::Argv;

fn argv(words: &[&[u8]]) -> Argv {
    words.iter().map(|word| word.to_vec()).collect()
}

/// Up to `longest` pieces, one after the other.
fn pieces(random: &mut Random, longest: usize, choices: &[&[u8]]) -> Vec<u8> {
    (0..random.below(longest + 1)).flat_map(|_| random.pick(choices).to_vec()).collect()
}

#[test]
fn random_patterns_match_the_same_keys() {
    let mut random = Random::new(cases::seed(1));
    let letters: [&[u8]; 10] = [b"a", b"b", b"c", b"-", b"]", b"[", b"^", b"*", b"\\", b"\xe9"];
    let mut made = 0;
    engine_agrees(cases::count(20_000), || {
        made += 1;
        if made <= 500 {
            return argv(&[b"SET", &pieces(&mut random, 4, &letters), b""]);
        }
        let syntax: [&[u8]; 6] = [b"*", b"?", b"[^", b"[a-", b"-c]", b"\\"];
        let pattern = pieces(&mut random, 6, &[&letters[..], &syntax[..]].concat());
        argv(&[b"KEYS", &pattern])
    });
}

/// A number, or something close to one.
fn number(random: &mut Random) -> Vec<u8> {
    let digits: [&[u8]; 12] =
        [b"0", b"1", b"2", b"5", b"9", b"00", b"123456789", b"99999", b"18446744", b"07", b"3", b"8"];
    let sign: &[u8] = random.pick::<&[u8]>(&[b"", b"", b"", b"-", b"+"]);
    let mut word = sign.to_vec();
    match random.below(10) {
        0 => {
            word.extend_from_slice(b"0x");
            let hex: [&[u8]; 8] = [b"0", b"1", b"a", b"F", b"ffffff", b"80000", b"7", b"."];
            word.extend(pieces(random, 5, &hex));
            if random.chance(50) {
                word.extend_from_slice(format!("p{}", random.between(-1100, 1100)).as_bytes());
            }
        }
        1 => word.extend_from_slice(random.pick(&["inf", "Infinity", "nan", "NaN", "infin", "i"]).as_bytes()),
        2 | 3 => word.extend(pieces(random, 4, &digits)),
        _ => {
            word.extend(pieces(random, 3, &digits));
            if random.chance(70) {
                word.push(b'.');
                word.extend(pieces(random, 3, &digits));
            }
            if random.chance(30) {
                let exponent = if random.chance(80) { 20 } else { 5000 };
                word.extend_from_slice(format!("e{}", random.between(-exponent, exponent)).as_bytes());
            }
        }
    }
    if random.chance(8) {
        let odd: [&[u8]; 9] = [b" ", b"\0", b"-", b"+", b"e", b".", b"x", b"_", b"\xe9"];
        let at = random.below(word.len() + 1);
        word.splice(at..at, random.pick(&odd).iter().copied());
    }
    word
}

#[test]
fn random_numbers_are_the_same_in_every_place() {
    let mut random = Random::new(cases::seed(1));
    engine_agrees(cases::count(100_000), || {
        let (one, other) = (number(&mut random), number(&mut random));
        match random.below(21) {
            0 => argv(&[b"ZADD", b"z", &one, b"a"]),
            1 => argv(&[b"ZADD", b"z", b"INCR", &one, b"a"]),
            2 => argv(&[b"ZRANGE", b"z", b"0", b"-1", b"WITHSCORES"]),
            3 => argv(&[b"ZCOUNT", b"z", &[&b"("[..], &one].concat(), &other]),
            4 => argv(&[b"ZRANGEBYSCORE", b"z", &one, &other]),
            5 => argv(&[b"ZUNIONSTORE", b"w", b"2", b"z", b"w", b"WEIGHTS", &one, &other]),
            6 => argv(&[b"SET", b"f", &one]),
            7 | 8 => argv(&[b"INCRBYFLOAT", b"f", &one]),
            9 => argv(&[b"HSET", b"h", b"a", &one]),
            10 | 11 => argv(&[b"HINCRBYFLOAT", b"h", b"a", &one]),
            12 => argv(&[b"SET", b"n", &one]),
            13 => argv(&[b"INCRBY", b"n", &one]),
            14 => argv(&[b"DECRBY", b"n", &one]),
            15 => argv(&[b"GETRANGE", b"f", &one, &other]),
            16 => argv(&[b"HINCRBY", b"h", b"a", &one]),
            17 => argv(&[b"GETBIT", b"f", &one]),
            18 => argv(&[b"SINTERCARD", &one, b"s", b"LIMIT", &other]),
            19 => argv(&[b"ZRANGE", b"w", b"0", b"-1", b"WITHSCORES"]),
            _ => argv(&[b"LPOS", b"l", b"a", b"RANK", &one, b"COUNT", &other]),
        }
    });
}

#[test]
fn random_cursors_are_read_alike() {
    let mut random = Random::new(cases::seed(1));
    engine_agrees(cases::count(5_000), || {
        let cursor = number(&mut random);
        // No scan goes on anywhere in an empty collection, so all replies but refusals are alike.
        match random.below(4) {
            0 => argv(&[b"SCAN", &cursor]),
            1 => argv(&[b"HSCAN", b"h", &cursor]),
            2 => argv(&[b"SSCAN", b"s", &cursor, b"COUNT", &number(&mut random)]),
            _ => argv(&[b"ZSCAN", b"z", &cursor]),
        }
    });
}

#[test]
fn an_unknown_command_is_refused_in_the_same_words() {
    let mut random = Random::new(cases::seed(1));
    engine_agrees(cases::count(2_000), || {
        let parts: [&[u8]; 7] = [b"a", b"\0", b"\r\n", b"'", b" ", &[b'x'; 50], b"y"];
        let mut command = vec![[b"no", &pieces(&mut random, 5, &parts)[..]].concat()];
        command.extend((0..random.below(6)).map(|_| pieces(&mut random, 5, &parts)));
        command
    });
}
