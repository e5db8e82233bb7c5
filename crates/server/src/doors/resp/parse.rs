//! Cuts what a client sent into commands: Redis' multibulk form, borrowed from what was read, and the
//! inline form that a person types.
//!
//! What is wrong is told in Redis' words ([`Broken`]), and then the connection is of no more use. Only
//! what has arrived takes memory: a length that a client announces is believed when its bytes are there.
//! Knows no command and no socket.

use super::inline::split_line;
use hyrax_types::limits;
use hyrax_values::parse_integer;
use smallvec::SmallVec;

/// The longest inline command, and the longest line with a length: Redis' `PROTO_INLINE_MAX_SIZE`.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// The most words that a client may announce: Redis counts them in a C `int`.
const WORDS_MAX: i64 = i32::MAX as i64;

/// What a client may send that did not say who it is, where it must: Redis' limits.
const UNAUTHENTICATED: Bounds =
    Bounds { words: 10, bulk: 16 * 1024, words_beyond: Some(Broken::UnauthenticatedCount), ..Bounds::ANY };

/// The words of some commands, one after the other. Those of a short pipeline fit without an allocation.
pub type Words<'d> = SmallVec<[&'d [u8]; 128]>;

/// How much of it a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of one word (`proto-max-bulk-len`).
    pub bulk_max: usize,
    /// Words of one command and bytes of each, for who did not say who it is.
    words: i64,
    bulk: usize,
    words_beyond: Option<Broken>,
}

impl Bounds {
    const ANY: Bounds =
        Bounds { bulk_max: usize::MAX, words: WORDS_MAX, bulk: usize::MAX, words_beyond: None };

    /// For a client that may do something.
    pub fn up_to(bulk_max: usize) -> Self {
        Bounds { bulk_max, ..Bounds::ANY }
    }

    /// For a client that may read alone: it names keys, and sends no values.
    pub fn reading(bulk_max: usize) -> Self {
        Bounds { bulk_max, bulk: limits::KEY_BYTES_MAX, ..Bounds::ANY }
    }

    /// For a client that must first say who it is.
    pub fn unauthenticated(bulk_max: usize) -> Self {
        Bounds { bulk_max, ..UNAUTHENTICATED }
    }
}

/// What is wrong with what a client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A line that should hold the number of words does not end.
    EndlessCount,
    /// A line that should hold the length of a word does not end.
    EndlessLength,
    /// An inline command does not end.
    EndlessLine,
    /// No number of words.
    InvalidCount,
    /// No length of a word, or one beyond what is allowed.
    InvalidLength,
    /// More words than somebody may send who did not say who it is.
    UnauthenticatedCount,
    /// A longer word than somebody may send who did not say who it is.
    UnauthenticatedLength,
    /// This byte stands where a length should begin.
    NoLength(u8),
    /// An inline command with a quote that nothing closes.
    UnbalancedQuotes,
}

impl Broken {
    /// Redis' words for it.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"-ERR Protocol error: ");
        let text: &[u8] = match self {
            Broken::EndlessCount => b"too big mbulk count string",
            Broken::EndlessLength => b"too big bulk count string",
            Broken::EndlessLine => b"too big inline request",
            Broken::InvalidCount => b"invalid multibulk length",
            Broken::InvalidLength => b"invalid bulk length",
            Broken::UnauthenticatedCount => b"unauthenticated multibulk length",
            Broken::UnauthenticatedLength => b"unauthenticated bulk length",
            Broken::UnbalancedQuotes => b"unbalanced quotes in request",
            Broken::NoLength(byte) => {
                out.extend_from_slice(b"expected '$', got '");
                // A line's end would end the error; and C prints nothing of a zero byte.
                match byte {
                    0 => {}
                    b'\r' | b'\n' => out.push(b' '),
                    _ => out.push(byte),
                }
                b"'"
            }
        };
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }
}

/// What stands at the front of some bytes.
#[derive(Debug)]
pub enum Parsed {
    /// A command of at least one word; its words were added. It takes this many bytes.
    Command(usize),
    /// An inline command: its words, and the bytes that it takes.
    Inline(Vec<Vec<u8>>, usize),
    /// So many bytes that say nothing: an empty line, a command without words.
    Nothing(usize),
    /// No whole command; none before there are this many bytes.
    Unfinished(usize),
    /// No command.
    Broken(Broken),
}

/// Where a word is.
type Span = (usize, usize);

/// How far a command that comes in pieces has been read.
#[derive(Debug, Default)]
struct Progress {
    /// Bytes done with.
    position: usize,
    /// Words still to come, once their number was read.
    missing: usize,
    /// The words so far.
    words: Vec<Span>,
}

/// Reads commands from a stream that comes in pieces. What was read of an unfinished command is not read
/// again for each of its pieces.
#[derive(Debug, Default)]
pub struct Parser {
    /// Of the command that is unfinished.
    progress: Option<Box<Progress>>,
}

