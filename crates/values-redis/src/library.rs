//! The functions that run inside Redis, and how they are called.

use redis::Cmd;
use std::sync::LazyLock;

/// One of the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// A command that may make the data larger: refused when Redis' memory is full.
    Grow,
    /// Any other command that writes.
    Write,
    /// A value and its revision.
    Look,
    /// What was noticed of a key beside our own writes.
    Noticed,
    /// All keys are removed.
    Flush,
    /// How many keys there are.
    Size,
}

/// The library as Redis takes it. Its name, and those of its functions, tell its version, so that nodes of
/// different versions can share a Redis.
pub struct Library {
    /// What `FUNCTION LOAD` is given.
    pub code: String,
    names: [String; 6],
}

const PARTS: [&str; 5] = [
    include_str!("functions/head.lua"),
    include_str!("functions/keys.lua"),
    include_str!("functions/aggregates.lua"),
    include_str!("functions/streams.lua"),
    include_str!("functions/tail.lua"),
];

/// The library of this version.
pub fn library() -> &'static Library {
    static LIBRARY: LazyLock<Library> = LazyLock::new(Library::new);
    &LIBRARY
}

impl Library {
    fn new() -> Self {
        let body = PARTS.concat();
        let name = format!("hyrax_{:016x}", fnv(body.as_bytes()));
        let code = format!("#!lua name={name}\n{}", body.replace("@LIBRARY@", &name));
        let names = ["grow", "write", "look", "noticed", "flush", "size"]
            .map(|function| format!("{name}_{function}"));
        Library { code, names }
    }

    /// The beginning of a call of a function on these keys.
    pub fn call(&self, function: Function, keys: &[&[u8]]) -> Cmd {
        let mut command = redis::cmd("FCALL");
        command.arg(&self.names[function as usize]).arg(keys.len());
        for key in keys {
            command.arg(*key);
        }
        command
    }
}

/// A hash that is the same on every machine: FNV-1a.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyrax_values::command::{COMMANDS, Name};

    #[test]
    fn every_command_that_writes_has_a_rule() {
        let elsewhere = [Name::Flushall, Name::Flushdb, Name::Move, Name::Swapdb];
        let code = &library().code;
        for command in COMMANDS.iter().filter(|command| command.writes && !elsewhere.contains(&command.id)) {
            let name = command.name;
            let has_rule = [
                format!("rules.{name}("),
                format!("rules.{name} "),
                format!("rules.{name},"),
                format!("'{name}'"),
            ];
            assert!(has_rule.iter().any(|form| code.contains(form)), "{name}");
        }
    }

    #[test]
    fn the_name_tells_the_version() {
        let first = library().code.lines().next().unwrap();
        assert!(first.starts_with("#!lua name=hyrax_") && first.len() == "#!lua name=hyrax_".len() + 16);
        assert!(!library().code.contains("@LIBRARY@"));
    }
}
