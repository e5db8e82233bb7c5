//! Where the embedded engine has algorithms of its own, it agrees with Redis on large and intricate data.

use hyrax_tests::cases;
use hyrax_tests::differential::{Random, engine_agrees};
use hyrax_tests::resp::{Argv, words};

/// The words of a line with some bytes after them.
fn with(line: &str, last: &[u8]) -> Argv {
    let mut command = words(line);
    command.push(last.to_vec());
    command
}

#[test]
fn random_strings_have_the_same_common_subsequences() {
    let mut random = Random::new(cases::seed(1));
    engine_agrees(cases::count(20_000), || {
        let key = *random.pick(&["a", "b"]);
        match random.below(4) {
            0 => {
                let (length, letters) = (random.below(60), 1 + random.below(3));
                let text: Vec<u8> = (0..length).map(|_| b'x' + random.below(letters) as u8).collect();
                with(&format!("SET {key}"), &text)
            }
            1 => with(&format!("APPEND {key}"), random.pick(&["", "x", "xyx", "zzz"]).as_bytes()),
            2 => words("LCS a b"),
            _ => {
                let least = random.between(-1, 6);
                let options = ["LEN", "IDX", "IDX WITHMATCHLEN", &format!("IDX MINMATCHLEN {least}")];
                let options = [options[random.below(4)], options[random.below(4)]];
                words(&format!("LCS a b {}", options[..1 + random.below(2)].join(" ")))
            }
        }
    });
}

#[test]
fn random_bits_are_counted_found_and_combined_alike() {
    let mut random = Random::new(cases::seed(1));
    engine_agrees(cases::count(50_000), || {
        let mut key = || *random.pick(&["a", "b", "c"]);
        let (one, two, three) = (key(), key(), key());
        let mut place = || random.between(-70, 70);
        let (from, to) = (place(), place());
        let unit = *random.pick(&["", "BYTE", "BIT", "bit"]);
        match random.below(12) {
            0 => {
                let (length, even) = (random.below(60), [0x00, 0xff][random.below(2)]);
                let byte = |random: &mut Random| if random.chance(80) { even } else { random.number() as u8 };
                let text: Vec<u8> = (0..length).map(|_| byte(&mut random)).collect();
                with(&format!("SET {one}"), &text)
            }
            1 | 2 => words(&format!("SETBIT {one} {} {}", random.below(500), random.below(2))),
            3 => words(&format!("GETBIT {one} {}", random.below(500))),
            4 => words(&format!("BITCOUNT {one}")),
            5 => words(&format!("BITCOUNT {one} {from} {to} {unit}")),
            6 => words(&format!("BITPOS {one} {}", random.below(2))),
            7 => words(&format!("BITPOS {one} {} {from}", random.below(2))),
            8 => words(&format!("BITPOS {one} {} {from} {to} {unit}", random.below(2))),
            9 => {
                let operation = *random.pick(&["AND", "OR", "XOR"]);
                words(&format!("BITOP {operation} {one} {two} {three}"))
            }
            10 => words(&format!("BITOP NOT {one} {two}")),
            _ => words(&format!("GETRANGE {one} {from} {to}")),
        }
    });
}

/// How many elements a large collection has, about.
const LARGE: usize = 5_000;

#[test]
fn random_changes_of_a_long_list_agree() {
    let mut random = Random::new(cases::seed(1));
    engine_agrees(cases::count(30_000), || {
        let element = random.below(300);
        let index = random.between(-(LARGE as i64), LARGE as i64);
        let near = index + random.between(0, 40);
        let end = *random.pick(&["LEFT", "RIGHT"]);
        match random.below(40) {
            0..=11 => {
                let elements: Vec<String> =
                    (0..1 + random.below(6)).map(|_| random.below(300).to_string()).collect();
                words(&format!("{}PUSH l {}", &end[..1], elements.join(" ")))
            }
            12..=14 => words(&format!("{}POP l {}", &end[..1], random.below(8))),
            15..=17 => words(&format!("LSET l {index} {}", "v".repeat(element))),
            18..=20 => {
                let side = *random.pick(&["BEFORE", "AFTER"]);
                words(&format!("LINSERT l {side} {element} {}", random.below(300)))
            }
            21..=23 => words(&format!("LINDEX l {index}")),
            24..=26 => words(&format!("LRANGE l {index} {near}")),
            27..=29 => words(&format!("LREM l {} {element}", random.between(-2, 2))),
            30 if random.chance(5) => words(&format!("LTRIM l {} -10", random.below(200))),
            31..=33 => {
                let (rank, count) = (random.between(1, 3), random.below(4));
                let sign = if random.chance(50) { "-" } else { "" };
                words(&format!(
                    "LPOS l {element} RANK {sign}{rank} COUNT {count} MAXLEN {}",
                    random.below(LARGE)
                ))
            }
            34..=35 => words(&format!("LMOVE l l {end} {}", random.pick(&["LEFT", "RIGHT"]))),
            36 => words("LLEN l"),
            37 => words(&format!("LMPOP 1 l {end} COUNT {}", 1 + random.below(5))),
            _ => words(&format!("RPUSHX l {element}")),
        }
    });
}