impl Parser {
    /// Reads the command at the front of `data`, whose words are added to `words`. After
    /// [`Parsed::Unfinished`], the next `data` must begin with this one.
    pub fn parse<'d>(&mut self, data: &'d [u8], bounds: &Bounds, words: &mut Words<'d>) -> Parsed {
        match data.first() {
            None => return Parsed::Unfinished(1),
            Some(b'*') => {}
            Some(_) => return parse_inline(data),
        }
        if let Some(progress) = self.progress.take() {
            return self.go_on(progress, data, bounds, words);
        }
        let start = words.len();
        let mut position = 0;
        let mut missing = 0;
        let end = scan(data, &mut position, &mut missing, bounds, |from, to| words.push(&data[from..to]));
        match end {
            End::Whole if words.len() == start => Parsed::Nothing(position),
            End::Whole => Parsed::Command(position),
            End::Broken(broken) => Parsed::Broken(broken),
            End::Unfinished(needed) => {
                words.truncate(start);
                // A short beginning is sooner read anew than remembered.
                if position > LINE_BYTES_MAX / 16 {
                    return self.go_on(Box::default(), data, bounds, words);
                }
                Parsed::Unfinished(needed)
            }
        }
    }

    /// What comes next does not begin with what was left unfinished.
    pub fn forget(&mut self) {
        self.progress = None;
    }

    fn go_on<'d>(
        &mut self,
        mut progress: Box<Progress>,
        data: &'d [u8],
        bounds: &Bounds,
        words: &mut Words<'d>,
    ) -> Parsed {
        let Progress { position, missing, words: spans } = &mut *progress;
        match scan(data, position, missing, bounds, |from, to| spans.push((from, to))) {
            End::Whole => {
                words.extend(spans.iter().map(|&(from, to)| &data[from..to]));
                Parsed::Command(*position)
            }
            End::Broken(broken) => Parsed::Broken(broken),
            End::Unfinished(needed) => {
                self.progress = Some(progress);
                Parsed::Unfinished(needed)
            }
        }
    }
}

enum End {
    Whole,
    Unfinished(usize),
    Broken(Broken),
}

/// Reads on in a multibulk from `position`, which stands at its front or at the length of a word.
fn scan(
    data: &[u8],
    position: &mut usize,
    missing: &mut usize,
    bounds: &Bounds,
    mut push: impl FnMut(usize, usize),
) -> End {
    if *position == 0 {
        match count(data, bounds) {
            Ok((words, next)) => (*missing, *position) = (words, next),
            Err(end) => return end,
        }
    }
    while *missing > 0 {
        let (length, from) = match length(data, *position, bounds) {
            Ok(found) => found,
            Err(end) => return end,
        };
        // What ends a word is not looked at: Redis does not either.
        let end = from + length + 2;
        if end > data.len() {
            return End::Unfinished(end);
        }
        push(from, from + length);
        *position = end;
        *missing -= 1;
    }
    End::Whole
}

/// How many words follow, and where.
fn count(data: &[u8], bounds: &Bounds) -> Result<(usize, usize), End> {
    let (words, next) = match short_number(data, 1) {
        Some((words, next)) => (words as i64, next),
        None => {
            let end = line_end(data, 0, Broken::EndlessCount)?;
            (parse_integer(&data[1..end]).ok_or(End::Broken(Broken::InvalidCount))?, end + 2)
        }
    };
    if words > WORDS_MAX {
        return Err(End::Broken(Broken::InvalidCount));
    }
    if words > bounds.words {
        return Err(End::Broken(bounds.words_beyond.unwrap_or(Broken::InvalidCount)));
    }
    Ok((usize::try_from(words).unwrap_or(0), next))
}

/// The length of the word at `position`, and where it begins.
fn length(data: &[u8], position: usize, bounds: &Bounds) -> Result<(usize, usize), End> {
    let short = if data.get(position) == Some(&b'$') { short_number(data, position + 1) } else { None };
    let (length, next) = match short {
        Some(found) => found,
        None => {
            let end = line_end(data, position, Broken::EndlessLength)?;
            if data[position] != b'$' {
                return Err(End::Broken(Broken::NoLength(data[position])));
            }
            let length = parse_integer(&data[position + 1..end]).and_then(|length| length.try_into().ok());
            (length.ok_or(End::Broken(Broken::InvalidLength))?, end + 2)
        }
    };
    if length > bounds.bulk_max {
        return Err(End::Broken(Broken::InvalidLength));
    }
    if length > bounds.bulk {
        return Err(End::Broken(Broken::UnauthenticatedLength));
    }
    Ok((length, next))
}

/// A number of few digits and the end of its line, as nearly all are: the number, and where the next line
/// begins.
fn short_number(data: &[u8], from: usize) -> Option<(usize, usize)> {
    const DIGITS_MAX: usize = 9;
    let mut value = 0;
    for (digits, &byte) in data.get(from..)?.iter().take(DIGITS_MAX + 1).enumerate() {
        match byte {
            b'0'..=b'9' => value = value * 10 + usize::from(byte - b'0'),
            b'\r' => {
                let next = from + digits + 2;
                let is_plain = digits == 1 || (digits > 1 && data[from] != b'0');
                return (is_plain && next <= data.len()).then_some((value, next));
            }
            _ => return None,
        }
    }
    None
}

/// Where the carriage return of the line at `from` is, once the byte after it is there too.
fn line_end(data: &[u8], from: usize, endless: Broken) -> Result<usize, End> {
    let rest = data.get(from..).unwrap_or_default();
    // A zero byte hides what follows it, as in C.
    let found = memchr::memchr2(b'\r', 0, rest).filter(|&at| rest[at] == b'\r');
    match found {
        Some(at) if at + 1 < rest.len() => Ok(from + at),
        None if rest.len() > LINE_BYTES_MAX => Err(End::Broken(endless)),
        _ => Err(End::Unfinished(data.len() + 1)),
    }
}

fn parse_inline(data: &[u8]) -> Parsed {
    let Some(end) = memchr::memchr2(b'\n', 0, data).filter(|&at| data[at] == b'\n') else {
        return if data.len() > LINE_BYTES_MAX {
            Parsed::Broken(Broken::EndlessLine)
        } else {
            Parsed::Unfinished(data.len() + 1)
        };
    };
    let line = data[..end].strip_suffix(b"\r").unwrap_or(&data[..end]);
    match split_line(line) {
        None => Parsed::Broken(Broken::UnbalancedQuotes),
        Some(words) if words.is_empty() => Parsed::Nothing(end + 1),
        Some(words) => Parsed::Inline(words, end + 1),
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
