//! What a line says: a command in one of the two dialects.

use super::json::{BadJson, JsonKind, Reader};
use super::verbs::takes_options;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;

/// A word of a command, as bytes.
pub type Word<'a> = Cow<'a, [u8]>;

/// The words of a command; most have few.
pub type Words<'a> = SmallVec<[Word<'a>; 4]>;

/// The two ways in which commands are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `{"cmd","key","args","id","secret"}`
    Flat,
    /// `{"command","payload"}`
    Domain,
}

/// One command.
#[derive(Debug)]
pub struct Message<'a> {
    /// In which way it is written.
    pub dialect: Dialect,
    /// The command's name, as sent.
    pub name: Cow<'a, str>,
    /// The exact text of `ref`, to be echoed.
    pub reference: Option<&'a str>,
    /// Whether its pushes are silenced.
    pub quiet: bool,
    /// Whether only this node is asked.
    pub local: bool,
    /// The flat dialect's `key`.
    pub key: Option<Word<'a>>,
    /// The flat dialect's `args`.
    pub args: Words<'a>,
    /// Who the client says it is.
    pub id: Option<Word<'a>>,
    /// What proves that the client may write.
    pub secrets: Secrets<'a>,
    /// The revision up to which a monitor knows the key.
    pub since: Option<u64>,
    /// The domain dialect's `payload`, as text.
    pub payload: Option<&'a str>,
    /// `args` where it is an object, as text.
    pub options: Option<&'a str>,
    /// The lock that a change is made under.
    pub fence: Option<Fence<'a>>,
}

/// A lock and the token that its holder has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence<'a> {
    /// The lock's name.
    pub lock: Word<'a>,
    /// The token.
    pub token: u64,
}

/// What `secret` holds: one for all written keys, or one for each.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Secrets<'a> {
    /// None was sent.
    #[default]
    None,
    /// One string.
    One(Cow<'a, str>),
    /// An array of strings.
    Each(Vec<Cow<'a, str>>),
}

/// One key in the payload of the domain dialect.
#[derive(Debug, Default)]
pub struct Item<'a> {
    /// The domain.
    pub domain: Option<Word<'a>>,
    /// The identifier within the domain.
    pub id: Option<Word<'a>>,
    /// The name in an EKG.
    pub name: Option<Word<'a>>,
    /// What proves that the client may write; a secret key in the admin commands.
    pub secrets: Secrets<'a>,
    /// The arguments after the key.
    pub values: Words<'a>,
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadMessage {
    /// It is not JSON.
    Json(BadJson),
    /// It is JSON of another shape; the text says where.
    Shape(String),
}

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadMessage::Json(bad) => bad.fmt(f),
            BadMessage::Shape(text) => f.write_str(text),
        }
    }
}

impl From<BadJson> for BadMessage {
    fn from(bad: BadJson) -> Self {
        BadMessage::Json(bad)
    }
}

fn shape<T>(text: String) -> Result<T, BadMessage> {
    Err(BadMessage::Shape(text))
}

/// Reads one command up to its end.
pub fn read_message<'a>(reader: &mut Reader<'a>) -> Result<Message<'a>, BadMessage> {
    let kind = reader.kind()?;
    if kind != JsonKind::Object {
        reader.raw()?;
        return shape(format!(
            "a command is an object such as {{\"cmd\":\"get\",\"key\":\"foo\"}}, not {}",
            kind.name()
        ));
    }
    let mut message = Message::empty();
    // A field of the wrong kind is reported once the whole object has been read, so that what is not
    // JSON is always called that, and `ref` is known.
    let mut bad = None;
    let mut first = true;
    while let Some(field) = reader.field(&mut first)? {
        let value = *reader;
        if let Err(error) = message.read_field(&field, reader) {
            *reader = value;
            reader.raw()?;
            bad.get_or_insert(error);
        }
    }
    match bad {
        Some(BadMessage::Shape(text)) => Err(BadMessage::Shape(text)),
        Some(BadMessage::Json(json)) => Err(json.into()),
        None if message.name.is_empty() => {
            shape("a command needs \"cmd\" (or \"command\" with \"payload\")".into())
        }
        None if message.options.is_some() && !takes_options(&message.name) => {
            shape("\"args\" must be an array, not an object".into())
        }
        None => Ok(message),
    }
}

