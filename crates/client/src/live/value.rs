//! Values as the line door answers them, and how they become Rust's.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hash;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Error;

/// The one field of the object that stands for bytes which are no text.
const BASE64: &str = "base64";

/// What a command returns, or a key holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing: no such key.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number. The scores of a sorted set are such where they are whole.
    Integer(i64),
    /// Any other number. Infinities come as the texts `inf` and `-inf`.
    Double(f64),
    /// A text or other bytes.
    Bytes(Bytes),
    /// A list or a set.
    List(Vec<Value>),
    /// A hash: each field with its value, in the order in which they came.
    Map(Vec<(Bytes, Value)>),
}

impl Value {
    /// The same as a type of Rust's.
    pub fn to<T: FromValue>(self) -> Result<T, Error> {
        T::from_value(self)
    }

    /// A text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// What kind of value it is, for people.
    fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) | Value::Double(_) => "a number",
            Value::Bytes(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    fn unexpected<T>(self, expected: &'static str) -> Result<T, Error> {
        Err(Error::Unexpected { expected, found: self.kind() })
    }
}

impl<T: Into<Bytes>> From<T> for Value {
    fn from(bytes: T) -> Value {
        Value::Bytes(bytes.into())
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        // Redis' integers are signed: what is larger is a whole double.
        Ok(i64::try_from(value).map_or(Value::Double(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Bytes(Bytes::copy_from_slice(value.as_bytes())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((name, value)) = fields.next_entry::<String, Value>()? {
            map.push((Bytes::from(name), value));
        }
        Ok(match &map[..] {
            [(name, Value::Bytes(text))] if name == BASE64 => {
                not_text(text).map_or(Value::Map(map), Value::Bytes)
            }
            _ => Value::Map(map),
        })
    }
}

/// What `{"base64":…}` stands for. It is only written where the bytes are no text, so that a hash with a field
/// of that name is told from it.
fn not_text(text: &[u8]) -> Option<Bytes> {
    let bytes = STANDARD.decode(text).ok()?;
    std::str::from_utf8(&bytes).is_err().then(|| bytes.into())
}

/// How bytes are written: a text as it is, others as `{"base64":…}`.
pub(super) fn json_of(bytes: &[u8]) -> serde_json::Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => serde_json::json!({ BASE64: STANDARD.encode(bytes) }),
    }
}

/// One argument of a command. Numbers are sent as their exact text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument(pub(super) Bytes);

macro_rules! arguments_from_bytes {
    ($($of:ty => $make:expr),* $(,)?) => {
        $(impl From<$of> for Argument {
            fn from(value: $of) -> Argument {
                #[allow(clippy::redundant_closure_call, reason = "each type has its own way")]
                Argument(($make)(value))
            }
        })*
    };
}

arguments_from_bytes! {
    &str => |text: &str| Bytes::copy_from_slice(text.as_bytes()),
    &String => |text: &String| Bytes::copy_from_slice(text.as_bytes()),
    String => Bytes::from,
    &[u8] => Bytes::copy_from_slice,
    Vec<u8> => Bytes::from,
    Bytes => |bytes| bytes,
    &Bytes => Bytes::clone,
    i32 => number, i64 => number, u32 => number, u64 => number, usize => number, f64 => number,
}

fn number(number: impl ToString) -> Bytes {
    number.to_string().into()
}

impl<const N: usize> From<&[u8; N]> for Argument {
    fn from(bytes: &[u8; N]) -> Argument {
        Argument(Bytes::copy_from_slice(bytes))
    }
}

/// A type of Rust's that a command's answer may be read as.
pub trait FromValue: Sized {
    /// Reads it, or says what it is instead.
    fn from_value(value: Value) -> Result<Self, Error>;
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Value, Error> {
        Ok(value)
    }
}

/// Whatever is answered.
impl FromValue for () {
    fn from_value(_: Value) -> Result<(), Error> {
        Ok(())
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Result<bool, Error> {
        match value {
            Value::Bool(value) => Ok(value),
            Value::Integer(value) => Ok(value != 0),
            // A `set` with `nx` is answered OK, or nothing.
            Value::Null => Ok(false),
            Value::Bytes(text) if text == "OK" => Ok(true),
            other => other.unexpected("a boolean"),
        }
    }
}

impl FromValue for i64 {
    fn from_value(value: Value) -> Result<i64, Error> {
        match value {
            Value::Integer(value) => Ok(value),
            value => match value.as_str().map(str::parse) {
                Some(Ok(number)) => Ok(number),
                _ => value.unexpected("a whole number"),
            },
        }
    }
}

impl FromValue for u64 {
    fn from_value(value: Value) -> Result<u64, Error> {
        match value.as_str().map(str::parse) {
            Some(Ok(number)) => return Ok(number),
            Some(Err(_)) => return value.unexpected("a whole number that is not negative"),
            None => {}
        }
        let number = i64::from_value(value)?;
        u64::try_from(number).map_err(|_| Error::Unexpected {
            expected: "a number that is not negative",
            found: "a negative one",
        })
    }
}

impl FromValue for f64 {
    fn from_value(value: Value) -> Result<f64, Error> {
        match value {
            Value::Integer(value) => Ok(value as f64),
            Value::Double(value) => Ok(value),
            value => match value.as_str().map(str::parse) {
                Some(Ok(number)) => Ok(number),
                _ => value.unexpected("a number"),
            },
        }
    }
}

impl FromValue for Bytes {
    fn from_value(value: Value) -> Result<Bytes, Error> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Integer(value) => Ok(value.to_string().into()),
            Value::Double(value) => Ok(value.to_string().into()),
            other => other.unexpected("a text"),
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value) -> Result<Vec<u8>, Error> {
        Bytes::from_value(value).map(Vec::from)
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Result<String, Error> {
        String::from_utf8(Vec::from_value(value)?)
            .map_err(|_| Error::Unexpected { expected: "a text", found: "bytes that are none" })
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Option<T>, Error> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// A list of anything but bytes: those are [`Bytes`].
macro_rules! lists {
    ($($of:ty),*) => {
        $(impl FromValue for Vec<$of> {
            fn from_value(value: Value) -> Result<Vec<$of>, Error> {
                list(value)
            }
        })*
    };
}

lists!(Value, String, Bytes, i64, f64, bool, Option<String>, Option<Bytes>, Option<f64>, Vec<Value>);

impl<A: FromValue, B: FromValue> FromValue for Vec<(A, B)> {
    /// Reads a map, a list of pairs, or a flat list of what belongs together.
    fn from_value(value: Value) -> Result<Vec<(A, B)>, Error> {
        match value {
            Value::Map(fields) => {
                fields.into_iter().map(|(name, value)| Ok((Value::Bytes(name).to()?, value.to()?))).collect()
            }
            Value::List(items) if items.iter().all(|item| matches!(item, Value::List(_))) => {
                items.into_iter().map(FromValue::from_value).collect()
            }
            Value::List(items) if items.len() % 2 == 0 => {
                let mut items = items.into_iter();
                let mut pairs = Vec::with_capacity(items.len() / 2);
                while let (Some(first), Some(second)) = (items.next(), items.next()) {
                    pairs.push((first.to()?, second.to()?));
                }
                Ok(pairs)
            }
            other => other.unexpected("pairs"),
        }
    }
}

impl<A: FromValue, B: FromValue> FromValue for (A, B) {
    fn from_value(value: Value) -> Result<(A, B), Error> {
        match value {
            Value::List(items) => match <[Value; 2]>::try_from(items) {
                Ok([first, second]) => Ok((first.to()?, second.to()?)),
                Err(items) => Value::List(items).unexpected("a pair"),
            },
            other => other.unexpected("a pair"),
        }
    }
}

impl<K: FromValue + Eq + Hash, V: FromValue> FromValue for HashMap<K, V> {
    fn from_value(value: Value) -> Result<HashMap<K, V>, Error> {
        Vec::<(K, V)>::from_value(value).map(|pairs| pairs.into_iter().collect())
    }
}

impl<K: FromValue + Ord, V: FromValue> FromValue for BTreeMap<K, V> {
    fn from_value(value: Value) -> Result<BTreeMap<K, V>, Error> {
        Vec::<(K, V)>::from_value(value).map(|pairs| pairs.into_iter().collect())
    }
}

fn list<T: FromValue>(value: Value) -> Result<Vec<T>, Error> {
    match value {
        Value::List(items) => items.into_iter().map(T::from_value).collect(),
        Value::Null => Ok(Vec::new()),
        other => other.unexpected("a list"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn json_becomes_values() {
        let check = |json: &str, value: Value| assert_eq!(read(json), value, "{json}");
        check("null", Value::Null);
        check("-7", Value::Integer(-7));
        check("2.5", Value::Double(2.5));
        check("\"tea\"", Value::from("tea"));
        check("[1,[]]", Value::List(vec![Value::Integer(1), Value::List(vec![])]));
        check("{\"a\":\"1\"}", Value::Map(vec![("a".into(), Value::from("1"))]));
        check("{\"base64\":\"//4=\"}", Value::from(&b"\xff\xfe"[..]));
    }

    #[test]
    fn a_field_named_base64_is_no_bytes() {
        for json in ["{\"base64\":\"dGVh\"}", "{\"base64\":\"no!\"}", "{\"base64\":\"//4=\",\"b\":\"\"}"] {
            assert!(matches!(read(json), Value::Map(_)), "{json}");
        }
    }

    #[test]
    fn bytes_are_written_as_they_are_read() {
        for bytes in [&b"tea"[..], b"", b"\xff\xfe"] {
            let json = json_of(bytes).to_string();
            assert_eq!(read(&json), Value::from(Bytes::copy_from_slice(bytes)));
        }
    }

    #[test]
    fn values_become_types() {
        assert_eq!(read("null").to::<Option<String>>().unwrap(), None);
        assert_eq!(read("\"7\"").to::<i64>().unwrap(), 7);
        assert_eq!(read("\"inf\"").to::<f64>().unwrap(), f64::INFINITY);
        assert_eq!(read("[\"a\",null]").to::<Vec<Option<String>>>().unwrap(), [Some("a".to_owned()), None]);
        assert!(!read("null").to::<bool>().unwrap());
        let scores = [("a".to_owned(), 1.0), ("b".to_owned(), 2.5)];
        assert_eq!(read("[[\"a\",1],[\"b\",2.5]]").to::<Vec<(String, f64)>>().unwrap(), scores);
        assert_eq!(read("[\"a\",1,\"b\",2.5]").to::<Vec<(String, f64)>>().unwrap(), scores);
        let hash: HashMap<String, String> = read("{\"a\":\"1\"}").to().unwrap();
        assert_eq!(hash["a"], "1");
    }

    #[test]
    fn what_is_something_else_is_named() {
        let error = read("[1]").to::<String>().unwrap_err().to_string();
        assert!(error.contains("a text") && error.contains("a list"), "{error}");
        assert!(read("-1").to::<u64>().is_err());
        assert!(read("{\"base64\":\"//4=\"}").to::<String>().is_err());
    }
}
