//! A real redis-server and Hyrax, asked the same.

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Argv, Resp, RespClient, words};

/// Both servers.
pub struct Both {
    pub redis: Redis,
    pub hyrax: Hyrax,
}

impl Both {
    pub fn start() -> Self {
        Both { redis: Redis::start(), hyrax: Hyrax::start(&[]) }
    }

    /// A client of each in RESP3, Redis' first.
    pub fn clients(&self) -> [RespClient; 2] {
        [self.redis.client().resp3(), self.hyrax.resp().resp3()]
    }

    /// Has a new client of each run commands; what was answered to the last, Redis' answer first.
    pub fn run(&self, commands: &[Argv]) -> [Resp; 2] {
        self.clients().map(|mut client| {
            let replies = client.pipeline(commands);
            replies.into_iter().next_back().expect("there is a command")
        })
    }

    /// As [`Both::run`], with commands as lines.
    pub fn last_of(&self, lines: &[&str]) -> [Resp; 2] {
        self.run(&lines.iter().map(|line| words(line)).collect::<Vec<_>>())
    }
}

/// What new servers answer to the last of these lines, Redis' answer first.
pub fn last_of(lines: &[&str]) -> [Resp; 2] {
    Both::start().last_of(lines)
}

/// An error.
pub fn error(text: &str) -> Resp {
    Resp::Error(text.to_owned())
}

/// Strings, as an array.
pub fn array(strings: &[&str]) -> Resp {
    Resp::Array(strings.iter().map(Resp::bulk).collect())
}

/// The elements, or fields and values in turn, in an order of their own.
pub fn sorted(reply: &Resp) -> Vec<Resp> {
    let mut elements = match reply {
        Resp::Map(pairs) => {
            pairs.iter().map(|(field, value)| Resp::Array(vec![field.clone(), value.clone()])).collect()
        }
        reply => reply.elements().expect("elements").to_vec(),
    };
    elements.sort_unstable();
    elements
}

/// The text of a bulk, a status or a verbatim string.
pub fn text(reply: &Resp) -> String {
    match reply {
        Resp::Bulk(text) | Resp::Verbatim(_, text) => String::from_utf8_lossy(text).into_owned(),
        Resp::Simple(text) | Resp::Error(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    }
}

/// A command with this many numbered words after it.
pub fn with_numbers(command: &str, numbers: impl Iterator<Item = usize>) -> String {
    numbers.fold(command.to_owned(), |line, number| format!("{line} {number}"))
}