/// What can be read of a command some field of which is of the wrong kind: enough to answer it.
pub fn read_frame(text: &str) -> Option<Message<'_>> {
    let mut reader = Reader::new(text);
    if reader.kind() != Ok(JsonKind::Object) {
        return None;
    }
    let mut message = Message::empty();
    let mut first = true;
    while let Some(field) = reader.field(&mut first).ok()? {
        let value = reader;
        if !matches!(&*field, "cmd" | "command" | "ref") || message.read_field(&field, &mut reader).is_err() {
            reader = value;
            reader.raw().ok()?;
        }
    }
    Some(message)
}

impl<'a> Message<'a> {
    fn empty() -> Self {
        Message {
            dialect: Dialect::Flat,
            name: Cow::Borrowed(""),
            reference: None,
            quiet: false,
            local: false,
            key: None,
            args: Words::new(),
            id: None,
            secrets: Secrets::None,
            since: None,
            payload: None,
            options: None,
            fence: None,
        }
    }

    fn read_field(&mut self, field: &str, reader: &mut Reader<'a>) -> Result<(), BadMessage> {
        match field {
            "cmd" if self.dialect == Dialect::Flat => self.name = read_text(field, reader)?,
            "command" => {
                self.name = read_text(field, reader)?;
                self.dialect = Dialect::Domain;
            }
            "key" => self.key = Some(read_word(field, reader)?),
            "args" if reader.kind()? == JsonKind::Object => self.options = Some(reader.raw()?),
            "args" => self.args = read_words(field, reader)?,
            "id" => self.id = read_optional(field, reader)?,
            "secret" => self.secrets = read_secrets(reader)?,
            "ref" => self.reference = Some(read_reference(reader)?),
            "quiet" => self.quiet = read_bool(field, reader)?,
            "local" => self.local = read_bool(field, reader)?,
            "since" => self.since = Some(read_unsigned(field, reader)?),
            "payload" => self.payload = Some(reader.raw()?),
            "fence" => self.fence = Some(read_fence(reader)?),
            _ => drop(reader.raw()?),
        }
        Ok(())
    }

    /// The payload as one key.
    pub fn item(&self) -> Result<Item<'a>, BadMessage> {
        let Some(payload) = self.payload else { return Ok(Item::default()) };
        let mut reader = Reader::new(payload);
        match reader.kind()? {
            JsonKind::Object => read_item(&mut reader),
            JsonKind::Null => Ok(Item::default()),
            JsonKind::Array => {
                let [] = &*self.items()? else {
                    return shape("\"payload\" must be an object for this command, not an array".into());
                };
                Ok(Item::default())
            }
            kind => shape(format!("\"payload\" must be an object, not {}", kind.name())),
        }
    }

    /// The payload as a list of keys; a single one may stand alone.
    pub fn items(&self) -> Result<Vec<Item<'a>>, BadMessage> {
        let Some(payload) = self.payload else { return Ok(Vec::new()) };
        let mut reader = Reader::new(payload);
        match reader.kind()? {
            JsonKind::Array => {}
            JsonKind::Null => return Ok(Vec::new()),
            JsonKind::Object => return Ok(vec![read_item(&mut reader)?]),
            kind => return shape(format!("\"payload\" must be an array of objects, not {}", kind.name())),
        }
        let mut items = Vec::new();
        let mut first = true;
        while reader.next_element(&mut first)? {
            let kind = reader.kind()?;
            if kind != JsonKind::Object {
                return shape(format!("\"payload\"[{}] must be an object, not {}", items.len(), kind.name()));
            }
            items.push(read_item(&mut reader)?);
        }
        Ok(items)
    }
}

fn read_item<'a>(reader: &mut Reader<'a>) -> Result<Item<'a>, BadMessage> {
    let mut item = Item::default();
    let mut first = true;
    while let Some(field) = reader.field(&mut first)? {
        match &*field {
            "domain" => item.domain = read_optional(&field, reader)?,
            "id" => item.id = read_optional(&field, reader)?,
            "name" => item.name = read_optional(&field, reader)?,
            "secret" => item.secrets = read_secrets(reader)?,
            "values" => item.values = read_words(&field, reader)?,
            _ => drop(reader.raw()?),
        }
    }
    Ok(item)
}

