//! Commands that wait while there is nothing to take: they are sent in a transaction, in which nothing waits.

use super::{Family, streams};
use crate::differential::random::Random;
use crate::differential::rules::Rule;

/// The family.
pub const FAMILY: Family = Family {
    commands: &[
        (2, "BLPOP { <list> } <timeout>"),
        (2, "BRPOP { <list> } <timeout>"),
        (2, "BLMOVE <list> <list> ( LEFT | RIGHT ) ( LEFT | RIGHT ) <timeout>"),
        (2, "BRPOPLPUSH <list> <list> <timeout>"),
        (2, "BLMPOP <timeout> #{ <list> } ( LEFT | RIGHT ) [ COUNT <count> ]"),
        (2, "BZPOPMIN { <zset> } <timeout>"),
        (2, "BZPOPMAX { <zset> } <timeout>"),
        (2, "BZMPOP <timeout> #{ <zset> } ( MIN | MAX ) [ COUNT <count> ]"),
    ],
    word,
    rule: |name, _| is_one(name).then_some(Rule::AtOnce),
    ..Family::of(&[])
};

/// Whether this command waits when there is nothing to take.
pub fn waits(command: &[Vec<u8>]) -> bool {
    is_one(&command[0].to_ascii_uppercase()) || streams::waits(command)
}

fn is_one(name: &[u8]) -> bool {
    let names: [&[u8]; 8] =
        [b"BLPOP", b"BRPOP", b"BLMOVE", b"BRPOPLPUSH", b"BLMPOP", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP"];
    names.contains(&name)
}

fn word(name: &str, random: &mut Random) -> Option<Vec<u8>> {
    let words = ["0", "1", "0.01", "1e-3", "-0.0001", "-1", "abc", "inf", "0x10"];
    (name == "timeout").then(|| random.pick(&words).as_bytes().to_vec())
}
