//! `COMMAND`: what there is, and what is known of it.

use super::super::dialogue::{Conversation, Flow};
use super::super::encode::RespSink;
use super::super::help::write_help;
use super::data::{docs, elements, info};
use super::{bad_subcommand, wrong_arity};
use hyrax_values::command::{Access, COMMANDS, KeySpec, Place, lookup};
use hyrax_values::{Error, ReplySink, glob_matches, parse_integer};
use serde_json::Value;

/// The names of all commands of the door and of the engine.
fn names() -> impl Iterator<Item = &'static str> {
    let of_door = super::names().filter(|name| lookup(name.as_bytes()).is_none());
    COMMANDS.iter().map(|command| command.name).chain(of_door)
}

/// What is known of a command (`get`, `client|list`), if there is such a one here.
fn info_of(name: &[u8]) -> Option<Value> {
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    let (command, subcommand) = match name.split_once('|') {
        Some((command, _)) => (command, Some(&*name)),
        None => (&*name, None),
    };
    if lookup(command.as_bytes()).is_none() && super::lookup(command.as_bytes()).is_none() {
        return None;
    }
    let whole = info(command)?;
    match subcommand {
        None => Some(whole),
        Some(subcommand) => {
            let subcommand = format!("${subcommand}");
            let named = |info: &&Value| info.get(0).and_then(Value::as_str) == Some(&subcommand);
            elements(whole.get(9)?).iter().find(named).cloned()
        }
    }
}

/// `COMMAND [subcommand …]`.
pub fn run(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let Some(subcommand) = argv.get(1) else {
        write_infos(names().map(|name| info_of(name.as_bytes())), conversation, out);
        return Ok(Flow::Done);
    };
    match &subcommand.to_ascii_lowercase()[..] {
        b"count" => conversation.reply(out).integer(names().count() as i64),
        b"docs" => write_docs(&argv[2..], conversation, out),
        b"getkeys" => write_keys(&argv[2..], false, conversation, out)?,
        b"getkeysandflags" => write_keys(&argv[2..], true, conversation, out)?,
        b"help" => write_help(conversation, argv[0], HELP, out),
        b"info" if argv.len() == 2 => {
            write_infos(names().map(|name| info_of(name.as_bytes())), conversation, out);
        }
        b"info" => write_infos(argv[2..].iter().map(|name| info_of(name)), conversation, out),
        b"list" => write_list(&argv[2..], conversation, out)?,
        _ => return Err(bad_subcommand("command", subcommand)),
    }
    Ok(Flow::Done)
}

fn write_infos(infos: impl Iterator<Item = Option<Value>>, conversation: &Conversation, out: &mut Vec<u8>) {
    let infos: Vec<_> = infos.collect();
    let mut reply = conversation.reply(out);
    reply.array(infos.len());
    for info in infos {
        match info {
            Some(info) => write_tree(&info, &mut reply),
            None => reply.null(),
        }
    }
}

/// `COMMAND DOCS [name …]`.
fn write_docs(asked: &[&[u8]], conversation: &Conversation, out: &mut Vec<u8>) {
    let mut found = Vec::new();
    if asked.is_empty() {
        found.extend(names().filter_map(|name| Some((name.to_owned(), docs(name)?))));
    }
    for name in asked {
        let Some(info) = info_of(name) else { continue };
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let docs = match name.split_once('|') {
            None => docs(&name),
            Some((command, _)) => docs(command).and_then(|docs| docs_of_subcommand(&docs, &name)),
        };
        let shown = info.get(0).and_then(Value::as_str).and_then(|name| name.strip_prefix('$'));
        found.extend(docs.map(|docs| (shown.unwrap_or(&name).to_owned(), docs)));
    }
    let mut reply = conversation.reply(out);
    reply.map(found.len());
    for (name, docs) in found {
        reply.bulk(name.as_bytes());
        write_tree(&docs, &mut reply);
    }
}

/// What the documentation of a command says of its subcommand.
fn docs_of_subcommand(docs: &Value, name: &str) -> Option<Value> {
    let field = |map: &Value, wanted: &str| {
        let items = map.get("%")?.as_array()?;
        let wanted = format!("${wanted}");
        let pair = items.chunks_exact(2).find(|pair| pair[0].as_str() == Some(&wanted))?;
        Some(pair[1].clone())
    };
    field(&field(docs, "subcommands")?, name)
}

