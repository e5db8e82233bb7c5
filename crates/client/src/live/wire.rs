//! Lines: requests of the flat dialect, and what a server says.

use bytes::{Bytes, BytesMut};
use hyrax_types::{Revision, limits};
use serde::de::{Deserialize, Deserializer};

use super::settings::Signing;
use super::value::{Value, json_of};

/// Bytes read at a time, at the least.
const READ_BYTES: usize = 8 * 1024;

/// A request of the flat dialect, in the making.
pub(super) struct Request(serde_json::Map<String, serde_json::Value>);

impl Request {
    pub(super) fn new(command: &str) -> Request {
        let mut fields = serde_json::Map::new();
        fields.insert("cmd".to_owned(), command.into());
        Request(fields)
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Request {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn key(self, key: &[u8]) -> Request {
        self.with("key", json_of(key))
    }

    pub(super) fn args<'a>(self, args: impl IntoIterator<Item = &'a Bytes>) -> Request {
        let args: Vec<_> = args.into_iter().map(|arg| json_of(arg)).collect();
        if args.is_empty() { self } else { self.with("args", args) }
    }

    pub(super) fn id(self, id: &[u8]) -> Request {
        self.with("id", json_of(id))
    }

    pub(super) fn signed(
        self,
        signing: Option<&Signing>,
        command: &str,
        keys: &[&[u8]],
        id: &[u8],
    ) -> Request {
        match signing {
            Some(signing) => self.with("secret", signing.sign(command, keys, id)),
            None => self,
        }
    }

    /// Writes it as one line, to be answered by this number.
    pub(super) fn write(self, number: u64, out: &mut Vec<u8>) {
        // Of JSON's own values nothing is refused, and memory takes what it is given.
        _ = serde_json::to_writer(&mut *out, &self.with("ref", number).0);
        out.push(b'\n');
    }
}

/// A line of a server's.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// The answer to the request of this number; what `madd` answers beside it.
    Answer { number: u64, outcome: Result<Value, String>, rev: Option<Revision>, value: Value },
    /// What the server says about no request, before it closes the connection.
    Farewell(String),
    /// A push.
    Push(Push),
}

/// What was not asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Push {
    pub(super) key: Bytes,
    /// `rev` of a value's, `erev` of an EKG's.
    pub(super) rev: Revision,
    pub(super) what: Pushed,
}

/// What happened to a key.
#[derive(Debug, PartialEq)]
pub(super) enum Pushed {
    Command { command: String, args: Vec<Bytes>, id: Option<Bytes> },
    Value(Result<Value, String>),
    Added { id: Bytes, replaces: Option<Bytes> },
    Removed { id: Bytes },
    Closed { id: Bytes, cause: String },
    Members(Vec<Bytes>),
}

/// Why a line makes no sense, for people.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Nonsense(pub(super) String);

#[derive(serde::Deserialize)]
struct Fields {
    #[serde(rename = "ref", default)]
    number: Option<u64>,
    #[serde(rename = "return", default, deserialize_with = "present")]
    returned: Option<Value>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    cmd: Option<String>,
    #[serde(default)]
    key: Value,
    #[serde(default)]
    args: Value,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    rev: Option<u64>,
    #[serde(default)]
    erev: Option<u64>,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    members: Value,
    #[serde(default)]
    cause: Option<String>,
    #[serde(default)]
    replaces: Value,
}

/// A field that is there, be it `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Line {
    /// Reads a line; `None` for one that this client has no use for.
    pub(super) fn read(line: &[u8]) -> Result<Option<Line>, Nonsense> {
        let Ok(fields) = serde_json::from_slice::<Fields>(line) else {
            let start = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
            return Err(Nonsense(format!("what listens there does not answer as Hyrax does: {start:?}")));
        };
        if fields.cmd.is_some() {
            return Ok(push(fields).map(Line::Push));
        }
        let (number, outcome) = match (fields.number, fields.returned, fields.error) {
            (Some(number), _, Some(error)) => (number, Err(error)),
            (Some(number), Some(value), None) => (number, Ok(value)),
            (None, _, Some(error)) => return Ok(Some(Line::Farewell(error))),
            _ => return Ok(None),
        };
        let rev = fields.rev.map(Revision);
        Ok(Some(Line::Answer { number, outcome, rev, value: fields.value }))
    }
}

