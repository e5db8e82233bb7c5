//! A member as it is met in a set: it may have no text there, but only be printed as one.

use crate::ReplySink;
use crate::embedded::values::element::Element;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// A member of a set. Two are equal when their texts are.
#[derive(Clone, Copy, Debug)]
pub enum Member<'a> {
    /// Any bytes.
    Bytes(&'a [u8]),
    /// What is printed as this number.
    Integer(i64),
}

impl<'a> Member<'a> {
    /// The bytes that a client knows it by.
    #[inline]
    pub fn text(self) -> Text<'a> {
        match self {
            Member::Bytes(bytes) => Text(Form::Bytes(bytes)),
            Member::Integer(integer) => printed(integer),
        }
    }

    /// Writes it.
    pub fn write(self, reply: &mut dyn ReplySink) {
        match self {
            Member::Bytes(bytes) => reply.bulk(bytes),
            Member::Integer(integer) => reply.bulk(itoa::Buffer::new().format(integer).as_bytes()),
        }
    }
}

impl PartialEq for Member<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Member::Bytes(one), Member::Bytes(other)) => one == other,
            (Member::Integer(one), Member::Integer(other)) => one == other,
            (Member::Bytes(bytes), Member::Integer(integer))
            | (Member::Integer(integer), Member::Bytes(bytes)) => **bytes == *printed(*integer),
        }
    }
}

impl Eq for Member<'_> {}

impl Hash for Member<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // In one place for both, which is short enough to lie in the loops that call it.
        (*self.text()).hash(state);
    }
}

impl From<Member<'_>> for Element {
    fn from(member: Member<'_>) -> Self {
        Element::from(&*member.text())
    }
}

/// The longest text of an integer: the lowest one's.
const INTEGER_BYTES_MAX: usize = 20;

/// The bytes of a member.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(Form<'a>);

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Bytes(&'a [u8]),
    Printed { len: u8, digits: [u8; INTEGER_BYTES_MAX] },
}

impl<'a> From<&'a [u8]> for Text<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Text(Form::Bytes(bytes))
    }
}

/// The text of an integer. By itself, so that where members have bytes the way to those stays short.
#[inline(never)]
fn printed(integer: i64) -> Text<'static> {
    let mut buffer = itoa::Buffer::new();
    let printed = buffer.format(integer).as_bytes();
    let mut digits = [0; INTEGER_BYTES_MAX];
    digits[..printed.len()].copy_from_slice(printed);
    Text(Form::Printed { len: printed.len() as u8, digits })
}

impl Deref for Text<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Form::Bytes(bytes) => bytes,
            Form::Printed { len, digits } => &digits[..usize::from(*len)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reply;
    use std::hash::{BuildHasher, RandomState};

    #[test]
    fn members_take_no_more_than_their_bytes_need_and_texts_a_word_more() {
        assert_eq!(size_of::<Member<'_>>(), 16);
        assert_eq!(size_of::<Text<'_>>(), 24);
    }

    #[test]
    fn an_integer_is_the_member_that_it_is_printed_as() {
        let hasher = RandomState::new();
        for integer in [0, 1, -1, 42, i64::MAX, i64::MIN] {
            let text = integer.to_string();
            let (printed, bytes) = (Member::Integer(integer), Member::Bytes(text.as_bytes()));
            assert_eq!(&*printed.text(), text.as_bytes());
            assert_eq!(printed, bytes);
            assert_eq!(hasher.hash_one(printed), hasher.hash_one(bytes));
            assert_eq!(Element::from(printed).as_bytes(), text.as_bytes());
            assert_eq!(Reply::collect(|reply| printed.write(reply)), Reply::Bulk(text.clone().into_bytes()));
        }
        assert_ne!(Member::Integer(1), Member::Bytes(b"01"));
        assert_ne!(Member::Integer(1), Member::Integer(2));
    }
}
