//! Strings as arrays of bits, the highest bit of the first byte first.

mod field;
#[cfg(test)]
mod tests;

use super::Handler;
use super::strings::{STRING_BYTES_MAX, range};
use crate::command::Name;
use crate::embedded::values::{Origin, Str, Value};
use crate::embedded::{Expiry, Keyspace};
use crate::{Error, EventClass, ReplySink, parse_integer};

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    Some(Handler::Keyed(match name {
        Name::Bitcount => bitcount,
        Name::Bitfield => field::bitfield,
        Name::BitfieldRo => field::bitfield_ro,
        Name::Bitop => bitop,
        Name::Bitpos => bitpos,
        Name::Getbit => getbit,
        Name::Setbit => setbit,
        _ => return None,
    }))
}

/// The offset of a bit in the longest string there may be.
fn bit_offset(offset: Option<i64>) -> Result<u64, Error> {
    offset
        .and_then(|offset| u64::try_from(offset).ok())
        .filter(|offset| offset / 8 < STRING_BYTES_MAX)
        .ok_or(Error::text("ERR bit offset is not an integer or out of range"))
}

/// The byte and the bit in it that an offset names.
fn place(offset: &[u8]) -> Result<(usize, u8), Error> {
    let offset = bit_offset(parse_integer(offset))?;
    Ok(((offset / 8) as usize, 0x80 >> (offset % 8)))
}

fn setbit(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let key = argv[1];
    let (byte, mask) = place(argv[2])?;
    let on = match parse_integer(argv[3]) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(Error::text("ERR bit is not an integer or out of range")),
    };
    let value = keys.string_or_new(key)?;
    let lengthened = byte >= value.len();
    value.lengthen(byte + 1);
    let byte = &mut value.as_bytes_mut()[byte];
    let was_on = *byte & mask != 0;
    *byte = if on { *byte | mask } else { *byte & !mask };
    reply.integer(i64::from(was_on));
    if lengthened || was_on != on {
        keys.changed(key);
        keys.notify(EventClass::String, "setbit", key);
    }
    Ok(())
}

fn getbit(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (byte, mask) = place(argv[2])?;
    let value = keys.string(argv[1])?;
    let byte = value.and_then(|value| value.as_bytes().get(byte)).copied().unwrap_or(0);
    reply.integer(i64::from(byte & mask != 0));
    Ok(())
}

/// How many bits a place of a range has: `BYTE` or `BIT`.
fn unit(word: &[u8]) -> Result<u64, Error> {
    if word.eq_ignore_ascii_case(b"bit") {
        Ok(1)
    } else if word.eq_ignore_ascii_case(b"byte") {
        Ok(8)
    } else {
        Err(Error::Syntax)
    }
}

/// The bits from the first to the last of a range of places of `unit` bits: `None` when empty.
fn bit_range(start: i64, end: i64, unit: u64, bytes: &[u8]) -> Option<(u64, u64)> {
    let (first, last) = range(start, end, bytes.len() as u64 * 8 / unit)?;
    Some((first * unit, last * unit + unit - 1))
}

fn bitcount(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    // Redis looks for the key before it looks at the range.
    let Some(value) = keys.string(argv[1])? else {
        reply.integer(0);
        return Ok(());
    };
    let bytes = value.as_bytes();
    let found = match argv[2..] {
        [] => bit_range(0, -1, 8, bytes),
        [start, end, ref unit_word @ ..] if unit_word.len() <= 1 => {
            let start = parse_integer(start).ok_or(Error::NotInteger)?;
            let end = parse_integer(end).ok_or(Error::NotInteger)?;
            // A range that is empty whatever the length is answered before the unit is looked at.
            if start < 0 && end < 0 && start > end {
                None
            } else {
                bit_range(start, end, unit_word.first().map_or(Ok(8), |word| unit(word))?, bytes)
            }
        }
        _ => return Err(Error::Syntax),
    };
    reply.integer(found.map_or(0, |(first, last)| count_ones(bytes, first, last)) as i64);
    Ok(())
}

/// How many bits are set from the first to the last.
fn count_ones(bytes: &[u8], first: u64, last: u64) -> u64 {
    let whole = &bytes[(first / 8) as usize..=(last / 8) as usize];
    let (chunks, rest) = whole.as_chunks::<8>();
    let ones: u64 = chunks.iter().map(|&chunk| u64::from(u64::from_ne_bytes(chunk).count_ones())).sum();
    let ones = ones + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
    let before = whole[0] & !(0xff >> (first % 8));
    let after = whole[whole.len() - 1] & (0x7f >> (last % 8));
    ones - u64::from(before.count_ones()) - u64::from(after.count_ones())
}

