//! `docs/redis.md` tells the truth: every command of Redis is in its table, once, and what it says is here is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hyrax_tests::differential::{DOOR_LEFT_OUT, Vocabulary};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Resp, RespClient, words};

/// The names in one section of the table.
fn names_in(section: &str, is_name_column: fn(usize) -> bool) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/redis.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let (_, after) = page.split_once(&format!("### {section}\n")).expect(section);
    let rows = after.lines().take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with('|'));
    let mut names = Vec::new();
    for row in rows {
        let columns = row.trim_matches('|').split('|').enumerate();
        for (_, column) in columns.filter(|(at, _)| is_name_column(*at)) {
            names.extend(column.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    assert!(!names.is_empty(), "{section} names nothing");
    names
}

fn here() -> Vec<String> {
    [names_in("As in Redis", |at| at == 1), names_in("With differences", |at| at == 0)].concat()
}

fn not_here() -> Vec<String> {
    names_in("Not here", |at| at == 1)
}

/// The commands that a server lists, without their subcommands.
fn listed(client: &mut RespClient) -> BTreeSet<String> {
    let reply = client.run(&words("COMMAND LIST"));
    let name = |name: &Resp| match name {
        Resp::Bulk(name) => String::from_utf8_lossy(name).into_owned(),
        other => panic!("a name expected, not {other:?}"),
    };
    let names = reply.elements().expect("an array").iter().map(name);
    names.filter(|name| !name.contains('|')).collect()
}

#[test]
fn every_command_of_redis_is_in_the_table_once() {
    let all = [here(), not_here()].concat();
    let in_table: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(in_table.len(), all.len(), "a name is there twice");
    assert_eq!(in_table, listed(&mut Redis::start().client()));
}

#[test]
fn every_command_that_is_here_is_played_at_random_or_left_out_for_a_reason() {
    let played = Vocabulary::Door.names();
    for name in here() {
        let is_left_out = DOOR_LEFT_OUT.iter().any(|(left_out, _)| *left_out == name);
        assert_ne!(played.contains(&name.to_uppercase()), is_left_out, "{name}");
    }
}

#[test]
fn what_the_table_says_is_here_is_listed_and_nothing_else() {
    let hyrax = Hyrax::start(&[]);
    let own = ["hmon", "hunmon", "eadd", "erem", "emembers", "ecard", "eismember"];
    let mut expected: BTreeSet<String> = here().into_iter().collect();
    expected.extend(own.map(str::to_owned));
    assert_eq!(listed(&mut hyrax.resp()), expected);
}

#[test]
fn what_the_table_says_is_not_here_is_unknown_and_the_rest_is_known() {
    let hyrax = Hyrax::start(&[]);
    let is_unknown = |name: &str| {
        // A connection each, since some change what theirs may do next. An argument too many or too few.
        let mut client = hyrax.resp();
        let reply = client.run(&words(&format!("{name} a b c d e f g h i j")));
        matches!(reply, Resp::Error(text) if text.starts_with("ERR unknown command"))
    };
    for name in not_here() {
        assert!(is_unknown(&name), "{name} is known");
    }
    for name in here() {
        assert!(!is_unknown(&name), "{name} is unknown");
    }
}
