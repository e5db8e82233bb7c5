//! What a client asks of the server, and of other clients.

use super::Family;
use crate::differential::random::Random;
use crate::differential::rules::Rule;
use crate::resp::Argv;

/// The family. What is not here is in [`LEFT_OUT`].
pub const FAMILY: Family = Family {
    word,
    rule,
    tame,
    ..Family::of(&[
        (1, "AUTH [ default | <client-name> ] <value>"),
        (1, "CLIENT ( GETREDIR | TRACKINGINFO | HELP )"),
        (1, "CLIENT TRACKING ( OFF | MAYBE )"),
        (1, "CLIENT CACHING ( YES | NO )"),
        (1, "CLIENT NO-EVICT ( ON | OFF | MAYBE )"),
        (1, "CLIENT LIST ( ID <no-client> | TYPE ( replica | master | nobody ) )"),
        (1, "CLIENT UNBLOCK <no-client> [ TIMEOUT | ERROR | MAYBE ]"),
        (1, "COMMAND LIST FILTERBY ( PATTERN <command-pattern> | ACLCAT <category> | MODULE m )"),
        (1, "COMMAND INFO { <command-name> }"),
        (1, "COMMAND DOCS <command-name>"),
        (1, "COMMAND ( COUNT | HELP )"),
        (2, "CONFIG GET { <setting> }"),
        (2, "CONFIG SET <setting> <setting-value>"),
        (1, "CONFIG SET { <setting> <setting-value> }"),
        (1, "CONFIG ( RESETSTAT | HELP | REWRITE )"),
        (1, "INFO { <section> }"),
        (1, "LASTSAVE"),
        (1, "LATENCY ( LATEST | DOCTOR | HELP | RESET [ <value> ] | HISTORY <value> | GRAPH event )"),
        (1, "LOLWUT VERSION 9"),
        (1, "MEMORY ( PURGE | STATS | HELP )"),
        (
            1,
            "PUBSUB ( CHANNELS [ * ] | NUMSUB [ { <key> } ] | NUMPAT | SHARDCHANNELS | SHARDNUMSUB <key> | HELP )",
        ),
        (1, "ROLE"),
        (1, "SLOWLOG ( LEN | RESET | HELP | GET [ 0 | 10 | -2 | x ] )"),
        (1, "SPUBLISH <key> <value>"),
        (1, "WAIT 0 <timeout>"),
    ])
};

/// Commands that are here, of those which the engine does not answer, and are not generated: each with the reason,
/// and all with tests of their own in `tests/tests/resp_door/`.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("debug", "a Redis refuses it unless it is configured otherwise"),
    ("monitor", "what follows is no reply"),
    ("psubscribe", "it changes what the connection may do"),
    ("punsubscribe", "its answers are pushes, as many as there are patterns"),
    ("quit", "it ends the connection"),
    ("reset", "it changes the protocol"),
    ("shutdown", "it ends the server"),
    ("ssubscribe", "it changes what the connection may do"),
    ("subscribe", "it changes what the connection may do"),
    ("sunsubscribe", "its answers are pushes, as many as there are channels"),
    ("unsubscribe", "its answers are pushes, as many as there are channels"),
];

fn rule(name: &[u8], command: &[Vec<u8>]) -> Option<Rule> {
    let second = command.get(1).map(|word| word.to_ascii_uppercase()).unwrap_or_default();
    match (name, second.as_slice()) {
        (b"COMMAND", b"LIST") => Some(Rule::Unordered),
        (b"COMMAND", b"COUNT")
        | (b"CLIENT", b"LIST")
        | (b"INFO" | b"LASTSAVE", _)
        | (b"MEMORY", b"STATS")
        | (b"SLOWLOG", b"LEN" | b"GET") => Some(Rule::Kind),
        // A map in RESP3; in RESP2 the order of its pairs is left open.
        (b"CONFIG", b"GET") if command.len() > 3 => Some(Rule::Kind),
        _ => None,
    }
}

/// What tells of everything differs, and the commands of Redis are more.
fn tame(command: &mut Argv) {
    let is = |at: usize, word: &[u8]| command.get(at).is_some_and(|found| found.eq_ignore_ascii_case(word));
    let is_pattern = |word: &Vec<u8>| word.iter().any(|byte| b"*?[\\".contains(byte));
    if is(0, b"COMMAND") && command.len() == 2 && (is(1, b"LIST") || is(1, b"INFO") || is(1, b"DOCS")) {
        command[1] = b"HELP".to_vec();
    } else if is(0, b"CONFIG") && is(1, b"GET") && command[2..].iter().any(is_pattern) {
        command.truncate(2);
    } else if is(0, b"MEMORY") && (is(1, b"DOCTOR") || is(1, b"MALLOC-STATS")) {
        command[1] = b"HELP".to_vec();
    } else if is(0, b"WAIT") && !is(1, b"0") {
        // What is waited for never comes.
        command.truncate(2);
    }
}

fn word(name: &str, random: &mut Random) -> Option<Vec<u8>> {
    let choices: &[&str] = match name {
        "no-client" => &["999999999", "888888888", "0", "-1", "x"],
        "command-pattern" => &["xgroup*", "CLIENT|*", "z*store", "nosuch*", "get"],
        // Those of which all commands are here.
        "category" => &["hash", "LIST", "set", "sortedset", "stream", "geo", "bitmap", "nosuch"],
        // None with subcommands, which Redis tells in an order of its own.
        "command-name" => {
            &["get", "SET", "client|list", "xinfo|stream", "object|encoding", "sort", "nosuch", "get|nosuch"]
        }
        // None of those by which Redis tells the form of a value, or takes a payload for sound.
        "setting" => &[
            "hz",
            "active-expire-effort",
            "latency-tracking",
            "latency-tracking-info-percentiles",
            "lazyfree-lazy-user-del",
            "LFU-LOG-FACTOR",
            "list-max-listpack-size",
            "nosuch",
        ],
        "setting-value" => {
            &["yes", "no", "clients", "0", "1", "-1", "50", "1kb", "1001", "99999999999", "", "x"]
        }
        "section" => &["server", "CLIENTS", "memory", "stats", "keyspace", "commandstats", "all", "nosuch"],
        "timeout" => &["0", "1", "-1", "x"],
        _ => return None,
    };
    Some(random.pick(choices).as_bytes().to_vec())
}