/// Reads `{"lock": name, "token": number}`.
fn read_fence<'a>(reader: &mut Reader<'a>) -> Result<Fence<'a>, BadMessage> {
    let kind = reader.kind()?;
    if kind != JsonKind::Object {
        return shape(format!("\"fence\" must be {{\"lock\":…,\"token\":…}}, not {}", kind.name()));
    }
    let (mut lock, mut token) = (None, None);
    let mut first = true;
    while let Some(field) = reader.field(&mut first)? {
        match &*field {
            "lock" => lock = Some(read_word("lock", reader)?),
            "token" => token = Some(read_unsigned("token", reader)?),
            _ => drop(reader.raw()?),
        }
    }
    match (lock, token) {
        (Some(lock), Some(token)) => Ok(Fence { lock, token }),
        _ => shape("\"fence\" needs \"lock\" and \"token\"".into()),
    }
}

fn read_text<'a>(field: &str, reader: &mut Reader<'a>) -> Result<Cow<'a, str>, BadMessage> {
    match reader.kind()? {
        JsonKind::String => Ok(reader.string()?),
        kind => shape(format!("\"{field}\" must be a string, not {}", kind.name())),
    }
}

fn read_bool(field: &str, reader: &mut Reader<'_>) -> Result<bool, BadMessage> {
    match reader.kind()? {
        JsonKind::Bool => Ok(reader.bool()?),
        kind => shape(format!("\"{field}\" must be true or false, not {}", kind.name())),
    }
}

fn read_unsigned(field: &str, reader: &mut Reader<'_>) -> Result<u64, BadMessage> {
    let kind = reader.kind()?;
    let text = reader.raw()?;
    match text.parse() {
        Ok(value) if kind == JsonKind::Number => Ok(value),
        _ => shape(format!("\"{field}\" must be a whole number that is not negative")),
    }
}

fn read_reference<'a>(reader: &mut Reader<'a>) -> Result<&'a str, BadMessage> {
    match reader.kind()? {
        kind @ (JsonKind::Object | JsonKind::Array) => {
            shape(format!("\"ref\" must be a string, a number, a boolean or null, not {}", kind.name()))
        }
        _ => Ok(reader.raw()?),
    }
}

/// Reads one word: a string, the exact text of a number or boolean, or `{"base64":"…"}`.
fn read_word<'a>(field: &str, reader: &mut Reader<'a>) -> Result<Word<'a>, BadMessage> {
    match reader.kind()? {
        JsonKind::String => Ok(match reader.string()? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }),
        JsonKind::Number | JsonKind::Bool => Ok(Cow::Borrowed(reader.raw()?.as_bytes())),
        JsonKind::Object => read_base64(field, reader),
        kind @ (JsonKind::Array | JsonKind::Null) => shape(format!(
            "\"{field}\" must be a string, a number, a boolean or {{\"base64\":\"…\"}}, not {}",
            kind.name()
        )),
    }
}

fn read_base64<'a>(field: &str, reader: &mut Reader<'a>) -> Result<Word<'a>, BadMessage> {
    let mut decoded = None;
    let mut first = true;
    while let Some(name) = reader.field(&mut first)? {
        if name != "base64" || reader.kind()? != JsonKind::String {
            return shape(format!("an object in \"{field}\" must be {{\"base64\":\"…\"}}"));
        }
        decoded = STANDARD.decode(reader.string()?.as_bytes()).ok();
    }
    match decoded {
        Some(bytes) => Ok(Cow::Owned(bytes)),
        None => shape(format!("\"{field}\" holds malformed base64")),
    }
}

fn read_optional<'a>(field: &str, reader: &mut Reader<'a>) -> Result<Option<Word<'a>>, BadMessage> {
    if reader.kind()? == JsonKind::Null {
        reader.raw()?;
        return Ok(None);
    }
    read_word(field, reader).map(Some)
}

