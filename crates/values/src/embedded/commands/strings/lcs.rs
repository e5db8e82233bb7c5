//! The longest common subsequence of two strings.

use super::STRING_BYTES_MAX;
use crate::embedded::Keyspace;
use crate::embedded::values::Value;
use crate::{Error, ReplySink, parse_integer};

#[derive(Default)]
struct Options {
    length: bool,
    places: bool,
    with_lengths: bool,
    shortest: u64,
}

impl Options {
    fn parse(words: &[&[u8]]) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if is("idx") {
                options.places = true;
            } else if is("len") {
                options.length = true;
            } else if is("withmatchlen") {
                options.with_lengths = true;
            } else if is("minmatchlen") {
                let shortest = parse_integer(words.next().ok_or(Error::Syntax)?).ok_or(Error::NotInteger)?;
                options.shortest = shortest.max(0) as u64;
            } else {
                return Err(Error::Syntax);
            }
        }
        if options.places && options.length {
            let text = "ERR If you want both the length and indexes, please just use IDX.";
            return Err(Error::text(text));
        }
        Ok(options)
    }
}

pub(super) fn lcs(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    // Peeking does not notice that a key is not there, or past its time.
    for key in &argv[1..3] {
        keys.read(key);
    }
    let string = |key| match keys.peek(key) {
        None => Ok(&b""[..]),
        Some(Value::Str(value)) => Ok(value.as_bytes()),
        Some(_) => Err(Error::text("ERR The specified keys must contain string values")),
    };
    let (a, b) = (string(argv[1])?, string(argv[2])?);
    let options = Options::parse(&argv[3..])?;
    // Redis' table of 32-bit lengths; the work is the same, though this needs less memory.
    let table_bytes = 4 * (a.len() as u64 + 1) * (b.len() as u64 + 1);
    if table_bytes > STRING_BYTES_MAX {
        let text = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        return Err(Error::text(text));
    }
    if options.length {
        reply.integer(i64::from(Steps::new(a, b, false).length));
        return Ok(());
    }
    let steps = Steps::new(a, b, true);
    if !options.places {
        reply.bulk(&steps.subsequence());
        return Ok(());
    }
    let mut matches = steps.matches();
    matches.retain(|found| found.length as u64 >= options.shortest);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(matches.len());
    for found in &matches {
        reply.array(2 + usize::from(options.with_lengths));
        for start in [found.a, found.b] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + found.length - 1) as i64);
        }
        if options.with_lengths {
            reply.integer(found.length as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(i64::from(steps.length));
    Ok(())
}

/// A part that both strings have in common: where it begins in each, and how long it is.
struct Match {
    a: usize,
    b: usize,
    length: usize,
}

/// The way back through the table of lengths: for each pair of places, whether the step that loses
/// nothing goes back in `a`. Redis' choice, so that among equally long answers it is the same one.
struct Steps<'a> {
    a: &'a [u8],
    b: &'a [u8],
    back_in_a: Vec<u64>,
    length: u32,
}

impl<'a> Steps<'a> {
    /// Fills the table row by row; the way back is only kept when asked for.
    fn new(a: &'a [u8], b: &'a [u8], keep: bool) -> Self {
        let mut back_in_a = if keep { vec![0; (a.len() * b.len()).div_ceil(64)] } else { Vec::new() };
        let mut row = vec![0_u32; b.len() + 1];
        for (i, byte) in a.iter().enumerate() {
            // The lengths left above and left of the place; `row` still holds those above.
            let (mut diagonal, mut left) = (0, 0);
            for (j, other) in b.iter().enumerate() {
                let above = row[j + 1];
                let here = if byte == other { diagonal + 1 } else { above.max(left) };
                if keep && above > left {
                    let place = i * b.len() + j;
                    back_in_a[place / 64] |= 1 << (place % 64);
                }
                (diagonal, left, row[j + 1]) = (above, here, here);
            }
        }
        Steps { a, b, back_in_a, length: row[b.len()] }
    }

    /// Calls `found` with each pair of places that is part of the answer, the last first.
    fn walk(&self, mut found: impl FnMut(usize, usize)) {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        while i > 0 && j > 0 {
            let place = (i - 1) * self.b.len() + j - 1;
            if self.a[i - 1] == self.b[j - 1] {
                (i, j) = (i - 1, j - 1);
                found(i, j);
            } else if self.back_in_a[place / 64] >> (place % 64) & 1 == 1 {
                i -= 1;
            } else {
                j -= 1;
            }
        }
    }

    fn subsequence(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length as usize);
        self.walk(|i, _| bytes.push(self.a[i]));
        bytes.reverse();
        bytes
    }

    fn matches(&self) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        self.walk(|i, j| match matches.last_mut() {
            Some(last) if last.a == i + 1 && last.b == j + 1 => {
                *last = Match { a: i, b: j, length: last.length + 1 };
            }
            _ => matches.push(Match { a: i, b: j, length: 1 }),
        });
        matches
    }
}
