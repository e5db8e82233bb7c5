//! Strings that Redis has compressed, by LZF.

/// The most bytes that one byte of the compressed form can come to, about.
const EXPANSION_MAX: usize = 128;

/// The `len` bytes that were compressed.
pub(super) fn expand(mut from: &[u8], len: usize) -> Option<Vec<u8>> {
    // A length that cannot be right takes no memory.
    if len / EXPANSION_MAX > from.len() {
        return None;
    }
    let mut to = Vec::with_capacity(len);
    while let [head, rest @ ..] = from {
        let head = usize::from(*head);
        if head < 32 {
            // Bytes as they are.
            let (bytes, rest) = rest.split_at_checked(head + 1)?;
            to.extend_from_slice(bytes);
            from = rest;
        } else {
            // Bytes that were there before; they may reach into themselves.
            let (more, rest) = if head >> 5 == 7 {
                rest.split_first().map(|(&more, rest)| (more, rest))?
            } else {
                (0, rest)
            };
            let (&low, rest) = rest.split_first()?;
            let count = (head >> 5) + usize::from(more) + 2;
            let start = to.len().checked_sub(((head & 31) << 8 | usize::from(low)) + 1)?;
            if to.len() + count > len {
                return None;
            }
            (start..start + count).for_each(|at| to.push(to[at]));
            from = rest;
        }
        if to.len() > len {
            return None;
        }
    }
    (to.len() == len).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_expanded_or_refused() {
        assert_eq!(expand(b"\x00a\xe0\x60\x00", 106).as_deref(), Some(&[b'a'; 106][..]));
        for (bad, len) in
            [(&b"\x20\x00"[..], 3), (b"\x05ab", 6), (b"\x00a", 2), (b"\x00a", 1 << 40), (b"\xe0", 9)]
        {
            assert_eq!(expand(bad, len), None, "{bad:?}");
        }
    }
}