fn read_words<'a>(field: &str, reader: &mut Reader<'a>) -> Result<Words<'a>, BadMessage> {
    let mut words = Words::new();
    match reader.kind()? {
        JsonKind::Array => {}
        JsonKind::Null => {
            reader.raw()?;
            return Ok(words);
        }
        kind => return shape(format!("\"{field}\" must be an array, not {}", kind.name())),
    }
    let mut first = true;
    while reader.next_element(&mut first)? {
        match read_word(field, reader) {
            Ok(word) => words.push(word),
            Err(BadMessage::Shape(text)) => {
                let element = format!("\"{field}\"[{}]", words.len());
                return shape(text.replacen(&format!("\"{field}\""), &element, 1));
            }
            Err(bad) => return Err(bad),
        }
    }
    Ok(words)
}

fn read_secrets<'a>(reader: &mut Reader<'a>) -> Result<Secrets<'a>, BadMessage> {
    match reader.kind()? {
        JsonKind::Null => {
            reader.raw()?;
            Ok(Secrets::None)
        }
        JsonKind::String => Ok(Secrets::One(reader.string()?)),
        JsonKind::Array => {
            let mut each = Vec::new();
            let mut first = true;
            while reader.next_element(&mut first)? {
                each.push(read_text("secret", reader)?);
            }
            Ok(Secrets::Each(each))
        }
        kind => shape(format!("\"secret\" must be a string or an array of strings, not {}", kind.name())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Message<'_>, String> {
        let mut reader = Reader::new(text);
        let message = read_message(&mut reader).map_err(|bad| bad.to_string())?;
        reader.end().map_err(|bad| bad.to_string())?;
        Ok(message)
    }

    fn words<'a>(words: &'a Words<'_>) -> Vec<&'a str> {
        words.iter().map(|word| std::str::from_utf8(word).expect("text")).collect()
    }

    #[test]
    fn the_flat_dialect_is_read() {
        let message = read(
            r#" {"cmd":"SET","key":"foo","args":["a",1.50,true,{"base64":"AAE="}],"id":"gopher","secret":"s","ref":[ ]} "#,
        );
        assert_eq!(
            message.err().as_deref(),
            Some("\"ref\" must be a string, a number, a boolean or null, not an array")
        );
        let message = read(r#"{"cmd":"SET","key":"foo","args":["a",1.50,true,{"base64":"AAE="}],"id":"gopher","ref":1e3,"quiet":true}"#)
            .expect("a message");
        assert_eq!((message.dialect, &*message.name), (Dialect::Flat, "SET"));
        assert_eq!(words(&message.args), ["a", "1.50", "true", "\0\u{1}"]);
        assert_eq!(message.reference, Some("1e3"));
        assert!(message.quiet);
    }

    #[test]
    fn the_domain_dialect_is_read() {
        let message = read(r#"{"command":"mon","payload":[{"domain":"d","id":"i"},{"domain":"","id":"x","secret":["a","b"]}]}"#)
            .expect("a message");
        assert_eq!(message.dialect, Dialect::Domain);
        let items = message.items().expect("items");
        assert_eq!(items[0].domain.as_deref(), Some(&b"d"[..]));
        assert_eq!(items[1].secrets, Secrets::Each(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("7", "a command is an object such as {\"cmd\":\"get\",\"key\":\"foo\"}, not a number"),
            ("{}", "a command needs \"cmd\" (or \"command\" with \"payload\")"),
            (r#"{"cmd":7}"#, "\"cmd\" must be a string, not a number"),
            (
                r#"{"cmd":"get","key":null}"#,
                "\"key\" must be a string, a number, a boolean or {\"base64\":\"…\"}, not null",
            ),
            (r#"{"cmd":"get","args":"x"}"#, "\"args\" must be an array, not a string"),
            (
                r#"{"cmd":"get","args":["x",[]]}"#,
                "\"args\"[1] must be a string, a number, a boolean or {\"base64\":\"…\"}, not an array",
            ),
            (r#"{"cmd":"get","quiet":1}"#, "\"quiet\" must be true or false, not a number"),
            (r#"{"cmd":"get","since":-1}"#, "\"since\" must be a whole number that is not negative"),
            (r#"{"cmd":"get","args":7,"key":"#, "not JSON: the text ends too early at byte 28"),
        ] {
            assert_eq!(read(text).map(drop), Err(expected.to_owned()), "{text}");
        }
    }
}