fn bitpos(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let wanted = match parse_integer(argv[2]).ok_or(Error::NotInteger)? {
        0 => false,
        1 => true,
        _ => return Err(Error::text("ERR The bit argument must be 1 or 0.")),
    };
    // Without a key there are but zeros, and no range is looked at.
    let Some(value) = keys.string(argv[1])? else {
        reply.integer(if wanted { -1 } else { 0 });
        return Ok(());
    };
    let bytes = value.as_bytes();
    if argv.len() > 6 {
        return Err(Error::Syntax);
    }
    let start = argv.get(3).map_or(Some(0), |word| parse_integer(word)).ok_or(Error::NotInteger)?;
    let unit = argv.get(5).map_or(Ok(8), |word| unit(word))?;
    let end = argv.get(4).map_or(Some(-1), |word| parse_integer(word)).ok_or(Error::NotInteger)?;
    let found = clipped_bit_range(start, end, unit, bytes);
    let position = found.and_then(|(first, last)| find_bit(bytes, wanted, first, last));
    reply.integer(match position {
        Some(position) => position as i64,
        // Zeros follow the string, unless it was said where to stop.
        None if found.is_some() && !wanted && argv.len() < 5 => bytes.len() as i64 * 8,
        None => -1,
    });
    Ok(())
}

/// Like [`bit_range`], except that two places before the string, in the wrong order, are both its
/// first one.
fn clipped_bit_range(start: i64, end: i64, unit: u64, bytes: &[u8]) -> Option<(u64, u64)> {
    let places = (bytes.len() as u64 * 8 / unit) as i64;
    let clip = |at: i64| if at < 0 { at.saturating_add(places).max(0) } else { at };
    bit_range(clip(start), clip(end), unit, bytes)
}

/// The first bit from `first` to `last` that is as wanted.
fn find_bit(bytes: &[u8], wanted: bool, first: u64, last: u64) -> Option<u64> {
    let unwanted = if wanted { 0x00 } else { 0xff };
    let from = (first / 8) as usize;
    let whole = &bytes[from..=(last / 8) as usize];
    // What lies before the first bit is not what is looked for.
    let before = !(0xff_u8 >> (first % 8));
    let head = if wanted { whole[0] & !before } else { whole[0] | before };
    let (at, byte) = if head != unwanted {
        (0, head)
    } else {
        let (chunks, _) = whole[1..].as_chunks::<32>();
        let skipped = 1 + 32 * chunks.iter().take_while(|chunk| **chunk == [unwanted; 32]).count();
        let at = skipped + whole[skipped..].iter().position(|&byte| byte != unwanted)?;
        (at, whole[at])
    };
    let bit = if wanted { byte.leading_zeros() } else { byte.leading_ones() };
    let position = (from + at) as u64 * 8 + u64::from(bit);
    (position <= last).then_some(position)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn parse(word: &[u8]) -> Result<Operation, Error> {
        let named = [
            ("and", Operation::And),
            ("or", Operation::Or),
            ("xor", Operation::Xor),
            ("not", Operation::Not),
        ];
        let found = named.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, operation)| *operation).ok_or(Error::Syntax)
    }

    /// Combines `result` with another string, which zeros follow.
    fn apply(self, result: &mut [u8], other: &[u8]) {
        let pairs = result.iter_mut();
        match self {
            Operation::And => pairs.zip(padded(other)).for_each(|(byte, other)| *byte &= other),
            Operation::Or => pairs.zip(other).for_each(|(byte, other)| *byte |= other),
            Operation::Xor => pairs.zip(other).for_each(|(byte, other)| *byte ^= other),
            Operation::Not => pairs.for_each(|byte| *byte = !*byte),
        }
    }
}

fn bitop(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let operation = Operation::parse(argv[1])?;
    let (target, first, others) = (argv[2], argv[3], &argv[4..]);
    if operation == Operation::Not && !others.is_empty() {
        return Err(Error::text("ERR BITOP NOT must be called with a single source key."));
    }
    let mut length = 0;
    for source in &argv[3..] {
        keys.notice_missing(source);
        length = length.max(keys.string(source)?.map_or(0, Str::len));
    }
    let mut result = Vec::with_capacity(length);
    result.extend_from_slice(bytes_of(keys, first));
    result.resize(length, 0);
    if operation == Operation::Not {
        operation.apply(&mut result, b"");
    }
    others.iter().for_each(|source| operation.apply(&mut result, bytes_of(keys, source)));
    reply.integer(length as i64);
    if length > 0 {
        let mut result = Str::from(result);
        result.set_origin(Origin::Edited);
        keys.put(target, Value::Str(result), Expiry::Never);
        keys.changed(target);
        keys.notify(EventClass::String, "set", target);
    } else if keys.remove(target) {
        keys.changed(target);
        keys.notify(EventClass::Generic, "del", target);
    }
    Ok(())
}

/// The bytes, followed by zeros for ever.
fn padded(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().copied().chain(std::iter::repeat(0))
}

/// The string of a key that has been found to hold one, if any.
fn bytes_of<'a>(keys: &'a Keyspace<'_>, key: &[u8]) -> &'a [u8] {
    match keys.peek(key) {
        Some(Value::Str(value)) => value.as_bytes(),
        _ => b"",
    }
}
