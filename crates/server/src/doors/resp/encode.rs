//! Writes replies in RESP2 and RESP3, straight into the bytes that leave.

use hyrax_types::limits;
use hyrax_values::{Error, ReplySink, format_decimal, format_double};
use smallvec::SmallVec;

/// The version of Redis' protocol that a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What every client speaks that says nothing else.
    #[default]
    Resp2,
    /// With maps, sets, doubles, pushes.
    Resp3,
}

impl Protocol {
    /// Its number, as `HELLO` takes it.
    pub fn number(self) -> u8 {
        match self {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        }
    }
}

/// Why a reply is refused that is beyond [`limits::RESP_REPLY_BYTES_MAX`].
const TOO_LARGE: Error = Error::text("ERR the reply is too large: ask for less at a time");

/// Lines with a length or a small number, as most replies have one.
const SMALL: usize = 64;

/// `:0\r\n` to `:63\r\n`, each in eight bytes, and how many of them count. The first byte is the type's.
static SMALL_LINES: [([u8; 8], u8); SMALL] = {
    let mut lines = [([0; 8], 0); SMALL];
    let mut number = 0;
    while number < SMALL {
        let (ones, tens) = (b'0' + (number % 10) as u8, b'0' + (number / 10) as u8);
        lines[number] = if number < 10 {
            ([b':', ones, b'\r', b'\n', 0, 0, 0, 0], 4)
        } else {
            ([b':', tens, ones, b'\r', b'\n', 0, 0, 0], 5)
        };
        number += 1;
    }
    lines
};

