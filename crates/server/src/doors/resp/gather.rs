//! The whole commands at the front of what was read, found before the first is run, so that their keys
//! can be fetched together.

use super::parse::{Bounds, Broken, Parsed, Parser, Words};
use hyrax_values::command::{self, Name};
use hyrax_values::{Command, Values, key_hash};
use smallvec::SmallVec;

/// Commands looked at ahead. The more, the better their cache misses overlap; the fewer, the surer that
/// the first is still there when its turn comes.
const COMMANDS_AHEAD: usize = 32;

/// Words after which no further command is looked for: what is there fits without an allocation.
const WORDS_AHEAD: usize = 96;

/// Keys fetched at once.
const KEYS_AHEAD: usize = 64;

/// What stands after the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Maybe others.
    More,
    /// No whole one before there are this many bytes, those of the commands not counted.
    Unfinished(usize),
    /// Something that is none.
    Broken(Broken),
}

/// The engine's command that these are the words of, if they are.
pub fn lookup(argv: &[&[u8]]) -> Option<&'static Command> {
    let command = command::lookup(argv.first()?)?;
    // What a key takes is the engine's to say, what the server takes the door's.
    let is_of_door = command.id == Name::Memory
        && argv.get(1).is_some_and(|subcommand| !subcommand.eq_ignore_ascii_case(b"usage"));
    (!is_of_door).then_some(command)
}

/// One of the commands.
struct Found {
    command: Option<&'static Command>,
    /// Where its words end.
    words_end: usize,
    /// Where it ends.
    end: usize,
}

/// Commands, not run yet.
pub struct Batch<'d> {
    words: Words<'d>,
    found: SmallVec<[Found; COMMANDS_AHEAD]>,
    /// The last one, where it is inline: what it says had to be unquoted.
    inline: Option<(Vec<Vec<u8>>, usize)>,
    bytes: usize,
    end: End,
}

impl<'d> Batch<'d> {
    /// Finds no more than `commands_max` commands at the front of `data`.
    pub fn gather(parser: &mut Parser, data: &'d [u8], bounds: &Bounds, commands_max: usize) -> Self {
        let mut batch =
            Batch { words: SmallVec::new(), found: SmallVec::new(), inline: None, bytes: 0, end: End::More };
        while batch.found.len() < commands_max.min(COMMANDS_AHEAD) && batch.words.len() < WORDS_AHEAD {
            let first = batch.words.len();
            match parser.parse(&data[batch.bytes..], bounds, &mut batch.words) {
                Parsed::Command(length) => {
                    batch.bytes += length;
                    batch.found.push(Found {
                        command: lookup(&batch.words[first..]),
                        words_end: batch.words.len(),
                        end: batch.bytes,
                    });
                }
                Parsed::Nothing(length) => batch.bytes += length,
                Parsed::Inline(words, length) => {
                    batch.bytes += length;
                    batch.inline = Some((words, batch.bytes));
                    break;
                }
                Parsed::Unfinished(needed) => {
                    batch.end = End::Unfinished(needed);
                    break;
                }
                Parsed::Broken(broken) => {
                    batch.end = End::Broken(broken);
                    break;
                }
            }
        }
        batch
    }

    /// The commands in order: the engine's, if it is one; its words; where it ends.
    pub fn commands(&self) -> impl Iterator<Item = (Option<&'static Command>, &[&'d [u8]], usize)> {
        let mut first = 0;
        self.found.iter().map(move |found| {
            let argv = &self.words[first..found.words_end];
            first = found.words_end;
            (found.command, argv, found.end)
        })
    }

    /// The words of the inline command that follows them, and where it ends.
    pub fn inline(&self) -> Option<(SmallVec<[&[u8]; 8]>, usize)> {
        let (words, end) = self.inline.as_ref()?;
        Some((words.iter().map(Vec::as_slice).collect(), *end))
    }

    /// How many bytes the commands have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What stands after them.
    pub fn end(&self) -> End {
        self.end
    }

    /// Has the keys of the commands fetched.
    pub fn prefetch(&self, values: &dyn Values) {
        let mut hashes: SmallVec<[u64; KEYS_AHEAD]> = SmallVec::new();
        for (command, argv, _) in self.commands() {
            let Some(command) = command else { continue };
            match command.only_key() {
                Some(position) => hashes.extend(argv.get(position).map(|key| key_hash(key))),
                None => {
                    let room = KEYS_AHEAD - hashes.len();
                    hashes.extend(command.keys(argv).take(room).map(|found| key_hash(found.key)));
                }
            }
            if hashes.len() >= KEYS_AHEAD {
                break;
            }
        }
        // One key's misses have nothing to overlap with.
        if hashes.len() > 1 {
            values.prefetch(&hashes);
        }
    }
}
