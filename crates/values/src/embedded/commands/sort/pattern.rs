//! The patterns of `SORT`: which key, and which field of it, belongs to an element.

use crate::embedded::Keyspace;
use crate::embedded::commands::c_text::c_text;
use crate::embedded::values::Value;
use smallvec::SmallVec;

/// What stands after `BY` or `GET`.
pub(super) enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// No key at all: there is no place for an element in it.
    Nothing,
    /// A key with the element in the place of its star, and maybe a field of the hash that it holds.
    Key { before: &'a [u8], after: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Self {
        let visible = c_text(text);
        if visible == b"#" {
            return Pattern::Element;
        }
        let Some(star) = visible.iter().position(|&byte| byte == b'*') else { return Pattern::Nothing };
        let (before, after) = (&text[..star], &text[star + 1..]);
        let arrow = visible[star + 1..].windows(2).position(|pair| pair == b"->");
        // An arrow at the very end belongs to the key.
        let field = arrow.filter(|&arrow| star + 1 + arrow + 2 < visible.len());
        match field {
            Some(arrow) => Pattern::Key { before, after: &after[..arrow], field: Some(&after[arrow + 2..]) },
            None => Pattern::Key { before, after, field: None },
        }
    }

    /// Whether an element has a place in it.
    pub(super) fn has_star(&self) -> bool {
        matches!(self, Pattern::Key { .. })
    }

    /// What it means for an element, if that is there and a string.
    pub(super) fn look_up<'k>(&self, keys: &'k Keyspace<'_>, element: &'k [u8]) -> Option<&'k [u8]> {
        let Pattern::Key { before, after, field } = self else {
            return matches!(self, Pattern::Element).then_some(element);
        };
        let mut key = SmallVec::<[u8; 64]>::new();
        [before, element, after].iter().for_each(|part| key.extend_from_slice(part));
        match (keys.peek(&key)?, field) {
            (Value::Hash(hash), Some(field)) => hash.get(field),
            (Value::Str(string), None) => Some(string.as_bytes()),
            _ => None,
        }
    }
}
