//! Where a command's keys are among its arguments: Redis' key specifications.

use crate::number::parse_integer;

/// What a command does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It only looks.
    Read,
    /// It may change, make or delete it.
    Write,
}

/// Some of a command's keys.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// What is done with them.
    pub access: Access,
    /// Where they are.
    pub place: Place,
}

/// Where keys are.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// The word at this position.
    At(usize),
    /// Every `step`th word from `first` to the last, less `spare` words at the end.
    From {
        /// The first key's position.
        first: usize,
        /// The distance from one to the next.
        step: usize,
        /// Words at the end that are no keys.
        spare: usize,
    },
    /// As many as the number at this position says, right after it.
    Counted(usize),
    /// The word after the last of these options.
    Named(Options),
    /// None of the words: names are made from what the call reads, by the patterns after `BY` and `GET`.
    Patterns,
    /// The first half of the words after `STREAMS`, which stands after the options of `XREAD`.
    Streams,
}

/// Where among a call's words an option's key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The position at which options begin.
    pub from: usize,
    /// What the option is called; the last one counts.
    pub names: &'static [&'static str],
    /// Other options that take words, and how many: these are passed over.
    pub others: &'static [(&'static str, usize)],
}

impl Options {
    /// The position of the key.
    fn position(self, argv: &[&[u8]]) -> Option<usize> {
        let mut found = None;
        let mut at = self.from;
        while at + 1 < argv.len() {
            let is = |name: &str| argv[at].eq_ignore_ascii_case(name.as_bytes());
            if self.names.iter().any(|name| is(name)) {
                found = Some(at + 1);
                at += 1;
            } else if let Some((_, words)) = self.others.iter().find(|(name, _)| is(name)) {
                at += words;
            }
            at += 1;
        }
        found
    }
}

/// A key found in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyAt<'a> {
    /// Its position among the words.
    pub position: usize,
    /// Its bytes.
    pub key: &'a [u8],
    /// What is done with it.
    pub access: Access,
}

impl KeySpec {
    /// Keys that are read.
    pub const fn read(place: Place) -> KeySpec {
        KeySpec { access: Access::Read, place }
    }

    /// Keys that are written.
    pub const fn write(place: Place) -> KeySpec {
        KeySpec { access: Access::Write, place }
    }

    /// The keys that this finds in a call.
    pub fn find<'a>(self, argv: &'a [&'a [u8]]) -> impl Iterator<Item = KeyAt<'a>> {
        let (first, step, end) = self.range(argv);
        (first..end.min(argv.len())).step_by(step).map(move |position| KeyAt {
            position,
            key: argv[position],
            access: self.access,
        })
    }

    /// Whether the call reaches for keys of this that no word names.
    pub fn reaches_further(self, argv: &[&[u8]]) -> bool {
        let is_pattern = |words: &[&[u8]]| match words {
            [option, pattern] => {
                (option.eq_ignore_ascii_case(b"by") || option.eq_ignore_ascii_case(b"get"))
                    && pattern.contains(&b'*')
            }
            _ => false,
        };
        matches!(self.place, Place::Patterns) && argv.windows(2).skip(2).any(is_pattern)
    }

    /// First position, step, and end (exclusive).
    fn range(self, argv: &[&[u8]]) -> (usize, usize, usize) {
        match self.place {
            Place::At(position) => (position, 1, position + 1),
            Place::From { first, step, spare } => (first, step, argv.len().saturating_sub(spare)),
            Place::Counted(position) => {
                let count = argv.get(position).and_then(|word| parse_integer(word)).unwrap_or(0);
                let count = usize::try_from(count).unwrap_or(0).min(argv.len());
                (position + 1, 1, position + 1 + count)
            }
            Place::Named(options) => {
                options.position(argv).map_or((0, 1, 0), |position| (position, 1, position + 1))
            }
            Place::Patterns => (0, 1, 0),
            Place::Streams => {
                let first = first_stream(argv).unwrap_or(argv.len());
                let words = argv.len() - first;
                (first, 1, if words.is_multiple_of(2) { first + words / 2 } else { first })
            }
        }
    }
}

/// The word after `STREAMS`, unless what stands before it are not options. The values of these are not
/// looked at: a group, too, may be called `streams`.
fn first_stream(argv: &[&[u8]]) -> Option<usize> {
    let mut position = 1;
    loop {
        let word = argv.get(position)?;
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        position += if is(b"streams") {
            return Some(position + 1);
        } else if is(b"block") || is(b"count") {
            2
        } else if is(b"group") {
            3
        } else if is(b"noack") {
            1
        } else {
            return None;
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::lookup;

    #[test]
    fn patterns_reach_further_than_the_keys_named() {
        let reaches = |line: &str| {
            let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            lookup(argv[0]).expect("a command").reaches_further(&argv)
        };
        assert!(reaches("sort a by w_*"));
        assert!(reaches("sort_ro a desc get h_*->f"));
        assert!(!reaches("sort a* by nosort get # store *"));
        assert!(!reaches("get by *"));
    }

    fn check(line: &str, expected: &str) {
        let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let command = lookup(argv[0]).expect("a command");
        let found: Vec<String> = command
            .keys(&argv)
            .map(|key| {
                let access = if key.access == Access::Write { "w:" } else { "r:" };
                access.to_owned() + &String::from_utf8_lossy(key.key)
            })
            .collect();
        assert_eq!(found.join(" "), expected, "{line}");
    }

    #[test]
    fn keys_are_found_where_redis_finds_them() {
        check("get a", "r:a");
        check("set a b ex 10", "w:a");
        check("mset a 1 b 2", "w:a w:b");
        check("rename a b", "w:a w:b");
        check("copy a b", "r:a w:b");
        check("bitop and d a b", "w:d r:a r:b");
        check("sinterstore d a b", "w:d r:a r:b");
        check("zunionstore d 2 a b weights 1 2", "w:d r:a r:b");
        check("zinter 2 a b", "r:a r:b");
        check("lmpop 2 a b left", "w:a w:b");
        check("lmpop 9 a b", "w:a w:b");
        check("lmpop x a b", "");
        check("sort a by w_* get # limit 0 store store b", "r:a w:b");
        check("sort a store b store c", "r:a w:c");
        check("sort a by store get store", "r:a");
        check("sort_ro a get store b", "r:a");
        check("georadius a 1 2 3 km store b storedist c", "r:a w:c");
        check("georadiusbymember a m 3 km count 1 store b", "r:a w:b");
        check("geosearchstore b a fromlonlat 1 2 byradius 3 km", "w:b r:a");
        check("blpop a b 0", "w:a w:b");
        check("blmpop 0 2 a b left", "w:a w:b");
        check("blmove a b left right 0", "w:a w:b");
        check("get", "");
        check("xgroup create s g $", "w:s");
        check("xgroup help", "");
        check("xinfo stream s full", "r:s");
        check("xread streams s t 0 $", "r:s r:t");
        check("xread count 2 block 1 STREAMS streams 0", "r:streams");
        check("xread streams s t 0", "");
        check("xread streams", "");
        check("xread count", "");
        check("xread what streams s 0", "");
        check("xreadgroup group streams count noack streams s >", "w:s");
    }
}