/// `COMMAND GETKEYS` and `COMMAND GETKEYSANDFLAGS`.
fn write_keys(
    argv: &[&[u8]],
    with_flags: bool,
    conversation: &Conversation,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let subcommand = if with_flags { "command|getkeysandflags" } else { "command|getkeys" };
    let Some(name) = argv.first() else { return Err(wrong_arity(subcommand)) };
    const INVALID: Error = Error::text("ERR Invalid command specified");
    const NO_KEYS: Error = Error::text("ERR The command has no key arguments");
    let Some(command) = lookup(name) else {
        let entry = super::lookup(name).ok_or(INVALID)?;
        let expected = entry.check(argv).map_err(|_| INVALID_NUMBER);
        if entry.name != "watch" {
            return Err(NO_KEYS);
        }
        expected?;
        let keys = argv[1..].iter().map(|key| (*key, Access::Read));
        write_found(keys.collect(), argv, with_flags, conversation, out);
        return Ok(());
    };
    if command.keys.is_empty() {
        return Err(NO_KEYS);
    }
    command.check_arity(argv.len()).map_err(|_| INVALID_NUMBER)?;
    // Redis refuses a number of keys that there are not, where commands themselves have their own words.
    let counts_too_many = |spec: &KeySpec| match spec.place {
        Place::Counted(position) => argv
            .get(position)
            .and_then(|count| parse_integer(count))
            .is_none_or(|count| count < 1 || count as usize > argv.len() - position - 1),
        _ => false,
    };
    if command.keys.iter().any(counts_too_many) {
        return Err(INVALID_ARGUMENTS);
    }
    let keys: Vec<_> = command.keys(argv).map(|found| (found.key, found.access)).collect();
    if keys.is_empty() {
        return Err(INVALID_ARGUMENTS);
    }
    write_found(keys, argv, with_flags, conversation, out);
    Ok(())
}

const INVALID_ARGUMENTS: Error = Error::text("ERR Invalid arguments specified for command");

const INVALID_NUMBER: Error = Error::text("ERR Invalid number of arguments specified for command");

fn write_found(
    keys: Vec<(&[u8], Access)>,
    argv: &[&[u8]],
    with_flags: bool,
    conversation: &Conversation,
    out: &mut Vec<u8>,
) {
    let flags = if with_flags { key_flags(argv) } else { Vec::new() };
    let mut reply = conversation.reply(out);
    reply.array(keys.len());
    let one_each = flags.len() == keys.len();
    for (number, (key, access)) in keys.into_iter().enumerate() {
        if with_flags {
            reply.array(2);
        }
        reply.bulk(key);
        if with_flags {
            let of_access = || flags.iter().find(|flags| is_of(flags, access)).or(flags.first());
            match flags.get(number).filter(|_| one_each).or_else(of_access) {
                Some(flags) => write_tree(flags, &mut reply),
                None => reply.set(0),
            }
        }
    }
}

/// The flags of each of a command's key specifications; of the call, where they depend on its words.
fn key_flags(argv: &[&[u8]]) -> Vec<Value> {
    let of_call = match &argv[0].to_ascii_lowercase()[..] {
        b"set" => Some(flags_of_set(&argv[3..])),
        b"bitfield" => Some(flags_of_bitfield(&argv[2..])),
        _ => None,
    };
    if let Some(flags) = of_call {
        return vec![serde_json::json!({ "~": flags })];
    }
    let Some(info) = info_of(argv[0]) else { return Vec::new() };
    let specs = info.get(8).map_or(&[][..], elements);
    let flags = |spec: &Value| {
        let items = spec.get("%")?.as_array()?;
        let pair = items.chunks_exact(2).find(|pair| pair[0].as_str() == Some("$flags"))?;
        Some(pair[1].clone())
    };
    specs.iter().filter_map(flags).collect()
}

/// Whether `SET`, given these options, also reads.
fn flags_of_set(options: &[&[u8]]) -> &'static [&'static str] {
    let reads = options.iter().any(|word| word.eq_ignore_ascii_case(b"get"));
    if reads { &["+RW", "+access", "+update"] } else { &["+OW", "+update"] }
}