/// What is pushed; `None` for what this client does not know, as a later server may push.
fn push(fields: Fields) -> Option<Push> {
    let command = fields.cmd?;
    let key = bytes(fields.key)?;
    let id = || bytes(fields.id.clone());
    let what = match command.as_str() {
        "mreset" => Pushed::Value(fields.error.map_or(Ok(fields.value), Err)),
        "ereset" => Pushed::Members(list(fields.members)?),
        "eadd" => Pushed::Added { id: id()?, replaces: bytes(fields.replaces) },
        "erem" => Pushed::Removed { id: id()? },
        "eclose" => Pushed::Closed { id: id()?, cause: fields.cause.unwrap_or_default() },
        // It has no `args` where it is none of a value's.
        _ => Pushed::Command { args: list(fields.args)?, id: bytes(fields.id), command },
    };
    let is_presence = !matches!(what, Pushed::Command { .. } | Pushed::Value(_));
    let rev = if is_presence { fields.erev } else { fields.rev };
    Some(Push { key, rev: Revision(rev?), what })
}

fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

fn list(value: Value) -> Option<Vec<Bytes>> {
    match value {
        Value::List(items) => items.into_iter().map(bytes).collect(),
        _ => None,
    }
}

/// Cuts what is read into lines.
#[derive(Default)]
pub(super) struct Lines {
    buffer: BytesMut,
    /// Up to here there is no end of a line.
    scanned: usize,
}

impl Lines {
    /// Where to read to, with room for some lines.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        self.buffer.reserve(READ_BYTES);
        &mut self.buffer
    }

    /// The next whole line, without its end.
    pub(super) fn next(&mut self) -> Result<Option<BytesMut>, Nonsense> {
        match self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n') {
            Some(at) => {
                let mut line = self.buffer.split_to(self.scanned + at + 1);
                line.truncate(line.len() - 1);
                self.scanned = 0;
                Ok(Some(line))
            }
            None if self.buffer.len() > limits::CLIENT_LINE_BYTES_MAX => {
                Err(Nonsense("the server sends a line that does not end".to_owned()))
            }
            None => {
                self.scanned = self.buffer.len();
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Line> {
        Line::read(line.as_bytes()).unwrap()
    }

    #[test]
    fn a_request_holds_only_what_was_given() {
        let mut out = Vec::new();
        Request::new("ping").write(7, &mut out);
        Request::new("set").key(b"foo").args(&[Bytes::from("bar")]).id(b"gopher").write(8, &mut out);
        let lines: Vec<serde_json::Value> = out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(lines[0], serde_json::json!({"cmd": "ping", "ref": 7}));
        assert_eq!(
            lines[1],
            serde_json::json!({"cmd":"set","key":"foo","args":["bar"],"id":"gopher","ref":8})
        );
    }

    #[test]
    fn answers_are_told_from_pushes() {
        let answer = |outcome| Some(Line::Answer { number: 7, outcome, rev: None, value: Value::Null });
        assert_eq!(read(r#"{"return":null,"ref":7}"#), answer(Ok(Value::Null)));
        assert_eq!(read(r#"{"error":"no","ref":7}"#), answer(Err("no".to_owned())));
        assert_eq!(read(r#"{"error":"bye"}"#), Some(Line::Farewell("bye".to_owned())));
        let pushed = read(r#"{"cmd":"set","key":"a","args":["1"],"id":"bob","rev":9}"#);
        let what =
            Pushed::Command { command: "set".to_owned(), args: vec!["1".into()], id: Some("bob".into()) };
        assert_eq!(pushed, Some(Line::Push(Push { key: "a".into(), rev: Revision(9), what })));
        let pushed = read(r#"{"cmd":"eclose","key":"a","id":"bob","cause":"timeout","erev":3}"#);
        let what = Pushed::Closed { id: "bob".into(), cause: "timeout".to_owned() };
        assert_eq!(pushed, Some(Line::Push(Push { key: "a".into(), rev: Revision(3), what })));
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        for line in [r#"{"return":1}"#, r#"{"cmd":"lost","key":"a","token":1}"#, r#"{"cmd":"set"}"#, "{}"] {
            assert_eq!(read(line), None, "{line}");
        }
        assert!(Line::read(b"HTTP/1.1 400 Bad Request").is_err());
        assert!(Line::read(b"\xff").is_err());
    }

    #[test]
    fn lines_are_cut_wherever_they_were_split() {
        let mut lines = Lines::default();
        let mut cut = Vec::new();
        for byte in b"ab\n\nc\nd" {
            lines.buffer().extend_from_slice(&[*byte]);
            while let Some(line) = lines.next().unwrap() {
                cut.push(line);
            }
        }
        assert_eq!(cut, [&b"ab"[..], b"", b"c"]);
    }
}
