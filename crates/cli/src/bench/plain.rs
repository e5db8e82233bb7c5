//! Commands that are measured one at a time: what is sent, and what must be there before.

use clap::ValueEnum;

use super::requests::{Word, member, value};

/// Which of Hyrax' doors a plain command goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Door {
    /// Redis' protocol: the same bytes as to a Redis
    Resp,
    /// JSON lines
    Line,
}

/// A command that every connection sends over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// Reads a string.
    Get,
    /// Writes a string.
    Set,
    /// Adds one to a number.
    Incr,
    /// Adds one element to a list.
    Lpush,
    /// Takes one element from a list.
    Lpop,
    /// Writes one of ten fields of a hash.
    Hset,
    /// Adds one of a hundred members to a set.
    Sadd,
    /// Gives a new score to one of the hundred members of a sorted set.
    Zadd,
    /// Reads all of the hundred members of a sorted set.
    Zrange,
    /// Writes ten strings.
    Mset,
}

/// Fields of a hash.
const FIELDS: u64 = 10;
/// Members of a set that may be there.
const SET_MEMBERS: u64 = 100;
/// Those that are there before the measurement.
const SET_FILLED: u64 = 10;
/// Members of a sorted set.
const SORTED_SET_MEMBERS: u64 = 100;
/// Keys of one `MSET`.
const MSET_KEYS: u64 = 10;
/// Elements that one request of a fill adds to a list.
pub const LIST_FILL: u64 = 100;
/// Pops where nothing else is said: each takes what was filled in before, so there is an end to them.
pub const POPS: u64 = 5_000_000;

impl Plain {
    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Plain::Get => "get",
            Plain::Set => "set",
            Plain::Incr => "incr",
            Plain::Lpush => "lpush",
            Plain::Lpop => "lpop",
            Plain::Hset => "hset",
            Plain::Sadd => "sadd",
            Plain::Zadd => "zadd",
            Plain::Zrange => "zrange of 100",
            Plain::Mset => "mset of 10",
        }
    }

    /// How many keys there are where nothing else is said.
    pub fn keys(self, door: Door) -> u64 {
        match self {
            Plain::Get | Plain::Set | Plain::Incr | Plain::Mset => match door {
                Door::Resp => 1_000_000,
                Door::Line => 100_000,
            },
            Plain::Hset | Plain::Sadd => 100_000,
            Plain::Lpush | Plain::Lpop | Plain::Zadd | Plain::Zrange => 10_000,
        }
    }

    /// The words of one request.
    pub fn words(self, value: &str) -> Vec<Word<'_>> {
        let text = Word::Text;
        match self {
            Plain::Get => vec![text("GET"), Word::Key(0)],
            Plain::Set => vec![text("SET"), Word::Key(0), text(value)],
            Plain::Incr => vec![text("INCR"), Word::Key(0)],
            Plain::Lpush => vec![text("LPUSH"), Word::Key(0), text(value)],
            Plain::Lpop => vec![text("LPOP"), Word::Key(0)],
            Plain::Hset => vec![text("HSET"), Word::Key(0), Word::Member(0), text(value)],
            Plain::Sadd => vec![text("SADD"), Word::Key(0), Word::Member(0)],
            Plain::Zadd => vec![text("ZADD"), Word::Key(0), Word::Score(0), Word::Member(0)],
            Plain::Zrange => vec![text("ZRANGE"), Word::Key(0), text("0"), text("-1")],
            Plain::Mset => {
                let pairs = (0..MSET_KEYS).flat_map(|_| [Word::Key(0), text(value)]);
                std::iter::once(text("MSET")).chain(pairs).collect()
            }
        }
    }

    /// How many different members, or scores, its requests name.
    pub fn members(self) -> u64 {
        match self {
            Plain::Hset => FIELDS,
            Plain::Zadd => SORTED_SET_MEMBERS,
            _ => SET_MEMBERS,
        }
    }

    /// What fills one key before the measurement. Nothing where there is nothing to be there.
    pub fn filling(self, value_bytes: usize) -> Option<Filling> {
        match self {
            Plain::Get | Plain::Set | Plain::Mset => Some(Filling::string(value_bytes)),
            Plain::Incr => Some(Filling { command: "SET", arguments: vec!["0".to_owned()] }),
            Plain::Lpush => None,
            Plain::Lpop => Some(Filling {
                command: "RPUSH",
                arguments: (0..LIST_FILL).map(|_| value(value_bytes)).collect(),
            }),
            Plain::Hset => Some(Filling::hash(FIELDS, value_bytes)),
            Plain::Sadd => {
                Some(Filling { command: "SADD", arguments: (0..SET_FILLED).map(member).collect() })
            }
            Plain::Zadd | Plain::Zrange => Some(Filling::sorted_set(SORTED_SET_MEMBERS)),
        }
    }
}

/// A request that makes the value of a key.
pub struct Filling {
    command: &'static str,
    /// What follows the key.
    arguments: Vec<String>,
}

impl Filling {
    /// A string of so many bytes.
    pub fn string(bytes: usize) -> Filling {
        Filling { command: "SET", arguments: vec![value(bytes)] }
    }

    /// A hash of so many fields.
    pub fn hash(fields: u64, value_bytes: usize) -> Filling {
        let arguments = (0..fields).flat_map(|field| [member(field), value(value_bytes)]).collect();
        Filling { command: "HSET", arguments }
    }

    /// A sorted set of so many members.
    pub fn sorted_set(members: u64) -> Filling {
        // An order of scores that is not the members' own.
        let score = |number: u64| (number * 37 % members.max(1)).to_string();
        let arguments = (0..members).flat_map(|number| [score(number), member(number)]).collect();
        Filling { command: "ZADD", arguments }
    }

    /// Its words.
    pub fn words(&self) -> Vec<Word<'_>> {
        let arguments = self.arguments.iter().map(|argument| Word::Text(argument));
        [Word::Text(self.command), Word::Key(0)].into_iter().chain(arguments).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sorted_set_is_filled_with_different_scores() {
        let filling = Filling::sorted_set(100);
        let mut scores: Vec<&String> = filling.arguments.iter().step_by(2).collect();
        scores.sort();
        scores.dedup();
        assert_eq!(scores.len(), 100);
        assert_eq!(filling.words().len(), 202);
    }
}
