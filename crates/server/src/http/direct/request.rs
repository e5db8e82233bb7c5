//! Which requests are answered directly, and where they end. Whatever is in doubt is not one of them.

use axum::http::Method;

/// What their paths begin with.
pub(super) const KEYS: &[u8] = b"/v2/keys";
/// Bytes of a head. Those of clients have some hundreds.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Fields of a head. Those of clients have some ten.
const FIELDS_MAX: usize = 24;
/// Bytes of a body: what comes with a few reads. A larger one has its own bound, and its own way.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// A request of HTTP/1.1 for a key, on a connection that goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlainRequest<'a> {
    /// One that keys have.
    pub(crate) method: Method,
    /// What follows `/v2/keys`: nothing, or a clean path without escapes.
    pub(crate) key: &'a [u8],
    /// What follows the `?`.
    pub(crate) query: &'a [u8],
    /// What the body is said to be.
    pub(crate) content_type: &'a [u8],
    /// The body.
    pub(crate) body: &'a [u8],
    /// Bytes that it takes in all.
    pub(super) length: usize,
}

/// What some bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    /// A request that is there to its end.
    Whole(PlainRequest<'a>),
    /// Nothing yet, or the beginning of what may become one.
    Begun,
    /// Something else.
    Other,
}

/// Whether a connection that begins so begins with a request for a key.
pub(super) fn is_for_a_key(bytes: &[u8]) -> bool {
    let target = bytes.split(|&byte| byte == b' ').nth(1);
    target.is_some_and(|target| target.starts_with(KEYS))
}

impl<'a> PlainRequest<'a> {
    /// What `bytes` begin with.
    pub(super) fn parse(bytes: &'a [u8]) -> Parsed<'a> {
        if bytes.is_empty() {
            return Parsed::Begun;
        }
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Request::new(&mut fields);
        let head_bytes = match head.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Parsed::Begun,
            _ => return Parsed::Other,
        };
        let (Some(method), Some(target), Some(1)) = (head.method, head.path, head.version) else {
            return Parsed::Other;
        };
        let method = match method {
            "GET" => Method::GET,
            "PUT" => Method::PUT,
            "POST" => Method::POST,
            "DELETE" => Method::DELETE,
            _ => return Parsed::Other,
        };
        let Some((key, query)) = key_and_query(target.as_bytes()) else { return Parsed::Other };
        let Some(Said { content_type, body_bytes }) = Said::by(head.headers) else { return Parsed::Other };
        if body_bytes > BODY_BYTES_MAX || head_bytes > HEAD_BYTES_MAX {
            return Parsed::Other;
        }
        let length = head_bytes + body_bytes;
        match bytes.get(head_bytes..length) {
            Some(body) => Parsed::Whole(PlainRequest { method, key, query, content_type, body, length }),
            None => Parsed::Begun,
        }
    }
}

/// The parts of a target for a key, if nothing in it is escaped, or to be cleaned, or unusual.
fn key_and_query(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = target.strip_prefix(KEYS)?;
    let (key, query) = match memchr::memchr(b'?', rest) {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, &[][..]),
    };
    let mut before = 0;
    let is_clean = key.iter().all(|&byte| {
        let is_plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~' | b':' | b'@');
        // What may be `//`, `/.` or `/..`.
        let is_odd = before == b'/' && matches!(byte, b'/' | b'.');
        before = byte;
        is_plain && !is_odd
    });
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:@/?%&=+,;!$*()'".contains(&byte);
    let is_key = key.is_empty() || key[0] == b'/';
    (is_key && is_clean && query.iter().all(|&byte| is_usual(byte))).then_some((key, query))
}

/// What a head says that has to be known.
struct Said<'a> {
    content_type: &'a [u8],
    body_bytes: usize,
}

