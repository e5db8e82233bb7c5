//! The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: how long each symbol's code is says all.

use super::Malformed;

/// How many bits the code of each byte has; the last one is the end's.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const LENGTH_MIN: u32 = 5;
const LENGTH_MAX: u32 = 30;

/// The code that no string contains.
const END: u16 = 256;

/// The symbols in the order of their codes, and for each length where its codes and symbols begin.
struct Code {
    symbols: [u16; 257],
    first: [u32; LENGTH_MAX as usize + 1],
    /// One beyond the last code of this length.
    end: [u32; LENGTH_MAX as usize + 1],
    /// The place of the first one's symbol.
    place: [u16; LENGTH_MAX as usize + 1],
}

static CODE: Code = code();

const fn code() -> Code {
    let mut code = Code { symbols: [0; 257], first: [0; 31], end: [0; 31], place: [0; 31] };
    let mut next = 0u32;
    let mut placed = 0;
    let mut length = 1;
    while length <= LENGTH_MAX as usize {
        next <<= 1;
        code.first[length] = next;
        code.place[length] = placed as u16;
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                code.symbols[placed] = symbol as u16;
                placed += 1;
                next += 1;
            }
            symbol += 1;
        }
        code.end[length] = next;
        length += 1;
    }
    code
}

/// Appends what `bytes` stand for.
pub(super) fn decode(bytes: &[u8], text: &mut Vec<u8>) -> Result<(), Malformed> {
    // The next bits, from the highest on, and how many they are.
    let (mut bits, mut held) = (0u64, 0u32);
    let mut bytes = bytes.iter();
    loop {
        while held <= 56
            && let Some(&byte) = bytes.next()
        {
            bits |= u64::from(byte) << (56 - held);
            held += 8;
        }
        let Some((symbol, length)) = symbol((bits >> 32) as u32).filter(|&(_, length)| length <= held) else {
            // Less than a byte may be left over, of the bits that the end begins with.
            let is_padding = held < 8 && bits == !(u64::MAX.checked_shr(held).unwrap_or(0));
            return if is_padding { Ok(()) } else { Err(Malformed) };
        };
        if symbol == END {
            return Err(Malformed);
        }
        text.push(symbol as u8);
        bits <<= length;
        held -= length;
    }
}

/// The symbol whose code these bits begin with, and its length.
fn symbol(bits: u32) -> Option<(u16, u32)> {
    for length in LENGTH_MIN..=LENGTH_MAX {
        let code = bits >> (32 - length);
        let at = length as usize;
        if code < CODE.end[at] {
            let place = usize::from(CODE.place[at]) + code.checked_sub(CODE.first[at])? as usize;
            return Some((CODE.symbols[place], length));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(text: &[u8]) -> Vec<u8> {
        let mut bits = String::new();
        for &byte in text {
            let length = usize::from(LENGTHS[usize::from(byte)]);
            let place = CODE.symbols.iter().position(|&symbol| symbol == u16::from(byte)).unwrap();
            let code = CODE.first[length] + (place - usize::from(CODE.place[length])) as u32;
            bits.push_str(&format!("{code:0length$b}"));
        }
        bits.push_str(&"1".repeat(bits.len().next_multiple_of(8) - bits.len()));
        bits.as_bytes()
            .chunks(8)
            .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
            .collect()
    }

    fn decoded(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut text = Vec::new();
        decode(bytes, &mut text).map(|()| text)
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        for (bytes, text) in [
            (
                &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff][..],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf], "custom-value"),
            (&[], ""),
        ] {
            assert_eq!(decoded(bytes).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        // The end itself; padding of a whole byte; padding that is not the end's.
        for bytes in [&[0xff, 0xff, 0xff, 0xff][..], &[0x1f, 0xff, 0xff], &[0x18]] {
            assert!(decoded(bytes).is_err(), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(decoded(&encode(&text)).unwrap(), text);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            _ = decoded(&bytes);
        }
    }
}
