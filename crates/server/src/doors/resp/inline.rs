//! The words of a line as a person types it, with Redis' quotes and escapes.

/// The words of a line; none when a quote is not closed, or something follows its end at once.
pub fn split_line(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        // `isspace` counts a vertical tab, `trim_ascii` does not.
        while let [0x0b, tail @ ..] = rest {
            rest = tail.trim_ascii_start();
        }
        if rest.is_empty() {
            return Some(words);
        }
        let (word, tail) = first_word(rest)?;
        words.push(word);
        rest = tail;
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// The word at the front, and what follows it.
fn first_word(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut rest = line;
    loop {
        match rest {
            [] => return Some((word, rest)),
            [b' ' | b'\n' | b'\r' | b'\t', ..] => return Some((word, rest)),
            [b'"', tail @ ..] => return closed(double_quoted(tail, &mut word)?).map(|rest| (word, rest)),
            [b'\'', tail @ ..] => return closed(single_quoted(tail, &mut word)?).map(|rest| (word, rest)),
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

/// A closing quote ends its word.
fn closed(rest: &[u8]) -> Option<&[u8]> {
    rest.first().is_none_or(|&byte| is_space(byte)).then_some(rest)
}

/// Reads up to the closing quote and gives what follows it.
fn double_quoted<'l>(mut rest: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) << 4 | hex(*low));
                rest = tail;
            }
            [b'\\', escaped, tail @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

fn single_quoted<'l>(mut rest: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&[u8]]) {
        assert_eq!(split_line(line.as_bytes()).expect("closed quotes"), expected, "{line}");
    }

    #[test]
    fn words_are_split_and_unquoted_as_redis_does() {
        check("", &[]);
        check(" \t\x0b set  a\tb ", &[b"set", b"a", b"b"]);
        check(r#"set "a b" 'c d'"#, &[b"set", b"a b", b"c d"]);
        check(r#""\x41\xfF\n\r\t\b\a\q\"" "#, &[b"A\xff\n\r\t\x08\x07q\""]);
        check(r#""\xg1""#, &[b"xg1"]);
        check(r"'it\'s' 'a\nb'", &[b"it's", br"a\nb"]);
        check(r#"a"b c""#, &[b"ab c"]);
        check(r#""""#, &[b""]);
    }

    #[test]
    fn a_quote_must_be_closed_and_end_its_word() {
        for line in ["\"", "'", "\"a", "a 'b", "\"a\"b", "'a'b", "\"a\\", "\"a\\\"", "a\"b"] {
            assert_eq!(split_line(line.as_bytes()), None, "{line}");
        }
    }
}