#[test]
fn random_changes_of_a_large_sorted_set_agree() {
    let mut random = Random::new(cases::seed(1));
    engine_agrees(cases::count(60_000), || {
        let member = random.below(2 * LARGE);
        let mut score = || random.between(-300, 300);
        let (low, high) = (score(), score());
        let mut rank = || random.between(-(LARGE as i64), LARGE as i64);
        let first = rank();
        let last = first + random.between(0, 40);
        let limit = format!("LIMIT {} {}", random.below(50), random.between(-1, 20));
        match random.below(40) {
            0..=14 => {
                let pair = |random: &mut Random| {
                    format!("{} {}", random.between(-300, 300), random.below(2 * LARGE))
                };
                let pairs: Vec<String> = (0..1 + random.below(5)).map(|_| pair(&mut random)).collect();
                words(&format!("ZADD z {}", pairs.join(" ")))
            }
            15 => words(&format!("ZINCRBY z {low} {member}")),
            16..=20 => words(&format!("ZREM z {member} {}", random.below(2 * LARGE))),
            21 => words(&format!("ZREMRANGEBYRANK z {first} {}", first + random.between(0, 4))),
            22 if random.chance(30) => words(&format!("ZREMRANGEBYSCORE z {low} ({}", low + 2)),
            23 => words(&format!("ZPOP{} z {}", random.pick(&["MIN", "MAX"]), random.below(4))),
            24..=25 => words(&format!("ZRANK z {member}")),
            26 => words(&format!("ZREVRANK z {member}")),
            27 => words(&format!("ZSCORE z {member}")),
            28 => words(&format!("ZCOUNT z {low} ({high}")),
            29..=31 => words(&format!("ZRANGE z {first} {last} WITHSCORES")),
            32..=33 => words(&format!("ZREVRANGE z {first} {last}")),
            34..=35 => words(&format!("ZRANGEBYSCORE z {low} {high} {limit}")),
            36..=37 => words(&format!("ZREVRANGEBYSCORE z {high} ({low} WITHSCORES {limit}")),
            38 => words(&format!("ZRANGESTORE w z {low} {} BYSCORE", low + 30)),
            _ => words("ZRANGE w 0 50 REV"),
        }
    });
}

#[test]
fn random_changes_of_large_hashes_and_sets_agree() {
    let mut random = Random::new(cases::seed(1));
    engine_agrees(cases::count(60_000), || {
        let mut name = || random.below(2 * LARGE);
        let (one, other) = (name(), name());
        let set = *random.pick(&["s", "t", "u"]);
        match random.below(24) {
            0..=4 => words(&format!("HSET h {one} {other} f{other} {one}")),
            5..=6 => words(&format!("HDEL h {one} f{one}")),
            7 => words(&format!("HMGET h {one} f{other}")),
            8 => words(&format!("HINCRBY h {one} {other}")),
            9 => words("HLEN h"),
            10 if random.chance(2) => words("HGETALL h"),
            11 if random.chance(2) => words("HVALS h"),
            12..=15 => words(&format!("SADD {set} {one} {} m{other}", random.below(40))),
            16..=17 => words(&format!("SREM {set} {one} m{other}")),
            18 => words(&format!("SMISMEMBER {set} {one} m{other}")),
            19 => words(&format!("SMOVE s t {one}")),
            20 => words("SCARD s"),
            21 if random.chance(5) => words("SINTER s t u"),
            22 if random.chance(3) => words("SDIFF s t"),
            23 if random.chance(5) => words("SINTERCARD 2 s t LIMIT 100"),
            _ => words(&format!("HSTRLEN h {one}")),
        }
    });
}
