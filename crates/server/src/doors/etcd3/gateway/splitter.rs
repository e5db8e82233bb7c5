//! Cuts a body into the JSON values that it holds, as they come, looking at each byte once.

use bytes::{Bytes, BytesMut};

/// What came of a body so far.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    data: BytesMut,
    /// How much of it has been looked at.
    looked: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Splitter {
    /// Takes more of the body.
    pub(super) fn extend(&mut self, more: &[u8]) {
        self.data.extend_from_slice(more);
    }

    /// How much of a value has come that is not whole.
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    /// The next whole value, if there is one. What is no object or array is whole at its end alone.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        while let Some(&byte) = self.data.get(self.looked) {
            self.looked += 1;
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.cut());
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn cut(&mut self) -> Bytes {
        let value = self.data.split_to(self.looked).freeze();
        self.looked = 0;
        value
    }

    /// What is left when nothing more comes; none where that is but space.
    pub(super) fn rest(self) -> Option<Bytes> {
        let rest = self.data.freeze();
        if rest.trim_ascii().is_empty() { None } else { Some(rest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> (Vec<String>, Option<String>) {
        let mut splitter = Splitter::default();
        let mut values = Vec::new();
        for piece in pieces {
            splitter.extend(piece.as_bytes());
            while let Some(value) = splitter.next() {
                values.push(String::from_utf8(value.to_vec()).unwrap());
            }
        }
        (values, splitter.rest().map(|rest| String::from_utf8(rest.to_vec()).unwrap()))
    }

    #[test]
    fn values_are_cut_where_they_end_however_they_come() {
        let body = r#"{"a":"}\"{"}{"b":[{}]} {"c":"\\"}"#;
        let whole = split(&[body]);
        assert_eq!(
            whole,
            (vec![r#"{"a":"}\"{"}"#.into(), r#"{"b":[{}]}"#.into(), r#" {"c":"\\"}"#.into()], None)
        );
        let bytes: Vec<String> = body.chars().map(String::from).collect();
        let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
        assert_eq!(split(&bytes), whole);
    }

    #[test]
    fn what_is_not_whole_is_left() {
        assert_eq!(split(&["{} \n "]), (vec!["{}".into()], None));
        assert_eq!(split(&["{}{\"a\""]), (vec!["{}".into()], Some("{\"a\"".into())));
        assert_eq!(split(&["null"]), (vec![], Some("null".into())));
        assert_eq!(split(&["}{}"]).0, ["}", "{}"]);
    }
}