impl<'a> Said<'a> {
    /// None where it says anything that changes how the request is read, answered or allowed.
    fn by(fields: &[httparse::Header<'a>]) -> Option<Said<'a>> {
        let mut content_type = None;
        let mut body_bytes = None;
        for field in fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            // By length, as most fields of most requests are of no concern.
            match field.name.len() {
                4 if is("host") => {}
                6 if is("origin") || is("expect") => return None,
                7 if is("upgrade") || is("trailer") => return None,
                9 if is("forwarded") => return None,
                10 if is("connection") && !field.value.eq_ignore_ascii_case(b"keep-alive") => return None,
                12 if is("content-type") => match content_type.replace(field.value) {
                    None if !field.value.starts_with(b"application/grpc") => {}
                    _ => return None,
                },
                13 if is("authorization") => return None,
                14 if is("content-length") => {
                    let length = length_of(field.value)?;
                    if body_bytes.replace(length).is_some() {
                        return None;
                    }
                }
                15 if is("x-forwarded-for") => return None,
                17 if is("transfer-encoding") => return None,
                _ => {}
            }
        }
        Some(Said { content_type: content_type.unwrap_or_default(), body_bytes: body_bytes.unwrap_or(0) })
    }
}

/// A length: digits, and not too many.
fn length_of(value: &[u8]) -> Option<usize> {
    const DIGITS_MAX: usize = 9;
    let is_number = (1..=DIGITS_MAX).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    is_number.then(|| value.iter().fold(0, |length, digit| length * 10 + usize::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn whole(bytes: &str) -> PlainRequest<'_> {
        match PlainRequest::parse(bytes.as_bytes()) {
            Parsed::Whole(request) => request,
            other => panic!("{bytes}: {other:?}"),
        }
    }

    #[test]
    fn a_request_for_a_key_is_read_to_its_end() {
        let head = "PUT /v2/keys/a/b.c?prevExist=true&x=%20 HTTP/1.1\r\nHost: h\r\ncontent-TYPE: t\r\n\
                    Connection: Keep-Alive\r\nAccept: */*\r\nContent-Length: 7\r\n\r\n";
        let bytes = format!("{head}value=1GET ");
        let request = whole(&bytes);
        assert_eq!((request.method, request.key), (Method::PUT, &b"/a/b.c"[..]));
        assert_eq!((request.query, request.content_type), (&b"prevExist=true&x=%20"[..], &b"t"[..]));
        assert_eq!((request.body, request.length), (&b"value=1"[..], head.len() + 7));
        for end in 0..head.len() + 7 {
            assert_eq!(PlainRequest::parse(&bytes.as_bytes()[..end]), Parsed::Begun, "{end}");
        }
        let request = whole("GET /v2/keys HTTP/1.1\r\n\r\n");
        assert_eq!((request.key, request.query, request.body), (&b""[..], &b""[..], &b""[..]));
    }

    #[test]
    fn what_has_to_be_thought_about_is_left_to_others() {
        let check = |line: &str, fields: &str| {
            let bytes = format!("{line}\r\n{fields}\r\n");
            assert_eq!(PlainRequest::parse(bytes.as_bytes()), Parsed::Other, "{bytes}");
        };
        for line in [
            "GET /v2/keys/a HTTP/1.0",
            "HEAD /v2/keys/a HTTP/1.1",
            "get /v2/keys/a HTTP/1.1",
            "GET /v2/keysa HTTP/1.1",
            "GET /v2/members HTTP/1.1",
            "GET http://h/v2/keys/a HTTP/1.1",
            "GET /v2/keys/%61 HTTP/1.1",
            "GET /v2/keys//a HTTP/1.1",
            "GET /v2/keys/./a HTTP/1.1",
            "GET /v2/keys/../a HTTP/1.1",
            "GET /v2/keys/.a HTTP/1.1",
            "GET /v2/keys/a#b HTTP/1.1",
            "GET /v2/keys/a?b=\"c\" HTTP/1.1",
            "GET /v2/keys/\u{e4} HTTP/1.1",
        ] {
            check(line, "");
        }
        for fields in [
            "Origin: http://localhost\r\n",
            "Expect: 100-continue\r\n",
            "Connection: close\r\n",
            "Connection: upgrade\r\n",
            "Upgrade: websocket\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Authorization: Basic Og==\r\n",
            "Forwarded: for=1.2.3.4\r\n",
            "X-Forwarded-For: 1.2.3.4\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: \r\n",
            "Content-Length: 1000000\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Type: application/grpc\r\n",
            " folded: x\r\n",
            "broken\r\n",
        ] {
            check("GET /v2/keys/a HTTP/1.1", fields);
        }
        check("GET /v2/keys/a HTTP/1.1", &"a: b\r\n".repeat(FIELDS_MAX + 1));
        let endless = format!("GET /v2/keys/{}", "a".repeat(HEAD_BYTES_MAX));
        assert_eq!(PlainRequest::parse(endless.as_bytes()), Parsed::Other);
        assert!(is_for_a_key(endless.as_bytes()) && !is_for_a_key(b"GET / HTTP/1.1") && !is_for_a_key(b""));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(
            words in vec(
                prop_oneof![
                    prop::sample::select(vec![
                        "GET ", "PUT ", "/v2/keys", "/a", "?x=", " HTTP/1.1\r\n", "Content-Length: 3\r\n", "\r\n", "abc",
                        "Host: x\r\n", ":", " ",
                    ])
                    .prop_map(|word| word.as_bytes().to_vec()),
                    vec(any::<u8>(), 0..4),
                ],
                0..12,
            )
        ) {
            let bytes = words.concat();
            if let Parsed::Whole(request) = PlainRequest::parse(&bytes) {
                prop_assert!(request.length <= bytes.len() && request.length > 0);
            }
        }
    }
}
