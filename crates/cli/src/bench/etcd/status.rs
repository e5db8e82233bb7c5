//! `grpc-status` in a block of headers (HPACK) that refers to no table but the static one.

/// `grpc-status` in the code that HPACK has for text.
const NAME_CODED: [u8; 8] = [0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];
const NAME: &[u8] = b"grpc-status";
/// In front of a string: it is in that code.
const CODED: u8 = 0x80;

/// Its value, as it was sent. `None` where there is none, or the block cannot be read.
pub fn grpc_status(mut block: &[u8]) -> Option<Vec<u8>> {
    let block = &mut block;
    while let Some(&first) = block.first() {
        let name = match first {
            // A whole field of a table.
            0x80.. => {
                integer(block, 7)?;
                continue;
            }
            // A new size of the table.
            0x20..0x40 => {
                integer(block, 5)?;
                continue;
            }
            // To be remembered, or not.
            0x40.. => name(block, 6)?,
            _ => name(block, 4)?,
        };
        let (is_coded, value) = string(block)?;
        let is_status = match name {
            Some((true, name)) => name == NAME_CODED,
            Some((false, name)) => name == NAME,
            None => false,
        };
        if is_status {
            return Some(if is_coded { digits(value) } else { value.to_vec() });
        }
    }
    None
}

/// A field's name, where it is not one of the static table.
fn name<'a>(block: &mut &'a [u8], bits: u32) -> Option<Option<(bool, &'a [u8])>> {
    match integer(block, bits)? {
        0 => string(block).map(Some),
        _ => Some(None),
    }
}

/// A string, and whether it is coded.
fn string<'a>(block: &mut &'a [u8]) -> Option<(bool, &'a [u8])> {
    let is_coded = block.first()? & CODED != 0;
    let length = integer(block, 7)?;
    let (string, rest) = block.split_at_checked(length)?;
    *block = rest;
    Some((is_coded, string))
}

/// An integer whose first bits are the last of a byte.
fn integer(block: &mut &[u8], bits: u32) -> Option<usize> {
    let (&first, mut rest) = block.split_first()?;
    let mask = (1_usize << bits) - 1;
    let mut number = usize::from(first) & mask;
    if number == mask {
        // Four more bytes are enough for all that is in a frame.
        for shift in [0, 7, 14, 21] {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            number += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                *block = rest;
                return Some(number);
            }
        }
        return None;
    }
    *block = rest;
    Some(number)
}

/// Digits out of the code: `0` to `2` have five bits, the others six; what is left of a byte is ones.
fn digits(coded: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let value = |bits: &[u8]| bits.iter().fold(0, |value, bit| value << 1 | bit);
    let mut digits = Vec::new();
    let mut rest = &bits[..];
    while rest.len() >= 5 {
        let (digit, used) = match value(&rest[..5]) {
            short @ 0..=2 => (short, 5),
            _ if rest.len() < 6 => break,
            // 011001 is `3`.
            _ => (value(&rest[..6]).wrapping_sub(0b011001 - 3), 6),
        };
        if digit > 9 {
            break;
        }
        digits.push(b'0' + digit);
        rest = &rest[used..];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(block: &[u8], expected: Option<&str>) {
        let status = grpc_status(block).map(|status| String::from_utf8(status).unwrap());
        assert_eq!(status.as_deref(), expected);
    }

    fn coded(value: &[u8]) -> Vec<u8> {
        [&[0x40, 0x88][..], &NAME_CODED, &[0x80 | value.len() as u8], value].concat()
    }

    #[test]
    #[allow(clippy::unusual_byte_groupings, reason = "grouped by Huffman's codes")]
    fn the_status_is_found_in_every_spelling() {
        check(b"\0\x0bgrpc-status\x010", Some("0"));
        check(b"\x20\x88\x10\x0bgrpc-status\x0213", Some("13"));
        check(b"\x0f\x10\x01a\0\x0cgrpc-message\x02no\x40\x0bgrpc-status\x015", Some("5"));
        check(&coded(&[0b00000_111]), Some("0"));
        check(&coded(&[0b011011_11]), Some("5"));
        // 13: `1` is 00001, `3` is 011001.
        check(&coded(&[0b00001_011, 0b001_11111]), Some("13"));
    }

    #[test]
    fn a_block_without_it_or_cut_off_has_none() {
        check(b"\x88", None);
        check(b"", None);
        let whole = b"\0\x0bgrpc-status\x0213";
        for end in 0..whole.len() {
            check(&whole[..end], None);
        }
        check(&[0xff; 9], None);
    }
}
