//! Writes JSON: strings, and replies in RESP3's types.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyrax_types::limits;
use hyrax_values::{Error, ReplySink, format_double};

/// Writes text as a JSON string.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(special) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.extend_from_slice(&rest[..special]);
        match rest[special] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control & 15)]);
            }
        }
        rest = &rest[special + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Up to here it pays to look at all the bytes first.
const PLAIN_BYTES_MAX: usize = 4096;

/// Whether these bytes are ASCII that stands for itself in JSON. Without an early end, so that the
/// compiler looks at many at once.
fn is_plain(bytes: &[u8]) -> bool {
    let plain = |&byte: &u8| (byte.wrapping_sub(0x20) < 0x60) & (byte != b'"') & (byte != b'\\');
    bytes.iter().fold(true, |all, byte| all & plain(byte))
}

/// Writes bytes as a string, or, when they are not UTF-8, as `{"base64":"…"}`.
pub fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.len() <= PLAIN_BYTES_MAX && is_plain(bytes) {
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => write_string(text, out),
        Err(_) => {
            out.extend_from_slice(b"{\"base64\":\"");
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.extend_from_slice(b"\"}");
        }
    }
}

/// Writes an integer.
pub fn write_integer(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes an unsigned integer.
pub fn write_unsigned(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes a double: whole ones as integers, infinities as strings.
pub fn write_double(value: f64, out: &mut Vec<u8>) {
    if value.is_infinite() {
        write_string(&format_double(value), out);
    } else if value.fract() == 0.0 && value.abs() < 1e17 {
        write_integer(value as i64, out);
    } else {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    }
}

/// Writes a value, with its maps as objects where their fields allow it. One that is too large is null,
/// and the failure is given.
pub fn write_value(out: &mut Vec<u8>, write: impl Fn(&mut dyn ReplySink)) -> Option<Error> {
    let start = out.len();
    let mut sink = JsonSink::new(out);
    write(&mut sink);
    let mut error = sink.take_error();
    if sink.saw_binary_field() {
        out.truncate(start);
        let mut sink = JsonSink::with_maps_as_pairs(out);
        write(&mut sink);
        error = sink.take_error();
    }
    if error.is_some() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
    error
}

/// How many bytes a long byte string takes at the least: control characters take six each.
fn written_len(bytes: &[u8]) -> usize {
    const LONG: usize = 64 * 1024;
    let controls = if bytes.len() > LONG { bytes.iter().filter(|&&byte| byte < 0x20).count() } else { 0 };
    bytes.len() + 5 * controls
}

/// Whether a map's key can name a field of a JSON object.
enum MapForm {
    Object,
    Pairs,
}

/// A container that is being written.
struct Open {
    /// Elements to come; a map's fields and values count one each.
    left: usize,
    /// Elements written.
    written: usize,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Array,
    /// An object; where it began, in case it turns out to need another form.
    Object,
    /// Arrays of two.
    Pairs,
}

/// Why a reply is refused that is beyond [`limits::COMMAND_REPLY_BYTES_MAX`].
pub const TOO_LARGE: Error = Error::text("ERR the reply is too large for this door: ask for less at a time");

/// Writes a reply as JSON. A failure is kept apart: it replaces the reply.
pub struct JsonSink<'a> {
    out: &'a mut Vec<u8>,
    open: Vec<Open>,
    error: Option<Error>,
    /// What a map is written as: an object, until one with a key that is not UTF-8 is met.
    map_form: MapForm,
    saw_binary_field: bool,
    /// How long `out` may become.
    end_max: usize,
}

impl<'a> JsonSink<'a> {
    /// Writes to the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        let end_max = out.len() + limits::COMMAND_REPLY_BYTES_MAX;
        JsonSink {
            out,
            open: Vec::new(),
            error: None,
            map_form: MapForm::Object,
            saw_binary_field: false,
            end_max,
        }
    }

    /// The same, with maps as lists of pairs: for a reply that has a map with a binary field.
    pub fn with_maps_as_pairs(out: &'a mut Vec<u8>) -> Self {
        JsonSink { map_form: MapForm::Pairs, ..JsonSink::new(out) }
    }

    /// The same, with a bound on `out` that it shares with what was written before.
    pub fn up_to(mut self, end_max: usize) -> Self {
        self.end_max = end_max;
        self
    }

    /// The failure, if the command failed.
    pub fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    /// Whether a map had a field that is not UTF-8: the reply has to be written anew.
    pub fn saw_binary_field(&self) -> bool {
        self.saw_binary_field
    }

    fn before(&mut self) {
        let Some(open) = self.open.last() else { return };
        let is_second = open.written % 2 == 1;
        match open.shape {
            Shape::Array if open.written > 0 => self.out.push(b','),
            Shape::Object if is_second => self.out.push(b':'),
            Shape::Object if open.written > 0 => self.out.push(b','),
            Shape::Pairs if is_second => self.out.push(b','),
            Shape::Pairs => self.out.extend_from_slice(if open.written > 0 { b",[" } else { b"[" }),
            Shape::Array | Shape::Object => {}
        }
    }

    /// Counts an element, and closes every container that it completes.
    fn after(&mut self) {
        while let Some(open) = self.open.last_mut() {
            open.written += 1;
            open.left -= 1;
            if open.shape == Shape::Pairs && open.written % 2 == 0 {
                self.out.push(b']');
            }
            if open.left > 0 {
                return;
            }
            self.out.push(if open.shape == Shape::Object { b'}' } else { b']' });
            self.open.pop();
        }
    }

    fn begin(&mut self, elements: usize, shape: Shape) {
        self.before();
        self.out.push(if shape == Shape::Object { b'{' } else { b'[' });
        if elements == 0 {
            self.out.push(if shape == Shape::Object { b'}' } else { b']' });
            self.after();
        } else {
            self.open.push(Open { left: elements, written: 0, shape });
        }
    }

    fn is_field(&self) -> bool {
        self.open.last().is_some_and(|open| open.shape == Shape::Object && open.written % 2 == 0)
    }
}

