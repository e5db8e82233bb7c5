//! What the doors know of each command before it runs is what Redis' `COMMAND` tells of it.

use hyrax_tests::cases;
use hyrax_tests::differential::{Generator, Vocabulary};
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Argv, Resp, show};
use hyrax_values::command::{Access, COMMANDS, Command, KeySpec, Place, lookup};

fn integer(reply: &Resp) -> i64 {
    match reply {
        Resp::Integer(number) => *number,
        other => panic!("a number expected, not {other:?}"),
    }
}

/// First key, last key (from the end when negative) and step, where one range covers the keys at fixed places.
fn range_of(keys: &[KeySpec]) -> (i64, i64, i64) {
    let mut range: Option<(i64, i64, i64)> = None;
    for spec in keys {
        let (first, last, step) = match spec.place {
            Place::At(position) => (position as i64, position as i64, 1),
            Place::From { first, step, spare } => (first as i64, -1 - spare as i64, step as i64),
            Place::Counted(_) | Place::Named(_) | Place::Patterns | Place::Streams => continue,
        };
        range = match range {
            Some((from, to, 1)) if to + 1 == first && step == 1 => Some((from, last, 1)),
            None => Some((first, last, step)),
            unchanged => unchanged,
        };
    }
    range.unwrap_or_default()
}

#[test]
fn every_command_has_the_arity_flags_and_key_range_that_redis_tells() {
    let redis = Redis::start();
    let ask: Argv = ["COMMAND", "INFO"]
        .into_iter()
        .chain(COMMANDS.iter().map(|command| command.name))
        .map(Into::into)
        .collect();
    let told = redis.client().run(&ask);
    let told = told.elements().expect("an array");
    assert_eq!(told.len(), COMMANDS.len());
    for (command, told) in COMMANDS.iter().zip(told) {
        let [name, arity, flags, first, last, step, ..] = told.elements().expect(command.name) else {
            panic!("{}: {told:?}", command.name)
        };
        assert_eq!(*name, Resp::bulk(command.name));
        let flags = flags.elements().expect("flags");
        let has = |flag: &str| flags.contains(&Resp::simple(flag));
        assert_eq!(i64::from(command.arity), integer(arity), "arity of {}", command.name);
        // Of a family of subcommands, Redis tells all but the arity for each of these.
        if flags.is_empty() && is_family(command) {
            continue;
        }
        assert_eq!(command.writes, has("write"), "whether {} writes", command.name);
        assert_eq!(!command.writes, has("readonly"), "whether {} only reads", command.name);
        assert_eq!(command.grows, has("denyoom"), "whether {} is denied without memory", command.name);
        assert_eq!(command.fast, has("fast"), "whether {} is fast", command.name);
        let range = (integer(first), integer(last), integer(step));
        assert_eq!(range_of(command.keys), range, "the key range of {}", command.name);
    }
}

fn is_family(command: &Command) -> bool {
    ["memory", "object", "xgroup", "xinfo"].contains(&command.name)
}

/// The keys of a call and whether each may be written, as Redis' `COMMAND GETKEYSANDFLAGS` tells. Nothing of a
/// key without flags: Redis has then read a count leniently that it will refuse when the command runs.
fn keys_in(reply: &Resp) -> Option<Vec<(Vec<u8>, bool)>> {
    let key = |told: &Resp| match told.elements() {
        Some([Resp::Bulk(key), flags]) => {
            let flags = flags.elements().expect("flags");
            (!flags.is_empty()).then(|| (key.clone(), !flags.contains(&Resp::simple("RO"))))
        }
        _ => panic!("a key and its flags expected, not {told:?}"),
    };
    reply.elements().expect("an array").iter().map(key).collect()
}

fn keys_of(command: &Command, call: &Argv) -> Vec<(Vec<u8>, bool)> {
    let argv: Vec<&[u8]> = call.iter().map(Vec::as_slice).collect();
    command.keys(&argv).map(|key| (key.key.to_vec(), key.access == Access::Write)).collect()
}

#[test]
fn random_commands_have_the_keys_that_redis_finds() {
    let redis = Redis::start();
    let mut client = redis.client();
    let mut generator = Generator::new(cases::seed(1), Vocabulary::Engine);
    let calls: Vec<Argv> = (0..cases::count(20_000)).map(|_| generator.command()).collect();
    let (mut found, mut keyless) = (0, 0);
    for calls in calls.chunks(500) {
        let ask =
            |call: &Argv| ["COMMAND", "GETKEYSANDFLAGS"].map(Into::into).into_iter().chain(call.clone());
        let asked: Vec<Argv> = calls.iter().map(|call| ask(call).collect()).collect();
        for (call, told) in calls.iter().zip(client.pipeline(&asked)) {
            let command = lookup(&call[0]).expect("a command");
            match &told {
                Resp::Error(text) if text.contains("no key arguments") => {
                    keyless += 1;
                    // A subcommand may have no key where the others have theirs.
                    if !is_family(command) {
                        assert_eq!(keys_of(command, call), [], "{}", show(call));
                    }
                }
                // The call cannot run: which of its words are keys is of no consequence.
                Resp::Error(_) => {}
                _ => {
                    let Some(keys) = keys_in(&told) else { continue };
                    // Where it only gets, Redis counts its key as read; here it is as the others. What a group reads
                    // of a stream is read to Redis, and here needs what a write needs, as it changes the group.
                    if ["bitfield", "xreadgroup"].contains(&command.name) {
                        continue;
                    }
                    // Of two places to store the same, Redis names both, and uses the last.
                    if command.name.starts_with("georadius") && keys.len() > 2 {
                        continue;
                    }
                    // Where STREAMS is the value of an option, Redis takes it for the word before the keys, and then
                    // refuses the call.
                    if command.name == "xread" && keys_of(command, call).is_empty() {
                        continue;
                    }
                    found += 1;
                    assert_eq!(keys_of(command, call), keys, "{}", show(call));
                }
            }
        }
    }
    assert!(found > 0 && keyless > 0, "{found} with keys, {keyless} without");
}
