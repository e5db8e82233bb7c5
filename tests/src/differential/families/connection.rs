//! What a client asks of its connection and of the server as a whole.

use super::Family;
use crate::differential::random::Random;
use crate::differential::rules::Rule;
use crate::resp::Argv;

/// The family.
///
/// What a client asks of the server is in `server.rs`; what changes the protocol under the comparison (`HELLO 2`,
/// subscriptions) nowhere.
pub const FAMILY: Family = Family {
    word,
    rule,
    tame,
    ..Family::of(&[
        (2, "PING [ <value> ]"),
        (2, "ECHO <value>"),
        (2, "SELECT <database>"),
        (1, "TIME"),
        (1, "CLIENT ID"),
        (1, "CLIENT GETNAME"),
        (1, "CLIENT SETNAME <client-name>"),
        (1, "HELLO <no-protocol>"),
        (1, "PUBLISH <key> <value>"),
        (1, "COMMAND GETKEYS SET <key> <value>"),
        (1, "COMMAND GETKEYS MSET { <key> <value> }"),
        (1, "COMMAND GETKEYSANDFLAGS COPY <key> <key>"),
        (1, "COMMAND GETKEYSANDFLAGS SET <key> <value> [NX] [GET]"),
        (1, "COMMAND GETKEYSANDFLAGS BITFIELD <key> [GET u8 0] [OVERFLOW SAT] [SET u8 0 1] [INCRBY]"),
    ])
};

fn rule(name: &[u8], command: &[Vec<u8>]) -> Option<Rule> {
    let is_id = name == b"CLIENT" && command.get(1).is_some_and(|word| word.eq_ignore_ascii_case(b"ID"));
    (is_id || name == b"TIME").then_some(Rule::Shape)
}

/// Alone, `HELLO` shows a client's number, and `COMMAND` all that there is.
fn tame(command: &mut Argv) {
    let is = |name: &[u8]| command[0].eq_ignore_ascii_case(name);
    if command.len() == 1 && (is(b"HELLO") || is(b"COMMAND")) {
        command.push(b"0".to_vec());
    }
}

fn word(name: &str, random: &mut Random) -> Option<Vec<u8>> {
    let choices: &[&str] = match name {
        "client-name" => &["ann", "ann", "", "two words", "line\nend", "\u{e9}"],
        "no-protocol" => &["1", "4", "abc", "", "-1"],
        _ => return None,
    };
    Some(random.pick(choices).as_bytes().to_vec())
}
