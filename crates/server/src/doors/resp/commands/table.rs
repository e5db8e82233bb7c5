//! The table of the door's own commands.

use super::data::subcommand_names;
use super::{Entry, Needs, Run, Spec};
use crate::doors::line;
use crate::doors::resp::server::{config, debug, info, latency, memory, slow_log};
use crate::doors::resp::{client, connection, hyrax, monitor, pubsub, server, transaction};
use hyrax_values::Command;
use hyrax_values::command::{COMMANDS, lookup};
use std::collections::HashMap;
use std::sync::LazyLock;

struct Row(&'static str, Run, Needs, &'static [(&'static str, Needs)]);

use Needs::{Nothing, Operator, Write};

static ROWS: &[Row] = &[
    // The connection.
    Row("auth", connection::auth, Nothing, &[]),
    Row(
        "client",
        client::run,
        Nothing,
        &[
            ("kill", Operator),
            ("list", Write),
            ("pause", Operator),
            ("unblock", Operator),
            ("unpause", Operator),
        ],
    ),
    Row("echo", connection::echo, Nothing, &[]),
    Row("hello", connection::hello, Nothing, &[]),
    Row("ping", connection::ping, Nothing, &[]),
    Row("quit", connection::quit, Nothing, &[]),
    Row("reset", connection::reset, Nothing, &[]),
    Row("select", connection::select, Nothing, &[]),
    // The server.
    Row("command", super::describe::run, Nothing, &[]),
    Row("config", config::run, Operator, &[("get", Nothing), ("help", Nothing)]),
    Row("debug", debug::run, Operator, &[("help", Nothing)]),
    Row("info", info::run, Nothing, &[]),
    Row("lastsave", server::lastsave, Nothing, &[]),
    Row("latency", latency::run, Nothing, &[("reset", Operator)]),
    Row("lolwut", server::lolwut, Nothing, &[]),
    Row("memory", memory::run, Nothing, &[("purge", Operator)]),
    Row("monitor", monitor::monitor, Operator, &[]),
    Row("role", server::role, Nothing, &[]),
    Row("shutdown", server::shutdown, Operator, &[]),
    Row("slowlog", slow_log::run, Write, &[("reset", Operator)]),
    Row("time", server::time, Nothing, &[]),
    Row("wait", server::wait, Nothing, &[]),
    // Channels.
    Row("psubscribe", pubsub::psubscribe, Nothing, &[]),
    Row("publish", pubsub::publish, Write, &[]),
    Row("pubsub", pubsub::pubsub, Nothing, &[]),
    Row("punsubscribe", pubsub::punsubscribe, Nothing, &[]),
    Row("spublish", pubsub::spublish, Write, &[]),
    Row("ssubscribe", pubsub::ssubscribe, Nothing, &[]),
    Row("subscribe", pubsub::subscribe, Nothing, &[]),
    Row("sunsubscribe", pubsub::sunsubscribe, Nothing, &[]),
    Row("unsubscribe", pubsub::unsubscribe, Nothing, &[]),
    // Transactions.
    Row("discard", transaction::discard, Nothing, &[]),
    Row("exec", transaction::exec, Nothing, &[]),
    Row("multi", transaction::multi, Nothing, &[]),
    Row("unwatch", transaction::unwatch, Nothing, &[]),
    Row("watch", transaction::watch, Nothing, &[]),
    // Hyrax' own.
    Row("eadd", hyrax::eadd, Write, &[]),
    Row("ecard", hyrax::ecard, Nothing, &[]),
    Row("eismember", hyrax::eismember, Nothing, &[]),
    Row("emembers", hyrax::emembers, Nothing, &[]),
    Row("erem", hyrax::erem, Write, &[]),
    Row("hmon", hyrax::hmon, Nothing, &[]),
    Row("hunmon", hyrax::hunmon, Nothing, &[]),
];

/// The names of the commands.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.0)
}

/// All names that metrics are kept under: the engine's commands, the line door's, those of the RESP door
/// that neither has, and then all subcommands.
pub fn metrics_names() -> &'static [&'static str] {
    static SUBCOMMANDS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let of_door = names().filter(|name| lookup(name.as_bytes()).is_none());
        subcommand_names(COMMANDS.iter().map(|command| command.name).chain(of_door))
    });
    static ALL: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let mut all: Vec<&'static str> =
            COMMANDS.iter().map(|command| command.name).chain(line::verb_names()).collect();
        for name in names() {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all.extend(SUBCOMMANDS.iter().map(String::as_str));
        all
    });
    &ALL
}

/// The place of a call of a command of the engine among the metrics' names.
pub fn number_of(command: &'static Command, argv: &[&[u8]]) -> usize {
    static SPECS: LazyLock<HashMap<&'static str, Spec>> = LazyLock::new(|| {
        let families = COMMANDS.iter().filter(|command| command.is_family());
        families.map(|family| (family.name, numbered(Spec::of(family.name)))).collect()
    });
    let number = command.id as usize;
    if !command.is_family() {
        return number;
    }
    let spec = SPECS.get(command.name).zip(argv.get(1)).and_then(|(spec, word)| spec.subcommand(word));
    spec.map_or(number, |spec| spec.number)
}

/// The same with the places of it and of its subcommands among the metrics' names.
fn numbered(mut spec: Spec) -> Spec {
    let place = |name: &str| metrics_names().iter().position(|other| *other == name).unwrap_or(usize::MAX);
    spec.number = place(&spec.full_name);
    for subcommand in &mut spec.subcommands {
        subcommand.number = place(&subcommand.full_name);
    }
    spec
}

/// The commands by their names.
pub fn entries() -> HashMap<&'static str, Entry> {
    let entry = |row: &Row| {
        let spec = numbered(Spec::of(row.0));
        (row.0, Entry { name: row.0, run: row.1, spec, needs: row.2, but: row.3 })
    };
    ROWS.iter().map(entry).collect()
}
