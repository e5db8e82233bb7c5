//! Commands as Redis is given them.

use crate::library::{Function, library};
use crate::names::Names;
use hyrax_types::limits::REDIS_CALL_WORDS_MAX;
use hyrax_values::command::Name;
use hyrax_values::{Call, Error, Fence, parse_integer};
use redis::Cmd;

/// Redis' refusal of a command over keys of several slots.
const CROSS_SLOT: Error = Error::text("CROSSSLOT Keys in request don't hash to the same slot");

/// A command of a client with its keys as Redis knows them.
pub struct Prepared {
    /// Its slot.
    pub slot: u16,
    /// Its words.
    pub words: Vec<Vec<u8>>,
    /// Which of them are keys, in Redis' order.
    keys: Vec<usize>,
    names_several: bool,
}

impl Prepared {
    /// Takes a command over, if its keys lie in one slot.
    pub fn new(names: &Names, call: &Call<'_>) -> Result<Self, Error> {
        let mut words: Vec<Vec<u8>> = call.argv.iter().map(|word| word.to_vec()).collect();
        let mut slot = None;
        let mut keys = Vec::new();
        for found in call.command.keys(call.argv) {
            let of_key = names.slot(found.key);
            if *slot.get_or_insert(of_key) != of_key {
                return Err(CROSS_SLOT);
            }
            words[found.position] = names.real(found.key);
            keys.push(found.position);
        }
        if call.command.reaches_further(call.argv) && !names.prefix().is_empty() {
            add_prefix_to_patterns(names, &mut words);
        }
        if call.command.id == Name::Copy {
            leave_out_database(&mut words)?;
        }
        let names_several = call.command.has_several_keys(call.argv);
        Ok(Prepared { slot: slot.unwrap_or(0), words, keys, names_several })
    }

    /// The command as it is: for what only reads.
    pub fn as_sent(&self) -> Cmd {
        let mut command = Cmd::new();
        for word in &self.words {
            command.arg(word.as_slice());
        }
        command
    }

    /// The call of the function that runs it, for this node. `extra` are letters of further options.
    pub fn as_function(
        &self,
        names: &Names,
        call: &Call<'_>,
        fence: Option<&Fence<'_>>,
        node: &str,
        extra: &str,
    ) -> Result<Cmd, Error> {
        if self.words.len() > REDIS_CALL_WORDS_MAX {
            return Err(Error::Other(
                format!("ERR a command that writes has at most {REDIS_CALL_WORDS_MAX} words over Redis")
                    .into(),
            ));
        }
        let state = names.state(self.slot);
        let keys = self.keys.iter().map(|&place| self.words[place].as_slice());
        let keys: Vec<&[u8]> = keys.chain([&state[..]]).collect();
        let function = if call.command.grows { Function::Grow } else { Function::Write };
        let mut options = extra.to_owned();
        for (letter, is_set) in [
            ('q', call.quiet),
            ('a', call.actor.is_some()),
            ('s', self.names_several),
            ('f', fence.is_some()),
        ] {
            if is_set {
                options.push(letter);
            }
        }
        let places = if names.prefix().is_empty() {
            String::new()
        } else {
            self.keys.iter().map(|place| (place + 1).to_string()).collect::<Vec<_>>().join(" ")
        };
        let mut command = library().call(function, &keys);
        command.arg(names.base(self.slot)).arg(names.prefix().len()).arg(options);
        command.arg(call.actor.unwrap_or_default()).arg(node);
        command.arg(fence.map_or(&b""[..], |fence| fence.lock));
        command.arg(fence.map_or(String::new(), |fence| fence.token.to_string()));
        command.arg(places).arg(call.command.name);
        for word in &self.words {
            command.arg(word.as_slice());
        }
        Ok(command)
    }
}

/// `SORT`'s patterns name keys too.
fn add_prefix_to_patterns(names: &Names, words: &mut [Vec<u8>]) {
    for place in 3..words.len() {
        let option = &words[place - 1];
        let names_keys = option.eq_ignore_ascii_case(b"by") || option.eq_ignore_ascii_case(b"get");
        if names_keys && words[place].contains(&b'*') {
            words[place] = names.real(&words[place]);
        }
    }
}

/// There is one database for clients, number 0, whichever it is in Redis.
fn leave_out_database(words: &mut Vec<Vec<u8>>) -> Result<(), Error> {
    while let Some(place) = words.iter().skip(3).position(|word| word.eq_ignore_ascii_case(b"db")) {
        let Some(number) = words.get(place + 4) else { return Err(Error::Syntax) };
        if parse_integer(number).ok_or(Error::NotInteger)? != 0 {
            return Err(Error::text("ERR DB index is out of range"));
        }
        words.drain(place + 3..place + 5);
    }
    Ok(())
}
