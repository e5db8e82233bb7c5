//! `COMMAND`, beside Redis, and the data that it is answered from.

use std::collections::BTreeMap;

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Resp, RespClient, words};
use serde_json::{Value, json};

use crate::bytes::beside_redis;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/server/src/doors/resp/commands/");

/// A reply as the data files write it.
fn tree(reply: &Resp) -> Value {
    let all = |items: &[Resp]| Value::Array(items.iter().map(tree).collect());
    match reply {
        Resp::Simple(text) => json!(format!("+{text}")),
        Resp::Bulk(bytes) => json!(format!("${}", String::from_utf8_lossy(bytes))),
        Resp::Integer(number) => json!(number),
        Resp::Null => Value::Null,
        Resp::Array(items) => all(items),
        Resp::Set(items) => json!({ "~": all(items) }),
        Resp::Map(pairs) => {
            let items: Vec<Value> =
                pairs.iter().flat_map(|(name, value)| [tree(name), tree(value)]).collect();
            json!({ "%": items })
        }
        other => panic!("{other:?} is in no data"),
    }
}

/// The file's lines, one for each command, by name. Subcommands are put in order: the server's own is that
/// of its table.
fn lines(values: impl Iterator<Item = Value>) -> String {
    let mut lines: Vec<String> = values
        .map(|mut value| {
            if let Some(subcommands) = value.get_mut(9).and_then(Value::as_array_mut) {
                subcommands.sort_by_key(|info| info[0].to_string());
            }
            value.to_string() + "\n"
        })
        .collect();
    lines.sort();
    lines.concat()
}

/// The same with the fields of maps in order.
fn ordered(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(ordered).collect(),
        Value::Object(fields) => {
            let ordered = fields.into_iter().map(|(kind, items)| {
                let items: Vec<Value> = items.as_array().cloned().unwrap_or_default();
                let mut items: Vec<Value> = items.into_iter().map(ordered).collect();
                if kind == "%" {
                    let mut pairs: Vec<&[Value]> = items.chunks_exact(2).collect();
                    pairs.sort_by_key(|pair| pair[0].to_string());
                    items = pairs.concat();
                }
                (kind, Value::Array(items))
            });
            Value::Object(ordered.collect())
        }
        scalar => scalar,
    }
}

/// Compares a data file with what the server says; what it should hold is written beside the test's binary.
fn check(name: &str, expected: &str) {
    let path = format!("{DATA}{name}");
    let held = std::fs::read_to_string(&path).expect("the data file is there");
    // The order of a map's fields and of lines is of no meaning.
    let parse = |text: &str| -> BTreeMap<String, Value> {
        let value = |line: &str| ordered(serde_json::from_str::<Value>(line).expect("each line is JSON"));
        text.lines().map(|line| (value(line)[0].to_string(), value(line))).collect()
    };
    if parse(&held) != parse(expected) {
        let fresh = std::env::temp_dir().join(name);
        std::fs::write(&fresh, expected).expect("a file can be written");
        panic!("{path} is not what Redis says: copy {} over it", fresh.display());
    }
}

#[test]
fn the_data_of_commands_is_that_of_redis() {
    let redis = Redis::start();
    let mut client = redis.client().resp3();
    let Resp::Array(infos) = client.run(&words("COMMAND")) else { panic!("COMMAND is answered by an array") };
    check("info.jsonl", &lines(infos.iter().map(tree)));
    let Resp::Map(docs) = client.run(&words("COMMAND DOCS")) else { panic!("COMMAND DOCS by a map") };
    check("docs.jsonl", &lines(docs.iter().map(|(name, docs)| json!([tree(name), tree(docs)]))));
}

/// The names of the commands that a server lists.
fn names(client: &mut RespClient) -> Vec<String> {
    let reply = client.run(&words("COMMAND LIST"));
    let name = |reply: &Resp| match reply {
        Resp::Bulk(name) => String::from_utf8_lossy(name).into_owned(),
        other => panic!("{other:?} is no name"),
    };
    reply.elements().expect("an array").iter().map(name).collect()
}

#[test]
fn every_command_is_described_as_by_redis() {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    let (mut theirs, mut ours) = (redis.client().resp3(), hyrax.resp().resp3());
    let known = names(&mut theirs);
    let listed = names(&mut ours);
    assert!(listed.len() > 180, "{}", listed.len());
    let whole = listed.iter().filter(|name| !name.contains('|')).count();
    assert_eq!(ours.run(&words("COMMAND COUNT")), Resp::Integer(whole as i64));
    for name in listed {
        let Resp::Array(info) = ours.run(&words(&format!("COMMAND INFO {name}"))) else { panic!("{name}") };
        assert!(info[0] != Resp::Null, "{name} has no description");
        assert!(ours.run(&words(&format!("COMMAND DOCS {name}"))) != Resp::Map(vec![]), "{name} has no docs");
        if !known.contains(&name) {
            assert!(
                ["hmon", "hunmon", "eadd", "erem", "emembers", "ecard", "eismember"].contains(&&*name),
                "{name} is neither Redis' nor documented as Hyrax'"
            );
            continue;
        }
        for question in ["COMMAND INFO", "COMMAND DOCS"] {
            let question = words(&format!("{question} {name}"));
            let (expected, answered) = (theirs.run(&question), ours.run(&question));
            assert!(same_but_for_order(&answered, &expected), "{name}: {answered:?}\nnot {expected:?}");
        }
    }
}

/// Whether both are the same, subcommands in any order.
fn same_but_for_order(ours: &Resp, theirs: &Resp) -> bool {
    lines([tree(ours)[0].clone()].into_iter()) == lines([tree(theirs)[0].clone()].into_iter())
        || ours.same(theirs)
}

#[test]
fn keys_are_found_as_by_redis() {
    beside_redis(
        &[],
        [
            "COMMAND GETKEYS\r\nCOMMAND GETKEYS GET\r\nCOMMAND GETKEYS GET a\r\nCOMMAND GETKEYS FOO a\r\nCOMMAND GETKEYS PING a\r\n",
            "COMMAND GETKEYS MSET a 1 b 2\r\nCOMMAND GETKEYSANDFLAGS MSET a 1 b 2\r\nCOMMAND GETKEYSANDFLAGS COPY a b\r\n",
            "COMMAND GETKEYS WATCH a\r\nCOMMAND GETKEYSANDFLAGS LMOVE a b LEFT RIGHT\r\nCOMMAND GETKEYS ZUNIONSTORE d 2 a b\r\n",
            "COMMAND GETKEYS ZUNIONSTORE d 9 a b\r\nCOMMAND GETKEYS MSET\r\nCOMMAND GETKEYS GET a b\r\n",
            "COMMAND INFO get nosuch client|list client|nosuch\r\nCOMMAND DOCS nosuch\r\nCOMMAND HELP\r\nCOMMAND COUNT a\r\n",
            "COMMAND LIST FILTERBY FOO bar\r\nCOMMAND LIST FILTERBY MODULE x\r\nCOMMAND LIST FILTERBY PATTERN cl*reply\r\n",
        ],
    );
}
