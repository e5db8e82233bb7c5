//! Parameters, from the query and from a form, as Go's library reads them for etcd.

use std::borrow::Cow;

use smallvec::SmallVec;

/// Parameters that most requests have at most.
const PARAMETERS: usize = 4;

/// A parameter: its name and its value.
type Parameter<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Parameters by name; a form's come before the query's, and the first of a name counts.
#[derive(Debug, Default)]
pub(crate) struct Form<'a>(SmallVec<[Parameter<'a>; PARAMETERS]>);

impl<'a> Form<'a> {
    /// Those of a request; or what Go says of them.
    pub(crate) fn parse(query: &'a [u8], body: &'a [u8]) -> Result<Form<'a>, String> {
        let mut form = Form::default();
        let of_body = form.extend(body);
        let of_query = form.extend(query);
        of_body.and(of_query).map(|()| form)
    }

    /// The first value of that name.
    pub(crate) fn first(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(found, _)| **found == *name.as_bytes()).map(|(_, value)| &**value)
    }

    /// Every value of that name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let of_name = move |(found, _): &&(Cow<'_, [u8]>, _)| **found == *name.as_bytes();
        self.0.iter().filter(of_name).map(|(_, value)| &**value)
    }

    /// The same as the first, or nothing.
    pub(crate) fn text(&self, name: &str) -> &[u8] {
        self.first(name).unwrap_or_default()
    }

    /// Adds what is well formed. Of what is not, a semicolon is told before the first of all else.
    fn extend(&mut self, text: &'a [u8]) -> Result<(), String> {
        let mut error = None;
        for pair in text.split(|&byte| byte == b'&') {
            if memchr::memchr(b';', pair).is_some() {
                error = Some("invalid semicolon separator in query".to_owned());
                continue;
            }
            if pair.is_empty() {
                continue;
            }
            let equals = memchr::memchr(b'=', pair);
            let (name, value) = equals.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
            match unescape(name, true).and_then(|name| Ok((name, unescape(value, true)?))) {
                Ok(pair) => self.0.push(pair),
                Err(wrong) => error = error.or(Some(wrong)),
            }
        }
        error.map_or(Ok(()), Err)
    }
}

/// Undoes percent-encoding, and in a query that of spaces; or what Go says of it.
pub(crate) fn unescape(text: &[u8], in_query: bool) -> Result<Cow<'_, [u8]>, String> {
    let first = if in_query { memchr::memchr2(b'%', b'+', text) } else { memchr::memchr(b'%', text) };
    let Some(first) = first else { return Ok(Cow::Borrowed(text)) };
    let digit = |at: usize| text.get(at).and_then(|&byte| (byte as char).to_digit(16));
    let mut plain = Vec::with_capacity(text.len());
    plain.extend_from_slice(&text[..first]);
    let mut at = first;
    while let Some(&byte) = text.get(at) {
        at += 1;
        plain.push(match byte {
            b'+' if in_query => b' ',
            b'%' => {
                let (Some(high), Some(low)) = (digit(at), digit(at + 1)) else {
                    let wrong = &text[at - 1..text.len().min(at + 2)];
                    return Err(format!("invalid URL escape \"{}\"", wrong.escape_ascii()));
                };
                at += 2;
                // Two digits are a byte.
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    Ok(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_comes_before_the_query() {
        let form = Form::parse(b"a=1&b=x+y%21&c", b"a=2&&d=%00").unwrap();
        assert_eq!(form.text("a"), b"2");
        assert_eq!(form.text("b"), b"x y!");
        assert_eq!(form.first("c"), Some(&b""[..]));
        assert_eq!(form.text("d"), b"\0");
        assert_eq!(form.first("e"), None);
    }

    #[test]
    fn what_is_wrong_is_said_as_go_says_it() {
        let check = |query: &str, expected: &str| {
            assert_eq!(Form::parse(query.as_bytes(), b"").unwrap_err(), expected)
        };
        check("a=%zz", "invalid URL escape \"%zz\"");
        check("a=%z", "invalid URL escape \"%z\"");
        check("a=%", "invalid URL escape \"%\"");
        check("a=%1&b=;", "invalid semicolon separator in query");
        assert_eq!(unescape(b"a+b%2f", false), Ok(Cow::Borrowed(&b"a+b/"[..])));
    }
}
