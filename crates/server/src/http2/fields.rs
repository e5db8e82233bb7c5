//! The fields of a head, one after the other in one allocation.

use hyrax_types::limits::HTTP2_HEAD_BYTES_MAX;

/// What a field counts for beyond its bytes.
const FIELD_OVERHEAD: usize = 32;

/// Bytes of a usual head, and its fields.
const USUAL_BYTES: usize = 256;
const USUAL_FIELDS: usize = 16;

/// Names and values, in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    bytes: Vec<u8>,
    /// Where each name ends, and its value behind it.
    ends: Vec<(u32, u32)>,
    is_too_large: bool,
}

impl Fields {
    pub(super) fn with_usual_room() -> Fields {
        Fields {
            bytes: Vec::with_capacity(USUAL_BYTES),
            ends: Vec::with_capacity(USUAL_FIELDS),
            is_too_large: false,
        }
    }

    /// Appends a field, unless there are too many bytes by then.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        let size = self.bytes.len() + name.len() + value.len() + (self.ends.len() + 1) * FIELD_OVERHEAD;
        if size > HTTP2_HEAD_BYTES_MAX as usize {
            self.is_too_large = true;
            return;
        }
        self.bytes.extend_from_slice(name);
        let name_end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        self.ends.push((name_end, self.bytes.len() as u32));
    }

    /// Whether fields were left out, as there were too many bytes.
    pub(super) fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut begin = 0;
        self.ends.iter().map(move |&(name_end, end)| {
            let (name_end, end) = (name_end as usize, end as usize);
            let field = (&self.bytes[begin..name_end], &self.bytes[name_end..end]);
            begin = end;
            field
        })
    }
}
