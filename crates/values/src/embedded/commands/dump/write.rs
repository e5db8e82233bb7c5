//! Writing a value as a file has it: in the forms of Redis that need the least, which it reads as it does
//! its own.

use super::read::kinds;
use super::streams;
use crate::embedded::values::{End, Value};
use crate::parse_integer;

/// A value's kind and its bytes.
pub(super) fn value(value: &Value) -> Vec<u8> {
    let mut to = Vec::new();
    match value {
        Value::Str(bytes) => {
            to.push(kinds::STRING);
            string(bytes.as_bytes(), &mut to);
        }
        Value::List(list) => {
            to.push(kinds::LIST);
            length(list.len() as u64, &mut to);
            list.iter_from(End::Front).for_each(|element| string(element, &mut to));
        }
        Value::Set(set) => {
            to.push(kinds::SET);
            length(set.len() as u64, &mut to);
            set.iter().for_each(|member| string(&member.text(), &mut to));
        }
        Value::Hash(hash) => {
            to.push(kinds::HASH);
            length(hash.len() as u64, &mut to);
            for (field, value) in hash.iter() {
                string(field, &mut to);
                string(value, &mut to);
            }
        }
        Value::SortedSet(set) => {
            to.push(kinds::SORTED_SET);
            length(set.len() as u64, &mut to);
            for (member, score) in set.range(0..set.len()) {
                string(member, &mut to);
                to.extend(score.to_le_bytes());
            }
        }
        Value::Stream(stream) => {
            to.push(kinds::STREAM);
            streams::write(stream, &mut to);
        }
    }
    to
}

/// Writes a length, or a number in the same way.
pub(super) fn length(len: u64, to: &mut Vec<u8>) {
    match len {
        ..0x40 => to.push(len as u8),
        0x40..0x4000 => to.extend((0x4000 | len as u16).to_be_bytes()),
        0x4000..=0xffff_ffff => {
            to.push(0x80);
            to.extend((len as u32).to_be_bytes());
        }
        _ => {
            to.push(0x81);
            to.extend(len.to_be_bytes());
        }
    }
}

/// Writes a string, or the small integer that it is.
pub(super) fn string(bytes: &[u8], to: &mut Vec<u8>) {
    let integer = parse_integer(bytes).and_then(|integer| i32::try_from(integer).ok());
    match integer.map(|integer| (integer, i8::try_from(integer), i16::try_from(integer))) {
        Some((_, Ok(integer), _)) => {
            to.push(0xc0);
            to.extend(integer.to_le_bytes());
        }
        Some((_, _, Ok(integer))) => {
            to.push(0xc1);
            to.extend(integer.to_le_bytes());
        }
        Some((integer, ..)) => {
            to.push(0xc2);
            to.extend(integer.to_le_bytes());
        }
        None => {
            length(bytes.len() as u64, to);
            to.extend_from_slice(bytes);
        }
    }
}
