//! The compression of header fields (RFC 7541). What comes is read with all that a client may do; what is sent
//! uses neither Huffman's code nor a table that changes, so that a block is the same bytes each time.

mod huffman;
mod table;

use super::fields::Fields;
use table::Table;

/// Bytes that a client's table may have: what it may expect without being told.
const TABLE_BYTES_MAX: usize = 4096;

/// Bytes that the decoder keeps to read names and values into. Longer ones are seldom.
const SCRATCH_BYTES: usize = 512;

/// A block that nothing can be made of. What comes after it can not be read either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads the blocks of a connection, in their order.
pub(super) struct Decoder {
    table: Table,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder { table: Table::new(TABLE_BYTES_MAX), name: Vec::new(), value: Vec::new() }
    }
}

impl Decoder {
    /// Reads a block's fields.
    pub(super) fn decode(&mut self, mut block: &[u8], fields: &mut Fields) -> Result<(), Malformed> {
        let mut may_resize = true;
        while let Some(&first) = block.first() {
            if first & 0xe0 == 0x20 {
                let size = integer(&mut block, 5)?;
                if !may_resize || size > TABLE_BYTES_MAX {
                    return Err(Malformed);
                }
                self.table.set_size_max(size);
                continue;
            }
            may_resize = false;
            if first & 0x80 != 0 {
                let (name, value) = self.table.get(integer(&mut block, 7)?).ok_or(Malformed)?;
                fields.push(name, value);
                continue;
            }
            let is_kept = first & 0x40 != 0;
            let number = integer(&mut block, if is_kept { 6 } else { 4 })?;
            self.name.clear();
            if number == 0 {
                string(&mut block, &mut self.name)?;
            } else {
                self.name.extend_from_slice(self.table.get(number).ok_or(Malformed)?.0);
            }
            self.value.clear();
            string(&mut block, &mut self.value)?;
            fields.push(&self.name, &self.value);
            if is_kept {
                self.table.insert(&self.name, &self.value);
            }
        }
        self.name.truncate(SCRATCH_BYTES);
        self.name.shrink_to(SCRATCH_BYTES);
        self.value.truncate(SCRATCH_BYTES);
        self.value.shrink_to(SCRATCH_BYTES);
        Ok(())
    }
}

/// Reads a number whose first bits are the last `prefix` ones of the next byte.
fn integer(block: &mut &[u8], prefix: u32) -> Result<usize, Malformed> {
    let mut next = || {
        let (&byte, rest) = block.split_first().ok_or(Malformed)?;
        *block = rest;
        Ok(byte)
    };
    let mask = (1u8 << prefix) - 1;
    let mut number = usize::from(next()? & mask);
    if number < usize::from(mask) {
        return Ok(number);
    }
    // Four more bytes are more than any length or number that is of use here.
    for shift in [0, 7, 14, 21] {
        let byte = next()?;
        number += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Malformed)
}

/// Reads a string and appends it to `text`.
fn string(block: &mut &[u8], text: &mut Vec<u8>) -> Result<(), Malformed> {
    let is_coded = block.first().ok_or(Malformed)? & 0x80 != 0;
    let length = integer(block, 7)?;
    let (bytes, rest) = block.split_at_checked(length).ok_or(Malformed)?;
    *block = rest;
    if is_coded {
        return huffman::decode(bytes, text);
    }
    text.extend_from_slice(bytes);
    Ok(())
}

/// Appends a number to a block, behind the bits of `kind`.
fn put_integer(number: usize, prefix: u32, kind: u8, block: &mut Vec<u8>) {
    let mask = (1usize << prefix) - 1;
    if number < mask {
        return block.push(kind | number as u8);
    }
    block.push(kind | mask as u8);
    let mut rest = number - mask;
    while rest >= 0x80 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

/// Appends a field to a block.
pub(crate) fn put_field(name: &[u8], value: &[u8], block: &mut Vec<u8>) {
    block.push(0);
    for text in [name, value] {
        put_integer(text.len(), 7, 0, block);
        block.extend_from_slice(text);
    }
}

/// Appends the status that a block of a response begins with.
pub(super) fn put_status(status: u16, block: &mut Vec<u8>) {
    if status == 200 {
        return block.push(0x88);
    }
    // The name is the eighth that everybody knows.
    block.push(0x08);
    put_integer(3, 7, 0, block);
    block.extend([100, 10, 1].map(|place| b'0' + (status / place % 10) as u8));
}

#[cfg(test)]
mod tests;