/// Whether `BITFIELD`, given these operations, writes; what is none counts as one that does.
fn flags_of_bitfield(mut operations: &[&[u8]]) -> &'static [&'static str] {
    while let Some((word, rest)) = operations.split_first() {
        operations = if word.eq_ignore_ascii_case(b"get") && rest.len() >= 2 {
            &rest[2..]
        } else if word.eq_ignore_ascii_case(b"overflow") && !rest.is_empty() {
            &rest[1..]
        } else {
            return &["+RW", "+access", "+update"];
        };
    }
    &["+RO", "+access"]
}

/// Whether flags are of a key that is only read.
fn is_of(flags: &Value, access: Access) -> bool {
    let reads = elements(flags).iter().any(|flag| flag.as_str() == Some("+RO"));
    reads == (access == Access::Read)
}

/// `COMMAND LIST [FILTERBY MODULE name|ACLCAT category|PATTERN pattern]`.
fn write_list(options: &[&[u8]], conversation: &Conversation, out: &mut Vec<u8>) -> Result<(), Error> {
    let all = with_subcommands();
    let listed: Vec<String> = match options {
        [] => all.into_iter().map(|(name, _)| name).collect(),
        [filter, by, value] if filter.eq_ignore_ascii_case(b"filterby") => match &by.to_ascii_lowercase()[..]
        {
            b"module" => Vec::new(),
            b"aclcat" => {
                let category = format!("+@{}", String::from_utf8_lossy(value).to_ascii_lowercase());
                let has = |info: &Value| {
                    info.get(6)
                        .is_some_and(|all| elements(all).iter().any(|held| held.as_str() == Some(&category)))
                };
                all.into_iter().filter(|(_, info)| has(info)).map(|(name, _)| name).collect()
            }
            b"pattern" => {
                let matches = |name: &str| glob_matches(&value.to_ascii_lowercase(), name.as_bytes());
                all.into_iter().map(|(name, _)| name).filter(|name| matches(name)).collect()
            }
            _ => return Err(Error::Syntax),
        },
        _ => return Err(Error::Syntax),
    };
    conversation.reply(out).bulks(listed.iter().map(String::as_bytes));
    Ok(())
}

/// All commands and subcommands with what is known of them.
fn with_subcommands() -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for info in names().filter_map(|name| info_of(name.as_bytes())) {
        let subcommands = info.get(9).map(elements).unwrap_or_default().to_vec();
        all.extend(std::iter::once(info).chain(subcommands).filter_map(|info| {
            let name = info.get(0)?.as_str()?.strip_prefix('$')?.to_owned();
            Some((name, info))
        }));
    }
    all
}

/// Writes what a line of the data says.
fn write_tree(value: &Value, reply: &mut RespSink<'_>) {
    match value {
        Value::Null => reply.null(),
        Value::Bool(truth) => reply.boolean(*truth),
        Value::Number(number) => reply.integer(number.as_i64().unwrap_or_default()),
        Value::String(text) => match text.strip_prefix('+') {
            Some(status) => reply.words(status),
            None => reply.bulk(text.strip_prefix('$').unwrap_or(text).as_bytes()),
        },
        Value::Array(items) => {
            reply.array(items.len());
            items.iter().for_each(|item| write_tree(item, reply));
        }
        Value::Object(fields) => {
            for (kind, items) in fields {
                let items = elements(items);
                if kind == "%" {
                    reply.map(items.len() / 2);
                } else {
                    reply.set(items.len());
                }
                items.iter().for_each(|item| write_tree(item, reply));
            }
        }
    }
}

const HELP: &[&str] = &[
    "(no subcommand)",
    "    Return details about all Redis commands.",
    "COUNT",
    "    Return the total number of commands in this Redis server.",
    "LIST",
    "    Return a list of all commands in this Redis server.",
    "INFO [<command-name> ...]",
    "    Return details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "GETKEYS <full-command>",
    "    Return the keys from a full Redis command.",
    "GETKEYSANDFLAGS <full-command>",
    "    Return the keys and the access flags from a full Redis command.",
];
