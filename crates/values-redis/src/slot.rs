//! The slots of a Redis Cluster: which one a key is in, and a short name that lies in it.

use std::sync::LazyLock;

/// How many slots there are.
pub const SLOTS: u16 = 16_384;

/// The slot of a key: of what stands in its first braces, if anything does, else of all of it.
pub fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|&byte| byte == b'{').and_then(|open| {
        let after = &key[open + 1..];
        let close = after.iter().position(|&byte| byte == b'}')?;
        (close > 0).then(|| &after[..close])
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

/// A name that lies in a slot, without braces.
pub fn tag_of(slot: u16) -> &'static str {
    static TAGS: LazyLock<Vec<String>> = LazyLock::new(find_tags);
    &TAGS[usize::from(slot % SLOTS)]
}

/// The first number for each slot.
fn find_tags() -> Vec<String> {
    let mut tags = vec![String::new(); usize::from(SLOTS)];
    let mut missing = tags.len();
    for number in 0_u64.. {
        let text = number.to_string();
        let tag = &mut tags[usize::from(crc16(text.as_bytes()) % SLOTS)];
        if tag.is_empty() {
            *tag = text;
            missing -= 1;
        }
        if missing == 0 {
            break;
        }
    }
    tags
}

/// CRC-16/XMODEM, as Redis has it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, &byte| {
        let index = (crc >> 8) ^ u16::from(byte);
        (crc << 8) ^ CRC_TABLE[usize::from(index)]
    })
}

const CRC_TABLE: [u16; 256] = crc_table();

const fn crc_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (key, slot) in
            [("foo", 12182), ("{foo}bar", 12182), ("a{}b", slot_of(b"a{}b")), ("x{foo}{bar}", 12182)]
        {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
        assert_eq!(slot_of(b"{}foo"), crc16(b"{}foo") % SLOTS);
    }

    #[test]
    fn every_slot_has_a_name_that_lies_in_it() {
        for slot in 0..SLOTS {
            assert_eq!(slot_of(format!("any\0thing/{{{}}}rev", tag_of(slot)).as_bytes()), slot);
        }
    }
}
