//! HyperLogLogs, whose bytes are compared as a string's.

use super::Family;
use crate::differential::random::Random;

/// The commands on HyperLogLogs, and some that spoil the strings that they are.
pub const FAMILY: Family = Family {
    commands: &[
        (10, "PFADD <sketch> { <element> }"),
        (1, "PFADD <sketch>"),
        (5, "PFCOUNT <sketch>"),
        (3, "PFCOUNT { <sketch> }"),
        (3, "PFMERGE <sketch> { <sketch> }"),
        (1, "PFMERGE <sketch>"),
        (3, "GET <sketch>"),
        (1, "SETRANGE <sketch> <sketch-offset> <sketch-byte>"),
        (1, "COPY <sketch> <string> REPLACE"),
        (1, "DEL <sketch>"),
    ],
    keys: &[("sketch", b'p')],
    word,
    rule: |_, _| None,
    dump: |_| None,
    tame: |_| {},
};

fn word(name: &str, random: &mut Random) -> Option<Vec<u8>> {
    match name {
        "element" => Some(match random.below(10) {
            0 => vec![b'e'; random.below(40)],
            1..=4 => random.below(20).to_string().into_bytes(),
            _ => random.number().to_le_bytes().to_vec(),
        }),
        // In the header, and never where the registers are: what Redis makes of those is its own business.
        "sketch-offset" => Some(random.pick(&["0", "4", "8", "15"]).as_bytes().to_vec()),
        "sketch-byte" => Some(vec![*random.pick(&[0, 1, 2, 0x80, b'H'])]),
        _ => None,
    }
}
