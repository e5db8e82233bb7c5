//! What is known of keys besides what they hold, carrying them about, and taking them all away.

use super::Family;
use crate::differential::rules::Rule;

/// Inspecting and flushing. A flush comes rarely, as it leaves nothing to compare.
pub const FAMILY: Family = Family {
    commands: &[
        (6, "OBJECT ENCODING <key>"),
        (4, "OBJECT ENCODING ( <string> | <number> | <hash> | <set> | <zset> )"),
        (2, "OBJECT REFCOUNT <key>"),
        (1, "OBJECT FREQ <key>"),
        (1, "OBJECT IDLETIME <key>"),
        (1, "OBJECT ( HELP | ENCODING | NONSENSE )"),
        (2, "MEMORY USAGE <key> [ SAMPLES <count> ]"),
        (1, "DUMP <key>"),
        (
            1,
            "RESTORE <key> <increment> <value> \
             %( [ REPLACE ] [ ABSTTL ] [ IDLETIME <increment> ] [ FREQ <increment> ] )",
        ),
        (1, "FLUSHALL [ ASYNC | SYNC | <value> ]"),
        (1, "FLUSHDB [ ASYNC | SYNC ]"),
        (1, "SWAPDB <database> <database>"),
        (1, "MOVE <key> <database>"),
    ],
    keys: &[],
    word: |_, _| None,
    rule,
    dump: |_| None,
    tame: |_| {},
};

fn rule(name: &[u8], command: &[Vec<u8>]) -> Option<Rule> {
    let subcommand = command.get(1).map(|word| word.to_ascii_uppercase()).unwrap_or_default();
    match (name, subcommand.as_slice()) {
        // There are several forms in which a value can be written.
        (b"DUMP", _) => Some(Rule::Shape),
        // How large a key is, when it was used last, and what shares it, is the server's business.
        (b"MEMORY", b"USAGE") => Some(Rule::KeySize),
        (b"OBJECT", b"IDLETIME" | b"REFCOUNT") => Some(Rule::Shape),
        _ => None,
    }
}