/// Writes a line of a type and a length.
#[inline]
pub fn write_length(kind: u8, length: usize, out: &mut Vec<u8>) {
    if let Some((line, used)) = SMALL_LINES.get(length) {
        // All eight bytes at once; what is too much is taken back.
        let end = out.len() + usize::from(*used);
        out.extend_from_slice(line);
        out.truncate(end);
        out[end - usize::from(*used)] = kind;
    } else {
        out.push(kind);
        out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes a byte string, however long it is.
pub fn write_bulk(bytes: &[u8], out: &mut Vec<u8>) {
    write_length(b'$', bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// A container inside of which pairs are written, or the pairs themselves.
struct Open {
    /// Elements to come.
    left: usize,
    /// Whether every two of them are an array of their own.
    is_pairs: bool,
}

/// Writes the reply of one command.
pub struct RespSink<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
    start: usize,
    failed: bool,
    too_large: bool,
    /// From the outermost pairs on; empty outside of pairs, where nothing need be counted.
    open: SmallVec<[Open; 2]>,
}

impl<'a> RespSink<'a> {
    /// Writes to the end of `out`.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        let start = out.len();
        RespSink { out, protocol, start, failed: false, too_large: false, open: SmallVec::new() }
    }

    /// Where the reply begins.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Ends the reply: whether it was no refusal.
    pub fn finish(&mut self) -> bool {
        if self.too_large {
            self.out.truncate(self.start);
            self.too_large = false;
            self.open.clear();
            self.error(&TOO_LARGE);
        }
        !self.failed
    }

    /// A byte string, unless the reply as a whole grows too large by it.
    #[inline]
    fn bounded(&mut self, bytes: &[u8]) {
        if self.out.len() - self.start + bytes.len() > limits::RESP_REPLY_BYTES_MAX {
            self.too_large = true;
            return;
        }
        self.out.extend_from_slice(bytes);
    }

    /// A floating-point number as it is written.
    fn number(&mut self, text: &str) {
        if self.is_resp3() {
            self.scalar();
            self.out.push(b',');
            self.out.extend_from_slice(text.as_bytes());
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.bulk(text.as_bytes());
        }
    }

    fn is_resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    /// An element that is no container begins.
    #[inline]
    fn scalar(&mut self) {
        if !self.open.is_empty() {
            self.begin_in_pairs();
            self.end_in_pairs();
        }
    }

    /// A container begins.
    fn container(&mut self, elements: usize) {
        if !self.open.is_empty() {
            self.begin_in_pairs();
            self.open_container(elements, false);
        }
    }

    /// An array of `len` arrays of two begins.
    fn arrays_of_two(&mut self, len: usize) {
        self.begin_in_pairs();
        write_length(b'*', len, self.out);
        self.open_container(2 * len, true);
    }

    fn begin_in_pairs(&mut self) {
        if self.open.last().is_some_and(|open| open.is_pairs && open.left % 2 == 0) {
            write_length(b'*', 2, self.out);
        }
    }

    fn open_container(&mut self, elements: usize, is_pairs: bool) {
        if elements > 0 {
            self.open.push(Open { left: elements, is_pairs });
        } else {
            self.end_in_pairs();
        }
    }

    /// Counts an element, and closes every container that it completes.
    fn end_in_pairs(&mut self) {
        while let Some(open) = self.open.last_mut() {
            open.left -= 1;
            if open.left > 0 {
                return;
            }
            self.open.pop();
        }
    }

    /// What is not in [`ReplySink`], as no engine answers with it: a status that was made up.
    pub fn words(&mut self, status: &str) {
        self.scalar();
        self.out.push(b'+');
        self.out.extend_from_slice(status.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// Text for people: verbatim in RESP3.
    pub fn verbatim(&mut self, text: &str) {
        if !self.is_resp3() {
            return self.bulk(text.as_bytes());
        }
        self.scalar();
        write_length(b'=', text.len() + 4, self.out);
        self.out.extend_from_slice(b"txt:");
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// Yes or no: an integer in RESP2.
    pub fn boolean(&mut self, truth: bool) {
        if !self.is_resp3() {
            return self.integer(i64::from(truth));
        }
        self.scalar();
        self.out.extend_from_slice(if truth { b"#t\r\n" } else { b"#f\r\n" });
    }

    /// What is told without being asked: an array in RESP2, where its context tells.
    pub fn push(&mut self, len: usize) {
        self.container(len);
        write_length(if self.is_resp3() { b'>' } else { b'*' }, len, self.out);
    }

    /// Strings, one after the other.
    pub fn bulks<'b>(&mut self, items: impl ExactSizeIterator<Item = &'b [u8]>) {
        self.array(items.len());
        items.for_each(|item| self.bulk(item));
    }
}

impl ReplySink for RespSink<'_> {
    fn status(&mut self, text: &'static str) {
        if text == "OK" {
            self.scalar();
            return self.out.extend_from_slice(b"+OK\r\n");
        }
        self.words(text);
    }

    #[inline]
    fn bulk(&mut self, bytes: &[u8]) {
        self.scalar();
        write_length(b'$', bytes.len(), self.out);
        self.bounded(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn integer(&mut self, value: i64) {
        self.scalar();
        match usize::try_from(value) {
            Ok(value) if value < SMALL => write_length(b':', value, self.out),
            _ => {
                self.out.push(b':');
                self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    fn double(&mut self, value: f64) {
        // Whole numbers, as most scores are, need no formatting of doubles.
        let mut buffer = itoa::Buffer::new();
        let formatted;
        let text = if value.fract() == 0.0 && value.abs() < 1e15 && (value != 0.0 || value.is_sign_positive())
        {
            buffer.format(value as i64)
        } else {
            formatted = format_double(value);
            &formatted
        };
        self.number(text);
    }

    fn decimal(&mut self, value: f64) {
        self.number(&format_decimal(value));
    }

    fn null(&mut self) {
        self.scalar();
        self.out.extend_from_slice(if self.is_resp3() { b"_\r\n" } else { b"$-1\r\n" });
    }

    fn null_array(&mut self) {
        self.scalar();
        self.out.extend_from_slice(if self.is_resp3() { b"_\r\n" } else { b"*-1\r\n" });
    }

    fn array(&mut self, len: usize) {
        self.container(len);
        write_length(b'*', len, self.out);
    }

    fn set(&mut self, len: usize) {
        self.container(len);
        write_length(if self.is_resp3() { b'~' } else { b'*' }, len, self.out);
    }

    fn map(&mut self, len: usize) {
        self.container(2 * len);
        if self.is_resp3() {
            write_length(b'%', len, self.out);
        } else {
            write_length(b'*', 2 * len, self.out);
        }
    }

    fn pairs(&mut self, len: usize) {
        if self.is_resp3() { self.arrays_of_two(len) } else { self.array(2 * len) }
    }

    fn map_or_pairs(&mut self, len: usize) {
        if self.is_resp3() { self.map(len) } else { self.arrays_of_two(len) }
    }

    fn error(&mut self, error: &Error) {
        self.failed = true;
        self.scalar();
        write_error(&error.to_string(), self.out);
    }
}

/// Writes a refusal: its code first, on one line.
pub fn write_error(text: &str, out: &mut Vec<u8>) {
    out.push(b'-');
    out.extend(text.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyrax_values::Reply;

    #[track_caller]
    fn check(reply: &Reply, resp2: &str, resp3: &str) {
        for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
            let mut out = Vec::new();
            reply.write(&mut RespSink::new(&mut out, protocol));
            assert_eq!(String::from_utf8_lossy(&out).replace("\r\n", " "), expected);
        }
    }

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn replies_take_the_types_of_the_protocol() {
        check(&Reply::Status("OK"), "+OK ", "+OK ");
        check(&Reply::Status("QUEUED"), "+QUEUED ", "+QUEUED ");
        check(&bulk("a"), "$1 a ", "$1 a ");
        check(
            &bulk(&"x".repeat(64)),
            &format!("$64 {} ", "x".repeat(64)),
            &format!("$64 {} ", "x".repeat(64)),
        );
        check(&Reply::Null, "$-1 ", "_ ");
        check(&Reply::NullArray, "*-1 ", "_ ");
        check(&Reply::Double(1.5), "$3 1.5 ", ",1.5 ");
        check(&Reply::Double(3.0), "$1 3 ", ",3 ");
        check(&Reply::Double(f64::NEG_INFINITY), "$4 -inf ", ",-inf ");
        check(&Reply::Decimal(38.115_556_395_496_3), "$20 38.11555639549629859 ", ",38.11555639549629859 ");
        check(&Reply::Set(vec![bulk("a")]), "*1 $1 a ", "~1 $1 a ");
        check(&Reply::Map(vec![(bulk("a"), Reply::Integer(1))]), "*2 $1 a :1 ", "%1 $1 a :1 ");
    }

    #[test]
    fn integers_are_written_in_full() {
        for value in [0, 9, 10, 63, 64, 99, 100, -1, i64::MIN, i64::MAX] {
            let expected = format!(":{value} ");
            check(&Reply::Integer(value), &expected, &expected);
        }
    }

    #[test]
    fn pairs_are_arrays_of_two_in_resp3_alone() {
        let pairs =
            vec![(bulk("a"), Reply::Double(1.0)), (bulk("b"), Reply::Array(vec![bulk("c"), Reply::Null]))];
        check(
            &Reply::Array(vec![bulk("k"), Reply::Pairs(pairs), Reply::Pairs(vec![]), Reply::Integer(7)]),
            "*4 $1 k *4 $1 a $1 1 $1 b *2 $1 c $-1 *0 :7 ",
            "*4 $1 k *2 *2 $1 a ,1 *2 $1 b *2 $1 c _ *0 :7 ",
        );
    }

    #[test]
    fn what_is_read_of_streams_is_a_map_in_resp3_and_arrays_of_two_in_resp2() {
        let read =
            vec![(bulk("s"), Reply::Array(vec![])), (bulk("t"), Reply::Array(vec![Reply::Integer(1)]))];
        check(&Reply::MapOrPairs(read), "*2 *2 $1 s *0 *2 $1 t *1 :1 ", "%2 $1 s *0 $1 t *1 :1 ");
    }

    #[test]
    fn an_error_is_one_line() {
        let error = Reply::Error(Error::Other("ERR a\r\nb".into()));
        check(&error, "-ERR a  b ", "-ERR a  b ");
    }
}
