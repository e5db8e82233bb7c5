//! How names become parts of a key: a `/` ends a part, so none may be left inside one.

/// Appends `part` with `%` and `/` percent-encoded. The map is one to one.
pub(crate) fn escape(part: &[u8], key: &mut Vec<u8>) {
    for &byte in part {
        match byte {
            b'%' => key.extend_from_slice(b"%25"),
            b'/' => key.extend_from_slice(b"%2F"),
            _ => key.push(byte),
        }
    }
}

/// What [`escape`] was given; `None` for what it does not write.
pub(crate) fn unescape(part: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(part.len());
    let mut rest = part;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        plain.push(match (byte, tail) {
            (b'%', [b'2', b'5', tail @ ..]) => {
                rest = tail;
                b'%'
            }
            (b'%', [b'2', b'F', tail @ ..]) => {
                rest = tail;
                b'/'
            }
            (b'%', _) => return None,
            _ => byte,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_part_reads_back_and_holds_no_slash(part in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut key = Vec::new();
            escape(&part, &mut key);
            prop_assert!(!key.contains(&b'/'));
            prop_assert_eq!(unescape(&key), Some(part));
        }
    }

    #[test]
    fn what_was_not_escaped_here_is_refused() {
        for part in ["%", "%2", "%2f", "a%41"] {
            assert_eq!(unescape(part.as_bytes()), None, "{part}");
        }
    }
}
