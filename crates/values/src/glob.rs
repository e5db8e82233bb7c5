//! Redis' glob patterns: `*`, `?`, `[a-z]`, `[^a]`, `\` to escape.

/// Whether `text` matches `pattern` as Redis' `KEYS` would have it.
///
/// Linear in `text` for each `*`: only the last star is ever retried, as an earlier one can take
/// nothing that a later one could not.
pub fn glob_matches(pattern: &[u8], text: &[u8]) -> bool {
    // Redis has no string to walk through here; that a lone star takes all is known to its callers.
    if text.is_empty() {
        return matches!(pattern, b"" | b"*");
    }
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, t));
                continue;
            }
            Some(_) => {
                if let Some(next) = match_one(pattern, p, text[t]) {
                    p = next;
                    t += 1;
                    continue;
                }
            }
            None => {}
        }
        let Some((star, from)) = retry else { return false };
        p = star;
        t = from + 1;
        retry = Some((star, t));
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// Matches the one pattern element at `p` against `byte`; the position after it when it matches.
fn match_one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match pattern[p] {
        b'?' => Some(p + 1),
        b'[' => {
            let (matches, next) = match_class(pattern, p + 1, byte);
            matches.then_some(next)
        }
        b'\\' if p + 1 < pattern.len() => (pattern[p + 1] == byte).then_some(p + 2),
        literal => (literal == byte).then_some(p + 1),
    }
}

/// Matches a class whose `[` stands before `p`. An unclosed class ends with the pattern.
fn match_class(pattern: &[u8], mut p: usize, byte: u8) -> (bool, usize) {
    let negated = pattern.get(p) == Some(&b'^');
    if negated {
        p += 1;
    }
    let mut matches = false;
    loop {
        match pattern[p..] {
            [] => return (matches != negated, p),
            [b'\\', escaped, ..] => {
                matches |= escaped == byte;
                p += 2;
            }
            [b']', ..] => return (matches != negated, p + 1),
            [from, b'-', to, ..] => {
                // Redis compares C's `char`, which on common machines has a sign.
                let (from, to, byte) = (from as i8, to as i8, byte as i8);
                matches |= (from.min(to)..=from.max(to)).contains(&byte);
                p += 3;
            }
            [literal, ..] => {
                matches |= literal == byte;
                p += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(glob_matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} on {text}");
    }

    #[test]
    fn patterns_match_as_redis_matches_them() {
        check("*", "", true);
        check("h?llo", "hello", true);
        check("h?llo", "hllo", false);
        check("h*llo", "heeeello", true);
        check("h[ae]llo", "hallo", true);
        check("h[ae]llo", "hillo", false);
        check("h[^e]llo", "hallo", true);
        check("h[^e]llo", "hello", false);
        check("h[a-b]llo", "hbllo", true);
        check("h[b-a]llo", "hbllo", true);
        check("h\\*llo", "h*llo", true);
        check("h\\*llo", "hello", false);
        check("a*b*c", "a__b__b_c", true);
        check("a*b*c", "a__b__b_d", false);
        check("[abc", "b", true);
        check("", "", true);
        check("", "x", false);
        check("key:*:x", "key:1:x", true);
        check("**", "", false);
        check("**", "x", true);
    }

    #[test]
    fn a_class_orders_bytes_as_signed_ones() {
        assert!(glob_matches(b"[\xff-a]", b"\0"));
        assert!(!glob_matches(b"[a-\xff]", b"b"));
        assert!(glob_matches(b"[\x80-\xff]", b"\xc3"));
    }

    #[test]
    fn many_stars_take_linear_time_each() {
        let pattern = "a*".repeat(200) + "b";
        check(&pattern, &"a".repeat(5000), false);
    }
}
