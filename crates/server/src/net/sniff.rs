//! Tells a protocol by its first bytes. Knows nothing of where they come from.

use hyrax_types::limits::FIRST_LINE_BYTES_MAX;

/// What the first bytes of a connection are the beginning of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// JSON, be it broken further on.
    Line,
    /// A request of HTTP/1.
    Http1,
    /// HTTP/2, without an upgrade before.
    Http2,
    /// A TLS handshake.
    Tls,
    /// Redis' protocol: all else.
    Resp,
}

/// The protocol that `bytes` begin, or none while more of them could still change it. Blanks before
/// them ([`is_blank`]) must have been taken away.
pub(super) fn sniff(bytes: &[u8]) -> Option<Protocol> {
    match bytes {
        [] | [0x16] => None,
        [b'{' | b'[', ..] => Some(Protocol::Line),
        [0x16, 0x03, ..] => Some(Protocol::Tls),
        // Only a letter begins a method. Inline Redis commands begin with one too, some with the
        // letters of a method (`PUBLISH`), so the line is needed to its end.
        [first, ..] if first.is_ascii_alphabetic() => match bytes.iter().position(|&byte| byte == b'\n') {
            Some(end) => Some(first_line(&bytes[..end])),
            None if bytes.len() >= FIRST_LINE_BYTES_MAX => Some(endless_first_line(bytes)),
            None => None,
        },
        _ => Some(Protocol::Resp),
    }
}

/// What every protocol told apart here lets one send before a command.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// What a line is that begins with a letter: `METHOD target HTTP/1.x`, HTTP/2's preface, or else a
/// Redis command.
fn first_line(line: &[u8]) -> Protocol {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|&byte| byte == b' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(b"PRI"), Some(b"*"), Some(b"HTTP/2.0"), None) => Protocol::Http2,
        (Some(method), Some(target), Some(version), None)
            if version.starts_with(b"HTTP/1.") && is_target(method, target) =>
        {
            Protocol::Http1
        }
        _ => Protocol::Resp,
    }
}

/// A line too long to wait for its end: whatever it looks like now. The door that gets it refuses it in
/// its own words.
fn endless_first_line(beginning: &[u8]) -> Protocol {
    let mut words = beginning.splitn(3, |&byte| byte == b' ');
    let method = words.next().unwrap_or_default();
    match (words.next(), words.next()) {
        (Some(target), None) if is_target(method, target) => Protocol::Http1,
        _ => Protocol::Resp,
    }
}

/// Whether a request of this method may have this target (RFC 9112, 3.2).
fn is_target(method: &[u8], target: &[u8]) -> bool {
    target.starts_with(b"/")
        || target == b"*"
        || method == b"CONNECT"
        || target.windows(3).any(|three| three == b"://")
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Checks what `bytes` are told to be, and that no shorter beginning is told to be something else.
    fn check(bytes: &str, protocol: Option<Protocol>) {
        check_bytes(bytes.as_bytes(), protocol);
    }

    fn check_bytes(bytes: &[u8], protocol: Option<Protocol>) {
        assert_eq!(sniff(bytes), protocol, "{}", bytes.escape_ascii());
        for end in 0..bytes.len() {
            let early = sniff(&bytes[..end]);
            assert!(early.is_none() || early == protocol, "{}", bytes[..end].escape_ascii());
        }
    }

    #[test]
    fn each_protocol_is_told_by_its_first_line() {
        use Protocol::{Http1, Http2, Line, Resp, Tls};
        check("{\"cmd\":\"get\"}", Some(Line));
        check("[]", Some(Line));
        check("{ broken", Some(Line));
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(Http1));
        check("GET / HTTP/1.0\n", Some(Http1));
        check("get / HTTP/1.1\r\n", Some(Http1));
        check("M-SEARCH * HTTP/1.1\r\n", Some(Http1));
        check("OPTIONS * HTTP/1.1\r\n", Some(Http1));
        check("GET http://a/b HTTP/1.1\r\n", Some(Http1));
        check("CONNECT a:80 HTTP/1.1\r\n", Some(Http1));
        check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(Http2));
        check("*1\r\n$4\r\nPING\r\n", Some(Resp));
        check("PING\r\n", Some(Resp));
        check("PUBLISH a b\r\n", Some(Resp));
        check("PUT a\r\n", Some(Resp));
        check("get foo\n", Some(Resp));
        check("GET /\r\n", Some(Resp));
        check("SET / HTTP/1.1 x\r\n", Some(Resp));
        check("SET a HTTP/1.1\r\n", Some(Resp));
        check("PRI * HTTP/2.0 \r\n", Some(Resp));
        check("\"get\" foo\r\n", Some(Resp));
        check("0\r\n", Some(Resp));
        check_bytes(b"\x16\x03\x01\x02\x00\x01", Some(Tls));
        check_bytes(b"\x16\x02", Some(Resp));
        check_bytes(b"\xff\xfe\n", Some(Resp));
    }

    #[test]
    fn what_may_still_become_something_else_is_undecided() {
        for beginning in ["", "P", "PU", "PUT /a HTTP/1.1", "PRI * HTTP/2.0\r", "\x16", "ping"] {
            check(beginning, None);
        }
    }

    #[test]
    fn a_line_without_an_end_is_decided_by_its_beginning() {
        let long = "x".repeat(FIRST_LINE_BYTES_MAX);
        check(&format!("GET /{long}")[..FIRST_LINE_BYTES_MAX], Some(Protocol::Http1));
        check(&format!("SET a {long}")[..FIRST_LINE_BYTES_MAX], Some(Protocol::Resp));
        check(&long, Some(Protocol::Resp));
        check(&long[1..], None);
    }

    proptest! {
        #[test]
        fn no_beginning_is_told_to_be_something_that_the_whole_is_not(
            words in vec(
                prop_oneof![
                    prop::sample::select(vec![
                        "GET", "PRI", " ", "*", "/a", "HTTP/1.1", "HTTP/2.0", "\r\n", "\n", "{", "://", "\x16", "\x03",
                    ])
                    .prop_map(|word| word.as_bytes().to_vec()),
                    vec(any::<u8>(), 0..4),
                ],
                0..8,
            )
        ) {
            let bytes = words.concat();
            check_bytes(&bytes, sniff(&bytes));
        }
    }
}