impl ReplySink for JsonSink<'_> {
    fn status(&mut self, text: &'static str) {
        self.before();
        write_string(text, self.out);
        self.after();
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.before();
        if self.out.len() + written_len(bytes) > self.end_max {
            self.error.get_or_insert(TOO_LARGE);
            return self.after();
        }
        if self.is_field() && std::str::from_utf8(bytes).is_err() {
            self.saw_binary_field = true;
        }
        write_bytes(bytes, self.out);
        self.after();
    }

    fn integer(&mut self, value: i64) {
        self.before();
        write_integer(value, self.out);
        self.after();
    }

    fn double(&mut self, value: f64) {
        self.before();
        write_double(value, self.out);
        self.after();
    }

    fn null(&mut self) {
        self.before();
        self.out.extend_from_slice(b"null");
        self.after();
    }

    fn null_array(&mut self) {
        self.null();
    }

    fn array(&mut self, len: usize) {
        self.begin(len, Shape::Array);
    }

    fn set(&mut self, len: usize) {
        self.begin(len, Shape::Array);
    }

    fn map(&mut self, len: usize) {
        match self.map_form {
            MapForm::Object => self.begin(2 * len, Shape::Object),
            MapForm::Pairs => self.begin(2 * len, Shape::Pairs),
        }
    }

    fn pairs(&mut self, len: usize) {
        self.begin(2 * len, Shape::Pairs);
    }

    fn map_or_pairs(&mut self, len: usize) {
        self.map(len);
    }

    fn error(&mut self, error: &Error) {
        self.error = Some(error.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyrax_values::Reply;

    #[track_caller]
    fn check(reply: &Reply, expected: &str) {
        let mut out = Vec::new();
        reply.write(&mut JsonSink::new(&mut out));
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn replies_follow_their_resp3_type() {
        check(&Reply::Status("OK"), r#""OK""#);
        check(&Reply::Null, "null");
        check(&Reply::Integer(-3), "-3");
        check(&Reply::Double(1.5), "1.5");
        check(&Reply::Double(3.0), "3");
        check(&Reply::Double(0.1), "0.1");
        check(&Reply::Double(f64::NEG_INFINITY), r#""-inf""#);
        check(&Reply::Double(1e300), "1e300");
        check(&Reply::Map(vec![(bulk("a"), bulk("b")), (bulk("c"), bulk("d"))]), r#"{"a":"b","c":"d"}"#);
        check(&Reply::Map(vec![]), "{}");
        check(&Reply::Set(vec![bulk("a"), Reply::Array(vec![])]), r#"["a",[]]"#);
        check(
            &Reply::Pairs(vec![(bulk("a"), Reply::Double(1.0)), (bulk("b"), Reply::Double(2.5))]),
            r#"[["a",1],["b",2.5]]"#,
        );
        check(
            &Reply::Array(vec![bulk("0"), Reply::Array(vec![bulk("x"), Reply::Null])]),
            r#"["0",["x",null]]"#,
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_base64() {
        check(&Reply::Bulk(vec![0xff, 0xfe]), r#"{"base64":"//4="}"#);
        check(&Reply::Bulk(b"\x01\"\\\n".to_vec()), r#""\u0001\"\\\n""#);
    }

    #[test]
    fn a_map_with_a_binary_field_becomes_pairs() {
        let reply = Reply::Map(vec![(Reply::Bulk(vec![0xff]), bulk("v"))]);
        let mut out = Vec::new();
        let mut sink = JsonSink::new(&mut out);
        reply.write(&mut sink);
        assert!(sink.saw_binary_field());
        out.clear();
        reply.write(&mut JsonSink::with_maps_as_pairs(&mut out));
        assert_eq!(String::from_utf8_lossy(&out), r#"[[{"base64":"/w=="},"v"]]"#);
    }
}
