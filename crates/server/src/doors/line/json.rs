//! Reads JSON text in place.
//!
//! One pass, no tree: a command is a flat object whose values are mostly short strings, which are
//! borrowed where they have no escapes. The text must be UTF-8 already.

use hyrax_types::limits::JSON_DEPTH_MAX;
use std::borrow::Cow;
use std::fmt;

/// What is wrong with a text that is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadJson {
    /// What was found, or was missing.
    pub what: &'static str,
    /// Where, in bytes from the beginning.
    pub at: usize,
}

impl fmt::Display for BadJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not JSON: {} at byte {}", self.what, self.at)
    }
}

/// Which kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonKind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`
    Null,
}

impl JsonKind {
    /// With its article, for errors.
    pub fn name(self) -> &'static str {
        match self {
            JsonKind::Object => "an object",
            JsonKind::Array => "an array",
            JsonKind::String => "a string",
            JsonKind::Number => "a number",
            JsonKind::Bool => "a boolean",
            JsonKind::Null => "null",
        }
    }
}

/// A position in a JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads `text` from its beginning.
    pub fn new(text: &'a str) -> Self {
        Reader { text, at: 0 }
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    fn bad<T>(&self, what: &'static str) -> Result<T, BadJson> {
        Err(BadJson { what, at: self.at })
    }

    fn skip_spaces(&mut self) {
        while matches!(self.bytes().get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Which kind of value comes next.
    pub fn kind(&mut self) -> Result<JsonKind, BadJson> {
        self.skip_spaces();
        match self.bytes().get(self.at) {
            Some(b'{') => Ok(JsonKind::Object),
            Some(b'[') => Ok(JsonKind::Array),
            Some(b'"') => Ok(JsonKind::String),
            Some(b'-' | b'0'..=b'9') => Ok(JsonKind::Number),
            Some(b't' | b'f') => Ok(JsonKind::Bool),
            Some(b'n') => Ok(JsonKind::Null),
            Some(_) => self.bad("an unexpected character"),
            None => self.bad("the text ends too early"),
        }
    }

    /// Refuses anything but spaces before the end.
    pub fn end(&mut self) -> Result<(), BadJson> {
        self.skip_spaces();
        if self.at == self.text.len() { Ok(()) } else { self.bad("more text after the value") }
    }

    /// Reads a string, borrowed where it has no escapes.
    pub fn string(&mut self) -> Result<Cow<'a, str>, BadJson> {
        self.skip_spaces();
        if self.bytes().get(self.at) != Some(&b'"') {
            return self.bad("a string is expected");
        }
        self.at += 1;
        let start = self.at;
        let end = self.plain_end();
        match self.bytes().get(end) {
            Some(b'"') => {
                self.at = end + 1;
                Ok(Cow::Borrowed(&self.text[start..end]))
            }
            Some(b'\\') => {
                self.at = end;
                self.escaped_string(start).map(Cow::Owned)
            }
            Some(_) => {
                self.at = end;
                self.bad("a control character in a string (write it as \\u00XX)")
            }
            None => {
                self.at = end;
                self.bad("a string that does not end")
            }
        }
    }

    /// Where the run of ordinary characters ends.
    fn plain_end(&self) -> usize {
        let rest = &self.bytes()[self.at..];
        let plain = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
        self.at + plain.unwrap_or(rest.len())
    }

    /// Goes on at a backslash of the string that began at `start`.
    fn escaped_string(&mut self, start: usize) -> Result<String, BadJson> {
        let mut string = self.text[start..self.at].to_owned();
        loop {
            match self.bytes().get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(byte) if *byte < 0x20 => {
                    return self.bad("a control character in a string (write it as \\u00XX)");
                }
                Some(_) => {
                    let end = self.plain_end();
                    string.push_str(&self.text[self.at..end]);
                    self.at = end;
                }
                None => return self.bad("a string that does not end"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, BadJson> {
        let escaped = self.bytes().get(self.at + 1).copied();
        let plain = match escaped {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return self.bad("an unknown escape in a string"),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Result<char, BadJson> {
        let first = self.hexadecimal(self.at + 2)?;
        if !(0xD800..0xE000).contains(&first) {
            self.at += 6;
            return char::from_u32(first).map_or_else(|| self.bad("a bad \\u escape"), Ok);
        }
        let is_pair = self.bytes().get(self.at + 6..self.at + 8) == Some(b"\\u");
        let second = if is_pair { self.hexadecimal(self.at + 8)? } else { 0 };
        if first >= 0xDC00 || !(0xDC00..0xE000).contains(&second) {
            return self.bad("half a surrogate pair in a string");
        }
        self.at += 12;
        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        char::from_u32(code).map_or_else(|| self.bad("a bad \\u escape"), Ok)
    }

    fn hexadecimal(&self, at: usize) -> Result<u32, BadJson> {
        let digits = self.bytes().get(at..at + 4).unwrap_or_default();
        let mut value = 0;
        for &digit in digits {
            match (digit as char).to_digit(16) {
                Some(digit) => value = value * 16 + digit,
                None => return self.bad("a bad \\u escape"),
            }
        }
        if digits.len() == 4 { Ok(value) } else { self.bad("a bad \\u escape") }
    }

    /// Reads any value and gives its exact text.
    pub fn raw(&mut self) -> Result<&'a str, BadJson> {
        self.skip_spaces();
        let start = self.at;
        self.skip(JSON_DEPTH_MAX)?;
        Ok(&self.text[start..self.at])
    }

    fn skip(&mut self, depth: usize) -> Result<(), BadJson> {
        match self.kind()? {
            JsonKind::String => self.skip_string(),
            JsonKind::Number => self.skip_number(),
            JsonKind::Bool | JsonKind::Null => self.skip_word(),
            JsonKind::Object | JsonKind::Array if depth == 0 => self.bad("nested too deep"),
            JsonKind::Object => {
                let mut first = true;
                while self.next_field(&mut first, Reader::skip_string)?.is_some() {
                    self.skip(depth - 1)?;
                }
                Ok(())
            }
            JsonKind::Array => {
                let mut first = true;
                while self.next_element(&mut first)? {
                    self.skip(depth - 1)?;
                }
                Ok(())
            }
        }
    }

    fn skip_string(&mut self) -> Result<(), BadJson> {
        // An escape is rare, and its validity counts: then the whole string is read.
        self.string().map(drop)
    }

    fn skip_word(&mut self) -> Result<(), BadJson> {
        for word in ["true", "false", "null"] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(());
            }
        }
        self.bad("an unknown word")
    }

    fn skip_digits(&mut self) -> Result<(), BadJson> {
        let start = self.at;
        while self.bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { self.bad("a malformed number") }
    }

    fn skip_number(&mut self) -> Result<(), BadJson> {
        if self.bytes().get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.bytes().get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.skip_digits()?;
        }
        if self.bytes().get(self.at) == Some(&b'.') {
            self.at += 1;
            self.skip_digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes().get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes().get(self.at) {
                self.at += 1;
            }
            self.skip_digits()?;
        }
        Ok(())
    }

    /// Reads `true` or `false`.
    pub fn bool(&mut self) -> Result<bool, BadJson> {
        match self.raw()? {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => self.bad("true or false is expected"),
        }
    }

    /// Reads the name of an object's next field, up to its value; `None` at the object's end. `first`
    /// starts as true, before the opening brace.
    pub fn field(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, BadJson> {
        self.next_field(first, Reader::string)
    }

    fn next_field<T>(
        &mut self,
        first: &mut bool,
        name: impl FnOnce(&mut Self) -> Result<T, BadJson>,
    ) -> Result<Option<T>, BadJson> {
        if !self.next(first, b'}')? {
            return Ok(None);
        }
        let name = name(self)?;
        self.skip_spaces();
        if self.bytes().get(self.at) != Some(&b':') {
            return self.bad("a colon is expected");
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// Moves to an array's next element; false at the array's end. `first` starts as true, before the
    /// opening bracket.
    pub fn next_element(&mut self, first: &mut bool) -> Result<bool, BadJson> {
        self.next(first, b']')
    }

    fn next(&mut self, first: &mut bool, close: u8) -> Result<bool, BadJson> {
        let was_first = std::mem::take(first);
        if was_first {
            self.skip_spaces();
            self.at += 1;
        }
        self.skip_spaces();
        match self.bytes().get(self.at) {
            Some(&byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !was_first => {
                self.at += 1;
                self.skip_spaces();
                if self.bytes().get(self.at) == Some(&close) {
                    return self.bad("a comma before the end");
                }
                Ok(true)
            }
            Some(_) if was_first => Ok(true),
            Some(_) => self.bad("a comma is expected"),
            None => self.bad("the text ends too early"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(text: &str) -> Result<&str, BadJson> {
        let mut reader = Reader::new(text);
        let raw = reader.raw()?;
        reader.end()?;
        Ok(raw)
    }

    fn string(text: &str) -> Result<String, BadJson> {
        Reader::new(text).string().map(Cow::into_owned)
    }

    #[test]
    fn strings_are_read_with_their_escapes() {
        assert_eq!(string(r#""plain""#).as_deref(), Ok("plain"));
        assert_eq!(string(r#""a\"\\\/\b\f\n\r\tz""#).as_deref(), Ok("a\"\\/\u{8}\u{c}\n\r\tz"));
        assert_eq!(string(r#""\u00e9\ud83d\ude00""#).as_deref(), Ok("é😀"));
        for bad in
            [r#""\ud83d""#, r#""\udc00x""#, r#""\x""#, r#""\u12""#, r#""open"#, "\"\n\"", r#""\u+123""#]
        {
            assert!(string(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(whole(&("[".repeat(JSON_DEPTH_MAX) + &"]".repeat(JSON_DEPTH_MAX))).is_ok());
        let deep = "[".repeat(1_000_000);
        assert_eq!(whole(&deep).map_err(|bad| bad.what), Err("nested too deep"));
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_what_serde_accepts(text in r#"[\[\]{}",:0-9eE.+\-a-z\\u ]{0,40}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // A number beyond a double's range is a number all the same.
            if !theirs.as_ref().is_err_and(|error| error.to_string().contains("out of range")) {
                prop_assert_eq!(whole(&text).is_ok(), theirs.is_ok(), "{}", text);
            }
        }

        #[test]
        fn any_text_survives_the_way_through_json(text in any::<String>()) {
            let written = serde_json::to_string(&text).expect("a string");
            prop_assert_eq!(string(&written), Ok(text));
        }
    }
}
