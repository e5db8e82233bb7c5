//! Listpacks: strings and integers one after another, the form of Redis' small aggregates.

use super::read::Reader;
use crate::parse_integer;
use std::borrow::Cow;

/// Bytes before the first element: the size, and how many elements there are.
const HEAD_BYTES: usize = 6;

/// What follows the last element.
const END: u8 = 0xff;

/// The elements of a listpack, as text.
pub(super) fn elements(bytes: &[u8]) -> Option<Vec<Cow<'_, [u8]>>> {
    let size = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    if size != bytes.len() {
        return None;
    }
    let mut reader = Reader::new(bytes.get(HEAD_BYTES..)?);
    let mut elements = Vec::new();
    loop {
        let before = reader.left();
        let head = reader.byte()?;
        if head == END {
            return (reader.left() == 0).then_some(elements);
        }
        elements.push(element(head, &mut reader)?);
        // Its length stands behind it once more.
        let len = before - reader.left();
        reader.take(behind(len, &mut Vec::new()))?;
    }
}

fn element<'a>(head: u8, reader: &mut Reader<'a>) -> Option<Cow<'a, [u8]>> {
    let integer = |number: i64| Cow::Owned(number.to_string().into_bytes());
    let string = |reader: &mut Reader<'a>, len: usize| reader.take(len).map(Cow::Borrowed);
    Some(match head {
        ..0x80 => integer(i64::from(head)),
        0x80..0xc0 => string(reader, usize::from(head & 0x3f))?,
        // Thirteen bits with a sign.
        0xc0..0xe0 => integer(i64::from((u16::from_be_bytes([head, reader.byte()?]) << 3) as i16 >> 3)),
        0xe0..0xf0 => {
            let len = u16::from_be_bytes([head & 0x0f, reader.byte()?]);
            string(reader, usize::from(len))?
        }
        0xf0 => {
            let len = u32::from_le_bytes(reader.array()?);
            string(reader, len as usize)?
        }
        0xf1 => integer(i64::from(i16::from_le_bytes(reader.array()?))),
        0xf2 => {
            let [low, middle, high] = reader.array()?;
            integer(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8))
        }
        0xf3 => integer(i64::from(i32::from_le_bytes(reader.array()?))),
        0xf4 => integer(i64::from_le_bytes(reader.array()?)),
        _ => return None,
    })
}

/// Writes the length of an element as it stands behind it, the highest part first; how many bytes that takes.
fn behind(len: usize, to: &mut Vec<u8>) -> usize {
    let parts = match len {
        ..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    for part in (0..parts).rev() {
        let bits = (len >> (7 * part)) as u8 & 0x7f;
        // All but the first that is written, which is read last, say that another one follows.
        to.push(if part + 1 == parts { bits } else { bits | 0x80 });
    }
    parts
}

/// A listpack being written.
pub(super) struct Writer {
    bytes: Vec<u8>,
    elements: usize,
}

impl Writer {
    pub(super) fn new() -> Self {
        Writer { bytes: vec![0; HEAD_BYTES], elements: 0 }
    }

    /// Adds a string, or the integer that it is.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if let Some(number) = parse_integer(bytes) {
            return self.push_integer(number);
        }
        let start = self.bytes.len();
        match bytes.len() {
            len @ ..64 => self.bytes.push(0x80 | len as u8),
            len @ ..4096 => self.bytes.extend((0xe000 | len as u16).to_be_bytes()),
            len => {
                self.bytes.push(0xf0);
                self.bytes.extend((len as u32).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(bytes);
        self.end(start);
    }

    /// Adds an integer.
    pub(super) fn push_integer(&mut self, number: i64) {
        let start = self.bytes.len();
        match (u8::try_from(number), i16::try_from(number), i32::try_from(number)) {
            (Ok(small @ ..128), ..) => self.bytes.push(small),
            (_, Ok(small), _) => {
                self.bytes.push(0xf1);
                self.bytes.extend(small.to_le_bytes());
            }
            (_, _, Ok(small)) => {
                self.bytes.push(0xf3);
                self.bytes.extend(small.to_le_bytes());
            }
            _ => {
                self.bytes.push(0xf4);
                self.bytes.extend(number.to_le_bytes());
            }
        }
        self.end(start);
    }

    fn end(&mut self, start: usize) {
        behind(self.bytes.len() - start, &mut self.bytes);
        self.elements += 1;
    }

    /// The whole listpack.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let size = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&size.to_le_bytes());
        // Where the number does not fit, it has to be counted.
        let elements = u16::try_from(self.elements).unwrap_or(u16::MAX);
        self.bytes[4..HEAD_BYTES].copy_from_slice(&elements.to_le_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_read_back_as_they_were_written() {
        let numbers = [0, 127, 128, -1, 4095, -4096, 40_000, -40_000, 9_000_000, 1 << 40, i64::MAX, i64::MIN];
        let strings = [0, 1, 63, 64, 130, 4095, 4096, 20_000].map(|len| vec![b's'; len]);
        let mut writer = Writer::new();
        numbers.iter().for_each(|&number| writer.push_integer(number));
        strings.iter().for_each(|string| writer.push(string));
        let bytes = writer.finish();
        let expected = numbers.iter().map(|number| number.to_string().into_bytes()).chain(strings.clone());
        let read = elements(&bytes).expect("sound");
        assert!(read.iter().map(|element| element.to_vec()).eq(expected));
    }
}
