//! Integers of any width among a string's bits.

use super::bit_offset;
use crate::embedded::Keyspace;
use crate::{Error, EventClass, ReplySink, parse_integer};
use smallvec::SmallVec;

/// The kind of an integer: `i` or `u`, and its width.
#[derive(Clone, Copy)]
struct Width {
    signed: bool,
    bits: u32,
}

impl Width {
    fn parse(word: &[u8]) -> Result<Self, Error> {
        let refusal = Error::text(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        );
        let (signed, digits, most) = match word {
            [b'i', digits @ ..] => (true, digits, 64),
            [b'u', digits @ ..] => (false, digits, 63),
            _ => return Err(refusal),
        };
        // Redis reads the digits up to a NUL.
        let digits = digits.split(|&byte| byte == 0).next().unwrap_or_default();
        match parse_integer(digits) {
            Some(bits) if (1..=most).contains(&bits) => Ok(Width { signed, bits: bits as u32 }),
            _ => Err(refusal),
        }
    }

    /// The least and the greatest integer of this width.
    fn bounds(self) -> (i128, i128) {
        if self.signed {
            (-1 << (self.bits - 1), (1 << (self.bits - 1)) - 1)
        } else {
            (0, (1 << self.bits) - 1)
        }
    }

    /// The integer that the lowest bits mean.
    fn wrapped(self, bits: i128) -> i128 {
        let (_, max) = Width { signed: false, ..self }.bounds();
        let low = bits & max;
        if self.signed && low >> (self.bits - 1) & 1 == 1 { low - max - 1 } else { low }
    }
}

/// What is done with an integer that does not fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

impl Overflow {
    fn parse(word: &[u8]) -> Result<Self, Error> {
        let named = [("wrap", Overflow::Wrap), ("sat", Overflow::Saturate), ("fail", Overflow::Fail)];
        let found = named.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, overflow)| *overflow).ok_or(Error::text("ERR Invalid OVERFLOW type specified"))
    }

    /// What an integer becomes in a width: nothing where that is a failure.
    fn fit(self, value: i128, width: Width) -> Option<i128> {
        let (min, max) = width.bounds();
        match self {
            _ if (min..=max).contains(&value) => Some(value),
            Overflow::Wrap => Some(width.wrapped(value)),
            Overflow::Saturate => Some(value.clamp(min, max)),
            Overflow::Fail => None,
        }
    }
}

/// What is done with one integer.
#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

/// One of the operations of a call.
#[derive(Clone, Copy)]
struct Operation {
    width: Width,
    offset: u64,
    action: Action,
}

impl Operation {
    /// The first byte, and how many bits of it come before.
    fn place(self) -> (usize, u32) {
        ((self.offset / 8) as usize, (self.offset % 8) as u32)
    }

    /// How long a string must be that has all the bits.
    fn end(self) -> usize {
        ((self.offset + u64::from(self.width.bits) - 1) / 8) as usize + 1
    }

    /// Bytes that hold all the bits, the first in the highest place, and how far the integer lies above
    /// the lowest place.
    fn window(self, bytes: &[u8]) -> (u128, u32) {
        let (first, before) = self.place();
        let mut window = [0; 16];
        let found = bytes.get(first..).unwrap_or_default();
        let found = &found[..found.len().min(window.len())];
        window[..found.len()].copy_from_slice(found);
        (u128::from_be_bytes(window), u128::BITS - before - self.width.bits)
    }

    fn read(self, bytes: &[u8]) -> i128 {
        let (window, shift) = self.window(bytes);
        self.width.wrapped((window >> shift) as i128)
    }

    /// Writes an integer into a string that is long enough.
    fn write(self, bytes: &mut [u8], value: i128) {
        let (window, shift) = self.window(bytes);
        let mask = ((1_u128 << self.width.bits) - 1) << shift;
        let window = window & !mask | ((value as u128) << shift) & mask;
        let (first, _) = self.place();
        let changed = &mut bytes[first..self.end()];
        changed.copy_from_slice(&window.to_be_bytes()[..changed.len()]);
    }

    /// The number that a signed one is set to. So far below that 64 bits do not hold how far it is from the
    /// greatest, Redis takes it for too great.
    fn taken(self, value: i64, overflow: Overflow) -> i128 {
        let (_, max) = self.width.bounds();
        let is_too_far = self.width.bits < 64 && max - i128::from(value) > i128::from(i64::MAX);
        if is_too_far && overflow == Overflow::Saturate { max } else { i128::from(value) }
    }

