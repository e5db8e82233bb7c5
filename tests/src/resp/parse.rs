//! Reading one reply from a stream, RESP2 or RESP3.

use std::io::{self, BufRead, Error, ErrorKind};

use super::reply::Resp;

/// Reads one reply; attributes (`|`) before it are skipped.
///
/// What is not RESP is an error of kind `InvalidData`, an end within a reply one of `UnexpectedEof`.
pub fn read_reply(stream: &mut impl BufRead) -> io::Result<Resp> {
    let line = read_line(stream)?;
    let Some((&kind, rest)) = line.split_first() else { return Err(not_resp("an empty line", &line)) };
    match kind {
        b'+' => Ok(Resp::Simple(text(rest)?)),
        b'-' => Ok(Resp::Error(text(rest)?)),
        b':' => Ok(Resp::Integer(number(rest)?)),
        b'_' => Ok(Resp::Null),
        b'#' => match rest {
            b"t" => Ok(Resp::Boolean(true)),
            b"f" => Ok(Resp::Boolean(false)),
            _ => Err(not_resp("a boolean", rest)),
        },
        b',' => text(rest)?.parse().map(Resp::double).map_err(|_| not_resp("a double", rest)),
        b'(' => Ok(Resp::BigNumber(text(rest)?)),
        b'$' if rest == b"-1" => Ok(Resp::Null),
        b'$' => Ok(Resp::Bulk(read_blob(stream, rest)?)),
        b'!' => Ok(Resp::Error(text(&read_blob(stream, rest)?)?)),
        b'=' => {
            let blob = read_blob(stream, rest)?;
            match blob.split_at_checked(4) {
                Some((format, content)) if format[3] == b':' => {
                    Ok(Resp::Verbatim(text(&format[..3])?, content.to_vec()))
                }
                _ => Err(not_resp("a verbatim string", &blob)),
            }
        }
        b'*' if rest == b"-1" => Ok(Resp::Null),
        b'*' => Ok(Resp::Array(read_elements(stream, rest)?)),
        b'~' => Ok(Resp::Set(read_elements(stream, rest)?)),
        b'>' => Ok(Resp::Push(read_elements(stream, rest)?)),
        b'%' => Ok(Resp::Map(read_pairs(stream, rest)?)),
        b'|' => {
            read_pairs(stream, rest)?;
            read_reply(stream)
        }
        _ => Err(not_resp("a type byte", &line)),
    }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(Error::new(ErrorKind::UnexpectedEof, "the server closed the connection within a reply"));
    }
    if line.pop() != Some(b'\r') {
        return Err(not_resp("an end of line", &line));
    }
    Ok(line)
}

fn read_blob(stream: &mut impl BufRead, length: &[u8]) -> io::Result<Vec<u8>> {
    let length: usize = number(length)?;
    let mut blob = vec![0; length + 2];
    stream.read_exact(&mut blob)?;
    if !blob.ends_with(b"\r\n") {
        return Err(not_resp("the end of a bulk", &blob));
    }
    blob.truncate(length);
    Ok(blob)
}

fn read_elements(stream: &mut impl BufRead, count: &[u8]) -> io::Result<Vec<Resp>> {
    (0..number::<usize>(count)?).map(|_| read_reply(stream)).collect()
}

fn read_pairs(stream: &mut impl BufRead, count: &[u8]) -> io::Result<Vec<(Resp, Resp)>> {
    (0..number::<usize>(count)?).map(|_| Ok((read_reply(stream)?, read_reply(stream)?))).collect()
}

/// Bytes outside UTF-8, which an error may quote from a command, become visible escapes.
fn text(bytes: &[u8]) -> io::Result<String> {
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    })
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> io::Result<N> {
    text(digits)?.parse().map_err(|_| not_resp("a number", digits))
}

fn not_resp(expected: &str, found: &[u8]) -> Error {
    Error::new(
        ErrorKind::InvalidData,
        format!("not RESP: {expected} expected, found {:?}", found.escape_ascii()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wire: &[u8], expected: Resp) {
        let mut stream = wire;
        assert_eq!(read_reply(&mut stream).unwrap(), expected);
        assert!(stream.is_empty(), "all of it is read");
    }

    #[test]
    fn every_kind_of_reply_is_read() {
        check(b"+OK\r\n", Resp::simple("OK"));
        check(b"-ERR no\r\n", Resp::Error("ERR no".to_owned()));
        check(b"!6\r\nERR no\r\n", Resp::Error("ERR no".to_owned()));
        check(b":-7\r\n", Resp::Integer(-7));
        check(b"$4\r\n\x00\r\n\xff\r\n", Resp::bulk(b"\x00\r\n\xff"));
        check(b"$-1\r\n", Resp::Null);
        check(b"*-1\r\n", Resp::Null);
        check(b"_\r\n", Resp::Null);
        check(b"#t\r\n", Resp::Boolean(true));
        check(b",-inf\r\n", Resp::double(f64::NEG_INFINITY));
        check(b",1.5\r\n", Resp::double(1.5));
        check(b"(12345678901234567890\r\n", Resp::BigNumber("12345678901234567890".to_owned()));
        check(b"=7\r\ntxt:abc\r\n", Resp::Verbatim("txt".to_owned(), b"abc".to_vec()));
        check(b"*2\r\n:1\r\n*0\r\n", Resp::Array(vec![Resp::Integer(1), Resp::Array(vec![])]));
        check(b"~1\r\n+a\r\n", Resp::Set(vec![Resp::simple("a")]));
        check(b"%1\r\n+a\r\n:1\r\n", Resp::Map(vec![(Resp::simple("a"), Resp::Integer(1))]));
        check(b">1\r\n+a\r\n", Resp::Push(vec![Resp::simple("a")]));
        check(b"|1\r\n+ttl\r\n:9\r\n:1\r\n", Resp::Integer(1));
    }

    #[test]
    fn what_is_not_resp_is_told() {
        for wire in ["\r\n", "hello\r\n", ":x\r\n", "$1\r\nabc\r\n", "#x\r\n", "=2\r\nab\r\n"] {
            assert_eq!(
                read_reply(&mut wire.as_bytes()).unwrap_err().kind(),
                ErrorKind::InvalidData,
                "{wire:?}"
            );
        }
        for wire in ["", "+OK", "$5\r\nab", "*2\r\n:1\r\n"] {
            assert_eq!(
                read_reply(&mut wire.as_bytes()).unwrap_err().kind(),
                ErrorKind::UnexpectedEof,
                "{wire:?}"
            );
        }
    }
}