    /// Does it, and answers what it finds or makes.
    fn run(self, bytes: &mut [u8]) -> Option<i128> {
        let old = self.read(bytes);
        match self.action {
            Action::Get => Some(old),
            Action::Set(value, overflow) => {
                let value =
                    if self.width.signed { self.taken(value, overflow) } else { i128::from(value as u64) };
                self.write(bytes, overflow.fit(value, self.width)?);
                Some(old)
            }
            Action::Increment(by, overflow) => {
                let value = overflow.fit(old + i128::from(by), self.width)?;
                self.write(bytes, value);
                Some(value)
            }
        }
    }
}

type Operations = SmallVec<[Operation; 4]>;

fn parse(mut words: &[&[u8]]) -> Result<Operations, Error> {
    let mut operations = Operations::new();
    let mut overflow = Overflow::Wrap;
    while let [name, arguments @ ..] = words {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        match arguments {
            [width, offset, rest @ ..] if is("get") => {
                operations.push(operation(width, offset, || Ok(Action::Get))?);
                words = rest;
            }
            [width, offset, value, rest @ ..] if is("set") || is("incrby") => {
                let action = |value| {
                    if is("set") { Action::Set(value, overflow) } else { Action::Increment(value, overflow) }
                };
                let action = || parse_integer(value).map(action).ok_or(Error::NotInteger);
                operations.push(operation(width, offset, action)?);
                words = rest;
            }
            [kind, rest @ ..] if is("overflow") => {
                overflow = Overflow::parse(kind)?;
                words = rest;
            }
            _ => return Err(Error::Syntax),
        }
    }
    Ok(operations)
}

/// Reads the words of an operation in the order in which Redis refuses them.
fn operation(
    width: &[u8],
    offset: &[u8],
    action: impl FnOnce() -> Result<Action, Error>,
) -> Result<Operation, Error> {
    let width = Width::parse(width)?;
    let offset = match offset {
        [b'#', index @ ..] => parse_integer(index).map(|index| index.wrapping_mul(i64::from(width.bits))),
        offset => parse_integer(offset),
    };
    Ok(Operation { width, offset: bit_offset(offset)?, action: action()? })
}

pub(super) fn bitfield(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let operations = parse(&argv[2..])?;
    let written = operations.iter().filter(|operation| !matches!(operation.action, Action::Get));
    let Some(length) = written.map(|operation| operation.end()).max() else {
        return read(keys, argv[1], &operations, reply);
    };
    let value = keys.string_or_new(argv[1])?;
    let is_lengthened = length > value.len();
    let mut has_changed = false;
    value.lengthen(length);
    reply.array(operations.len());
    for operation in operations {
        let before = operation.read(value.as_bytes());
        let result = operation.run(value.as_bytes_mut());
        let writes = result.is_some() && !matches!(operation.action, Action::Get);
        has_changed |= writes && (is_lengthened || operation.read(value.as_bytes()) != before);
        write_integer(result, reply);
    }
    if has_changed {
        keys.notify(EventClass::String, "setbit", argv[1]);
        keys.changed(argv[1]);
    } else if is_lengthened {
        // Nothing fitted. Redis takes that for no change of those who watch the key; who monitors it sees it.
        keys.told_as(argv[1], "bitfield", &argv[2..]);
    }
    Ok(())
}

pub(super) fn bitfield_ro(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let operations = parse(&argv[2..])?;
    if operations.iter().any(|operation| !matches!(operation.action, Action::Get)) {
        return Err(Error::text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read(keys, argv[1], &operations, reply)
}

fn read(
    keys: &mut Keyspace<'_>,
    key: &[u8],
    operations: &[Operation],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    keys.notice_missing(key);
    let bytes = keys.string(key)?.map_or(&b""[..], |value| value.as_bytes());
    reply.array(operations.len());
    operations.iter().for_each(|operation| write_integer(Some(operation.read(bytes)), reply));
    Ok(())
}

fn write_integer(value: Option<i128>, reply: &mut dyn ReplySink) {
    match value {
        // No unsigned integer has 64 bits, so each fits.
        Some(value) => reply.integer(value as i64),
        None => reply.null(),
    }
}
